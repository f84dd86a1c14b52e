/* SPDX-License-Identifier: Apache-2.0 */
#include "groups.h"
#include <stdio.h>
#include <string.h>

static const char *port_kind(const struct pci_function *f) {
	switch (f->pcie_type) {
	case PCIE_ROOT_PORT: return "root port";
	case PCIE_UPSTREAM_PORT: return "switch upstream port";
	case PCIE_DOWNSTREAM_PORT: return "switch downstream port";
	case PCIE_TO_PCI_BRIDGE: return "PCIe-to-PCI bridge";
	case PCI_TO_PCIE_BRIDGE: return "PCI-to-PCIe bridge";
	case PCIE_RC_EVENT_COLLECTOR: return "event collector";
	default: return pci_is_bridge(f) ? "PCI bridge" : NULL;
	}
}

void function_words(const struct inventory *inventory, u32 function, struct libpci_names *names,
		    struct function_words *words) {
	const struct pci_function *f = &inventory->functions[function];
	const char *kind = port_kind(f);
	char text[sizeof(words->name)];
	const char *name = libpci_device(names, f->vendor, f->device, text, sizeof(text));
	bool port = f->pcie_type == PCIE_ROOT_PORT || f->pcie_type == PCIE_DOWNSTREAM_PORT;

	snprintf(words->name, sizeof(words->name), "%04x:%04x%s%s", f->vendor, f->device,
		 name ? " " : "", name ? name : "");
	if (!kind)
		kind = libpci_class(names, pci_class(f), text, sizeof(text));
	if (kind)
		snprintf(words->kind, sizeof(words->kind), "%.*s%s", (int)strcspn(kind, "["), kind,
			 f->physical != NONE ? " (virtual)" : "");
	else
		snprintf(words->kind, sizeof(words->kind), "class 0x%06x", f->class_code);
	words->open = port && !acs_isolates(f);
	words->isolation = !port                                     ? ""
			   : !words->open                            ? "isolates"
			   : machine_acs_unseen(inventory, function) ? "ACS unseen"
			   : f->acs                                  ? "ACS incomplete"
								     : "no ACS";
}

void groups_summary(const struct inventory *inventory, char *text, size_t size) {
	u32 alone = 0, assignable = 0, with_assignable = 0;

	for (u32 g = 0; g < inventory->group_count; g++) {
		const struct group *group = &inventory->groups[g];
		u32 before = assignable;

		alone += group->member_count == 1;
		for (u32 i = 0; i < group->member_count; i++)
			assignable += pci_assignable(inventory, group->members[i]);
		with_assignable += assignable > before;
	}
	snprintf(text, size,
		 "%u functions in %u groups, %u of them alone; %u functions in %u groups can be "
		 "given to a partition",
		 inventory->function_count, inventory->group_count, alone, assignable,
		 with_assignable);
}
