/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../iommu/vtd.h"
#include "iommu.h"
#include "unit_memory.h"
#include "vtd_model.h"

/* The VT-d driver against a register model, of a unit that takes legacy mode, and of one that does not. */

static bool scalable;

#define POOL_PAGES 1280
#define BLOCKED_DMA (scalable ? 0x41 : 2)
#define NO_WRITE (scalable ? 0x85 : 5)
#define NO_READ (scalable ? 0x86 : 6)
#define BLOCKED_INTERRUPT 0x22
#define WRONG_REQUESTER 0x26

static const struct unit_info info = {
	.kind = IOMMU_VTD, .base = 0xfed90000, .register_bytes = MODEL_WINDOW, .segment = 3};
static void *memory;
static struct page_pool pool;
static struct iommu_unit unit;
static struct dma_domain domain, other;

/* Why it cannot serve; NULL: it can. */
static const char *probe(void) {
	unit = (struct iommu_unit){.info = &info, .ops = &vtd_ops, .registers = model.window};
	return unit.ops->probe(&unit);
}

/* As iommu_start() does. */
static void prepare(void) {
	unit.pool = &pool;
	unit.memory = page_pool_take(&pool, ALIGN_UP(unit.ops->bytes, PAGE_SIZE) / PAGE_SIZE);
	assert_non_null(unit.memory);
	unit.ops->prepare(&unit);
}

/* A unit after reset. */
static void reset(u32 records) {
	model_reset(records);
	model.no_legacy_mode = scalable;
	if (scalable)
		model.ecap |= MODEL_ECAP_SMTS | MODEL_ECAP_SSTS;
}

/* An empty pool, all of which the unit sees as it is now. Who snoops is each walk's own matter in scalable mode. */
static void clear_memory(void) {
	bool coherent = model.ecap & MODEL_ECAP_C;

	memset(memory, 0xa5, POOL_PAGES * PAGE_SIZE);
	page_pool_init(&pool, memory, POOL_PAGES);
	if (scalable)
		coherent &= model.ecap & MODEL_ECAP_SMPWC && model.cap & MODEL_CAP_RWBF;
	unit_memory_init(memory, POOL_PAGES * PAGE_SIZE, coherent, model.cap & MODEL_CAP_RWBF);
}

/* What the unit was told; words in braces count in scalable mode only. */
static void assert_log(const char *expected) {
	char words[sizeof(model.log)];
	size_t length = 0;
	bool skipped = false;

	for (; *expected; expected++)
		if (*expected == '{' || *expected == '}')
			skipped = *expected == '{' && !scalable;
		else if (!skipped)
			words[length++] = *expected;
	words[length] = 0;
	assert_string_equal(model.log, words);
}

static void start_with(u32 records, u64 cap_extra, u64 ecap_extra) {
	reset(records);
	model.cap |= cap_extra;
	model.ecap |= ecap_extra;
	clear_memory();
	assert_null(probe());
	prepare();
}

static void make_domain(struct dma_domain *d, u16 id, unsigned int levels) {
	assert_true(page_tables_init(&d->tables, unit.ops->format, &pool, levels, unit.leaf_level));
	d->id = id;
	d->tables.written = unit.coherent ? NULL : unit.ops->written;
	if (d->tables.written)
		unit.ops->written(d->tables.root, TABLE_ENTRIES);
}

static bool in_either_domain(u16 requester_id, u64 address, u64 host) {
	(void)requester_id;
	return host - address == 15 * MIB || host - address == 31 * MIB;
}

/*
 * A running unit, domain 5 that maps 1 MiB to 16 MiB, and domain 6 that maps it to 32 MiB. Three
 * requesters try at every moment to get at that, and to send the first interrupt.
 */
static void start(u64 cap_extra, u64 ecap_extra) {
	start_with(1, cap_extra, ecap_extra);
	assert_null(unit.ops->enable(&unit));
	make_domain(&domain, 5, 4);
	make_domain(&other, 6, 4);
	assert_true(page_tables_map(&domain.tables, MIB, 16 * MIB, 64 * KIB,
				    ACCESS_READ | ACCESS_WRITE));
	assert_true(page_tables_map(&other.tables, MIB, 32 * MIB, 64 * KIB,
				    ACCESS_READ | ACCESS_WRITE));
	model_clear_log();
	for (u16 id = 0x100; id < 0x103; id++) {
		model_probe(id, false, MIB);
		model_probe(id, true, unit.ops->message(&unit, 0).address);
	}
	model.may_land = in_either_domain;
}

static u32 drain(void) {
	struct iommu_fault fault;
	u32 count = 0;

	while (unit.ops->next_fault(&unit, &fault))
		count++;
	return count;
}

static u8 dma_write(u16 requester_id, u64 address) {
	u64 host;

	return model_dma(requester_id, address, true, &host);
}

static u64 dma_lands(u16 requester_id, u64 address) {
	u64 host = 0;

	assert_int_equal(model_dma(requester_id, address, true, &host), 0);
	return host;
}

static int setup(void **state) {
	(void)state;
	memory = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
	if (memory)
		memset(memory, 0xa5, POOL_PAGES * PAGE_SIZE);
	return memory ? 0 : -1;
}

static int teardown(void **state) {
	(void)state;
	free(memory);
	return 0;
}

/* ---- probe and prepare ---- */

static void probe_reads_what_the_unit_can_do(void **state) {
	static const struct {
		u64 sagaw, pages;
		unsigned int levels, leaf_level;
	} cases[] = {
		{BIT(9), 0, BIT(3), 1},
		{BIT(9) | BIT(10), BIT(34), BIT(3) | BIT(4), 2},
		{BIT(10) | BIT(11), BIT(34) | BIT(35), BIT(4) | BIT(5), 3},
		{BIT(9) | BIT(11), BIT(35), BIT(3) | BIT(5), 1},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		reset(1);
		model.cap = (model.cap & ~(BITS(12, 8) | BITS(37, 34))) | cases[i].sagaw |
			    cases[i].pages;
		assert_null(probe());
		assert_int_equal(unit.levels, cases[i].levels);
		assert_int_equal(unit.leaf_level, cases[i].leaf_level);
		assert_true(unit.x2apic);
		assert_false(unit.coherent);
		assert_int_equal(unit.domain_ids, 65536);
	}
	model.cap &= ~7ull;
	model.ecap = (model.ecap | MODEL_ECAP_C) & ~MODEL_ECAP_EIM;
	assert_null(probe());
	assert_true(unit.coherent);
	assert_false(unit.x2apic);
	assert_int_equal(unit.domain_ids, 16);
	assert_int_equal(model.writes, 0);
}

static void assert_refused(const char *word) {
	assert_non_null(strstr(probe(), word));
	assert_int_equal(model.writes, 0);
}

