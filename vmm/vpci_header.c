/* SPDX-License-Identifier: Apache-2.0 */
/* The first 64 bytes of configuration space, and where BARs are in guest memory. PCI 3.0, section 6.2. */
#include "vpci_internal.h"

/* Nothing is mapped above; the processor's own window and the IO-APIC's are never given away. */
#define GUEST_ADDRESS_LIMIT BIT(46)
#define INTERRUPT_WINDOW_BASE 0xfec00000ull
#define INTERRUPT_WINDOW_END 0xfef00000ull
#define BAR_SIZE_MIN 16
#define PORTS_SIZE_MIN 4
/* Below are the machine's own, and those of virtual devices. */
#define PORTS_FIRST 0x1000
#define PORTS_END 0x10000

#define COMMAND_GUEST (PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER | PCI_COMMAND_INTX_DISABLE)
#define COMMAND_FIRMWARE (BIT(6) | BIT(8)) /* how errors are reported */
/* Nor is it ready at once after a reset, whatever it says. */
#define STATUS_HIDDEN (PCI_STATUS_READY_AT_ONCE | PCI_STATUS_INTX | PCI_STATUS_CAPABILITIES)
#define INTERRUPT_LINE 0xffu
#define INTERRUPT_PIN 0xff00u

/* Handler of the command register and of BARs. */
static void header_write(const struct vpci_access *access) {
	if (access->reg->value != access->old)
		vpci_follow(access->f);
}

/* What is not named here comes from the device and cannot be written. */
static const struct vpci_register header[PCI_CAPABILITY_FIRST / 4] = {
	[PCI_VENDOR_ID / 4] = {.hidden = ALL_BITS},
	[PCI_COMMAND / 4] = {.hidden = UPPER(STATUS_HIDDEN) | 0xffff,
			     .writable = COMMAND_GUEST,
			     .write = header_write},
	/* a single function without self test */
	[PCI_HEADER_TYPE / 4] = {.hidden = UPPER(0xffff)},
	[PCI_BAR0 / 4 ... PCI_BAR0 / 4 + PCI_BARS - 1] = {.hidden = ALL_BITS},
	[PCI_BAR0 / 4 + PCI_BARS] = {.hidden = ALL_BITS},
	[PCI_ROM / 4] = {.hidden = ALL_BITS},
	[PCI_CAPABILITIES / 4] = {.hidden = ALL_BITS},
	[PCI_CAPABILITIES / 4 + 1] = {.hidden = ALL_BITS},
	/* no pin, unless the file tells where it leads to */
	[PCI_INTERRUPT_LINE / 4] = {.hidden = INTERRUPT_PIN,
				    .writable = INTERRUPT_LINE,
				    .initial = INTERRUPT_LINE},
};

/* What the firmware did not place is not shown. */
static bool is_shown(const struct pci_bar *bar, bool last) {
	if (!bar->base || bar->size < (bar->io ? PORTS_SIZE_MIN : BAR_SIZE_MIN) ||
	    bar->size & (bar->size - 1) || !IS_ALIGNED(bar->base, bar->size))
		return false;
	if (bar->io)
		return bar->base >= PORTS_FIRST && bar->base < PORTS_END;
	return bar->is_64bit ? !last : bar->base < 4 * GIB && bar->size <= 4 * GIB - bar->base;
}

static void bar_init(struct vpci_function *f, u32 index) {
	const struct pci_bar *from = &f->info->bars[index];
	struct vpci_register *reg = &f->registers[PCI_BAR0 / 4 + index];
	u64 writable = ~(from->size - 1);

	if (from->io) /* its ports are the guest's, at their place: whatever it writes, they stay there */
		f->registers[PCI_COMMAND / 4].writable |= PCI_COMMAND_IO;
	else
		f->bars[index] = (struct vpci_bar){.guest = from->base,
						   .host = from->base,
						   .size = from->size,
						   .hole = from->size,
						   .hole_end = from->size};
	reg->writable = (u32)writable;
	reg->initial = (u32)from->base | (from->is_64bit ? PCI_BAR_TYPE_64BIT : 0) |
		       (from->prefetchable ? PCI_BAR_PREFETCHABLE : 0) |
		       (from->io ? PCI_BAR_IO : 0);
	reg->write = header_write;
	if (from->is_64bit)
		reg[1] = (struct vpci_register){ALL_BITS, writable >> 32, from->base >> 32,
						.write = header_write};
}

void vpci_show_pin(struct vpci_function *f, u32 gsi) {
	f->gsi = gsi;
	f->registers[PCI_INTERRUPT_LINE / 4].initial |= (1 + gsi % VIRTUAL_PCI_PINS) << 8;
	f->registers[PCI_COMMAND / 4].hidden &= ~UPPER(PCI_STATUS_INTX);
}

bool vpci_has_ports(const struct vpci_function *f, u32 bar) {
	return f->info->bars[bar].io && f->registers[PCI_BAR0 / 4 + bar].initial & PCI_BAR_IO;
}

