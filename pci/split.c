/* SPDX-License-Identifier: Apache-2.0 */
#include "derive.h"

#define TRIALS_MAX 4096
#define VISITS_MAX (1u << 24) /* functions looked at in all trials */
#define CANDIDATES_MAX 63 /* a set of them is a number */

struct split {
	struct derivation d;
	const struct group *group;
	u32 candidates[CANDIDATES_MAX]; /* ports whose trust could matter */
	u32 count;
	u32 trials; /* that are left */
};

/* Does trust in the candidates of SET put the assignable functions apart? */
static bool splits(struct split *s, u64 set) {
	u32 leader = NONE;

	for (u32 i = 0; i < s->count; i++)
		s->d.nodes[s->candidates[i]].trusted = set & BIT(i);
	derivation_run(&s->d);
	for (u32 i = 0; i < s->group->member_count; i++) {
		u32 f = s->group->members[i];

		if (!pci_assignable(s->d.inventory, f))
			continue;
		if (leader != NONE && derivation_leader(&s->d, f) != leader)
			return true;
		leader = derivation_leader(&s->d, f);
	}
	return false;
}

/* The next larger number with as many bits set. */
static u64 next_of_size(u64 set) {
	u64 lowest = set & -set, carried = set + lowest;

	return carried | (set ^ carried) / lowest >> 2;
}

/*
 * More trust only takes ties away: where all of it splits nothing, no trust does, and leaving out one
 * candidate after the other while it still splits ends with a set that needs each.
 */
static u64 search(struct split *s) {
	u64 all = BIT(s->count) - 1;

	if (!s->count || s->count >= s->trials || !splits(s, all))
		return 0;
	for (u32 size = 1; size < s->count; size++)
		for (u64 set = BIT(size) - 1; set <= all && s->trials; set = next_of_size(set)) {
			if (splits(s, set))
				return set;
			s->trials--;
		}
	for (u32 i = s->count; i-- > 0;)
		if (splits(s, all & ~BIT(i)))
			all &= ~BIT(i);
	return all;
}

u32 group_split(struct inventory *inventory, const struct group_trust *trusts, u32 trust_count,
		u32 group, u32 *ports, u32 limit) {
	const struct group *g = &inventory->groups[group];
	struct split s = {
		.group = g,
		.trials = (u32)min_u64(TRIALS_MAX, VISITS_MAX / (inventory->function_count + 1))};
	u32 count = 0, failing = 0;

	if (g->member_count < 2)
		return 0;
	if (derivation_begin(&s.d, inventory)) {
		for (u32 i = 0; i < trust_count; i++)
			derivation_trust(&s.d, trusts[i].port);
		for (u32 i = 0; i < g->member_count; i++) {
			const struct pci_function *f = &inventory->functions[g->members[i]];

			if (s.d.nodes[g->members[i]].trusted || !pci_is_port(f) ||
			    (acs_isolates(f) && !acs_controls_fail(f)))
				continue;
			if (failing++ < CANDIDATES_MAX)
				s.candidates[s.count++] = g->members[i];
		}
		u64 set = failing == s.count ? search(&s) : 0;

		for (u32 i = 0; i < s.count; i++) {
			if (!(set & BIT(i)))
				continue;
			if (count < limit)
				ports[count] = s.candidates[i];
			count++;
		}
	}
	derivation_end(&s.d);
	return count <= limit ? count : 0;
}
