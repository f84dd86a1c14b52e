/* SPDX-License-Identifier: Apache-2.0 */
/* `bulkhead check --cpu`: have processor and firmware what Bulkhead needs, feature by feature? */
#include "command.h"
#include "cpu_features.h"
#include "cpu_platform.h"
#include <stdio.h>
#include <string.h>

#define DUMPS_MAX 16
#define TABLES_MAX 16
#define WORDS_BYTES 1024
#define LEAF_THREADS 0xb
#define LEVEL_THREADS 1
#define LEAF_CORE_KIND 0x1a
#define KIND_EFFICIENT 0x20
#define LEAF1_HYPERVISOR BIT(31)
#define LEAF7_HYBRID BIT(15)
#define APIC_UNKNOWN 0xffffffffu

struct options {
	const char *dumps[DUMPS_MAX], *tables[TABLES_MAX];
	u32 dump_count, table_count;
};

struct verdict {
	char missing[3][WORDS_BYTES]; /* names, by enum cpu_need */
	char unknown[3][WORDS_BYTES];
};

static const char *const answer_names[] = {"no", "yes", "unknown"};
static const char *const need_names[] = {"needed", "for devices", "better"};

static const char advice_iommu[] =
	"switch on \"VT-d\" (also: Intel VT for Directed I/O) or \"IOMMU\" (also: AMD-Vi; not Auto) in the firmware's "
	"setup; without it partitions run, but get no devices";
static const char advice_remapping[] =
	"switch on \"Interrupt Remapping\" (beside VT-d) or \"x2APIC\" in the firmware's setup, or get newer firmware";
static const char advice_opt_out[] =
	"switch off \"X2APIC Opt Out\" in the firmware's setup, if x2apic is missing";
static const char advice_second[] = "a processor that no partition has watches over faults";

static void append(char *list, const char *name) {
	size_t length = strlen(list);

	snprintf(list + length, WORDS_BYTES - length, " %s", name);
}

static void print_answer(struct verdict *verdict, const char *name, enum cpu_need need,
			 enum cpu_answer answer, const char *words, const char *advice) {
	printf("%-8s %-12s %-22s %s\n", answer_names[answer], need_names[need], name, words);
	if (answer == ANSWER_NO && advice)
		printf("         fix: %s\n", advice);
	if (answer == ANSWER_NO)
		append(verdict->missing[need], name);
	else if (answer == ANSWER_UNKNOWN)
		append(verdict->unknown[need], name);
}

/* Where registers were seen of some processors only, these stand for the others. */
static bool is_asked(const struct cpu_feature *f, const struct machine_facts *facts,
		     const struct cpu_facts *cpu) {
	if (f->place < PLACE_MSR || cpu->msr_count || facts->shared.msr_count)
		return true;
	for (u32 i = 0; i < facts->count; i++)
		if (facts->cpus[i].msr_count)
			return false;
	return true;
}

/* One answer for all processors: the worst. Where they differ, the words name those that lack it. */
static void print_feature(struct verdict *verdict, const struct cpu_feature *f,
			  const struct machine_facts *facts) {
	enum cpu_answer all = ANSWER_YES;
	char words[WORDS_BYTES], lacking[WORDS_BYTES] = "", number[16];
	bool some = false;

	for (u32 i = 0; i < facts->count; i++) {
		const struct cpu_facts *cpu = &facts->cpus[i];
		enum cpu_answer one;

		if (!is_asked(f, facts, cpu))
			continue;
		one = cpu_feature_find(f, facts, cpu);
		some |= one == ANSWER_YES;
		if (one == ANSWER_NO) {
			snprintf(number, sizeof(number), "%u", cpu->number);
			append(lacking, number);
		}
		all = one == ANSWER_NO || all == ANSWER_NO ? ANSWER_NO
		      : one == ANSWER_UNKNOWN              ? ANSWER_UNKNOWN
							   : all;
	}
	snprintf(words, sizeof(words), "%s%s%s", f->words,
		 some && *lacking ? "; missing on processors" : "", some ? lacking : "");
	print_answer(verdict, f->name, f->need, all, words, f->advice);
}

