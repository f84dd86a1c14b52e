/* SPDX-License-Identifier: Apache-2.0 */
/* Walks of guest page tables in every mode, and of the bytes at the instruction pointer. */
#include "guest_ram.h"
#include "x86.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROOT 0x1000u

static struct guest_ram ram;

static int fresh(void **unused) {
	(void)unused;
	guest_ram_init(&ram, 4 * MIB);
	return 0;
}

static int done(void **unused) {
	(void)unused;
	free(ram.bytes);
	return 0;
}

static u64 translate(const struct vcpu_state *state, u64 linear) {
	u64 physical = 0;

	return guest_translate(&ram.memory, state, linear, 0, &physical) ? physical : ~0ull;
}

static void without_paging_linear_is_physical(void **unused) {
	const struct vcpu_state state = {.cr0 = CR0_PE};

	(void)unused;
	assert_int_equal(translate(&state, 0xfee00123), 0xfee00123);
	assert_int_equal(translate(&state, 0x1fee00123), 0xfee00123);
}

static void tables_of_32_bits(void **unused) {
	struct vcpu_state state = {.cr0 = CR0_PE | CR0_PG, .cr3 = ROOT | 0x18};

	(void)unused;
	guest_ram_put(&ram, ROOT + 4 * 0x300, 0x2000 | 1, 4);
	guest_ram_put(&ram, 0x2000 + 4 * 0x3ff, 0xfee00000 | 0x13, 4);
	guest_ram_put(&ram, ROOT + 4 * 0x301, 0x00402000 | 0x81, 4); /* 4 MiB, bit 32 */
	assert_int_equal(translate(&state, 0xc03ff0b0), 0xfee000b0);
	assert_int_equal(translate(&state, 0xc03fe000), ~0ull);
	state.cr4 = BIT(4);
	assert_int_equal(translate(&state, 0xc0512345), 0x100512345);
	assert_int_equal(translate(&state, 0xc0800000), ~0ull);
}

static void tables_of_pae(void **unused) {
	const struct vcpu_state state = {.cr0 = CR0_PE | CR0_PG, .cr4 = CR4_PAE, .cr3 = 0x1020};

	(void)unused;
	guest_ram_put(&ram, 0x1020 + 8 * 3, 0x3000 | 1, 8);
	guest_ram_put(&ram, 0x3000 + 8 * 1, 0x4000 | 1, 8);
	guest_ram_put(&ram, 0x4000 + 8 * 2, BIT(63) | 0x900000000 | 1, 8);
	guest_ram_put(&ram, 0x3000 + 8 * 2, 0x8fe00000 | 0x1081, 8); /* PAT: no address bit */
	assert_int_equal(translate(&state, 0xc0202abc), 0x900000abc);
	assert_int_equal(translate(&state, 0xc05abcde), 0x8ffabcde);
	assert_int_equal(translate(&state, 0x00000000), ~0ull);
}

static void tables_of_four_and_five_levels(void **unused) {
	struct vcpu_state state = {
		.cr0 = CR0_PE | CR0_PG, .cr4 = CR4_PAE, .cr3 = ROOT, .efer = EFER_LME | EFER_LMA};
	const u64 linear = 0xffff800040201234;

	(void)unused;
	guest_ram_put(&ram, ROOT + 8 * 256, 0x2000 | 1, 8);
	guest_ram_put(&ram, 0x2000 + 8 * 1, 0x3000 | 1, 8);
	guest_ram_put(&ram, 0x3000 + 8 * 1, 0x4000 | 1, 8);
	guest_ram_put(&ram, 0x4000 + 8 * 1, 0xfec00000 | 1, 8);
	guest_ram_put(&ram, 0x3000 + 8 * 2, 0x200000000 | 0x81, 8);
	guest_ram_put(&ram, 0x2000 + 8 * 2, 0x4000000000 | 0x81, 8);
	assert_int_equal(translate(&state, linear), 0xfec00234);
	assert_int_equal(translate(&state, 0xffff800040412345), 0x200012345);
	assert_int_equal(translate(&state, 0xffff800080000000 | 0x3abcdef0), 0x403abcdef0);
	assert_int_equal(translate(&state, 0x0000800040201234), ~0ull); /* not canonical */
	assert_int_equal(translate(&state, 0xffff808040201234), ~0ull);

	state.cr4 |= BIT(12);
	state.cr3 = 0x5000;
	guest_ram_put(&ram, 0x5000 + 8 * 256, ROOT | 1, 8);
	assert_int_equal(translate(&state, 0xff00800040201234), 0xfec00234);
	assert_int_equal(translate(&state, 0x0100800040201234), ~0ull);
}

