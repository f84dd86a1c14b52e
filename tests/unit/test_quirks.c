/* SPDX-License-Identifier: Apache-2.0 */
#include "../../pci/quirks.h"
#include "topology.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* What data sheets, errata and bug reports say of single devices; written apart from quirks.txt. */
struct expectation {
	u16 vendor, device;
	u8 pcie_type;
	u32 quirks;
};

static const struct expectation expectations[] = {
	/* Intel 82571EB, 82599, I350; XL710 has real ACS instead */
	{0x8086, 0x105e, PCIE_ENDPOINT, QUIRK_ISOLATES},
	{0x8086, 0x10fb, PCIE_ENDPOINT, QUIRK_ISOLATES},
	{0x8086, 0x1521, PCIE_ENDPOINT, QUIRK_ISOLATES},
	{0x8086, 0x1572, PCIE_ENDPOINT, 0},
	/* the quad 82571 sits on a switch without ACS */
	{0x8086, 0x10a4, PCIE_ENDPOINT, 0},
	/* whatever Intel integrates */
	{0x8086, 0xffff, PCIE_RC_ENDPOINT, QUIRK_ISOLATES},
	{0x8086, 0x0000, PCIE_RC_ENDPOINT, QUIRK_ISOLATES},
	{0x1022, 0x1487, PCIE_RC_ENDPOINT, QUIRK_NO_FLR},
	/* chipset ports with dword registers, and functions of the same IDs that are none */
	{0x8086, 0xa110, PCIE_ROOT_PORT, QUIRK_ACS_DWORDS},
	{0x8086, 0xa120, PCIE_ROOT_PORT, 0},
	{0x8086, 0x9d1b, PCIE_ROOT_PORT, QUIRK_ACS_DWORDS},
	{0x8086, 0xa2ee, PCIE_ROOT_PORT, QUIRK_ACS_DWORDS},
	{0x8086, 0xa110, PCIE_ENDPOINT, 0},
	/* 82579LM has no working reset, and isolates where it is integrated */
	{0x8086, 0x1502, PCIE_NONE, QUIRK_NO_FLR},
	{0x8086, 0x1502, PCIE_RC_ENDPOINT, QUIRK_NO_FLR | QUIRK_ISOLATES},
	{0x8086, 0x10ed, PCIE_ENDPOINT, QUIRK_UNSAID_FLR},
	{0x8086, 0x0953, PCIE_ENDPOINT, QUIRK_SLOW_AFTER_FLR},
	/* Marvell 88SE9230, and one that is not known for it */
	{0x1b4b, 0x9230, PCIE_LEGACY_ENDPOINT, QUIRK_ALIAS_FUNCTION_1},
	{0x1b4b, 0x9231, PCIE_LEGACY_ENDPOINT, 0},
	{0x1180, 0xe832, PCIE_ENDPOINT, QUIRK_ALIAS_FUNCTION_0},
	{0x10b5, 0x87b1, PCIE_ENDPOINT, QUIRK_ALIAS_BUS},
	{0x8086, 0x2264, PCIE_ENDPOINT, QUIRK_ALIAS_PHI_CARD},
	{0x8086, 0x2957, PCIE_ENDPOINT, 0},
	{0x8086, 0x295a, PCIE_ENDPOINT, QUIRK_ALIAS_FIVE_EACH},
	{0x1a03, 0x1150, PCIE_TO_PCI_BRIDGE, QUIRK_KEEPS_IDS},
	{0x111d, 0x80b5, PCIE_DOWNSTREAM_PORT, QUIRK_NO_SOURCE_VALIDATION},
	/* Zhaoxin: some ports, no other port, and everything else as it says */
	{0x1d17, 0x0752, PCIE_ROOT_PORT, QUIRK_ISOLATES | QUIRK_OPEN},
	{0x1d17, 0x0722, PCIE_ROOT_PORT, QUIRK_OPEN},
	{0x1d17, 0x0722, PCIE_DOWNSTREAM_PORT, QUIRK_OPEN},
	{0x1d17, 0x0722, PCIE_ENDPOINT, 0},
	{0x8088, 0x0110, PCIE_ENDPOINT, QUIRK_OPEN},
	{0x8088, 0x010f, PCIE_ENDPOINT, QUIRK_ISOLATES | QUIRK_OPEN},
	/* MediaTek MT7922 and MT7925 */
	{0x14c3, 0x0616, PCIE_ENDPOINT, QUIRK_NO_FLR},
	{0x14c3, 0x7925, PCIE_ENDPOINT, QUIRK_NO_FLR},
	{0x15b3, 0xcf70, PCIE_ENDPOINT, QUIRK_NO_POWER_RESET},
	/* volume management devices: two of them, one as the chipset has it */
	{0x8086, 0x201d, PCIE_RC_ENDPOINT, QUIRK_PRIVATE_DOMAIN | QUIRK_ISOLATES},
	{0x8086, 0xa77f, PCIE_ENDPOINT, QUIRK_PRIVATE_DOMAIN},
	{0x10de, 0x2e3f, PCIE_ENDPOINT, QUIRK_COHERENT},
	{0x10de, 0x2e40, PCIE_ENDPOINT, 0},
	/* nobody, and nobody's neighbours */
	{0x0000, 0x0000, PCIE_ENDPOINT, 0},
	{0xffff, 0xffff, PCIE_ENDPOINT, 0},
	{0x8085, 0x105e, PCIE_ENDPOINT, 0},
	{0x8087, 0x105e, PCIE_ENDPOINT, 0},
};

