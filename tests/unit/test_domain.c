/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "enumerate.h"
#include "iommu.h"
#include <string.h>

#define POOL_PAGES 64
#define ALICE 0
#define BOB 1

/* A unit that remembers what it was told last about each requester ID. */
static struct dma_domain *told[2][65536];
static u32 told_count, fail_from, fail_count, flushes;

static bool fake_set_domain(struct iommu_unit *unit, u16 requester_id, struct dma_domain *domain) {
	u32 n = told_count++;

	if (n >= fail_from && n - fail_from < fail_count)
		return false;
	told[unit->index][requester_id] = domain;
	return true;
}

static bool fake_flush_domain(struct iommu_unit *unit, struct dma_domain *domain) {
	(void)unit;
	(void)domain;
	flushes++;
	return true;
}

static u32 entries_written;

static void fake_written(const u64 *entries, u64 count) {
	(void)entries;
	entries_written += (u32)count;
}

static const struct table_format fake_format = {
	.present = 1, .always = 1, .read = 2, .write = 4, .large = 8};
static const struct iommu_ops fake_ops = {.name = "fake",
					  .format = &fake_format,
					  .set_domain = fake_set_domain,
					  .flush_domain = fake_flush_domain,
					  .written = fake_written};
static const struct iommu_ops other_ops = {.name = "other", .format = &fake_format};

/*
 * Group 0: two functions and the bridge that they hide behind. Group 1: one function that the
 * table gives another ID. Group 2: one function without a unit. Group 3: one function of unit 1.
 */
enum { BRIDGE, FIRST, SECOND, ALIASED, UNCOVERED, FAR, FUNCTIONS };

static struct pci_function functions[FUNCTIONS];
static u32 members[] = {BRIDGE, FIRST, SECOND, ALIASED, UNCOVERED, FAR};
static struct group groups[4];
static struct inventory inventory;
static struct iommu iommu;
static struct page_pool pool;
static struct dma_domain domain, second_domain;
static u8 group_state[4];
static u16 group_owner[4];
static u32 function_faults[FUNCTIONS];
static u8 *memory;

u32 pci_dma_aliases(const struct inventory *of, u32 function, struct pci_address *aliases,
		    u32 limit) {
	u32 count = 0;

	assert_ptr_equal(of, &inventory);
	assert_true(limit >= GROUP_ALIASES);
	aliases[count++] = functions[function].address;
	if (function == FIRST || function == SECOND)
		aliases[count++] = (struct pci_address){0, 2, 0};
	if (function == ALIASED)
		aliases[count++] = (struct pci_address){0, 0, 0xa4};
	return count;
}

static void put_function(u32 index, u16 id, u32 unit, u32 group) {
	functions[index] = (struct pci_function){.address = {0, (u8)(id >> 8), (u8)id},
						 .unit = unit,
						 .group = group,
						 .table_alias = id};
}

static int setup(void **state) {
	(void)state;
	if (!memory)
		memory = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
	page_pool_init(&pool, memory, POOL_PAGES);
	put_function(BRIDGE, 0x0008, 0, 0);
	put_function(FIRST, 0x0208, 0, 0);
	put_function(SECOND, 0x0210, 0, 0);
	put_function(ALIASED, 0x0300, 0, 1);
	put_function(UNCOVERED, 0x0400, NONE, 2);
	put_function(FAR, 0x0500, 1, 3);
	groups[0] = (struct group){.members = &members[0], .member_count = 3};
	for (u32 i = 1; i < 4; i++)
		groups[i] = (struct group){.members = &members[i + 2], .member_count = 1};
	inventory = (struct inventory){.functions = functions,
				       .function_count = FUNCTIONS,
				       .groups = groups,
				       .group_count = 4};
	memset(group_state, 0, sizeof(group_state));
	memset(group_owner, 0, sizeof(group_owner));
	iommu = (struct iommu){.inventory = &inventory,
			       .unit_count = 2,
			       .pool = &pool,
			       .group_state = group_state,
			       .group_owner = group_owner,
			       .function_faults = function_faults};
	for (u32 i = 0; i < 2; i++)
		iommu.units[i] = (struct iommu_unit){.ops = &fake_ops,
						     .index = i,
						     .levels = (u32)BIT(3) | (u32)BIT(4 + i),
						     .domain_ids = 100 - 50 * i,
						     .leaf_level = 3 - i,
						     .coherent = true};
	memset(told, 0, sizeof(told));
	told_count = fail_count = flushes = entries_written = 0;
	fail_from = 0;
	assert_true(domain_create(&iommu, &domain, 1, (u32[]){FIRST, ALIASED}, 2));
	assert_true(domain_create(&iommu, &second_domain, 2, (u32[]){FIRST}, 1));
	return 0;
}

