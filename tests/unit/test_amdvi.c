/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka needs the four above first */
#include <cmocka.h>
#include <signal.h>

#include "../../iommu/amdvi.h"
#include "amdvi_model.h"
#include "iommu.h"
#include "mmio.h"
#include "unit_memory.h"
#include <string.h>

#define FEATURE_XT BIT(2)
#define FEATURE_IA BIT(6)
#define FEATURE_GA BIT(7)
#define FEATURES_ALL (FEATURE_XT | FEATURE_IA | FEATURE_GA)

#define CONTROL 0x18
#define TABLE 0x0
#define STATUS 0x2020
#define COMMAND_TAIL 0x2008
#define ON BIT(0)
#define POOL_PAGES 8192

#define NIC 0x0100
#define DISK 0x0208

static struct amdvi_model model;
static struct page_pool pool;
static struct unit_info info;
static struct iommu_unit unit;
static u8 *memory;

static u32 offset_of(const volatile u8 *address) {
	u64 offset = (u64)(address - (const volatile u8 *)model.registers);

	assert_true(offset < AMDVI_MODEL_REGISTERS);
	return (u32)offset;
}

u32 mmio_read32(const volatile u8 *address) {
	(void)address;
	fail_msg("registers of 64 bits are read whole");
	return 0;
}

void mmio_write32(volatile u8 *address, u32 value) {
	(void)address;
	(void)value;
	fail_msg("registers of 64 bits are written whole");
}

u64 mmio_read64(const volatile u8 *address) {
	return amdvi_model_read(&model, offset_of(address));
}

void mmio_write64(volatile u8 *address, u64 value) {
	amdvi_model_write(&model, offset_of(address), value);
}

static int setup(void **state) {
	(void)state;
	if (!memory)
		memory = aligned_alloc(2 * MIB, POOL_PAGES * PAGE_SIZE);
	page_pool_init(&pool, memory, POOL_PAGES);
	unit_memory_init(memory, POOL_PAGES * PAGE_SIZE, true, false);
	amdvi_model_init(&model, FEATURES_ALL);
	info = (struct unit_info){.kind = IOMMU_AMDVI,
				  .base = (u64)(uintptr_t)model.registers,
				  .segment = 3,
				  .device_id = 2};
	unit = (struct iommu_unit){
		.info = &info, .ops = &amdvi_ops, .registers = (volatile u8 *)model.registers};
	return 0;
}

/* As iommu_start() does. */
static void prepare(void) {
	unit.pool = &pool;
	unit.memory = page_pool_take(&pool, ALIGN_UP(unit.ops->bytes, PAGE_SIZE) / PAGE_SIZE);
	assert_non_null(unit.memory);
	unit.ops->prepare(&unit);
}

static void start(u64 features) {
	model.registers[0x30 / 8] = features;
	assert_null(amdvi_ops.probe(&unit));
	prepare();
	assert_null(amdvi_ops.enable(&unit));
}

static int start_all(void **state) {
	setup(state);
	start(FEATURES_ALL);
	return 0;
}

static void make_domain(struct dma_domain *domain, u16 id) {
	domain->id = id;
	assert_true(page_tables_init(&domain->tables, amdvi_ops.format, &pool, 4, unit.leaf_level));
}

static void map(struct dma_domain *domain, u64 from, u64 to, u64 length, unsigned int access) {
	assert_true(page_tables_map(&domain->tables, from, to, length, access));
	assert_true(amdvi_ops.flush_domain(&unit, domain));
}

/* ---- probing ---- */

static void a_unit_that_does_not_answer_is_refused(void **state) {
	(void)state;
	model.registers[0x30 / 8] = ~0ull;
	assert_string_equal(amdvi_ops.probe(&unit), "its registers do not answer");
	assert_int_equal(model.write_count, 0);
}

static void a_unit_without_host_tables_is_refused(void **state) {
	(void)state;
	model.registers[0x30 / 8] = FEATURES_ALL | 3 << 10;
	assert_string_equal(amdvi_ops.probe(&unit), "it has no host page tables");
}

static void wide_destinations_need_register_and_table(void **state) {
	(void)state;
	assert_null(amdvi_ops.probe(&unit));
	assert_true(unit.x2apic);
	assert_int_equal(unit.levels, BIT(4));
	assert_int_equal(unit.domain_ids, 0x8000);
	info.features = FEATURE_GA;
	assert_null(amdvi_ops.probe(&unit));
	assert_false(unit.x2apic);
	info.features = 0;
	model.registers[0x30 / 8] = FEATURE_XT;
	assert_null(amdvi_ops.probe(&unit));
	assert_false(unit.x2apic);
	assert_int_equal(model.write_count, 0);
}

static void prepare_touches_no_register(void **state) {
	(void)state;
	assert_null(amdvi_ops.probe(&unit));
	prepare();
	assert_int_equal(model.write_count, 0);
}

/* ---- switching on ---- */

static void every_requester_is_blocked_when_translation_goes_on(void **state) {
	u64 to;
	u32 apic_id;
	u8 vector;

	(void)state;
	start(FEATURES_ALL);
	for (u32 id = 0; id < 65536; id++) {
		assert_false(amdvi_model_dma(&model, (u16)id, 0x1000, false, &to));
		assert_false(amdvi_model_dma(&model, (u16)id, 0x1000, true, &to));
		assert_false(amdvi_model_interrupt(&model, (u16)id, 0x40, &apic_id, &vector));
	}
}

