/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the discussion that invented isolation groups asked of their derivation, by the rows of
 * docs/groups.md. Rows 1, 2, 7 and 32 are in test_groups_property.c, over random machines.
 */
#include "topology.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INTERRUPT_PIN 0x3d

/* The requester ID of another, one that nobody has, the bridge's: the IOMMU cannot tell them apart. */
static void r2_indistinguishable_requesters_are_together(void **state) {
	struct topology *t = topology_new();
	u32 named = 0;

	(void)state;
	topology_bridge(t, topology_add(t, "PB", 0, 30, 0), 1, 1);
	topology_endpoint(t, "X", PLAIN, 1, 0, 0);
	topology_endpoint(t, "Y", PLAIN, 1, 1, 0);
	topology_endpoint(t, "A", PLAIN, 0, 3, 0);
	topology_endpoint(t, "B", PLAIN, 0, 4, 0);
	topology_endpoint(t, "C", PLAIN, 0, 5, 0);
	topology_enumerate(t);
	t->inventory.functions[topology_find(t, "X")].table_alias = PCI_DEVFN(30, 0);
	t->inventory.functions[topology_find(t, "Y")].table_alias = PCI_DEVFN(30, 0);
	t->inventory.functions[topology_find(t, "A")].table_alias = PCI_DEVFN(4, 0);
	topology_expect(t, "PB,X,Y|A,B|C");
	assert_true(topology_has_reason(t, "A", GROUP_ALIAS, "A"));
	/* The bridge says it all: what firmware says of the same IDs is no further cause. */
	assert_true(topology_has_reason(t, "X", GROUP_BRIDGE, "PB"));
	assert_false(topology_has_reason(t, "X", GROUP_ALIAS, NULL));
	for (u32 g = 0; g < t->inventory.group_count; g++)
		named += t->inventory.groups[g].reason_count;
	assert_int_equal(named, 2);
	topology_free(t);
}

/* Isolated from the rest of the machine, and not from each other. */
static void r3_members_that_may_reach_each_other_are_together(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 4, true);
	topology_port(t, "USP", PCIE_UPSTREAM_PORT, 1, 0, 0, 2, 4, false);
	topology_port(t, "DSP1", PCIE_DOWNSTREAM_PORT, 2, 0, 0, 3, 3, true);
	topology_port(t, "DSP2", PCIE_DOWNSTREAM_PORT, 2, 1, 0, 4, 4, false);
	topology_endpoint(t, "A", EP, 3, 0, 0);
	topology_endpoint(t, "B", EP, 4, 0, 0);
	topology_endpoint(t, "C", EP, 4, 0, 1);
	topology_enumerate(t);
	topology_expect(t, "RP|USP|DSP1,DSP2,A,B,C");
	assert_true(topology_has_reason(t, "A", GROUP_SWITCH_PEERS, "DSP2"));
	assert_true(topology_has_reason(t, "A", GROUP_MULTIFUNCTION, "B"));
	topology_free(t);
}

/* Every cause, whether or not another holds the same functions: two need trust, and the words say so. */
static void r3_every_cause_is_named(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 4, false);
	topology_port(t, "USP", PCIE_UPSTREAM_PORT, 1, 0, 0, 2, 4, false);
	topology_port(t, "DSP1", PCIE_DOWNSTREAM_PORT, 2, 0, 0, 3, 3, false);
	topology_port(t, "DSP2", PCIE_DOWNSTREAM_PORT, 2, 1, 0, 4, 4, false);
	topology_endpoint(t, "A", EP, 3, 0, 0);
	topology_endpoint(t, "B", EP, 4, 0, 0);
	topology_endpoint(t, "C", EP, 4, 0, 1);
	topology_enumerate(t);
	topology_expect(t, "RP,USP,DSP1,DSP2,A,B,C");
	assert_true(topology_has_reason(t, "A", GROUP_ACS_MISSING, "RP"));
	assert_true(topology_has_reason(t, "A", GROUP_SWITCH_PEERS, "DSP1"));
	assert_true(topology_has_reason(t, "A", GROUP_SWITCH_PEERS, "DSP2"));
	assert_true(topology_has_reason(t, "A", GROUP_MULTIFUNCTION, "B"));
	assert_int_equal(t->inventory.groups[0].reason_count, 4);
	topology_free(t);
}

static void r4_a_group_lists_its_members(void **state) {
	struct topology *t = topology_new();
	const struct group *group;

	(void)state;
	topology_endpoint(t, "A", PLAIN, 0, 3, 0);
	topology_endpoint(t, "B", PLAIN, 0, 3, 1);
	topology_endpoint(t, "C", PLAIN, 0, 4, 0);
	topology_endpoint(t, "D", PLAIN, 0, 3, 7);
	topology_enumerate(t);
	topology_expect(t, "A,B,D|C");
	group = &t->inventory.groups[t->inventory.functions[topology_find(t, "D")].group];
	assert_int_equal(group->member_count, 3);
	assert_int_equal(group->members[0], topology_find(t, "A"));
	assert_int_equal(group->members[1], topology_find(t, "B"));
	assert_int_equal(group->members[2], topology_find(t, "D"));
	topology_free(t);
}

/*
 * A device of the ACPI namespace has a requester ID and no configuration space. It is no member, it
 * cannot be given away, and stays blocked; functions that send with its ID are one group.
 */
static void r5_an_id_without_a_function_ties_its_users(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_endpoint(t, "A", PLAIN, 0, 3, 0);
	topology_endpoint(t, "B", PLAIN, 0, 4, 0);
	topology_endpoint(t, "C", PLAIN, 0, 5, 0);
	topology_enumerate(t);
	t->inventory.functions[topology_find(t, "A")].table_alias = PCI_DEVFN(0x13, 1);
	t->inventory.functions[topology_find(t, "C")].table_alias = PCI_DEVFN(0x13, 1);
	topology_expect(t, "A,C|B");
	topology_free(t);
}

