/* SPDX-License-Identifier: Apache-2.0 */
#include "survey.h"
#include "config.h"
#include "enumerate.h"
#include "reset.h"

#define WORDS_SIZE 512
#define TABLE_LEVELS_MOST 6
#define ADDRESS(address) pci_text((char[PCI_TEXT_SIZE]){0}, address)

static void print_group(const struct inventory *inventory, u32 index, struct text_sink *out) {
	const struct group *group = &inventory->groups[index];
	char words[WORDS_SIZE];

	text_print(out, "bulkhead: group %u:", index);
	for (u32 i = 0; i < group->member_count; i++)
		text_print(out, " %s", ADDRESS(inventory->functions[group->members[i]].address));
	text_print(out, "\n");
	for (u32 i = 0; i < group->reason_count; i++)
		text_print(out, "bulkhead: group %u: because %s\n", index,
			   group_reason_text(inventory, &group->reasons[i], words, sizeof(words)));
}

u32 survey_split(struct inventory *inventory, const struct group_trust *trusts, u32 trust_count,
		 u32 group, u32 *ports) {
	const struct group *g = &inventory->groups[group];
	u32 assignable = 0, count = 0;

	for (u32 i = 0; i < g->member_count; i++)
		assignable += pci_assignable(inventory, g->members[i]);
	if (assignable > 1)
		count = group_split(inventory, trusts, trust_count, group, ports, GROUP_SPLIT_MAX);
	for (u32 i = 0; i < count; i++)
		if (!pci_is_bridge(&inventory->functions[ports[i]]))
			return 0; /* a line that the file's rules refuse */
	return count;
}

static void print_split(struct inventory *inventory, const struct group_trust *trusts,
			u32 trust_count, u32 group, struct text_sink *out) {
	u32 ports[GROUP_SPLIT_MAX];
	u32 count = survey_split(inventory, trusts, trust_count, group, ports);

	if (count)
		text_print(out, "bulkhead: group %u: trust", group);
	for (u32 i = 0; i < count; i++)
		text_print(out, " %s", ADDRESS(inventory->functions[ports[i]].address));
	if (count)
		text_print(out, " would split it\n");
}

void survey_groups(struct inventory *inventory, const struct group_trust *trusts, u32 trust_count,
		   struct text_sink *out) {
	for (u32 i = 0; i < inventory->group_count; i++) {
		print_group(inventory, i, out);
		print_split(inventory, trusts, trust_count, i, out);
	}
}

void survey_brief(const struct inventory *inventory, const struct survey_facts *facts,
		  struct text_sink *out) {
	for (u32 i = 0; i < inventory->cpu_count; i++)
		text_print(out, "bulkhead: cpu %u: apic 0x%x %s\n", i, inventory->cpus[i].apic_id,
			   facts ? facts->processor : "unknown");
	for (u32 i = 0; i < inventory->unit_count; i++) {
		const struct unit_info *unit = &inventory->units[i];

		text_print(out, "bulkhead: unit %u: %s 0x%016lx segment 0x%04x\n", i,
			   unit->kind == IOMMU_VTD ? "vt-d" : "amd-vi", unit->base, unit->segment);
	}
	for (u32 i = 0; i < inventory->function_count; i++) {
		const struct pci_function *f = &inventory->functions[i];

		text_print(out, "bulkhead: function %s: %04x:%04x class 0x%06x group %u\n",
			   ADDRESS(f->address), f->vendor, f->device, f->class_code, f->group);
	}
	for (u32 i = 0; i < inventory->group_count; i++)
		print_group(inventory, i, out);
	for (u32 i = 0; i < min_u64(inventory->warning_count, INVENTORY_WARNINGS); i++)
		text_print(out, "bulkhead: warning: %s\n", inventory->warnings[i].text);
	if (inventory->warning_count > INVENTORY_WARNINGS)
		text_print(out, "bulkhead: warning: %u more\n",
			   inventory->warning_count - INVENTORY_WARNINGS);
}

const struct memory_range *survey_memory(const struct inventory *inventory, u64 *bytes) {
	const struct memory_range *largest = NULL;

	*bytes = 0;
	for (u32 i = 0; i < inventory->memory_count; i++) {
		const struct memory_range *r = &inventory->memory[i];

		if (r->kind != MEMORY_FREE)
			continue;
		*bytes += r->length;
		if (!largest || r->length > largest->length)
			largest = r;
	}
	return largest;
}

static void print_memory(const struct inventory *inventory, struct text_sink *out) {
	u64 bytes;
	const struct memory_range *largest = survey_memory(inventory, &bytes);

	if (largest)
		text_print(out,
			   "bulkhead: memory: %llu MiB free, the largest piece %llu MiB at 0x%lx\n",
			   bytes / MIB, largest->length / MIB, largest->base);
}

