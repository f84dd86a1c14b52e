/* SPDX-License-Identifier: Apache-2.0 */
/* What `bulkhead check --cpu` calls needed of VT-x is what the image itself refuses to do without. */
#include "../../tools/cpu_features.h"
#include "machine.h"
#include "text.h"
#include "x86.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct machine_facts facts;
static struct cpu_facts processor;

static struct cpuid model_cpuid(u32 leaf, u32 subleaf) {
	struct cpuid value;

	cpu_leaf(&processor, leaf, subleaf, &value);
	return value;
}

static u64 model_msr_read(u32 index) {
	u64 value;

	assert_int_equal(cpu_msr(&facts, &processor, index, &value), FACT_SEEN);
	return value;
}

/* The image's own sources, on this model of a processor. */
#define cpuid(leaf, subleaf) model_cpuid(leaf, subleaf)
#define msr_read(index) model_msr_read(index)
#include "../../arch/x86/vmx/controls.c"
#include "../../arch/x86/vmx/vmx.c"
#undef cpuid

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

static jmp_buf after_panic;
static const char *panicked;

_Noreturn void panic(const char *format, ...) {
	panicked = format;
	longjmp(after_panic, 1);
}

/* Not for speed, and not where VT-x has it: the image does not look for these. */
static bool is_unused(const struct cpu_feature *f) {
	return f->place == PLACE_CONTROLS && f->subleaf;
}

static u64 capabilities(enum vmx_set set, u32 forced, const struct cpu_feature *without) {
	u64 may = 0xffffffff;

	if (without && without->place == PLACE_CONTROLS && without->index == set)
		may &= ~BIT(without->bit);
	return may << 32 | forced;
}

/* A processor of Intel that can do everything, but for one feature when there is one. */
static void make_intel(const struct cpu_feature *without) {
	bool locked = without && !strcmp(without->name, "vmx-enabled");
	u32 too_much = without && !strcmp(without->name, "vmx-forces-nothing") ? 1 : 0;
	u32 leaf1 = 0xffffffff;
	u64 ept = UINT64_MAX;

	if (without && !strcmp(without->name, "vmx"))
		leaf1 &= ~(u32)CPUID_VMX;
	if (without && without->place == PLACE_MSR)
		ept &= ~BIT(without->bit);
	cpu_facts_add_leaf(&processor, 0, 0,
			   (struct cpuid){0xd, 0x756e6547, 0x6c65746e, 0x49656e69});
	cpu_facts_add_leaf(&processor, 1, 0, (struct cpuid){0, 0, leaf1, 0});
	cpu_facts_add_msr(&processor, MSR_FEATURE_CONTROL, locked ? 1 : 5, false);
	cpu_facts_add_msr(&processor, MSR_VMX_BASIC, BIT(55), false);
	for (u32 set = 0; set < VMX_SECONDARY; set++)
		cpu_facts_add_msr(&processor, MSR_VMX_TRUE_PIN + set,
				  capabilities((enum vmx_set)set,
					       reserved[set] | (set ? 0 : too_much), without),
				  false);
	cpu_facts_add_msr(&processor, MSR_VMX_SECONDARY, capabilities(VMX_SECONDARY, 0, without),
			  false);
	cpu_facts_add_msr(&processor, MSR_VMX_EPT, ept, false);
}

static void forget(void) {
	free(processor.cpuid);
	free(processor.msrs);
	processor = (struct cpu_facts){0};
}

static bool image_takes_it(void) {
	struct text_buffer reason = TEXT_BUFFER(1024);

	return vmx_check(&reason.sink);
}

static void test_features(void **state) {
	u32 refused = 0;

	(void)state;
	make_intel(NULL);
	assert_true(image_takes_it());
	forget();
	for (u32 i = 0; i < cpu_feature_count; i++) {
		const struct cpu_feature *f = &cpu_features[i];

		if (f->maker != MAKER_INTEL)
			continue;
		make_intel(f);
		if (cpu_feature_find(f, &facts, &processor) != ANSWER_NO)
			fail_msg("%s is not found to be missing", f->name);
		if (image_takes_it() != (f->need != NEED_ALWAYS))
			fail_msg("%s: the image and the list do not agree", f->name);
		refused += f->need == NEED_ALWAYS;
		forget();
	}
	assert_in_range(refused, 20, 30);
}

