/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"
#include "x86.h"

/*
 * What processors say of themselves: CPUID and model-specific registers, of this machine or of a dump. What was not
 * seen is told apart from what is not there.
 */

#define CPU_WORDS 2048

struct cpuid_row {
	u32 leaf, subleaf;
	struct cpuid value;
};

struct msr_row {
	u32 index;
	bool absent; /* reading it faults */
	u64 value;
};

struct cpu_facts {
	u32 number; /* as Linux counts */
	struct cpuid_row *cpuid;
	u32 cpuid_count;
	struct msr_row *msrs;
	u32 msr_count;
};

struct machine_facts {
	struct cpu_facts *cpus;
	u32 count;
	bool numbered; /* the processors are all of the machine's */
	struct cpu_facts shared; /* registers that stand before any processor */
	bool live; /* this machine, not a dump */
	const char
		*msr_fault; /* why no registers were read here; NULL: they were, or it is a dump */
	char vmx_words[CPU_WORDS]; /* "vmx flags" of /proc/cpuinfo, between blanks; "": not seen */
	u64 microcode; /* from /proc/cpuinfo; 0: not seen */
};

enum fact { FACT_UNSEEN, FACT_ABSENT, FACT_SEEN };

/*
 * Reads one dump: CPUID as `cpuid -r` prints it, registers as lines `0x3a 0x5`, lines of /proc/cpuinfo. Several
 * add up. False with words on stderr.
 */
bool cpu_facts_read(struct machine_facts *facts, const char *path);
/* cpu_live.c: asks this machine. */
bool cpu_facts_live(struct machine_facts *facts);
/* The processor of that number, new where there is none; NULL: too many. Others move when one is new. */
struct cpu_facts *cpu_facts_cpu(struct machine_facts *facts, u32 number);
/* False: there is no room for more. */
bool cpu_facts_add_leaf(struct cpu_facts *cpu, u32 leaf, u32 subleaf, struct cpuid value);
bool cpu_facts_add_msr(struct cpu_facts *cpu, u32 index, u64 value, bool absent);
void cpu_facts_free(struct machine_facts *facts);

/* Leaves beyond the last one are zero. Where the subleaf is not known, subleaf 0 is not taken for it. */
enum fact cpu_leaf(const struct cpu_facts *cpu, u32 leaf, u32 subleaf, struct cpuid *value);
enum fact cpu_msr(const struct machine_facts *facts, const struct cpu_facts *cpu, u32 index,
		  u64 *value);
