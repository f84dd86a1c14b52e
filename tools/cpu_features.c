/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu_features.h"
#include "text.h"
#include <string.h>

#define FEATURE_CONTROL 0x3a
#define FEATURE_LOCKED BIT(0)
#define FEATURE_VMX BIT(2) /* outside SMX */
#define VMX_BASIC 0x480
#define VMX_PIN_CAPABILITIES 0x481
#define VMX_SECONDARY_CAPABILITIES 0x48b
#define VMX_EPT_CAPABILITIES 0x48c
#define VMX_TRUE_CAPABILITIES 0x48d
#define VMX_BASIC_TRUE BIT(55)
#define VM_CR 0xc0010114
#define VM_CR_SVMDIS BIT(4)
#define SVM_LEAF 0x8000000a
#define ASIDS_LEAST 2

#define ADVICE_VMX                                                                                        \
	"switch on \"Intel Virtualization Technology\" (also: VT-x, VMX, Vanderpool, Virtualization) in " \
	"the firmware's setup, then switch the machine off and on"
#define ADVICE_SVM                                                                                             \
	"switch on \"SVM Mode\" (also: SVM, AMD-V, Secure Virtual Machine, Virtualization) in the firmware's " \
	"setup, then switch the machine off and on"
#define ADVICE_X2APIC                                                                                            \
	"switch on \"x2APIC\" (also: Local APIC Mode, Extended APIC; \"X2APIC Opt Out\" off) in the firmware's " \
	"setup; Intel has it from 2011 on (Sandy Bridge), AMD from 2019 on (Zen 2), where boards often leave it off"
#define ADVICE_NX                                                                                                \
	"switch on \"Execute Disable Bit\" (also: XD, NX Mode, No-Execute Memory Protection) in the firmware's " \
	"setup"
#define ADVICE_OLD "no setting brings it: this processor is too old, or a hypervisor below hides it"

/* Sections 25.6 to 25.8 and A.3 of Intel's SDM, volume 3: reserved bits of the controls that are 1 everywhere. */
static const u32 reserved[VMX_SETS] = {0x16, 0x04006172, 0x36dfb, 0x11fb, 0};

static enum fact controls_of(const struct machine_facts *facts, const struct cpu_facts *cpu,
			     enum vmx_set set, u64 *value) {
	u64 basic;

	if (set == VMX_SECONDARY)
		return cpu_msr(facts, cpu, VMX_SECONDARY_CAPABILITIES, value);
	if (cpu_msr(facts, cpu, VMX_BASIC, &basic) == FACT_UNSEEN)
		return FACT_UNSEEN;
	return cpu_msr(facts, cpu,
		       (basic & VMX_BASIC_TRUE ? VMX_TRUE_CAPABILITIES : VMX_PIN_CAPABILITIES) +
			       set,
		       value);
}

/* Unlocked is fine: the image sets it and locks it. */
static enum cpu_answer vmx_is_enabled(const struct machine_facts *facts,
				      const struct cpu_facts *cpu) {
	u64 value;

	/* Linux shows VMX flags only where it could switch VMX on. */
	if (cpu_msr(facts, cpu, FEATURE_CONTROL, &value) == FACT_UNSEEN)
		return *facts->vmx_words ? ANSWER_YES : ANSWER_UNKNOWN;
	return (value & (FEATURE_LOCKED | FEATURE_VMX)) == FEATURE_LOCKED ? ANSWER_NO : ANSWER_YES;
}

static enum cpu_answer vmx_forces_nothing(const struct machine_facts *facts,
					  const struct cpu_facts *cpu) {
	for (u32 set = 0; set < VMX_SETS; set++) {
		u32 wanted = reserved[set];
		u64 value;

		switch (controls_of(facts, cpu, (enum vmx_set)set, &value)) {
		case FACT_UNSEEN: return ANSWER_UNKNOWN;
		case FACT_ABSENT: continue;
		case FACT_SEEN: break;
		}
		for (u32 i = 0; i < cpu_feature_count; i++) {
			const struct cpu_feature *f = &cpu_features[i];

			if (f->place == PLACE_CONTROLS && f->index == set && !f->subleaf)
				wanted |= (u32)BIT(f->bit);
		}
		if ((u32)value & ~wanted)
			return ANSWER_NO;
	}
	return ANSWER_YES;
}

static enum cpu_answer svm_is_enabled(const struct machine_facts *facts,
				      const struct cpu_facts *cpu) {
	u64 value;

	if (cpu_msr(facts, cpu, VM_CR, &value) == FACT_UNSEEN)
		return ANSWER_UNKNOWN;
	return value & VM_CR_SVMDIS ? ANSWER_NO : ANSWER_YES;
}

