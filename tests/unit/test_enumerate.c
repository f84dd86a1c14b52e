/* SPDX-License-Identifier: Apache-2.0 */
/* Enumeration: buses, capabilities, BARs, virtual functions, ACS switched on; hostile spaces. */
#include "../../tools/dump.h"
#include "reset.h"
#include "topology.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const struct pci_function *function(struct topology *t, const char *name) {
	return &t->inventory.functions[topology_find(t, name)];
}

static void enumerate(struct topology *t) {
	assert_true(pci_enumerate(&t->inventory, &t->access, NULL));
}

static void tree_is_followed_and_sorted(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_endpoint(t, "DEEP", PCIE_ENDPOINT, 3, 0, 0);
	topology_port(t, "DSP", PCIE_DOWNSTREAM_PORT, 2, 4, 0, 3, 3, true);
	topology_port(t, "USP", PCIE_UPSTREAM_PORT, 1, 0, 0, 2, 3, false);
	topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 3, true);
	topology_endpoint(t, "HOST", PCIE_NONE, 0, 0, 0);
	enumerate(t);
	assert_int_equal(t->inventory.function_count, 5);
	for (u32 i = 1; i < 5; i++)
		assert_true(pci_key(t->inventory.functions[i - 1].address) <
			    pci_key(t->inventory.functions[i].address));
	assert_int_equal(function(t, "DEEP")->parent, topology_find(t, "DSP"));
	assert_int_equal(function(t, "DSP")->parent, topology_find(t, "USP"));
	assert_int_equal(function(t, "USP")->parent, topology_find(t, "RP"));
	assert_int_equal(function(t, "RP")->parent, NONE);
	assert_int_equal(function(t, "RP")->pcie_type, PCIE_ROOT_PORT);
	assert_int_equal(function(t, "HOST")->pcie_type, PCIE_NONE);
	assert_int_equal(function(t, "DEEP")->table_alias, 0x300);
	assert_int_equal(t->inventory.warning_count, 0);
	topology_free(t);
}

static void further_root_buses_are_found(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_endpoint(t, "HOST", PCIE_NONE, 0, 0, 0);
	topology_port(t, "RP", PCIE_ROOT_PORT, 0x40, 2, 0, 0x41, 0x41, true);
	topology_endpoint(t, "EP", PCIE_ENDPOINT, 0x41, 0, 0);
	enumerate(t);
	assert_int_equal(function(t, "RP")->parent, NONE);
	assert_int_equal(function(t, "EP")->parent, topology_find(t, "RP"));
	assert_int_equal(t->inventory.warning_count, 0);
	topology_free(t);
}

static void bus_in_the_range_of_a_bridge_belongs_to_it(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 9, true);
	topology_endpoint(t, "LOST", PCIE_ENDPOINT, 5, 0, 0);
	enumerate(t);
	assert_int_equal(function(t, "LOST")->parent, topology_find(t, "RP"));
	assert_int_equal(t->inventory.warning_count, 1);
	topology_free(t);
}

static void windows_limit_what_is_looked_at(void **state) {
	struct ecam_window windows[] = {{.segment = 0, .first_bus = 0, .last_bus = 3}};
	struct topology *t = topology_new();

	(void)state;
	topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 3, true);
	topology_endpoint(t, "EP", PCIE_ENDPOINT, 1, 0, 0);
	topology_port(t, "FAR", PCIE_ROOT_PORT, 0, 2, 0, 4, 4, true);
	topology_endpoint(t, "HIDDEN", PCIE_ENDPOINT, 4, 0, 0);
	t->inventory.windows = windows;
	t->inventory.window_count = 1;
	enumerate(t);
	assert_int_equal(t->inventory.function_count, 3);
	assert_int_equal(t->inventory.warning_count, 1);
	topology_free(t);
}

static void hostile_bus_numbers(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_bridge(t, topology_add(t, "SELF", 0, 1, 0), 0, 0xff);
	topology_bridge(t, topology_add(t, "GOOD", 0, 2, 0), 1, 4);
	topology_bridge(t, topology_add(t, "BACK", 1, 0, 0), 1, 4); /* to its own bus */
	topology_bridge(t, topology_add(t, "UP", 1, 1, 0), 0, 4);
	topology_bridge(t, topology_add(t, "TWIN", 0, 3, 0), 1, 1); /* GOOD has it */
	topology_bridge(t, topology_add(t, "CROSS", 0, 4, 0), 3, 6); /* overlaps GOOD */
	topology_bridge(t, topology_add(t, "WIDE", 1, 2, 0), 5, 200); /* out of GOOD */
	topology_bridge(t, topology_add(t, "FLAT", 1, 3, 0), 7, 6);
	topology_bridge(t, topology_add(t, "ODD", 5, 0, 0), 255, 255);
	topology_endpoint(t, "END", PCIE_NONE, 255, 0, 0);
	enumerate(t);
	assert_int_equal(t->inventory.function_count, t->count);
	assert_int_equal(function(t, "GOOD")->parent, NONE); /* SELF does not lead to its own bus */
	for (u32 i = 0; i < t->inventory.function_count; i++)
		assert_true(t->inventory.functions[i].parent == NONE ||
			    t->inventory.functions[i].parent < i);
	assert_int_equal(function(t, "BACK")->parent, topology_find(t, "GOOD"));
	assert_int_equal(function(t, "ODD")->parent, topology_find(t, "WIDE"));
	assert_int_equal(function(t, "END")->parent, topology_find(t, "ODD"));
	assert_true(t->inventory.warning_count >= 7);
	assert_true(groups_derive(&t->inventory, NULL, 0));
	topology_free(t);
}

