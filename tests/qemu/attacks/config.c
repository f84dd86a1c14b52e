/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration space, by both ways to it: what is written must not reach registers that are not the
 * guest's to set. The test compares the devices' own registers with what they were.
 */
#include "attacks.h"

#define CONFIG_BYTES 4096u
#define PORTS_BYTES 256u
#define DEVFN_STEP 8u
#define LAST_BUS 16u
#define CAP_PM 1u
#define CAP_MSI 5u
#define CAP_PCIE 0x10u
#define CAP_MSIX 0x11u
#define HEADER_BRIDGE_FIRST 0x18u
#define HEADER_BRIDGE_LAST 0x3cu
#define BARS 6u
#define BAR_64BIT 4u
#define REACHABLE (512 * GIB)
#define INTERRUPT_RANGE 0xfee00000u
#define IOAPIC 0xfec00000u
#define FLASH 0xfffff000u

struct device {
	uint32_t devfn, bars[BARS];
};
static struct device devices[31];
static uint32_t device_count;

static uint64_t slot(uint64_t ecam, uint32_t devfn) {
	return ecam + ((uint64_t)devfn << 12);
}

static void collect(void) {
	device_count = 0;
	for (uint32_t devfn = DEVFN_STEP; devfn < 256; devfn += DEVFN_STEP) {
		struct device *d = &devices[device_count];

		if (pci_read(0, devfn, 0) == UINT32_MAX)
			continue;
		d->devfn = devfn;
		for (uint32_t i = 0; i < BARS; i++)
			d->bars[i] = pci_read(0, devfn, PCI_BAR0 + 4 * i);
		device_count++;
	}
}

/* Nothing but the own functions may answer. On buses that no machine here has, the ends of each are enough. */
static void look_around(uint64_t ecam) {
	for (uint32_t bus = 0; bus < 256; bus++) {
		for (uint32_t devfn = 0; devfn < 256; devfn += bus ? DEVFN_STEP : 1) {
			bool own = !bus && !(devfn % DEVFN_STEP);

			if (own || (bus > LAST_BUS && devfn && devfn != 256 - DEVFN_STEP))
				continue;
			pci_write(bus, devfn, PCI_COMMAND, 0);
			pci_write(bus, devfn, HEADER_BRIDGE_FIRST, UINT32_MAX);
			bool silent = pci_read(bus, devfn, 0) == UINT32_MAX;

			tried(silent, !silent);
		}
	}
	for (uint32_t bus = 1; bus < 256; bus++) {
		uint64_t at = ecam + ((uint64_t)bus << 20);

		mmio_write32(at + PCI_COMMAND, 0);
		mmio_write32(at + HEADER_BRIDGE_FIRST, UINT32_MAX);
		bool silent = mmio_read32(at) == UINT32_MAX;

		tried(silent, !silent);
	}
}

/* Every byte of the first BYTES with every walking one, then all widths with patterns; the first pattern everywhere. */
static void write_everything(uint64_t ecam, uint32_t devfn, uint32_t bytes) {
	static const uint32_t patterns[] = {UINT32_MAX, 0, 0x55555555, 0xaaaaaaaa, 0x12345678};
	uint64_t at = slot(ecam, devfn);

	/* What is not PCI Express has nothing behind the first part: patterns are enough there. */
	uint32_t walked = pci_capability(devfn, CAP_PCIE) ? bytes : PORTS_BYTES;

	for (uint32_t offset = 0; offset < walked; offset++) {
		for (uint32_t bit = 0; bit < 8; bit++)
			*(volatile uint8_t *)(at + offset) = (uint8_t)(1u << bit);
		tried(true, false);
	}
	for (uint32_t p = 0; p < sizeof(patterns) / sizeof(*patterns); p++) {
		for (uint32_t offset = 0; offset < PORTS_BYTES; offset += 4)
			pci_write(0, devfn, offset, patterns[p]);
		for (uint32_t offset = 0; offset < (p ? bytes : CONFIG_BYTES); offset += 4) {
			mmio_write32(at + offset, patterns[p]);
			*(volatile uint16_t *)(at + offset + 2) = (uint16_t)patterns[p];
			tried(true, false);
		}
		/* An access of eight bytes, and some that are not aligned. */
		mmio_write64(at + PCI_BAR0, patterns[p] | (uint64_t)patterns[p] << 32);
		mmio_write32(at + PCI_COMMAND + 2, patterns[p]);
		mmio_write32(at + CONFIG_BYTES - 2, patterns[p]);
	}
}

