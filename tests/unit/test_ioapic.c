/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual IO-APIC: registers, edges, levels, masks. */
#include "devices.h"
#include "text.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct virtual_ioapic ioapic;
static u32 sent, last_destination;
static u8 last_vector;
static bool last_logical, last_lowest;

void ioapic_deliver(struct virtual_ioapic *from, u32 destination, bool logical, u8 vector,
		    bool lowest) {
	(void)from;
	sent++;
	last_destination = destination;
	last_vector = vector;
	last_logical = logical;
	last_lowest = lowest;
}

static u32 routed_pin, routed_destination, rearmed_pin, routes, rearms;
static u8 routed_vector;

void ioapic_route(struct virtual_ioapic *from, u32 pin, u32 destination, bool logical, u8 vector) {
	(void)from;
	(void)logical;
	routes++;
	routed_pin = pin;
	routed_destination = destination;
	routed_vector = vector;
}

void ioapic_rearm(struct virtual_ioapic *from, u32 pin) {
	(void)from;
	rearms++;
	rearmed_pin = pin;
}

static int fresh(void **unused) {
	(void)unused;
	ioapic_reset(&ioapic);
	sent = routes = rearms = 0;
	return 0;
}

static u32 get(u32 index) {
	ioapic_write(&ioapic, 0x00, index);
	return ioapic_read(&ioapic, 0x10);
}

static void set(u32 index, u32 value) {
	ioapic_write(&ioapic, 0x00, index);
	ioapic_write(&ioapic, 0x10, value);
}

static void registers_read_as_those_of_real_parts(void **unused) {
	(void)unused;
	assert_int_equal(get(1), 0x00170020);
	set(1, 0);
	assert_int_equal(get(1), 0x00170020);
	set(0, 0xffffffff);
	assert_int_equal(get(0), 0x0f000000);
	assert_int_equal(get(0x10 + 2 * 23), 0x00010000);
	set(0x10 + 2 * 23, 0xffffffff);
	assert_int_equal(get(0x10 + 2 * 23), 0x0001afff);
	set(0x11 + 2 * 23, 0xffffffff);
	assert_int_equal(get(0x11 + 2 * 23), 0xff000000);
	assert_int_equal(get(0x40), 0);
	set(0x40, 1);
	set(0xff, 1);
	assert_int_equal(get(5), 0);
	assert_int_equal(ioapic_read(&ioapic, 0x14), 0);
	ioapic_set_pin(&ioapic, 24, true);
	assert_int_equal(sent, 0);
}

static void an_edge_is_sent_once(void **unused) {
	(void)unused;
	set(0x11 + 2 * 4, 0x05000000);
	set(0x10 + 2 * 4, 0x00000931);
	ioapic_set_pin(&ioapic, 4, true);
	ioapic_set_pin(&ioapic, 4, true);
	assert_int_equal(sent, 1);
	assert_int_equal(last_destination, 5);
	assert_int_equal(last_vector, 0x31);
	assert_true(last_logical);
	assert_true(last_lowest);
	ioapic_set_pin(&ioapic, 4, false);
	ioapic_set_pin(&ioapic, 4, true);
	assert_int_equal(sent, 2);
	/* While masked it is lost. */
	set(0x10 + 2 * 4, 0x00010031);
	ioapic_set_pin(&ioapic, 4, false);
	ioapic_set_pin(&ioapic, 4, true);
	set(0x10 + 2 * 4, 0x00000031);
	assert_int_equal(sent, 2);
}

static void a_level_waits_for_its_end(void **unused) {
	const u32 low = 0x10 + 2 * 20;

	(void)unused;
	set(low, 0x00018041);
	ioapic_set_pin(&ioapic, 20, true);
	assert_int_equal(sent, 0);
	set(low, 0x00008041);
	assert_int_equal(sent, 1);
	assert_int_equal(get(low), 0x0000c041);
	set(low, 0x00008041);
	assert_int_equal(sent, 1);
	ioapic_write(&ioapic, 0x40, 0x42);
	assert_int_equal(sent, 1);
	ioapic_write(&ioapic, 0x40, 0x41);
	assert_int_equal(sent, 2);
	ioapic_set_pin(&ioapic, 20, false);
	assert_int_equal(get(low), 0x00008041);
	ioapic_set_pin(&ioapic, 20, true);
	assert_int_equal(sent, 3);
}

static void pins_of_pci_are_routed(void **unused) {
	(void)unused;
	for (u32 pin = 15; pin <= 20; pin++) {
		routes = rearms = 0;
		set(0x11 + 2 * pin, 0x03000000);
		set(0x10 + 2 * pin, 0x0000a041);
		assert_int_equal(routes, pin >= 16 && pin < 20 ? 2 : 0);
		if (!routes)
			continue;
		assert_int_equal(routed_pin, pin);
		assert_int_equal(routed_destination, 3);
		assert_int_equal(routed_vector, 0x41);
		ioapic_write(&ioapic, 0x40, 0x40);
		assert_int_equal(rearms, 0);
		ioapic_write(&ioapic, 0x40, 0x41);
		assert_int_equal(rearms, 1);
		assert_int_equal(rearmed_pin, pin);
		set(0x10 + 2 * pin, 0x0001a041);
		assert_int_equal(routed_vector, 0);
		set(0x10 + 2 * pin, 0x0000a00f);
		assert_int_equal(routed_vector, 0);
		set(0x10 + 2 * pin, 0x0000a441); /* NMI */
		assert_int_equal(routed_vector, 0);
		set(0x10 + 2 * pin, 0x0001a042);
	}
	ioapic_reset(&ioapic);
	assert_int_equal(routed_vector, 0);
	assert_int_equal(sent, 0);
}

static void only_real_vectors_are_sent(void **unused) {
	(void)unused;
	for (u32 delivery = 2; delivery < 8; delivery++) {
		set(0x10, delivery << 8 | 0x40);
		ioapic_set_pin(&ioapic, 0, true);
		ioapic_set_pin(&ioapic, 0, false);
	}
	set(0x10, 0x0f);
	ioapic_set_pin(&ioapic, 0, true);
	assert_int_equal(sent, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(registers_read_as_those_of_real_parts, fresh),
		cmocka_unit_test_setup(an_edge_is_sent_once, fresh),
		cmocka_unit_test_setup(a_level_waits_for_its_end, fresh),
		cmocka_unit_test_setup(pins_of_pci_are_routed, fresh),
		cmocka_unit_test_setup(only_real_vectors_are_sent, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
