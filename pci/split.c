/* SPDX-License-Identifier: Apache-2.0 */
#include "scan.h"
#include "text.h"

/*
 * More trust only ever takes ties away, so whether a set of trusted functions splits a group is
 * monotone: a minimal set is found by bisection, and smaller ones are then looked for by size.
 */
#define TRIALS_MAX 4096

struct split {
	struct inventory *inventory;
	u32 group;
	struct group_trust *trusts; /* those of the file, then those on trial */
	u32 given;
	u32 *candidates;
	u32 candidate_count;
	u32 trials;
	bool full; /* the arena is */
};

/* Do the first COUNT functions on trial put the assignable functions of the group apart? */
static bool splits(struct split *s, const u32 *chosen, u32 count) {
	const struct group *group = &s->inventory->groups[s->group];
	struct inventory trial = *s->inventory;
	size_t used = trial.arena->used;
	u32 first = NONE;
	bool apart = false;

	s->trials++;
	trial.functions = arena_alloc(trial.arena, trial.function_count, sizeof(*trial.functions));
	if (!trial.functions)
		return s->full = true;
	memcpy(trial.functions, s->inventory->functions,
	       trial.function_count * sizeof(*trial.functions));
	for (u32 i = 0; i < count; i++)
		s->trusts[s->given + i].port = trial.functions[chosen[i]].address;
	s->full |= !groups_derive(&trial, s->trusts, s->given + count);
	for (u32 i = 0; i < group->member_count && !s->full; i++) {
		if (!pci_assignable(&trial, group->members[i]))
			continue;
		if (first == NONE)
			first = trial.functions[group->members[i]].group;
		apart |= trial.functions[group->members[i]].group != first;
	}
	trial.arena->used = used;
	return apart || s->full;
}

static bool trust_matters(const struct split *s, const struct pci_function *f) {
	for (u32 i = 0; i < s->given; i++)
		if (pci_key(s->trusts[i].port) == pci_key(f->address))
			return false;
	return (!acs_isolates(f) || acs_controls_fail(f)) &&
	       (!pci_is_bridge(f) || pcie_link_type(f->pcie_type) ||
		f->pcie_type == PCIE_UPSTREAM_PORT);
}

/* A set that splits and of which nothing can be left out: its size, or 0. CHOSEN has room for all. */
static u32 minimal(struct split *s, u32 *chosen, u32 limit) {
	u32 left = s->candidate_count, count = 0;

	memcpy(chosen, s->candidates, left * sizeof(*chosen));
	if (!splits(s, chosen, left))
		return 0;
	while (!splits(s, chosen, count)) {
		/* With what was chosen, the shortest run of candidates that splits: its last is needed. */
		u32 low = 1, high = left;

		if (count == limit || s->full)
			return 0;
		while (low < high) {
			u32 middle = low + (high - low) / 2;

			memcpy(chosen + count, s->candidates, middle * sizeof(*chosen));
			if (splits(s, chosen, count + middle))
				high = middle;
			else
				low = middle + 1;
		}
		chosen[count++] = s->candidates[low - 1];
		left = low - 1;
	}
	return s->full ? 0 : count;
}

/* The first set of COUNT candidates that splits, in the order of addresses. */
static bool smaller(struct split *s, u32 *at, u32 *chosen, u32 count) {
	for (u32 i = 0; i < count; i++)
		at[i] = i;
	for (u32 move = 0; s->trials < TRIALS_MAX && !s->full;) {
		for (u32 i = 0; i < count; i++)
			chosen[i] = s->candidates[at[i]];
		if (splits(s, chosen, count))
			return !s->full;
		for (move = count;
		     move > 0 && at[move - 1] == s->candidate_count - count + move - 1;)
			move--;
		if (!move)
			break;
		at[move - 1]++;
		for (; move < count; move++)
			at[move] = at[move - 1] + 1;
	}
	return false;
}

static void sort(u32 *values, u32 count) {
	for (u32 i = 1; i < count; i++)
		for (u32 k = i; k > 0 && values[k - 1] > values[k]; k--) {
			u32 swapped = values[k];

			values[k] = values[k - 1];
			values[k - 1] = swapped;
		}
}

static u32 smallest(struct split *s, u32 *ports, u32 limit) {
	struct arena *arena = s->inventory->arena;
	const struct group *group = &s->inventory->groups[s->group];
	u32 *chosen = arena_alloc(arena, 2 * (size_t)group->member_count, sizeof(*chosen));
	u32 *at = arena_alloc(arena, group->member_count, sizeof(*at));

	s->candidates = arena_alloc(arena, group->member_count, sizeof(*s->candidates));
	if (!chosen || !at || !s->candidates)
		return 0;
	for (u32 i = 0; i < group->member_count; i++)
		if (trust_matters(s, &s->inventory->functions[group->members[i]]))
			s->candidates[s->candidate_count++] = group->members[i];
	u32 count = minimal(s, chosen, limit);

	sort(chosen, count);
	if (count)
		memcpy(ports, chosen, count * sizeof(*ports));
	for (u32 size = 1; size < count; size++)
		if (smaller(s, at, chosen, size)) {
			memcpy(ports, chosen, size * sizeof(*ports));
			return size;
		}
	return count;
}

u32 group_split(struct inventory *inventory, const struct group_trust *trusts, u32 trust_count,
		u32 group, u32 *ports, u32 limit) {
	struct split s = {.inventory = inventory, .group = group, .given = trust_count};
	size_t used = inventory->arena->used;
	u32 warnings = inventory->warning_count;
	u32 members = inventory->groups[group].member_count, count = 0;

	s.trusts = arena_alloc(inventory->arena, (size_t)trust_count + members, sizeof(*s.trusts));
	if (s.trusts) {
		if (trust_count)
			memcpy(s.trusts, trusts, trust_count * sizeof(*trusts));
		count = smallest(&s, ports, limit);
	}
	inventory->warning_count = warnings;
	inventory->arena->used = used;
	return count;
}
