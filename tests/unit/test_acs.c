/* SPDX-License-Identifier: Apache-2.0 */
#include "../../pci/quirks.h"
#include "reset.h"
#include "topology.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CONTROL (PCI_EXTENDED_FIRST + 6)
#define ALL_BASIC 0x7f
#define WANTED 0x1f /* source validation, translation blocking, the two redirects, forwarding */
#define ENHANCED 0x80
#define PORT_TARGETS 0x280 /* I/O blocked, registers of downstream ports redirected */
#define SWITCH_TARGETS                                                                             \
	0x1800 /* registers of the upstream port, and unclaimed requests, redirected */

static const struct pci_function *named(struct topology *t, const char *name) {
	return &t->inventory.functions[topology_find(t, name)];
}

/* Any control bit can be set; firmware has left VALUE. */
static void control_register(struct topology *t, u32 f, u32 offset, u16 value) {
	t->functions[f].writable[offset] = t->functions[f].writable[offset + 1] = 0xff;
	topology_put(t, f, offset, 2, value);
}

struct machine {
	struct topology *t;
	u32 root, up, down, endpoint;
};

/* A root port, a switch with one port, an endpoint of two functions; all with all of enhanced ACS. */
static struct machine machine_new(u16 firmware) {
	struct topology *t = topology_new();
	struct machine m = {.t = t};
	u32 all[4];

	all[0] = m.root = topology_port(t, "RP", PCIE_ROOT_PORT, 0, 1, 0, 1, 3, false);
	all[1] = m.up = topology_port(t, "USP", PCIE_UPSTREAM_PORT, 1, 0, 0, 2, 3, false);
	all[2] = m.down = topology_port(t, "DSP", PCIE_DOWNSTREAM_PORT, 2, 0, 0, 3, 3, false);
	all[3] = m.endpoint = topology_endpoint(t, "A", PCIE_ENDPOINT, 3, 0, 0);
	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		topology_acs(t, all[i], ALL_BASIC | ENHANCED);
		control_register(t, all[i], CONTROL, firmware);
	}
	return m;
}

static bool warned(const struct topology *t, const char *words) {
	for (u32 i = 0; i < t->inventory.warning_count; i++)
		if (strstr(t->inventory.warnings[i].text, words))
			return true;
	return false;
}

static void every_control_is_written(void **state) {
	static const u16 firmware[] = {0x0000, 0x0060, 0x1fff, 0x0540};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(firmware); i++) {
		struct machine m = machine_new(firmware[i]);

		topology_enumerate(m.t);
		assert_int_equal(topology_get(m.t, m.root, CONTROL, 2), WANTED | PORT_TARGETS);
		assert_int_equal(topology_get(m.t, m.up, CONTROL, 2), WANTED);
		assert_int_equal(topology_get(m.t, m.down, CONTROL, 2),
				 WANTED | PORT_TARGETS | SWITCH_TARGETS);
		assert_int_equal(topology_get(m.t, m.endpoint, CONTROL, 2), WANTED);
		assert_int_equal(m.t->inventory.warning_count, 0);
		topology_expect(m.t, "RP|USP|DSP|A");
		acs_restore(&m.t->inventory, &m.t->access);
		assert_int_equal(topology_get(m.t, m.root, CONTROL, 2), firmware[i]);
		assert_int_equal(topology_get(m.t, m.up, CONTROL, 2), firmware[i]);
		assert_int_equal(topology_get(m.t, m.down, CONTROL, 2), firmware[i]);
		assert_int_equal(topology_get(m.t, m.endpoint, CONTROL, 2), firmware[i]);
		assert_int_equal(named(m.t, "DSP")->acs_control, firmware[i]);
		topology_free(m.t);
	}
}

