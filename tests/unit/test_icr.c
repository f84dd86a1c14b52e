/* SPDX-License-Identifier: Apache-2.0 */
/* The interrupt command register: what a guest writes reaches its own processors only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "x86.h"

#define CPUS 4

/* The machine's own local APIC: a reserved bit, or a register that it has not, would be #GP in the hypervisor. */
static u64 own[64];
static u32 own_writes;

static u64 model_msr_read(u32 index) {
	static const u64 present = BITS(3, 2) | BIT(8) | BIT(0xa) | BIT(0xd) | BITS(0x28, 0xf) |
				   BIT(0x30) | BITS(0x39, 0x32) | BIT(0x3e);

	assert_true(index >= 0x800 && index < 0x840 && present >> (index - 0x800) & 1);
	return own[index - 0x800];
}

static void model_msr_write(u32 index, u64 value) {
	static const struct {
		u32 index;
		u64 writable;
	} registers[] = {{0x808, 0xff},       {0x80b, 0},       {0x80f, 0x11ff},  {0x828, 0},
			 {0x832, 0x300ff},    {0x835, 0x1a7ff}, {0x836, 0x1a7ff}, {0x837, 0x100ff},
			 {0x838, UINT32_MAX}, {0x83e, 0xb}};
	u32 i = 0;

	while (i < ARRAY_SIZE(registers) && registers[i].index != index)
		i++;
	assert_true(i < ARRAY_SIZE(registers));
	assert_true(!(value & ~registers[i].writable));
	own[index - 0x800] = value;
	own_writes++;
}

#define msr_read model_msr_read
#define msr_write model_msr_write
#include "../../arch/x86/guest_apic.c"
#undef msr_read
#undef msr_write

static struct cpu cpus[CPUS];
static struct vcpu vcpus[CPUS];
static struct partition partition;

/* What the filter did. */
static u32 sent_to[64], sent_vector[64], sent;
static u32 requested[CPUS];

void cpu_send_vector(u32 apic_id, u8 vector) {
	assert_true(sent < ARRAY_SIZE(sent_to));
	sent_to[sent] = apic_id;
	sent_vector[sent++] = vector;
}

void vcpu_request(struct vcpu *vcpu, u32 request) {
	requested[vcpu->number] |= request;
}

static int set_up(void **state) {
	static const u32 apic_ids[CPUS] = {1, 2, 17, 300};

	(void)state;
	sent = own_writes = 0;
	memset(own, 0, sizeof(own));
	memset(requested, 0, sizeof(requested));
	partition = (struct partition){.vcpus = vcpus, .vcpu_count = CPUS};
	for (u32 i = 0; i < CPUS; i++) {
		cpus[i] = (struct cpu){.apic_id = apic_ids[i]};
		vcpus[i] = (struct vcpu){.partition = &partition,
					 .cpu = &cpus[i],
					 .number = i,
					 .mode = VCPU_RUNNING};
	}
	return 0;
}

static u64 icr(u32 destination, u32 low) {
	return (u64)destination << 32 | low;
}

static void own_processor_is_reached(void **state) {
	(void)state;
	assert_true(guest_icr_write(&vcpus[0], icr(17, 0x40fd)));
	assert_int_equal(sent, 1);
	assert_int_equal(sent_to[0], 17);
	assert_int_equal(sent_vector[0], 0xfd);
}

static void foreign_processor_is_not_reached(void **state) {
	(void)state;
	for (u32 mode = 0; mode < 8; mode++)
		assert_true(guest_icr_write(&vcpus[0], icr(3, 0x4000 | mode << 8 | 0x40)));
	assert_int_equal(sent, 0);
	for (u32 i = 0; i < CPUS; i++)
		assert_int_equal(requested[i], 0);
}

static void shorthands_stay_inside(void **state) {
	(void)state;
	guest_icr_write(&vcpus[1], icr(0, 2u << 18 | 0x4030));
	assert_int_equal(sent, 4);
	sent = 0;
	guest_icr_write(&vcpus[1], icr(0, 3u << 18 | 0x4030));
	assert_int_equal(sent, 3);
	for (u32 i = 0; i < sent; i++)
		assert_int_not_equal(sent_to[i], 2);
	sent = 0;
	guest_icr_write(&vcpus[1], icr(99, 1u << 18 | 0x4030));
	assert_int_equal(sent, 1);
	assert_int_equal(sent_to[0], 2);
}