static void print_unit(const struct inventory *inventory, u32 index, const struct iommu *iommu,
		       struct text_sink *out) {
	static const char *const pages[] = {"?", "4 KiB", "2 MiB", "1 GiB"}; /* by level */
	u32 served = 0;

	for (u32 i = 0; i < inventory->function_count; i++)
		served += inventory->functions[i].unit == index;
	text_print(out, "bulkhead: unit %u: translates %u functions", index, served);
	if (iommu && index < iommu->unit_count) {
		const struct iommu_unit *unit = &iommu->units[index];

		text_print(out, ", pages up to %s, %scoherent walks%s, tables of levels",
			   pages[unit->leaf_level % ARRAY_SIZE(pages)],
			   unit->coherent ? "" : "non-", unit->x2apic ? ", x2apic" : "");
		for (u32 n = 1; n <= TABLE_LEVELS_MOST; n++)
			if (unit->levels & BIT(n))
				text_print(out, " %u", n);
	}
	text_print(out, "\n");
}

bool survey_obstacle(const struct inventory *inventory, u32 group, char *words, size_t size) {
	const struct group *g = &inventory->groups[group];
	size_t used = inventory->arena->used;
	struct diagnostics diagnostics;
	struct plan plan;
	u32 member = 0;
	char file[128];

	while (member < g->member_count && !pci_assignable(inventory, g->members[member]))
		member++;
	if (member == g->member_count)
		return false;
	/* The rules themselves are asked, by the smallest file that has this group. */
	text_format(file, sizeof(file),
		    "[partition x]\ncpus = 0\nmemory = 16M\nkernel = x\ngroup = %s\n",
		    ADDRESS(inventory->functions[g->members[member]].address));
	bool good = config_plan(file, strlen(file), inventory, NULL, inventory->arena, &plan,
				&diagnostics);

	text_format(words, size, "%s", good ? "" : diagnostics.entries[0].message);
	inventory->arena->used = used;
	return true;
}

/* What a partition would get, group by group. */
static void print_assignable(struct inventory *inventory, u32 index, struct text_sink *out) {
	const struct group *group = &inventory->groups[index];
	char words[WORDS_SIZE];

	if (!survey_obstacle(inventory, index, words, sizeof(words)))
		return;
	text_print(out, "bulkhead: group %u: %s%s\n", index,
		   *words ? "cannot be given away: " : "can be given away", words);
	print_split(inventory, NULL, 0, index, out);
	for (u32 i = 0; i < group->member_count; i++) {
		const struct pci_function *f = &inventory->functions[group->members[i]];

		if (pci_assignable(inventory, group->members[i]))
			text_print(
				out, "bulkhead: device %s: %s, reset %s, interrupts %s\n",
				ADDRESS(f->address), survey_kind(f),
				reset_method_name(pci_reset_method(inventory, group->members[i])),
				f->msix  ? "msi-x"
				: f->msi ? "msi"
					 : "by pin only, which a partition does not get");
	}
}

static void print_region(const struct inventory *inventory, const struct reserved_region *r,
			 struct text_sink *out) {
	text_print(out, "bulkhead: region 0x%016lx-0x%016lx: %s\n", r->base, r->limit,
		   r->function == NONE ? "every function of its segment"
				       : ADDRESS(inventory->functions[r->function].address));
}

static void print_missing(const struct inventory *inventory, const struct survey_facts *facts,
			  struct text_sink *out) {
	const char *parts[] = {
		facts ? facts->processor_fault : NULL,
		facts ? facts->iommu_fault : NULL,
		inventory->cpu_count != 1 ? NULL : "a second processor, to watch over faults",
		inventory->unit_count
			? NULL
			: "an IOMMU: firmware has no DMAR or IVRS table. A device could reach all memory, so none can "
			  "be given away; partitions without devices can run. Look for VT-d, AMD-Vi or IOMMU "
			  "in the firmware's setup",
		!inventory->unit_count || inventory->interrupt_remapping
			? NULL
			: "interrupt remapping: a device could send any interrupt to any processor, so none can be given "
			  "away. Look for interrupt remapping or x2APIC in the firmware's setup",
	};

	for (u32 i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i])
			text_print(out, "bulkhead: missing: %s\n", parts[i]);
}

void survey_print(struct inventory *inventory, const struct survey_facts *facts,
		  struct text_sink *out) {
	survey_brief(inventory, facts, out);
	print_memory(inventory, out);
	for (u32 i = 0; i < inventory->unit_count; i++)
		print_unit(inventory, i, facts ? facts->iommu : NULL, out);
	for (u32 i = 0; inventory->interrupt_remapping && i < inventory->group_count; i++)
		print_assignable(inventory, i, out);
	for (u32 i = 0; i < inventory->region_count; i++)
		print_region(inventory, &inventory->regions[i], out);
	print_missing(inventory, facts, out);
}
