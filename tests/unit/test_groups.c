/* SPDX-License-Identifier: Apache-2.0 */
/* Isolation groups: what the worked examples do not show, and machines whose groups Linux reported. */
#include "../../tools/dump.h"
#include "acpi.h"
#include "topology.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- ports, bridges, devices --- */

static void finish(struct topology *t, const char *expected) {
	topology_enumerate(t);
	topology_expect(t, expected);
}

static void port_without_acs_takes_what_is_below(void **state) {
	struct topology *t = topology_two_ports(2, 0, false, true);

	(void)state;
	finish(t, "RP0,A|RP1|B");
	assert_true(topology_has_reason(t, "A", GROUP_ACS_MISSING, "RP0"));
	topology_free(t);
}

static struct topology *a_switch(bool root_acs, bool acs1, bool acs2) {
	struct topology *t = topology_new();

	topology_port(t, "RP", RP, 0, 1, 0, 1, 4, root_acs);
	topology_port(t, "USP", USP, 1, 0, 0, 2, 4, false);
	topology_port(t, "DSP1", DSP, 2, 1, 0, 3, 3, acs1);
	topology_port(t, "DSP2", DSP, 2, 2, 0, 4, 4, acs2);
	topology_endpoint(t, "A", EP, 3, 0, 0);
	topology_endpoint(t, "B", EP, 4, 0, 0);
	return t;
}

static void switch_ports_without_acs_join_their_peers(void **state) {
	struct topology *t = a_switch(true, false, false);

	(void)state;
	finish(t, "RP|USP|DSP1,DSP2,A,B");
	topology_free(t);
	t = a_switch(true, true, false); /* one-sided */
	finish(t, "RP|USP|DSP1,DSP2,A,B");
	assert_true(topology_has_reason(t, "A", GROUP_SWITCH_PEERS, "DSP2"));
	assert_false(topology_has_reason(t, "A", GROUP_SWITCH_PEERS, "DSP1"));
	topology_free(t);
}

static struct topology *pcie_to_pci(bool bar) {
	struct topology *t = topology_new();
	u32 bridge;

	topology_port(t, "RP", RP, 0, 1, 0, 1, 3, true);
	bridge = topology_port(t, "BR", PCIE_TO_PCI_BRIDGE, 1, 0, 0, 2, 3, false);
	if (bar)
		topology_memory_bar(t, bridge, 0, 0xfe000000, 0x1000);
	topology_endpoint(t, "X", PLAIN, 2, 1, 0);
	return t;
}

static void conventional_bus_behind_a_bridge(void **state) {
	struct topology *t = pcie_to_pci(false);

	(void)state;
	topology_endpoint(t, "Y", PLAIN, 2, 2, 0);
	finish(t, "RP|BR|X,Y");
	topology_free(t);

	t = pcie_to_pci(true);
	topology_endpoint(t, "Y", PLAIN, 2, 2, 0);
	finish(t, "RP|BR,X,Y");
	assert_true(topology_has_reason(t, "Y", GROUP_BRIDGE, "BR"));
	topology_free(t);

	t = topology_new(); /* a further bridge on that bus */
	topology_port(t, "RP", RP, 0, 1, 0, 1, 3, true);
	topology_port(t, "BR", PCIE_TO_PCI_BRIDGE, 1, 0, 0, 2, 3, false);
	topology_bridge(t, topology_add(t, "PB", 2, 1, 0), 3, 3);
	topology_endpoint(t, "X", PLAIN, 3, 0, 0);
	topology_endpoint(t, "Y", PLAIN, 2, 2, 0);
	finish(t, "RP|BR|PB,X,Y");
	topology_free(t);
}