static void cold_start_writes_in_the_manuals_order(void **state) {
	u32 n = 0, on = UINT32_MAX;

	(void)state;
	info.ivhd_flags = 0x0b;
	start(FEATURES_ALL);
	for (u32 i = 0; i < model.write_count; i++) {
		const struct amdvi_model_write *w = &model.writes[i];

		if (w->offset == CONTROL && (w->value & ON) && on == UINT32_MAX)
			on = i;
		if (w->offset == CONTROL)
			n++;
	}
	assert_true(n >= 4);
	for (u32 offset = 0; offset <= 0x28; offset += 8)
		if (offset != CONTROL)
			assert_true(amdvi_model_position(&model, offset, 0) < on);
	assert_int_equal(model.registers[TABLE] & 0xfff, 0x1ff);
	assert_int_equal(model.registers[0x20 / 8], 0);
	assert_int_equal(model.registers[0x28 / 8], 0);
	/* Formats before translation; commands with it; flags as the table says; no interrupts. */
	assert_true(model.writes[on - 1].value & BIT(17));
	assert_true(model.writes[on - 1].value & BIT(50));
	assert_int_equal(model.registers[CONTROL / 8], ON | BIT(1) | BIT(2) | 4 << 5 | BIT(8) |
							       BIT(10) | BIT(11) | BIT(12) |
							       BIT(17) | BIT(50));
	assert_false(model.window);
}

static void every_requester_is_invalidated_with_and_without_invalidate_all(void **state) {
	(void)state;
	start(FEATURES_ALL);
	assert_int_equal(model.ran[2], 65536);
	assert_int_equal(model.ran[8], 1);
	setup(NULL);
	start(0);
	assert_int_equal(model.ran[2], 65536);
	assert_int_equal(model.ran[3], 65536);
	assert_int_equal(model.ran[5], 65536);
	assert_int_equal(model.ran[8], 0);
	assert_false(model.registers[CONTROL / 8] & (BIT(17) | BIT(50)));
}

static bool in_either_domain(u16 requester, u64 address, u64 to) {
	(void)requester;
	return to - address == 15 * MIB || to - address == 31 * MIB;
}

/* Firmware's table lets NIC have a page; its rings are on, and an entry of interrupts is cached. */
static void leave_translation_on(bool log_full) {
	u64(*firmware)[4] = page_pool_take(&pool, 512), *rings = page_pool_take(&pool, 2);
	u32 *interrupts = page_pool_take(&pool, 1), apic_id;
	struct dma_domain domain;
	u8 vector;
	u64 to;

	assert_null(amdvi_ops.probe(&unit));
	make_domain(&domain, 9);
	assert_true(page_tables_map(&domain.tables, MIB, 16 * MIB, PAGE_SIZE, ACCESS_WRITE));
	for (u32 id = 0; id < 65536; id++)
		firmware[id][0] = 3;
	firmware[NIC][0] |= (u64)(uintptr_t)domain.tables.root | 4 << 9 | 3ull << 61;
	firmware[NIC][1] = 9;
	firmware[NIC][2] = (u64)(uintptr_t)interrupts | 1 | 9 << 1 | 2ull << 60;
	interrupts[5] = 1 | 3 << 8 | 0x77 << 16;
	model.registers[TABLE] = (u64)(uintptr_t)firmware | 0x1ff;
	model.registers[0x8 / 8] = (u64)(uintptr_t)rings | 8ull << 56;
	model.registers[0x10 / 8] = (u64)(uintptr_t)(rings + 512) | 8ull << 56;
	model.registers[0x20 / 8] = 0x80000001; /* an exclusion range */
	model.registers[0x28 / 8] = 0x80000000;
	model.registers[CONTROL / 8] = ON | BIT(2) | BIT(3) | BIT(12) | BIT(34);
	model.registers[STATUS / 8] = BIT(4) | (log_full ? BIT(0) : BIT(3));
	model.registers[0x2000 / 8] = model.registers[COMMAND_TAIL / 8] = 0xfe0;
	model.registers[0x2010 / 8] = model.registers[0x2018 / 8] = 0xfc0;
	assert_true(amdvi_model_dma(&model, NIC, MIB, true, &to));
	assert_true(amdvi_model_dma(&model, NIC, 0x80000000, true, &to));
	assert_true(amdvi_model_interrupt(&model, NIC, 5, &apic_id, &vector));
}

static void translation_left_on_is_swapped_and_never_off(void **state) {
	u32 first_tail, format, apic_id;
	struct iommu_fault fault;
	u8 vector;
	u64 to;

	(void)state;
	for (u32 kind = 0; kind < 4; kind++) {
		setup(NULL);
		leave_translation_on(kind & 1);
		model.np_cache = true;
		amdvi_model_probe(&model, NIC, false, MIB);
		amdvi_model_probe(&model, DISK, false, MIB);
		amdvi_model_probe(&model, NIC, true, 5);
		model.may_land = in_either_domain;
		start((kind & 1 ? FEATURE_IA : 0) | (kind & 2 ? FEATURE_GA | FEATURE_XT : 0));
		assert_false(model.window);
		format = UINT32_MAX;
		for (u32 i = 0; i < model.write_count; i++) {
			if (model.writes[i].offset != CONTROL)
				continue;
			assert_true(model.writes[i].value & ON);
			assert_false(model.writes[i].value & (BIT(34) | BIT(3)));
			if ((model.writes[i].value & BIT(17)) && format == UINT32_MAX)
				format = i;
		}
		/* Queues stop, the table is replaced, caches are emptied, and then the format changes. */
		first_tail = amdvi_model_position(&model, COMMAND_TAIL, 1);
		assert_int_equal(model.writes[0].value, ON);
		assert_true(amdvi_model_position(&model, TABLE, 0) < first_tail);
		assert_true(first_tail < format);
		assert_int_equal(model.ran[8], kind & 1 ? 2 : 0);
		assert_false(amdvi_model_dma(&model, NIC, MIB, true, &to));
		assert_false(amdvi_model_dma(&model, NIC, 0x80000000, true, &to));
		assert_false(amdvi_model_interrupt(&model, NIC, 5, &apic_id, &vector));
		assert_int_equal(model.registers[STATUS / 8] & (BIT(3) | BIT(4)), BIT(3) | BIT(4));
		/* The log begins anew. */
		assert_false(amdvi_ops.next_fault(&unit, &fault));
		for (u32 i = 0; i < 255; i++)
			amdvi_model_event(&model, 2ull << 60 | NIC, i);
		for (u32 i = 0; i < 255; i++) {
			assert_true(amdvi_ops.next_fault(&unit, &fault));
			assert_int_equal(fault.address, i);
		}
		assert_false(amdvi_ops.next_fault(&unit, &fault));
	}
}