/* Whether there are registers to guard decides what it means that a field stays zero. */
static void fields_without_registers_are_reserved(void **state) {
	struct machine m = machine_new(0);

	(void)state;
	m.t->functions[m.down].writable[CONTROL + 1] = 0x10;
	m.t->functions[m.root].writable[CONTROL + 1] = 0;
	topology_enumerate(m.t);
	assert_int_equal(m.t->inventory.warning_count, 0);
	topology_expect(m.t, "RP|USP|DSP|A");
	topology_free(m.t);

	m = machine_new(0);
	m.t->functions[m.down].writable[CONTROL + 1] = 0x10;
	topology_memory_bar(m.t, m.up, 0, 0xf0000000, 0x1000);
	topology_enumerate(m.t);
	assert_true(warned(
		m.t, "0000:02:00.0: ACS does not take what was written: its own registers open "
		     "to peers, the switch's registers open to peers"));
	topology_expect(m.t, "RP|USP,DSP,A");
	topology_free(m.t);
}

static void refused_bits_are_told_in_words(void **state) {
	static const struct {
		u16 writable;
		const char *words;
	} cases[] = {
		{0x1ffe, "written: source validation off"},
		{0x1ffd, "written: translation blocking off"},
		{0x1ff3, "written: request redirect off, completion redirect off"},
		{0x1fef, "written: upstream forwarding off"},
		{0x1f7f, "written: requests for I/O ports let through"},
		{0x0fff, "written: unclaimed requests not redirected"},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine m = machine_new(0);

		m.t->functions[m.down].writable[CONTROL] = (u8)cases[i].writable;
		m.t->functions[m.down].writable[CONTROL + 1] = (u8)(cases[i].writable >> 8);
		topology_enumerate(m.t);
		assert_int_equal(m.t->inventory.warning_count, 1);
		assert_true(warned(m.t, cases[i].words));
		topology_free(m.t);
	}
	/* what was on and cannot be switched off */
	struct machine m = machine_new(0x60);

	m.t->functions[m.root].writable[CONTROL] = (u8)~0x60;
	topology_enumerate(m.t);
	assert_true(warned(m.t, "egress control on, direct translated requests on"));
	topology_free(m.t);
}

static void broken_source_validation_is_switched_off(void **state) {
	struct machine m = machine_new(0x01);

	(void)state;
	topology_ids(m.t, m.down, 0x111d, 0x8090);
	topology_enumerate(m.t);
	assert_int_equal(topology_get(m.t, m.down, CONTROL, 2) & WANTED, WANTED & ~1);
	assert_int_equal(m.t->inventory.warning_count, 0);
	topology_expect(m.t, "RP|USP|DSP|A");
	topology_free(m.t);
}

static void dword_registers_are_written_and_put_back(void **state) {
	struct machine m = machine_new(0x1234);

	(void)state;
	topology_ids(m.t, m.root, 0x8086, 0xa2ee);
	topology_put(m.t, m.root, PCI_EXTENDED_FIRST + 4, 4, ALL_BASIC);
	m.t->functions[m.root].writable[CONTROL] = m.t->functions[m.root].writable[CONTROL + 1] =
		0xff;
	control_register(m.t, m.root, CONTROL + 2, 0x0041);
	topology_enumerate(m.t);
	assert_int_equal(topology_get(m.t, m.root, CONTROL, 2), 0);
	assert_int_equal(topology_get(m.t, m.root, CONTROL + 2, 2), WANTED);
	acs_restore(&m.t->inventory, &m.t->access);
	assert_int_equal(topology_get(m.t, m.root, CONTROL, 2), 0);
	assert_int_equal(topology_get(m.t, m.root, CONTROL + 2, 2), 0x0041);
	topology_free(m.t);
}

/* ---- after a reset ---- */

static struct machine reset_machine;
static u32 resets;

static void forget(struct topology *t, u32 f) {
	topology_put(t, f, CONTROL, 2, 0);
	resets++;
}

