/* SPDX-License-Identifier: Apache-2.0 */
#include "scan.h"

/* What a register answers when ONES are written to it: its address mask. */
static u32 probe(const struct pci_access *access, const struct pci_function *f, u32 offset,
		 u32 ones) {
	u32 before = config_read(access, f->address, offset, 4);

	config_write(access, f->address, offset, 4, ones);
	u32 mask = config_read(access, f->address, offset, 4) & ones;
	config_write(access, f->address, offset, 4, before);
	return mask;
}

static void bar_read(const struct pci_access *access, struct pci_function *f, u32 index,
		     bool size) {
	u32 offset = PCI_BAR0 + 4 * index;
	u32 raw = config_read(access, f->address, offset, 4);
	u32 bits = raw & PCI_BAR_IO ? PCI_BAR_IO_MASK : PCI_BAR_MEMORY_MASK;
	struct pci_bar *bar = &f->bars[index];

	bar->io = raw & PCI_BAR_IO;
	bar->base = raw & bits;
	if (!bar->io) {
		bar->is_64bit = (raw & PCI_BAR_TYPE_MASK) == PCI_BAR_TYPE_64BIT;
		bar->prefetchable = raw & PCI_BAR_PREFETCHABLE;
	}
	if (bar->is_64bit)
		bar->base |= (u64)config_read(access, f->address, offset + 4, 4) << 32;
	if (!size)
		return;
	u64 mask = probe(access, f, offset, ~0u) & bits;

	if (bar->is_64bit)
		mask |= (u64)probe(access, f, offset + 4, ~0u) << 32;
	bar->size = mask & -mask; /* the lowest bit that can be set */
}

/*
 * Host bridges, IO-APICs and IOMMUs are in use while we look, and some machines hang when their
 * decoding goes off.
 */
static bool may_size(const struct pci_function *f) {
	u16 class = pci_class(f);

	return !pci_is_ioapic(f) && class != PCI_CLASS_HOST_BRIDGE && class != PCI_CLASS_IOMMU;
}

void bars_read(struct inventory *inventory, const struct pci_access *access, struct pci_function *f,
	       bool size) {
	bool bridge = f->header_type == PCI_HEADER_BRIDGE;
	u32 count = bridge ? 2 : PCI_BARS;
	u32 rom_offset = bridge ? PCI_BRIDGE_ROM : PCI_ROM;
	u32 command = config_read(access, f->address, PCI_COMMAND, 2);
	struct pci_bar *rom = &f->bars[PCI_BAR_ROM];
	char text[PCI_TEXT_SIZE];

	if (f->header_type > PCI_HEADER_BRIDGE)
		return;
	size = size && access->write && may_size(f);
	if (size)
		config_write(access, f->address, PCI_COMMAND, 2,
			     command & ~(u32)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	for (u32 i = 0; i < count; i++) {
		struct pci_bar *bar = &f->bars[i];

		bar_read(access, f, i, size);
		if (!bar->is_64bit || ++i < count)
			continue;
		inventory_warn(inventory, "%s: BAR %u claims 64 bits, but is the last one",
			       pci_text(text, f->address), i - 1);
		*bar = (struct pci_bar){0};
	}
	rom->base = config_read(access, f->address, rom_offset, 4) & PCI_ROM_MASK;
	if (!size)
		return;
	rom->size = probe(access, f, rom_offset, PCI_ROM_MASK);
	rom->size &= -rom->size;
	config_write(access, f->address, PCI_COMMAND, 2, command);
}

void pci_open_path(const struct inventory *inventory, u32 function,
		   const struct pci_access *access) {
	const struct pci_function *f = &inventory->functions[function];

	while (f->parent != NONE) {
		f = &inventory->functions[f->parent];
		if (!pci_is_bridge(f))
			continue;
		u32 command = config_read(access, f->address, PCI_COMMAND, 2);

		config_write(access, f->address, PCI_COMMAND, 2,
			     command | PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER);
	}
}