static void chipset_functions_of_one_device(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_class(t, topology_endpoint(t, "MCH", PLAIN, 0, 0, 0), 0x060000);
	topology_endpoint(t, "VGA", PLAIN, 0, 1, 0);
	topology_class(t, topology_endpoint(t, "LPC", PLAIN, 0, 31, 0), 0x060100);
	topology_endpoint(t, "SATA", PLAIN, 0, 31, 2);
	topology_endpoint(t, "SMBUS", PLAIN, 0, 31, 3);
	finish(t, "MCH|VGA|LPC,SATA,SMBUS");
	assert_false(pci_assignable(&t->inventory, topology_find(t, "MCH")));
	assert_false(pci_assignable(&t->inventory, topology_find(t, "LPC")));
	assert_true(pci_assignable(&t->inventory, topology_find(t, "SATA")));
	topology_free(t);
}

static void virtual_functions(void **state) {
	static const char *const names[] = {"VF0", "VF1"};
	struct topology *t = topology_new();

	(void)state;
	topology_port(t, "RP", RP, 0, 1, 0, 1, 2, true);
	topology_virtual(t, topology_endpoint(t, "PF", EP, 1, 0, 0), 0x80, 2, 2, names);
	finish(t, "RP|PF|VF0|VF1");
	topology_free(t);

	t = topology_new();
	topology_port(t, "RP", RP, 0, 1, 0, 1, 2, false);
	topology_virtual(t, topology_endpoint(t, "PF", EP, 1, 0, 0), 0x100, 1, 2, names);
	finish(t, "RP,PF,VF0,VF1"); /* on the next bus, but behind the same port */
	topology_free(t);

	t = topology_new();
	topology_port(t, "RP", RP, 0, 1, 0, 1, 2, true);
	topology_virtual(t, topology_endpoint(t, "PF0", EP, 1, 0, 0), 0x80, 2, 2, names);
	topology_endpoint(t, "PF1", EP, 1, 0, 1);
	finish(t, "RP|PF0,PF1|VF0|VF1");
	topology_free(t);
}

static void virtual_function_with_failing_acs_joins_its_physical_one(void **state) {
	static const char *const names[] = {"VF0", "VF1"};
	struct topology *t = topology_new();
	u32 vf;

	(void)state;
	topology_port(t, "RP", RP, 0, 1, 0, 1, 2, true);
	topology_virtual(t, topology_endpoint(t, "PF", EP, 1, 0, 0), 0x80, 2, 2, names);
	topology_enumerate(t);
	vf = topology_find(t, "VF1");
	t->inventory.functions[vf].acs = PCI_EXTENDED_FIRST;
	t->inventory.functions[vf].acs_capability = ACS_REQUEST_REDIRECT;
	topology_expect(t, "RP|PF,VF1|VF0");
	topology_free(t);
}

static void device_that_sends_as_function_1(void **state) {
	struct pci_address aliases[GROUP_ALIASES];
	struct topology *t = topology_new();
	u32 count;

	(void)state;
	topology_port(t, "RP", RP, 0, 1, 0, 1, 1, true);
	topology_ids(t, topology_endpoint(t, "SATA", EP, 1, 0, 0), 0x1b4b, 0x9230);
	finish(t, "RP|SATA");
	count = pci_dma_aliases(&t->inventory, topology_find(t, "SATA"), aliases, GROUP_ALIASES);
	assert_int_equal(count, 2);
	assert_int_equal(pci_requester_id(aliases[0]), 0x100);
	assert_int_equal(pci_requester_id(aliases[1]), 0x101);
	topology_free(t);

	t = topology_new();
	topology_port(t, "RP", RP, 0, 1, 0, 1, 1, true);
	topology_ids(t, topology_endpoint(t, "SATA", EP, 1, 0, 0), 0x1b4b, 0x9230);
	topology_acs(t, topology_endpoint(t, "OTHER", EP, 1, 0, 1), 0);
	finish(t, "RP|SATA,OTHER");
	assert_true(topology_has_reason(t, "OTHER", GROUP_ALIAS, "SATA"));
	topology_free(t);
}

/* --- what the examples do not show --- */