static void a_dead_unit_fails_to_start(void **state) {
	(void)state;
	model.dead = true;
	assert_null(amdvi_ops.probe(&unit));
	prepare();
	assert_non_null(amdvi_ops.enable(&unit));
}

/* ---- domains ---- */

static void attach_and_detach_take_effect_at_once(void **state) {
	struct dma_domain domain;
	u64 to;

	(void)state;
	make_domain(&domain, 1);
	map(&domain, 0x10000, 0x70000, 0x4000, ACCESS_READ | ACCESS_WRITE);
	assert_false(amdvi_model_dma(&model, NIC, 0x10000, true, &to));
	assert_true(amdvi_ops.set_domain(&unit, NIC, &domain));
	assert_true(amdvi_model_dma(&model, NIC, 0x10123, true, &to));
	assert_int_equal(to, 0x70123);
	assert_false(amdvi_model_dma(&model, NIC, 0x14000, true, &to));
	assert_false(amdvi_model_dma(&model, DISK, 0x10000, true, &to));
	assert_true(amdvi_ops.set_domain(&unit, NIC, NULL));
	assert_false(amdvi_model_dma(&model, NIC, 0x10123, true, &to));
	assert_false(amdvi_model_dma(&model, NIC, 0x10123, false, &to));
}

static volatile struct pair contested;
static u32 torn, steps;

/* After each instruction. */
static void look(int signal) {
	(void)signal;
	steps++;
	torn += contested.low != contested.high;
}

/* The trap flag, without touching what lies below the stack pointer. */
static void single_step(bool on) {
	u64 flag = on ? 0x100 : 0;

	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\t"
			 "orq %0, (%%rsp)\n\tpopfq\n\tlea 128(%%rsp), %%rsp"
			 :
			 : "r"(flag)
			 : "cc", "memory");
}

static void an_entry_is_never_seen_half_changed(void **state) {
	struct sigaction action = {.sa_handler = look}, before;

	(void)state;
	torn = steps = 0;
	contested = (struct pair){1, 1};
	assert_int_equal(sigaction(SIGTRAP, &action, &before), 0);
	single_step(true);
	amdvi_store_half((struct pair *)&contested, (struct pair){2, 2});
	single_step(false);
	sigaction(SIGTRAP, &before, NULL);
	assert_true(steps > 2);
	assert_int_equal(contested.low, 2);
	assert_int_equal(torn, 0);
}

static void no_translation_of_the_old_owner_survives(void **state) {
	struct dma_domain a, b;
	u64 to;

	(void)state;
	make_domain(&a, 1);
	make_domain(&b, 2);
	map(&a, 0x10000, 0x70000, 0x1000, ACCESS_WRITE);
	map(&b, 0x10000, 0x90000, 0x1000, ACCESS_WRITE);
	assert_true(amdvi_ops.set_domain(&unit, NIC, &a));
	assert_true(amdvi_model_dma(&model, NIC, 0x10000, true, &to));
	assert_true(amdvi_ops.set_domain(&unit, NIC, NULL));
	assert_true(amdvi_ops.set_domain(&unit, NIC, &b));
	assert_true(amdvi_model_dma(&model, NIC, 0x10000, true, &to));
	assert_int_equal(to, 0x90000);
	/* The same domain number with other tables. */
	make_domain(&a, 1);
	assert_true(amdvi_ops.set_domain(&unit, DISK, &a));
	assert_false(amdvi_model_dma(&model, DISK, 0x10000, true, &to));
}

/* All that a unit can be told, on every kind of unit, while devices try without a pause. */
static void no_kind_of_unit_lets_anything_through_at_any_moment(void **state) {
	const struct interrupt_target here = {.apic_id = 3, .vector = 0x41};
	const struct interrupt_target there = {.apic_id = 4, .vector = 0x42};
	const u64 kinds[] = {0, FEATURE_IA, FEATURE_IA | FEATURE_GA, FEATURES_ALL};
	struct dma_domain a, b;
	u32 first, apic_id;
	u64 to;
	u8 vector;

	for (u32 kind = 0; kind < 2 * ARRAY_SIZE(kinds); kind++) {
		setup(state);
		model.np_cache = kind & 1;
		start(kinds[kind / 2]);
		make_domain(&a, 1);
		make_domain(&b, 2);
		map(&a, MIB, 16 * MIB, 0x4000, ACCESS_READ | ACCESS_WRITE);
		map(&b, MIB, 32 * MIB, 0x4000, ACCESS_READ | ACCESS_WRITE);
		amdvi_model_probe(&model, NIC, false, MIB);
		amdvi_model_probe(&model, DISK, false, MIB);
		amdvi_model_probe(&model, NIC, true, 0);
		amdvi_model_probe(&model, DISK, true, 0);
		model.may_land = in_either_domain;
		for (u32 round = 0; round < 3; round++) {
			assert_true(amdvi_ops.set_domain(&unit, NIC, &a));
			assert_true(amdvi_ops.set_domain(&unit, DISK, &a));
			assert_true(amdvi_model_dma(&model, NIC, MIB, true, &to));
			assert_true(amdvi_ops.set_domain(&unit, DISK, &b));
			assert_true(amdvi_model_dma(&model, DISK, MIB, true, &to));
			assert_int_equal(to, 32 * MIB);
			/* A page goes and comes under a device that uses it. */
			assert_true(page_tables_unmap(&a.tables, MIB, PAGE_SIZE));
			assert_true(amdvi_ops.flush_domain(&unit, &a));
			assert_false(amdvi_model_dma(&model, NIC, MIB, true, &to));
			map(&a, MIB, 16 * MIB, PAGE_SIZE, ACCESS_WRITE);
			assert_true(amdvi_model_dma(&model, NIC, MIB, true, &to));
			amdvi_ops.silence(&unit, NIC);
			assert_true(amdvi_ops.set_domain(&unit, NIC, NULL));
			assert_false(amdvi_model_dma(&model, NIC, MIB, true, &to));
			assert_true(amdvi_ops.set_domain(&unit, DISK, NULL));
			assert_false(amdvi_model_dma(&model, DISK, MIB, true, &to));

			assert_true(interrupts_alloc(&unit, NIC, 1, &first));
			assert_int_equal(first, 0);
			assert_false(amdvi_model_interrupt(&model, NIC, 0, &apic_id, &vector));
			assert_true(interrupts_set(&unit, NIC, first, &here));
			assert_true(amdvi_model_interrupt(&model, NIC, 0, &apic_id, &vector));
			assert_true(interrupts_set(&unit, NIC, first, &there));
			assert_true(amdvi_model_interrupt(&model, NIC, 0, &apic_id, &vector));
			assert_int_equal(vector, 0x42);
			assert_false(amdvi_model_interrupt(&model, DISK, 0, &apic_id, &vector));
			assert_true(interrupts_free(&unit, NIC, first, 1));
			assert_false(amdvi_model_interrupt(&model, NIC, 0, &apic_id, &vector));
		}
	}
}

