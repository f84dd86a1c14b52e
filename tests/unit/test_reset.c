/* SPDX-License-Identifier: Apache-2.0 */
#include "../../pci/quirks.h"
#include "model/vpci_model.h"
#include "pci_registers.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct model m;
static struct pci_access slow;
static u32 waited, pending_until, absent_from, absent_until;
static u16 absent_value, watched;
static u8 last_register;
static u32 bus_held;

static void wait(u32 milliseconds) {
	waited += milliseconds;
	m.waited += milliseconds;
}

/* A device that is busy, and then away for a while. */
static u32 slow_read(const struct pci_access *access, struct pci_address address, u16 offset,
		     u8 width) {
	u32 value = m.config.read(&m.config, address, offset, width);

	(void)access;
	if (m.resets && waited >= absent_from && waited < absent_until) {
		/* nothing is touched while a function level reset goes on */
		assert_true(waited >= 100 + pending_until);
		if (absent_value == 1 && offset == 0)
			return 0xffff0001 & (u32)(BIT(8 * width) - 1);
		return (u32)(BIT(8 * width) - 1);
	}
	if (offset == m.infos[0].pcie + 0xa && waited < pending_until)
		value |= BIT(5);
	return value;
}

static void slow_write(const struct pci_access *access, struct pci_address address, u16 offset,
		       u8 width, u32 value) {
	u32 function = inventory_find(&m.inventory, address);

	(void)access;
	if (offset == m.infos[0].pcie + 8 && value & BIT(15)) {
		/* quiet before it is reset: no bus mastering, no requests under way, no MSI, no ATS */
		assert_false(model_get(&m.functions[function], 4, 2) & 4);
		assert_false(model_get(&m.functions[function], m.infos[0].msix + 2, 2) & 0x8000);
		assert_false(model_get(&m.functions[function], m.infos[0].ats + 6, 2) & 0x8000);
		assert_true(waited >= pending_until);
	}
	/* the bus of the bridge, and everything on it */
	if (function == 2 && m.infos[2].header_type && offset == 0x3e && value & 0x40) {
		for (u32 f = 0; f < 2; f++) {
			assert_false(model_get(&m.functions[f], 4, 2) & 7);
			model_lose(&m, f);
		}
		bus_held = waited;
	}
	if (function == 2 && m.infos[2].header_type && offset == 0x3e && !(value & 0x40))
		assert_true(waited > bus_held);
	/* virtual functions: what decides where they are comes while they are off */
	if (watched && offset >= watched && offset < watched + 0x34 && offset != watched)
		assert_false(model_get(&m.functions[0], watched, 2) & 1);
	last_register = (u8)offset;
	m.config.write(&m.config, address, offset, width, value);
}

static int setup(void **state) {
	(void)state;
	model_init(&m);
	m.resets = 0;
	waited = pending_until = absent_from = absent_until = absent_value = watched = 0;
	slow = (struct pci_access){.read = slow_read, .write = slow_write};
	for (u32 f = 0; f < MODEL_FUNCTIONS; f++)
		model_put(&m.functions[f], 4, 2, 0x0146);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	model_free(&m);
	return 0;
}

static bool reset(u32 function) {
	return pci_reset_function(&m.inventory, function, &slow, wait);
}

/* Functions 0 and 1, without resets of their own, behind function 2. */
static void make_bus(void) {
	m.infos[2].header_type = 1;
	m.infos[2].pcie_type = PCIE_ROOT_PORT;
	m.infos[2].parent = NONE;
	model_register(&m.functions[2], 0x3e, 2, 0x3, 0xffff);
	for (u32 i = 0; i < 2; i++) {
		m.infos[i].device_capabilities &= ~PCIE_DEVICE_FLR;
		m.infos[i].af = 0;
		m.infos[i].pm_keeps_state = true;
		m.infos[i].parent = 2;
		m.infos[i].group = 7;
	}
}

/* Of a function whose header has changed. */
static enum reset_method method(u32 function) {
	quirks_find(&m.inventory, &m.infos[function]);
	return pci_reset_method(&m.inventory, function);
}

static void test_methods(void **state) {
	struct pci_function *f = &m.infos[0];

	(void)state;
	assert_int_equal(method(0), RESET_FLR);
	assert_int_equal(method(1), RESET_POWER_STATE);
	assert_int_equal(method(2), RESET_AF_FLR);
	f->vendor = 0x1022;
	f->device = 0x149c;
	assert_int_equal(method(0), RESET_POWER_STATE);
	/* a virtual function whose physical function tells of the reset */
	f->vendor = 0x8086;
	f->device = 0x10ed;
	f->device_capabilities &= ~PCIE_DEVICE_FLR;
	assert_int_equal(method(0), RESET_FLR);
	f->device_capabilities |= PCIE_DEVICE_FLR;
	f->vendor = 0xd063;
	f->device = 0x1000;
	f->revision = 2;
	assert_int_equal(method(0), RESET_FLR);
	f->revision = 1;
	f->pm = 0;
	assert_int_equal(method(0), RESET_NONE);
	m.infos[1].header_type = 1;
	assert_int_equal(method(1), RESET_NONE);
	m.infos[1].header_type = 0;
	m.infos[1].vendor = 0x1002;
	m.infos[1].class_code = 0x030000;
	assert_int_equal(method(1), RESET_NONE);
	assert_string_equal(reset_method_name(RESET_FLR), "flr");
	assert_string_equal(reset_method_name(RESET_NONE), "none (wants `no-reset = accept`)");
	assert_string_equal(reset_method_name((enum reset_method)77), "unknown");
}