static void probe_refuses_what_cannot_serve_and_says_why(void **state) {
	(void)state;
	reset(1);
	model.ecap &= ~MODEL_ECAP_QI;
	assert_refused("queued invalidation");
	reset(1);
	model.ecap &= ~MODEL_ECAP_IR;
	assert_refused("remap interrupts");
	reset(1);
	model.cap &= ~BITS(12, 8);
	assert_refused("depth");
	reset(1);
	model.cap |= 0x3ffull << 24;
	assert_refused("fault records");
	reset(1);
	model.cap = model.ecap = UINT64_MAX;
	assert_refused("do not answer");
}

static void prepare_touches_no_register(void **state) {
	(void)state;
	start_with(1, 0, 0);
	assert_int_equal(model.writes, 0);
}

/* ---- taking a unit over; the model itself refuses what the manual forbids ---- */

static void a_fresh_unit_is_switched_on_in_the_manuals_order(void **state) {
	(void)state;
	start_with(1, 0, 0);
	assert_null(unit.ops->enable(&unit));
	assert_log(
		"qie+ {root qie- qie+ }root context-all {pasid-all }iotlb-all table interrupts-all ire+ te+");
	assert_int_equal(model.present_at_enable, 0);
	assert_int_equal(model.rtaddr & BITS(11, 10), scalable ? MODEL_SCALABLE : 0);
	assert_int_equal(model.irta & 0xfff, BIT(11) | 11);
	assert_int_equal(model.fectl, BIT(31));
}

static void protected_regions_go_when_translation_is_on(void **state) {
	(void)state;
	start_with(1, MODEL_CAP_PLMR | MODEL_CAP_RWBF, 0);
	model.pmen = (u32)BIT(31) | 1;
	assert_null(unit.ops->enable(&unit));
	assert_log(
		"qie+ wbf {root qie- qie+ wbf }root context-all {pasid-all }iotlb-all table interrupts-all ire+ te+ pmr-");
	assert_int_equal(model.pmen, 0);
}

/* Firmware's own tables let requester 0100 through to its memory. */
static void firmware_translation_is_swapped_without_a_gap(void **state) {
	(void)state;
	reset(1);
	clear_memory();
	u64 *firmware = page_pool_take(&pool, 4);
	u64 mode = scalable ? MODEL_SCALABLE : 0;

	model.no_legacy_mode = false;
	assert_null(probe());
	make_domain(&domain, 9, 4);
	assert_true(page_tables_map(&domain.tables, MIB, 16 * MIB, PAGE_SIZE, ACCESS_WRITE));
	firmware[2] = (u64)(uintptr_t)(firmware + 512) | 1;
	firmware[512] = (u64)(uintptr_t)(scalable ? firmware + 1024 : domain.tables.root) | 1;
	firmware[513] = scalable ? 0 : 9 << 8 | 2;
	firmware[1024] = (u64)(uintptr_t)(firmware + 1536) | 1;
	firmware[1536] = (u64)(uintptr_t)domain.tables.root | 2 << 6 | 2 << 2 | 1;
	firmware[1537] = 9;
	model.root = model.rtaddr = (u64)(uintptr_t)firmware | mode;
	model.iqa = scalable ? BIT(11) : 0;
	model.interrupts = BIT(11);
	model.irta = BIT(11);
	model.gsts = (u32)(MODEL_TES | MODEL_RTPS | MODEL_QIES | MODEL_IRES | MODEL_IRTPS);
	model.iqh = model.iqt = 0x40;
	unit_memory_init(memory, POOL_PAGES * PAGE_SIZE, false, false);
	prepare();
	assert_int_equal(dma_lands(0x100, MIB), 16 * MIB);
	model_probe(0x100, false, MIB);
	model.may_land = in_either_domain;

	assert_null(unit.ops->enable(&unit));
	assert_log("qie- qie+ root context-all {pasid-all }iotlb-all table interrupts-all");
	assert_int_equal(model.rtaddr & BITS(11, 10), mode);
	assert_int_equal(dma_write(0x100, MIB), BLOCKED_DMA);
	make_domain(&other, 6, 4);
	assert_true(page_tables_map(&other.tables, MIB, 32 * MIB, PAGE_SIZE, ACCESS_WRITE));
	assert_true(unit.ops->set_domain(&unit, 0x100, &other));
	assert_int_equal(dma_lands(0x100, MIB), 32 * MIB);
}

/* Scalable mode where the unit cannot use it with tables like ours, or abort mode. */
static void another_table_mode_is_switched_off_as_briefly_as_possible(void **state) {
	static const u64 lacking[] = {MODEL_ECAP_SMTS, MODEL_ECAP_SSTS, 0};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(lacking); i++) {
		start_with(1, 0, 0);
		model.rtaddr = model.root = lacking[i] ? MODEL_SCALABLE : BITS(11, 10);
		if (lacking[i]) {
			model.no_legacy_mode = false;
			model.ecap |= MODEL_ECAP_SMTS | MODEL_ECAP_SSTS;
			model.ecap ^= lacking[i];
		}
		model.gsts = (u32)(MODEL_TES | MODEL_RTPS | MODEL_CFIS);
		assert_null(unit.ops->enable(&unit));
		if (lacking[i])
			assert_string_equal(model.log,
					    "qie+ te- root context-all iotlb-all te+ cfi- "
					    "table interrupts-all ire+");
		else if (scalable)
			assert_string_equal(model.log, "qie+ te- root qie- qie+ root context-all "
						       "pasid-all iotlb-all cfi- table "
						       "interrupts-all ire+ te+");
		else
			assert_string_equal(model.log,
					    "qie+ te- root context-all iotlb-all te+ cfi- "
					    "table interrupts-all ire+");
	}
}

/* The form may change only while remapping is off. */
static void firmware_remapping_keeps_its_form_of_entries(void **state) {
	(void)state;
	start_with(1, 0, 0);
	assert_true(unit.x2apic);
	model.interrupts = model.irta = 0; /* eight-bit destinations */
	model.gsts = (u32)(MODEL_IRES | MODEL_IRTPS | MODEL_CFIS);
	assert_null(probe());
	assert_false(unit.x2apic);
	prepare();
	assert_null(unit.ops->enable(&unit));
	assert_log(
		"qie+ {root qie- qie+ }root context-all {pasid-all }iotlb-all cfi- table interrupts-all te+");
}

