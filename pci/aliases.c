/* SPDX-License-Identifier: Apache-2.0 */
#include "quirks.h"
#include "scan.h"

/* Does a function of these quirks send as DEVFN of its bus? */
static bool sends_as(u32 known, u32 own, u32 devfn) {
	bool sibling = devfn / 8 == own / 8;

	return (known & QUIRK_ALIAS_BUS) || ((known & QUIRK_ALIAS_FIVE_EACH) && devfn % 8 < 5) ||
	       ((known & QUIRK_ALIAS_FUNCTION_0) && sibling && devfn % 8 == 0) ||
	       ((known & QUIRK_ALIAS_FUNCTION_1) && sibling && devfn % 8 == 1) ||
	       ((known & QUIRK_ALIAS_DEVICE_1) && devfn == PCI_DEVFN(1, 0)) ||
	       ((known & QUIRK_ALIAS_PHI_CARD) &&
		(devfn == PCI_DEVFN(0x10, 0) || devfn == PCI_DEVFN(0x11, 0) ||
		 devfn == PCI_DEVFN(0x12, 3)));
}

u32 pci_own_aliases(const struct pci_function *f, u16 *ids) {
	u32 own = pci_requester_id(f->address);
	u32 bus = (u32)f->address.bus << 8;
	u32 known = f->quirks;
	u32 count = 0;

	ids[count++] = (u16)own;
	ids[count++] = f->table_alias;
	for (u32 devfn = 0; (known & QUIRK_ALIASES) && devfn < 256; devfn++)
		if (sends_as(known, f->address.devfn, devfn))
			ids[count++] = (u16)(bus | devfn);
	if (!f->phantom_functions)
		return count;
	/* The upper bits of the function number serve as a tag. */
	u32 borrowed =
		f->device_capabilities >> PCIE_DEVICE_PHANTOM_SHIFT & PCIE_DEVICE_PHANTOM_MASK;
	for (u32 tag = 1; tag < 1u << borrowed; tag++)
		ids[count++] = (u16)(own | tag << (3 - borrowed));
	return count;
}

bool pci_bridge_alias(const struct pci_function *bridge, u16 *requester_id) {
	u8 type = bridge->pcie_type;
	bool names_bus = type == PCIE_TO_PCI_BRIDGE || bridge->quirks & QUIRK_HIDDEN_PCIE_BRIDGE;

	if (pcie_link_type(type) || type == PCIE_UPSTREAM_PORT ||
	    (type == PCIE_TO_PCI_BRIDGE && bridge->quirks & QUIRK_KEEPS_IDS))
		return false;
	*requester_id =
		names_bus ? (u16)(bridge->secondary_bus << 8) : pci_requester_id(bridge->address);
	return true;
}

static bool is_among(const struct pci_address *aliases, u32 count, u16 requester_id) {
	while (count > 0 && pci_requester_id(aliases[count - 1]) != requester_id)
		count--;
	return count > 0;
}

u32 pci_dma_aliases(const struct inventory *inventory, u32 function, struct pci_address *aliases,
		    u32 limit) {
	const struct pci_function *functions = inventory->functions;
	u16 ids[DMA_ALIASES_OWN];
	u32 count = 0;

	/* Its own (or those of a controller that sends for its bus), and what bridges make of them. */
	for (u32 f = function; f != NONE; f = functions[f].parent) {
		const struct pci_function *at = &functions[f];
		u32 found = f != function && pci_is_bridge(at) ? pci_bridge_alias(at, ids)
							       : pci_own_aliases(at, ids);

		for (u32 i = 0; i < found && count < limit; i++)
			if (!is_among(aliases, count, ids[i]))
				aliases[count++] = (struct pci_address){
					at->address.segment, (u8)(ids[i] >> 8), (u8)ids[i]};
	}
	return count;
}

u16 pci_interrupt_requester(const struct inventory *inventory, u32 function) {
	const struct pci_function *f = &inventory->functions[function];
	u16 requester_id = f->table_alias;

	while (f->parent != NONE) {
		f = &inventory->functions[f->parent];
		if (pci_is_bridge(f))
			pci_bridge_alias(f, &requester_id); /* the topmost one decides */
	}
	return requester_id;
}
