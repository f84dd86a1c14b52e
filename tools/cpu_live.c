/* SPDX-License-Identifier: Apache-2.0 */
/* The processors of this machine: CPUID by executing it on each, registers through Linux's msr driver. */
#include "cpu_facts.h"
#include "cpu_features.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CPUS_MAX 4096
#define PATH_BYTES 64

static const struct {
	u32 leaf, subleaf;
} leaves[] = {
	{0x0, 0},        {0x1, 0},        {0x7, 0},        {0xb, 0},
	{0xb, 1},        {0xd, 0},        {0xd, 1},        {0x1a, 0},
	{0x80000000, 0}, {0x80000001, 0}, {0x80000002, 0}, {0x80000003, 0},
	{0x80000004, 0}, {0x80000007, 0}, {0x80000008, 0}, {0x8000000a, 0},
};

/* Of the maker's own kind: there is no sense in asking others. */
static void read_msrs(struct machine_facts *facts, struct cpu_facts *cpu) {
	u32 count;
	const u32 *wanted = cpu_feature_msrs(cpu, &count);
	char path[PATH_BYTES];
	int file;

	snprintf(path, sizeof(path), "/dev/cpu/%u/msr", cpu->number);
	file = open(path, O_RDONLY);
	if (file < 0) {
		facts->msr_fault = errno == ENOENT || errno == ENXIO
					   ? "modprobe msr, as root, shows them"
					   : "only root may read them";
		return;
	}
	for (u32 i = 0; i < count; i++) {
		u64 value = 0;
		ssize_t got = pread(file, &value, sizeof(value), wanted[i]);

		if (got == sizeof(value) || (got < 0 && errno == EIO))
			cpu_facts_add_msr(cpu, wanted[i], value, got < 0);
	}
	close(file);
}

static void read_cpu(struct machine_facts *facts, struct cpu_facts *cpu) {
	struct cpuid limit[2] = {cpuid(0, 0), cpuid(0x80000000, 0)};

	for (u32 i = 0; i < ARRAY_SIZE(leaves); i++) {
		u32 leaf = leaves[i].leaf;

		if (leaf <= limit[leaf >> 31].eax)
			cpu_facts_add_leaf(cpu, leaf, leaves[i].subleaf,
					   cpuid(leaf, leaves[i].subleaf));
	}
	read_msrs(facts, cpu);
}

bool cpu_facts_live(struct machine_facts *facts) {
	cpu_set_t *all = CPU_ALLOC(CPUS_MAX), *one = CPU_ALLOC(CPUS_MAX);
	size_t size = CPU_ALLOC_SIZE(CPUS_MAX);
	bool fine = all && one && !sched_getaffinity(0, size, all);

	facts->live = facts->numbered = true;
	for (u32 i = 0; fine && i < CPUS_MAX; i++) {
		struct cpu_facts *cpu;

		if (!CPU_ISSET_S(i, size, all))
			continue;
		CPU_ZERO_S(size, one);
		CPU_SET_S(i, size, one);
		if (sched_setaffinity(0, size, one))
			continue;
		cpu = cpu_facts_cpu(facts, i);
		fine = cpu != NULL;
		if (fine)
			read_cpu(facts, cpu);
	}
	if (fine)
		sched_setaffinity(0, size, all);
	else
		fprintf(stderr, "bulkhead: this machine's processors cannot be asked\n");
	CPU_FREE(all);
	CPU_FREE(one);
	return fine && cpu_facts_read(facts, "/proc/cpuinfo");
}
