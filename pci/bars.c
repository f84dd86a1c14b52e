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

static void bar_read(const struct pci_access *access, const struct pci_function *f, u32 offset,
		     struct pci_bar *bar, bool size) {
	u32 raw = config_read(access, f->address, offset, 4);
	u64 bits = raw & PCI_BAR_IO ? PCI_BAR_IO_MASK : BITS(63, 32) | PCI_BAR_MEMORY_MASK;
	u64 base = 0, mask = 0;

	bar->io = raw & PCI_BAR_IO;
	bar->is_64bit = !bar->io && (raw & PCI_BAR_TYPE_MASK) == PCI_BAR_TYPE_64BIT;
	bar->prefetchable = !bar->io && raw & PCI_BAR_PREFETCHABLE;
	for (u32 half = 0; half <= bar->is_64bit; half++) {
		u32 at = offset + 4 * half;

		base |= (u64)config_read(access, f->address, at, 4) << 32 * half;
		if (size)
			mask |= (u64)probe(access, f, at, ~0u) << 32 * half;
	}
	mask &= bits;
	bar->base = base & bits;
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

void bars_read_at(struct inventory *inventory, const struct pci_access *access,
		  const struct pci_function *f, u32 offset, u32 count, struct pci_bar *bars,
		  u32 control, u32 decode) {
	u32 before = config_read(access, f->address, control, 2);
	bool size = access->write && may_size(f);

	if (size)
		config_write(access, f->address, control, 2, before & ~decode);
	for (u32 i = 0; i < count; i++) {
		struct pci_bar *bar = &bars[i];

		bar_read(access, f, offset + 4 * i, bar, size);
		if (!bar->is_64bit || ++i < count)
			continue;
		inventory_warn(inventory, "%s: BAR %u claims 64 bits, but is the last one",
			       ADDRESS(f->address), i - 1);
		*bar = (struct pci_bar){0};
	}
	if (size)
		config_write(access, f->address, control, 2, before);
}

void bars_read(struct inventory *inventory, const struct pci_access *access,
	       struct pci_function *f) {
	bool bridge = f->header_type == PCI_HEADER_BRIDGE;
	u32 rom_offset = bridge ? PCI_BRIDGE_ROM : PCI_ROM;
	struct pci_bar *rom = &f->bars[PCI_BAR_ROM];

	if (f->header_type > PCI_HEADER_BRIDGE)
		return;
	bars_read_at(inventory, access, f, PCI_BAR0, bridge ? 2 : PCI_BARS, f->bars, PCI_COMMAND,
		     PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	rom->base = config_read(access, f->address, rom_offset, 4) & PCI_ROM_MASK;
	if (!access->write || !may_size(f))
		return;
	rom->size = probe(access, f, rom_offset, PCI_ROM_MASK); /* that leaves it switched off */
	rom->size &= -rom->size;
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
			     command | PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
				     PCI_COMMAND_BUS_MASTER);
	}
}