static u32 requesters_in(const struct dma_domain *of) {
	u32 count = 0;

	for (u32 unit = 0; unit < 2; unit++)
		for (u32 id = 0; id < 65536; id++)
			count += told[unit][id] == of;
	return count;
}

static void every_member_with_every_alias_is_attached_and_detached(void **state) {
	(void)state;
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	assert_int_equal(requesters_in(&domain), 0);
	assert_true(domain_attach_group(&iommu, &domain, 0, ALICE));
	assert_int_equal(requesters_in(&domain), 4);
	assert_ptr_equal(told[0][0x0008], &domain);
	assert_ptr_equal(told[0][0x0208], &domain);
	assert_ptr_equal(told[0][0x0210], &domain);
	assert_ptr_equal(told[0][0x0200], &domain);
	assert_true(domain_detach_group(&iommu, &domain, 0, ALICE));
	assert_int_equal(requesters_in(&domain), 0);
	assert_true(domain_claim_group(&iommu, 1, ALICE));
	assert_true(domain_attach_group(&iommu, &domain, 1, ALICE));
	assert_int_equal(requesters_in(&domain), 2);
	assert_ptr_equal(told[0][0x0300], &domain);
	assert_ptr_equal(told[0][0x00a4], &domain);
}

/* A storm is throttled at a certain count: in each life of a partition anew. */
static void faults_count_from_zero_when_a_function_is_attached(void **state) {
	(void)state;
	function_faults[FIRST] = function_faults[ALIASED] = 7;
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	assert_int_equal(function_faults[FIRST], 7);
	assert_true(domain_attach_group(&iommu, &domain, 0, ALICE));
	assert_int_equal(function_faults[FIRST], 0);
	assert_int_equal(function_faults[ALIASED], 7);
	function_faults[FIRST] = 9;
	assert_true(domain_detach_group(&iommu, &domain, 0, ALICE));
	assert_int_equal(function_faults[FIRST], 9);
}

static void several_groups_share_a_domain(void **state) {
	(void)state;
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	assert_true(domain_claim_group(&iommu, 1, ALICE));
	assert_true(domain_attach_group(&iommu, &domain, 0, ALICE));
	assert_true(domain_attach_group(&iommu, &domain, 1, ALICE));
	assert_int_equal(requesters_in(&domain), 6);
	assert_true(domain_detach_group(&iommu, &domain, 0, ALICE));
	assert_int_equal(requesters_in(&domain), 2);
}

static void a_group_has_one_owner(void **state) {
	(void)state;
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	assert_false(domain_claim_group(&iommu, 0, BOB));
	assert_false(domain_claim_group(&iommu, 0, ALICE));
	assert_false(domain_attach_group(&iommu, &second_domain, 0, BOB));
	domain_release_group(&iommu, 0, BOB);
	assert_false(domain_claim_group(&iommu, 0, BOB));
	assert_true(domain_attach_group(&iommu, &domain, 0, ALICE));
	assert_false(domain_detach_group(&iommu, &domain, 0, BOB));
	assert_int_equal(requesters_in(&domain), 4);
	assert_true(domain_detach_group(&iommu, &domain, 0, ALICE));
	domain_release_group(&iommu, 0, ALICE);
	assert_true(domain_claim_group(&iommu, 0, BOB));
	assert_true(domain_attach_group(&iommu, &second_domain, 0, BOB));
}