static const u64 *command_back(u32 n) {
	return model.commands[(model.command_count - n) % AMDVI_MODEL_COMMANDS];
}

static u32 opcode_back(u32 n) {
	return (u32)(command_back(n)[0] >> 60);
}

static void a_change_ends_with_entry_pages_interrupts_and_a_wait(void **state) {
	struct dma_domain domain;
	u32 before, first;

	(void)state;
	make_domain(&domain, 7);
	before = model.command_count;
	assert_true(amdvi_ops.set_domain(&unit, NIC, &domain));
	/* Each is waited for. Old and new domain, every page. */
	assert_int_equal(model.command_count - before, 8);
	for (u32 n = 8; n > 0; n--)
		assert_int_equal(opcode_back(n), ((u32[]){0, 1, 5, 1, 3, 1, 3, 1, 2})[n]);
	assert_int_equal(command_back(6)[0] >> 32 & 0xffff, 0x8000);
	assert_int_equal(command_back(4)[0] >> 32 & 0xffff, 7);
	assert_int_equal(command_back(4)[1], 0x7ffffffffffff003ull);
	/* Of interrupts: the entry may be new, then the table. */
	assert_true(interrupts_alloc(&unit, NIC, 1, &first));
	for (u32 n = 4; n > 0; n--)
		assert_int_equal(opcode_back(n), ((u32[]){0, 1, 5, 1, 2})[n]);
}

static void rights_and_sizes_of_pages_are_what_was_asked(void **state) {
	struct dma_domain domain;
	u64 to;

	(void)state;
	make_domain(&domain, 1);
	map(&domain, 0, 4 * GIB, 3 * GIB + 6 * MIB + 0x5000, ACCESS_READ | ACCESS_WRITE);
	map(&domain, BIT(47), 0x3000, 0x1000, ACCESS_READ);
	map(&domain, BIT(47) + 0x1000, 0x9000, 0x1000, ACCESS_WRITE);
	assert_true(amdvi_ops.set_domain(&unit, NIC, &domain));
	for (u64 at = 0; at < 3 * GIB + 6 * MIB + 0x5000; at += 37 * MIB + 0x3008) {
		assert_true(amdvi_model_dma(&model, NIC, at, true, &to));
		assert_int_equal(to, 4 * GIB + at);
	}
	assert_true(amdvi_model_dma(&model, NIC, 3 * GIB + 6 * MIB + 0x4ff8, true, &to));
	assert_false(amdvi_model_dma(&model, NIC, 3 * GIB + 6 * MIB + 0x5000, true, &to));
	assert_true(amdvi_model_dma(&model, NIC, BIT(47), false, &to));
	assert_false(amdvi_model_dma(&model, NIC, BIT(47), true, &to));
	assert_false(amdvi_model_dma(&model, NIC, BIT(47) + 0x1000, false, &to));
	assert_true(amdvi_model_dma(&model, NIC, BIT(47) + 0x1000, true, &to));
	assert_false(amdvi_model_dma(&model, NIC, BIT(48), false, &to));
	/* Splitting a page of 1 GiB down to 4 KiB leaves its neighbours alone. */
	assert_true(page_tables_unmap(&domain.tables, GIB + 2 * MIB + 0x7000, 0x1000));
	assert_true(amdvi_ops.flush_domain(&unit, &domain));
	assert_false(amdvi_model_dma(&model, NIC, GIB + 2 * MIB + 0x7000, true, &to));
	for (u64 at = GIB + 0x6000; at < 2 * GIB; at += 2 * MIB + 0x2000) {
		if (at == GIB + 2 * MIB + 0x7000)
			continue;
		assert_true(amdvi_model_dma(&model, NIC, at, true, &to));
		assert_int_equal(to, 4 * GIB + at);
	}
}