static enum cpu_answer svm_has_asids(const struct machine_facts *facts,
				     const struct cpu_facts *cpu) {
	struct cpuid id;

	(void)facts;
	if (cpu_leaf(cpu, SVM_LEAF, 0, &id) == FACT_UNSEEN)
		return ANSWER_UNKNOWN;
	return id.ebx >= ASIDS_LEAST ? ANSWER_YES : ANSWER_NO;
}

#define CPUID_BIT(register, leaf, bit) PLACE_##register, leaf, 0, bit
#define CONTROL(set, bit) PLACE_CONTROLS, VMX_##set, 0, bit
#define UNUSED_CONTROL(set, bit) PLACE_CONTROLS, VMX_##set, 1, bit /* the image leaves it off */
#define EPT_BIT(bit) PLACE_MSR, VMX_EPT_CAPABILITIES, 0, bit
#define RULE PLACE_RULE, 0, 0, 0

/* The first of a maker is the one without which all others of that maker mean nothing. */
const struct cpu_feature cpu_features[] = {
	{"x2apic", MAKER_ANY, NEED_ALWAYS, CPUID_BIT(ECX, 1, 21),
	 "interrupts end and timers run without exits", NULL, ADVICE_X2APIC, NULL},
	{"no-execute", MAKER_ANY, NEED_ALWAYS, CPUID_BIT(EDX, 0x80000001, 20),
	 "data that cannot be run as code", NULL, ADVICE_NX, NULL},
	{"invariant-tsc", MAKER_ANY, NEED_BETTER, CPUID_BIT(EDX, 0x80000007, 8),
	 "a time stamp counter that never changes its rate: without it the guests' clocks drift",
	 NULL, ADVICE_OLD, NULL},
	{"pages-1g", MAKER_ANY, NEED_BETTER, CPUID_BIT(EDX, 0x80000001, 26),
	 "larger pages: fewer misses in address translation", NULL, ADVICE_OLD, NULL},
	{"xsave", MAKER_ANY, NEED_BETTER, CPUID_BIT(ECX, 1, 26), "guests may use AVX", NULL,
	 ADVICE_OLD, NULL},
	{"xsaves", MAKER_ANY, NEED_BETTER, PLACE_EAX, 0xd, 1, 3, "supervisor state in XSAVE areas",
	 NULL, ADVICE_OLD, NULL},

	{"vmx", MAKER_INTEL, NEED_ALWAYS, CPUID_BIT(ECX, 1, 5), "VT-x", NULL, ADVICE_VMX, NULL},
	{"vmx-enabled", MAKER_INTEL, NEED_ALWAYS, RULE,
	 "firmware has not locked VT-x off (IA32_FEATURE_CONTROL)", NULL, ADVICE_VMX,
	 vmx_is_enabled},
	{"nmi-exiting", MAKER_INTEL, NEED_ALWAYS, CONTROL(PIN, 3),
	 "how the hypervisor calls a processor back", NULL, ADVICE_OLD, NULL},
	{"virtual-nmis", MAKER_INTEL, NEED_BETTER, UNUSED_CONTROL(PIN, 5),
	 "Bulkhead does not use it yet", "vnmi", NULL, NULL},
	{"preemption-timer", MAKER_INTEL, NEED_BETTER, UNUSED_CONTROL(PIN, 6),
	 "Bulkhead does not use it yet", "preemption_timer", NULL, NULL},
	{"mwait-exiting", MAKER_INTEL, NEED_BETTER, CONTROL(PROCESSOR, 10),
	 "MWAIT is refused to guests", NULL, ADVICE_OLD, NULL},
	{"rdpmc-exiting", MAKER_INTEL, NEED_ALWAYS, CONTROL(PROCESSOR, 11),
	 "RDPMC is refused to guests", NULL, ADVICE_OLD, NULL},
	{"io-bitmaps", MAKER_INTEL, NEED_ALWAYS, CONTROL(PROCESSOR, 25),
	 "no ports but those of own devices reach the machine", NULL, ADVICE_OLD, NULL},
	{"msr-bitmaps", MAKER_INTEL, NEED_ALWAYS, CONTROL(PROCESSOR, 28),
	 "registers pass without exits", NULL, ADVICE_OLD, NULL},
	{"monitor-exiting", MAKER_INTEL, NEED_BETTER, CONTROL(PROCESSOR, 29),
	 "MONITOR is refused to guests", NULL, ADVICE_OLD, NULL},
	{"secondary-controls", MAKER_INTEL, NEED_ALWAYS, CONTROL(PROCESSOR, 31),
	 "the switches of what follows", NULL, ADVICE_OLD, NULL},
	{"ept", MAKER_INTEL, NEED_ALWAYS, CONTROL(SECONDARY, 1), "nested paging", "ept", ADVICE_OLD,
	 NULL},
	{"rdtscp", MAKER_INTEL, NEED_BETTER, CONTROL(SECONDARY, 3), "RDTSCP for guests", NULL,
	 ADVICE_OLD, NULL},
	{"vpid", MAKER_INTEL, NEED_BETTER, CONTROL(SECONDARY, 5), "exits keep cached translations",
	 "vpid", ADVICE_OLD, NULL},
	{"unrestricted-guest", MAKER_INTEL, NEED_ALWAYS, CONTROL(SECONDARY, 7),
	 "guests start in real mode", "unrestricted_guest", ADVICE_OLD, NULL},
	{"invpcid", MAKER_INTEL, NEED_BETTER, CONTROL(SECONDARY, 12), "INVPCID for guests", NULL,
	 ADVICE_OLD, NULL},
	{"encls-exiting", MAKER_INTEL, NEED_BETTER, CONTROL(SECONDARY, 15),
	 "enclaves kept from guests", NULL, ADVICE_OLD, NULL},
	{"vmx-xsaves", MAKER_INTEL, NEED_BETTER, CONTROL(SECONDARY, 20), "XSAVES for guests", NULL,
	 ADVICE_OLD, NULL},
	{"enclv-exiting", MAKER_INTEL, NEED_BETTER, CONTROL(SECONDARY, 28),
	 "enclaves' pages kept from guests", NULL, ADVICE_OLD, NULL},
	{"save-debug-controls", MAKER_INTEL, NEED_ALWAYS, CONTROL(EXIT, 2), "DR7 on exits", NULL,
	 ADVICE_OLD, NULL},
	{"host-64-bit", MAKER_INTEL, NEED_ALWAYS, CONTROL(EXIT, 9), "a 64-bit hypervisor", NULL,
	 ADVICE_OLD, NULL},
	{"save-pat", MAKER_INTEL, NEED_ALWAYS, CONTROL(EXIT, 18), "IA32_PAT on exits", NULL,
	 ADVICE_OLD, NULL},
	{"load-pat-on-exits", MAKER_INTEL, NEED_ALWAYS, CONTROL(EXIT, 19), "IA32_PAT on exits",
	 NULL, ADVICE_OLD, NULL},
	{"save-efer", MAKER_INTEL, NEED_ALWAYS, CONTROL(EXIT, 20), "IA32_EFER on exits", NULL,
	 ADVICE_OLD, NULL},
	{"load-efer-on-exits", MAKER_INTEL, NEED_ALWAYS, CONTROL(EXIT, 21), "IA32_EFER on exits",
	 NULL, ADVICE_OLD, NULL},
	{"load-debug-controls", MAKER_INTEL, NEED_ALWAYS, CONTROL(ENTRY, 2), "DR7 on entries", NULL,
	 ADVICE_OLD, NULL},
	{"load-pat-on-entries", MAKER_INTEL, NEED_ALWAYS, CONTROL(ENTRY, 14), "IA32_PAT on entries",
	 NULL, ADVICE_OLD, NULL},
	{"load-efer-on-entries", MAKER_INTEL, NEED_ALWAYS, CONTROL(ENTRY, 15),
	 "IA32_EFER on entries", NULL, ADVICE_OLD, NULL},
	{"vmx-forces-nothing", MAKER_INTEL, NEED_ALWAYS, RULE,
	 "every control that Bulkhead leaves off can be off", NULL, ADVICE_OLD, vmx_forces_nothing},
	{"ept-4-levels", MAKER_INTEL, NEED_ALWAYS, EPT_BIT(6), "tables of four levels", NULL,
	 ADVICE_OLD, NULL},
	{"ept-write-back", MAKER_INTEL, NEED_ALWAYS, EPT_BIT(14), "tables in cached memory", NULL,
	 ADVICE_OLD, NULL},
	{"ept-pages-2m", MAKER_INTEL, NEED_BETTER, EPT_BIT(16),
	 "larger pages: fewer misses in address translation", NULL, ADVICE_OLD, NULL},
	{"ept-pages-1g", MAKER_INTEL, NEED_BETTER, EPT_BIT(17), "larger pages still", "ept_1gb",
	 ADVICE_OLD, NULL},
	{"invept", MAKER_INTEL, NEED_ALWAYS, EPT_BIT(20), "cached translations can be dropped",
	 NULL, ADVICE_OLD, NULL},
	{"invept-all", MAKER_INTEL, NEED_ALWAYS, EPT_BIT(26), "and those of all tables at once",
	 NULL, ADVICE_OLD, NULL},
	{"invvpid", MAKER_INTEL, NEED_BETTER, EPT_BIT(32), "Bulkhead does not use it yet",
	 "invvpid", NULL, NULL},

	{"svm", MAKER_AMD, NEED_ALWAYS, CPUID_BIT(ECX, 0x80000001, 2), "AMD-V", NULL, ADVICE_SVM,
	 NULL},
	{"svm-enabled", MAKER_AMD, NEED_ALWAYS, RULE,
	 "firmware has not disabled SVM (VM_CR.SVMDIS)", NULL, ADVICE_SVM, svm_is_enabled},
	{"nested-paging", MAKER_AMD, NEED_ALWAYS, CPUID_BIT(EDX, SVM_LEAF, 0),
	 "memory without exits", NULL, ADVICE_OLD, NULL},
	{"asids", MAKER_AMD, NEED_ALWAYS, RULE, "one for guests beside the host's", NULL,
	 ADVICE_OLD, svm_has_asids},
	{"nrip-save", MAKER_AMD, NEED_BETTER, CPUID_BIT(EDX, SVM_LEAF, 3),
	 "without it each exit looks up an "
	 "instruction's length",
	 NULL, ADVICE_OLD, NULL},
	{"decode-assists", MAKER_AMD, NEED_BETTER, CPUID_BIT(EDX, SVM_LEAF, 7),
	 "Bulkhead does not use it yet", NULL, NULL, NULL},
	{"flush-by-asid", MAKER_AMD, NEED_BETTER, CPUID_BIT(EDX, SVM_LEAF, 6),
	 "Bulkhead does not use it yet", NULL, NULL, NULL},
};
const u32 cpu_feature_count = ARRAY_SIZE(cpu_features);