static void only_the_order_claim_attach_detach_release_works(void **state) {
	(void)state;
	assert_false(domain_attach_group(&iommu, &domain, 0, ALICE));
	assert_false(domain_detach_group(&iommu, &domain, 0, ALICE));
	assert_int_equal(told_count, 0);
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	assert_false(domain_detach_group(&iommu, &domain, 0, ALICE));
	assert_true(domain_attach_group(&iommu, &domain, 0, ALICE));
	/* Attached is not blocked: neither to another domain, nor to nobody. */
	assert_false(domain_attach_group(&iommu, &second_domain, 0, ALICE));
	domain_release_group(&iommu, 0, ALICE);
	assert_false(domain_claim_group(&iommu, 0, BOB));
	assert_int_equal(iommu.group_state[0], GROUP_ATTACHED);
	assert_true(domain_detach_group(&iommu, &domain, 0, ALICE));
	assert_int_equal(iommu.group_state[0], GROUP_CLAIMED);
	assert_false(domain_detach_group(&iommu, &domain, 0, ALICE));
	domain_release_group(&iommu, 0, ALICE);
	assert_int_equal(iommu.group_state[0], GROUP_BLOCKED);
	assert_false(domain_attach_group(&iommu, &domain, 0, ALICE));
}

static void groups_that_do_not_exist_are_refused(void **state) {
	(void)state;
	assert_false(domain_claim_group(&iommu, 4, ALICE));
	assert_false(domain_attach_group(&iommu, &domain, NONE, ALICE));
	assert_false(domain_detach_group(&iommu, &domain, 4, ALICE));
	domain_release_group(&iommu, 4, ALICE);
	assert_false(domain_claim_group(&iommu, 0, UINT16_MAX));
	assert_false(domain_create(&iommu, &second_domain, 2, (u32[]){FUNCTIONS}, 1));
}

static void a_group_with_an_uncovered_member_is_refused(void **state) {
	struct dma_domain third;

	(void)state;
	assert_false(domain_claim_group(&iommu, 2, ALICE));
	assert_false(domain_create(&iommu, &third, 3, (u32[]){FIRST, UNCOVERED}, 2));
	functions[SECOND].unit = 5;
	assert_false(domain_claim_group(&iommu, 0, ALICE));
	assert_int_equal(told_count, 0);
}

static void a_failure_at_any_member_blocks_them_all(void **state) {
	(void)state;
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	for (u32 at = 0; at < 4; at++) {
		told_count = 0;
		fail_from = at;
		fail_count = 1;
		assert_false(domain_attach_group(&iommu, &domain, 0, ALICE));
		assert_int_equal(requesters_in(&domain), 0);
		assert_int_equal(iommu.group_state[0], GROUP_CLAIMED);
	}
	fail_count = 0;
	assert_true(domain_attach_group(&iommu, &domain, 0, ALICE));
	assert_int_equal(requesters_in(&domain), 4);
}

static void a_group_that_may_not_be_blocked_goes_to_nobody(void **state) {
	(void)state;
	/* The third request fails, and so does the roll-back's first. */
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	fail_from = 2;
	fail_count = 2;
	assert_false(domain_attach_group(&iommu, &domain, 0, ALICE));
	assert_true(requesters_in(&domain) > 0);
	domain_release_group(&iommu, 0, ALICE);
	assert_false(domain_claim_group(&iommu, 0, BOB));
	assert_true(domain_detach_group(&iommu, &domain, 0, ALICE));
	assert_int_equal(requesters_in(&domain), 0);
	/* Detaching: all the others are blocked although one did not answer; it may be tried again. */
	assert_true(domain_attach_group(&iommu, &domain, 0, ALICE));
	fail_from = told_count + 1;
	fail_count = 1;
	assert_false(domain_detach_group(&iommu, &domain, 0, ALICE));
	assert_true(requesters_in(&domain) <= 1);
	domain_release_group(&iommu, 0, ALICE);
	assert_false(domain_claim_group(&iommu, 0, BOB));
	assert_true(domain_detach_group(&iommu, &domain, 0, ALICE));
	assert_int_equal(requesters_in(&domain), 0);
}

