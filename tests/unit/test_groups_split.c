/* SPDX-License-Identifier: Apache-2.0 */
/* Which trust would split a group. */
#include "topology.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The group of MEMBER needs trust in EXPECTED ("DSP1,DSP2"; "" for none that helps). */
static void expect_split(struct topology *t, const struct group_trust *trusts, u32 trust_count,
			 const char *member, const char *expected) {
	u32 ports[GROUP_SPLIT_MAX], group, count;
	char found[256] = "";
	size_t used;

	assert_true(groups_derive(&t->inventory, trusts, trust_count));
	used = t->arena.used;
	group = t->inventory.functions[topology_find(t, member)].group;
	count = group_split(&t->inventory, trusts, trust_count, group, ports, GROUP_SPLIT_MAX);
	for (u32 i = 0; i < count; i++)
		for (u32 k = 0; k < t->count; k++)
			if (topology_find(t, t->functions[k].name) == ports[i]) {
				strcat(found, *found ? "," : "");
				strcat(found, t->functions[k].name);
			}
	assert_string_equal(found, expected);
	assert_int_equal(t->arena.used, used);
	assert_int_equal(t->inventory.functions[topology_find(t, member)].group, group);
}

static struct topology *a_switch(bool root_acs, u32 ports, u32 with_acs) {
	static const char *const port_names[] = {"DSP0", "DSP1", "DSP2", "DSP3"};
	static const char *const names[] = {"A", "B", "C", "D"};
	struct topology *t = topology_new();

	topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 6, root_acs);
	topology_port(t, "USP", PCIE_UPSTREAM_PORT, 1, 0, 0, 2, 6, false);
	for (u8 i = 0; i < ports; i++) {
		topology_port(t, port_names[i], PCIE_DOWNSTREAM_PORT, 2, i, 0, i + 3, i + 3,
			      with_acs >> i & 1);
		topology_endpoint(t, names[i], PCIE_ENDPOINT, i + 3, 0, 0);
	}
	topology_enumerate(t);
	return t;
}

static void every_port_without_acs_is_needed(void **state) {
	const struct group_trust trust = {{0, 2, PCI_DEVFN(1, 0)}, "lab"};
	struct topology *t = a_switch(true, 4, 1 << 2);

	(void)state;
	expect_split(t, NULL, 0, "A", "DSP0,DSP1,DSP3");
	expect_split(t, &trust, 1, "A", "DSP0,DSP3");
	topology_free(t);
	t = a_switch(false, 2, 3);
	expect_split(t, NULL, 0, "A", "RP");
	topology_free(t);
}

static void nothing_splits_a_conventional_bus(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_bridge(t, topology_add(t, "PB", 0, 30, 0), 1, 1);
	topology_endpoint(t, "X", PCIE_NONE, 1, 0, 0);
	topology_endpoint(t, "Y", PCIE_NONE, 1, 1, 0);
	topology_endpoint(t, "Z", PCIE_NONE, 0, 3, 0);
	topology_enumerate(t);
	expect_split(t, NULL, 0, "X", "");
	expect_split(t, NULL, 0, "Z", "");
	topology_free(t);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_port_without_acs_is_needed),
		cmocka_unit_test(nothing_splits_a_conventional_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
