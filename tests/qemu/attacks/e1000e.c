/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel 82574L: receiving only. The test sends frames without a pause, so that this device writes and
 * interrupts at moments that no processor here chooses. Registers: 82574 datasheet, chapter 10.
 */
#include "attacks.h"

#define VENDOR 0x8086
#define DEVICE 0x10d3
#define CAP_MSIX 0x11u
#define MSIX_ENABLE (1u << 31)

enum {
	REG_CONTROL = 0x0000,
	REG_EXTENDED_CONTROL = 0x0018,
	REG_CAUSE = 0x00c0,
	REG_MASK_SET = 0x00d0,
	REG_MASK_CLEAR = 0x00d8,
	REG_VECTORS = 0x00e4,
	REG_RECEIVE_CONTROL = 0x0100,
	REG_RING = 0x2800,
	REG_RING_HIGH = 0x2804,
	REG_RING_BYTES = 0x2808,
	REG_HEAD = 0x2810,
	REG_TAIL = 0x2818,
};
#define CONTROL_LINK_UP (1u << 6)
#define CONTROL_RESET (1u << 26)
#define RECEIVE_ON (1u << 1 | 1u << 3 | 1u << 4 | 1u << 15) /* enabled, everything, broadcast */
#define QUEUE_0_VECTOR 8u /* valid, MSI-X entry 0 */
#define CAUSE_QUEUE_0 (1u << 20)
#define MESSAGES 0xfee00000ull

#define FRAMES 4096u
#define FRAME_BYTES 2048u
#define WAIT_MS 5000u

static struct { uint64_t address, state; } volatile ring[FRAMES] __attribute__((aligned(4096)));
static uint64_t frames[2][FRAME_BYTES / 8] __attribute__((aligned(4096)));
static uint64_t registers;
static uint32_t devfn;

static void interrupts_on(void) {
	uint32_t capability = pci_capability(devfn, CAP_MSIX);
	uint32_t where = pci_read(0, devfn, capability + 4);
	uint64_t table = pci_bar(devfn, where & 7) + (where & ~7u);

	mmio_write32(table, (uint32_t)MESSAGES | apic_id() << 12);
	mmio_write32(table + 4, 0);
	mmio_write32(table + 8, FRAME_VECTOR);
	mmio_write32(table + 12, 0);
	pci_write(0, devfn, capability, MSIX_ENABLE);
	mmio_write32(registers + REG_VECTORS, QUEUE_0_VECTOR);
	mmio_write32(registers + REG_MASK_SET, CAUSE_QUEUE_0);
}

void e1000e_receive(uint64_t address, bool each_to_its_own) {
	devfn = pci_find(VENDOR, DEVICE);
	if (!devfn)
		return; /* not every machine has one */
	bus_master(devfn);
	registers = pci_bar(devfn, 0);
	mmio_write32(registers + REG_CONTROL, CONTROL_RESET);
	pause_ms(20);
	mmio_write32(registers + REG_CONTROL, CONTROL_LINK_UP);
	for (uint32_t i = 0; i < FRAMES; i++) {
		ring[i].address = address + (each_to_its_own ? i % 2 * FRAME_BYTES
							     : (uint64_t)i * FRAME_BYTES);
		ring[i].state = 0;
	}
	interrupts_on();
	mmio_write32(registers + REG_RING, (uint32_t)(uint64_t)ring);
	mmio_write32(registers + REG_RING_HIGH, 0);
	mmio_write32(registers + REG_RING_BYTES, sizeof(ring));
	mmio_write32(registers + REG_HEAD, 0);
	mmio_write32(registers + REG_RECEIVE_CONTROL, RECEIVE_ON);
	mmio_write32(registers + REG_TAIL, FRAMES - 1);
}

bool e1000e_works(void) {
	uint64_t before = interrupt_counts[FRAME_VECTOR];

	e1000e_receive((uint64_t)frames, true);
	if (!devfn)
		return true;
	for (uint32_t i = 0; i < WAIT_MS; i++) {
		mmio_write32(registers + REG_CAUSE, UINT32_MAX);
		/* Behind two addresses and a type. */
		if (frames[0][2] == MARK_FRAME && interrupt_counts[FRAME_VECTOR] > before)
			return true;
		pause_ms(1);
	}
	print("guest: no frame, head %u, first word %x, interrupts %u",
	      (uint64_t)mmio_read32(registers + REG_HEAD), frames[0][2],
	      interrupt_counts[FRAME_VECTOR]);
	return false;
}