static void a_domain_has_what_its_units_have_in_common(void **state) {
	struct dma_domain third;

	(void)state;
	assert_true(domain_create(&iommu, &third, 3, (u32[]){FAR}, 1));
	assert_int_equal(third.tables.levels, 5);
	assert_int_equal(third.tables.leaf_level, 2);
	assert_true(domain_create(&iommu, &third, 3, (u32[]){FAR, FIRST}, 2));
	assert_int_equal(third.tables.levels, 3);
	assert_int_equal(third.tables.leaf_level, 2);
	assert_true(domain_create(&iommu, &third, 50, (u32[]){FIRST}, 1));
	assert_int_equal(third.tables.levels, 4);
	assert_false(domain_create(&iommu, &third, 50, (u32[]){FAR, FIRST}, 2));
	iommu.units[1].levels = BIT(5);
	assert_false(domain_create(&iommu, &third, 3, (u32[]){FAR, FIRST}, 2));
	iommu.units[1].levels = BIT(3) | BIT(4);
	assert_true(domain_create(&iommu, &third, 3, (u32[]){FAR, FIRST}, 2));
	assert_int_equal(third.tables.levels, 4);
	assert_false(domain_create(&iommu, &third, 0, (u32[]){FAR, FIRST}, 2));
	assert_false(domain_create(&iommu, &third, 3, NULL, 0));
	iommu.units[1].ops = &other_ops;
	assert_false(domain_create(&iommu, &third, 3, (u32[]){FAR, FIRST}, 2));
}

static void a_unit_that_cannot_walk_the_tables_is_refused(void **state) {
	struct dma_domain deep;

	(void)state;
	assert_true(domain_create(&iommu, &deep, 3, (u32[]){FAR}, 1));
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	assert_true(domain_claim_group(&iommu, 3, ALICE));
	assert_false(domain_attach_group(&iommu, &deep, 0, ALICE));
	/* Pages of 1 GiB. */
	assert_false(domain_attach_group(&iommu, &domain, 3, ALICE));
	iommu.units[0].coherent = false;
	assert_false(domain_attach_group(&iommu, &domain, 0, ALICE));
	iommu.units[0].coherent = true;
	iommu.units[0].domain_ids = domain.id;
	assert_false(domain_attach_group(&iommu, &domain, 0, ALICE));
	assert_int_equal(told_count, 0);
	assert_true(domain_attach_group(&iommu, &deep, 3, ALICE));
	assert_ptr_equal(told[1][0x0500], &deep);
	assert_ptr_equal(told[0][0x0500], NULL);
}

static void tables_are_written_back_where_walks_are_not_coherent(void **state) {
	struct dma_domain third;

	(void)state;
	assert_true(domain_map(&iommu, &domain, 0, 0x5000, PAGE_SIZE, ACCESS_READ));
	assert_int_equal(entries_written, 0);
	iommu.units[0].coherent = false;
	assert_true(domain_create(&iommu, &third, 3, (u32[]){FIRST, FAR}, 2));
	assert_int_equal(entries_written, TABLE_ENTRIES);
	assert_true(domain_map(&iommu, &third, 0, 0x5000, PAGE_SIZE, ACCESS_READ));
	assert_true(entries_written > TABLE_ENTRIES);
}

static void mapping_flushes_and_keeps_out_of_the_interrupt_window(void **state) {
	u64 to, size, entry;

	(void)state;
	assert_true(domain_map(&iommu, &domain, 0xfed00000, 0x5000, MIB, ACCESS_READ));
	assert_int_equal(flushes, 2);
	assert_true(domain_map(&iommu, &domain, 0xfef00000, 0x5000, MIB, ACCESS_READ));
	assert_true(page_tables_find(&domain.tables, 0xfed00123, &to, &size, &entry));
	assert_int_equal(to, 0x5123);
	assert_false(domain_map(&iommu, &domain, 0xfee00000, 0x5000, PAGE_SIZE, ACCESS_READ));
	assert_false(domain_map(&iommu, &domain, 0xfe000000, 0, 32 * MIB, ACCESS_READ));
	assert_false(domain_map(&iommu, &domain, 0xfeeff000, 0, PAGE_SIZE, ACCESS_READ));
	assert_false(domain_map(&iommu, &domain, 0xfe000000, 0, ~0ull - 0xfff, ACCESS_READ));
}

/* ---- memory that firmware reserved ---- */

static struct reserved_region regions[8];

static void reserve(u64 base, u64 limit, bool read, bool write, u32 function) {
	regions[inventory.region_count++] =
		(struct reserved_region){base, limit, read, write, function, 0, 0, UINT16_MAX};
	inventory.regions = regions;
}

