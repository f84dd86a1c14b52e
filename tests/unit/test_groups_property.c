/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for the groups of any machine, over random ones. */
#include "../../pci/quirks.h"
#include "../../pci/scan.h"
#include "random_machine.h"
#include "topology.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MACHINES 3000
#define REQUIRED 0x1d

static struct random_machine *machine;

static int set_up(void **state) {
	(void)state;
	machine = random_machine_new();
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	random_machine_free(machine);
	return 0;
}

static void derive(const struct group_trust *trusts, u32 count) {
	assert_true(groups_derive(&machine->inventory, trusts, count));
}

/* Nobody is together now who was not: OLD has the groups as they were. */
static void expect_refined(const u32 *old, const char *what, u32 seed) {
	const struct inventory *inventory = &machine->inventory;

	for (u32 g = 0; g < inventory->group_count; g++)
		for (u32 i = 1; i < inventory->groups[g].member_count; i++)
			if (old[inventory->groups[g].members[i]] !=
			    old[inventory->groups[g].members[0]])
				fail_msg("machine %u: %s joined functions", seed, what);
}

static void keep_groups(u32 *old) {
	for (u32 f = 0; f < machine->inventory.function_count; f++)
		old[f] = machine->functions[f].group;
}

static void r7_each_function_is_in_exactly_one_group(void **state) {
	(void)state;
	for (u32 seed = 0; seed < MACHINES; seed++) {
		const struct inventory *inventory = &machine->inventory;
		u32 members = 0, lowest = 0;

		random_machine_make(machine, seed, 8 + seed % 120);
		derive(NULL, 0);
		for (u32 g = 0; g < inventory->group_count; g++) {
			const struct group *group = &inventory->groups[g];

			assert_true(group->member_count > 0);
			/* Numbered by the lowest address, members by theirs. */
			assert_true(g == 0 || group->members[0] > lowest);
			lowest = group->members[0];
			for (u32 i = 0; i < group->member_count; i++) {
				assert_int_equal(machine->functions[group->members[i]].group, g);
				assert_true(i == 0 || group->members[i] > group->members[i - 1]);
			}
			members += group->member_count;
		}
		assert_int_equal(members, inventory->function_count);
	}
}

static void r32_the_order_of_discovery_does_not_matter(void **state) {
	(void)state;
	for (u32 seed = 0; seed < MACHINES / 10; seed++) {
		random_machine_make(machine, seed, 8 + seed % 80);
		derive(NULL, 0);
		expect_order_free(&machine->inventory, NULL, 0);
	}
}

static void r2_who_shares_a_requester_id_shares_a_group(void **state) {
	(void)state;
	for (u32 seed = 0; seed < MACHINES / 4; seed++) {
		static u32 user[65536];

		random_machine_make(machine, seed, 8 + seed % 120);
		derive(NULL, 0);
		memset(user, 0xff, sizeof(user));
		for (u32 f = 0; f < machine->inventory.function_count; f++) {
			struct pci_address ids[64];
			u32 count = pci_dma_aliases(&machine->inventory, f, ids, 64);

			for (u32 i = 0; i < count; i++) {
				u32 *first = &user[pci_requester_id(ids[i])];

				if (*first == NONE)
					*first = machine->functions[f].group;
				assert_int_equal(*first, machine->functions[f].group);
			}
		}
	}
}

static void adding_acs_never_makes_a_group_larger(void **state) {
	u32 old[RANDOM_FUNCTIONS];

	(void)state;
	for (u32 seed = 0; seed < MACHINES; seed++) {
		random_machine_make(machine, seed, 8 + seed % 80);
		derive(NULL, 0);
		keep_groups(old);
		for (u32 i = 0; i < 4; i++) {
			struct pci_function *f = &machine->functions[random_below(
				machine, machine->inventory.function_count)];

			f->acs = PCI_EXTENDED_FIRST;
			f->acs_capability = f->acs_control = REQUIRED;
		}
		derive(NULL, 0);
		expect_refined(old, "ACS", seed);
	}
}

