/* SPDX-License-Identifier: Apache-2.0 */
/* The interrupt command register: what a guest writes reaches its own processors only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../arch/x86/guest_apic.c"

#define CPUS 4

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
	sent = 0;
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
