/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worked examples of docs/groups.md, by row. A port that ends in + below has ACS, one that ends
 * in - has none. Each machine is derived as it is and with 20 other orders of its buses and devices.
 */
#include "topology.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void finish(struct topology *t, const char *expected) {
	topology_enumerate(t);
	topology_expect(t, expected);
	topology_free(t);
}

/* A root port, and nothing below it yet. */
static struct topology *one_port(bool acs) {
	struct topology *t = topology_new();

	topology_port(t, "RP", RP, 0, 1, 0, 1, 5, acs);
	return t;
}

static struct topology *a_switch(bool root_acs, bool acs1, bool acs2) {
	struct topology *t = one_port(root_acs);

	topology_port(t, "USP", USP, 1, 0, 0, 2, 4, false);
	topology_port(t, "DSP1", DSP, 2, 1, 0, 3, 3, acs1);
	topology_port(t, "DSP2", DSP, 2, 2, 0, 4, 4, acs2);
	topology_endpoint(t, "A", EP, 3, 0, 0);
	topology_endpoint(t, "B", EP, 4, 0, 0);
	return t;
}

static struct topology *pcie_to_pci(bool bar) {
	struct topology *t = one_port(true);
	u32 bridge = topology_port(t, "BR", PCIE_TO_PCI_BRIDGE, 1, 0, 0, 2, 3, false);

	if (bar)
		topology_memory_bar(t, bridge, 0, 0xfe000000, 0x1000);
	return t;
}

static void row_1_ports_with_acs(void **state) {
	(void)state;
	finish(topology_two_ports(2, 0, true, true), "RP0|A|RP1|B");
}

static void row_2_one_port_without_acs(void **state) {
	(void)state;
	finish(topology_two_ports(2, 0, false, true), "RP0,A|RP1|B");
}

static void row_3_ports_of_one_device_without_acs(void **state) {
	(void)state;
	finish(topology_two_ports(1, 1, false, false), "RP0,RP1,A,B");
}

static void row_3c_one_of_three_ports_of_a_device_with_acs(void **state) {
	struct topology *t = topology_two_ports(1, 1, true, false);

	(void)state;
	topology_port(t, "RP2", RP, 0, 1, 2, 3, 3, false);
	topology_endpoint(t, "C", EP, 3, 0, 0);
	finish(t, "RP0|A|RP1,RP2,B,C");
}

static void row_4_switch_with_acs(void **state) {
	(void)state;
	finish(a_switch(true, true, true), "RP|USP|DSP1|A|DSP2|B");
}

static void row_4b_switch_with_acs_below_a_port_without(void **state) {
	(void)state;
	finish(a_switch(false, true, true), "RP,USP,DSP1,DSP2,A,B");
}

/* Row 5' is the same machine, children first: no rule goes by that here. */
static void row_5_and_5_prime_switch_without_acs(void **state) {
	(void)state;
	finish(a_switch(true, false, false), "RP|USP|DSP1,DSP2,A,B");
}

static void row_6_one_switch_port_without_acs(void **state) {
	(void)state;
	finish(a_switch(true, true, false), "RP|USP|DSP1,DSP2,A,B");
	finish(a_switch(true, false, true), "RP|USP|DSP1,DSP2,A,B");
}

static void row_7_multifunction_endpoint(void **state) {
	struct topology *t = one_port(true);

	(void)state;
	topology_endpoint(t, "F0", EP, 1, 0, 0);
	topology_endpoint(t, "F1", EP, 1, 0, 1);
	finish(t, "RP|F0,F1");
}

static void row_7b_one_function_of_three_with_acs(void **state) {
	struct topology *t = one_port(true);

	(void)state;
	topology_acs(t, topology_endpoint(t, "F0", EP, 1, 0, 0), REDIRECT);
	topology_endpoint(t, "F1", EP, 1, 0, 1);
	topology_endpoint(t, "F2", EP, 1, 0, 2);
	finish(t, "RP|F0|F1,F2");
}

/* There is nothing that could go wrong. */
static void row_7c_acs_capabilities_without_any_control(void **state) {
	struct topology *t = one_port(true);

	(void)state;
	topology_acs(t, topology_endpoint(t, "F0", EP, 1, 0, 0), 0);
	topology_acs(t, topology_endpoint(t, "F1", EP, 1, 0, 1), 0);
	finish(t, "RP|F0|F1");
}

