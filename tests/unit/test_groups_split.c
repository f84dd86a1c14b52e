/* SPDX-License-Identifier: Apache-2.0 */
/* Which trust would split a group. */
#include "../../tools/dump.h"
#include "topology.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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
	count = group_split(&t->inventory, trusts, trust_count, group, ports);
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

/* --- a real board: two switches in one, three of whose ports lack ACS --- */

#define X570 "../shared/corpus/pci/full/pci-full-731e91e004"
#define X570_ARENA (4 * MIB)
#define LINUX_GROUPS 31

static const struct group_trust failing_ports[] = {
	{{0, 2, PCI_DEVFN(8, 0)}, "tested"},
	{{0, 2, PCI_DEVFN(9, 0)}, "tested"},
	{{0, 2, PCI_DEVFN(10, 0)}, "tested"},
};

static bool is_failing(const struct inventory *inventory, u32 f) {
	for (u32 i = 0; i < ARRAY_SIZE(failing_ports); i++)
		if (pci_key(inventory->functions[f].address) == pci_key(failing_ports[i].port))
			return true;
	return false;
}

/* The blame for the group of the switch: each port once, and nobody else's. */
static void expect_three_ports_blamed(const struct inventory *inventory,
				      const struct group *group) {
	u32 blamed = 0;

	for (u32 i = 0; i < group->reason_count; i++) {
		const struct group_reason *r = &group->reasons[i];

		if (r->rule == GROUP_MULTIFUNCTION)
			continue; /* 07:00.0, .1 and .3, below one of them */
		assert_int_equal(r->rule, GROUP_SWITCH_PEERS);
		assert_true(is_failing(inventory, r->at));
		blamed++;
	}
	assert_int_equal(blamed, ARRAY_SIZE(failing_ports));
}

/* Each of Linux's groups is one of ours, to the last member. Returns the number of them. */
static u32 expect_groups_of_linux(const struct inventory *inventory, FILE *file) {
	u32 groups = 0, members = 0;
	char line[4096];

	for (; fgets(line, sizeof(line), file); groups++) {
		u32 group = NONE;

		for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
			unsigned int s, b, d, n;

			assert_int_equal(sscanf(word, "%x:%x:%x.%x", &s, &b, &d, &n), 4);
			struct pci_address a = {(u16)s, (u8)b, PCI_DEVFN(d, n)};
			u32 f = inventory_find(inventory, a);

			assert_int_not_equal(f, NONE);
			if (group == NONE) {
				group = inventory->functions[f].group;
				members = inventory->groups[group].member_count;
			}
			assert_int_equal(inventory->functions[f].group, group);
			members--;
		}
		assert_int_equal(members, 0);
	}
	return groups;
}

static void x570_needs_trust_in_three_ports(void **state) {
	FILE *file = fopen(X570 ".groups.txt", "r");
	struct arena arena = {.base = malloc(X570_ARENA), .size = X570_ARENA};
	struct inventory inventory = {.arena = &arena};
	u32 ports[GROUP_SPLIT_MAX], group, alone;
	struct pci_address below = {0, 9, 0};
	char error[128] = "";
	struct dump dump;

	(void)state;
	if (!file) {
		free(arena.base);
		print_message("SKIPPED: no corpus beside the repository\n");
		skip();
	}
	assert_non_null(arena.base);
	assert_true(dump_read(&dump, X570 ".lspci.txt", error, sizeof(error)));
	assert_true(dump_windows(&dump, &inventory));
	assert_true(pci_enumerate(&inventory, &dump.access, NULL));
	acs_enable(&inventory, &dump.access);
	assert_true(groups_derive(&inventory, NULL, 0));
	alone = inventory.functions[0].group;
	group = inventory.functions[inventory_find(&inventory, below)].group;
	expect_three_ports_blamed(&inventory, &inventory.groups[group]);
	/* Linux gives no group to the host bridge and the IOMMU, which are one here. */
	assert_int_equal(inventory.group_count - 1, 21);
	assert_int_equal(inventory.groups[alone].member_count, 2);
	assert_int_equal(group_split(&inventory, NULL, 0, group, ports), 3);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(pci_key(inventory.functions[ports[i]].address),
				 pci_key(failing_ports[i].port));
	assert_true(groups_derive(&inventory, failing_ports, ARRAY_SIZE(failing_ports)));
	assert_int_equal(expect_groups_of_linux(&inventory, file), LINUX_GROUPS);
	fclose(file);
	assert_int_equal(inventory.group_count - 1, LINUX_GROUPS);
	free(arena.base);
	dump_free(&dump);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_port_without_acs_is_needed),
		cmocka_unit_test(nothing_splits_a_conventional_bus),
		cmocka_unit_test(x570_needs_trust_in_three_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
