/* SPDX-License-Identifier: Apache-2.0 */
/* Any file: no crash, bounded work, errors in order, and whatever passes is a plan that keeps the laws. */
#include <stdlib.h>
#include <string.h>

#include "../../vmm/config_internal.h"

#define ARENA_BYTES (1 * MIB)
#define FUNCTIONS 6

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static bool find_image(const struct image_lookup *lookup, const char *name, u64 *bytes) {
	(void)lookup;
	*bytes = strlen(name) * MIB;
	return true;
}

static void demand(bool held) {
	if (!held)
		abort();
}

/* A port without ACS over 05:00.0 and 06:00.0, two single functions, a host bridge. */
static void make_inventory(struct inventory *inventory) {
	static const struct {
		u8 bus, devfn;
		u32 class_code, group;
	} made[FUNCTIONS] = {
		{0, 0x00, 0x060000, 0}, {0, 0xe4, 0x060400, 1}, {0, 0xfa, 0x010802, 2},
		{1, 0x00, 0x020000, 3}, {5, 0x00, 0x020000, 4}, {6, 0x00, 0x020000, 4},
	};
	static struct pci_function functions[FUNCTIONS];
	static u32 members[FUNCTIONS] = {0, 1, 2, 3, 4, 5};
	static struct group_reason reason = {GROUP_ACS_MISSING, 1, 4, 5};
	static struct group groups[] = {
		{&members[0], 1, NULL, 0}, {&members[1], 1, NULL, 0},    {&members[2], 1, NULL, 0},
		{&members[3], 1, NULL, 0}, {&members[4], 2, &reason, 1},
	};
	static struct cpu_info cpus[4];
	static struct memory_range memory[] = {{1 * MIB, 1 * GIB, MEMORY_FREE},
					       {4 * GIB, 2 * GIB + 4096, MEMORY_FREE}};
	static struct unit_info unit;

	for (u32 i = 0; i < FUNCTIONS; i++)
		functions[i] = (struct pci_function){
			.address = {0, made[i].bus, made[i].devfn},
			.vendor = 0x8086,
			.device = (u16)(0x1000 + i / 2),
			.class_code = made[i].class_code,
			.header_type = i == 1,
			.secondary_bus = i == 1 ? 5 : 0,
			.parent = i >= 4 ? 1 : NONE,
			.physical = NONE,
			.group = made[i].group,
			.table_alias = (u16)(made[i].bus << 8 | made[i].devfn),
		};
	*inventory = (struct inventory){
		.cpus = cpus,
		.cpu_count = ARRAY_SIZE(cpus),
		.memory = memory,
		.memory_count = ARRAY_SIZE(memory),
		.units = &unit,
		.unit_count = 1,
		.interrupt_remapping = true,
		.functions = functions,
		.function_count = FUNCTIONS,
		.groups = groups,
		.group_count = ARRAY_SIZE(groups),
	};
}

static void check_plan(const struct plan *plan, const struct inventory *inventory) {
	u32 cpus = 0, functions = 0;

	demand(plan->partition_count > 0 && plan->partition_count <= PARTITIONS_MAX);
	for (u32 i = 0; i < plan->partition_count; i++) {
		const struct partition_plan *p = &plan->partitions[i];

		demand(p->name[0] && p->kernel && p->cmdline && p->cpu_count > 0);
		demand(p->memory_base >= 2 * MIB && IS_ALIGNED(p->memory_base, MEMORY_UNIT));
		for (u32 j = 0; j < i; j++) {
			const struct partition_plan *q = &plan->partitions[j];

			demand(p->memory_base + p->memory_bytes <= q->memory_base ||
			       q->memory_base + q->memory_bytes <= p->memory_base);
			demand(strcmp(p->name, q->name) != 0);
		}
		for (u32 j = 0; j < p->cpu_count; j++) {
			demand(p->cpus[j] < inventory->cpu_count && !(cpus & BIT(p->cpus[j])));
			cpus |= (u32)BIT(p->cpus[j]);
		}
		u32 own = 0;

		for (u32 j = 0; j < p->function_count; j++) {
			demand(pci_assignable(inventory, p->functions[j]));
			own |= (u32)BIT(p->functions[j]);
		}
		demand(!(own & functions));
		functions |= own;
		demand((own >> 4 & 1) == (own >> 5 & 1)); /* the group is whole */
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
	static u8 memory[ARENA_BYTES];
	static char printed[1 << 20];
	/* The last byte chooses how much memory there is: mostly enough. */
	u8 choice = size ? data[size - 1] : 0;
	struct arena arena = {memory, choice < 0xf0 ? ARENA_BYTES : (size_t)choice << 7, 0};
	struct image_lookup lookup = {find_image, NULL};
	struct diagnostics diagnostics;
	struct text_buffer buffer;
	struct inventory inventory;
	struct config_preview preview;
	struct plan plan;

	make_inventory(&inventory);
	config_preview((const char *)data, size, &arena, &preview);
	arena.used = 0;
	bool good = config_plan((const char *)data, size, &inventory, &lookup, &arena, &plan,
				&diagnostics);

	demand(good == (diagnostics.count == 0));
	if (good)
		check_plan(&plan, &inventory);
	for (u32 i = 0; i < diagnostics.count; i++) {
		const struct diagnostic *d = &diagnostics.entries[i];

		demand(d->at.line > 0 && d->at.column > 0 && d->message && d->fix);
		demand(i == 0 || d[-1].at.line < d->at.line ||
		       (d[-1].at.line == d->at.line && d[-1].at.column <= d->at.column));
	}
	buffer = text_buffer(printed, sizeof(printed));
	diagnostics_print(&diagnostics, "f", "", &buffer.sink);
	return 0;
}