/* What a device of the domain may do at ADDRESS of the machine: "-", "r", "w", "rw", "elsewhere". */
static const char *rights_at(const struct dma_domain *d, u64 address) {
	static const char *const names[] = {"-", "r", "w", "rw"};
	u64 to, size, entry;

	if (!page_tables_find(&d->tables, address, &to, &size, &entry))
		return "-";
	return to == address ? names[entry >> 1 & 3] : "elsewhere";
}

static void reserved_memory_is_mapped_while_its_group_is_attached(void **state) {
	(void)state;
	reserve(0x7b800000, 0x7fffffff, true, true, FIRST);
	reserve(0x80000000, 0x80000fff, true, false, BRIDGE);
	reserve(0x90000000, 0x90000fff, true, true, ALIASED);
	assert_true(domain_map(&iommu, &domain, 0, 0x100000000, GIB, ACCESS_READ | ACCESS_WRITE));
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	assert_string_equal(rights_at(&domain, 0x7b800000), "-");
	u32 before = flushes;
	for (u32 round = 0; round < 3; round++) {
		assert_true(domain_attach_group(&iommu, &domain, 0, ALICE));
		assert_true(flushes > before);
		assert_string_equal(rights_at(&domain, 0x7b7ff000), "-");
		assert_string_equal(rights_at(&domain, 0x7b800000), "rw");
		assert_string_equal(rights_at(&domain, 0x7fffffff), "rw");
		assert_string_equal(rights_at(&domain, 0x80000000), "r");
		assert_string_equal(rights_at(&domain, 0x80001000), "-");
		assert_string_equal(rights_at(&domain, 0x90000000), "-");
		before = flushes;
		assert_true(domain_detach_group(&iommu, &domain, 0, ALICE));
		assert_true(flushes > before);
		assert_string_equal(rights_at(&domain, 0x7b800000), "-");
		assert_string_equal(rights_at(&domain, 0x80000000), "-");
		assert_string_equal(rights_at(&domain, 0x1000), "elsewhere");
	}
}

static void overlapping_regions_have_the_rights_of_both(void **state) {
	(void)state;
	reserve(0x10000000, 0x10003fff, true, false, FIRST);
	reserve(0x10002000, 0x10005fff, false, true, SECOND);
	reserve(0x10002000, 0x10005fff, false, true, BRIDGE); /* once for each that it names */
	reserve(0x10001000, 0x10001fff, false, true, FIRST);
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	assert_true(domain_attach_group(&iommu, &domain, 0, ALICE));
	for (u32 page = 0; page < 6; page++)
		assert_string_equal(rights_at(&domain, 0x10000000 + page * PAGE_SIZE),
				    ((const char *[]){"r", "rw", "rw", "rw", "w", "w"})[page]);
	assert_true(domain_detach_group(&iommu, &domain, 0, ALICE));
	for (u32 page = 0; page < 6; page++)
		assert_string_equal(rights_at(&domain, 0x10000000 + page * PAGE_SIZE), "-");
}

static void memory_for_every_function_is_in_every_domain_of_the_segment(void **state) {
	struct dma_domain third;

	(void)state;
	reserve(0x20000000, 0x20000fff, true, true, NONE);
	reserve(0x20000000, 0x20001fff, true, true, FIRST);
	reserve(0x30000000, 0x30000fff, true, true, NONE);
	regions[2].segment = 1;
	assert_true(domain_create(&iommu, &third, 3, (u32[]){FIRST, ALIASED}, 2));
	assert_string_equal(rights_at(&third, 0x20000000), "rw");
	assert_string_equal(rights_at(&third, 0x20001000), "-");
	assert_string_equal(rights_at(&third, 0x30000000), "-");
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	assert_true(domain_claim_group(&iommu, 1, ALICE));
	assert_true(domain_attach_group(&iommu, &third, 0, ALICE));
	assert_true(domain_attach_group(&iommu, &third, 1, ALICE));
	assert_string_equal(rights_at(&third, 0x20001000), "rw");
	assert_true(domain_detach_group(&iommu, &third, 0, ALICE));
	/* Group 1 still needs it. */
	assert_string_equal(rights_at(&third, 0x20000000), "rw");
	assert_string_equal(rights_at(&third, 0x20001000), "-");
}