static void logical_destinations_are_clusters(void **state) {
	(void)state;
	/* Cluster 0, processors 1, 2 and 3: the last is not ours. */
	guest_icr_write(&vcpus[0], icr(0x0000000e, 0x4800 | 0x50));
	assert_int_equal(sent, 2);
	sent = 0;
	guest_icr_write(&vcpus[0], icr(0x00010002, 0x4800 | 0x50));
	assert_int_equal(sent, 1);
	assert_int_equal(sent_to[0], 17);
}

static void lowest_priority_reaches_one(void **state) {
	(void)state;
	guest_icr_write(&vcpus[0], icr(UINT32_MAX, 0x4100 | 0x50));
	assert_int_equal(sent, 1);
}

static void init_and_startup_are_requests(void **state) {
	(void)state;
	guest_icr_write(&vcpus[0], icr(2, 0x4500));
	guest_icr_write(&vcpus[0], icr(2, 0x4699));
	assert_int_equal(requested[1], REQUEST_INIT | REQUEST_STARTUP);
	assert_int_equal(vcpus[1].startup_vector, 0x99);
	/* The de-assert that old protocols send is no INIT; the boot processor takes none. */
	guest_icr_write(&vcpus[0], icr(17, 0x8500));
	guest_icr_write(&vcpus[1], icr(1, 0x4500));
	assert_int_equal(requested[2], 0);
	assert_int_equal(requested[0], 0);
	assert_int_equal(sent, 0);
}

static void processor_that_waits_gets_no_interrupt(void **state) {
	(void)state;
	vcpus[1].mode = VCPU_WAIT_STARTUP;
	guest_icr_write(&vcpus[0], icr(2, 0x4050));
	assert_int_equal(sent, 0);
}

static void no_value_reaches_further(void **state) {
	(void)state;
	srand(11);
	for (u32 round = 0; round < 200000; round++) {
		u64 value = (u64)rand() << 33 ^ (u64)rand() << 16 ^ (u64)rand();

		if (round % 2)
			value &= 0xfffffull | (u64)(rand() % 32) << 32;
		sent = 0;
		guest_icr_write(&vcpus[round % CPUS], value);
		for (u32 i = 0; i < sent; i++) {
			u32 to = sent_to[i];

			assert_true(to == 1 || to == 2 || to == 17 || to == 300);
			assert_true(sent_vector[i] >= 16);
		}
	}
}

static u32 load(u32 cpu, u32 offset) {
	u64 value = UINT64_MAX;

	guest_apic_memory(&vcpus[cpu], offset, 4, false, &value);
	return (u32)value;
}

static void store(u32 cpu, u32 offset, u32 value) {
	guest_apic_memory(&vcpus[cpu], offset, 4, true, &(u64){value});
}

static void registers_in_memory_are_the_own_ones(void **state) {
	(void)state;
	assert_int_equal(load(2, 0x20), 17u << 24);
	own[3] = 0x50014;
	assert_int_equal(load(0, 0x30), 0x50014);
	store(0, 0x80, 0xf20);
	assert_int_equal(own[8], 0x20);
	assert_int_equal(load(0, 0x80), 0x20);
	store(0, 0xf0, UINT32_MAX);
	assert_int_equal(own[0xf], 0x1ff);
	own[0x17] = 0x1234;
	assert_int_equal(load(0, 0x170), 0x1234);
	store(0, 0xb0, 77);
	store(0, 0x280, 77);
	assert_int_equal(own_writes, 4);
	store(0, 0x320, 0x200ec);
	store(0, 0x3e0, UINT32_MAX);
	store(0, 0x380, 1000);
	assert_int_equal(load(0, 0x320), 0x200ec);
	assert_int_equal(load(0, 0x3e0), 0xb);
	own[0x39] = 600;
	assert_int_equal(load(0, 0x390), 600);
	/* sources that would strike the hypervisor */
	store(0, 0x350, 0x400);
	store(0, 0x360, 0x700);
	assert_int_equal(load(0, 0x350), 0x10000);
	assert_int_equal(load(0, 0x360), 0x10000);
	store(0, 0x330, 0x200);
	store(0, 0x340, 0x400);
	assert_int_equal(load(0, 0x330), 0x10000);
	assert_int_equal(load(0, 0x340), 0x10000);
}

