/* SPDX-License-Identifier: Apache-2.0 */
#include "quirks.h"
#include "scan.h"

struct alias_list {
	struct pci_address *aliases;
	u32 count;
	u32 limit;
};

static void add(struct alias_list *list, u16 segment, u32 requester_id) {
	struct pci_address address = {segment, (u8)(requester_id >> 8), (u8)requester_id};

	for (u32 i = 0; i < list->count; i++)
		if (pci_key(list->aliases[i]) == pci_key(address))
			return;
	if (list->count < list->limit)
		list->aliases[list->count++] = address;
}

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

static void add_own(struct alias_list *list, const struct pci_function *f) {
	u16 ids[DMA_ALIASES_OWN];
	u32 count = pci_own_aliases(f, ids);

	for (u32 i = 0; i < count; i++)
		add(list, f->address.segment, ids[i]);
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

/* Collects what the IDs become on the way to the root. Returns what interrupt messages have there. */
static u16 walk(const struct inventory *inventory, u32 function, struct alias_list *list) {
	const struct pci_function *f = &inventory->functions[function];
	u16 requester_id = f->table_alias;

	add_own(list, f);
	while (f->parent != NONE) {
		f = &inventory->functions[f->parent];
		if (!pci_is_bridge(f))
			add_own(list, f); /* a controller that sends for its own bus */
		else if (pci_bridge_alias(f, &requester_id))
			add(list, f->address.segment, requester_id);
	}
	return requester_id;
}

u32 pci_dma_aliases(const struct inventory *inventory, u32 function, struct pci_address *aliases,
		    u32 limit) {
	struct alias_list list = {.aliases = aliases, .limit = limit};

	walk(inventory, function, &list);
	return list.count;
}

u16 pci_interrupt_requester(const struct inventory *inventory, u32 function) {
	struct alias_list none = {.limit = 0};

	return walk(inventory, function, &none);
}