static void bridge_does_not_lead_to_its_own_bus(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_bridge(t, topology_add(t, "LOOP", 7, 0, 0), 7, 7);
	topology_endpoint(t, "A", PCIE_NONE, 7, 1, 0);
	enumerate(t);
	assert_int_equal(function(t, "LOOP")->parent, NONE);
	assert_int_equal(function(t, "A")->parent, NONE);
	assert_int_equal(t->inventory.warning_count, 1);
	topology_free(t);
}

static void ghosts_are_not_counted(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 1, true);
	topology_endpoint(t, "EP", PCIE_ENDPOINT, 1, 0, 0);
	topology_endpoint(t, "GHOST", PCIE_ENDPOINT, 1, 1, 0); /* a link has one device */
	topology_endpoint(t, "ECHO", PCIE_ENDPOINT, 0, 5, 0);
	u32 first = topology_endpoint(t, "ECHO.1", PCIE_ENDPOINT, 0, 5, 1);
	t->functions[first - 1].space[PCI_HEADER_TYPE] = 0; /* one function, says its flag */
	enumerate(t);
	assert_int_equal(t->inventory.function_count, 3);
	topology_free(t);
}

static void functions_above_7_are_found_by_ari(void **state) {
	static const u8 next[] = {3, 9, 3}; /* 0, 3, 9, and back to 3 */
	struct topology *t = topology_new();
	u32 port = topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 1, true);
	u32 f[3];

	(void)state;
	topology_put(t, port, PCI_CAPABILITY_FIRST + PCIE_DEVICE_CONTROL2, 2,
		     PCIE_CONTROL2_ARI_FORWARDING);
	f[0] = topology_endpoint(t, "F0", PCIE_ENDPOINT, 1, 0, 0);
	f[1] = topology_endpoint(t, "F3", PCIE_ENDPOINT, 1, 0, 3);
	f[2] = topology_endpoint(t, "F9", PCIE_ENDPOINT, 1, 1, 1);
	for (u32 i = 0; i < 3; i++)
		topology_put(t, f[i], topology_extended(t, f[i], PCI_EXTENDED_ARI, ARI_SIZE) + 4u,
			     2, (u32)next[i] << 8);
	topology_enumerate(t);
	assert_int_equal(t->inventory.function_count, 4);
	assert_true(function(t, "F9")->multifunction);
	assert_int_not_equal(function(t, "F9")->ari, 0);
	topology_expect(t, "RP|F0,F3,F9"); /* one device */
	topology_free(t);
}

static void capabilities_are_found(void **state) {
	struct topology *t = topology_new();
	u32 f = topology_endpoint(t, "EP", PCIE_ENDPOINT, 0, 3, 0);

	(void)state;
	topology_capability(t, f, PCI_CAPABILITY_PM, 8);
	u16 msix = topology_capability(t, f, PCI_CAPABILITY_MSIX, 12);
	u16 ats = topology_extended(t, f, PCI_EXTENDED_ATS, 8);
	topology_extended(t, f, PCI_EXTENDED_ARI, ARI_SIZE);
	topology_put(t, f, PCI_SUBSYSTEM_VENDOR_ID, 2, 0x1af4);
	enumerate(t);
	assert_int_equal(function(t, "EP")->msix, msix);
	assert_int_equal(function(t, "EP")->ats, ats);
	assert_int_not_equal(function(t, "EP")->ari, 0);
	assert_int_equal(function(t, "EP")->acs, 0);
	assert_int_equal(function(t, "EP")->config_size, PCIE_CONFIG_SIZE);
	assert_int_equal(function(t, "EP")->subsystem_vendor, 0x1af4);
	topology_free(t);
}

