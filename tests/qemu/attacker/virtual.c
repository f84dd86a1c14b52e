/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual function that needs no driver for its physical function: a network device of VIRTIO 1.2
 * (sections 2.7, 4.1 and 5.1). It sends one frame, and then one from an address that is not the guest's.
 */
#include "guest.h"

#define VIRTIO_VENDOR 0x1af4
#define VIRTIO_NETWORK 0x1041
#define CAP_VENDOR 0x09u
#define CAP_MSIX 0x11u
#define CAPABILITIES 0x34u
#define MSIX_ENABLE (1u << 31)
#define MSI_ADDRESS 0xfee00000u
#define VECTOR 0x51u

enum { CAP_COMMON = 1, CAP_NOTIFY = 2 };
enum {
	DRIVER_FEATURE_SELECT = 0x08,
	DRIVER_FEATURE = 0x0c,
	DEVICE_STATUS = 0x14,
	QUEUE_SELECT = 0x16,
	QUEUE_SIZE = 0x18,
	QUEUE_VECTOR = 0x1a,
	QUEUE_ENABLE = 0x1c,
	QUEUE_NOTIFY_OFFSET = 0x1e,
	QUEUE_DESCRIPTORS = 0x20,
	QUEUE_DRIVER = 0x28,
	QUEUE_DEVICE = 0x30,
};
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u
#define FEATURES_HIGH 3u /* bit 32: version 1; bit 33: memory as the IOMMU shows it */

#define SEND_QUEUE 1
#define ENTRIES 8u
#define FRAME_BYTES 72u /* a header of 12, and the smallest frame */

static struct {
	struct {
		uint64_t address;
		uint32_t bytes;
		uint16_t flags, next;
	} descriptors[ENTRIES];
	struct {
		uint16_t flags, index, ring[ENTRIES];
	} driver;
	struct {
		uint16_t flags, index;
		struct {
			uint32_t id, bytes;
		} ring[ENTRIES];
	} device;
	uint8_t frame[FRAME_BYTES];
} volatile queue __attribute__((aligned(4096)));

struct function {
	uint32_t devfn;
	uint64_t common, notify, multiplier;
};

static uint16_t read16(uint64_t address) {
	return *(volatile uint16_t *)address;
}

static void write16(uint64_t address, uint16_t value) {
	*(volatile uint16_t *)address = value;
}

static uint8_t status(const struct function *f, uint8_t value) {
	*(volatile uint8_t *)(f->common + DEVICE_STATUS) = value;
	return *(volatile uint8_t *)(f->common + DEVICE_STATUS);
}

static bool find(struct function *f, uint32_t device) {
	f->devfn = device << 3;
	if (pci_read(0, f->devfn, 0) != (VIRTIO_VENDOR | VIRTIO_NETWORK << 16))
		return false;
	pci_write(0, f->devfn, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER);
	for (uint32_t at = pci_read(0, f->devfn, CAPABILITIES) & 0xfc, hops = 0; at && hops < 48;
	     at = pci_read(0, f->devfn, at) >> 8 & 0xfc, hops++) {
		uint32_t head = pci_read(0, f->devfn, at);
		uint64_t place;

		if ((head & 0xff) != CAP_VENDOR)
			continue;
		place = pci_bar(f->devfn, pci_read(0, f->devfn, at + 4) & 0xff) +
			pci_read(0, f->devfn, at + 8);
		if (head >> 24 == CAP_COMMON)
			f->common = place;
		if (head >> 24 == CAP_NOTIFY) {
			f->notify = place;
			f->multiplier = pci_read(0, f->devfn, at + 16);
		}
	}
	map_high(f->common);
	return f->common && f->notify;
}

static void interrupts_on(const struct function *f) {
	uint32_t msix = pci_capability(f->devfn, CAP_MSIX);
	uint32_t place = pci_read(0, f->devfn, msix + 4);
	uint64_t table = pci_bar(f->devfn, place & 7) + (place & ~7u);

	mmio_write32(table, MSI_ADDRESS | apic_id() << 12);
	mmio_write32(table + 4, 0);
	mmio_write32(table + 8, VECTOR);
	mmio_write32(table + 12, 0);
	pci_write(0, f->devfn, msix, MSIX_ENABLE);
}

static bool start(const struct function *f) {
	uint8_t state = STATUS_ACKNOWLEDGE | STATUS_DRIVER;

	status(f, 0);
	status(f, state);
	mmio_write32(f->common + DRIVER_FEATURE_SELECT, 1);
	mmio_write32(f->common + DRIVER_FEATURE, FEATURES_HIGH);
	state |= STATUS_FEATURES_OK;
	if (!(status(f, state) & STATUS_FEATURES_OK))
		return false;
	write16(f->common + QUEUE_SELECT, SEND_QUEUE);
	write16(f->common + QUEUE_SIZE, ENTRIES);
	write16(f->common + QUEUE_VECTOR, 0);
	mmio_write32(f->common + QUEUE_DESCRIPTORS, (uint32_t)(uint64_t)queue.descriptors);
	mmio_write32(f->common + QUEUE_DRIVER, (uint32_t)(uint64_t)&queue.driver);
	mmio_write32(f->common + QUEUE_DEVICE, (uint32_t)(uint64_t)&queue.device);
	write16(f->common + QUEUE_ENABLE, 1);
	return status(f, state | STATUS_DRIVER_OK) & STATUS_DRIVER_OK;
}

/* False: the device did not take it. */
static bool send(const struct function *f, uint64_t address) {
	uint16_t slot = queue.driver.index % ENTRIES, before = queue.device.index;

	queue.descriptors[slot].address = address;
	queue.descriptors[slot].bytes = FRAME_BYTES;
	queue.driver.ring[slot] = slot;
	queue.driver.index++;
	write16(f->notify + read16(f->common + QUEUE_NOTIFY_OFFSET) * f->multiplier, SEND_QUEUE);
	for (uint32_t i = 0; i < 5000 && queue.device.index == before; i++)
		pause_ms(1);
	return queue.device.index != before;
}

void use_virtual_function(uint32_t device, uint64_t ram_end) {
	struct function f = {0};
	bool sent;

	if (!find(&f, device)) {
		print("guest: its virtual function is not there");
		return;
	}
	print("guest: virtual function at %x, command %x, registers at %x", (uint64_t)f.devfn,
	      (uint64_t)pci_read(0, f.devfn, PCI_COMMAND) & 0xffff, f.common);
	interrupts_on(&f);
	if (!start(&f)) {
		print("guest: virtual function does not start");
		return;
	}
	sent = send(&f, (uint64_t)queue.frame);
	for (uint32_t i = 0; i < 5000 && !interrupt_counts[VECTOR]; i++)
		pause_ms(1);
	print("guest: virtual function %s, interrupts %u", sent ? "sent" : "did not send",
	      interrupt_counts[VECTOR]);
	send(&f, ram_end + 256 * MIB);
	print("guest: virtual function has been told to read beyond");
	pause_ms(1000); /* so that the fault is seen before the end */
}