/* The endpoint loses its ACS controls in each of the ways that it can be reset. */
static void resetting_write(const struct pci_access *access, struct pci_address address, u16 offset,
			    u8 width, u32 value) {
	struct topology *t = reset_machine.t;
	const struct pci_function *f = named(t, "A");

	(void)access;
	if (f->pcie && offset == f->pcie + PCIE_DEVICE_CONTROL && value & PCIE_CONTROL_FLR)
		forget(t, reset_machine.endpoint);
	else if (f->af && offset == f->af + PCI_AF_CONTROL)
		forget(t, reset_machine.endpoint);
	else if (f->pm && offset == f->pm + PCI_PM_CONTROL && (value & 3) == 0)
		forget(t, reset_machine.endpoint);
	t->access.write(&t->access, address, offset, width, value);
}

static void wait(u32 milliseconds) {
	(void)milliseconds;
}

static void written_again_after_every_reset(void **state) {
	static const enum reset_method methods[] = {RESET_FLR, RESET_AF_FLR, RESET_POWER_STATE};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(methods); i++) {
		struct machine m = reset_machine = machine_new(0);
		struct pci_access access = m.t->access;
		u16 pcie, af, pm = topology_capability(m.t, m.endpoint, PCI_CAPABILITY_PM, 8);
		struct pci_function *f;

		af = topology_capability(m.t, m.endpoint, PCI_CAPABILITY_AF, 6);
		topology_put(m.t, m.endpoint, af + 3u, 1, methods[i] == RESET_AF_FLR ? 3 : 0);
		(void)pm;
		topology_enumerate(m.t);
		f = &m.t->inventory.functions[topology_find(m.t, "A")];
		pcie = f->pcie;
		f->device_capabilities = methods[i] == RESET_FLR ? PCIE_DEVICE_FLR : 0;
		/* phantom functions as firmware may have left them: off after any of the resets */
		m.t->functions[m.endpoint].writable[pcie + 9] = 0x02;
		topology_put(m.t, m.endpoint, pcie + 8u, 2, PCIE_CONTROL_PHANTOM);
		access.write = resetting_write;
		resets = 0;
		assert_int_equal(pci_reset_method(&m.t->inventory, topology_find(m.t, "A")),
				 methods[i]);
		assert_true(pci_reset_function(&m.t->inventory, topology_find(m.t, "A"), &access,
					       wait));
		assert_true(resets > 0);
		assert_int_equal(topology_get(m.t, m.endpoint, CONTROL, 2), WANTED);
		assert_int_equal(topology_get(m.t, m.endpoint, pcie + 8u, 2), 0);
		topology_free(m.t);
	}
}

/* A function that nothing resets is still made quiet. */
static void no_reset_leaves_no_phantom_functions(void **state) {
	struct machine m = machine_new(0);
	u32 index;

	(void)state;
	topology_enumerate(m.t);
	index = topology_find(m.t, "A");
	u16 control = m.t->inventory.functions[index].pcie + PCIE_DEVICE_CONTROL;

	m.t->functions[m.endpoint].writable[control + 1] = 0x02;
	topology_put(m.t, m.endpoint, control, 2, PCIE_CONTROL_PHANTOM);
	m.t->inventory.functions[index].quirks |= QUIRK_NO_BUS_RESET;
	assert_int_equal(pci_reset_method(&m.t->inventory, index), RESET_NONE);
	assert_true(pci_reset_function(&m.t->inventory, index, &m.t->access, wait));
	assert_int_equal(topology_get(m.t, m.endpoint, control, 2), 0);
	topology_free(m.t);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_control_is_written),
		cmocka_unit_test(fields_without_registers_are_reserved),
		cmocka_unit_test(refused_bits_are_told_in_words),
		cmocka_unit_test(broken_source_validation_is_switched_off),
		cmocka_unit_test(dword_registers_are_written_and_put_back),
		cmocka_unit_test(written_again_after_every_reset),
		cmocka_unit_test(no_reset_leaves_no_phantom_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