static void hostile_capability_lists_end(void **state) {
	struct topology *t = topology_new();
	u32 loop = topology_endpoint(t, "LOOP", PCIE_ENDPOINT, 0, 3, 0);
	u32 edge = topology_endpoint(t, "EDGE", PCIE_ENDPOINT, 0, 4, 0);
	u32 ones = topology_endpoint(t, "ONES", PCIE_NONE, 0, 5, 0);
	u16 at = topology_extended(t, loop, PCI_EXTENDED_ATS, ATS_SIZE);

	(void)state;
	t->functions[loop].space[PCI_CAPABILITY_FIRST + 1] = PCI_CAPABILITY_FIRST;
	topology_put(t, loop, at + 2u, 2, (u32)at << 4 | 1);
	/* capabilities that do not fit into their space */
	t->functions[edge].space[PCI_CAPABILITY_FIRST + 1] = 0xfc;
	topology_put(t, edge, 0xfc, 2, PCI_CAPABILITY_MSIX);
	topology_put(t, edge, PCI_EXTENDED_FIRST, 4, 0xffcu << 20 | 1u << 16 | PCI_EXTENDED_ARI);
	topology_put(t, edge, 0xffc, 4, 1u << 16 | PCI_EXTENDED_ACS);
	/* pointer into the header, and to nothing */
	topology_put(t, ones, PCI_STATUS, 2, PCI_STATUS_CAPABILITIES);
	topology_put(t, ones, PCI_CAPABILITIES, 1, 0x10);
	t->reads = 0;
	enumerate(t);
	assert_int_equal(function(t, "LOOP")->ats, at);
	assert_int_equal(function(t, "EDGE")->msix, 0);
	assert_int_equal(function(t, "EDGE")->acs, 0);
	assert_int_equal(t->inventory.warning_count, 2);
	assert_true(t->reads < 40000);
	topology_free(t);
}

static void bars_are_sized_with_decoding_off(void **state) {
	struct topology *t = topology_new();
	u32 f = topology_endpoint(t, "EP", PCIE_ENDPOINT, 0, 3, 0);
	const struct pci_bar *bars;

	(void)state;
	topology_put(t, f, PCI_COMMAND, 2, 0x7);
	topology_memory_bar(t, f, 0, 0xfe800000, 0x4000);
	topology_memory_bar(t, f, 1, 0x0000000c, 0x80000000); /* 64 bits, prefetchable, 8 GiB */
	t->functions[f].writable[PCI_BAR0 + 7] = 0;
	topology_memory_bar(t, f, 2, 0x00000004, 2);
	memset(&t->functions[f].writable[PCI_BAR0 + 8], 0, 4);
	t->functions[f].writable[PCI_BAR0 + 8] = 0xfe;
	t->functions[f].writable[PCI_BAR0 + 9] = 0xff;
	t->functions[f].writable[PCI_BAR0 + 10] = 0xff;
	t->functions[f].writable[PCI_BAR0 + 11] = 0xff;
	topology_put(t, f, PCI_BAR0 + 12, 4, 0xc001);
	t->functions[f].writable[PCI_BAR0 + 12] = 0xe0;
	t->functions[f].writable[PCI_BAR0 + 13] = 0xff;
	topology_put(t, f, PCI_BAR0 + 20, 4, 0x00000004); /* 64 bits, but there is no next one */
	topology_put(t, f, PCI_ROM, 4, 0xfeb00001);
	t->functions[f].writable[PCI_ROM + 2] = 0xfc;
	t->functions[f].writable[PCI_ROM + 3] = 0xff;
	/* BAR 1 and 2 are one: upper half wants 8 GiB */
	enumerate(t);
	bars = function(t, "EP")->bars;
	assert_true(bars[0].base == 0xfe800000 && bars[0].size == 0x4000 && !bars[0].io);
	assert_true(bars[1].is_64bit && bars[1].prefetchable && bars[1].size == 0x200000000ull);
	assert_true(bars[1].base == 0x400000000ull);
	assert_true(bars[2].size == 0);
	assert_true(bars[3].io && bars[3].base == 0xc000 && bars[3].size == 0x20);
	assert_true(bars[5].size == 0 && !bars[5].is_64bit);
	assert_true(bars[PCI_BAR_ROM].base == 0xfeb00000 && bars[PCI_BAR_ROM].size == 0x40000);
	assert_int_equal(topology_get(t, f, PCI_COMMAND, 2), 7);
	assert_int_equal(topology_get(t, f, PCI_BAR0, 4), 0xfe800000);
	assert_int_equal(topology_get(t, f, PCI_BAR0 + 12, 4), 0xc001);
	assert_int_equal(topology_get(t, f, PCI_ROM, 4), 0xfeb00001);
	topology_free(t);
}

static void what_is_in_use_is_not_sized(void **state) {
	static const u32 classes[] = {0x060000, 0x080010, 0x080020, 0x080600};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(classes); i++) {
		struct topology *t = topology_new();
		u32 f = topology_endpoint(t, "F", PCIE_NONE, 0, 0, 0);

		topology_class(t, f, classes[i]);
		topology_memory_bar(t, f, 0, 0xfec00000, 0x1000);
		enumerate(t);
		assert_int_equal(t->writes, 0);
		assert_true(function(t, "F")->bars[0].base == 0xfec00000);
		assert_false(pci_assignable(&t->inventory, 0));
		topology_free(t);
	}
}

