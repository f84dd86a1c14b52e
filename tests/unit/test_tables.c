/* SPDX-License-Identifier: Apache-2.0 */
/* Page tables against a plain list of pages: after any sequence of changes both say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tables.h"
#include "text.h"

#define POOL_PAGES 4096
#define MODEL_PAGES (4 * TABLE_ENTRIES) /* 8 MiB of addresses */
#define MODEL_BASE (GIB - 4 * MIB) /* across a border of the third level */

#define ENTRY_PRESENT BIT(0)
#define ENTRY_LEAF BIT(1)
#define ENTRY_ADDRESS BITS(51, 12)

static const struct table_format format = {
	.present = ENTRY_PRESENT, .always = ENTRY_PRESENT, .large = ENTRY_LEAF};

struct fixture {
	void *memory;
	struct page_pool pool;
	struct page_tables tables;
};

static int set_up(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));

	f->memory = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
	page_pool_init(&f->pool, f->memory, POOL_PAGES);
	*state = f;
	return page_tables_init(&f->tables, &format, &f->pool, 4, 3) ? 0 : -1;
}

static int tear_down(void **state) {
	struct fixture *f = *state;

	free(f->memory);
	free(f);
	return 0;
}

/* A walk that shares nothing with the builder but the entry layout. */
static u64 walk(const u64 *table, unsigned int levels, u64 from, u64 *size) {
	for (unsigned int level = levels; level; level--) {
		u64 entry = table[(from >> (12 + 9 * (level - 1))) & 511];

		if (!(entry & ENTRY_PRESENT))
			return UINT64_MAX;
		if (entry & ENTRY_LEAF || level == 1) {
			*size = 1ull << (12 + 9 * (level - 1));
			return (entry & ENTRY_ADDRESS) + (from & (*size - 1));
		}
		table = (const u64 *)(uintptr_t)(entry & ENTRY_ADDRESS);
	}
	return UINT64_MAX;
}

static void largest_pages_that_fit_are_used(void **state) {
	struct fixture *f = *state;
	struct table_format small = format;
	u64 size;

	assert_true(page_tables_map(&f->tables, 2 * MIB, 6 * MIB, 3 * GIB, ACCESS_READ));
	assert_int_equal(walk(f->tables.root, 4, 2 * MIB, &size), 6 * MIB);
	assert_int_equal(size, 2 * MIB);
	assert_true(page_tables_map(&f->tables, 8 * GIB, 4 * GIB, GIB, ACCESS_READ));
	assert_int_equal(walk(f->tables.root, 4, 8 * GIB + 12345, &size), 4 * GIB + 12345);
	assert_int_equal(size, GIB);
	/* Addresses that do not agree modulo 2 MiB leave only small pages. */
	assert_true(page_tables_map(&f->tables, 16 * GIB, PAGE_SIZE, 4 * MIB, ACCESS_READ));
	walk(f->tables.root, 4, 16 * GIB, &size);
	assert_int_equal(size, PAGE_SIZE);
	/* Those that may be executed have a bound of their own. */
	small.small_code = true;
	f->tables.format = &small;
	assert_true(page_tables_map(&f->tables, 20 * GIB, 20 * GIB, 4 * MIB,
				    ACCESS_READ | ACCESS_EXECUTE));
	assert_int_equal(walk(f->tables.root, 4, 20 * GIB + 2 * MIB, &size), 20 * GIB + 2 * MIB);
	assert_int_equal(size, PAGE_SIZE);
	assert_true(page_tables_map(&f->tables, 21 * GIB, 21 * GIB, 2 * MIB, ACCESS_READ));
	walk(f->tables.root, 4, 21 * GIB, &size);
	assert_int_equal(size, 2 * MIB);
}

