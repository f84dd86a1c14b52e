/* SPDX-License-Identifier: Apache-2.0 */
#include "enumerate.h"
#include "firmware.h"
#include "machine.h"

#define REASON_SIZE 256

static void report_units(const struct inventory *inventory) {
	for (u32 i = 0; i < inventory->unit_count; i++) {
		const struct unit_info *unit = &inventory->units[i];

		say("unit %u: %s 0x%016llx segment 0x%04x", i,
		    unit->kind == IOMMU_VTD ? "vt-d" : "amd-vi", (unsigned long long)unit->base,
		    unit->segment);
	}
}

static void report_group(const struct inventory *inventory, u32 index) {
	const struct group *group = &inventory->groups[index];
	char address[PCI_TEXT_SIZE], reason[REASON_SIZE];

	text_print(&console, "bulkhead: group %u:", index);
	for (u32 i = 0; i < group->member_count; i++)
		text_print(&console, " %s",
			   pci_text(address, inventory->functions[group->members[i]].address));
	text_print(&console, "\n");
	for (u32 i = 0; i < group->reason_count; i++)
		say("group %u: because %s", index,
		    group_reason_text(inventory, &group->reasons[i], reason, sizeof(reason)));
}

void report_inventory(const struct inventory *inventory, const char *processor_kind) {
	char address[PCI_TEXT_SIZE];

	for (u32 i = 0; i < inventory->cpu_count; i++)
		say("cpu %u: apic 0x%x %s", i, inventory->cpus[i].apic_id, processor_kind);
	report_units(inventory);
	for (u32 i = 0; i < inventory->function_count; i++) {
		const struct pci_function *f = &inventory->functions[i];

		say("function %s: %04x:%04x class 0x%06x group %u", pci_text(address, f->address),
		    f->vendor, f->device, f->class_code, f->group);
	}
	for (u32 i = 0; i < inventory->group_count; i++)
		report_group(inventory, i);
	for (u32 i = 0; i < min_u64(inventory->warning_count, INVENTORY_WARNINGS); i++)
		say("warning: %s", inventory->warnings[i].text);
	if (inventory->warning_count > INVENTORY_WARNINGS)
		say("warning: %u more", inventory->warning_count - INVENTORY_WARNINGS);
}