static void virtual_functions_are_linked(void **state) {
	static const char *const names[] = {"V0", "V1", "V2"};
	struct topology *t = topology_new();
	u32 pf;

	(void)state;
	topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 2, true);
	pf = topology_endpoint(t, "PF", PCIE_ENDPOINT, 1, 0, 0);
	topology_virtual(t, pf, 0x80, 0x40, 3, names);
	enumerate(t);
	assert_int_equal(t->inventory.function_count, 5);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(function(t, names[i])->physical, topology_find(t, "PF"));
		assert_int_equal(function(t, names[i])->parent, topology_find(t, "RP"));
		assert_int_equal(function(t, names[i])->device, 0xbeef);
		assert_int_equal(function(t, names[i])->vendor, 0x1234);
		assert_false(function(t, names[i])->multifunction);
	}
	assert_int_equal(function(t, "V2")->address.bus, 2);
	topology_free(t);
}

static void virtual_functions_are_assignable(void **state) {
	static const char *const names[] = {"V0"};
	struct topology *t = topology_new();

	(void)state;
	topology_virtual(t, topology_endpoint(t, "PF", PCIE_ENDPOINT, 0, 3, 0), 1, 1, 1, names);
	enumerate(t);
	assert_true(pci_assignable(&t->inventory, topology_find(t, "PF")));
	assert_true(pci_assignable(&t->inventory, topology_find(t, "V0")));
	topology_free(t);
}

#define VIRTUAL_BASE 0x380000000000ull
static u32 waited;

static void wait(u32 milliseconds) {
	waited += milliseconds;
}

/* RP to buses 1 and 2, PF that offers seven, of which the last two are on bus 2; ARI reaches up to there. */
static struct topology *offering(struct sriov_request *request, u64 base) {
	static const char *const names[] = {"V0", "V1", "V2", "V3", "V4", "V5", "V6"};
	struct topology *t = topology_new();
	u32 rp = topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 2, true);
	u32 pf = topology_endpoint(t, "PF", PCIE_ENDPOINT, 1, 0, 0);

	topology_put(t, rp, PCI_CAPABILITY_FIRST + PCIE_DEVICE_CONTROL2, 2,
		     PCIE_CONTROL2_ARI_FORWARDING);
	topology_extended(t, pf, PCI_EXTENDED_ARI, ARI_SIZE);
	topology_offer_virtual(t, pf, 0x80, 0x20, 7, names, base);
	*request = (struct sriov_request){
		.physical = {0, 1, 0}, .count = 3, .refusal = "not looked at"};
	t->inventory.requests = request;
	t->inventory.request_count = 1;
	waited = 0;
	return t;
}

static u32 sriov_get(struct topology *t, u32 offset, u8 width) {
	return topology_get(t, 1, t->functions[1].sriov + offset, width);
}

static void sriov_put(struct topology *t, u32 offset, u8 width, u32 value) {
	topology_put(t, 1, t->functions[1].sriov + offset, width, value);
}

