/* SPDX-License-Identifier: Apache-2.0 */
#include "derive.h"

#define TRIALS_MAX 4096
#define VISITS_MAX (1u << 24) /* functions looked at in all trials */

struct split {
	struct derivation d;
	u32 *candidates; /* ports whose trust could matter */
	u32 candidate_count;
	u32 *assignable;
	u32 assignable_count;
	u32 trials; /* that are left */
};

static bool *trusted(struct split *s, u32 candidate) {
	return &s->d.nodes[s->candidates[candidate]].trusted;
}

/* Does the trust given so far put the assignable functions apart? */
static bool splits(struct split *s) {
	bool apart = false;

	derivation_run(&s->d);
	s->trials--;
	for (u32 i = 1; i < s->assignable_count && !apart; i++)
		apart = derivation_leader(&s->d, s->assignable[i]) !=
			derivation_leader(&s->d, s->assignable[0]);
	return apart;
}

/* Tries all sets of MORE candidates from FROM on, in the order of addresses. The one that splits stays trusted. */
static bool split_by(struct split *s, u32 from, u32 more) {
	if (!more)
		return splits(s);
	for (u32 i = from; i + more <= s->candidate_count && s->trials; i++) {
		*trusted(s, i) = true;
		if (split_by(s, i + 1, more - 1))
			return true;
		*trusted(s, i) = false;
	}
	return false;
}

/*
 * More trust only takes ties away: where all of it splits nothing, no trust does, and leaving out one
 * candidate after the other while it still splits ends with a set that needs each.
 */
static bool search(struct split *s, u32 limit) {
	u32 count = s->candidate_count, size = 0;
	bool found = false;

	if (s->assignable_count < 2 || count >= s->trials)
		return false;
	for (u32 i = 0; i < count; i++)
		*trusted(s, i) = true;
	if (!splits(s))
		return false;
	for (u32 i = 0; i < count; i++)
		*trusted(s, i) = false;
	while (!found && s->trials && size++ < limit)
		found = split_by(s, 0, size);
	if (found || s->trials)
		return found;
	for (u32 i = 0; i < count; i++)
		*trusted(s, i) = true;
	for (u32 i = count; i-- > 0;) {
		*trusted(s, i) = false;
		*trusted(s, i) = !splits(s);
	}
	return true;
}

static bool prepare(struct split *s, struct inventory *inventory, const struct group *group) {
	struct arena *arena = inventory->arena;

	s->candidates = arena_alloc(arena, group->member_count, sizeof(*s->candidates));
	s->assignable = arena_alloc(arena, group->member_count, sizeof(*s->assignable));
	s->trials = (u32)min_u64(TRIALS_MAX, VISITS_MAX / (inventory->function_count + 1));
	return s->candidates && s->assignable;
}

u32 group_split(struct inventory *inventory, const struct group_trust *trusts, u32 trust_count,
		u32 group, u32 *ports, u32 limit) {
	const struct group *g = &inventory->groups[group];
	size_t used = inventory->arena->used;
	struct split s = {.trials = 0};
	u32 count = 0;

	if (g->member_count < 2)
		return 0;
	if (derivation_begin(&s.d, inventory) && prepare(&s, inventory, g)) {
		for (u32 i = 0; i < trust_count; i++)
			derivation_trust(&s.d, trusts[i].port);
		for (u32 i = 0; i < g->member_count; i++) {
			const struct pci_function *f = &inventory->functions[g->members[i]];

			if (pci_assignable(inventory, g->members[i]))
				s.assignable[s.assignable_count++] = g->members[i];
			if (!s.d.nodes[g->members[i]].trusted && pci_is_port(f) &&
			    (!acs_isolates(f) || acs_controls_fail(f)))
				s.candidates[s.candidate_count++] = g->members[i];
		}
		for (u32 i = 0, found = search(&s, limit); found && i < s.candidate_count; i++) {
			if (!*trusted(&s, i))
				continue;
			if (count < limit)
				ports[count] = s.candidates[i];
			count++;
		}
	}
	derivation_end(&s.d);
	inventory->arena->used = used;
	return count <= limit ? count : 0;
}