static void test_flr_restores(void **state) {
	struct model_function *f = &m.functions[0];

	(void)state;
	model_put(f, 0x42, 2, 0xc040);
	model_put(f, 0x88, 2, 0x5a30);
	model_put(f, 0x156, 2, 0x8000);
	model_put(f, 0x0c, 2, 0x10);
	pending_until = 300;
	assert_true(reset(0));
	assert_int_equal(m.resets, 1);
	assert_int_equal(waited, 300 + 100);
	assert_int_equal(model_get(f, 0x04, 2), 0x0542);
	assert_int_equal(model_get(f, 0x10, 4), 4);
	assert_int_equal(model_get(f, 0x14, 4), 0x3800);
	assert_int_equal(model_get(f, 0x88, 2), 0x5830); /* never phantom functions */
	assert_int_equal(model_get(f, 0x42, 2), 0x0040);
	assert_int_equal(model_get(f, 0x156, 2), 0);
	assert_int_equal(model_get(f, 0x186, 2), 0x5d);
	assert_int_equal(last_register, 4);
}

static void test_slow_device(void **state) {
	(void)state;
	m.infos[0].vendor = 0x8086;
	m.infos[0].device = 0x0a54;
	quirks_find(&m.inventory, &m.infos[0]);
	assert_true(reset(0));
	assert_int_equal(waited, 100 + 250);
}

static void test_stuck_transactions(void **state) {
	(void)state;
	pending_until = 0;
	m.functions[0].config[0x8a] |= 0x20; /* for ever */
	assert_true(reset(0));
	assert_int_equal(m.resets, 1);
	assert_int_equal(waited, 1500 + 100);
}

static void test_readiness(void **state) {
	(void)state;
	absent_from = 100;
	absent_until = 100 + 900;
	absent_value = 1; /* retry status: the vendor reads as 1 */
	assert_true(reset(0));
	assert_int_equal(waited, 100 + 1023);
	assert_int_equal(model_get(&m.functions[0], 0x14, 4), 0x3800);
}

static void test_does_not_come_back(void **state) {
	(void)state;
	absent_from = 100;
	absent_until = UINT32_MAX;
	assert_false(reset(0));
	assert_int_equal(waited, 100 + 60000);
}

static void test_bars_do_not_hold(void **state) {
	(void)state;
	m.bars_stick = true;
	assert_false(reset(0));
	assert_int_equal(model_get(&m.functions[0], 4, 2), 0);
	assert_int_equal(model_get(&m.functions[0], 0x186, 2), 0x5d);
}

static void test_power_state(void **state) {
	struct model_function *f = &m.functions[1];

	(void)state;
	model_put(f, 0xd2, 2, 0x81);
	model_put(f, 0xcc, 2, 0x0100);
	assert_true(reset(1));
	assert_int_equal(m.resets, 1);
	assert_int_equal(waited, 20);
	assert_int_equal(model_get(f, 0xd2, 2), 0x80);
	assert_int_equal(model_get(f, 0x10, 4), 0xfd000000);
	assert_int_equal(model_get(f, 0x18, 4), 0xc001);
	assert_int_equal(model_get(f, 0x1c, 4), 0xfd040000);
	/* a device that keeps its state has no such reset: it is only made quiet */
	m.infos[1].pm_keeps_state = true;
	model_put(f, 4, 2, 7);
	assert_true(reset(1));
	assert_int_equal(m.resets, 1);
	assert_int_equal(model_get(f, 4, 2), 0x0403);
}

static void test_sleeping_function(void **state) {
	(void)state;
	model_put(&m.functions[0], 0x64, 2, 3);
	assert_true(reset(0));
	assert_int_equal(m.resets, 2);
	assert_int_equal(model_get(&m.functions[0], 0x14, 4), 0x3800);
}

static void test_advanced_features(void **state) {
	(void)state;
	assert_true(reset(2));
	assert_int_equal(m.resets, 1);
	assert_int_equal(waited, 100);
	assert_int_equal(model_get(&m.functions[2], 0x10, 4), 0xfc000000);
	m.infos[2].af = 0; /* without function level reset */
	assert_true(reset(2));
	assert_int_equal(m.resets, 1);
}

