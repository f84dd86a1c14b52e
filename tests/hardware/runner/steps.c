/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"
#include "x86.h"

/* Drafted for this machine: processors by the survey, devices by the draft that the image wrote. */

#define TEXT_BYTES (256 * KIB)
#define CPUS_MAX 1024
#define PREFIX "bulkhead: before: "
#define LEAF_TOPOLOGY 0xb
#define TOPOLOGY_BITS BITS(4, 0)
#define TOPOLOGY_THREADS 1
#define HEAD "[hypervisor]\nwhen-idle = reboot\n"

const char *const step_names[STEPS] = {"survey", "reset", "exits", "neighbours", "devices"};

/* One processor of each core; the first one last, since somebody has to watch over faults. */
struct processors {
	u32 index[CPUS_MAX], apic[CPUS_MAX];
	u32 count;
};

static const char *next_line(const char *line) {
	while (*line && *line != '\n')
		line++;
	return *line ? line + 1 : line;
}

static u32 line_length(const char *line) {
	u32 length = 0;

	while (line[length] && line[length] != '\n' && line[length] != '\r')
		length++;
	return length;
}

static bool begins(const char *line, const char *word) {
	return !strncmp(line, word, strlen(word));
}

static u32 number(const char **text, u32 base) {
	u32 value = 0;

	for (;; (*text)++) {
		char c = **text;
		u32 digit = c >= '0' && c <= '9'   ? (u32)(c - '0')
			    : c >= 'a' && c <= 'f' ? (u32)(c - 'a') + 10
						   : base;

		if (digit >= base)
			return value;
		value = value * base + digit;
	}
}

static u32 thread_bits(void) {
	struct cpuid id = {0};

	if (cpuid(0, 0).eax >= LEAF_TOPOLOGY)
		id = cpuid(LEAF_TOPOLOGY, 0);
	return (id.ecx >> 8 & 0xff) == TOPOLOGY_THREADS && (id.ebx & 0xffff) > 1
		       ? id.eax & TOPOLOGY_BITS
		       : 0;
}

/* "bulkhead: cpu 1: apic 0x1 amd-svm" */
static struct processors *processors_find(const char *survey) {
	static const char head[] = "bulkhead: cpu ", middle[] = ": apic 0x";
	struct processors *p = memory_take(sizeof(*p));
	u32 bits = thread_bits(), first = 0;

	for (const char *line = survey; *line; line = next_line(line)) {
		const char *at = line + sizeof(head) - 1;
		u32 index, apic;
		bool known = false;

		if (!begins(line, head))
			continue;
		index = number(&at, 10);
		if (!begins(at, middle) || p->count == CPUS_MAX - 1)
			continue;
		at += sizeof(middle) - 1;
		apic = number(&at, 16);
		if (!index)
			first = apic;
		for (u32 i = 0; i < p->count; i++)
			known |= p->apic[i] >> bits == apic >> bits;
		if (!index || known || first >> bits == apic >> bits)
			continue;
		p->index[p->count] = index;
		p->apic[p->count++] = apic;
	}
	p->index[p->count] = 0;
	p->apic[p->count++] = first;
	return p;
}

/* What the exits guest looks at holds on every vendor's processors, emulated ones included. */
static void plan_exits(struct plan *plan, const struct processors *p) {
	static const char *const words[] = {"registers", "cpuid",  "msrs",
					    "mmio",      "xsetbv", "timer"};
	static const char *const pairs[] = {"smp", "kick"};
	struct text_sink *file = &plan->file->sink, *expected = &plan->expected->sink;

	text_print(file, HEAD "[partition exits]\nmemory = 64M\nkernel = exits.elf\ncpus = %u",
		   p->index[0]);
	if (p->count > 1)
		text_print(file, ",%u", p->index[1]);
	text_print(file, "\ncmdline =");
	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		text_print(file, " %s", words[i]);
		text_print(expected, "[exits] exits: %s ok\n", words[i]);
	}
	for (u32 i = 0; p->count > 1 && i < ARRAY_SIZE(pairs); i++) {
		text_print(file, " %s=%u", pairs[i], p->apic[1]);
		text_print(expected, "[exits] exits: %s ok\n", pairs[i]);
	}
	if (p->count > 1) {
		text_print(file, " ipi");
		text_print(expected, "[exits] exits: ipi ok\n");
	}
	text_print(file, "\n");
	text_print(expected, "bulkhead: partition exits: stopped\nbulkhead: idle\n");
}