static void trust_never_joins(void **state) {
	u32 old[RANDOM_FUNCTIONS];

	(void)state;
	for (u32 seed = 0; seed < MACHINES; seed++) {
		struct group_trust trusts[3];

		random_machine_make(machine, seed, 8 + seed % 80);
		derive(NULL, 0);
		keep_groups(old);
		for (u32 i = 0; i < ARRAY_SIZE(trusts); i++)
			trusts[i].port =
				machine->functions[random_below(machine,
								machine->inventory.function_count)]
					.address;
		derive(trusts, ARRAY_SIZE(trusts));
		expect_refined(old, "trust", seed);
		if (seed % 16 == 0)
			expect_order_free(&machine->inventory, trusts, ARRAY_SIZE(trusts));
	}
}

/* --- reasons --- */

static u32 find(u32 *leader, u32 f) {
	while (leader[f] != f)
		f = leader[f];
	return f;
}

static void tie(u32 *leader, u32 a, u32 b) {
	leader[find(leader, a)] = find(leader, b);
}

/* All below TOP, without it. */
static void tie_below(u32 *leader, u32 top, u32 with) {
	for (u32 f = 0; f < machine->inventory.function_count; f++)
		for (u32 up = machine->functions[f].parent; up != NONE;
		     up = machine->functions[up].parent)
			if (up == top)
				tie(leader, f, with);
}

/* Ties what the words of a reason say that it ties. */
static void tie_as_told(u32 *leader, const struct group_reason *r) {
	const struct pci_function *f = machine->functions;

	tie(leader, r->first, r->second);
	switch (r->rule) {
	case GROUP_SWITCH_PEERS: tie_below(leader, f[r->at].parent, r->first); break;
	case GROUP_BRIDGE:
	case GROUP_REAL_DMA:
	case GROUP_ACS_MISSING: tie_below(leader, r->at, r->first); break;
	case GROUP_MULTIFUNCTION: /* all of the device, or those of it that do not isolate */
		for (u32 i = 0; i < machine->inventory.function_count; i++)
			if (f[i].physical == NONE &&
			    same_device(&machine->inventory, &f[i], &f[r->at]) &&
			    (acs_controls_fail(&f[r->at]) || !acs_isolates(&f[i])))
				tie(leader, i, r->at);
		break;
	default: break;
	}
	if (r->at == r->first && f[r->second].parent == r->first)
		tie_below(leader, r->first, r->first); /* what a bridge takes along */
}

static void reasons_account_for_all_of_a_group_and_for_no_more(void **state) {
	u32 leader[RANDOM_FUNCTIONS];

	(void)state;
	for (u32 seed = 0; seed < MACHINES; seed++) {
		const struct inventory *inventory = &machine->inventory;

		random_machine_make(machine, seed, 8 + seed % 80);
		derive(NULL, 0);
		for (u32 f = 0; f < inventory->function_count; f++)
			leader[f] = f;
		for (u32 g = 0; g < inventory->group_count; g++)
			for (u32 i = 0; i < inventory->groups[g].reason_count; i++) {
				const struct group_reason *r = &inventory->groups[g].reasons[i];

				assert_int_equal(machine->functions[r->first].group, g);
				assert_int_equal(machine->functions[r->second].group, g);
				assert_int_not_equal(r->first, r->second);
				tie_as_told(leader, r);
			}
		for (u32 a = 0; a < inventory->function_count; a++)
			for (u32 b = 0; b < a; b++)
				if ((find(leader, a) == find(leader, b)) !=
				    (machine->functions[a].group == machine->functions[b].group))
					fail_msg("machine %u: reasons say otherwise of %u and %u",
						 seed, a, b);
	}
}

static bool blamed(u32 port) {
	const struct group *group = &machine->inventory.groups[machine->functions[port].group];
	u32 times = 0;

	for (u32 i = 0; i < group->reason_count; i++)
		times += group->reasons[i].at == port && group->reasons[i].first == port &&
			 (group->reasons[i].rule == GROUP_ACS_MISSING ||
			  group->reasons[i].rule == GROUP_SWITCH_PEERS);
	assert_true(times <= 1);
	return times == 1;
}

static void every_failing_port_is_named_once(void **state) {
	u32 found = 0;

	(void)state;
	for (u32 seed = 0; seed < MACHINES; seed++) {
		random_machine_make(machine, seed, 8 + seed % 80);
		derive(NULL, 0);
		for (u32 f = 0; f < machine->inventory.function_count; f++) {
			u32 parent = machine->functions[f].parent;

			if (parent == NONE || !pci_is_port(&machine->functions[parent]) ||
			    acs_isolates(&machine->functions[parent]))
				continue;
			assert_true(blamed(parent));
			found++;
		}
	}
	assert_true(found > MACHINES);
}