static void test_resizable_bar(void **state) {
	struct model_function *f = &m.functions[2];

	(void)state;
	m.infos[2].resizable_bar = 0x200;
	model_register(f, 0x208, 4, 0x00000840, 0x00003f00); /* two BARs */
	model_register(f, 0x210, 4, 0x00000a02, 0x00003f00);
	struct pci_saved saved;

	pci_config_save(&m.infos[2], &m.config, &saved);
	model_put(f, 0x208, 4, 0x00000040);
	model_put(f, 0x210, 4, 0x00000002);
	assert_true(pci_config_restore(&m.infos[2], &m.config, &saved));
	assert_int_equal(model_get(f, 0x208, 4), 0x840);
	assert_int_equal(model_get(f, 0x210, 4), 0xa02);
}

/* In the order in which they were switched on, and with time to come up. */
static void test_virtual_functions_come_back(void **state) {
	struct model_function *f = &m.functions[0];

	(void)state;
	m.infos[0].sriov = 0x300;
	model_register(f, 0x308, 2, 0x19, 0xffff);
	model_register(f, 0x310, 2, 4, 0xffff);
	model_register(f, 0x320, 4, 1, UINT32_MAX);
	model_register(f, 0x324, 4, 0xe0000000, UINT32_MAX);
	watched = 0x308;
	assert_true(reset(0));
	assert_int_equal(m.resets, 1);
	assert_int_equal(model_get(f, 0x308, 2), 0x19);
	assert_int_equal(model_get(f, 0x310, 2), 4);
	assert_int_equal(model_get(f, 0x320, 4), 1);
	assert_int_equal(model_get(f, 0x324, 4), 0xe0000000);
	assert_int_equal(waited, 100 + 100);
	model_put(f, 0x308, 2, 0); /* none are on: nothing to wait for */
	waited = 0;
	assert_true(reset(0));
	assert_int_equal(model_get(f, 0x308, 2), 0);
	assert_int_equal(waited, 100);
}

/* It has no BARs to write, and comes back without them. */
static void test_virtual_function(void **state) {
	(void)state;
	model_become_virtual(&m, 0, 1);
	assert_true(reset(0));
	assert_int_equal(m.resets, 1);
}

static void test_bus(void **state) {
	(void)state;
	make_bus();
	model_put(&m.functions[0], 0x88, 2, 0x5830);
	model_put(&m.functions[1], 0xcc, 2, 0x0100);
	assert_int_equal(method(0), RESET_BUS);
	assert_string_equal(reset_method_name(RESET_BUS), "secondary-bus");
	assert_true(reset(0));
	assert_int_equal(m.resets, 2);
	assert_int_equal(waited, 2 + 100);
	assert_int_equal(model_get(&m.functions[2], 0x3e, 2), 3);
	/* both are back: BARs, command without bus mastering, device control */
	assert_int_equal(model_get(&m.functions[0], 0x14, 4), 0x3800);
	assert_int_equal(model_get(&m.functions[0], 0x04, 2), 0x0542);
	assert_int_equal(model_get(&m.functions[0], 0x88, 2), 0x5830);
	assert_int_equal(model_get(&m.functions[0], 0x186, 2), 0x5d);
	assert_int_equal(model_get(&m.functions[1], 0x10, 4), 0xfd000000);
	assert_int_equal(model_get(&m.functions[1], 0x1c, 4), 0xfd040000);
	/* conventional PCI wants a second */
	m.infos[2].pcie_type = PCIE_TO_PCI_BRIDGE;
	waited = 0;
	assert_true(reset(1));
	assert_int_equal(waited, 2 + 1000);
}

/* Somebody else's function, a bridge, or one that does not come back from it. */
static void test_bus_that_must_not_be_reset(void **state) {
	(void)state;
	make_bus();
	m.infos[1].group = 6;
	assert_int_equal(method(0), RESET_NONE);
	m.infos[1].group = 7;
	m.infos[1].header_type = 1;
	assert_int_equal(method(0), RESET_NONE);
	m.infos[1].header_type = 0;
	m.infos[1].quirks |= QUIRK_NO_BUS_RESET;
	assert_int_equal(method(0), RESET_NONE);
	m.infos[1].quirks = 0;
	m.infos[2].quirks |= QUIRK_NO_BUS_RESET;
	assert_int_equal(method(0), RESET_NONE);
	m.infos[2].quirks = 0;
	assert_int_equal(method(0), RESET_BUS);
	assert_true(reset(0));
	m.infos[0].parent = NONE;
	assert_int_equal(method(0), RESET_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_methods),
		TEST(test_flr_restores),
		TEST(test_slow_device),
		TEST(test_stuck_transactions),
		TEST(test_readiness),
		TEST(test_does_not_come_back),
		TEST(test_bars_do_not_hold),
		TEST(test_power_state),
		TEST(test_sleeping_function),
		TEST(test_advanced_features),
		TEST(test_resizable_bar),
		TEST(test_virtual_functions_come_back),
		TEST(test_virtual_function),
		TEST(test_bus),
		TEST(test_bus_that_must_not_be_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