static void a_predecessors_stuck_queue_is_dropped(void **state) {
	(void)state;
	start_with(1, 0, 0);
	model.gsts = (u32)MODEL_QIES;
	model.iqh = 0x20;
	model.iqt = 0x80;
	model.fsts = 0x10;
	assert_null(unit.ops->enable(&unit));
	assert_int_equal(model.fsts & 0x70, 0);
	/* One that works is waited for. */
	reset(1);
	clear_memory();
	u64 *ring = page_pool_take(&pool, 1), *words = page_pool_take(&pool, 1);

	for (u64 i = 0; i < 100; i++) {
		ring[i * 2] = (i + 1) << 32 | 0x25;
		ring[i * 2 + 1] = (u64)(uintptr_t)(words + i);
	}
	assert_null(probe());
	prepare();
	model.gsts = (u32)MODEL_QIES;
	model.iqa = (u64)(uintptr_t)ring;
	model.iqt = 100 * 16;
	assert_null(unit.ops->enable(&unit));
	assert_int_equal(words[99], 100);
	/* The same without an error: it is waited for, then dropped. */
	start_with(1, 0, 0);
	model.gsts = (u32)MODEL_QIES;
	model.iqt = 0x80;
	model.stalled = true;
	assert_null(unit.ops->enable(&unit));
}

/* All that a unit can be told, on every kind of unit, while devices try without a pause. */
static void no_kind_of_unit_lets_anything_through_at_any_moment(void **state) {
	const struct interrupt_target here = {.apic_id = 3, .vector = 0x41};
	const struct interrupt_target there = {.apic_id = 4, .vector = 0x42};
	struct model_interrupt got;
	u32 first;

	(void)state;
	for (u32 kind = 0; kind < (scalable ? 16 : 8); kind++) {
		start((kind & 1 ? MODEL_CAP_CM : 0) | (kind & 2 ? MODEL_CAP_RWBF : 0),
		      (kind & 4 ? MODEL_ECAP_C : 0) | (kind & 8 ? MODEL_ECAP_SMPWC : 0));
		struct msi_message message = unit.ops->message(&unit, 0);

		for (u32 round = 0; round < 3; round++) {
			assert_true(unit.ops->set_domain(&unit, 0x100, &domain));
			assert_true(unit.ops->set_domain(&unit, 0x101, &domain));
			assert_int_equal(dma_lands(0x100, MIB), 16 * MIB);
			assert_true(unit.ops->set_domain(&unit, 0x101, &other));
			assert_int_equal(dma_lands(0x101, MIB), 32 * MIB);
			assert_int_equal(dma_lands(0x100, MIB), 16 * MIB);
			/* A page goes and comes under a device that uses it. */
			assert_true(page_tables_unmap(&domain.tables, MIB, PAGE_SIZE));
			assert_true(unit.ops->flush_domain(&unit, &domain));
			assert_int_equal(dma_write(0x100, MIB), NO_WRITE);
			assert_true(page_tables_map(&domain.tables, MIB, 16 * MIB, PAGE_SIZE,
						    ACCESS_READ | ACCESS_WRITE));
			assert_true(unit.ops->flush_domain(&unit, &domain));
			assert_int_equal(dma_lands(0x100, MIB), 16 * MIB);
			/* Where nothing ever was, in other cache lines of each table. */
			assert_int_equal(dma_write(0x100, MIB + 100 * PAGE_SIZE), NO_WRITE);
			assert_int_equal(dma_write(0x100, 100 * MIB), NO_WRITE);
			assert_int_equal(dma_write(0x100, 100 * GIB), NO_WRITE);
			assert_int_equal(dma_write(0x100, 100ull * KIB * GIB), NO_WRITE);
			unit.ops->silence(&unit, 0x100);
			assert_true(unit.ops->set_domain(&unit, 0x100, NULL));
			assert_int_equal(dma_write(0x100, MIB), BLOCKED_DMA);
			assert_true(unit.ops->set_domain(&unit, 0x101, NULL));
			assert_int_equal(dma_write(0x101, MIB), BLOCKED_DMA);

			assert_true(interrupts_alloc(&unit, 0x100 + (u16)round, 1, &first));
			assert_int_equal(first, 0);
			assert_true(interrupts_set(&unit, 0x100 + (u16)round, first, &here));
			assert_int_equal(
				model_message(0x100 + (u16)round, message.address, 0, &got), 0);
			assert_true(interrupts_set(&unit, 0x100 + (u16)round, first, &there));
			assert_int_equal(
				model_message(0x100 + (u16)round, message.address, 0, &got), 0);
			assert_int_equal(got.vector, 0x42);
			assert_int_equal(model_message(0x103, message.address, 0, &got),
					 WRONG_REQUESTER);
			assert_true(interrupts_free(&unit, 0x100 + (u16)round, first, 1));
			assert_int_equal(
				model_message(0x100 + (u16)round, message.address, 0, &got),
				BLOCKED_INTERRUPT);
		}
	}
}

static void a_running_unit_may_be_taken_over_again(void **state) {
	(void)state;
	start(0, 0);
	assert_true(unit.ops->flush_domain(&unit, &domain));
	assert_null(unit.ops->enable(&unit));
	assert_log(
		"{pasid(5) }iotlb(5) qie- qie+ root context-all {pasid-all }iotlb-all table interrupts-all");
}

static void a_unit_that_does_not_answer_is_reported(void **state) {
	static const u64 bits[] = {MODEL_TES, MODEL_RTPS, MODEL_QIES, MODEL_IRES, MODEL_IRTPS};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bits); i++) {
		start_with(1, 0, 0);
		model.stuck = (u32)bits[i];
		assert_non_null(unit.ops->enable(&unit));
	}
	start_with(1, 0, 0);
	model.dead = true;
	assert_non_null(unit.ops->enable(&unit));
	start_with(1, MODEL_CAP_PLMR, 0);
	model.pmen = 1;
	model.pmen_stuck = true;
	assert_non_null(strstr(unit.ops->enable(&unit), "protected memory"));
}

static void a_unit_that_has_no_mode_of_ours_is_refused_in_words(void **state) {
	(void)state;
	start_with(1, 0, 0);
	model.ecap &= ~(MODEL_ECAP_SMTS | MODEL_ECAP_SSTS);
	model.no_legacy_mode = true;
	assert_non_null(strstr(unit.ops->enable(&unit), "legacy mode"));
	assert_int_equal(model.gsts & MODEL_TES, 0);
}

/* ---- domains ---- */

/* Interrupt entries are in the unit's own memory: functions need none of their own. */
static void pages_are_counted_for_units_and_not_for_functions(void **state) {
	static struct pci_function functions[1000];
	struct inventory inventory = {.functions = functions, .function_count = 1000};
	struct iommu iommu = {.inventory = &inventory, .unit_count = 1};

	(void)state;
	start_with(1, 0, 0);
	iommu.units[0] = unit;
	assert_int_equal(iommu_pages(&iommu), ALIGN_UP(unit.ops->bytes, PAGE_SIZE) / PAGE_SIZE);
	iommu.units[0].ops = &amdvi_ops;
	assert_int_equal(iommu_pages(&iommu),
			 ALIGN_UP(amdvi_ops.bytes, PAGE_SIZE) / PAGE_SIZE + 3 * 1000);
}

