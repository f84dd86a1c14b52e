/* SPDX-License-Identifier: Apache-2.0 */
/* EPT entries as section 29.3.3.2 of Intel's SDM, volume 3, has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../arch/x86/vmx/vmx.c"

/* What the rest of the room would bring along. */
bool controls_choose(const u64 capabilities[CONTROL_SETS], u32 controls[CONTROL_SETS],
		     struct text_sink *reason) {
	(void)capabilities;
	(void)controls;
	(void)reason;
	return false;
}

bool vmx_create(struct vcpu *vcpu, struct page_pool *pool, u64 nested_root) {
	(void)vcpu;
	(void)pool;
	(void)nested_root;
	return false;
}

void vmx_set_state(struct vcpu *vcpu) {
	(void)vcpu;
}

void vmx_load_state(struct vcpu *vcpu) {
	(void)vcpu;
}

void vmx_run(struct vcpu *vcpu, struct vcpu_exit *exit) {
	(void)vcpu;
	(void)exit;
}

_Noreturn void panic(const char *format, ...) {
	(void)format;
	abort();
}

#define RWX 7
#define WRITE_BACK (6 << 3)
#define LARGE BIT(7)
#define RAM (ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE | ACCESS_USER)
#define REGISTERS (ACCESS_READ | ACCESS_WRITE | ACCESS_USER | ACCESS_UNCACHED)

static u8 pages[16 * PAGE_SIZE] __attribute__((aligned(4096)));

static u64 entry_at(const struct page_tables *tables, u64 from) {
	u64 to, size, entry;

	assert_true(page_tables_find(tables, from, &to, &size, &entry));
	return entry;
}

static void entries_by_size_and_use(void **state) {
	struct page_pool pool;
	struct page_tables tables;

	(void)state;
	page_pool_init(&pool, pages, 16);
	assert_true(page_tables_init(&tables, vmx_ops.nested_format, &pool, 4, 3));
	assert_true(page_tables_map(&tables, 0, 4 * GIB, GIB, RAM));
	assert_true(page_tables_map(&tables, GIB, 6 * GIB, 2 * MIB, RAM));
	assert_true(page_tables_map(&tables, 3 * GIB, 3 * GIB, PAGE_SIZE, REGISTERS));
	/* Types are of leaves only; what is above them allows everything. */
	assert_true(entry_at(&tables, 0) == (4 * GIB | RWX | WRITE_BACK | LARGE));
	assert_true(entry_at(&tables, GIB) == (6 * GIB | RWX | WRITE_BACK | LARGE));
	assert_true(entry_at(&tables, 3 * GIB) == (3 * GIB | 3));
	assert_int_equal(tables.root[0] & (PAGE_SIZE - 1), RWX);
	/* Without any right an entry is not present. */
	assert_true(page_tables_unmap(&tables, 3 * GIB, PAGE_SIZE));
	assert_false(page_tables_find(&tables, 3 * GIB, &(u64){0}, &(u64){0}, &(u64){0}));
	/* What is left of a large page keeps its type. */
	assert_true(page_tables_unmap(&tables, GIB, PAGE_SIZE));
	assert_true(entry_at(&tables, GIB + PAGE_SIZE) ==
		    ((6 * GIB + PAGE_SIZE) | RWX | WRITE_BACK));
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(entries_by_size_and_use)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