enum cpu_maker cpu_maker(const struct cpu_facts *cpu) {
	static const struct {
		char name[12];
		enum cpu_maker maker;
	} makers[] = {
		{"GenuineIntel", MAKER_INTEL}, {"  Shanghai  ", MAKER_INTEL},
		{"CentaurHauls", MAKER_INTEL}, {"AuthenticAMD", MAKER_AMD},
		{"HygonGenuine", MAKER_AMD},
	};
	struct cpuid id;
	char name[12];

	cpu_leaf(cpu, 0, 0, &id);
	memcpy(name, &id.ebx, 4);
	memcpy(name + 4, &id.edx, 4);
	memcpy(name + 8, &id.ecx, 4);
	for (u32 i = 0; i < ARRAY_SIZE(makers); i++)
		if (!memcmp(name, makers[i].name, sizeof(name)))
			return makers[i].maker;
	return MAKER_OTHER;
}

bool cpu_feature_applies(const struct cpu_feature *feature, const struct cpu_facts *cpu) {
	static const struct machine_facts nothing; /* the first stands in CPUID */
	const struct cpu_feature *first = cpu_features;

	if (feature->maker == MAKER_ANY)
		return true;
	if (feature->maker != cpu_maker(cpu))
		return false;
	while (first->maker != feature->maker)
		first++;
	return first == feature || cpu_feature_find(first, &nothing, cpu) != ANSWER_NO;
}

