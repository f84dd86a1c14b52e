/* SPDX-License-Identifier: Apache-2.0 */
/* What `bulkhead check --cpu` calls needed is what the image itself refuses to do without. */
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

/* The image's own source, on this model of a processor. */
#define cpuid(leaf, subleaf) model_cpuid(leaf, subleaf)
#define msr_read(index) model_msr_read(index)
#include "../../arch/x86/svm/svm.c"
#undef cpuid

const struct table_format x86_format;

bool svm_create(struct vcpu *vcpu, struct page_pool *pool, u64 nested_root) {
	(void)vcpu;
	(void)pool;
	(void)nested_root;
	return false;
}

void svm_set_state(struct vcpu *vcpu) {
	(void)vcpu;
}

void svm_load_state(struct vcpu *vcpu) {
	(void)vcpu;
}

u64 guest_efer(void) {
	return 0;
}

void svm_run(struct vcpu *vcpu, struct vcpu_exit *exit) {
	(void)vcpu;
	(void)exit;
}

#define ALL 0xffffffffu

/* A processor of AMD with every bit of every leaf, and without FEATURE when there is one. */
static void make_amd(const struct cpu_feature *feature) {
	static const u32 leaves[] = {0x1, 0x7, 0x80000001, 0x80000007, 0x8000000a};
	bool disabled = feature && !strcmp(feature->name, "svm-enabled");

	cpu_facts_add_leaf(&processor, 0, 0,
			   (struct cpuid){0xd, 0x68747541, 0x444d4163, 0x69746e65});
	cpu_facts_add_leaf(&processor, 0x80000000, 0, (struct cpuid){0x80000020, 0, 0, 0});
	for (u32 i = 0; i < ARRAY_SIZE(leaves); i++) {
		struct cpuid value = {ALL, ALL, ALL, ALL};

		if (feature && feature->place <= PLACE_EDX && feature->index == leaves[i])
			(&value.eax)[feature->place] &= ~(u32)BIT(feature->bit);
		cpu_facts_add_leaf(&processor, leaves[i], 0, value);
	}
	cpu_facts_add_msr(&processor, MSR_VM_CR, disabled ? VM_CR_SVMDIS : 0, false);
}

static void forget(void) {
	free(processor.cpuid);
	free(processor.msrs);
	processor = (struct cpu_facts){0};
}

static bool image_takes_it(void) {
	struct text_buffer reason = TEXT_BUFFER(256);
	bool good = svm_check(&reason.sink);

	return good;
}

static void test_amd(void **state) {
	u32 refused = 0;

	(void)state;
	make_amd(NULL);
	assert_true(image_takes_it());
	for (u32 i = 0; i < cpu_feature_count; i++)
		if (cpu_features[i].maker == MAKER_AMD)
			assert_int_equal(cpu_feature_find(&cpu_features[i], &facts, &processor),
					 ANSWER_YES);
	forget();
	for (u32 i = 0; i < cpu_feature_count; i++) {
		const struct cpu_feature *f = &cpu_features[i];
		bool missing;

		/* One that the model cannot lack: asids, which every processor with SVM has. */
		if (f->maker != MAKER_AMD || !strcmp(f->name, "asids"))
			continue;
		make_amd(f);
		missing = cpu_feature_find(f, &facts, &processor) == ANSWER_NO;
		assert_true(missing);
		if (image_takes_it() != (f->need != NEED_ALWAYS))
			fail_msg("%s: the image and the list do not agree", f->name);
		refused += f->need == NEED_ALWAYS;
		forget();
	}
	assert_int_equal(refused, 3);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_amd)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