static void failing_control_opens_the_whole_device(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_port(t, "RP", RP, 0, 1, 0, 1, 1, true);
	topology_acs(t, topology_endpoint(t, "F0", EP, 1, 0, 0), 0);
	topology_acs(t, topology_endpoint(t, "F1", EP, 1, 0, 1), ACS_REQUEST_REDIRECT);
	topology_enumerate(t);
	t->inventory.functions[topology_find(t, "F1")].acs_control = 0;
	topology_expect(t, "RP|F0,F1");
	topology_free(t);

	/* Who has controls that are off is to blame, not who has none. */
	t = topology_new();
	topology_port(t, "RP", RP, 0, 1, 0, 1, 1, true);
	topology_endpoint(t, "F0", EP, 1, 0, 0);
	topology_acs(t, topology_endpoint(t, "F1", EP, 1, 0, 1), ACS_REQUEST_REDIRECT);
	topology_acs(t, topology_endpoint(t, "F2", EP, 1, 0, 2), 0);
	topology_enumerate(t);
	t->inventory.functions[topology_find(t, "F1")].acs_control = 0;
	topology_expect(t, "RP|F0,F1,F2");
	assert_true(topology_has_reason(t, "F0", GROUP_MULTIFUNCTION, "F1"));
	assert_false(topology_has_reason(t, "F0", GROUP_MULTIFUNCTION, "F0"));
	topology_free(t);
}

static void function_that_opens_a_port_takes_its_subtree(void **state) {
	struct topology *t = topology_two_ports(1, 1, true, true);

	(void)state;
	topology_enumerate(t);
	t->inventory.functions[topology_find(t, "RP0")].acs_control &= ~(u16)ACS_REQUEST_REDIRECT;
	topology_expect(t, "RP0,RP1,A,B");
	topology_free(t);
}

static void enhanced_targets_must_be_closed(void **state) {
	struct topology *t = topology_new();
	u32 port;

	(void)state;
	topology_port(t, "RP", RP, 0, 1, 0, 1, 3, true);
	topology_port(t, "USP", USP, 1, 0, 0, 2, 3, false);
	port = topology_port(t, "DSP", DSP, 2, 0, 0, 3, 3, false);
	topology_acs(t, port, 0x1f | ACS_ENHANCED);
	topology_endpoint(t, "A", EP, 3, 0, 0);
	finish(t, "RP|USP|DSP|A");
	assert_int_equal(t->inventory.functions[topology_find(t, "DSP")].acs_control, 0x1a9f);
	t->inventory.functions[topology_find(t, "DSP")].acs_control = 0x021f;
	topology_expect(t, "RP|USP,DSP,A");
	t->inventory.functions[topology_find(t, "DSP")].acs_control = 0x081f;
	topology_expect(t, "RP|USP|DSP,A");
	topology_free(t);
}

static void egress_control_is_no_isolation(void **state) {
	struct topology *t = topology_two_ports(2, 0, true, true);

	(void)state;
	topology_enumerate(t);
	t->inventory.functions[topology_find(t, "RP0")].acs_control |= ACS_EGRESS_CONTROL;
	topology_expect(t, "RP0,A|RP1|B");
	topology_free(t);
}

