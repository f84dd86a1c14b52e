/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of others to a virtual processor, at whatever moment they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "machine.h"

/* What comes from another processor just behind one of this one's looks at its requests. */
static u32 coming, looks_before;

static u32 look(volatile u32 *requests, u32 kept) {
	u32 found = *requests;

	*requests &= kept;
	if (!looks_before--)
		*requests |= coming;
	return found;
}

#define __atomic_fetch_and(requests, kept, order) look(requests, kept)
#include "../../vmm/run.c"

struct boot_info boot;
static struct cpu processor;
static struct partition partition;
static struct vcpu vcpu;
static u32 started, entered;

void cpu_wake(struct cpu *cpu) {
	(void)cpu;
}

/* Nobody would wake it any more. */
void cpu_idle(struct cpu *cpu) {
	(void)cpu;
	assert_int_not_equal(vcpu.requests, 0);
}

void guest_apic_reset(struct vcpu *of) {
	(void)of;
}

void cpu_drain_apic(void) {
}

void vcpu_startup_state(struct vcpu_state *state, u8 vector) {
	state->rip = vector;
	started++;
}

static void set_state(struct vcpu *v) {
	(void)v;
}

/* Ends when it has been entered anew. */
static void run_guest(struct vcpu *v, struct vcpu_exit *exit) {
	*exit = (struct vcpu_exit){.reason = EXIT_NONE};
	if (v->requests)
		return;
	entered++;
	v->requests |= started ? REQUEST_STOP : 0;
}

void vcpu_inject(struct vcpu *v, u8 vector, bool has_error, u32 error) {
	(void)v;
	(void)vector;
	(void)has_error;
	(void)error;
}

bool guest_port_access(struct vcpu *v, const struct vcpu_exit *exit) {
	(void)v;
	(void)exit;
	return true;
}

void guest_memory_fault(struct vcpu *v, const struct vcpu_exit *exit) {
	(void)v;
	(void)exit;
}

void guest_cpuid(struct vcpu *v) {
	(void)v;
}

bool guest_xsetbv(struct vcpu *v, u32 index, u64 value) {
	(void)v;
	(void)index;
	(void)value;
	return true;
}

bool guest_msr_read(struct vcpu *v, u32 index, u64 *value) {
	(void)v;
	(void)index;
	*value = 0;
	return true;
}

bool guest_msr_write(struct vcpu *v, u32 index, u64 value) {
	(void)v;
	(void)index;
	(void)value;
	return true;
}

bool partition_fail(struct partition *p, const char *format, ...) {
	(void)p;
	fail_msg("%s", format);
	return false;
}

void faults_poll(void) {
}

void faults_event(void) {
}

/* INIT and start-up come together, between any two looks: the processor is started. */
static void test_startup_behind_init_is_not_lost(void **state) {
	static const struct vcpu_ops ops = {
		.run = run_guest, .set_state = set_state, .flush = set_state};

	(void)state;
	boot.vcpu_ops = &ops;
	for (u32 moment = 0; moment < 8; moment++) {
		vcpu = (struct vcpu){.partition = &partition,
				     .cpu = &processor,
				     .mode = VCPU_RUNNING,
				     .startup_vector = 0x55};
		started = entered = 0;
		coming = REQUEST_INIT | REQUEST_STARTUP;
		looks_before = moment;
		vcpu_loop(&vcpu);
		assert_int_equal(started, 1);
		assert_int_equal(vcpu.state.rip, 0x55);
		assert_true(entered);
		assert_true(vcpu.requests & REQUEST_STOP);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_startup_behind_init_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