/* Segments whose regions overlap: what is for both is mapped once, and nothing is lost. */
static void a_domain_in_two_segments_has_the_regions_of_both(void **state) {
	struct dma_domain third;

	(void)state;
	functions[FAR].address.segment = 1;
	reserve(0x20000000, 0x20001fff, true, false, NONE);
	reserve(0x20000000, 0x20003fff, true, true, NONE);
	regions[1].segment = 1;
	reserve(0x1ffff000, 0x20000fff, false, true, NONE);
	regions[2].segment = 1;
	for (u32 i = 0; i < 2; i++) {
		assert_true(domain_create(&iommu, &third, 3,
					  i ? (u32[]){FIRST, FAR} : (u32[]){FAR, FIRST}, 2));
		for (u32 page = 0; page < 6; page++)
			assert_string_equal(
				rights_at(&third, 0x1ffff000 + page * PAGE_SIZE),
				((const char *[]){"w", "rw", "rw", "rw", "rw", "-"})[page]);
	}
	assert_true(domain_create(&iommu, &third, 3, (u32[]){FIRST}, 1));
	assert_string_equal(rights_at(&third, 0x20000000), "r");
	assert_string_equal(rights_at(&third, 0x20002000), "-");
}

/* A pool of what was counted is enough for memory around the hole below 4 GiB, and for reserved pieces. */
static void pages_that_were_counted_are_enough_for_pages_of_any_size(void **state) {
	struct dma_domain third;

	(void)state;
	for (unsigned int leaf = 1; leaf <= 3; leaf++) {
		iommu.units[0].leaf_level = leaf;
		inventory.region_count = 0;
		reserve(0x80000000, 0x80000000 + 64 * MIB - 1, true, true, FIRST);
		reserve(0x90001000, 0x90001fff, true, true, FIRST);
		u64 pages = domain_pages(&iommu, 3 * GIB + 2 * MIB, 2);
		void *room = aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);

		assert_true(pages < (leaf == 1 ? 4000 : 100));
		page_pool_init(&pool, room, pages);
		assert_true(domain_create(&iommu, &third, 3, (u32[]){FIRST}, 1));
		assert_true(domain_map(&iommu, &third, 0, 4 * MIB, 640 * KIB, ACCESS_READ));
		assert_true(domain_map(&iommu, &third, MIB, 5 * MIB, 2 * GIB - MIB, ACCESS_READ));
		assert_true(
			domain_map(&iommu, &third, 4 * GIB, 9 * GIB, GIB + 2 * MIB, ACCESS_READ));
		assert_true(domain_claim_group(&iommu, 0, ALICE));
		assert_true(domain_attach_group(&iommu, &third, 0, ALICE));
		assert_true(domain_detach_group(&iommu, &third, 0, ALICE));
		domain_release_group(&iommu, 0, ALICE);
		free(room);
	}
}

static void reserved_memory_in_the_place_of_guest_memory_is_refused(void **state) {
	(void)state;
	reserve(0x10000000, 0x10003fff, true, true, FIRST);
	assert_true(domain_map(&iommu, &domain, 0, 0x100000000, GIB, ACCESS_READ | ACCESS_WRITE));
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	for (u32 attempt = 0; attempt < 2; attempt++) {
		assert_false(domain_attach_group(&iommu, &domain, 0, ALICE));
		assert_int_equal(requesters_in(&domain), 0);
		assert_int_equal(iommu.group_state[0], GROUP_CLAIMED);
		assert_string_equal(rights_at(&domain, 0x10000000), "elsewhere");
	}
}

/* What could not be blocked may still use it. */
static void reserved_memory_stays_when_detaching_fails(void **state) {
	(void)state;
	reserve(0x10000000, 0x10003fff, true, true, FIRST);
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	assert_true(domain_attach_group(&iommu, &domain, 0, ALICE));
	fail_from = told_count;
	fail_count = 1;
	assert_false(domain_detach_group(&iommu, &domain, 0, ALICE));
	assert_string_equal(rights_at(&domain, 0x10000000), "rw");
	assert_true(domain_detach_group(&iommu, &domain, 0, ALICE));
	assert_string_equal(rights_at(&domain, 0x10000000), "-");
}