/* As after a reset, and its BARs where they were. */
static void restore(const struct device *d) {
	uint32_t pm = pci_capability(d->devfn, CAP_PM), msi = pci_capability(d->devfn, CAP_MSI);
	uint32_t msix = pci_capability(d->devfn, CAP_MSIX);

	pci_write(0, d->devfn, PCI_COMMAND, 0);
	if (pm)
		pci_write(0, d->devfn, pm + 4, 0);
	if (msi)
		pci_write(0, d->devfn, msi, 0);
	if (msix)
		pci_write(0, d->devfn, msix, 0);
	for (uint32_t i = 0; i < BARS; i++)
		pci_write(0, d->devfn, PCI_BAR0 + 4 * i, d->bars[i]);
	pci_write(0, d->devfn, PCI_COMMAND, PCI_COMMAND_MEMORY);
}

static void move(const struct device *d, uint32_t bar, uint64_t to) {
	pci_write(0, d->devfn, PCI_BAR0 + 4 * bar, (uint32_t)to);
	if (d->bars[bar] & BAR_64BIT)
		pci_write(0, d->devfn, PCI_BAR0 + 4 * bar + 4, (uint32_t)(to >> 32));
}

/* Over RAM it must not hide what is there; elsewhere it may answer, and must not hurt anybody. */
static void move_over(const struct device *d, uint32_t bar, uint64_t to, uint64_t ram_end) {
	volatile uint64_t *ram = (volatile uint64_t *)(ram_end - 2 * MIB);

	*ram = MARK + to;
	move(d, bar, to);
	/* Bus mastering off and on while it is there. */
	bus_master(d->devfn);
	if (to >= ram_end && to < REACHABLE) {
		mmio_write32(to, UINT32_MAX);
		mmio_read32(to);
	}
	bool kept = *ram == MARK + to;

	tried(kept, !kept);
	*ram = 0;
}

static void move_bars(const struct device *d, uint64_t ecam, uint64_t ram_end) {
	const uint64_t places[] = {
		0,          0xa0000,      0xe0000,      MIB,           ram_end - 2 * MIB,
		ram_end,    4 * GIB,      64 * MIB,     1 * GIB,       INTERRUPT_RANGE,
		IOAPIC,     FLASH,        ecam,         ecam + 0x8000, 0xfed80000,
		0xfed90000, 0x7ffffff000, 0xfffffff000, 0xffffffff000, UINT64_MAX};

	for (uint32_t bar = 0; bar < BARS; bar++) {
		if (!(d->bars[bar] & ~0xfu))
			continue;
		for (uint32_t i = 0; i < sizeof(places) / sizeof(*places); i++)
			move_over(d, bar, places[i], ram_end);
		/* Over every other device's, and over its own. */
		for (uint32_t i = 0; i < device_count; i++)
			for (uint32_t other = 0; other < BARS; other++)
				if (devices[i].bars[other] & ~0xfu)
					move_over(d, bar, devices[i].bars[other] & ~0xfu, ram_end);
		move(d, bar,
		     (d->bars[bar] & ~0xfu) |
			     (d->bars[bar] & BAR_64BIT ? (uint64_t)d->bars[bar + 1] << 32 : 0));
		bar += d->bars[bar] & BAR_64BIT ? 1 : 0;
	}
}

static bool is_as_before(const struct device *d) {
	for (uint32_t i = 0; i < BARS; i++)
		if (pci_read(0, d->devfn, PCI_BAR0 + 4 * i) != d->bars[i])
			return false;
	return true;
}

void attack_configuration(uint64_t ram_end, uint32_t bytes) {
	uint64_t ecam = pci_ecam();

	collect();
	look_around(ecam);
	for (uint32_t i = 0; i < device_count; i++) {
		const struct device *d = &devices[i];

		/* The mailbox must be there for the answer; its registers are attacked like all others. */
		move_bars(d, ecam, ram_end);
		restore(d);
		write_everything(ecam, d->devfn, bytes);
		restore(d);
		control(is_as_before(d));
	}
}