static void trust_splits_at_a_port(void **state) {
	const struct group_trust trust = {{0, 0, PCI_DEVFN(1, 0)}, "lab"};
	const struct group_trust wrong[] = {{{0, 5, 0}, "gone"},
					    {{0, 0, PCI_DEVFN(30, 0)}, "bridge"}};
	struct topology *t = topology_two_ports(1, 1, false, false);

	(void)state;
	topology_enumerate(t);
	topology_expect_trusting(t, &trust, 1, "RP0,A|RP1,B");
	topology_free(t);

	/* It stays with what is directly below, and with nothing more. */
	t = topology_two_ports(1, 1, false, false);
	topology_acs(t, topology_endpoint(t, "A1", EP, 1, 0, 1), REDIRECT);
	topology_acs(t, topology_endpoint(t, "A2", EP, 1, 0, 2), REDIRECT);
	topology_enumerate(t);
	topology_expect_trusting(t, &trust, 1, "RP0,A|A1|A2|RP1,B");
	assert_true(topology_has_reason(t, "A", GROUP_TRUSTED_PORT, "RP0"));
	assert_int_equal(t->inventory.groups[0].reason_count, 1);
	topology_free(t);

	t = topology_new();
	topology_bridge(t, topology_add(t, "PB", 0, 30, 0), 1, 1);
	topology_endpoint(t, "X", PLAIN, 1, 0, 0);
	topology_enumerate(t);
	assert_true(groups_derive(&t->inventory, wrong, 2));
	assert_int_equal(t->inventory.warning_count, 2);
	assert_int_equal(t->inventory.group_count, 1);
	topology_free(t);
}

static void table_alias_joins(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_endpoint(t, "A", PLAIN, 0, 3, 0);
	topology_endpoint(t, "B", PLAIN, 0, 4, 0);
	topology_endpoint(t, "C", PLAIN, 0, 5, 0);
	topology_enumerate(t);
	t->inventory.functions[topology_find(t, "A")].table_alias =
		PCI_DEVFN(6, 0); /* nobody is there */
	t->inventory.functions[topology_find(t, "C")].table_alias = PCI_DEVFN(6, 0);
	topology_expect(t, "A,C|B");
	assert_true(topology_has_reason(t, "C", GROUP_ALIAS, NULL));
	topology_free(t);

	/* Who uses a port's ID is in one group with all below it, from either side. */
	for (u8 device = 0; device < 6; device += 5) {
		t = topology_two_ports(2, 0, true, true);
		topology_endpoint(t, "C", PLAIN, 0, device, 0);
		topology_enumerate(t);
		t->inventory.functions[topology_find(t, "C")].table_alias = PCI_DEVFN(1, 0);
		topology_expect(t, "RP0,A,C|RP1|B");
		topology_free(t);
	}
}

static void phantom_functions_count(void **state) {
	struct topology *t = topology_new();
	u32 f;

	(void)state;
	f = topology_endpoint(t, "A", INTEGRATED, 0, 3, 0);
	topology_put(t, f, PCI_CAPABILITY_FIRST + PCIE_DEVICE_CAPABILITIES, 4, 1 << 3);
	topology_put(t, f, PCI_CAPABILITY_FIRST + PCIE_DEVICE_CONTROL, 2, 1 << 9);
	topology_acs(t, topology_endpoint(t, "B", INTEGRATED, 0, 3, 4), 0);
	topology_acs(t, topology_endpoint(t, "C", INTEGRATED, 0, 3, 1), 0);
	finish(t, "A,B|C");
	topology_free(t);
}

static void aliases_behind_bridges(void **state) {
	struct pci_address a[GROUP_ALIASES];
	struct topology *t = pcie_to_pci(false);

	(void)state;
	topology_bridge(t, topology_add(t, "PB", 2, 3, 0), 3, 3);
	topology_endpoint(t, "Z", PLAIN, 3, 4, 0);
	topology_enumerate(t);
	assert_int_equal(pci_dma_aliases(&t->inventory, topology_find(t, "Z"), a, GROUP_ALIASES),
			 3);
	assert_int_equal(pci_requester_id(a[0]), 0x320);
	assert_int_equal(pci_requester_id(a[1]), 0x218); /* conventional bridge: its own */
	assert_int_equal(pci_requester_id(a[2]), 0x200); /* PCIe-to-PCI bridge: first of its bus */
	assert_int_equal(pci_dma_aliases(&t->inventory, topology_find(t, "Z"), a, 1), 1);
	topology_free(t);
}

static u16 interrupts_of(struct topology *t, const char *name) {
	return pci_interrupt_requester(&t->inventory, topology_find(t, name));
}

