/* SPDX-License-Identifier: Apache-2.0 */
#include "derive.h"

#define TRIALS_MAX 4096
#define VISITS_MAX (1u << 24) /* functions looked at in all trials */

/* A set of ports is a number. */
_Static_assert(GROUP_SPLIT_MAX < 64, "and what comes after the last set is one, too");

struct split {
	struct derivation d;
	const struct group *group;
	u32 *ports; /* whose trust could matter */
	u32 count;
	u32 trials; /* that are left */
};

/* Does trust in the ports of SET put the assignable functions apart? */
static bool splits(struct split *s, u64 set) {
	u32 leader = NONE;

	for (u32 i = 0; i < s->count; i++)
		s->d.nodes[s->ports[i]].trusted = set & BIT(i);
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
 * port after the other while it still splits ends with a set that needs each.
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

/* A port that may be tried: it does not isolate, and is not trusted yet. */
static bool is_candidate(const struct split *s, u32 f) {
	const struct pci_function *function = &s->d.functions[f];

	return !s->d.nodes[f].trusted && pci_is_port(function) &&
	       (!acs_isolates(function) || acs_controls_fail(function));
}

u32 group_split(struct inventory *inventory, const struct group_trust *trusts, u32 trust_count,
		u32 group, u32 *ports) {
	struct split s = {
		.group = &inventory->groups[group],
		.ports = ports,
		.trials = (u32)min_u64(TRIALS_MAX, VISITS_MAX / (inventory->function_count + 1))};
	u32 failing = 0, found = 0;

	if (s.group->member_count < 2)
		return 0;
	if (derivation_begin(&s.d, inventory)) {
		for (u32 i = 0; i < trust_count; i++)
			derivation_trust(&s.d, trusts[i].port);
		for (u32 i = 0; i < s.group->member_count; i++)
			if (is_candidate(&s, s.group->members[i]) && failing++ < GROUP_SPLIT_MAX)
				ports[s.count++] = s.group->members[i];
		u64 set = failing == s.count ? search(&s) : 0;

		for (u32 i = 0; i < s.count; i++)
			if (set & BIT(i))
				ports[found++] = ports[i];
	}
	derivation_end(&s.d);
	return found;
}
