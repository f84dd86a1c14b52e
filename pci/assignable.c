/* SPDX-License-Identifier: Apache-2.0 */
#include "quirks.h"
#include "scan.h"

const char *pci_refusal(const struct inventory *inventory, u32 function) {
	const struct pci_function *f = &inventory->functions[function];
	struct pci_address aliases[GROUP_ALIASES + 1];
	u16 class = pci_class(f);

	if (pci_is_bridge(f) || pci_is_ioapic(f) || class == PCI_CLASS_HOST_BRIDGE ||
	    class == PCI_CLASS_ISA_BRIDGE || class == PCI_CLASS_IOMMU)
		return "is a bridge, or stays with the hypervisor";
	/* The devices behind it send with its requester ID, and nobody else can see, block or reset them. */
	if (f->quirks & QUIRK_PRIVATE_DOMAIN)
		return "hides devices behind itself (switch VMD off in the firmware's setup)";
	if (f->cxl_cache || f->quirks & QUIRK_COHERENT)
		return "may reach memory by host addresses, which no IOMMU translates (CXL.cache)";
	/* More requester IDs than anybody keeps track of: part of its requests would stay blocked. */
	if (pci_dma_aliases(inventory, function, aliases, ARRAY_SIZE(aliases)) > GROUP_ALIASES)
		return "sends with more requester IDs than are kept track of";
	return NULL;
}