static void print_name(const struct machine_facts *facts) {
	const struct cpu_facts *cpu = &facts->cpus[0];
	struct cpuid id, part;
	u32 family, model;
	char maker[13] = "", brand[49] = "";

	cpu_leaf(cpu, 0, 0, &id);
	memcpy(maker, &id.ebx, 4);
	memcpy(maker + 4, &id.edx, 4);
	memcpy(maker + 8, &id.ecx, 4);
	for (u32 i = 0; i < 3; i++) {
		cpu_leaf(cpu, 0x80000002 + i, 0, &part);
		memcpy(brand + 16 * i, &part, 16);
	}
	for (char *c = maker; *c; c++)
		*c = *c < ' ' || *c > '~' ? '?' : *c;
	for (char *c = brand; *c; c++)
		*c = *c < ' ' || *c > '~' ? '?' : *c;
	cpu_leaf(cpu, 1, 0, &id);
	/* The family and model fields of leaf 1, with their extensions. */
	family = id.eax >> 8 & 0xf;
	model = id.eax >> 4 & 0xf;
	if (family == 6 || family == 0xf)
		model |= id.eax >> 12 & 0xf0;
	if (family == 0xf)
		family += id.eax >> 20 & 0xff;
	printf("processor: %s family 0x%x model 0x%x stepping %u: %s\n", maker, family, model,
	       id.eax & 0xf, brand + strspn(brand, " "));
	if (facts->microcode)
		printf("microcode: 0x%llx\n", (unsigned long long)facts->microcode);
	else
		printf("microcode: not seen\n");
	if (id.ecx & LEAF1_HYPERVISOR)
		printf("note: this is a virtual machine: below stands what its hypervisor gives it\n");
}

static u32 apic_id(const struct cpu_facts *cpu) {
	struct cpuid id;

	return cpu_leaf(cpu, LEAF_THREADS, 0, &id) == FACT_SEEN && id.ebx ? id.edx : APIC_UNKNOWN;
}

/* The number of the core, of which all threads have the same; as the image counts them. */
static u32 core_id(const struct cpu_facts *cpu) {
	struct cpuid id;

	cpu_leaf(cpu, LEAF_THREADS, 0, &id);
	return (id.ecx >> 8 & 0xff) == LEVEL_THREADS && (id.ebx & 0xffff) > 1
		       ? id.edx >> (id.eax & 0x1f)
		       : id.edx;
}

/* Processors by core, as their APIC IDs; those of efficient cores apart. */
static void print_cores(const struct machine_facts *facts) {
	bool threads = false;

	for (u32 i = 0; i < facts->count; i++)
		for (u32 k = i + 1; k < facts->count && apic_id(&facts->cpus[i]) != APIC_UNKNOWN;
		     k++)
			threads |= apic_id(&facts->cpus[k]) != APIC_UNKNOWN &&
				   core_id(&facts->cpus[i]) == core_id(&facts->cpus[k]);
	if (!threads)
		return;
	printf("note: threads of one core go to one partition (rule core-shared); by APIC ID:");
	for (u32 i = 0; i < facts->count; i++) {
		bool first = true, more = false;

		for (u32 k = 0; k < i; k++)
			first &= core_id(&facts->cpus[k]) != core_id(&facts->cpus[i]);
		for (u32 k = i; first && k < facts->count; k++) {
			if (core_id(&facts->cpus[k]) != core_id(&facts->cpus[i]))
				continue;
			printf("%s0x%x", more ? "+" : " ", apic_id(&facts->cpus[k]));
			more = true;
		}
	}
	printf("\n");
}

static void print_kinds(const struct machine_facts *facts) {
	struct cpuid id;
	u32 efficient = 0;

	cpu_leaf(&facts->cpus[0], 7, 0, &id);
	if (!(id.edx & LEAF7_HYBRID))
		return;
	for (u32 i = 0; i < facts->count; i++) {
		cpu_leaf(&facts->cpus[i], LEAF_CORE_KIND, 0, &id);
		efficient += id.eax >> 24 == KIND_EFFICIENT;
	}
	printf("note: cores of two kinds, %u of %u processors efficient ones", efficient,
	       facts->count);
	printf(efficient ? "; by APIC ID:" : "");
	for (u32 i = 0; i < facts->count; i++) {
		cpu_leaf(&facts->cpus[i], LEAF_CORE_KIND, 0, &id);
		if (id.eax >> 24 == KIND_EFFICIENT)
			printf(" 0x%x", apic_id(&facts->cpus[i]));
	}
	printf("\n");
}