static void reserved_memory_goes_when_attaching_fails(void **state) {
	(void)state;
	reserve(0x10000000, 0x10003fff, true, true, FIRST);
	assert_true(domain_claim_group(&iommu, 0, ALICE));
	fail_from = 2;
	fail_count = 1;
	assert_false(domain_attach_group(&iommu, &domain, 0, ALICE));
	assert_string_equal(rights_at(&domain, 0x10000000), "-");
	assert_true(domain_attach_group(&iommu, &domain, 0, ALICE));
	assert_string_equal(rights_at(&domain, 0x10000000), "rw");
}

static void memory_that_the_map_does_not_keep_is_warned_of(void **state) {
	static u8 bytes[4096];
	struct arena arena = {.base = bytes, .size = sizeof(bytes)};
	struct memory_range map[] = {
		{0x10000000, 0x2000, MEMORY_RESERVED}, {0x10002000, 0x2000, MEMORY_ACPI},
		{0x10004000, 0x1000, MEMORY_FREE},     {0x20000000, 0x1000, MEMORY_DEVICE},
		{0x30000000, 0x1000, MEMORY_USED},
	};

	(void)state;
	inventory.arena = &arena;
	inventory.memory = map;
	inventory.memory_count = ARRAY_SIZE(map);
	reserve(0x10000000, 0x10003fff, true, true, FIRST);
	reserve(0x10001000, 0x10001fff, true, true, SECOND);
	reserved_check(&inventory);
	assert_int_equal(inventory.warning_count, 0);
	reserve(0x10002000, 0x10004fff, true, true, SECOND); /* partly free */
	reserve(0x20000000, 0x20000fff, true, true, SECOND);
	reserve(0x30000000, 0x30000fff, true, true, SECOND);
	reserve(0x40000000, 0x40000fff, true, true, SECOND); /* in no range */
	reserved_check(&inventory);
	assert_int_equal(inventory.warning_count, 4);
	assert_string_equal(
		inventory.warnings[0].text,
		"reserved region 0x10004000-0x10004fff is not reserved in the memory map: "
		"no partition's memory is placed there");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_member_with_every_alias_is_attached_and_detached,
				       setup),
		cmocka_unit_test_setup(faults_count_from_zero_when_a_function_is_attached, setup),
		cmocka_unit_test_setup(several_groups_share_a_domain, setup),
		cmocka_unit_test_setup(a_group_has_one_owner, setup),
		cmocka_unit_test_setup(only_the_order_claim_attach_detach_release_works, setup),
		cmocka_unit_test_setup(groups_that_do_not_exist_are_refused, setup),
		cmocka_unit_test_setup(a_group_with_an_uncovered_member_is_refused, setup),
		cmocka_unit_test_setup(a_failure_at_any_member_blocks_them_all, setup),
		cmocka_unit_test_setup(a_group_that_may_not_be_blocked_goes_to_nobody, setup),
		cmocka_unit_test_setup(a_domain_has_what_its_units_have_in_common, setup),
		cmocka_unit_test_setup(a_unit_that_cannot_walk_the_tables_is_refused, setup),
		cmocka_unit_test_setup(tables_are_written_back_where_walks_are_not_coherent, setup),
		cmocka_unit_test_setup(mapping_flushes_and_keeps_out_of_the_interrupt_window,
				       setup),
		cmocka_unit_test_setup(reserved_memory_is_mapped_while_its_group_is_attached,
				       setup),
		cmocka_unit_test_setup(overlapping_regions_have_the_rights_of_both, setup),
		cmocka_unit_test_setup(memory_for_every_function_is_in_every_domain_of_the_segment,
				       setup),
		cmocka_unit_test_setup(a_domain_in_two_segments_has_the_regions_of_both, setup),
		cmocka_unit_test_setup(pages_that_were_counted_are_enough_for_pages_of_any_size,
				       setup),
		cmocka_unit_test_setup(reserved_memory_in_the_place_of_guest_memory_is_refused,
				       setup),
		cmocka_unit_test_setup(reserved_memory_stays_when_detaching_fails, setup),
		cmocka_unit_test_setup(reserved_memory_goes_when_attaching_fails, setup),
		cmocka_unit_test_setup(memory_that_the_map_does_not_keep_is_warned_of, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