static bool has_rights(const struct vcpu_state *state, u64 linear, u64 rights) {
	u64 physical;

	return guest_translate(&ram.memory, state, linear, rights, &physical);
}

/* Every level must give the right; only PAE's first table has none to give. */
static void rights_are_those_of_all_levels(void **unused) {
	struct vcpu_state state = {.cr0 = CR0_PE | CR0_PG, .cr3 = ROOT};

	(void)unused;
	guest_ram_put(&ram, ROOT, 0x2000 | 7, 4);
	guest_ram_put(&ram, 0x2000, 0x8000 | 1, 4);
	guest_ram_put(&ram, 0x2004, 0x8000 | 5, 4);
	guest_ram_put(&ram, 0x2008, 0x8000 | 7, 4);
	assert_false(has_rights(&state, 0x0000, GUEST_USER));
	assert_false(has_rights(&state, 0x0000, GUEST_WRITE));
	assert_true(has_rights(&state, 0x1000, GUEST_USER));
	assert_false(has_rights(&state, 0x1000, GUEST_USER | GUEST_WRITE));
	assert_true(has_rights(&state, 0x2000, GUEST_USER | GUEST_WRITE));
	guest_ram_put(&ram, ROOT, 0x2000 | 3, 4);
	assert_false(has_rights(&state, 0x2000, GUEST_USER));
	assert_true(has_rights(&state, 0x2000, GUEST_WRITE));
	state.cr4 = CR4_PAE;
	guest_ram_put(&ram, ROOT, 0x3000 | 1, 8);
	guest_ram_put(&ram, 0x3000, 0x87, 8);
	assert_true(has_rights(&state, 0x2000, GUEST_USER | GUEST_WRITE));
	state.cr0 = CR0_PE;
	assert_true(has_rights(&state, 0x2000, GUEST_USER | GUEST_WRITE));
}

static void tables_outside_memory_end_the_walk(void **unused) {
	struct vcpu_state state = {
		.cr0 = CR0_PE | CR0_PG, .cr4 = CR4_PAE, .cr3 = ROOT, .efer = EFER_LMA};

	(void)unused;
	guest_ram_put(&ram, ROOT, 0xfffffffff000 | 1, 8);
	assert_int_equal(translate(&state, 0), ~0ull);
	state.cr3 = GUEST_ACPI_BASE;
	assert_int_equal(translate(&state, 0), ~0ull);
}

static void code_is_fetched_across_pages(void **unused) {
	struct vcpu_state state = {
		.cr0 = CR0_PE | CR0_PG,
		.cr3 = ROOT,
		.rip = 0x1ff8,
		.segments[SEG_CS] = {.attributes = SEGMENT_CODE_32, .base = 0x1000},
	};
	u8 bytes[INSTRUCTION_BYTES_MAX];

	(void)unused;
	guest_ram_put(&ram, ROOT, 0x2000 | 1, 4);
	guest_ram_put(&ram, 0x2000 + 4 * 2, 0x8000 | 1, 4);
	memset(ram.bytes + 0x8ff8, 0x11, 8);
	memset(ram.bytes + 0x6000, 0x22, 16);
	assert_int_equal(guest_code_mode(&state), CODE_32);
	assert_int_equal(guest_fetch(&ram.memory, &state, bytes), 8);
	guest_ram_put(&ram, 0x2000 + 4 * 3, 0x6000 | 1, 4);
	assert_int_equal(guest_fetch(&ram.memory, &state, bytes), INSTRUCTION_BYTES_MAX);
	assert_int_equal(bytes[7], 0x11);
	assert_int_equal(bytes[8], 0x22);
	state.segments[SEG_CS].attributes = SEGMENT_CODE_16;
	assert_int_equal(guest_code_mode(&state), CODE_16);
	/* In long mode the base does not count. */
	state.segments[SEG_CS].attributes = SEGMENT_CODE_64;
	state.cr0 = CR0_PE;
	state.efer = EFER_LMA;
	state.rip = 0x6000;
	assert_int_equal(guest_code_mode(&state), CODE_64);
	assert_int_equal(guest_fetch(&ram.memory, &state, bytes), INSTRUCTION_BYTES_MAX);
	assert_int_equal(bytes[0], 0x22);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_paging_linear_is_physical, fresh, done),
		cmocka_unit_test_setup_teardown(tables_of_32_bits, fresh, done),
		cmocka_unit_test_setup_teardown(tables_of_pae, fresh, done),
		cmocka_unit_test_setup_teardown(tables_of_four_and_five_levels, fresh, done),
		cmocka_unit_test_setup_teardown(rights_are_those_of_all_levels, fresh, done),
		cmocka_unit_test_setup_teardown(tables_outside_memory_end_the_walk, fresh, done),
		cmocka_unit_test_setup_teardown(code_is_fetched_across_pages, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