static enum cpu_answer bit_of(enum fact fact, u64 value, u8 bit) {
	return fact == FACT_UNSEEN ? ANSWER_UNKNOWN : value >> bit & 1 ? ANSWER_YES : ANSWER_NO;
}

enum cpu_answer cpu_feature_find(const struct cpu_feature *f, const struct machine_facts *facts,
				 const struct cpu_facts *cpu) {
	struct cpuid id;
	enum fact fact;
	u64 value = 0;

	if (f->place == PLACE_RULE)
		return f->rule(facts, cpu);
	if (f->place <= PLACE_EDX) {
		const u32 *registers = &id.eax;

		fact = cpu_leaf(cpu, f->index, f->subleaf, &id);
		return bit_of(fact, registers[f->place], f->bit);
	}
	fact = f->place == PLACE_MSR ? cpu_msr(facts, cpu, f->index, &value)
				     : controls_of(facts, cpu, (enum vmx_set)f->index, &value);
	/* Its high half: what may be 1. */
	if (f->place == PLACE_CONTROLS)
		value >>= 32;
	if (fact == FACT_UNSEEN && f->linux_word && *facts->vmx_words) {
		char word[32];

		text_format(word, sizeof(word), " %s ", f->linux_word);
		return strstr(facts->vmx_words, word) ? ANSWER_YES : ANSWER_NO;
	}
	return bit_of(fact, value, f->bit);
}

const u32 *cpu_feature_msrs(const struct cpu_facts *cpu, u32 *count) {
	static const u32 intel[] = {FEATURE_CONTROL, 0x480, 0x481, 0x482, 0x483, 0x484,
				    0x48b,           0x48c, 0x48d, 0x48e, 0x48f, 0x490};
	static const u32 amd[] = {VM_CR};

	*count = 0;
	switch (cpu_maker(cpu)) {
	case MAKER_INTEL: *count = ARRAY_SIZE(intel); return intel;
	case MAKER_AMD: *count = ARRAY_SIZE(amd); return amd;
	default: return NULL;
	}
}