static void a_silenced_requester_stays_where_it_was(void **state) {
	struct dma_domain domain;
	u64 to;

	(void)state;
	make_domain(&domain, 1);
	map(&domain, 0, 0x5000, 0x1000, ACCESS_READ);
	assert_true(amdvi_ops.set_domain(&unit, NIC, &domain));
	amdvi_ops.silence(&unit, NIC);
	amdvi_ops.silence(&unit, DISK);
	assert_true(amdvi_model_dma(&model, NIC, 0, false, &to));
	assert_false(amdvi_model_dma(&model, DISK, 0, false, &to));
	assert_int_equal(model.device_cache[NIC][1] >> 32, 4);
	assert_true(amdvi_ops.set_domain(&unit, NIC, NULL));
	assert_false(amdvi_model_dma(&model, NIC, 0, false, &to));
	assert_int_equal(model.device_cache[NIC][1] >> 32, 0);
}

/* From the table of reserved memory to where a transaction ends. */
static void reserved_memory_comes_and_goes_with_its_group(void **state) {
	struct pci_function function = {
		.address = {3, 1, 0}, .table_alias = NIC, .physical = NONE, .parent = NONE};
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
			      .units = {unit},
			      .unit_count = 1,
			      .pool = &pool,
			      .group_state = (u8[]){GROUP_BLOCKED},
			      .group_owner = (u16[]){0},
			      .function_faults = (u32[]){0}};
	struct dma_domain guest;
	u64 to;

	(void)state;
	assert_true(domain_create(&iommu, &guest, 7, (u32[]){0}, 1));
	assert_true(domain_map(&iommu, &guest, 0, 4 * GIB, GIB, ACCESS_READ | ACCESS_WRITE));
	assert_true(domain_claim_group(&iommu, 0, 0));
	for (u32 round = 0; round < 2; round++) {
		assert_false(amdvi_model_dma(&model, NIC, 0x7b800000, true, &to));
		assert_true(domain_attach_group(&iommu, &guest, 0, 0));
		assert_true(amdvi_model_dma(&model, NIC, 0x7b8ff123, true, &to));
		assert_int_equal(to, 0x7b8ff123);
		assert_true(amdvi_model_dma(&model, NIC, 0x1000, true, &to));
		assert_int_equal(to, 4 * GIB + 0x1000);
		assert_true(amdvi_model_dma(&model, NIC, 0x7c000000, false, &to));
		assert_false(amdvi_model_dma(&model, NIC, 0x7c000000, true, &to));
		assert_true(domain_detach_group(&iommu, &guest, 0, 0));
		/* Nothing of it is left for a requester that is still in the domain. */
		assert_true(amdvi_ops.set_domain(&unit, DISK, &guest));
		assert_false(amdvi_model_dma(&model, DISK, 0x7b8ff123, true, &to));
		assert_false(amdvi_model_dma(&model, DISK, 0x7c000000, false, &to));
		assert_true(amdvi_ops.set_domain(&unit, DISK, NULL));
	}
}

/* ---- commands ---- */

static void the_command_ring_wraps(void **state) {
	struct dma_domain domain;
	u32 before = model.ran[3];

	(void)state;
	make_domain(&domain, 1);
	for (u32 i = 0; i < 2000; i++) {
		assert_true(amdvi_ops.flush_domain(&unit, &domain));
		assert_true(model.registers[COMMAND_TAIL / 8] < 4096);
	}
	assert_int_equal(model.ran[3] - before, 2000);
}

static void a_unit_that_stops_answering_is_an_error_and_may_come_back(void **state) {
	struct dma_domain domain;

	(void)state;
	make_domain(&domain, 1);
	model.dead = true;
	assert_false(amdvi_ops.flush_domain(&unit, &domain));
	model.dead = false;
	assert_true(amdvi_ops.flush_domain(&unit, &domain));
	assert_false(model.window);
}

static void after_an_illegal_command_the_ring_is_restarted(void **state) {
	struct dma_domain domain;
	struct iommu_fault fault;
	u64 to;

	(void)state;
	make_domain(&domain, 1);
	map(&domain, 0, 0x5000, 0x1000, ACCESS_READ);
	model.illegal = 2;
	model.reads_in_all = 0;
	assert_false(amdvi_ops.set_domain(&unit, NIC, &domain));
	model.illegal = 0;
	/* It does not wait for what cannot come. */
	assert_true(model.reads_in_all < 100);
	assert_true(amdvi_ops.next_fault(&unit, &fault));
	assert_string_equal(fault.reason, "command is not valid");
	assert_int_equal(pci_requester_id(fault.requester), info.device_id);
	assert_true(amdvi_ops.set_domain(&unit, NIC, NULL));
	assert_false(amdvi_model_dma(&model, NIC, 0, false, &to));
	assert_true(amdvi_ops.set_domain(&unit, NIC, &domain));
	assert_true(amdvi_model_dma(&model, NIC, 0, false, &to));
	assert_false(model.window);
}

/* ---- interrupts ---- */

/* What a pin sends ends with its vector, and its end is asked for. */
static void pins_of_the_ioapic(void **state) {
	struct interrupt_target target = {.apic_id = 3, .vector = 0x51, .level = true};
	u32 seen, index[3];
	u8 vector;

	(void)state;
	assert_true(interrupts_alloc_pin(&unit, DISK, 0x51, &index[0]));
	assert_true(interrupts_alloc_pin(&unit, DISK, 0x51, &index[1]));
	assert_int_equal(index[0], 0x51);
	assert_int_equal(index[1], 0x151);
	assert_false(interrupts_alloc_pin(&unit, DISK, 0x51, &index[2]));
	assert_true(interrupts_set(&unit, DISK, index[1], &target));
	assert_true(amdvi_model_interrupt(&model, DISK, 0x151, &seen, &vector));
	assert_int_equal(seen, 3);
	assert_int_equal(vector, 0x51);
	assert_false(amdvi_model_interrupt(&model, DISK, 0x51, &seen, &vector));
	assert_true(((struct pair *)(uintptr_t)(amdvi_of(&unit)->devices[DISK].interrupt.low &
						0xfffffffffffc0))[index[1]]
			    .low &
		    BIT(5));
	target.vector = 15;
	assert_false(interrupts_set(&unit, DISK, index[1], &target));
	assert_true(interrupts_free(&unit, DISK, index[0], 1));
	assert_true(interrupts_alloc_pin(&unit, DISK, 0x51, &index[2]));
	assert_int_equal(index[2], 0x51);
}