static void what_is_no_register_is_nothing(void **state) {
	u64 value = 42;

	(void)state;
	for (u32 offset = 0; offset < PAGE_SIZE; offset++) {
		u32 before = own_writes;

		guest_apic_memory(&vcpus[0], offset, 4, true, &(u64){0x00010000});
		if (offset & 15 || offset > 0x3e0) {
			assert_int_equal(own_writes, before);
			value = 42;
			guest_apic_memory(&vcpus[0], offset, 4, false, &value);
			assert_int_equal(value, offset & 15 ? 42 : 0);
		} else {
			load(0, offset);
		}
	}
	for (u8 width = 1; width <= 8; width *= 2) {
		if (width == 4)
			continue;
		guest_apic_memory(&vcpus[0], 0x80, width, false, &value);
		guest_apic_memory(&vcpus[0], 0x80, width, true, &(u64){0x77});
	}
	assert_int_not_equal(own[8], 0x77);
	assert_int_equal(sent, 0);
	for (u32 i = 0; i < CPUS; i++)
		assert_int_equal(requested[i], 0);
}

static void command_in_memory(void **state) {
	(void)state;
	store(0, 0x310, 2u << 24);
	assert_int_equal(load(0, 0x310), 2u << 24);
	store(0, 0x300, 0x4031);
	assert_int_equal(load(0, 0x300), 0); /* it is on its way already */
	assert_int_equal(sent, 1);
	assert_int_equal(sent_to[0], 2);
	assert_int_equal(sent_vector[0], 0x31);
	store(0, 0x300, 0x4500);
	store(0, 0x300, 0x4612);
	assert_int_equal(requested[1], REQUEST_INIT | REQUEST_STARTUP);
	assert_int_equal(vcpus[1].startup_vector, 0x12);
	/* nobody has these: a foreign one, and one whose identifier is longer */
	store(0, 0x310, 3u << 24);
	store(0, 0x300, 0x4031);
	store(0, 0x310, 44u << 24); /* 300 & 0xff */
	store(0, 0x300, 0x4031);
	assert_int_equal(sent, 1);
	store(0, 0x310, 0xffu << 24);
	store(0, 0x300, 0x4032);
	assert_int_equal(sent, 1 + CPUS);
	/* logical: as each has said */
	sent = 0;
	store(0, 0x310, 0x0c000000);
	store(0, 0x300, 0x4833);
	assert_int_equal(sent, 0);
	store(1, 0xd0, 0x04ffffff);
	store(3, 0xd0, 0x08000000);
	assert_int_equal(load(1, 0xd0), 0x04000000);
	assert_int_equal(load(1, 0xe0), UINT32_MAX);
	store(0, 0x300, 0x4833);
	assert_int_equal(sent, 2);
	assert_int_equal(sent_to[0], 2);
	assert_int_equal(sent_to[1], 300);
}

static void identifiers_are_sets_in_x2apic_mode_only(void **state) {
	(void)state;
	for (u32 i = 0; i < CPUS; i++) {
		vcpus[i].apic_mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
		vcpus[i].apic_icr_high = 0x1000000;
		guest_apic_reset(&vcpus[i]);
		assert_int_equal(vcpus[i].apic_logical, i < 2 ? 2u << i : 0); /* 1, 2, 17, 300 */
		assert_int_equal(vcpus[i].apic_icr_high, 0);
		vcpus[i].apic_mode = APIC_BASE_ENABLE;
		guest_apic_reset(&vcpus[i]);
		assert_int_equal(vcpus[i].apic_logical, 0);
	}
}

static void no_store_reaches_further(void **state) {
	(void)state;
	srand(12);
	for (u32 round = 0; round < 200000; round++) {
		sent = 0;
		store(round % CPUS, (u32)rand() % 64 * 16, (u32)rand() << 1 ^ (u32)rand());
		for (u32 i = 0; i < sent; i++) {
			u32 to = sent_to[i];

			assert_true(to == 1 || to == 2 || to == 17 || to == 300);
			assert_true(sent_vector[i] >= 16);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(own_processor_is_reached, set_up),
		cmocka_unit_test_setup(foreign_processor_is_not_reached, set_up),
		cmocka_unit_test_setup(shorthands_stay_inside, set_up),
		cmocka_unit_test_setup(logical_destinations_are_clusters, set_up),
		cmocka_unit_test_setup(lowest_priority_reaches_one, set_up),
		cmocka_unit_test_setup(init_and_startup_are_requests, set_up),
		cmocka_unit_test_setup(processor_that_waits_gets_no_interrupt, set_up),
		cmocka_unit_test_setup(no_value_reaches_further, set_up),
		cmocka_unit_test_setup(registers_in_memory_are_the_own_ones, set_up),
		cmocka_unit_test_setup(what_is_no_register_is_nothing, set_up),
		cmocka_unit_test_setup(command_in_memory, set_up),
		cmocka_unit_test_setup(identifiers_are_sets_in_x2apic_mode_only, set_up),
		cmocka_unit_test_setup(no_store_reaches_further, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