static void row_8_conventional_bus(void **state) {
	(void)state;
	for (u32 bar = 0; bar < 2; bar++) {
		struct topology *t = pcie_to_pci(bar);

		topology_endpoint(t, "X", PLAIN, 2, 1, 0);
		topology_endpoint(t, "Y", PLAIN, 2, 2, 0);
		finish(t, bar ? "RP|BR,X,Y" : "RP|BR|X,Y");
	}
}

static void row_8b_further_bridge_on_a_conventional_bus(void **state) {
	(void)state;
	for (u32 bar = 0; bar < 2; bar++) {
		struct topology *t = pcie_to_pci(bar);

		topology_bridge(t, topology_add(t, "PB", 2, 1, 0), 3, 3);
		topology_endpoint(t, "X", PLAIN, 3, 0, 0);
		topology_endpoint(t, "Y", PLAIN, 2, 2, 0);
		finish(t, bar ? "RP|BR,PB,X,Y" : "RP|BR|PB,X,Y");
	}
}

static void row_9_conventional_bridge_on_a_root_bus(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_bridge(t, topology_add(t, "PB", 0, 30, 0), 1, 1);
	topology_endpoint(t, "X", PLAIN, 1, 0, 0);
	topology_endpoint(t, "Y", PLAIN, 1, 1, 0);
	topology_endpoint(t, "Z", PLAIN, 0, 3, 0);
	finish(t, "PB,X,Y|Z");
}

static void row_10_chipset(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_class(t, topology_endpoint(t, "MCH", PLAIN, 0, 0, 0), 0x060000);
	topology_endpoint(t, "VGA", PLAIN, 0, 1, 0);
	topology_class(t, topology_endpoint(t, "LPC", PLAIN, 0, 31, 0), 0x060100);
	topology_endpoint(t, "SATA", PLAIN, 0, 31, 2);
	topology_endpoint(t, "SMBUS", PLAIN, 0, 31, 3);
	finish(t, "MCH|VGA|LPC,SATA,SMBUS");
}

static void row_11_virtual_functions(void **state) {
	static const char *const names[] = {"VF0", "VF1"};

	(void)state;
	for (u32 acs = 0; acs < 2; acs++) {
		struct topology *t = one_port(acs);

		topology_virtual(t, topology_endpoint(t, "PF", EP, 1, 0, 0), 0x80, 2, 2, names);
		finish(t, acs ? "RP|PF|VF0|VF1" : "RP,PF,VF0,VF1");
	}
}

static void row_11c_virtual_functions_of_a_multifunction_device(void **state) {
	static const char *const names[] = {"VF0", "VF1"};
	struct topology *t = one_port(true);

	(void)state;
	topology_virtual(t, topology_endpoint(t, "PF0", EP, 1, 0, 0), 0x80, 2, 2, names);
	topology_endpoint(t, "PF1", EP, 1, 0, 1);
	finish(t, "RP|PF0,PF1|VF0|VF1");
}

static void row_12_device_that_sends_as_function_1(void **state) {
	(void)state;
	for (u32 other = 0; other < 2; other++) {
		struct topology *t = one_port(true);

		topology_ids(t, topology_endpoint(t, "SATA", EP, 1, 0, 0), 0x1b4b, 0x9230);
		if (other)
			topology_acs(t, topology_endpoint(t, "OTHER", EP, 1, 0, 1), 0);
		finish(t, other ? "RP|SATA,OTHER" : "RP|SATA");
	}
}

static void row_13_integrated_endpoints(void **state) {
	(void)state;
	for (u32 intel = 0; intel < 2; intel++) {
		struct topology *t = topology_new();
		u16 vendor = intel ? 0x8086 : 0x1234;

		topology_ids(t, topology_endpoint(t, "R0", INTEGRATED, 0, 4, 0), vendor, 1);
		topology_ids(t, topology_endpoint(t, "R1", INTEGRATED, 0, 4, 1), vendor, 2);
		topology_ids(t, topology_endpoint(t, "R2", INTEGRATED, 0, 5, 0), vendor, 3);
		finish(t, intel ? "R0|R1|R2" : "R0,R1|R2");
	}
}

