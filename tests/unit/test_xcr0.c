/* SPDX-License-Identifier: Apache-2.0 */
/* XSETBV of a guest on processors that no emulator here has: AVX-512, MPX, protection keys, AMX. And modes of the local APIC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "x86.h"

#define LEAF_EXTENDED_STATE 0xd

/* The processor: what its leaf offers, and what XCR0 is. */
static u64 components, xcr0;
static u32 drained, resets;

static struct cpuid model_cpuid(u32 leaf, u32 subleaf) {
	assert_int_equal(leaf, LEAF_EXTENDED_STATE);
	assert_int_equal(subleaf, 0);
	return (struct cpuid){.eax = (u32)components, .edx = (u32)(components >> 32)};
}

static void model_xcr0_write(u64 value) {
	xcr0 = value;
}

static u64 model_msr_read(u32 index) {
	assert_int_equal(index, MSR_APIC_BASE);
	return 0xfee00000 | BIT(11) | BIT(10);
}

#define cpuid model_cpuid
#define msr_read model_msr_read
#define xcr0_write model_xcr0_write
#include "../../arch/x86/guest_msr.c"
#undef cpuid
#undef msr_read
#undef xcr0_write

struct boot_info boot;

bool guest_apic_write(struct vcpu *vcpu, u32 index, u64 value) {
	(void)vcpu;
	fail_msg("0x%lx into register 0x%x of the local APIC", value, index);
	return false;
}

void guest_apic_reset(struct vcpu *of) {
	(void)of;
	resets++;
}

void cpu_drain_apic(void) {
	drained++;
}

bool guest_clock_write_msr(struct vcpu *vcpu, u32 index, u64 value) {
	(void)vcpu;
	fail_msg("0x%lx into register 0x%x of the clock", value, index);
	return false;
}

static void load_state(struct vcpu *vcpu) {
	(void)vcpu;
}

static const struct vcpu_ops ops = {.load_state = load_state};
static struct vcpu vcpu;

static int fresh(void **state) {
	(void)state;
	boot.vcpu_ops = &ops;
	vcpu = (struct vcpu){.state.cr4 = CR4_OSXSAVE};
	xcr0 = 1;
	return 0;
}

#define X87 BIT(0)
#define SSE BIT(1)
#define AVX BIT(2)
#define BOUNDS BITS(4, 3)
#define AVX512 BITS(7, 5)
#define PROCESSOR_TRACE BIT(8)
#define KEYS BIT(9)
#define AMX BITS(18, 17)

/* What a processor of its own would take, of the state that guests are offered. */
static bool is_right(u64 value) {
	u64 parts[] = {BOUNDS, AVX512};
	bool right = value & X87 && !(value & ~(components & BITS(7, 0)));

	for (u32 i = 0; i < ARRAY_SIZE(parts); i++)
		right &= !(value & parts[i]) || (value & parts[i]) == parts[i];
	return right && (!(value & AVX) || value & SSE) && (!(value & AVX512) || value & AVX);
}

static void expect(u64 value, bool taken) {
	u64 before = xcr0;

	assert_int_equal(guest_xsetbv(&vcpu, 0, value), taken);
	assert_int_equal(xcr0, taken ? value : before);
}

static void test_every_value_on_every_kind_of_processor(void **state) {
	static const u64 kinds[] = {
		X87,
		X87 | SSE,
		X87 | SSE | AVX,
		X87 | SSE | AVX | KEYS,
		X87 | SSE | AVX | BOUNDS,
		X87 | SSE | AVX | AVX512 | KEYS,
		X87 | SSE | AVX | BOUNDS | AVX512 | PROCESSOR_TRACE | KEYS | AMX,
	};

	(void)state;
	for (u32 kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		components = kinds[kind];
		for (u64 value = 0; value < BIT(20); value++)
			expect(value, is_right(value));
		for (u32 bit = 20; bit < 64; bit++)
			expect(X87 | BIT(bit), false);
	}
}

static void test_avx512_comes_whole_or_not_at_all(void **state) {
	(void)state;
	components = X87 | SSE | AVX | AVX512 | KEYS;
	expect(X87 | SSE | AVX, true);
	expect(X87 | SSE | AVX | AVX512, true);
	expect(X87 | SSE | AVX | BIT(5), false);
	expect(X87 | SSE | AVX | BITS(6, 5), false);
	expect(X87 | SSE | AVX512, false);
	expect(X87 | AVX512, false);
	expect(X87 | SSE | AVX | AVX512 | KEYS, false); /* not offered to guests */
	components = X87 | SSE | AVX;
	expect(X87 | SSE | AVX | AVX512, false);
	assert_int_equal(xcr0, X87 | SSE | AVX | AVX512);
}

static void test_only_the_kernel_may_and_only_register_0(void **state) {
	(void)state;
	components = X87 | SSE | AVX;
	assert_false(guest_xsetbv(&vcpu, 1, X87 | SSE));
	assert_false(guest_xsetbv(&vcpu, UINT32_MAX, X87 | SSE));
	vcpu.state.segments[SEG_SS].attributes = SEGMENT_DPL;
	expect(X87 | SSE, false);
	vcpu.state.segments[SEG_SS].attributes = 0;
	vcpu.state.cr4 = 0;
	expect(X87 | SSE, false);
	assert_int_equal(xcr0, 1);
}

/* Intel SDM volume 3, figure 11-30: from each mode to each. */
static void test_modes_of_the_local_apic(void **state) {
	enum { OFF, MEMORY, NONE_SUCH, X2APIC };
	static const bool follows[4][4] = {
		[OFF] = {[OFF] = true, [MEMORY] = true},
		[MEMORY] = {[OFF] = true, [MEMORY] = true, [X2APIC] = true},
		[X2APIC] = {[OFF] = true, [X2APIC] = true},
	};
	static const u64 bits[4] = {0, BIT(11), BIT(10), BIT(11) | BIT(10)};
	struct cpu cpu = {.apic_id = 5};
	u64 value;

	(void)state;
	for (vcpu.number = 0; vcpu.number < 2; vcpu.number++) {
		u64 base = 0xfee00000 | (vcpu.number ? 0 : BIT(8));

		vcpu.cpu = &cpu;
		resets = 0;
		guest_msr_reset(&vcpu);
		assert_true(guest_msr_read(&vcpu, MSR_APIC_BASE, &value));
		assert_int_equal(value, base | bits[X2APIC]);
		assert_int_equal(resets, 1);
		for (u32 from = 0; from < 4; from++)
			for (u32 to = 0; to < 4 && from != NONE_SUCH; to++) {
				vcpu.apic_mode = bits[from];
				drained = resets = 0;
				assert_int_equal(
					guest_msr_write(&vcpu, MSR_APIC_BASE, base | bits[to]),
					follows[from][to]);
				assert_int_equal(vcpu.apic_mode,
						 bits[follows[from][to] ? to : from]);
				assert_int_equal(drained, to == OFF && from != OFF);
				assert_int_equal(resets, follows[from][to] && from != to);
			}
		vcpu.apic_mode = bits[X2APIC];
		for (u32 bit = 0; bit < 64; bit++)
			assert_int_equal(guest_msr_write(&vcpu, MSR_APIC_BASE,
							 (base | bits[X2APIC]) ^ BIT(bit)),
					 false);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_value_on_every_kind_of_processor, fresh),
		cmocka_unit_test_setup(test_avx512_comes_whole_or_not_at_all, fresh),
		cmocka_unit_test_setup(test_only_the_kernel_may_and_only_register_0, fresh),
		cmocka_unit_test_setup(test_modes_of_the_local_apic, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
