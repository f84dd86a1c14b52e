/* SPDX-License-Identifier: Apache-2.0 */
#include "scan.h"

bool pci_assignable(const struct inventory *inventory, u32 function) {
	const struct pci_function *f = &inventory->functions[function];
	struct pci_address aliases[GROUP_ALIASES + 1];
	u16 class = pci_class(f);

	if (pci_is_bridge(f) || pci_is_ioapic(f) || class == PCI_CLASS_HOST_BRIDGE ||
	    class == PCI_CLASS_ISA_BRIDGE || class == PCI_CLASS_IOMMU)
		return false;
	/*
	 * A virtual function has no BARs of its own to size: where its registers are is told by its
	 * physical function only, so a guest would get a device without registers.
	 */
	if (f->physical != NONE)
		return false;
	/* More requester IDs than anybody keeps track of: part of its requests would stay blocked. */
	return pci_dma_aliases(inventory, function, aliases, ARRAY_SIZE(aliases)) <= GROUP_ALIASES;
}