static u32 find(struct pci_function f) {
	struct inventory inventory = {.functions = &f, .function_count = 1};

	f.parent = NONE;
	quirks_find(&inventory, &f);
	return f.quirks;
}

static void devices_that_are_known(void **state) {
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(expectations); i++) {
		const struct expectation *e = &expectations[i];
		u32 found = find((struct pci_function){
			.vendor = e->vendor, .device = e->device, .pcie_type = e->pcie_type});

		if (found != e->quirks)
			fail_msg("%04x:%04x of type %u: 0x%x, not 0x%x", e->vendor, e->device,
				 e->pcie_type, found, e->quirks);
	}
}

static void conditions(void **state) {
	struct pci_function f = {.vendor = 0x1002, .device = 0x4385, .pcie_type = PCIE_NONE};

	(void)state;
	assert_int_equal(find(f), 0);
	f.multifunction = true;
	assert_int_equal(find(f), QUIRK_ISOLATES);
	/* any of ATI's, when it is graphics */
	f = (struct pci_function){.vendor = 0x1002, .device = 0x6613, .class_code = 0x030000};
	assert_int_equal(find(f), QUIRK_NO_POWER_RESET);
	f.class_code = 0x030200;
	assert_int_equal(find(f), 0);
	f = (struct pci_function){.vendor = 0x11f8, .device = 0x5528, .class_code = 0x068000};
	assert_int_equal(find(f), QUIRK_ALIAS_BUS);
	f.class_code = 0x060400;
	assert_int_equal(find(f), 0);
	f = (struct pci_function){.vendor = 0x9005, .device = 0x0285, .subsystem_vendor = 0x9005};
	assert_int_equal(find(f), 0);
	f.subsystem_device = 0x02bc;
	assert_int_equal(find(f), QUIRK_ALIAS_DEVICE_1);
	f.subsystem_vendor = 0x1028;
	assert_int_equal(find(f), 0);
	f = (struct pci_function){.vendor = 0xd063, .device = 0x1000, .revision = 1};
	assert_int_equal(find(f), QUIRK_NO_FLR);
	f.revision = 2;
	assert_int_equal(find(f), 0);
}

