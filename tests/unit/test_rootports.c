/* SPDX-License-Identifier: Apache-2.0 */
#include "topology.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BASE 0xfed1c000u
#define RP0_CONTROL 0x01000000u /* what firmware left in the port's register: not the check */
#define CHECK BIT(26)

/* The two registers of the chipset, and what of them can be written. */
static u32 backbone, decode, decode_writable;

static u32 *chipset_register(u64 address) {
	assert_true(address == BASE + 0x1104 || address == BASE + 0x1014);
	return address == BASE + 0x1104 ? &backbone : &decode;
}

static u32 change_memory(u64 address, u32 clear, u32 set) {
	u32 *at = chipset_register(address), writable = at == &decode ? decode_writable : 0;

	assert_true(at == &decode || !(clear | set)); /* the other is a strap */
	*at = (*at & ~(clear & writable)) | (set & writable);
	return *at;
}

struct machine {
	struct topology *t;
	u32 ports[2];
	u32 lpc;
};

/* Two ports of one chipset device without ACS, a device below each, and the LPC bridge. */
static struct machine machine_new(u16 device) {
	struct topology *t = topology_new();
	struct machine m = {.t = t};

	m.ports[0] = topology_port(t, "RP0", PCIE_ROOT_PORT, 0, 0x1c, 0, 1, 1, false);
	m.ports[1] = topology_port(t, "RP1", PCIE_ROOT_PORT, 0, 0x1c, 1, 2, 2, false);
	topology_endpoint(t, "A", PCIE_ENDPOINT, 1, 0, 0);
	topology_endpoint(t, "B", PCIE_ENDPOINT, 2, 0, 0);
	m.lpc = topology_add(t, "LPC", 0, 0x1f, 0);
	topology_put(t, m.lpc, 0xf0, 4, BASE | 1);
	for (u32 i = 0; i < 2; i++) {
		topology_ids(t, m.ports[i], 0x8086, (u16)(device + i));
		topology_put(t, m.ports[i], 0xd8, 4, RP0_CONTROL | (i ? (u32)CHECK : 0));
		memset(&t->functions[m.ports[i]].writable[0xd8], 0xff, 4);
	}
	t->access.change_memory = change_memory;
	backbone = 0x100; /* one kind of peer requests is forbidden, which is not enough */
	decode = 0xabc0003f;
	decode_writable = ~0u;
	return m;
}

static void ports_are_closed_and_opened_again(void **state) {
	static const u16 devices[] = {0x3b42, 0x1c1e, 0x1e10, 0x8c10, 0x9c1a, 0x9c90, 0x8d1d};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(devices); i++) {
		struct machine m = machine_new(devices[i]);

		topology_enumerate(m.t);
		assert_int_equal(decode, 0xabc00000);
		assert_int_equal(topology_get(m.t, m.ports[0], 0xd8, 4), RP0_CONTROL | CHECK);
		assert_int_equal(topology_get(m.t, m.ports[1], 0xd8, 4), RP0_CONTROL | CHECK);
		assert_int_equal(m.t->inventory.warning_count, 0);
		topology_expect(m.t, "RP0|RP1|A|B|LPC");
		acs_restore(&m.t->inventory, &m.t->access);
		assert_int_equal(decode, 0xabc0003f);
		assert_int_equal(topology_get(m.t, m.ports[0], 0xd8, 4), RP0_CONTROL);
		assert_int_equal(topology_get(m.t, m.ports[1], 0xd8, 4), RP0_CONTROL | CHECK);
		topology_expect(m.t, "RP0,RP1,A,B|LPC");
		topology_free(m.t);
	}
}

static void a_strap_spares_the_decoding(void **state) {
	struct machine m = machine_new(0x1c10);

	(void)state;
	backbone = 0x300;
	topology_enumerate(m.t);
	assert_int_equal(decode, 0xabc0003f);
	topology_expect(m.t, "RP0|RP1|A|B|LPC");
	acs_restore(&m.t->inventory, &m.t->access);
	assert_int_equal(decode, 0xabc0003f);
	topology_free(m.t);
}

static void stays_open(struct machine m, u32 warnings, const char *groups) {
	topology_enumerate(m.t);
	assert_int_equal(m.t->inventory.warning_count, warnings);
	assert_non_null(
		strstr(m.t->inventory.warnings[0].text,
		       "0000:00:1c.0: the chipset's registers do not keep its peers apart"));
	topology_expect(m.t, groups);
	acs_restore(&m.t->inventory, &m.t->access);
	assert_int_equal(decode, 0xabc0003f);
	assert_int_equal(topology_get(m.t, m.ports[0], 0xd8, 4), RP0_CONTROL);
	topology_free(m.t);
}

static void what_fails_leaves_ports_open(void **state) {
	struct machine m = machine_new(0x1c10);

	(void)state;
	topology_put(m.t, m.lpc, 0xf0, 4, BASE); /* not enabled */
	stays_open(m, 2, "RP0,RP1,A,B|LPC");
	m = machine_new(0x1c10);
	topology_put(m.t, m.lpc, 0xf0, 4, ~0u); /* nobody answers */
	stays_open(m, 2, "RP0,RP1,A,B|LPC");
	m = machine_new(0x1c10);
	decode_writable = ~0x04u;
	stays_open(m, 2, "RP0,RP1,A,B|LPC");
	m = machine_new(0x1c10);
	m.t->access.change_memory = NULL;
	stays_open(m, 2, "RP0,RP1,A,B|LPC");
	m = machine_new(0x1c10);
	m.t->functions[m.ports[0]].writable[0xdb] =
		0; /* the check cannot be switched on: one port alone */
	stays_open(m, 1, "RP0,A|RP1|B|LPC");
}

static void other_ports_are_left_alone(void **state) {
	struct machine m = machine_new(0x1c20);

	(void)state;
	topology_enumerate(m.t);
	assert_int_equal(decode, 0xabc0003f);
	assert_int_equal(topology_get(m.t, m.ports[0], 0xd8, 4), RP0_CONTROL);
	topology_expect(m.t, "RP0,RP1,A,B|LPC");
	topology_free(m.t);
}

/* In a snapshot it counts what would be switched on, if the chipset's registers can be reached. */
static void snapshots(void **state) {
	(void)state;
	for (u32 enabled = 0; enabled < 2; enabled++) {
		struct machine m = machine_new(0x8c10);

		topology_put(m.t, m.lpc, 0xf0, 4, BASE | enabled);
		m.t->access.write = NULL;
		m.t->access.change_memory = NULL;
		topology_enumerate(m.t);
		assert_int_equal(decode, 0xabc0003f);
		topology_expect(m.t, enabled ? "RP0|RP1|A|B|LPC" : "RP0,RP1,A,B|LPC");
		topology_free(m.t);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_closed_and_opened_again),
		cmocka_unit_test(a_strap_spares_the_decoding),
		cmocka_unit_test(what_fails_leaves_ports_open),
		cmocka_unit_test(other_ports_are_left_alone),
		cmocka_unit_test(snapshots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
