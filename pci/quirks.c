/* SPDX-License-Identifier: Apache-2.0 */
#include "quirks.h"
#include "scan.h"

enum condition {
	IF_ALWAYS,
	IF_TYPE, /* enum pcie_type */
	IF_SOUTHBRIDGE, /* one of several functions on a root bus */
	IF_HIDDEN, /* a bridge without PCI Express capability, below a link of PCI Express */
	IF_CLASS, /* as pci_class() gives it */
	IF_SUBSYSTEM, /* vendor << 16 | device */
	IF_REVISION,
};

struct quirk_row {
	u16 vendor;
	u16 first; /* device IDs, both inclusive */
	u16 last;
	u8 condition;
	u32 argument; /* what the condition compares with */
	u32 quirks;
};

/* Sorted by vendor and first device; made of quirks.txt. */
static const struct quirk_row rows[] = {
#include "quirk_rows.h"
};

/* Below anything of PCI Express but a bridge to conventional PCI. */
static bool below_link(const struct inventory *inventory, const struct pci_function *f) {
	u8 above = f->parent == NONE ? PCIE_NONE : inventory->functions[f->parent].pcie_type;

	return above != PCIE_NONE && above != PCIE_TO_PCI_BRIDGE;
}

static bool holds(const struct inventory *inventory, const struct pci_function *f,
		  const struct quirk_row *row) {
	switch (row->condition) {
	case IF_TYPE: return f->pcie_type == row->argument;
	case IF_SOUTHBRIDGE: return f->multifunction && f->parent == NONE;
	case IF_HIDDEN:
		return f->header_type == PCI_HEADER_BRIDGE && f->pcie_type == PCIE_NONE &&
		       below_link(inventory, f);
	case IF_CLASS: return pci_class(f) == row->argument;
	case IF_SUBSYSTEM:
		return ((u32)f->subsystem_vendor << 16 | f->subsystem_device) == row->argument;
	case IF_REVISION: return f->revision == row->argument;
	default: return true;
	}
}

void quirks_find(const struct inventory *inventory, struct pci_function *f) {
	f->quirks = 0;
	for (const struct quirk_row *row = rows; row < rows + ARRAY_SIZE(rows); row++)
		if (row->vendor == f->vendor && row->first <= f->device && f->device <= row->last &&
		    holds(inventory, f, row))
			f->quirks |= row->quirks;
}
