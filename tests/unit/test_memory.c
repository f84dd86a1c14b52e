/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "../../vmm/partition_internal.h"
#include <string.h>

/* A guest's memory map, and what of it is mapped. */

#define POOL_PAGES 64
#define ECAM 0xe0000000ull
#define FOUR_GIB (4 * GIB)
#define HOST (16 * GIB)

struct boot_info boot;
struct machine machine;

struct cpu *cpu_here(void) {
	return NULL;
}

void *cpu_window(struct cpu *cpu, u64 address) {
	(void)cpu;
	(void)address;
	fail_msg("nothing is copied here");
	return NULL;
}

static const struct table_format format = {
	.present = 1, .always = 1, .read = 2, .write = 4, .large = 8};
static u8 *pages;
static struct page_pool pool;
static struct reserved_region regions[40];
static struct pci_function functions[2];
static u32 given[] = {1};
static struct inventory inventory;
static struct partition_plan plan;
static struct partition p;

static int setup(void **state) {
	(void)state;
	if (!pages)
		pages = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
	page_pool_init(&pool, pages, POOL_PAGES);
	functions[0] = (struct pci_function){.group = 0};
	functions[1] = (struct pci_function){.address = {0, 1, 0}, .group = 1};
	inventory =
		(struct inventory){.functions = functions, .function_count = 2, .regions = regions};
	plan = (struct partition_plan){.memory_bytes = 2 * GIB,
				       .memory_base = HOST,
				       .functions = given,
				       .function_count = 1};
	p = (struct partition){.plan = &plan};
	assert_true(page_tables_init(&p.nested, &format, &pool, 4, 3));
	return 0;
}

static void reserve(u64 base, u64 limit, u32 function) {
	regions[inventory.region_count++] =
		(struct reserved_region){base, limit, true, true, function, 0, 0, UINT16_MAX};
}

/* Sorted, nothing twice. */
static void check_map(void) {
	u64 end = 0;

	for (u32 i = 0; i < p.map.count; i++) {
		assert_true(p.map.ranges[i].base >= end);
		assert_true(p.map.ranges[i].length > 0);
		end = p.map.ranges[i].base + p.map.ranges[i].length;
	}
}

static void make(void) {
	guest_memory_plan(&p, &inventory, ECAM);
	check_map();
	assert_true(guest_memory_map(&p));
}

/* What the map says of ADDRESS; 0: nothing. */
static enum guest_range_kind kind_of(u64 address) {
	for (u32 i = 0; i < p.map.count; i++)
		if (address - p.map.ranges[i].base < p.map.ranges[i].length)
			return p.map.ranges[i].kind;
	return RANGE_NONE;
}

static u64 host_of(u64 guest) {
	u64 to, size, entry;

	return page_tables_find(&p.nested, guest, &to, &size, &entry) ? to : 0;
}

static void check_ram(u64 guest, u64 host) {
	assert_int_equal(kind_of(guest), RANGE_RAM);
	assert_int_equal(host_of(guest), host);
}

static void check_hole(u64 guest) {
	assert_int_equal(kind_of(guest), RANGE_RESERVED);
	assert_int_equal(host_of(guest), 0);
}

static void without_reserved_memory_all_of_it_is_ram(void **state) {
	u64 to, size, entry;

	(void)state;
	make();
	check_ram(0, HOST);
	check_ram(0x9e000, HOST + 0x9e000);
	check_ram(MIB, HOST + MIB);
	check_ram(2 * GIB - PAGE_SIZE, HOST + 2 * GIB - PAGE_SIZE);
	/* Tables for the guest are written to RAM that the map keeps from it. */
	assert_int_equal(kind_of(0xe0000), RANGE_RESERVED);
	assert_int_equal(host_of(0xe0000), HOST + 0xe0000);
	assert_int_equal(kind_of(ECAM), RANGE_RESERVED);
	assert_int_equal(kind_of(2 * GIB), RANGE_NONE);
	assert_int_equal(host_of(2 * GIB), 0);
	/* In the largest pages. */
	assert_true(page_tables_find(&p.nested, 0, &to, &size, &entry));
	assert_int_equal(size, GIB);
}

static void reserved_memory_is_a_hole_in_the_guests(void **state) {
	(void)state;
	reserve(0x40000000, 0x40003fff, 1);
	reserve(0x50000000, 0x50000fff, 0); /* somebody else's */
	make();
	check_ram(0x3ffff000, HOST + 0x3ffff000);
	check_hole(0x40000000);
	check_hole(0x40003fff);
	check_ram(0x40004000, HOST + 0x40004000);
	check_ram(0x50000000, HOST + 0x50000000);
}

static void a_hole_is_said_wherever_it_is(void **state) {
	(void)state;
	plan.memory_bytes = 6 * GIB;
	reserve(0xbff00000, 0xc00fffff, 1); /* across the end of low memory */
	reserve(ECAM - PAGE_SIZE, ECAM + 4 * MIB - 1, 1);
	reserve(FOUR_GIB - PAGE_SIZE, FOUR_GIB + PAGE_SIZE - 1, 1);
	reserve(FOUR_GIB + 3 * GIB - PAGE_SIZE, FOUR_GIB + 3 * GIB + PAGE_SIZE - 1, 1);
	make();
	check_ram(0xbfeff000, HOST + 0xbfeff000);
	check_hole(0xbff00000);
	check_hole(0xc00ff000);
	assert_int_equal(kind_of(0xc0100000), RANGE_NONE);
	check_hole(ECAM - PAGE_SIZE);
	check_hole(ECAM + 2 * MIB);
	check_hole(FOUR_GIB - PAGE_SIZE);
	check_hole(FOUR_GIB);
	check_ram(FOUR_GIB + PAGE_SIZE, HOST + 3 * GIB + PAGE_SIZE);
	check_hole(FOUR_GIB + 3 * GIB - PAGE_SIZE);
	check_hole(FOUR_GIB + 3 * GIB);
}

static void memory_for_every_function_of_the_segment_is_a_hole_too(void **state) {
	(void)state;
	reserve(0x40000000, 0x40003fff, NONE);
	make();
	check_hole(0x40000000);
	/* A partition without devices has no domain, and needs none. */
	setup(NULL);
	plan.function_count = 0;
	reserve(0x40000000, 0x40003fff, NONE);
	make();
	check_ram(0x40000000, HOST + 0x40000000);
}

/* Then what is left out is not given to the guest either. */
static void more_regions_than_a_map_can_tell_do_no_harm(void **state) {
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(regions); i++)
		reserve(0x40000000 + i * 2 * PAGE_SIZE, 0x40000fff + i * 2 * PAGE_SIZE, 1);
	guest_memory_plan(&p, &inventory, ECAM);
	check_map();
	assert_int_equal(p.map.count, GUEST_RANGES_MAX);
	for (u32 i = 0; i < p.map.count; i++)
		for (u32 r = 0; r < ARRAY_SIZE(regions); r++)
			assert_true(p.map.ranges[i].kind != RANGE_RAM ||
				    p.map.ranges[i].base > regions[r].limit ||
				    p.map.ranges[i].base + p.map.ranges[i].length <=
					    regions[r].base);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_reserved_memory_all_of_it_is_ram, setup),
		cmocka_unit_test_setup(reserved_memory_is_a_hole_in_the_guests, setup),
		cmocka_unit_test_setup(a_hole_is_said_wherever_it_is, setup),
		cmocka_unit_test_setup(memory_for_every_function_of_the_segment_is_a_hole_too,
				       setup),
		cmocka_unit_test_setup(more_regions_than_a_map_can_tell_do_no_harm, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