static void check_interrupts(u32 apic_id, u32 other) {
	struct interrupt_target target = {.apic_id = apic_id, .vector = 0x51};
	struct dma_domain domain;
	struct msi_message message;
	u32 first, second, seen;
	u8 vector;

	assert_true(interrupts_alloc(&unit, NIC, 4, &first));
	message = amdvi_ops.message(&unit, first);
	assert_int_equal(message.address & 0xfff00000, 0xfee00000);
	assert_int_equal(message.data & 0x7ff & 3, 0);
	/* Allocated, and still blocked. */
	assert_false(amdvi_model_interrupt(&model, NIC, message.data, &seen, &vector));
	assert_true(interrupts_set(&unit, NIC, first + 1, &target));
	assert_true(amdvi_model_interrupt(&model, NIC, message.data | 1, &seen, &vector));
	assert_int_equal(seen, apic_id);
	assert_int_equal(vector, 0x51);
	assert_false(amdvi_model_interrupt(&model, NIC, message.data, &seen, &vector));
	assert_false(amdvi_model_interrupt(&model, DISK, message.data | 1, &seen, &vector));
	/* A new target, although the old one is cached; then none. */
	target = (struct interrupt_target){.apic_id = other, .vector = 0xef};
	assert_true(interrupts_set(&unit, NIC, first + 1, &target));
	assert_true(amdvi_model_interrupt(&model, NIC, message.data | 1, &seen, &vector));
	assert_int_equal(seen, other);
	assert_int_equal(vector, 0xef);
	/* Coming and going between domains changes nothing about it. */
	make_domain(&domain, 1);
	assert_true(amdvi_ops.set_domain(&unit, NIC, &domain));
	assert_true(amdvi_ops.set_domain(&unit, NIC, NULL));
	assert_true(amdvi_model_interrupt(&model, NIC, message.data | 1, &seen, &vector));
	assert_true(interrupts_set(&unit, NIC, first + 1, NULL));
	assert_false(amdvi_model_interrupt(&model, NIC, message.data | 1, &seen, &vector));
	/* Others of the same requester. */
	assert_true(interrupts_alloc(&unit, NIC, 1, &second));
	assert_true(second < first || second >= first + 4);
	assert_true(interrupts_set(&unit, NIC, second, &target));
	assert_true(interrupts_free(&unit, NIC, first, 4));
	assert_true(amdvi_model_interrupt(&model, NIC, second, &seen, &vector));
	assert_true(interrupts_free(&unit, NIC, second, 1));
	assert_false(amdvi_model_interrupt(&model, NIC, second, &seen, &vector));
	for (u32 i = 0; i < 512; i++)
		assert_false(amdvi_model_interrupt(&model, NIC, i, &seen, &vector));
	/* And again, in the table that it has. */
	u64 next = pool.next;

	assert_true(interrupts_alloc(&unit, NIC, 512, &first));
	assert_int_equal(first, 0);
	assert_int_equal(pool.next, next);
	assert_false(interrupts_alloc(&unit, NIC, 1, &second));
	for (u32 i = 0; i < 512; i++)
		assert_false(amdvi_model_interrupt(&model, NIC, i, &seen, &vector));
}

static void interrupts_with_entries_of_128_bits(void **state) {
	(void)state;
	check_interrupts(0x12345678, 3);
	assert_true(model.registers[CONTROL / 8] & BIT(17));
}

static void interrupts_with_entries_of_32_bits(void **state) {
	(void)state;
	setup(NULL);
	start(FEATURE_IA);
	check_interrupts(0xfe, 3);
	assert_false(model.registers[CONTROL / 8] & BIT(17));
}

static void interrupts_with_wide_entries_and_narrow_destinations(void **state) {
	(void)state;
	setup(NULL);
	start(FEATURE_IA | FEATURE_GA);
	check_interrupts(0xfe, 3);
}

static void targets_that_the_unit_cannot_name_are_refused(void **state) {
	struct interrupt_target target = {.apic_id = 255, .vector = 0x30};
	u32 first;

	(void)state;
	assert_true(interrupts_alloc(&unit, NIC, 1, &first));
	assert_true(interrupts_set(&unit, NIC, first, &target));
	target.apic_id = UINT32_MAX;
	assert_false(interrupts_set(&unit, NIC, first, &target));
	target = (struct interrupt_target){.apic_id = 1, .vector = 15};
	assert_false(interrupts_set(&unit, NIC, first, &target));
	setup(NULL);
	start(FEATURE_GA | FEATURE_IA);
	assert_true(interrupts_alloc(&unit, NIC, 1, &first));
	target = (struct interrupt_target){.apic_id = 255, .vector = 0x30};
	assert_false(interrupts_set(&unit, NIC, first, &target));
}

static void interrupts_that_are_not_allocated_cannot_be_used(void **state) {
	struct interrupt_target target = {.apic_id = 1, .vector = 0x30};
	u32 first;

	(void)state;
	assert_false(interrupts_set(&unit, NIC, 0, &target));
	assert_false(interrupts_free(&unit, NIC, 0, 1));
	assert_false(interrupts_alloc(&unit, NIC, 0, &first));
	assert_false(interrupts_alloc(&unit, NIC, 3, &first));
	assert_false(interrupts_alloc(&unit, NIC, 1024, &first));
	assert_true(interrupts_alloc(&unit, NIC, 2, &first));
	assert_false(interrupts_set(&unit, NIC, first + 2, &target));
	assert_false(interrupts_set(&unit, NIC, 512, &target));
	assert_false(interrupts_free(&unit, NIC, first, 3));
	assert_false(interrupts_free(&unit, NIC, UINT32_MAX, 2));
	assert_false(interrupts_free(&unit, NIC, 511, UINT32_MAX));
	pool.next = pool.pages;
	assert_false(interrupts_alloc(&unit, DISK, 1, &first));
}

