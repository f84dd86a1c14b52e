/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random trials. What step N of a seed does depends on the two numbers alone, and a little on what steps before left behind:
 * a run begins anew at any step.
 */
#include "fuzz.h"

#define MAGIC 0x7a7a7566u
#define SHOWN_EVERY 10000
#define NORMALISED_EVERY 64

static const struct kind {
	const char *name;
	u32 weight;
	u32 (*step)(void);
} kinds[] = {
	{"port", 10, step_port},       {"msr", 14, step_msr},
	{"cpuid", 4, step_cpuid},      {"xsetbv", 3, step_xsetbv},
	{"control", 6, step_control},  {"debug", 4, step_debug},
	{"device", 17, step_device},   {"crossing", 6, step_crossing},
	{"icr", 8, step_icr},          {"instruction", 14, step_instruction},
	{"user", 8, step_random_user}, {"kernel", 1, step_random_kernel},
	{"config", 4, step_config},    {"reset", 1, step_reset},
};
#define WEIGHTS 100
#define DEADLY COUNT(kinds)
_Static_assert(COUNT(kinds) < KINDS, "a counter for each");

static u32 draw_kind(void) {
	u64 at = below(WEIGHTS);
	u32 kind = 0;

	while (at >= kinds[kind].weight)
		at -= kinds[kind++].weight;
	return kind;
}

static const char *kind_name(u32 kind) {
	return kind < COUNT(kinds) ? kinds[kind].name : "deadly";
}

static void show(const volatile struct progress *p) {
	print("\nfuzzer: seed %u step %u completed %u faulted %u interrupted %u starts %u", p->seed,
	      p->step, p->completed, p->faulted, p->interrupted, p->rounds);
}

static void show_all(const volatile struct progress *p) {
	show(p);
	for (u32 i = 0; i < COUNT(kinds); i++)
		print("fuzzer: kind %s %u", kinds[i].name, p->kinds[i]);
	print("fuzzer: kind deadly %u", p->kinds[DEADLY]);
	print("fuzzer: resets taken %u", p->resets);
	print("fuzzer: done %u", p->end);
}

static void make_step(volatile struct progress *p, u64 deadly, bool trace) {
	u32 kind, vector;

	seed_step(p->seed, p->step);
	kind = deadly && one_in(deadly) ? DEADLY : draw_kind();
	p->kind = kind;
	if (trace)
		print("fuzzer: step %u %s", p->step, kind_name(kind));
	p->kinds[kind]++;
	reset_taken = false;
	vector = kind == DEADLY ? step_deadly() : kinds[kind].step();
	if (p->magic != MAGIC)
		restore_progress();
	p->resets += reset_taken;
	if (vector == END_VECTOR)
		p->completed++;
	else if (vector < 32)
		p->faulted++;
	else
		p->interrupted++;
	if (p->step % NORMALISED_EVERY == 0)
		trial_normalise();
}

void fuzz(u64 seed, u64 from, u64 count, u64 deadly, bool trace) {
	volatile struct progress *p = find_progress();

	if (p->magic != MAGIC || p->seed != seed || p->end != from + count) {
		for (u32 i = 0; i < KINDS; i++)
			p->kinds[i] = 0;
		p->completed = p->faulted = p->interrupted = p->rounds = p->resets = 0;
		p->seed = seed;
		p->step = from;
		p->end = from + count;
		p->magic = MAGIC;
	} else {
		print("fuzzer: step %u of kind %s ended it", p->step, kind_name((u32)p->kind));
		p->step++;
	}
	p->rounds++;
	trial_normalise();
	show(p);
	for (; p->step < p->end; p->step++) {
		make_step(p, deadly, trace);
		if (p->step % SHOWN_EVERY == 0)
			show(p);
	}
	show_all(p);
}