/* The pin is hidden from a guest, and a page of registers goes to one owner: neither has to tie. */
static void r6_a_shared_interrupt_line_and_page_tie_nobody(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_put(t, topology_endpoint(t, "A", PLAIN, 0, 3, 0), INTERRUPT_PIN, 1, 1);
	topology_put(t, topology_endpoint(t, "B", PLAIN, 0, 4, 0), INTERRUPT_PIN, 1, 1);
	topology_memory_bar(t, 0, 0, 0xfe000000, 0x100);
	topology_memory_bar(t, 1, 0, 0xfe000100, 0x100);
	topology_enumerate(t);
	topology_expect(t, "A|B");
	topology_free(t);
}

/* Memory that firmware wants two devices to reach is what the platform has them share. */
static void r6_shared_reserved_memory_ties(void **state) {
	struct topology *t = topology_new();
	struct reserved_region regions[] = {
		{.base = 0x1000, .limit = 0x1fff, .function = 0},
		{.base = 0x1000, .limit = 0x1fff, .function = 1},
		{.base = 0x3000, .limit = 0x3fff, .function = 2},
	};

	(void)state;
	topology_endpoint(t, "A", PLAIN, 0, 3, 0);
	topology_endpoint(t, "B", PLAIN, 0, 4, 0);
	topology_endpoint(t, "C", PLAIN, 0, 5, 0);
	topology_enumerate(t);
	t->inventory.regions = regions;
	t->inventory.region_count = ARRAY_SIZE(regions);
	topology_expect(t, "A,B|C");
	assert_true(topology_has_reason(t, "B", GROUP_RESERVED_MEMORY, NULL));
	topology_free(t);
}

/* A machine of two segments with the same addresses in each. */
static void two_segments(struct topology *t, struct pci_function *functions) {
	u32 count;

	topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 1, false);
	topology_endpoint(t, "A", EP, 1, 0, 0);
	topology_endpoint(t, "B", PLAIN, 0, 3, 0);
	topology_enumerate(t);
	count = t->inventory.function_count;
	for (u32 f = 0; f < 2 * count; f++) {
		functions[f] = t->inventory.functions[f % count];
		functions[f].address.segment = (u16)(f / count);
		if (functions[f].parent != NONE)
			functions[f].parent += f / count * count;
	}
	t->inventory.functions = functions;
	t->inventory.function_count = 2 * count;
}

/* Neither unit, nor its kind, nor the order of either has a say. */
static void r13_policy_is_not_the_iommu_drivers(void **state) {
	static struct unit_info units[] = {{.kind = IOMMU_VTD},
					   {.kind = IOMMU_AMDVI, .segment = 1}};
	struct pci_function functions[8];
	struct topology *t = topology_new();
	u32 groups[8];

	(void)state;
	two_segments(t, functions);
	assert_true(groups_derive(&t->inventory, NULL, 0));
	for (u32 f = 0; f < t->inventory.function_count; f++)
		groups[f] = functions[f].group;
	t->inventory.units = units;
	t->inventory.unit_count = ARRAY_SIZE(units);
	for (u32 f = 0; f < t->inventory.function_count; f++)
		functions[f].unit = f % 3 ? f % 2 : NONE;
	assert_true(groups_derive(&t->inventory, NULL, 0));
	for (u32 f = 0; f < t->inventory.function_count; f++)
		assert_int_equal(functions[f].group, groups[f]);
	topology_free(t);
}

static void r16_numbers_are_unique_over_units_and_segments(void **state) {
	struct pci_function functions[8];
	struct topology *t = topology_new();

	(void)state;
	two_segments(t, functions);
	for (u32 round = 0; round < 2; round++) {
		assert_true(groups_derive(&t->inventory, NULL, 0));
		assert_int_equal(t->inventory.group_count, 4);
		/* 00:01.0 with 01:00.0, 00:03.0; and the other segment's after these. */
		assert_int_equal(functions[0].group, 0);
		assert_int_equal(functions[1].group, 1);
		assert_int_equal(functions[2].group, 0);
		assert_int_equal(functions[3].group, 2);
		assert_int_equal(functions[4].group, 3);
		assert_int_equal(functions[5].group, 2);
	}
	topology_free(t);
}

/* The same requester ID in two segments is two requesters. */
static void r17_segments_and_units_do_not_mix(void **state) {
	struct pci_function functions[8];
	struct topology *t = topology_new();

	(void)state;
	two_segments(t, functions);
	functions[4].table_alias = PCI_DEVFN(7, 0);
	functions[1].table_alias = PCI_DEVFN(7, 0);
	assert_true(groups_derive(&t->inventory, NULL, 0));
	assert_int_equal(t->inventory.group_count, 4);
	expect_order_free(&t->inventory, NULL, 0);
	topology_free(t);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r2_indistinguishable_requesters_are_together),
		cmocka_unit_test(r3_members_that_may_reach_each_other_are_together),
		cmocka_unit_test(r3_every_cause_is_named),
		cmocka_unit_test(r4_a_group_lists_its_members),
		cmocka_unit_test(r5_an_id_without_a_function_ties_its_users),
		cmocka_unit_test(r6_a_shared_interrupt_line_and_page_tie_nobody),
		cmocka_unit_test(r6_shared_reserved_memory_ties),
		cmocka_unit_test(r13_policy_is_not_the_iommu_drivers),
		cmocka_unit_test(r16_numbers_are_unique_over_units_and_segments),
		cmocka_unit_test(r17_segments_and_units_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
