/* SPDX-License-Identifier: Apache-2.0 */
#include "survey.h"
#include "reset.h"

#define WORDS_SIZE 512

static void print_addresses(const struct inventory *inventory, const u32 *functions, u32 count,
			    struct text_sink *out) {
	for (u32 i = 0; i < count; i++)
		text_print(out, " %s", ADDRESS(inventory->functions[functions[i]].address));
}

void survey_groups(struct inventory *inventory, const struct config_preview *trusted,
		   struct text_sink *out) {
	u32 ports[GROUP_SPLIT_MAX], count = 0;
	char words[WORDS_SIZE];

	for (u32 g = 0; g < inventory->group_count; g++) {
		const struct group *group = &inventory->groups[g];

		text_print(out, "bulkhead: group %u:", g);
		print_addresses(inventory, group->members, group->member_count, out);
		text_print(out, "\n");
		for (u32 i = 0; i < group->reason_count; i++)
			text_print(out, "bulkhead: group %u: because %s\n", g,
				   group_reason_text(inventory, &group->reasons[i], words,
						     sizeof(words)));
		if (trusted)
			count = group_split(inventory, trusted->trusts, trusted->trust_count, g,
					    ports);
		if (count) {
			text_print(out, "bulkhead: group %u: trust", g);
			print_addresses(inventory, ports, count, out);
			text_print(out, " would split it\n");
		}
	}
}

u64 survey_memory(const struct inventory *inventory, u64 *largest) {
	u64 bytes = 0;

	*largest = 0;
	for (u32 i = 0; i < inventory->memory_count; i++) {
		const struct memory_range *r = &inventory->memory[i];

		if (r->kind != MEMORY_FREE)
			continue;
		bytes += r->length;
		*largest = max_u64(*largest, r->length);
	}
	return bytes;
}

u32 survey_obstacle(const struct inventory *inventory, u32 group, char *words, size_t size) {
	const struct group *g = &inventory->groups[group];
	const struct pci_function *functions = inventory->functions;
	size_t used = inventory->arena->used;
	struct diagnostics diagnostics;
	struct plan plan;
	u32 best = NONE;
	char file[128];

	for (u32 i = 0; i < g->member_count; i++) {
		u32 f = g->members[i];

		if (pci_assignable(inventory, f) &&
		    (best == NONE || device_kind(&functions[f]) < device_kind(&functions[best])))
			best = f;
	}
	if (best == NONE)
		return NONE;
	/* The rules themselves are asked, by the smallest file that has this group. */
	text_format(file, sizeof(file),
		    "[partition x]\ncpus = 0\nmemory = 16M\nkernel = x\nno-reset = accept\n"
		    "group = %s\n",
		    ADDRESS(functions[best].address));
	bool good = config_plan(file, strlen(file), inventory, NULL, inventory->arena, &plan,
				&diagnostics);

	text_format(words, size, "%s", good ? "" : diagnostics.entries[0].message);
	inventory->arena->used = used;
	return best;
}

/* What a partition would get with a group. */
static void print_assignable(const struct inventory *inventory, u32 index, struct text_sink *out) {
	const struct group *group = &inventory->groups[index];
	char words[WORDS_SIZE];

	if (survey_obstacle(inventory, index, words, sizeof(words)) == NONE)
		return;
	text_print(out, "bulkhead: group %u: %s%s\n", index,
		   *words ? "cannot be given away: " : "can be given away", words);
	for (u32 i = 0; i < group->member_count; i++) {
		u32 member = group->members[i];
		const struct pci_function *f = &inventory->functions[member];

		if (pci_assignable(inventory, member))
			text_print(out, "bulkhead: device %s: %s, reset %s%s\n",
				   ADDRESS(f->address), device_kind(f)->name,
				   reset_method_name(pci_reset_method(inventory, member)),
				   f->msi || f->msix ? ""
						     : ", interrupts by pin only, which needs "
						       "an `intx` line");
	}
}

static void print_missing(const struct inventory *inventory, const struct survey_facts *facts,
			  struct text_sink *out) {
	const char *const parts[] = {
		facts->processor_fault,
		inventory->interrupt_remapping ? inventory->iommu_fault : NULL,
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

/* What nobody needs at every start. */
static void print_rest(const struct inventory *inventory, const struct survey_facts *facts,
		       struct text_sink *out) {
	u64 largest, bytes = survey_memory(inventory, &largest);

	text_print(out, "bulkhead: memory: %llu MiB free, the largest piece %llu MiB\n",
		   bytes / MIB, largest / MIB);
	for (u32 i = 0; inventory->interrupt_remapping && i < inventory->group_count; i++)
		print_assignable(inventory, i, out);
	for (u32 i = 0; i < inventory->region_count; i++) {
		const struct reserved_region *r = &inventory->regions[i];

		text_print(out, "bulkhead: region 0x%016lx-0x%016lx: ", r->base, r->limit);
		if (r->function == NONE)
			text_print(out, "whoever is on buses %04x:%02x-%02x\n", r->segment,
				   r->first >> 8, r->last >> 8);
		else
			text_print(out, "%s\n", ADDRESS(inventory->functions[r->function].address));
	}
	print_missing(inventory, facts, out);
}

void survey_print(struct inventory *inventory, const struct survey_facts *facts, bool whole,
		  struct text_sink *out) {
	static const struct config_preview nothing;

	for (u32 i = 0; i < inventory->cpu_count; i++)
		text_print(out, "bulkhead: cpu %u: apic 0x%x %s\n", i, inventory->cpus[i].apic_id,
			   facts->processor);
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
	survey_groups(inventory, whole ? &nothing : NULL, out);
	for (u32 i = 0; i < min_u64(inventory->warning_count, INVENTORY_WARNINGS); i++)
		text_print(out, "bulkhead: warning: %s\n", inventory->warnings[i].text);
	if (inventory->warning_count > INVENTORY_WARNINGS)
		text_print(out, "bulkhead: warning: %u more\n",
			   inventory->warning_count - INVENTORY_WARNINGS);
	if (whole)
		print_rest(inventory, facts, out);
}