static void plan_neighbours(struct plan *plan, const struct processors *p) {
	struct text_sink *file = &plan->file->sink, *expected = &plan->expected->sink;

	if (p->count < 2) {
		plan->skip = "two processors of different cores are needed";
		return;
	}
	text_print(
		file,
		HEAD
		"[partition victim]\nmemory = 32M\nkernel = attacker.elf\ncpus = %u\ncmdline = victim=20\n"
		"[partition attack]\nmemory = 32M\nkernel = attacker.elf\ncpus = %u\n"
		"cmdline = icr=%u ports msrs memory instructions\n",
		p->index[0], p->index[1], p->apic[0]);
	text_print(expected, "[victim] victim: ended, changed 0 interrupts 0\n"
			     "bulkhead: partition victim: stopped\n"
			     "[attack] attacker: icr ended, own message came 2 times\n"
			     "[attack] attacker: ports ended, strange 0\n"
			     "[attack] attacker: msrs ended, *leaks 0\n"
			     "[attack] attacker: memory ended, *strange 0\n"
			     "[attack] attacker: instructions ended\n"
			     "bulkhead: partition attack: stopped\n");
	if (p->count > 2) {
		text_print(
			file,
			"[partition falls]\nmemory = 16M\nkernel = attacker.elf\ncpus = %u\ncmdline = triple-fault\n",
			p->index[2]);
		text_print(expected, "bulkhead: partition falls: failed: triple fault*\n");
	}
	text_print(expected, "bulkhead: idle\n");
}

/* The draft with another guest, which only looks at what it has been given. */
static void plan_devices(struct plan *plan, const char *draft) {
	static const char *const replaced[] = {"memory",  "kernel",    "initrd",
					       "cmdline", "when-idle", "#"};
	struct text_sink *file = &plan->file->sink, *expected = &plan->expected->sink;
	bool groups = false;

	for (const char *line = draft; *line; line = next_line(line)) {
		u32 length = line_length(line), name = sizeof("[partition ") - 1;
		bool keep = true;

		for (u32 i = 0; i < ARRAY_SIZE(replaced); i++)
			keep &= !begins(line, replaced[i]);
		if (!keep)
			continue;
		groups |= begins(line, "group ");
		text_print(file, "%.*s\n", (int)length, line);
		if (begins(line, "[hypervisor]"))
			text_print(file, "when-idle = reboot\n");
		if (!begins(line, "[partition ") || length <= name)
			continue;
		text_print(file, "memory = 32M\nkernel = attacker.elf\ncmdline = functions\n");
		length -= name + 1;
		text_print(
			expected,
			"[%.*s] attacker: config functions * strange 0\nbulkhead: partition %.*s: stopped\n",
			(int)length, line + name, (int)length, line + name);
	}
	text_print(expected, "bulkhead: idle\n");
	if (!groups)
		plan->skip = "no device of this machine can be given away: survey.txt says why";
}

struct plan step_plan(enum step step) {
	struct plan plan = {.file = text_take(TEXT_BYTES), .expected = text_take(TEXT_BYTES)};
	const char *survey = file_read(FOLDER "survey.txt"),
		   *draft = file_read(FOLDER "draft.conf");

	if (step > STEP_RESET && (!survey || !draft))
		plan.skip = "there is no survey";
	else if (step == STEP_RESET)
		text_print(&plan.expected->sink, RESET_MARK "\n");
	else if (step == STEP_EXITS)
		plan_exits(&plan, processors_find(survey));
	else if (step == STEP_NEIGHBOURS)
		plan_neighbours(&plan, processors_find(survey));
	else if (step == STEP_DEVICES)
		plan_devices(&plan, draft);
	return plan;
}

/* `*` in the pattern stands for anything. */
static bool fits(const char *pattern, u32 pattern_length, const char *line, u32 length) {
	for (; pattern_length && *pattern != '*'; pattern++, pattern_length--, line++, length--)
		if (!length || *pattern != *line)
			return false;
	if (!pattern_length)
		return !length;
	for (u32 i = 0; i <= length; i++)
		if (fits(pattern + 1, pattern_length - 1, line + i, length - i))
			return true;
	return false;
}

const char *lines_missing(const char *expected, const char *text) {
	for (const char *wanted = expected; *wanted; wanted = next_line(wanted)) {
		bool found = false;

		for (const char *line = text; *line && !found; line = next_line(line)) {
			const char *words = line + (begins(line, PREFIX) ? sizeof(PREFIX) - 1 : 0);

			found = fits(wanted, line_length(wanted), words, line_length(words));
		}
		if (!found)
			return wanted;
	}
	return NULL;
}