static void every_requester_is_blocked_at_first(void **state) {
	(void)state;
	start(0, 0);
	for (u32 id = 0; id < 65536; id++)
		assert_int_equal(dma_write((u16)id, MIB), BLOCKED_DMA);
}

static void attach_and_detach_leave_nothing_of_the_old_owner(void **state) {
	(void)state;
	start(0, 0);
	assert_true(unit.ops->set_domain(&unit, 0x100, &domain));
	assert_log("");
	assert_int_equal(dma_lands(0x100, MIB + 0x123), 16 * MIB + 0x123);
	assert_int_equal(dma_write(0x101, MIB), BLOCKED_DMA);
	assert_int_equal(dma_write(0x100, 4 * MIB), NO_WRITE);

	/* From one owner to the next. */
	assert_true(unit.ops->set_domain(&unit, 0x100, &other));
	assert_log("context(5,0100) {pasid(5) }iotlb(5)");
	assert_int_equal(dma_lands(0x100, MIB), 32 * MIB);

	model_clear_log();
	assert_true(unit.ops->set_domain(&unit, 0x100, NULL));
	assert_log("context(6,0100) {pasid(6) }iotlb(6)");
	assert_int_equal(dma_write(0x100, MIB), BLOCKED_DMA);

	/* What is blocked already costs nothing. */
	model_clear_log();
	assert_true(unit.ops->set_domain(&unit, 0x100, NULL));
	assert_log("");
}

static void caching_mode_forgets_absent_entries_too(void **state) {
	(void)state;
	start(MODEL_CAP_CM, 0);
	assert_int_equal(dma_write(0x100, MIB), BLOCKED_DMA);
	assert_true(unit.ops->set_domain(&unit, 0x100, &domain));
	assert_log("context(0,0100) {pasid(5) }iotlb(5)");
	assert_int_equal(dma_lands(0x100, MIB), 16 * MIB);

	assert_int_equal(dma_write(0x100, 4 * MIB), NO_WRITE);
	assert_true(page_tables_map(&domain.tables, 4 * MIB, 20 * MIB, PAGE_SIZE, ACCESS_WRITE));
	assert_true(unit.ops->flush_domain(&unit, &domain));
	assert_int_equal(dma_lands(0x100, 4 * MIB), 20 * MIB);
}

static void the_write_buffer_is_flushed_before_each_invalidation(void **state) {
	(void)state;
	start(MODEL_CAP_RWBF, MODEL_ECAP_C);
	assert_true(unit.ops->set_domain(&unit, 0x100, &domain));
	assert_log("wbf wbf{ wbf wbf}");
	model_clear_log();
	assert_true(unit.ops->set_domain(&unit, 0x100, NULL));
	assert_log("wbf context(5,0100) {pasid(5) }iotlb(5) wbf wbf");
	model_clear_log();
	assert_true(unit.ops->flush_domain(&unit, &domain));
	assert_log("wbf {pasid(5) }iotlb(5)");
}

static void large_pages_of_every_depth_are_walked(void **state) {
	static const u64 sagaw[] = {BIT(9), BIT(10), BIT(11)};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(sagaw); i++) {
		start_with(1, 0, 0);
		model.cap = (model.cap & ~BITS(12, 8)) | sagaw[i];
		clear_memory();
		assert_null(probe());
		prepare();
		assert_null(unit.ops->enable(&unit));
		assert_int_equal(unit.levels, BIT(3 + i));
		make_domain(&domain, 1, 3 + i);

		u64 guest = GIB - LARGE_PAGE_SIZE - PAGE_SIZE, host = guest + 7 * GIB;
		u64 length = 2 * GIB;
		assert_true(page_tables_map(&domain.tables, guest, host, length,
					    ACCESS_READ | ACCESS_WRITE | ACCESS_UNCACHED));
		assert_true(page_tables_map(&domain.tables, 8 * GIB, 0, PAGE_SIZE, ACCESS_READ));
		assert_true(page_tables_map(&domain.tables, 9 * GIB, 0, PAGE_SIZE, ACCESS_WRITE));
		assert_true(unit.ops->set_domain(&unit, 0xffff, &domain));
		for (u64 at = 0; at < length; at += 3 * MIB + 0x1004)
			assert_int_equal(dma_lands(0xffff, guest + at), host + at);
		assert_int_equal(dma_lands(0xffff, guest + length - 1), host + length - 1);
		assert_int_equal(dma_write(0xffff, guest - 1), NO_WRITE);
		assert_int_equal(dma_write(0xffff, guest + length), NO_WRITE);
		assert_int_equal(dma_write(0xffff, 8 * GIB), NO_WRITE);
		u64 landed;
		assert_int_equal(model_dma(0xffff, 9 * GIB, false, &landed), NO_READ);

		/* A hole in the 1 GiB page: stale until the flush, its neighbours go on. */
		assert_int_equal(dma_lands(0xffff, GIB + 5 * PAGE_SIZE), 8 * GIB + 5 * PAGE_SIZE);
		assert_true(page_tables_unmap(&domain.tables, GIB + 5 * PAGE_SIZE, PAGE_SIZE));
		model.lenient = true;
		assert_int_equal(dma_write(0xffff, GIB + 5 * PAGE_SIZE), 0);
		model.lenient = false;
		assert_true(unit.ops->flush_domain(&unit, &domain));
		assert_int_equal(dma_write(0xffff, GIB + 5 * PAGE_SIZE), NO_WRITE);
		assert_int_equal(dma_lands(0xffff, GIB + 6 * PAGE_SIZE), 8 * GIB + 6 * PAGE_SIZE);
		assert_int_equal(dma_lands(0xffff, GIB + 3 * MIB), 8 * GIB + 3 * MIB);
		/* In other cache lines of the tables that the 1 GiB page became. */
		assert_int_equal(dma_lands(0xffff, GIB + MIB), 8 * GIB + MIB);
		assert_int_equal(dma_lands(0xffff, GIB + 100 * MIB), 8 * GIB + 100 * MIB);
	}
}