static void row_14_conventional_bus_below_a_switch(void **state) {
	struct topology *t = one_port(true);
	u32 bridge;

	(void)state;
	topology_port(t, "USP", USP, 1, 0, 0, 2, 5, false);
	topology_port(t, "DSP1", DSP, 2, 1, 0, 3, 4, true);
	topology_port(t, "DSP2", DSP, 2, 2, 0, 5, 5, true);
	bridge = topology_port(t, "BR", PCIE_TO_PCI_BRIDGE, 3, 0, 0, 4, 4, false);
	topology_memory_bar(t, bridge, 0, 0xfe000000, 0x1000);
	topology_endpoint(t, "X", PLAIN, 4, 1, 0);
	topology_endpoint(t, "B", EP, 5, 0, 0);
	finish(t, "RP|USP|DSP1|BR,X|DSP2|B");
}

static void row_15_bridge_from_pci_to_pcie(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_bridge(t, topology_add(t, "PB", 0, 30, 0), 1, 2);
	topology_port(t, "C", PCI_TO_PCIE_BRIDGE, 1, 0, 0, 2, 2, false);
	topology_endpoint(t, "A", EP, 2, 0, 0);
	topology_endpoint(t, "Y", PLAIN, 1, 1, 0);
	finish(t, "PB,C,A,Y");
}

static void row_16_controller_that_sends_for_its_own_bus(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_endpoint(t, "VMD", INTEGRATED, 0, 14, 0);
	topology_port(t, "PORT", RP, 0xe0, 6, 0, 0xe1, 0xe1, true);
	topology_endpoint(t, "NVME", EP, 0xe1, 0, 0);
	topology_enumerate(t);
	t->inventory.functions[topology_find(t, "PORT")].parent = topology_find(t, "VMD");
	topology_expect(t, "VMD,PORT,NVME");
	assert_true(topology_has_reason(t, "NVME", GROUP_REAL_DMA, "VMD"));
	topology_free(t);
}

static void row_17_upstream_port_with_a_sibling(void **state) {
	struct topology *t = one_port(true);

	(void)state;
	topology_port(t, "USP", USP, 1, 0, 0, 2, 3, false);
	topology_endpoint(t, "MGMT", EP, 1, 0, 1);
	topology_port(t, "DSP", DSP, 2, 0, 0, 3, 3, true);
	topology_endpoint(t, "A", EP, 3, 0, 0);
	finish(t, "RP|USP,MGMT,DSP,A");
}

static void row_18_dummy_host_bridge(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_class(t, topology_endpoint(t, "DUMMY", PLAIN, 0, 1, 0), 0x060000);
	topology_port(t, "RP1", RP, 0, 1, 1, 1, 1, true);
	topology_port(t, "RP2", RP, 0, 1, 2, 2, 2, true);
	topology_endpoint(t, "A", EP, 1, 0, 0);
	topology_endpoint(t, "B", EP, 2, 0, 0);
	finish(t, "DUMMY|RP1|RP2|A|B");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row_1_ports_with_acs),
		cmocka_unit_test(row_2_one_port_without_acs),
		cmocka_unit_test(row_3_ports_of_one_device_without_acs),
		cmocka_unit_test(row_3c_one_of_three_ports_of_a_device_with_acs),
		cmocka_unit_test(row_4_switch_with_acs),
		cmocka_unit_test(row_4b_switch_with_acs_below_a_port_without),
		cmocka_unit_test(row_5_and_5_prime_switch_without_acs),
		cmocka_unit_test(row_6_one_switch_port_without_acs),
		cmocka_unit_test(row_7_multifunction_endpoint),
		cmocka_unit_test(row_7b_one_function_of_three_with_acs),
		cmocka_unit_test(row_7c_acs_capabilities_without_any_control),
		cmocka_unit_test(row_8_conventional_bus),
		cmocka_unit_test(row_8b_further_bridge_on_a_conventional_bus),
		cmocka_unit_test(row_9_conventional_bridge_on_a_root_bus),
		cmocka_unit_test(row_10_chipset),
		cmocka_unit_test(row_11_virtual_functions),
		cmocka_unit_test(row_11c_virtual_functions_of_a_multifunction_device),
		cmocka_unit_test(row_12_device_that_sends_as_function_1),
		cmocka_unit_test(row_13_integrated_endpoints),
		cmocka_unit_test(row_14_conventional_bus_below_a_switch),
		cmocka_unit_test(row_15_bridge_from_pci_to_pcie),
		cmocka_unit_test(row_16_controller_that_sends_for_its_own_bus),
		cmocka_unit_test(row_17_upstream_port_with_a_sibling),
		cmocka_unit_test(row_18_dummy_host_bridge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