static void what_does_not_fit_is_refused(void **state) {
	struct fixture *f = *state;
	u64 size;

	assert_false(page_tables_map(&f->tables, BIT(48), 0, PAGE_SIZE, ACCESS_READ));
	assert_false(
		page_tables_map(&f->tables, BIT(48) - PAGE_SIZE, 0, 2 * PAGE_SIZE, ACCESS_READ));
	assert_false(page_tables_map(&f->tables, UINT64_MAX & ~0xfffull, 0, 2 * PAGE_SIZE, 1));
	assert_false(page_tables_map(&f->tables, 1, 0, PAGE_SIZE, ACCESS_READ));
	assert_false(page_tables_map(&f->tables, 0, 0, PAGE_SIZE + 1, ACCESS_READ));
	assert_true(page_tables_map(&f->tables, 0, 0, 2 * MIB, ACCESS_READ));
	assert_false(page_tables_map(&f->tables, PAGE_SIZE, 0, PAGE_SIZE, ACCESS_READ));
	/* A range that meets a mapping half way leaves nothing behind. */
	assert_true(page_tables_map(&f->tables, GIB, 0, PAGE_SIZE, ACCESS_READ));
	assert_false(
		page_tables_map(&f->tables, GIB - 3 * PAGE_SIZE, 0, 4 * PAGE_SIZE, ACCESS_READ));
	assert_int_equal(walk(f->tables.root, 4, GIB - 3 * PAGE_SIZE, &size), UINT64_MAX);
	assert_int_equal(walk(f->tables.root, 4, GIB, &size), 0);
}

static void changes_agree_with_a_plain_list(void **state) {
	struct fixture *f = *state;
	static u64 model[MODEL_PAGES]; /* target + 1; 0: not mapped */

	srand(7);
	memset(model, 0, sizeof(model));
	for (u32 round = 0; round < 4000; round++) {
		u64 first = (u64)rand() % MODEL_PAGES;
		u64 count = 1 + (u64)rand() % (rand() % 2 ? 8 : 1200);
		bool map = rand() % 2, overlap = false;

		if (rand() % 3 == 0)
			first &= ~511ull;
		count = min_u64(count, MODEL_PAGES - first);
		for (u64 i = first; i < first + count; i++)
			overlap |= model[i] != 0;
		if (map && !overlap) {
			u64 to = 8 * GIB + first * PAGE_SIZE;

			assert_true(page_tables_map(&f->tables, MODEL_BASE + first * PAGE_SIZE, to,
						    count * PAGE_SIZE, ACCESS_READ));
			for (u64 i = 0; i < count; i++)
				model[first + i] = to + i * PAGE_SIZE + 1;
		} else if (!map) {
			assert_true(page_tables_unmap(&f->tables, MODEL_BASE + first * PAGE_SIZE,
						      count * PAGE_SIZE));
			memset(&model[first], 0, count * sizeof(model[0]));
		}
		for (u64 i = 0; round % 16 == 0 && i < MODEL_PAGES; i++) {
			u64 size, to, page_size, entry;
			u64 found = walk(f->tables.root, 4, MODEL_BASE + i * PAGE_SIZE, &size);

			assert_int_equal(found, model[i] - 1);
			assert_int_equal(page_tables_find(&f->tables, MODEL_BASE + i * PAGE_SIZE,
							  &to, &page_size, &entry),
					 model[i] != 0);
			if (model[i])
				assert_int_equal(to, model[i] - 1);
		}
	}
}

static void an_empty_pool_fails(void **state) {
	struct fixture *f = *state;
	struct page_pool small;
	struct page_tables tables;

	page_pool_init(&small, f->memory, 3);
	assert_true(page_tables_init(&tables, &format, &small, 4, 1));
	assert_false(page_tables_map(&tables, 0, 0, PAGE_SIZE, ACCESS_READ));
}

static void runs_are_contiguous_and_end_with_the_pool(void **state) {
	struct fixture *f = *state;
	struct page_pool pool;
	u8 *base = f->memory, *run;

	memset(base, 0xff, 64 * PAGE_SIZE);
	page_pool_init(&pool, base, 64);
	assert_ptr_equal(page_pool_take(&pool, 1), base);
	run = page_pool_take(&pool, 16);
	assert_ptr_equal(run, base + PAGE_SIZE);
	for (u32 i = 0; i < 16 * PAGE_SIZE; i++)
		assert_int_equal(run[i], 0);
	assert_int_equal(run[16 * PAGE_SIZE], 0xff);
	assert_null(page_pool_take(&pool, 48));
	assert_null(page_pool_take(&pool, UINT64_MAX));
	assert_ptr_equal(page_pool_take(&pool, 47), base + 17 * PAGE_SIZE);
	assert_null(page_pool_take(&pool, 1));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(largest_pages_that_fit_are_used, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changes_agree_with_a_plain_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_empty_pool_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(runs_are_contiguous_and_end_with_the_pool, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