/* From the table of reserved memory to where a transaction ends. */
static void reserved_memory_comes_and_goes_with_its_group(void **state) {
	struct pci_function function = {.address = {3, 1, 0}, .table_alias = 0x100};
	struct reserved_region regions[] = {
		{0x7b800000, 0x7bffffff, true, true, 0, 3, 0, 0},
		{0x7c000000, 0x7c000fff, true, false, 0, 3, 0, 0},
	};
	struct group group = {.members = (u32[]){0}, .member_count = 1};
	struct inventory inventory = {.functions = &function,
				      .function_count = 1,
				      .groups = &group,
				      .group_count = 1,
				      .regions = regions,
				      .region_count = ARRAY_SIZE(regions)};
	struct iommu iommu = {.inventory = &inventory,
			      .unit_count = 1,
			      .pool = &pool,
			      .group_state = (u8[]){GROUP_BLOCKED},
			      .group_owner = (u16[]){0},
			      .function_faults = (u32[]){0}};
	struct dma_domain guest;
	u64 host;

	(void)state;
	function.physical = function.parent = NONE;
	for (u32 caching = 0; caching < 2; caching++) {
		start(caching ? MODEL_CAP_CM : 0, caching ? MODEL_ECAP_C : 0);
		model.may_land = NULL;
		iommu.units[0] = unit;
		assert_true(domain_create(&iommu, &guest, 7, (u32[]){0}, 1));
		assert_true(
			domain_map(&iommu, &guest, 0, 4 * GIB, GIB, ACCESS_READ | ACCESS_WRITE));
		assert_true(domain_claim_group(&iommu, 0, 0));
		for (u32 round = 0; round < 2; round++) {
			assert_int_equal(dma_write(0x100, 0x7b800000), BLOCKED_DMA);
			assert_true(domain_attach_group(&iommu, &guest, 0, 0));
			assert_int_equal(dma_lands(0x100, 0x7b8ff123), 0x7b8ff123);
			assert_int_equal(dma_lands(0x100, 0x1000), 4 * GIB + 0x1000);
			assert_int_equal(model_dma(0x100, 0x7c000000, false, &host), 0);
			assert_int_equal(dma_write(0x100, 0x7c000000), NO_WRITE);
			assert_true(domain_detach_group(&iommu, &guest, 0, 0));
			/* Nothing of it is left for a requester that is still in the domain. */
			assert_true(unit.ops->set_domain(&unit, 0x101, &guest));
			assert_int_equal(dma_write(0x101, 0x7b8ff123), NO_WRITE);
			assert_int_equal(model_dma(0x101, 0x7c000000, false, &host), NO_READ);
			assert_true(unit.ops->set_domain(&unit, 0x101, NULL));
		}
		domain_release_group(&iommu, 0, 0);
	}
}

/* ---- the queue ---- */

static void the_queue_wraps_round(void **state) {
	(void)state;
	start(0, 0);
	for (u32 i = 0; i < 1000; i++) {
		assert_true(unit.ops->flush_domain(&unit, &domain));
		assert_int_equal(model.iqh, model.iqt);
	}
	assert_int_equal(model.requests, scalable ? 2000 : 1000);
}

static void a_refused_descriptor_fails_its_request_alone(void **state) {
	(void)state;
	start(0, 0);
	assert_true(unit.ops->set_domain(&unit, 0x100, &domain));
	assert_int_equal(dma_lands(0x100, MIB), 16 * MIB);
	model.refuse = 2;
	assert_false(unit.ops->set_domain(&unit, 0x100, NULL));
	assert_int_equal(model.fsts & 0x70, 0);
	/* The retry does all of it again: the page that was still cached is gone. */
	model_clear_log();
	assert_true(unit.ops->set_domain(&unit, 0x100, NULL));
	assert_log("context(5,0100) {pasid(5) }iotlb(5)");
	assert_int_equal(dma_write(0x100, MIB), BLOCKED_DMA);
}

static void an_attach_that_fails_is_taken_back(void **state) {
	(void)state;
	start(MODEL_CAP_CM, 0);
	model.refuse = 2;
	assert_false(unit.ops->set_domain(&unit, 0x100, &domain));
	assert_int_equal(dma_write(0x100, MIB), BLOCKED_DMA);
	assert_true(unit.ops->set_domain(&unit, 0x100, &other));
	assert_int_equal(dma_lands(0x100, MIB), 32 * MIB);
}

static void a_refused_wait_fails_in_bounded_time(void **state) {
	(void)state;
	start(0, 0);
	model.refuse = 5;
	assert_false(unit.ops->flush_domain(&unit, &domain));
	assert_true(unit.ops->flush_domain(&unit, &domain));
}

/* The wait behind it is reached all the same. */
static void what_ends_with_an_error_is_not_taken_for_done(void **state) {
	(void)state;
	start(0, 0);
	model.incomplete = 2;
	model.prompt = true;
	assert_false(unit.ops->flush_domain(&unit, &domain));
	assert_int_equal(model.fsts & 0x70, 0);
	assert_true(unit.ops->flush_domain(&unit, &domain));
}

static void an_aborted_wait_is_asked_again(void **state) {
	(void)state;
	start(0, 0);
	model.abort = 2;
	assert_true(unit.ops->flush_domain(&unit, &domain));
	assert_log("{pasid(5) }iotlb(5)");
	assert_int_equal(model.fsts & 0x70, 0);
}

static void a_queue_that_stalls_is_started_again(void **state) {
	(void)state;
	start(0, 0);
	for (u32 i = 0; i < 3; i++) {
		assert_true(unit.ops->flush_domain(&unit, &domain));
		model.stalled = true;
		assert_false(unit.ops->flush_domain(&unit, &domain));
		assert_true(unit.ops->flush_domain(&unit, &domain));
		assert_int_equal(model.iqh, model.iqt);
	}
	assert_true(model.gsts & MODEL_TES);
}

/* Nor can it be switched off. */
static void a_queue_that_was_stuck_works_when_it_comes_back(void **state) {
	(void)state;
	start(0, 0);
	model.probe_count = 0;
	assert_true(unit.ops->set_domain(&unit, 0x100, &domain));
	assert_int_equal(dma_lands(0x100, MIB), 16 * MIB);
	model.dead = true;
	model.stuck = (u32)MODEL_QIES;
	for (u32 i = 0; i < 3; i++)
		assert_false(unit.ops->set_domain(&unit, 0x100, NULL));
	model.dead = false;
	model.stuck = 0;
	assert_true(unit.ops->set_domain(&unit, 0x100, NULL));
	assert_int_equal(dma_write(0x100, MIB), BLOCKED_DMA);
}

static void a_dead_queue_fails_and_may_come_back(void **state) {
	(void)state;
	start(0, 0);
	assert_true(unit.ops->set_domain(&unit, 0x100, &domain));
	model.dead = true;
	assert_false(unit.ops->flush_domain(&unit, &domain));
	assert_false(unit.ops->set_domain(&unit, 0x100, NULL));
	assert_false(unit.ops->set_domain(&unit, 0x100, &other));
	model.dead = false;
	assert_true(unit.ops->set_domain(&unit, 0x100, NULL));
	assert_int_equal(dma_write(0x100, MIB), BLOCKED_DMA);
}