static void interrupts_carry_what_the_last_bridge_puts_in(void **state) {
	struct topology *t = pcie_to_pci(false);

	(void)state;
	topology_bridge(t, topology_add(t, "PB", 2, 3, 0), 3, 3);
	topology_endpoint(t, "Z", PLAIN, 3, 4, 0);
	topology_bridge(t, topology_add(t, "PB0", 0, 30, 0), 4, 4);
	topology_endpoint(t, "W", PLAIN, 4, 1, 0);
	topology_port(t, "RP2", RP, 0, 2, 0, 5, 5, true);
	topology_ids(t, topology_endpoint(t, "SATA", EP, 5, 0, 0), 0x1b4b, 0x9230);
	topology_enumerate(t);
	assert_int_equal(interrupts_of(t, "X"), 0x200); /* PCIe-to-PCI bridge: first of its bus */
	assert_int_equal(interrupts_of(t, "Z"), 0x200); /* through two bridges */
	assert_int_equal(interrupts_of(t, "W"), 0x0f0); /* conventional bridge: its own */
	assert_int_equal(interrupts_of(t, "BR"), 0x100);
	assert_int_equal(interrupts_of(t, "SATA"), 0x500); /* whatever else its requests carry */
	t->inventory.functions[topology_find(t, "SATA")].table_alias = 0x501;
	assert_int_equal(interrupts_of(t, "SATA"), 0x501);
	topology_free(t);
}

static void whole_bus_alias_is_not_assignable(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_port(t, "RP", RP, 0, 1, 0, 1, 1, true);
	topology_ids(t, topology_endpoint(t, "NTB", EP, 1, 0, 0), 0x10b5, 0x87b0);
	finish(t, "RP|NTB");
	assert_false(pci_assignable(&t->inventory, topology_find(t, "NTB")));
	assert_false(pci_assignable(&t->inventory, topology_find(t, "RP")));
	topology_free(t);
}

static void shared_reserved_memory_joins(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_endpoint(t, "A", PLAIN, 0, 3, 0);
	topology_endpoint(t, "B", PLAIN, 0, 4, 0);
	topology_endpoint(t, "C", PLAIN, 0, 5, 0);
	topology_endpoint(t, "D", PLAIN, 0, 6, 0);
	topology_enumerate(t);
	struct reserved_region regions[] = {
		{0x9000, 0x9fff, true, true, topology_find(t, "D"), 0, 0, 0},
		{0x1000, 0x8fff, true, true, topology_find(t, "A"), 0, 0, 0},
		{0x2000, 0x2fff, true, true, topology_find(t, "C"), 0, 0, 0},
		{0x8000, 0x8fff, true, true, topology_find(t, "B"), 0, 0, 0},
		{0x0000, 0xffff, true, true, NONE, 0, 0, UINT16_MAX},
		{0x5000, 0x0fff, true, true, topology_find(t, "D"), 0, 0, 0}, /* upside down */
	};
	t->inventory.regions = regions;
	t->inventory.region_count = ARRAY_SIZE(regions);
	topology_expect(t, "A,B,C|D");
	assert_true(topology_has_reason(t, "B", GROUP_RESERVED_MEMORY, NULL));
	topology_free(t);

	/* Two regions of one port say nothing about what is below it. */
	t = topology_two_ports(2, 0, true, true);
	topology_enumerate(t);
	struct reserved_region own[] = {
		{0x1000, 0x1fff, true, true, topology_find(t, "RP0"), 0, 0, 0},
		{0x1000, 0x2fff, true, true, topology_find(t, "RP0"), 0, 0, 0},
	};
	t->inventory.regions = own;
	t->inventory.region_count = ARRAY_SIZE(own);
	topology_expect(t, "RP0|A|RP1|B");
	topology_free(t);
}