/* --- Linux, as it finds a machine's devices parent first (drivers/iommu/iommu.c of 6.12 to 7.1) --- */

struct model {
	u32 group[RANDOM_FUNCTIONS]; /* NONE: not yet found */
	bool seen[256]; /* device and function numbers of the bus that is looked at */
};

static bool linux_acs(const struct pci_function *f) {
	u32 needed = REQUIRED & f->acs_capability;
	bool good = f->acs && (f->acs_control & needed) == needed;

	if (f->quirks & (QUIRK_ISOLATES | QUIRK_OPEN))
		return f->quirks & QUIRK_ISOLATES;
	switch (f->pcie_type) {
	case PCIE_ROOT_PORT:
	case PCIE_DOWNSTREAM_PORT: return good;
	case PCIE_ENDPOINT:
	case PCIE_LEGACY_ENDPOINT:
	case PCIE_UPSTREAM_PORT:
	case PCIE_RC_ENDPOINT: return !f->multifunction || good;
	default: return false;
	}
}

static bool linux_sends_as(const struct pci_function *f, const struct pci_function *other) {
	u8 own = f->address.devfn, devfn = other->address.devfn;

	return (f->quirks & QUIRK_ALIAS_FUNCTION_0 && devfn == (own & ~7)) ||
	       (f->quirks & QUIRK_ALIAS_FUNCTION_1 && devfn == ((own & ~7) | 1)) ||
	       (f->quirks & QUIRK_ALIAS_DEVICE_1 && devfn == 8) ||
	       f->table_alias == pci_requester_id(other->address);
}

static bool linux_neighbours(const struct pci_function *a, const struct pci_function *b) {
	return a != b && a->address.bus == b->address.bus;
}

static u32 linux_alias_group(struct model *m, u32 f) {
	const struct pci_function *functions = machine->functions;
	u32 group = m->group[f];

	if (m->seen[functions[f].address.devfn])
		return NONE;
	m->seen[functions[f].address.devfn] = true;
	for (u32 i = 0; group == NONE && i < machine->inventory.function_count; i++) {
		if (!linux_neighbours(&functions[i], &functions[f]) ||
		    !(linux_sends_as(&functions[i], &functions[f]) ||
		      linux_sends_as(&functions[f], &functions[i])))
			continue;
		group = linux_alias_group(m, i);
	}
	return group;
}

static u32 linux_function_group(struct model *m, u32 f) {
	const struct pci_function *functions = machine->functions;
	u32 group = NONE;

	if (!functions[f].multifunction || linux_acs(&functions[f]))
		return NONE;
	for (u32 i = 0; group == NONE && i < machine->inventory.function_count; i++)
		if (linux_neighbours(&functions[i], &functions[f]) &&
		    functions[i].physical == NONE &&
		    functions[i].address.devfn >> 3 == functions[f].address.devfn >> 3 &&
		    !linux_acs(&functions[i]))
			group = linux_alias_group(m, i);
	return group;
}

static bool linux_path_isolates(u32 port) {
	for (; port != NONE; port = machine->functions[port].parent)
		if (!linux_acs(&machine->functions[port]))
			return false;
	return true;
}

static u32 linux_group(struct model *m, u32 f) {
	const struct pci_function *functions = machine->functions;
	u32 last = f, group;

	for (u32 up = functions[f].parent; up != NONE; up = functions[up].parent) {
		u8 type = functions[up].pcie_type;

		if (type == PCIE_ROOT_PORT || type == PCIE_UPSTREAM_PORT ||
		    type == PCIE_DOWNSTREAM_PORT || functions[up].quirks & QUIRK_KEEPS_IDS)
			continue;
		last = up;
		if (m->group[up] != NONE)
			return m->group[up];
	}
	while (functions[last].parent != NONE && !linux_path_isolates(functions[last].parent)) {
		last = functions[last].parent;
		if (m->group[last] != NONE)
			return m->group[last];
	}
	memset(m->seen, 0, sizeof(m->seen));
	group = linux_alias_group(m, last);
	if (group == NONE)
		group = linux_function_group(m, last);
	return group == NONE ? f : group;
}

static bool bridge_without_registers(const struct pci_function *f) {
	return f->pcie_type == PCIE_TO_PCI_BRIDGE && !f->bars[0].base;
}