void vpci_header_init(struct vpci_function *f) {
	const struct pci_function *info = f->info;

	for (u32 i = 0; i < ARRAY_SIZE(header); i++)
		f->registers[i] = header[i];
	/* a virtual function's own register reads as ones */
	f->registers[PCI_VENDOR_ID / 4].initial = info->vendor | UPPER(info->device);
	for (u32 i = 0; i < PCI_BARS; i++) {
		if (is_shown(&info->bars[i], i + 1 == PCI_BARS))
			bar_init(f, i);
		i += info->bars[i].is_64bit;
	}
}

static u64 bar_address(const struct vpci_function *f, u32 index) {
	const struct vpci_register *reg = &f->registers[PCI_BAR0 / 4 + index];
	u64 high = f->info->bars[index].is_64bit ? reg[1].value : 0;

	return (reg->value & PCI_BAR_MEMORY_MASK) | high << 32;
}

static bool overlap(u64 a, u64 a_end, u64 b, u64 b_end) {
	return a < b_end && b < a_end;
}

/* The guest has this BAR at an address where it may answer. */
static bool decodes(const struct vpci_function *f, const struct vpci_bar *bar) {
	u64 end = bar->guest + bar->size, ecam = f->vpci->ecam_base;

	return bar->size && vpci_command(f) & PCI_COMMAND_MEMORY && bar->guest &&
	       bar->guest < GUEST_ADDRESS_LIMIT && end <= GUEST_ADDRESS_LIMIT &&
	       !overlap(bar->guest, end, INTERRUPT_WINDOW_BASE, INTERRUPT_WINDOW_END) &&
	       !overlap(bar->guest, end, ecam, ecam + VPCI_ECAM_SIZE);
}

bool vpci_is_trapped(const struct vpci_function *f, u32 bar) {
	return f->bars[bar].size &&
	       (f->bars[bar].size < PAGE_SIZE || f->bars[bar].hole < f->bars[bar].size);
}

/* The pages before and behind the hole, both or none. */
static void map(struct vpci *vpci, struct vpci_bar *bar) {
	bool before = vpci_map(vpci, bar->guest, bar->host, bar->hole);

	if (before && vpci_map(vpci, bar->guest + bar->hole_end, bar->host + bar->hole_end,
			       bar->size - bar->hole_end))
		bar->mapped_at = bar->guest;
	else if (before)
		vpci_unmap(vpci, bar->guest, bar->hole);
}

static void unmap(struct vpci *vpci, struct vpci_bar *bar) {
	vpci_unmap(vpci, bar->mapped_at, bar->hole);
	vpci_unmap(vpci, bar->mapped_at + bar->hole_end, bar->size - bar->hole_end);
	bar->mapped_at = 0;
}

/*
 * Takes away the mappings that are not right any more; then, if MAY_MAP, makes those that lack and
 * have room: of BARs that overlap, the one that was there first stays. What else lies in a small
 * one's page may be somebody else's.
 */
static void update_mappings(struct vpci *vpci, bool may_map) {
	for (u32 i = 0; i < vpci->function_count * PCI_BARS; i++) {
		struct vpci_function *f = &vpci->functions[i / PCI_BARS];
		struct vpci_bar *bar = &f->bars[i % PCI_BARS];
		bool wanted = bar->size >= PAGE_SIZE && decodes(f, bar);

		if (bar->mapped_at && !(wanted && bar->mapped_at == bar->guest))
			unmap(vpci, bar);
		else if (may_map && wanted && !bar->mapped_at)
			map(vpci, bar);
	}
}

void vpci_follow(struct vpci_function *f) {
	u32 command = vpci_command(f);
	u32 passed = command & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER);
	u32 kept = vpci_device_read(f, PCI_COMMAND, 2) & COMMAND_FIRMWARE;
	bool silent = f->gsi == NONE || !passed || command & PCI_COMMAND_INTX_DISABLE;

	for (u32 i = 0; i < PCI_BARS; i++)
		f->bars[i].guest = f->bars[i].size ? bar_address(f, i) : 0;
	/* The guest must not reach registers that do not answer. */
	update_mappings(f->vpci, false);
	vpci_device_write(f, PCI_COMMAND, 2,
			  kept | (silent ? PCI_COMMAND_INTX_DISABLE : 0) | passed);
	update_mappings(f->vpci, true);
	vpci_interrupts_update(f);
}

struct vpci_function *vpci_bar_find(struct vpci *vpci, u64 guest, u32 *index, u64 *offset) {
	for (u32 i = 0; i < vpci->function_count * PCI_BARS; i++) {
		struct vpci_function *f = &vpci->functions[i / PCI_BARS];
		const struct vpci_bar *bar = &f->bars[i % PCI_BARS];

		*index = i % PCI_BARS;
		*offset = guest - bar->guest;
		if (*offset < bar->size && decodes(f, bar))
			return f;
	}
	return NULL;
}