/* Nothing that the image wishes for is left out, and it is wished for as much. */
static void test_controls(void **state) {
	u32 used = 0;

	(void)state;
	for (u32 w = 0; w < ARRAY_SIZE(wishes); w++) {
		const struct cpu_feature *found = NULL;

		for (u32 i = 0; i < cpu_feature_count; i++) {
			const struct cpu_feature *f = &cpu_features[i];

			if (f->place == PLACE_CONTROLS && f->index == (u32)wishes[w].set &&
			    f->bit == wishes[w].bit)
				found = f;
		}
		if (!found || is_unused(found) ||
		    (wishes[w].need == NEEDED) != (found->need == NEED_ALWAYS))
			fail_msg("%s: the image and the list do not agree", wishes[w].name);
	}
	for (u32 i = 0; i < cpu_feature_count; i++)
		used += cpu_features[i].place == PLACE_CONTROLS && !is_unused(&cpu_features[i]);
	assert_int_equal(used, ARRAY_SIZE(wishes));
}

/* Which processors survive large pages of code in a guest's hand, and what is said of the others. */
static void test_large_pages(void **state) {
	static const struct {
		u32 id; /* 1 EAX: family and model */
		u32 features; /* 7 EDX */
		u64 capabilities;
		bool safe;
	} cases[] = {
		{0x306c3, 0, 0, false}, /* a Haswell, which has no such register */
		{0x50654, BIT(29), 0, false}, /* a Skylake */
		{0x50657, BIT(29), BIT(6), true}, /* a Cascade Lake that says so */
		{0x506f1, 0, 0, true}, /* a Goldmont */
		{0x706f1, 0, 0, false}, /* model 0x7f: none of those */
		{0x1506c9, 0, 0, false}, /* another family */
		{0xf5c, 0, 0, false},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct text_buffer reason = TEXT_BUFFER(512);

		/* The first of two counts. */
		cpu_facts_add_leaf(&processor, 1, 0, (struct cpuid){cases[i].id, 0, UINT32_MAX, 0});
		cpu_facts_add_leaf(&processor, 7, 0, (struct cpuid){0, 0, 0, cases[i].features});
		cpu_facts_add_msr(&processor, MSR_ARCH_CAPABILITIES, cases[i].capabilities, false);
		make_intel(NULL);
		assert_true(vmx_check(&reason.sink));
		assert_int_equal(vmx_ops.nested_format->small_code, !cases[i].safe);
		assert_int_equal(strstr(reason.data, "pages of 4 KiB") != NULL, !cases[i].safe);
		forget();
	}
}

static const char *enabled_after(bool boot_is_safe, bool this_is_safe, bool this_has_1g) {
	static const struct cpu cpu = {.index = 1};
	u64 ept = UINT64_MAX & ~(this_has_1g ? 0 : EPT_PAGE_1G);

	ept_format.small_code = !boot_is_safe;
	cpu_facts_add_leaf(&processor, 1, 0, (struct cpuid){0x50657, 0, UINT32_MAX, 0});
	cpu_facts_add_leaf(&processor, 7, 0, (struct cpuid){0, 0, 0, BIT(29)});
	cpu_facts_add_msr(&processor, MSR_ARCH_CAPABILITIES, this_is_safe ? PSCHANGE_MC_NO : 0,
			  false);
	cpu_facts_add_msr(&processor, MSR_VMX_EPT, ept, false);
	panicked = NULL;
	if (!setjmp(after_panic))
		check_tables(&cpu);
	forget();
	return panicked ? panicked : "";
}

/* Each processor is looked at when it is switched on: guests' tables are the same on all. */
static void test_processors_that_differ(void **state) {
	(void)state;
	assert_string_equal(enabled_after(true, true, true), "");
	assert_string_equal(enabled_after(false, false, true), "");
	assert_string_equal(enabled_after(false, true, true), "");
	assert_non_null(strstr(enabled_after(true, false, true), "large pages can stop it"));
	assert_non_null(strstr(enabled_after(true, true, false), "other page sizes"));
	assert_string_equal(enabled_after(true, true, true), "");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_features), cmocka_unit_test(test_large_pages),
		cmocka_unit_test(test_processors_that_differ), cmocka_unit_test(test_controls)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