static void r1_never_finer_than_linux(void **state) {
	struct model m;
	u32 coarser = 0;

	(void)state;
	for (u32 seed = 0; seed < MACHINES; seed++) {
		u32 count;

		random_machine_make(machine, seed, 8 + seed % 80);
		derive(NULL, 0);
		count = machine->inventory.function_count;
		memset(m.group, 0xff, sizeof(m.group));
		for (u32 f = 0; f < count; f++)
			m.group[f] = linux_group(&m, f);
		for (u32 a = 0; a < count; a++)
			for (u32 b = 0; b < a; b++) {
				const struct pci_function *f = machine->functions;
				bool together = f[a].group == f[b].group;

				coarser += together && m.group[a] != m.group[b];
				if (together || m.group[a] != m.group[b] ||
				    bridge_without_registers(&f[a]) ||
				    bridge_without_registers(&f[b]))
					continue;
				fail_msg("machine %u: Linux has %u and %u in one group", seed, b,
					 a);
			}
	}
	assert_true(coarser > 0);
}

/* --- split sets --- */

/* Whether trust in the ports of SET puts the assignable functions of what was group G apart. */
static bool splits(const u32 *members, u32 count, const u32 *candidates, u32 set) {
	struct group_trust trusts[16];
	u32 trust_count = 0, group = NONE;
	size_t used = machine->arena.used;
	bool apart = false;

	for (u32 i = 0; set >> i; i++)
		if (set >> i & 1)
			trusts[trust_count++].port = machine->functions[candidates[i]].address;
	derive(trusts, trust_count);
	for (u32 i = 0; i < count; i++) {
		if (!pci_assignable(&machine->inventory, members[i]))
			continue;
		apart |= group != NONE && machine->functions[members[i]].group != group;
		group = machine->functions[members[i]].group;
	}
	machine->arena.used = used;
	return apart;
}

static u32 smallest(const u32 *members, u32 count, const u32 *candidates, u32 candidate_count) {
	u32 best = 0;

	for (u32 set = 1; set < 1u << candidate_count; set++) {
		u32 size = (u32)__builtin_popcount(set);

		if ((!best || size < best) && splits(members, count, candidates, set))
			best = size;
	}
	return best;
}

static void split_sets_split_and_no_smaller_set_does(void **state) {
	u32 needed[4] = {0};

	(void)state;
	for (u32 seed = 0; seed < MACHINES; seed++) {
		u32 groups;

		random_machine_make(machine, seed, 8 + seed % 24);
		derive(NULL, 0);
		groups = machine->inventory.group_count;
		for (u32 g = 0; g < groups; g++) {
			u32 ports[GROUP_SPLIT_MAX], candidates[16], candidate_count = 0, count;
			size_t used = machine->arena.used;
			const struct group *group;
			u32 set = 0;

			derive(NULL, 0);
			group = &machine->inventory.groups[g];
			for (u32 i = 0; i < group->member_count; i++)
				if (pci_is_port(&machine->functions[group->members[i]]) &&
				    candidate_count < 10)
					candidates[candidate_count++] = group->members[i];
			if (candidate_count == 10)
				continue; /* too many to try them all here */
			count = group_split(&machine->inventory, NULL, 0, g, ports);
			for (u32 i = 0; i < count; i++)
				for (u32 k = 0; k < candidate_count; k++)
					set |= (u32)(candidates[k] == ports[i]) << k;
			assert_int_equal(__builtin_popcount(set), count);
			if (count)
				assert_true(splits(group->members, group->member_count, candidates,
						   set));
			assert_int_equal(count, smallest(group->members, group->member_count,
							 candidates, candidate_count));
			needed[min_u64(count, 3)]++;
			machine->arena.used = used;
		}
	}
	for (u32 i = 0; i < ARRAY_SIZE(needed); i++)
		assert_true(needed[i] > 0); /* none, one, two, more */
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r7_each_function_is_in_exactly_one_group),
		cmocka_unit_test(r32_the_order_of_discovery_does_not_matter),
		cmocka_unit_test(r2_who_shares_a_requester_id_shares_a_group),
		cmocka_unit_test(adding_acs_never_makes_a_group_larger),
		cmocka_unit_test(trust_never_joins),
		cmocka_unit_test(reasons_account_for_all_of_a_group_and_for_no_more),
		cmocka_unit_test(every_failing_port_is_named_once),
		cmocka_unit_test(r1_never_finer_than_linux),
		cmocka_unit_test(split_sets_split_and_no_smaller_set_does),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