static void requested_virtual_functions_are_switched_on(void **state) {
	struct sriov_request request;
	struct topology *t = offering(&request, VIRTUAL_BASE);

	(void)state;
	topology_put(t, 1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(pci_enumerate(&t->inventory, &t->access, wait));
	assert_null(request.refusal);
	assert_int_equal(request.limit, 7);
	assert_int_equal(waited, 100);
	assert_int_equal(t->inventory.function_count, 5);
	assert_int_equal(sriov_get(t, SRIOV_NUM_VFS, 2), 3);
	assert_int_equal(sriov_get(t, SRIOV_PAGE_SIZE, 4), SRIOV_PAGE_4K);
	assert_int_equal(sriov_get(t, SRIOV_CONTROL, 2),
			 SRIOV_VF_ENABLE | SRIOV_VF_MEMORY | SRIOV_ARI_HIERARCHY);
	assert_int_equal(topology_get(t, 1, PCI_COMMAND, 2), PCI_COMMAND_MEMORY);
	assert_int_equal(function(t, "V2")->physical, topology_find(t, "PF"));
	assert_true(function(t, "V0")->bars[0].base == VIRTUAL_BASE);
	assert_true(function(t, "V2")->bars[0].base == VIRTUAL_BASE + 2 * 0x4000);
	assert_true(function(t, "V2")->bars[0].size == 0x4000);
	assert_true(function(t, "V2")->bars[0].is_64bit);
	assert_true(pci_assignable(&t->inventory, topology_find(t, "V2")));
	/* again, as with a larger arena: they are not taken for the firmware's */
	assert_true(pci_enumerate(&t->inventory, &t->access, wait));
	assert_int_equal(t->inventory.function_count, 5);
	assert_int_equal(request.limit, 7);
	waited = 100;
	sriov_restore(&t->inventory, &t->access, wait);
	assert_int_equal(sriov_get(t, SRIOV_CONTROL, 2), 0);
	assert_int_equal(waited, 100 + 1000);
	sriov_restore(&t->inventory, &t->access, wait);
	assert_int_equal(waited, 100 + 1000);
	topology_free(t);
}

/* All of them, on several buses: those above the first one need no ARI. */
static void virtual_functions_reach_as_far_as_their_port(void **state) {
	struct sriov_request request;
	struct topology *t = offering(&request, VIRTUAL_BASE);

	(void)state;
	request.count = 7;
	assert_true(pci_enumerate(&t->inventory, &t->access, wait));
	assert_null(request.refusal);
	assert_int_equal(t->inventory.function_count, 9);
	assert_int_equal(function(t, "V6")->address.bus, 2);
	assert_int_equal(function(t, "V6")->parent, topology_find(t, "RP"));
	topology_free(t);

	t = offering(&request, VIRTUAL_BASE);
	topology_put(t, 0, PCI_CAPABILITY_FIRST + PCIE_DEVICE_CONTROL2, 2, 0);
	assert_true(pci_enumerate(&t->inventory, &t->access, wait));
	assert_non_null(strstr(request.refusal, "ARI"));
	sriov_put(t, SRIOV_OFFSET, 2, 0x100);
	sriov_put(t, SRIOV_STRIDE, 2, 0x20);
	assert_true(pci_enumerate(&t->inventory, &t->access, wait));
	assert_null(request.refusal);
	assert_int_equal(sriov_get(t, SRIOV_CONTROL, 2), SRIOV_VF_ENABLE | SRIOV_VF_MEMORY);
	topology_free(t);
}

static void wrong_requests_change_nothing(void **state) {
	static const struct {
		u32 offset;
		u8 width;
		u32 value;
	} breaks[] = {
		{SRIOV_INITIAL_VFS, 2, 2}, {SRIOV_TOTAL_VFS, 2, 2},
		{SRIOV_PAGE_SIZES, 4, 2},  {SRIOV_OFFSET, 2, 0},
		{SRIOV_STRIDE, 2, 0},      {SRIOV_STRIDE, 2, 0x100}, /* to bus 3 */
		{SRIOV_STRIDE, 2, 0xffff}, /* out of the segment */
		{SRIOV_BAR0 + 4, 4, 0},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(breaks); i++) {
		struct sriov_request request;
		struct topology *t = offering(&request, VIRTUAL_BASE);

		sriov_put(t, breaks[i].offset, breaks[i].width, breaks[i].value);
		assert_true(pci_enumerate(&t->inventory, &t->access, wait));
		assert_non_null(request.refusal);
		assert_string_not_equal(request.refusal, "not looked at");
		assert_int_equal(sriov_get(t, SRIOV_CONTROL, 2) & SRIOV_VF_ENABLE, 0);
		assert_int_equal(t->inventory.function_count, 2);
		assert_int_equal(waited, 0);
		sriov_restore(&t->inventory, &t->access, wait);
		assert_int_equal(sriov_get(t, SRIOV_CONTROL, 2), 0);
		topology_free(t);
	}
}

/* Another port leads to bus 2, which the first one claims as well. */
static void virtual_functions_keep_off_other_ports(void **state) {
	struct sriov_request request;
	struct topology *t = offering(&request, VIRTUAL_BASE);

	(void)state;
	request.count = 7;
	t->functions[0].address.devfn = PCI_DEVFN(2, 0);
	t->count = 2;
	topology_port(t, "OTHER", PCIE_ROOT_PORT, 0, 1, 0, 2, 2, true);
	assert_true(pci_enumerate(&t->inventory, &t->access, wait));
	assert_non_null(strstr(request.refusal, "bus numbers"));
	topology_free(t);
}

static void firmwares_virtual_functions_stay(void **state) {
	struct sriov_request request;
	struct topology *t = offering(&request, VIRTUAL_BASE);

	(void)state;
	sriov_put(t, SRIOV_NUM_VFS, 2, 4);
	sriov_put(t, SRIOV_CONTROL, 2, SRIOV_VF_ENABLE);
	assert_true(pci_enumerate(&t->inventory, &t->access, wait));
	assert_null(request.refusal);
	assert_int_equal(t->inventory.function_count, 6);
	assert_int_equal(sriov_get(t, SRIOV_CONTROL, 2), SRIOV_VF_ENABLE | SRIOV_VF_MEMORY);
	sriov_restore(&t->inventory, &t->access, wait);
	assert_int_equal(sriov_get(t, SRIOV_CONTROL, 2), SRIOV_VF_ENABLE);
	assert_int_equal(waited, 100);
	request.count = 5;
	assert_true(pci_enumerate(&t->inventory, &t->access, wait));
	assert_non_null(request.refusal);
	assert_int_equal(request.limit, 4);
	assert_int_equal(t->inventory.function_count, 6);
	topology_free(t);
}

/* They need not be in it: a file is checked against what would be. */
static void a_snapshot_shows_what_would_be(void **state) {
	struct sriov_request request;
	struct topology *t = offering(&request, VIRTUAL_BASE);

	(void)state;
	t->access.write = NULL;
	t->count = 2;
	topology_put(t, 1, PCI_CAPABILITY_FIRST + PCIE_DEVICE_CAPABILITIES, 4, PCIE_DEVICE_FLR);
	topology_acs(t, 1, 0);
	assert_true(pci_enumerate(&t->inventory, &t->access, NULL));
	assert_null(request.refusal);
	assert_int_equal(t->inventory.function_count, 5);
	const struct pci_function *v = &t->inventory.functions[4];

	assert_int_equal(pci_requester_id(v->address), 0x1c0);
	assert_int_equal(v->device, 0xbeef);
	assert_int_equal(v->vendor, 0x1234);
	assert_int_equal(v->class_code, 0x020000);
	assert_int_equal(v->physical, 1);
	assert_int_equal(v->acs, 0);
	assert_int_equal(v->sriov, 0);
	assert_int_equal(pci_reset_method(&t->inventory, 4), RESET_FLR);
	assert_true(pci_assignable(&t->inventory, 4));
	acs_enable(&t->inventory, &t->access);
	assert_true(groups_derive(&t->inventory, NULL, 0));
	assert_int_equal(t->inventory.group_count, 5);
	request.count = 8;
	assert_true(pci_enumerate(&t->inventory, &t->access, NULL));
	assert_non_null(request.refusal);
	assert_int_equal(t->inventory.function_count, 2);
	topology_free(t);
}

static void absent_virtual_functions_are_not_made_up(void **state) {
	static const char *const names[] = {"V0"};
	struct topology *t = topology_new();
	u32 pf = topology_endpoint(t, "PF", PCIE_ENDPOINT, 0, 3, 0);

	(void)state;
	topology_virtual(t, pf, 0xffff, 0xffff, 0, names);
	topology_put(t, pf, PCI_EXTENDED_FIRST + SRIOV_NUM_VFS, 2, 0xffff);
	enumerate(t);
	assert_int_equal(t->inventory.function_count, 1);
	topology_put(t, pf, PCI_EXTENDED_FIRST + SRIOV_OFFSET, 2, 1);
	topology_put(t, pf, PCI_EXTENDED_FIRST + SRIOV_STRIDE, 2, 0);
	enumerate(t);
	assert_int_equal(t->inventory.function_count, 1);
	topology_free(t);
}

static void paths_are_opened_up_to_the_root(void **state) {
	struct topology *t = topology_new();

	(void)state;
	u32 rp = topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 3, true);
	u32 usp = topology_port(t, "USP", PCIE_UPSTREAM_PORT, 1, 0, 0, 2, 3, false);
	u32 dsp = topology_port(t, "DSP", PCIE_DOWNSTREAM_PORT, 2, 0, 0, 3, 3, true);
	u32 other = topology_port(t, "OTHER", PCIE_ROOT_PORT, 0, 2, 0, 4, 4, true);
	u32 ep = topology_endpoint(t, "EP", PCIE_ENDPOINT, 3, 0, 0);

	topology_put(t, usp, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	enumerate(t);
	pci_open_path(&t->inventory, topology_find(t, "EP"), &t->access);
	assert_int_equal(topology_get(t, rp, PCI_COMMAND, 2), 7);
	assert_int_equal(topology_get(t, usp, PCI_COMMAND, 2), 0x407);
	assert_int_equal(topology_get(t, dsp, PCI_COMMAND, 2), 7);
	assert_int_equal(topology_get(t, other, PCI_COMMAND, 2), 0);
	assert_int_equal(topology_get(t, ep, PCI_COMMAND, 2), 0);
	topology_free(t);
}

static enum reset_method method(struct topology *t, const char *name) {
	return pci_reset_method(&t->inventory, topology_find(t, name));
}

static void reset_methods_are_known_after_enumeration(void **state) {
	struct topology *t = topology_new();
	u32 whole = topology_endpoint(t, "WHOLE", PCIE_NONE, 0, 3, 0);
	u32 half = topology_endpoint(t, "HALF", PCIE_NONE, 0, 4, 0);
	u32 stays = topology_endpoint(t, "STAYS", PCIE_NONE, 0, 5, 0);
	u32 flr = topology_endpoint(t, "FLR", PCIE_ENDPOINT, 0, 6, 0);

	(void)state;
	topology_put(t, whole, topology_capability(t, whole, PCI_CAPABILITY_AF, 6) + 3u, 1, 3);
	topology_put(t, half, topology_capability(t, half, PCI_CAPABILITY_AF, 6) + 3u, 1, 1);
	topology_capability(t, half, PCI_CAPABILITY_PM, 8);
	topology_put(t, stays, topology_capability(t, stays, PCI_CAPABILITY_PM, 8) + 4u, 2, 8);
	topology_put(t, flr, PCI_CAPABILITY_FIRST + PCIE_DEVICE_CAPABILITIES, 4, PCIE_DEVICE_FLR);
	enumerate(t);
	assert_int_equal(method(t, "WHOLE"), RESET_AF_FLR);
	assert_int_equal(method(t, "HALF"), RESET_POWER_STATE);
	assert_int_equal(method(t, "STAYS"), RESET_NONE);
	assert_int_equal(method(t, "FLR"), RESET_FLR);
	topology_free(t);
}

static void acs_is_switched_on_and_put_back(void **state) {
	struct topology *t = topology_new();
	u32 f = topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 1, false);
	u32 control = PCI_EXTENDED_FIRST + ACS_CONTROL;

	(void)state;
	topology_acs(t, f, 0x7f);
	topology_put(t, f, control, 2, 0x61); /* firmware: egress control and direct translated */
	enumerate(t);
	assert_int_equal(function(t, "RP")->acs_control, 0x61);
	acs_enable(&t->inventory, &t->access);
	assert_int_equal(topology_get(t, f, control, 2), 0x1f);
	assert_int_equal(function(t, "RP")->acs_control, 0x1f);
	assert_int_equal(t->inventory.warning_count, 0);
	acs_restore(&t->inventory, &t->access);
	assert_int_equal(topology_get(t, f, control, 2), 0x61);
	t->functions[f].writable[control] = 0; /* it says that it can, and does not */
	acs_enable(&t->inventory, &t->access);
	assert_int_equal(function(t, "RP")->acs_control, 0x61);
	assert_int_equal(t->inventory.warning_count, 1);
	topology_free(t);
}