/* ---- interrupts ---- */

static void interrupts_reach_their_target_from_their_owner_only(void **state) {
	const struct interrupt_target target = {.apic_id = 0x12345, .vector = 0x41};
	struct interrupt_target next = {.apic_id = 2, .vector = 0x52};
	struct model_interrupt got = {0};
	u32 first = NONE;

	(void)state;
	start(0, 0);
	assert_true(interrupts_alloc(&unit, 0x100, 1, &first));
	struct msi_message m = unit.ops->message(&unit, first);

	assert_int_equal(m.data, 0);
	assert_int_equal(model_message(0x100, m.address, m.data, &got), BLOCKED_INTERRUPT);
	assert_true(interrupts_set(&unit, 0x100, first, &target));
	assert_int_equal(model_message(0x100, m.address, m.data, &got), 0);
	assert_int_equal(got.vector, 0x41);
	assert_int_equal(got.destination, 0x12345);
	assert_int_equal(model_message(0x101, m.address, m.data, &got), WRONG_REQUESTER);

	model_clear_log();
	assert_true(interrupts_set(&unit, 0x100, first, &next));
	assert_log("interrupts(0,0)");
	assert_int_equal(model_message(0x100, m.address, m.data, &got), 0);
	assert_int_equal(got.vector, 0x52);
	assert_int_equal(got.destination, 2);

	/* Nobody else may touch it; vectors of exceptions are none. */
	assert_false(interrupts_set(&unit, 0x101, first, &target));
	assert_false(interrupts_free(&unit, 0x101, first, 1));
	assert_false(interrupts_set(&unit, 0x100, 4096, &target));
	assert_false(interrupts_set(&unit, 0x100, NONE - 1, &target));
	next.vector = 15;
	assert_false(interrupts_set(&unit, 0x100, first, &next));

	assert_true(interrupts_set(&unit, 0x100, first, NULL));
	assert_int_equal(model_message(0x100, m.address, m.data, &got), BLOCKED_INTERRUPT);
	assert_true(interrupts_free(&unit, 0x100, first, 1));
	assert_false(interrupts_set(&unit, 0x100, first, &target));
}

/* A pin's entry is a level, and ends with its vector, whatever else is in the table. */
static void pins_of_the_ioapic(void **state) {
	const struct interrupt_target target = {.apic_id = 5, .vector = 0x31, .level = true};
	struct model_interrupt got = {0};
	u32 others, first;

	(void)state;
	start(0, 0);
	assert_true(interrupts_alloc(&unit, 0x100, 64, &others));
	assert_true(interrupts_alloc_pin(&unit, 0xff00, 0x31, &first));
	assert_int_equal(first, 0x131);
	assert_true(interrupts_set(&unit, 0xff00, first, &target));
	assert_true(((struct pair *)((struct vtd *)unit.memory)->interrupts)[first].low & BIT(4));
	struct msi_message m = unit.ops->message(&unit, first);

	assert_int_equal(model_message(0xff00, m.address, m.data, &got), 0);
	assert_int_equal(got.vector, 0x31);
	assert_int_equal(got.destination, 5);
	assert_int_equal(model_message(0x100, m.address, m.data, &got), WRONG_REQUESTER);
}

static void freed_entries_are_blocked_for_their_next_owner(void **state) {
	const struct interrupt_target target = {.apic_id = 1, .vector = 0x60};
	struct model_interrupt got;
	u32 first, again;

	(void)state;
	start(0, 0);
	assert_true(interrupts_alloc(&unit, 0, 1, &first));
	assert_true(interrupts_set(&unit, 0, first, &target));
	struct msi_message m = unit.ops->message(&unit, first);
	assert_int_equal(model_message(0, m.address, m.data, &got), 0);
	assert_true(interrupts_free(&unit, 0, first, 1));
	assert_int_equal(model_message(0, m.address, m.data, &got), BLOCKED_INTERRUPT);
	assert_true(interrupts_alloc(&unit, 0x200, 1, &again));
	assert_int_equal(again, first);
	assert_int_equal(model_message(0, m.address, m.data, &got), BLOCKED_INTERRUPT);
	assert_int_equal(model_message(0x200, m.address, m.data, &got), BLOCKED_INTERRUPT);
}

static u8 send(u16 requester_id, u32 index, struct model_interrupt *got) {
	struct msi_message m = unit.ops->message(&unit, index);

	return model_message(requester_id, m.address, m.data, got);
}

static void blocks_are_aligned_and_run_out(void **state) {
	struct interrupt_target target = {.apic_id = 1};
	struct model_interrupt got;
	u32 single, block, taken = 1 + 32;

	(void)state;
	start(0, 0);
	assert_true(interrupts_alloc(&unit, 0x300, 1, &single));
	assert_true(interrupts_alloc(&unit, 0x100, 32, &block));
	assert_int_equal(block % 32, 0);
	for (u32 i = 0; i < 32; i++) {
		target.vector = (u8)(0x40 + i);
		assert_true(interrupts_set(&unit, 0x100, block + i, &target));
		assert_int_equal(send(0x100, block + i, &got), 0);
		assert_int_equal(got.vector, 0x40 + i);
	}
	/* One message beyond the block is somebody else's. */
	assert_int_equal(send(0x100, block + 32, &got), BLOCKED_INTERRUPT);
	assert_true(interrupts_free(&unit, 0x100, block, 32));
	for (u32 i = 0; i < 32; i++)
		assert_int_equal(send(0x100, block + i, &got), BLOCKED_INTERRUPT);
	assert_true(interrupts_alloc(&unit, 0x100, 32, &block));
	assert_false(interrupts_alloc(&unit, 0x100, 3, &block));
	assert_false(interrupts_alloc(&unit, 0x100, 0, &block));
	assert_false(interrupts_free(&unit, 0x100, 4096, 32));
	while (interrupts_alloc(&unit, 0x400, 1, &single))
		taken++;
	assert_int_equal(taken, 4096);
	assert_int_equal(model_message(0x100, unit.ops->message(&unit, 4096).address, 0, &got),
			 0x21);
}