static void the_device_may_set_the_low_bits_of_an_index(void **state) {
	u32 one, four, next;

	(void)state;
	assert_true(interrupts_alloc(&unit, NIC, 1, &one));
	assert_true(interrupts_alloc(&unit, NIC, 4, &four));
	assert_int_equal(four % 4, 0);
	assert_true(interrupts_alloc(&unit, NIC, 1, &next));
	assert_true(next != one && (next < four || next >= four + 4));
	assert_true(interrupts_alloc(&unit, NIC, 32, &four));
	assert_int_equal(four % 32, 0);
}

static void failures_leave_interrupts_blocked(void **state) {
	u32 first, seen;
	u8 vector;

	(void)state;
	model.illegal = 5;
	assert_false(interrupts_alloc(&unit, NIC, 1, &first));
	model.illegal = 0;
	model.device_cached[NIC] = false;
	for (u32 i = 0; i < 512; i++)
		assert_false(amdvi_model_interrupt(&model, NIC, i, &seen, &vector));
	assert_true(interrupts_alloc(&unit, NIC, 1, &first));
	/* What may still be cached is not given to the next one. */
	model.illegal = 5;
	assert_false(interrupts_free(&unit, NIC, first, 1));
	model.illegal = 0;
	assert_true(interrupts_free(&unit, NIC, first, 1));
}

/* ---- events ---- */

static struct iommu_fault one_event(u64 low, u64 address) {
	struct iommu_fault fault;

	amdvi_model_event(&model, low, address);
	assert_true(amdvi_ops.next_fault(&unit, &fault));
	return fault;
}

static void events_are_decoded_into_words(void **state) {
	static const struct {
		u64 low;
		enum iommu_access access;
		const char *reason;
	} rows[] = {
		{2ull << 60 | BIT(53), FAULT_DMA_WRITE, "address is not mapped"},
		{2ull << 60, FAULT_DMA_READ, "address is not mapped"},
		{2ull << 60 | BIT(52) | BIT(53) | BIT(54), FAULT_DMA_WRITE,
		 "access is not allowed"},
		{2ull << 60 | BIT(55) | BIT(52), FAULT_DMA_READ, "reserved bit in a table entry"},
		{2ull << 60 | BIT(51), FAULT_INTERRUPT, "interrupt is not allowed"},
		/* An emulator's: I on everything, the access in the bits of guest translation. */
		{2ull << 60 | BIT(51) | BIT(48), FAULT_DMA_READ, "address is not mapped"},
		{2ull << 60 | BIT(51) | BIT(49), FAULT_DMA_WRITE, "address is not mapped"},
		{1ull << 60 | BIT(53), FAULT_DMA_WRITE, "device table entry is not valid"},
		{3ull << 60, FAULT_DMA_READ, "device table cannot be read"},
		{4ull << 60 | BIT(51), FAULT_INTERRUPT, "page table cannot be read"},
		{7ull << 60, FAULT_DMA_READ, "device did not answer an invalidation"},
		{8ull << 60, FAULT_DMA_READ, "request of a kind that is not allowed"},
		{9ull << 60, FAULT_DMA_READ, "page request is not allowed"},
		{15ull << 60, FAULT_DMA_READ, "event of an unknown kind"},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct iommu_fault fault = one_event(rows[i].low | 0x4321, 0xdeadb000 + i);

		assert_int_equal(fault.requester.segment, 3);
		assert_int_equal(fault.requester.bus, 0x43);
		assert_int_equal(fault.requester.devfn, 0x21);
		assert_int_equal(fault.access, rows[i].access);
		assert_int_equal(fault.address, 0xdeadb000 + i);
		assert_string_equal(fault.reason, rows[i].reason);
	}
	assert_string_equal(one_event(6ull << 60 | 0x4321, 0).reason,
			    "command buffer cannot be read");
	assert_int_equal(pci_requester_id(one_event(5ull << 60 | 0x4321, 0).requester), 2);
}

static void a_record_that_never_arrives_does_not_block_the_log(void **state) {
	struct iommu_fault fault;

	(void)state;
	amdvi_model_event(&model, 0, 0);
	amdvi_model_event(&model, 2ull << 60 | NIC, 0x1000);
	assert_true(amdvi_ops.next_fault(&unit, &fault));
	assert_true(amdvi_ops.next_fault(&unit, &fault));
	assert_int_equal(pci_requester_id(fault.requester), NIC);
	assert_false(amdvi_ops.next_fault(&unit, &fault));
	/* A tail that is ahead of its record does not bring the record of the round before again. */
	for (u32 i = 0; i < 256; i++)
		one_event(2ull << 60 | NIC, i);
	model.registers[0x2018 / 8] = (model.registers[0x2018 / 8] + 16) % 4096;
	assert_true(amdvi_ops.next_fault(&unit, &fault));
	assert_string_equal(fault.reason, "the unit announced a record and did not write it");
}

static void a_log_that_ran_over_says_so_and_goes_on(void **state) {
	struct iommu_fault fault;
	u32 found = 0;

	(void)state;
	for (u32 i = 0; i < 350; i++)
		one_event(2ull << 60 | NIC, i);
	for (u32 i = 0; i < 300; i++)
		amdvi_model_event(&model, 2ull << 60 | NIC, i);
	while (amdvi_ops.next_fault(&unit, &fault))
		assert_int_equal(fault.address, found++);
	assert_int_equal(found, 255);
	assert_int_equal(model.registers[STATUS / 8] & BIT(0), 0);
	assert_int_equal(one_event(2ull << 60 | NIC, 0x77).address, 0x77);
	assert_false(model.window);
}