static void print_platform(struct verdict *verdict, const struct machine_facts *facts,
			   const struct platform_facts *platform) {
	u32 processors = facts->numbered ? facts->count : 0;

	if (platform->processors)
		processors = platform->processors;
	if (processors)
		printf("processors: %u\n", processors);
	print_kinds(facts);
	print_cores(facts);
	print_answer(verdict, "second-processor", NEED_BETTER,
		     !processors      ? ANSWER_UNKNOWN
		     : processors > 1 ? ANSWER_YES
				      : ANSWER_NO,
		     "one to watch over faults beside those of partitions", advice_second);
	print_answer(verdict, "iommu", NEED_DEVICES, platform->iommu,
		     "VT-d or AMD-Vi (table DMAR or IVRS)", advice_iommu);
	if (platform->iommu == ANSWER_NO)
		return;
	print_answer(verdict, "interrupt-remapping", NEED_DEVICES, platform->interrupt_remapping,
		     "no device may send another's interrupt", advice_remapping);
	print_answer(verdict, "x2apic-wanted", NEED_BETTER, platform->x2apic_wanted,
		     "firmware does not ask to leave x2APIC off", advice_opt_out);
}

static int print_verdict(const struct verdict *v, const struct machine_facts *facts) {
	bool runs = !*v->missing[NEED_ALWAYS] && !*v->unknown[NEED_ALWAYS];

	if (*v->missing[NEED_ALWAYS])
		printf("verdict: Bulkhead cannot run here:%s\n", v->missing[NEED_ALWAYS]);
	else if (*v->unknown[NEED_ALWAYS])
		printf("verdict: not known whether Bulkhead can run here:%s\n",
		       v->unknown[NEED_ALWAYS]);
	else if (*v->missing[NEED_DEVICES])
		printf("verdict: Bulkhead can run here, but partitions get no devices:%s\n",
		       v->missing[NEED_DEVICES]);
	else if (*v->unknown[NEED_DEVICES])
		printf("verdict: Bulkhead can run here; not known whether partitions get devices:%s\n",
		       v->unknown[NEED_DEVICES]);
	else
		printf("verdict: Bulkhead can run here, and give devices to partitions\n");
	if (facts->msr_fault && (*v->unknown[NEED_ALWAYS] || *v->unknown[NEED_BETTER]))
		printf("note: model-specific registers were not read: %s\n", facts->msr_fault);
	if (*v->unknown[NEED_DEVICES] && facts->live)
		printf("note: only root may read what is in firmware's tables\n");
	return runs ? COMMAND_FINE : COMMAND_FAILED;
}

static int check(const struct options *options, struct machine_facts *facts) {
	struct platform_facts platform;
	struct verdict verdict = {0};
	bool fine = options->dump_count || cpu_facts_live(facts);

	for (u32 i = 0; i < options->dump_count; i++)
		fine &= cpu_facts_read(facts, options->dumps[i]);
	if (fine && (!facts->count || !facts->cpus[0].cpuid_count)) {
		fprintf(stderr, "bulkhead: %s: nothing in it that `cpuid -r` prints\n",
			options->dumps[0]);
		fine = false;
	}
	if (!fine ||
	    !platform_read(&platform, options->tables, options->table_count, !options->dump_count))
		return COMMAND_FAILED;
	print_name(facts);
	if (cpu_maker(&facts->cpus[0]) == MAKER_OTHER)
		print_answer(&verdict, "maker", NEED_ALWAYS, ANSWER_NO,
			     "a processor of Intel, AMD, Hygon or Zhaoxin", NULL);
	for (u32 i = 0; i < cpu_feature_count; i++)
		if (cpu_feature_applies(&cpu_features[i], &facts->cpus[0]))
			print_feature(&verdict, &cpu_features[i], facts);
	print_platform(&verdict, facts, &platform);
	return print_verdict(&verdict, facts);
}

static bool take_file(const char **files, u32 *count, u32 most, int argc, char **argv, int *index) {
	if (*index + 1 >= argc || *count == most)
		return false;
	files[(*count)++] = argv[++*index];
	return true;
}

int command_check_cpu(int argc, char **argv) {
	struct options o = {0};
	struct machine_facts facts = {0};
	int status;

	for (int i = 0; i < argc; i++) {
		bool known = !strcmp(argv[i], "--cpu");

		if (!strcmp(argv[i], "--cpu-dump"))
			known = take_file(o.dumps, &o.dump_count, DUMPS_MAX, argc, argv, &i);
		else if (!strcmp(argv[i], "--acpi"))
			known = take_file(o.tables, &o.table_count, TABLES_MAX, argc, argv, &i);
		if (!known)
			return COMMAND_WRONG_USE;
	}
	status = check(&o, &facts);
	cpu_facts_free(&facts);
	return fflush(stdout) ? COMMAND_FAILED : status;
}
