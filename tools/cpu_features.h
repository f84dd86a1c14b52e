/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cpu_facts.h"

/* What Bulkhead wants of a processor: the image's own checks, feature by feature, and what makes it faster. */

enum cpu_maker { MAKER_ANY, MAKER_INTEL, MAKER_AMD, MAKER_OTHER };
enum cpu_need { NEED_ALWAYS, NEED_DEVICES, NEED_BETTER };
enum cpu_answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

/* Where a feature stands. */
enum cpu_place {
	PLACE_EAX, /* of a CPUID leaf */
	PLACE_EBX,
	PLACE_ECX,
	PLACE_EDX,
	PLACE_MSR, /* a bit that is 1 */
	PLACE_CONTROLS, /* a bit that VMX's controls of this set may have */
	PLACE_RULE, /* a function tells */
};

/* VMX's controls, in the order of their capability registers; secondary ones stand apart. */
enum vmx_set { VMX_PIN, VMX_PROCESSOR, VMX_EXIT, VMX_ENTRY, VMX_SECONDARY, VMX_SETS };

struct cpu_feature {
	const char *name;
	enum cpu_maker maker;
	enum cpu_need need;
	enum cpu_place place;
	u32 index; /* leaf, register or set */
	u32 subleaf;
	u8 bit;
	const char *words;
	const char *linux_word; /* among Linux's VMX flags; NULL: none */
	const char *advice; /* when it is missing */
	enum cpu_answer (*rule)(const struct machine_facts *facts, const struct cpu_facts *cpu);
};

extern const struct cpu_feature cpu_features[];
extern const u32 cpu_feature_count;

enum cpu_maker cpu_maker(const struct cpu_facts *cpu);
/* Is it asked of this processor? What stands behind a feature that is missing itself is not. */
bool cpu_feature_applies(const struct cpu_feature *feature, const struct cpu_facts *cpu);
enum cpu_answer cpu_feature_find(const struct cpu_feature *feature,
				 const struct machine_facts *facts, const struct cpu_facts *cpu);
/* The registers that this processor's features stand in. */
const u32 *cpu_feature_msrs(const struct cpu_facts *cpu, u32 *count);