static void every_reason_has_words(void **state) {
	struct topology *t = a_switch(false, false, false);
	char text[512];

	(void)state;
	finish(t, "RP,USP,DSP1,DSP2,A,B");
	const struct group *g = &t->inventory.groups[0];
	assert_string_equal(group_rule_name(g->reasons[0].rule), "acs-missing");
	assert_string_equal(group_reason_text(&t->inventory, &g->reasons[0], text, sizeof(text)),
			    "port 0000:00:01.0 has no ACS: requests below it may turn round there");
	for (u32 rule = 0; rule <= GROUP_TRUSTED_PORT; rule++) {
		struct group_reason reason = {(enum group_rule)rule, 0, 0, 1};

		assert_true(strlen(group_reason_text(&t->inventory, &reason, text, sizeof(text))) >
			    20);
		assert_string_not_equal(group_rule_name((enum group_rule)rule), "unknown");
	}
	group_reason_text(&t->inventory, &g->reasons[0], text, 5);
	assert_string_equal(text, "port");
	topology_free(t);
}

static void a_full_arena_is_an_error(void **state) {
	struct topology *t = a_switch(false, false, false);

	(void)state;
	topology_enumerate(t);
	for (size_t room = 0; room < 4096; room += 16) {
		struct arena small = {t->arena.base + t->arena.used, room, 0};
		struct inventory other = t->inventory;

		other.arena = &small;
		(void)groups_derive(&other, NULL, 0); /* must not write beyond */
	}
	topology_free(t);
}

/* --- machines that Linux grouped --- */

#define ORACLE "tests/data/oracle"
#define ORACLE_ARENA (4 * MIB)

struct oracle {
	struct dump dump;
	struct arena arena;
	struct inventory inventory;
	u32 *linux_group; /* by function */
	u8 table[64 * 1024];
};

static FILE *open_part(const char *machine, const char *part) {
	char path[256];

	snprintf(path, sizeof(path), ORACLE "/%s/%s", machine, part);
	return fopen(path, "rb");
}

static struct acpi_table read_table(struct oracle *o, const char *machine, const char *part) {
	FILE *file = open_part(machine, part);
	size_t size;

	assert_non_null(file);
	size = fread(o->table, 1, sizeof(o->table), file);
	fclose(file);
	return (struct acpi_table){o->table, (u32)size};
}

static void read_linux_groups(struct oracle *o, const char *machine) {
	FILE *file = open_part(machine, "groups.txt");
	char line[4096];

	assert_non_null(file);
	o->linux_group = calloc(o->inventory.function_count, sizeof(u32));
	for (u32 number = 1; fgets(line, sizeof(line), file); number++)
		for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
			unsigned int s, b, d, f;

			assert_int_equal(sscanf(word, "%x:%x:%x.%x", &s, &b, &d, &f), 4);
			struct pci_address a = {(u16)s, (u8)b, PCI_DEVFN(d, f)};
			u32 index = inventory_find(&o->inventory, a);
			assert_int_not_equal(index, NONE);
			o->linux_group[index] = number;
		}
	fclose(file);
}

/* No group of ours cuts one of Linux's, save that a bridge without registers may stay out of its bus. */
static void expect_never_finer(const struct oracle *o, const char *machine) {
	const struct pci_function *f = o->inventory.functions;

	for (u32 i = 0; i < o->inventory.function_count; i++)
		for (u32 k = 0; k < i; k++) {
			bool bridge =
				(f[i].pcie_type == PCIE_TO_PCI_BRIDGE && !f[i].bars[0].base) ||
				(f[k].pcie_type == PCIE_TO_PCI_BRIDGE && !f[k].bars[0].base);

			if (o->linux_group[i] == o->linux_group[k] && f[i].group != f[k].group &&
			    !bridge)
				fail_msg("%s: functions %u and %u are together in Linux", machine,
					 i, k);
		}
}