/* Larger masks than the unit knows: it forgets all entries. */
static void blocks_beyond_the_largest_mask_are_forgotten_too(void **state) {
	const struct interrupt_target target = {.apic_id = 1, .vector = 0x30};
	struct model_interrupt got;
	u32 block;

	(void)state;
	reset(1);
	model.ecap = (model.ecap & ~MODEL_ECAP_MHMV) | 2ull << 20;
	clear_memory();
	assert_null(probe());
	prepare();
	assert_null(unit.ops->enable(&unit));
	assert_true(interrupts_alloc(&unit, 0x100, 8, &block));
	assert_true(interrupts_set(&unit, 0x100, block + 7, &target));
	assert_int_equal(send(0x100, block + 7, &got), 0);
	assert_true(interrupts_free(&unit, 0x100, block, 8));
	assert_int_equal(send(0x100, block + 7, &got), BLOCKED_INTERRUPT);
	model_clear_log();
	assert_true(interrupts_alloc(&unit, 0x100, 4, &block));
	assert_log("interrupts(0,2)");
}

static void eight_bit_destinations_are_placed_where_the_manual_wants_them(void **state) {
	struct interrupt_target target = {.apic_id = 0xfe, .vector = 0x30};
	struct model_interrupt got;
	u32 first;

	(void)state;
	reset(1);
	model.ecap &= ~MODEL_ECAP_EIM;
	clear_memory();
	assert_null(probe());
	prepare();
	assert_null(unit.ops->enable(&unit));
	assert_int_equal(model.irta & BIT(11), 0);
	assert_true(interrupts_alloc(&unit, 0xf0f8, 1, &first));
	assert_true(interrupts_set(&unit, 0xf0f8, first, &target));
	struct msi_message m = unit.ops->message(&unit, first);
	assert_int_equal(model_message(0xf0f8, m.address, m.data, &got), 0);
	assert_int_equal(got.destination, 0xfe);
	target.apic_id = 0x100;
	assert_false(interrupts_set(&unit, 0xf0f8, first, &target));
}

static void messages_carry_all_sixteen_bits_of_the_index(void **state) {
	(void)state;
	start(0, 0);
	struct msi_message m = unit.ops->message(&unit, 0x8001);

	assert_int_equal(m.address, 0xfee00000 | 1 << 5 | BIT(4) | BIT(3) | BIT(2));
	assert_int_equal(m.data, 0);
	m = unit.ops->message(&unit, 0x7fff);
	assert_int_equal(m.address, 0xfee00000 | 0x7fff << 5 | BIT(4) | BIT(3));
}

/* ---- faults ---- */

static void a_fault_is_told_in_words(void **state) {
	struct iommu_fault fault;
	u64 host;

	(void)state;
	start(0, 0);
	model_dma(0x1a3, 0xdeadb123, true, &host);
	assert_true(unit.ops->next_fault(&unit, &fault));
	assert_int_equal(pci_key(fault.requester), 3 << 16 | 0x1a3);
	assert_int_equal(fault.access, FAULT_DMA_WRITE);
	assert_int_equal(fault.address, 0xdeadb000);
	assert_string_equal(fault.reason, "blocked: not in any domain");
	assert_false(unit.ops->next_fault(&unit, &fault));

	model_dma(0x1a3, MIB, false, &host);
	assert_true(unit.ops->next_fault(&unit, &fault));
	assert_int_equal(fault.access, FAULT_DMA_READ);

	struct model_interrupt got;
	assert_int_equal(model_message(0x1a3, unit.ops->message(&unit, 77).address, 0, &got),
			 BLOCKED_INTERRUPT);
	assert_true(unit.ops->next_fault(&unit, &fault));
	assert_int_equal(fault.access, FAULT_INTERRUPT);
	assert_int_equal(fault.address, 77);
	assert_string_equal(fault.reason, "blocked: interrupt entry not in use");
}

static void every_reason_has_words(void **state) {
	static const u8 runs[][2] = {{1, 0xe},     {0x20, 0x28}, {0x30, 0x31},
				     {0x38, 0x3a}, {0x40, 0x48}, {0x50, 0x52},
				     {0x58, 0x5b}, {0x78, 0x7b}, {0x83, 0x87}};
	struct iommu_fault fault;

	(void)state;
	start(0, 0);
	for (u32 reason = 0; reason < 256; reason++) {
		bool known = false;

		for (u32 i = 0; i < ARRAY_SIZE(runs); i++)
			known |= reason >= runs[i][0] && reason <= runs[i][1];
		model_fault(0x100, 0, (u8)reason, true);
		assert_true(unit.ops->next_fault(&unit, &fault));
		assert_int_equal(known, strcmp(fault.reason, "unknown reason") != 0);
		assert_int_equal(fault.access == FAULT_INTERRUPT, reason >> 4 == 2);
	}
}

static void records_come_in_order_round_the_ring(void **state) {
	struct iommu_fault fault;
	u32 made = 0, seen = 0;

	(void)state;
	start_with(4, 0, 0);
	assert_null(unit.ops->enable(&unit));
	for (u32 round = 0; round < 9; round++) {
		for (u32 i = 0; i < 1 + round % 4; i++)
			model_fault((u16)made++, 0, 2, true);
		/* One arrives in the place that was freed while others wait. */
		assert_true(unit.ops->next_fault(&unit, &fault));
		assert_int_equal(pci_requester_id(fault.requester), seen++);
		model_fault((u16)made++, 0, 2, true);
		while (unit.ops->next_fault(&unit, &fault))
			assert_int_equal(pci_requester_id(fault.requester), seen++);
		assert_int_equal(made, seen);
	}
	/* A unit may begin a new run anywhere: FRI says where. */
	model.next_record = 2;
	for (u32 i = 0; i < 4; i++)
		model_fault((u16)made++, 0, 2, true);
	while (unit.ops->next_fault(&unit, &fault))
		assert_int_equal(pci_requester_id(fault.requester), seen++);
	assert_int_equal(made, seen);
	model.next_record = 0;
	for (u32 i = 0; i < 4; i++)
		model_fault((u16)made++, 0, 2, true);
	while (unit.ops->next_fault(&unit, &fault))
		assert_int_equal(pci_requester_id(fault.requester), seen++);
	assert_int_equal(made, seen);
}

static void an_overflow_is_told_and_recording_goes_on(void **state) {
	struct iommu_fault fault;

	(void)state;
	start(0, 0);
	for (u16 id = 1; id < 4; id++)
		model_fault(id, 0, 2, true);
	assert_true(unit.ops->next_fault(&unit, &fault));
	assert_int_equal(pci_requester_id(fault.requester), 1);
	assert_false(unit.ops->next_fault(&unit, &fault));
	model_fault(9, 0, 2, true);
	assert_true(unit.ops->next_fault(&unit, &fault));
	assert_int_equal(pci_requester_id(fault.requester), 9);
}

static void old_faults_are_not_taken_for_new_ones(void **state) {
	(void)state;
	start_with(4, 0, 0);
	for (u16 id = 0; id < 6; id++)
		model_fault(id, 0, 2, true);
	assert_null(unit.ops->enable(&unit));
	assert_int_equal(model.fsts & 3, 0);
	assert_int_equal(drain(), 0);
}

