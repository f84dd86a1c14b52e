/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu_facts.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_MAX 4096
#define ROWS_MAX 65536
#define LINE_BYTES 8192
#define EXTENDED 0x80000000u

enum fact cpu_leaf(const struct cpu_facts *cpu, u32 leaf, u32 subleaf, struct cpuid *value) {
	u32 first = leaf & EXTENDED;
	const struct cpuid_row *limit = NULL;

	*value = (struct cpuid){0};
	for (u32 i = 0; i < cpu->cpuid_count; i++) {
		const struct cpuid_row *row = &cpu->cpuid[i];

		if (row->leaf == leaf && row->subleaf == subleaf) {
			*value = row->value;
			return FACT_SEEN;
		}
		if (row->leaf == first)
			limit = row;
	}
	return limit && limit->value.eax < leaf ? FACT_ABSENT : FACT_UNSEEN;
}

static const struct msr_row *find_msr(const struct cpu_facts *cpu, u32 index) {
	for (u32 i = 0; i < cpu->msr_count; i++)
		if (cpu->msrs[i].index == index)
			return &cpu->msrs[i];
	return NULL;
}

enum fact cpu_msr(const struct machine_facts *facts, const struct cpu_facts *cpu, u32 index,
		  u64 *value) {
	const struct msr_row *row = find_msr(cpu, index);

	*value = 0;
	if (!row)
		row = find_msr(&facts->shared, index);
	if (!row)
		return FACT_UNSEEN;
	*value = row->value;
	return row->absent ? FACT_ABSENT : FACT_SEEN;
}

/* Room for one more; NULL, and ROWS as it was, when there is none. */
static void *grow(void *rows, u32 count, size_t size) {
	if (count == ROWS_MAX)
		return NULL;
	/* Powers of two only. */
	return rows && count & (count - 1) ? rows : realloc(rows, size * (count ? 2 * count : 1));
}

bool cpu_facts_add_leaf(struct cpu_facts *cpu, u32 leaf, u32 subleaf, struct cpuid value) {
	struct cpuid_row *grown = grow(cpu->cpuid, cpu->cpuid_count, sizeof(*grown));

	if (!grown)
		return false;
	cpu->cpuid = grown;
	cpu->cpuid[cpu->cpuid_count++] = (struct cpuid_row){leaf, subleaf, value};
	return true;
}

bool cpu_facts_add_msr(struct cpu_facts *cpu, u32 index, u64 value, bool absent) {
	struct msr_row *grown = grow(cpu->msrs, cpu->msr_count, sizeof(*grown));

	if (!grown)
		return false;
	cpu->msrs = grown;
	cpu->msrs[cpu->msr_count++] = (struct msr_row){index, absent, value};
	return true;
}

struct cpu_facts *cpu_facts_cpu(struct machine_facts *facts, u32 number) {
	struct cpu_facts *grown;

	for (u32 i = 0; i < facts->count; i++)
		if (facts->cpus[i].number == number)
			return &facts->cpus[i];
	if (facts->count == CPUS_MAX)
		return NULL;
	grown = realloc(facts->cpus, (facts->count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	facts->cpus = grown;
	grown[facts->count] = (struct cpu_facts){.number = number};
	return &grown[facts->count++];
}

/* "vmx flags : vnmi invvpid": the words, each between blanks. Without VMX flags there is no such line. */
static void read_cpuinfo(struct machine_facts *facts, const char *line) {
	const char *colon = strchr(line, ':');

	if (!colon)
		return;
	if (!strncmp(line, "vmx flags", 9))
		snprintf(facts->vmx_words, sizeof(facts->vmx_words), " %.*s ",
			 (int)strcspn(colon + 1, "\n"), colon + 1);
	else if (!strncmp(line, "microcode", 9))
		facts->microcode = strtoull(colon + 1, NULL, 16);
}

/* NAME and a hexadecimal number at *TEXT, after blanks; moves behind them. */
static bool take_number(const char **text, const char *name, u64 *value) {
	const char *p = *text + strspn(*text, " \t");
	size_t length = strlen(name);
	char *end;

	if (strncmp(p, name, length) != 0 || strncmp(p + length, "0x", 2) != 0)
		return false;
	*value = strtoull(p + length, &end, 16);
	*text = end;
	return true;
}

static bool is_end(const char *text) {
	return text[strspn(text, " \t\r\n")] == '\0';
}

/* "CPU 3:", or "CPU:" for the only one. */
static bool take_header(const char *line, u32 *number, bool *numbered) {
	char *end;

	if (strncmp(line, "CPU", 3) != 0)
		return false;
	*number = (u32)strtoul(line + 3, &end, 10);
	*numbered = end > line + 3;
	return *end == ':';
}

/* One line of a dump. False: there is no room for it. Lines that are nothing known are passed over. */
static bool read_line(struct machine_facts *facts, struct cpu_facts **cpu, const char *line) {
	u64 index, second, eax, ebx, ecx, edx;
	const char *p = line;
	bool numbered;
	u32 number;

	if (take_header(line, &number, &numbered)) {
		facts->numbered |= numbered;
		*cpu = cpu_facts_cpu(facts, number);
		return *cpu != NULL;
	}
	if (!take_number(&p, "", &index) || !take_number(&p, "", &second)) {
		read_cpuinfo(facts, line);
		return true;
	}
	if (is_end(p))
		return cpu_facts_add_msr(*cpu ? *cpu : &facts->shared, (u32)index, second, false);
	if (*p++ != ':' || !take_number(&p, "eax=", &eax) || !take_number(&p, "ebx=", &ebx) ||
	    !take_number(&p, "ecx=", &ecx) || !take_number(&p, "edx=", &edx))
		return true;
	if (!*cpu)
		*cpu = cpu_facts_cpu(facts, 0);
	return *cpu && cpu_facts_add_leaf(*cpu, (u32)index, (u32)second,
					  (struct cpuid){(u32)eax, (u32)ebx, (u32)ecx, (u32)edx});
}

bool cpu_facts_read(struct machine_facts *facts, const char *path) {
	FILE *file = fopen(path, "r");
	char line[LINE_BYTES];
	struct cpu_facts *cpu = NULL;
	bool fine = file != NULL;

	while (fine && fgets(line, sizeof(line), file))
		fine = read_line(facts, &cpu, line);
	if (!file || ferror(file)) {
		fprintf(stderr, "bulkhead: %s: %s\n", path, strerror(errno));
		fine = false;
	} else if (!fine) {
		fprintf(stderr, "bulkhead: %s: too long for what `cpuid -r` prints\n", path);
	}
	if (file)
		fclose(file);
	return fine;
}

void cpu_facts_free(struct machine_facts *facts) {
	for (u32 i = 0; i < facts->count; i++) {
		free(facts->cpus[i].cpuid);
		free(facts->cpus[i].msrs);
	}
	free(facts->shared.msrs);
	free(facts->cpus);
}