static void acs_registers_of_some_chipsets_are_dwords(void **state) {
	struct topology *t = topology_new();
	u32 f = topology_port(t, "RP", PCIE_ROOT_PORT, 0, 0x1c, 0, 1, 1, false);

	(void)state;
	topology_ids(t, f, 0x8086, 0xa110);
	topology_acs(t, f, 0x1f);
	t->functions[f].writable[PCI_EXTENDED_FIRST + 6] = 0;
	t->functions[f].writable[PCI_EXTENDED_FIRST + 8] = 0x1f;
	topology_endpoint(t, "A", PCIE_ENDPOINT, 1, 0, 0);
	topology_enumerate(t);
	assert_int_equal(topology_get(t, f, PCI_EXTENDED_FIRST + 8, 4), 0x1f);
	topology_expect(t, "RP|A");
	topology_free(t);
}

static void any_bytes_do_no_harm(void **state) {
	unsigned int seed = 7;

	(void)state;
	for (u32 round = 0; round < 60; round++) {
		struct topology *t = topology_new();

		for (u32 i = 0; i < 24; i++) {
			u32 f = topology_add(t, "F", (u8)(i / 8), (u8)(i % 8), 0);

			for (u32 k = 0; k < PCIE_CONFIG_SIZE; k++) {
				t->functions[f].space[k] = (u8)(rand_r(&seed) & rand_r(&seed));
				t->functions[f].writable[k] = (u8)rand_r(&seed);
			}
			t->functions[f].size = PCIE_CONFIG_SIZE;
			t->functions[f].writable[PCI_COMMAND] = 7;
			t->functions[f].space[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
			t->functions[f].space[PCI_CAPABILITIES] = PCI_CAPABILITY_FIRST;
			t->functions[f].space[PCI_CAPABILITY_FIRST] = PCI_CAPABILITY_PCIE;
			t->functions[f].space[PCI_HEADER_TYPE] &= 0x83;
			t->functions[f].space[PCI_SECONDARY_BUS] &= 3;
			topology_put(t, f, PCI_EXTENDED_FIRST, 4, 0x1400010du + (i & 3));
		}
		if (pci_enumerate(&t->inventory, &t->access, NULL)) {
			acs_enable(&t->inventory, &t->access);
			assert_true(groups_derive(&t->inventory, NULL, 0));
			expect_order_free(&t->inventory, NULL, 0);
			acs_restore(&t->inventory, &t->access);
		}
		topology_free(t);
	}
}

static void a_small_arena_is_an_error(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_endpoint(t, "F", PCIE_NONE, 0, 0, 0);
	t->arena.size = 64;
	assert_false(pci_enumerate(&t->inventory, &t->access, NULL));
	topology_free(t);
}

static bool read_text(struct dump *dump, const char *text, char *error) {
	int file = memfd_create("dump", 0);
	char path[64];
	bool fine;

	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	fine = dump_read(dump, path, error, 128);
	close(file);
	return fine;
}

static void dumps_are_read(void **state) {
	struct pci_address a = {0, 0, PCI_DEVFN(2, 0)};
	struct dump dump;
	char error[128];

	(void)state;
	assert_true(read_text(&dump,
			      "00:02.0 Class 0300: 1234:1111 (rev 02)\n"
			      "00: 34 12 11 11 07 00 00 00 02 00 00 03 00 00 00 00\n"
			      "f0: 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ab\n\n"
			      "10000:e0:06.0 PCI bridge: behind a controller\n"
			      "00: 86 80 0b 9a 07 04 10 00 00 00 04 06 10 00 01 00\n",
			      error));
	assert_int_equal(dump.count, 1);
	assert_int_equal(dump.skipped, 1);
	assert_int_equal(dump.access.read(&dump.access, a, 0, 4), 0x11111234);
	assert_int_equal(dump.access.read(&dump.access, a, 0xff, 1), 0xab);
	/* A row in between that was left out: as if nobody answered. */
	assert_int_equal(dump.access.read(&dump.access, a, 0x80, 4), 0xffffffff);
	a.devfn = 0;
	assert_int_equal(dump.access.read(&dump.access, a, 0, 4), 0xffffffff);
	dump_free(&dump);
}

static void wrong_dumps_are_refused(void **state) {
	static const char row[] = "00: 34 12 11 11 07 00 00 00 02 00 00 03 00 00 00 00\n";
	struct dump dump;
	char error[128], text[512];

	(void)state;
	assert_false(read_text(&dump, "nothing\n", error));
	dump_free(&dump);
	assert_false(read_text(&dump, row, error));
	dump_free(&dump);
	snprintf(text, sizeof(text), "00:3f.0 VGA\n%s", row);
	assert_false(read_text(&dump, text, error));
	assert_non_null(strstr(error, "3f.0"));
	dump_free(&dump);
	snprintf(text, sizeof(text), "00:02.0 VGA\n%szz\n00: zz\n", row);
	assert_false(read_text(&dump, text, error));
	dump_free(&dump);
	snprintf(text, sizeof(text), "00:02.0 VGA\n%s00:02.0 VGA\n%s", row, row);
	assert_false(read_text(&dump, text, error));
	dump_free(&dump);
}

static void the_header_alone_shows_no_capabilities(void **state) {
	struct pci_address a = {0, 0, PCI_DEVFN(2, 0)};
	struct dump dump;
	char error[128];

	(void)state;
	assert_true(read_text(&dump,
			      "00:02.0 Class 0300: 1234:1111 (rev 02)\n"
			      "00: 34 12 11 11 07 00 10 00 02 00 00 03 00 00 00 00\n"
			      "30: 00 00 00 00 40 00 00 00 00 00 00 00 00 00 00 00\n",
			      error));
	assert_int_equal(dump.functions[0].size, 64);
	assert_int_equal(dump.access.read(&dump.access, a, 0x40, 4), 0);
	assert_int_equal(dump.access.space(&dump.access, a), 256);
	dump_free(&dump);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_is_followed_and_sorted),
		cmocka_unit_test(further_root_buses_are_found),
		cmocka_unit_test(bus_in_the_range_of_a_bridge_belongs_to_it),
		cmocka_unit_test(windows_limit_what_is_looked_at),
		cmocka_unit_test(hostile_bus_numbers),
		cmocka_unit_test(bridge_does_not_lead_to_its_own_bus),
		cmocka_unit_test(ghosts_are_not_counted),
		cmocka_unit_test(functions_above_7_are_found_by_ari),
		cmocka_unit_test(capabilities_are_found),
		cmocka_unit_test(hostile_capability_lists_end),
		cmocka_unit_test(bars_are_sized_with_decoding_off),
		cmocka_unit_test(what_is_in_use_is_not_sized),
		cmocka_unit_test(virtual_functions_are_linked),
		cmocka_unit_test(virtual_functions_are_assignable),
		cmocka_unit_test(requested_virtual_functions_are_switched_on),
		cmocka_unit_test(virtual_functions_reach_as_far_as_their_port),
		cmocka_unit_test(wrong_requests_change_nothing),
		cmocka_unit_test(virtual_functions_keep_off_other_ports),
		cmocka_unit_test(firmwares_virtual_functions_stay),
		cmocka_unit_test(a_snapshot_shows_what_would_be),
		cmocka_unit_test(absent_virtual_functions_are_not_made_up),
		cmocka_unit_test(paths_are_opened_up_to_the_root),
		cmocka_unit_test(reset_methods_are_known_after_enumeration),
		cmocka_unit_test(acs_is_switched_on_and_put_back),
		cmocka_unit_test(acs_registers_of_some_chipsets_are_dwords),
		cmocka_unit_test(any_bytes_do_no_harm),
		cmocka_unit_test(a_small_arena_is_an_error),
		cmocka_unit_test(dumps_are_read),
		cmocka_unit_test(wrong_dumps_are_refused),
		cmocka_unit_test(the_header_alone_shows_no_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