/* ---- over all units ---- */

static u32 handled;

static void handle(void *context, const struct iommu_fault *fault) {
	assert_ptr_equal(context, &handled);
	assert_non_null(fault->reason);
	handled++;
}

static void the_machine_is_probed_started_and_drained(void **state) {
	static u8 bytes[4096];
	static struct iommu iommu;
	struct arena arena = {.base = bytes, .size = sizeof(bytes)};
	struct pci_function functions[2] = {{.address = {3, 1, 0}}, {.address = {3, 2, 8}}};
	struct inventory inventory = {.arena = &arena,
				      .units = &info,
				      .unit_count = 1,
				      .functions = functions,
				      .function_count = 2,
				      .group_count = 2};
	struct text_buffer buffer;
	char words[200];

	(void)state;
	buffer = text_buffer(words, sizeof(words));
	assert_false(iommu_probe(&iommu, &inventory, &buffer.sink));
	assert_non_null(strstr(words, "interrupts cannot be remapped"));
	inventory.interrupt_remapping = true;
	inventory.unit_count = IOMMU_UNITS_MAX + 1;
	assert_false(iommu_probe(&iommu, &inventory, &buffer.sink));
	inventory.unit_count = 1;
	buffer = text_buffer(words, sizeof(words));
	model.registers[0x30 / 8] = ~0ull;
	assert_false(iommu_probe(&iommu, &inventory, &buffer.sink));
	assert_non_null(strstr(words, "unit 0, amd-vi at 0x"));
	assert_non_null(strstr(words, ": its registers do not answer"));
	model.registers[0x30 / 8] = FEATURES_ALL;
	assert_true(iommu_probe(&iommu, &inventory, &buffer.sink));
	assert_true(iommu_pages(&iommu) >= 512 + 2 * 3);
	page_pool_init(&pool, memory, 100);
	assert_false(iommu_start(&iommu, &pool, &buffer.sink));
	assert_int_equal(model.write_count, 0);
	page_pool_init(&pool, memory, iommu_pages(&iommu));
	assert_true(iommu_start(&iommu, &pool, &buffer.sink));
	for (u32 i = 0; i < 10; i++) {
		amdvi_model_event(&model, 2ull << 60 | NIC, 0);
		amdvi_model_event(&model, 2ull << 60 | 0x7777, 0);
	}
	amdvi_model_event(&model, 2ull << 60 | DISK, 0);
	assert_int_equal(iommu_drain_faults(&iommu, handle, &handled), 21);
	assert_int_equal(handled, 21);
	assert_int_equal(iommu.function_faults[0], 10);
	assert_int_equal(iommu.function_faults[1], 1);
	assert_int_equal(iommu_drain_faults(&iommu, handle, &handled), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_unit_that_does_not_answer_is_refused, setup),
		cmocka_unit_test_setup(a_unit_without_host_tables_is_refused, setup),
		cmocka_unit_test_setup(wide_destinations_need_register_and_table, setup),
		cmocka_unit_test_setup(prepare_touches_no_register, setup),
		cmocka_unit_test_setup(every_requester_is_blocked_when_translation_goes_on, setup),
		cmocka_unit_test_setup(cold_start_writes_in_the_manuals_order, setup),
		cmocka_unit_test_setup(
			every_requester_is_invalidated_with_and_without_invalidate_all, setup),
		cmocka_unit_test_setup(translation_left_on_is_swapped_and_never_off, setup),
		cmocka_unit_test_setup(a_dead_unit_fails_to_start, setup),
		cmocka_unit_test_setup(attach_and_detach_take_effect_at_once, start_all),
		cmocka_unit_test(an_entry_is_never_seen_half_changed),
		cmocka_unit_test_setup(no_translation_of_the_old_owner_survives, start_all),
		cmocka_unit_test_setup(no_kind_of_unit_lets_anything_through_at_any_moment, setup),
		cmocka_unit_test_setup(a_change_ends_with_entry_pages_interrupts_and_a_wait,
				       start_all),
		cmocka_unit_test_setup(rights_and_sizes_of_pages_are_what_was_asked, start_all),
		cmocka_unit_test_setup(a_silenced_requester_stays_where_it_was, start_all),
		cmocka_unit_test_setup(reserved_memory_comes_and_goes_with_its_group, start_all),
		cmocka_unit_test_setup(the_command_ring_wraps, start_all),
		cmocka_unit_test_setup(a_unit_that_stops_answering_is_an_error_and_may_come_back,
				       start_all),
		cmocka_unit_test_setup(after_an_illegal_command_the_ring_is_restarted, start_all),
		cmocka_unit_test_setup(interrupts_with_entries_of_128_bits, start_all),
		cmocka_unit_test_setup(pins_of_the_ioapic, start_all),
		cmocka_unit_test_setup(interrupts_with_entries_of_32_bits, start_all),
		cmocka_unit_test_setup(interrupts_with_wide_entries_and_narrow_destinations,
				       start_all),
		cmocka_unit_test_setup(targets_that_the_unit_cannot_name_are_refused, start_all),
		cmocka_unit_test_setup(interrupts_that_are_not_allocated_cannot_be_used, start_all),
		cmocka_unit_test_setup(the_device_may_set_the_low_bits_of_an_index, start_all),
		cmocka_unit_test_setup(failures_leave_interrupts_blocked, start_all),
		cmocka_unit_test_setup(events_are_decoded_into_words, start_all),
		cmocka_unit_test_setup(a_record_that_never_arrives_does_not_block_the_log,
				       start_all),
		cmocka_unit_test_setup(a_log_that_ran_over_says_so_and_goes_on, start_all),
		cmocka_unit_test_setup(the_machine_is_probed_started_and_drained, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