/* What Linux does not do: peers in a switch. */
static u32 expect_coarser_with_reason(const struct oracle *o, const char *machine) {
	u32 coarser = 0;

	for (u32 g = 0; g < o->inventory.group_count; g++) {
		const struct group *group = &o->inventory.groups[g];
		bool mixed = false, explained = false;
		char text[512];

		for (u32 i = 1; i < group->member_count; i++)
			mixed |= o->linux_group[group->members[i]] !=
				 o->linux_group[group->members[0]];
		for (u32 i = 0; i < group->reason_count; i++) {
			explained |= group->reasons[i].rule == GROUP_SWITCH_PEERS;
			assert_true(*group_reason_text(&o->inventory, &group->reasons[i], text,
						       sizeof(text)));
		}
		assert_true(group->member_count == 1 || group->reason_count > 0);
		if (mixed && !explained)
			fail_msg("%s: group %u is larger than Linux's without a reason", machine,
				 g);
		coarser += mixed;
	}
	return coarser;
}

static void check_machine(const char *machine, u32 *equal) {
	struct oracle *o = calloc(1, sizeof(*o));
	char path[512], error[128] = "";

	o->arena = (struct arena){.base = malloc(ORACLE_ARENA), .size = ORACLE_ARENA};
	o->inventory.arena = &o->arena;
	snprintf(path, sizeof(path), ORACLE "/%s/lspci.txt", machine);
	if (!dump_read(&o->dump, path, error, sizeof(error)))
		fail_msg("%s: %s", machine, error);
	assert_true(mcfg_parse(&o->inventory, read_table(o, machine, "mcfg.bin")));
	assert_true(pci_enumerate(&o->inventory, &o->dump.access, NULL));
	assert_int_equal(o->inventory.function_count, o->dump.count);
	acs_enable(&o->inventory, &o->dump.access);
	assert_true(dmar_parse(&o->inventory, read_table(o, machine, "dmar.bin")));
	assert_true(groups_derive(&o->inventory, NULL, 0));
	read_linux_groups(o, machine);
	expect_never_finer(o, machine);
	*equal += expect_coarser_with_reason(o, machine) == 0;
	expect_order_free(&o->inventory, NULL, 0);
	free(o->linux_group);
	free(o->arena.base);
	dump_free(&o->dump);
	free(o);
}

static void machines_that_linux_grouped(void **state) {
	DIR *directory = opendir(ORACLE);
	u32 machines = 0, equal = 0;

	(void)state;
	assert_non_null(directory);
	for (struct dirent *e; (e = readdir(directory)) != NULL;) {
		if (e->d_name[0] == '.')
			continue;
		check_machine(e->d_name, &equal);
		machines++;
	}
	closedir(directory);
	assert_int_equal(machines, 24);
	assert_true(equal >= 19); /* the others have switches whose ports lack ACS */
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_without_acs_takes_what_is_below),
		cmocka_unit_test(switch_ports_without_acs_join_their_peers),
		cmocka_unit_test(conventional_bus_behind_a_bridge),
		cmocka_unit_test(chipset_functions_of_one_device),
		cmocka_unit_test(virtual_functions),
		cmocka_unit_test(virtual_function_with_failing_acs_joins_its_physical_one),
		cmocka_unit_test(device_that_sends_as_function_1),
		cmocka_unit_test(failing_control_opens_the_whole_device),
		cmocka_unit_test(function_that_opens_a_port_takes_its_subtree),
		cmocka_unit_test(enhanced_targets_must_be_closed),
		cmocka_unit_test(egress_control_is_no_isolation),
		cmocka_unit_test(trust_splits_at_a_port),
		cmocka_unit_test(table_alias_joins),
		cmocka_unit_test(phantom_functions_count),
		cmocka_unit_test(aliases_behind_bridges),
		cmocka_unit_test(interrupts_carry_what_the_last_bridge_puts_in),
		cmocka_unit_test(whole_bus_alias_is_not_assignable),
		cmocka_unit_test(shared_reserved_memory_joins),
		cmocka_unit_test(every_reason_has_words),
		cmocka_unit_test(a_full_arena_is_an_error),
		cmocka_unit_test(machines_that_linux_grouped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