/* The bridge that hides its capability counts as one only where PCI Express leads to it. */
static void hidden_bridges(void **state) {
	static const struct {
		u8 above;
		bool hidden;
	} cases[] = {{PCIE_ROOT_PORT, true},
		     {PCIE_DOWNSTREAM_PORT, true},
		     {PCI_TO_PCIE_BRIDGE, true},
		     {PCIE_TO_PCI_BRIDGE, false},
		     {PCIE_NONE, false}};
	struct pci_function f[2] = {{.parent = NONE},
				    {.vendor = 0x1b21,
				     .device = 0x1080,
				     .header_type = PCI_HEADER_BRIDGE,
				     .pcie_type = PCIE_NONE}};
	struct inventory inventory = {.functions = f, .function_count = 2};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		f[0].pcie_type = cases[i].above;
		quirks_find(&inventory, &f[1]);
		assert_int_equal(f[1].quirks, cases[i].hidden ? QUIRK_HIDDEN_PCIE_BRIDGE : 0);
	}
	f[0].pcie_type = PCIE_ROOT_PORT;
	f[1].pcie_type = PCIE_TO_PCI_BRIDGE;
	quirks_find(&inventory, &f[1]);
	assert_int_equal(f[1].quirks, 0);
	f[1].pcie_type = PCIE_NONE;
	f[1].parent = NONE;
	quirks_find(&inventory, &f[1]);
	assert_int_equal(f[1].quirks, 0);
}

/* Says why a function is kept, or NULL. */
static const char *refusal(struct topology *t, const char *name) {
	return pci_refusal(&t->inventory, topology_find(t, name));
}

static u32 with_dvsec(struct topology *t, u8 bus, const char *name, u16 vendor, u16 id,
		      u16 capability) {
	u32 f = topology_endpoint(t, name, PCIE_ENDPOINT, bus, 0, 0);
	u16 at;

	topology_extended(t, f, PCI_EXTENDED_DVSEC, 0x10); /* somebody else's comes first */
	at = topology_extended(t, f, PCI_EXTENDED_DVSEC, 0x3c);
	topology_put(t, f, at + 4u, 2, vendor);
	topology_put(t, f, at + 8u, 2, id);
	topology_put(t, f, at + 10u, 2, capability);
	return f;
}

static void what_no_iommu_holds_is_refused(void **state) {
	struct topology *t = topology_new();

	(void)state;
	topology_ids(t, topology_endpoint(t, "VMD", PCIE_RC_ENDPOINT, 0, 14, 0), 0x8086, 0x467f);
	topology_ids(t, topology_endpoint(t, "GPU", PCIE_ENDPOINT, 0, 15, 0), 0x10de, 0x2e00);
	for (u8 i = 1; i <= 4; i++)
		topology_port(t, "RP", PCIE_ROOT_PORT, 0, i, 0, i, i, true);
	with_dvsec(t, 1, "cache", 0x1e98, 0, 0x0003);
	with_dvsec(t, 2, "memory", 0x1e98, 0, 0x0006);
	with_dvsec(t, 3, "other vendor", 0x8086, 0, 0x0001);
	with_dvsec(t, 4, "other structure", 0x1e98, 8, 0x0001);
	topology_enumerate(t);
	assert_non_null(strstr(refusal(t, "VMD"), "hides devices behind itself"));
	assert_non_null(strstr(refusal(t, "GPU"), "no IOMMU translates"));
	assert_non_null(strstr(refusal(t, "cache"), "no IOMMU translates"));
	assert_null(refusal(t, "memory"));
	assert_null(refusal(t, "other vendor"));
	assert_null(refusal(t, "other structure"));
	assert_non_null(strstr(refusal(t, "RP"), "is a bridge"));
	topology_free(t);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_that_are_known),
		cmocka_unit_test(conditions),
		cmocka_unit_test(hidden_bridges),
		cmocka_unit_test(what_no_iommu_holds_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
