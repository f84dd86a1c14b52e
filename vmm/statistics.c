/* SPDX-License-Identifier: Apache-2.0 */
#include "partition_internal.h"

/* In the order of enum exit_reason. */
static const char *const exit_names[] = {
	"io",     "msr",         "cpuid",     "npf",     "nmi",      "icr",     "apic",
	"xsetbv", "instruction", "exception", "control", "shutdown", "invalid", "other"};
_Static_assert(ARRAY_SIZE(exit_names) == EXIT_NONE, "a name for each");

/* "exits 12 io 3 msr 4 ..." */
static void print_counts(const u64 *exits, char *line, size_t size) {
	struct text_buffer buffer = text_buffer(line, size);
	u64 total = 0;

	for (u32 i = 0; i < EXIT_NONE; i++)
		total += exits[i];
	text_print(&buffer.sink, "exits %lu", total);
	for (u32 i = 0; i < EXIT_NONE; i++)
		text_print(&buffer.sink, " %s %lu", exit_names[i], exits[i]);
}

void statistics_print(struct partition *p) {
	char line[320];

	for (u32 i = 0; i < p->vcpu_count; i++) {
		print_counts(p->vcpus[i].exits, line, sizeof(line));
		say("stats %s cpu %u: %s", p->plan->name, p->vcpus[i].cpu->index, line);
	}
}

enum mark { MARK_BEGIN = 1, MARK_END = 2 };

/* Exits of all the partition's processors since the last begin; the access that ends a phase is not part of it. */
void partition_mark(struct vcpu *vcpu, u8 value) {
	struct partition *p = vcpu->partition;
	u64 phase[EXIT_REASONS] = {0};
	char line[320];

	spin_lock(&p->lock);
	for (u32 i = 0; i < p->vcpu_count * EXIT_REASONS; i++) {
		struct vcpu *of = &p->vcpus[i / EXIT_REASONS];
		u32 reason = i % EXIT_REASONS;

		phase[reason] += of->exits[reason] - of->mark[reason];
		if (value == MARK_BEGIN)
			of->mark[reason] = of->exits[reason];
	}
	phase[EXIT_IO]--;
	print_counts(phase, line, sizeof(line));
	if (value == MARK_END)
		say("phase %s %u: %s", p->plan->name, ++p->phases, line);
	spin_unlock(&p->lock);
}