/* With no event sent before the message is whole, or none lost that was pending. */
static void a_fault_event_is_sent_where_records_begin(void **state) {
	const struct msi_message message = {0x4500fee67000, 4 << 8}, next = {0xfee01000, 4 << 8};

	(void)state;
	start_with(4, 0, 0);
	model.fectl = 0; /* as firmware left it */
	model_fault(0x100, 0, 2, true);
	assert_int_equal(model.events, 1);
	assert_null(unit.ops->enable(&unit));
	assert_int_equal(model.fectl, BIT(31));
	model_fault(0x100, 0, 2, true);
	assert_int_equal(model.events, 1);
	unit.ops->fault_event(&unit, &message);
	assert_int_equal(model.events, 2);
	assert_int_equal(model.fedata, 4 << 8);
	assert_int_equal(model.feaddr, 0xfee67000);
	assert_int_equal(model.feuaddr, 0x4500);
	/* One for all that come before somebody looks. */
	model_fault(0x101, 0, 2, true);
	assert_int_equal(model.events, 2);
	assert_int_equal(drain(), 2);
	model_fault(0x101, 0, 2, true);
	assert_int_equal(model.events, 3);
	assert_int_equal(drain(), 1);
	/* So many that some are lost. */
	for (u16 id = 1; id < 9; id++)
		model_fault(id, 0, 2, true);
	assert_int_equal(model.events, 4);
	assert_int_equal(drain(), 4);
	unit.ops->fault_event(&unit, &next);
	assert_int_equal(model.events, 4);
	model_fault(0x101, 0, 2, true);
	assert_int_equal(model.events, 5);
	assert_int_equal(drain(), 1);
	unit.ops->fault_event(&unit, NULL);
	model_fault(0x101, 0, 2, true);
	assert_int_equal(drain(), 1);
	assert_int_equal(model.events, 5);
}

static void a_silenced_requester_faults_quietly_until_it_is_attached_again(void **state) {
	(void)state;
	start(0, 0);
	assert_true(unit.ops->set_domain(&unit, 0x100, &domain));
	assert_int_equal(dma_write(0x100, 4 * MIB), NO_WRITE);
	assert_int_equal(drain(), 1);
	unit.ops->silence(&unit, 0x100);
	assert_int_equal(dma_write(0x100, 4 * MIB), NO_WRITE);
	assert_int_equal(drain(), 0);
	assert_int_equal(dma_lands(0x100, MIB), 16 * MIB);

	assert_true(unit.ops->set_domain(&unit, 0x100, NULL));
	assert_int_equal(dma_write(0x100, MIB), BLOCKED_DMA);
	assert_int_equal(drain(), 0);
	assert_true(unit.ops->set_domain(&unit, 0x100, &other));
	assert_int_equal(dma_write(0x100, 4 * MIB), NO_WRITE);
	assert_int_equal(drain(), 1);

	/* One that never was in a domain. */
	unit.ops->silence(&unit, 0x200);
	assert_int_equal(dma_write(0x200, MIB), BLOCKED_DMA);
	assert_int_equal(drain(), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe_reads_what_the_unit_can_do),
		cmocka_unit_test(probe_refuses_what_cannot_serve_and_says_why),
		cmocka_unit_test(prepare_touches_no_register),
		cmocka_unit_test(a_fresh_unit_is_switched_on_in_the_manuals_order),
		cmocka_unit_test(protected_regions_go_when_translation_is_on),
		cmocka_unit_test(firmware_translation_is_swapped_without_a_gap),
		cmocka_unit_test(another_table_mode_is_switched_off_as_briefly_as_possible),
		cmocka_unit_test(firmware_remapping_keeps_its_form_of_entries),
		cmocka_unit_test(a_predecessors_stuck_queue_is_dropped),
		cmocka_unit_test(no_kind_of_unit_lets_anything_through_at_any_moment),
		cmocka_unit_test(a_running_unit_may_be_taken_over_again),
		cmocka_unit_test(a_unit_that_does_not_answer_is_reported),
		cmocka_unit_test(a_unit_that_has_no_mode_of_ours_is_refused_in_words),
		cmocka_unit_test(pages_are_counted_for_units_and_not_for_functions),
		cmocka_unit_test(every_requester_is_blocked_at_first),
		cmocka_unit_test(attach_and_detach_leave_nothing_of_the_old_owner),
		cmocka_unit_test(caching_mode_forgets_absent_entries_too),
		cmocka_unit_test(the_write_buffer_is_flushed_before_each_invalidation),
		cmocka_unit_test(large_pages_of_every_depth_are_walked),
		cmocka_unit_test(reserved_memory_comes_and_goes_with_its_group),
		cmocka_unit_test(the_queue_wraps_round),
		cmocka_unit_test(a_refused_descriptor_fails_its_request_alone),
		cmocka_unit_test(an_attach_that_fails_is_taken_back),
		cmocka_unit_test(a_refused_wait_fails_in_bounded_time),
		cmocka_unit_test(what_ends_with_an_error_is_not_taken_for_done),
		cmocka_unit_test(an_aborted_wait_is_asked_again),
		cmocka_unit_test(a_queue_that_stalls_is_started_again),
		cmocka_unit_test(a_dead_queue_fails_and_may_come_back),
		cmocka_unit_test(a_queue_that_was_stuck_works_when_it_comes_back),
		cmocka_unit_test(pins_of_the_ioapic),
		cmocka_unit_test(interrupts_reach_their_target_from_their_owner_only),
		cmocka_unit_test(freed_entries_are_blocked_for_their_next_owner),
		cmocka_unit_test(blocks_are_aligned_and_run_out),
		cmocka_unit_test(blocks_beyond_the_largest_mask_are_forgotten_too),
		cmocka_unit_test(eight_bit_destinations_are_placed_where_the_manual_wants_them),
		cmocka_unit_test(messages_carry_all_sixteen_bits_of_the_index),
		cmocka_unit_test(a_fault_is_told_in_words),
		cmocka_unit_test(every_reason_has_words),
		cmocka_unit_test(records_come_in_order_round_the_ring),
		cmocka_unit_test(an_overflow_is_told_and_recording_goes_on),
		cmocka_unit_test(old_faults_are_not_taken_for_new_ones),
		cmocka_unit_test(a_fault_event_is_sent_where_records_begin),
		cmocka_unit_test(a_silenced_requester_faults_quietly_until_it_is_attached_again),
	};

	int failed = cmocka_run_group_tests_name("legacy mode", tests, setup, teardown);

	scalable = true;
	return failed + cmocka_run_group_tests_name("scalable mode", tests, setup, teardown);
}
