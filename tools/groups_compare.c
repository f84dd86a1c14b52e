/* SPDX-License-Identifier: Apache-2.0 */
/* `bulkhead groups --compare`: where Linux formed other groups on the same machine, and why. */
#include "groups.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct comparison {
	const struct inventory *inventory;
	const struct linux_groups *theirs;
	u32 *their_group; /* by function; NONE: Linux does not have it */
	u32 *our_group; /* by Linux's group: that of its first function; NONE: none is known here */
	bool *finer; /* by Linux's group: ours split it */
	bool json;
	u32 equal, coarser, finer_count;
};

static bool prepare(struct comparison *c) {
	const struct inventory *inventory = c->inventory;

	c->their_group = calloc(inventory->function_count + 1, sizeof(u32));
	c->our_group = calloc(c->theirs->group_count + 1, sizeof(u32));
	c->finer = calloc(c->theirs->group_count + 1, sizeof(bool));
	if (!c->their_group || !c->our_group || !c->finer)
		return false;
	memset(c->our_group, 0xff, c->theirs->group_count * sizeof(u32));
	for (u32 f = 0; f < inventory->function_count; f++) {
		u32 group = inventory->functions[f].group;
		u32 their = linux_group_of(c->theirs, inventory->functions[f].address);

		c->their_group[f] = their;
		if (their == NONE)
			continue;
		if (c->our_group[their] == NONE)
			c->our_group[their] = group;
		c->finer[their] |= c->our_group[their] != group;
	}
	return true;
}

/* The number of Linux's groups that a group of ours has members of. */
static u32 parts_of(const struct comparison *c, const struct group *group) {
	u32 parts = 0;

	for (u32 i = 0; i < group->member_count; i++) {
		u32 their = c->their_group[group->members[i]];
		bool seen = their == NONE;

		for (u32 k = 0; k < i && !seen; k++)
			seen = c->their_group[group->members[k]] == their;
		parts += !seen;
	}
	return parts;
}

/* A reason that ties what Linux keeps apart. */
static bool crosses(const struct comparison *c, const struct group_reason *reason) {
	u32 first = c->their_group[reason->first], second = c->their_group[reason->second];

	return first == NONE || second == NONE || first != second;
}

static void print_list(const struct comparison *c, u32 count, const u32 *functions, u32 their) {
	char text[PCI_TEXT_SIZE];
	bool first = true;

	for (u32 i = 0; i < count; i++) {
		const struct pci_function *f = &c->inventory->functions[functions[i]];

		if (c->their_group[functions[i]] != their)
			continue;
		printf(c->json ? "%s\"%s\"" : "%s%s",
		       first     ? ""
		       : c->json ? ","
				 : " ",
		       pci_text(text, f->address));
		first = false;
	}
}

/* The members of a group of ours, in Linux's groups. */
static void print_parts(const struct comparison *c, const struct group *group) {
	bool first = true;

	for (u32 i = 0; i < group->member_count; i++) {
		u32 their = c->their_group[group->members[i]];
		bool seen = their == NONE;

		for (u32 k = 0; k < i && !seen; k++)
			seen = c->their_group[group->members[k]] == their;
		if (seen)
			continue;
		printf("%s", !c->json ? " {" : first ? "[" : ",[");
		print_list(c, group->member_count, group->members, their);
		printf(c->json ? "]" : "}");
		first = false;
	}
}

static void print_coarser(struct comparison *c, u32 index) {
	const struct group *group = &c->inventory->groups[index];
	char text[REASON_SIZE];
	bool first = true;
	u32 crossing = 0;

	for (u32 i = 0; i < group->reason_count; i++)
		crossing += crosses(c, &group->reasons[i]);
	if (c->json)
		printf("%s{\"group\":%u,\"linux\":[", c->coarser ? "," : "", index);
	else
		printf("group %u: Linux splits these:", index);
	print_parts(c, group);
	printf(c->json ? "],\"reasons\":[" : "\n");
	for (u32 i = 0; i < group->reason_count; i++) {
		const struct group_reason *reason = &group->reasons[i];

		if (crossing && !crosses(c, reason))
			continue;
		if (c->json) {
			printf("%s", first ? "" : ",");
			groups_json_reason(c->inventory, reason);
		} else {
			printf("  %s: %s\n", group_rule_name(reason->rule),
			       group_reason_text(c->inventory, reason, text, sizeof(text)));
		}
		first = false;
	}
	printf("%s", c->json ? "]}" : "");
}

/* One of Linux's groups, in ours. */
static void print_finer(struct comparison *c, u32 their) {
	const struct inventory *inventory = c->inventory;
	bool first = true;

	printf(c->json ? "%s[" : "%sLinux joins these:", c->json && c->finer_count ? "," : "");
	for (u32 g = 0; g < inventory->group_count; g++) {
		const struct group *group = &inventory->groups[g];
		bool any = false;

		for (u32 i = 0; i < group->member_count; i++)
			any |= c->their_group[group->members[i]] == their;
		if (!any)
			continue;
		printf("%s", c->json ? (first ? "[" : ",[") : " {");
		print_list(c, group->member_count, group->members, their);
		printf(c->json ? "]" : "}");
		first = false;
	}
	printf(c->json ? "]" : "\n");
	c->finer_count++;
}

static void print_groups(struct comparison *c) {
	printf("%s", c->json ? "{\"coarser\":[" : "");
	for (u32 g = 0; g < c->inventory->group_count; g++) {
		const struct group *group = &c->inventory->groups[g];
		u32 parts = parts_of(c, group);

		if (parts > 1) {
			print_coarser(c, g);
			c->coarser++;
		} else if (parts) {
			bool split = false;

			for (u32 i = 0; i < group->member_count; i++) {
				u32 their = c->their_group[group->members[i]];

				split |= their != NONE && c->finer[their];
			}
			c->equal += !split;
		}
	}
	printf("%s", c->json ? "],\"finer\":[" : "");
	for (u32 i = 0; i < c->theirs->group_count; i++)
		if (c->finer[i])
			print_finer(c, i);
}

/* Functions that only one side has. Returns their number. */
static u32 print_unknown(struct comparison *c, bool here) {
	const struct inventory *inventory = c->inventory;
	u32 limit = here ? inventory->function_count : c->theirs->count, count = 0;
	char text[PCI_TEXT_SIZE];

	if (c->json)
		printf("],\"%s\":[", here ? "only_here" : "only_linux");
	for (u32 i = 0; i < limit; i++) {
		struct pci_address address =
			here ? inventory->functions[i].address : c->theirs->members[i].address;

		if (here ? c->their_group[i] != NONE : inventory_find(inventory, address) != NONE)
			continue;
		if (c->json)
			printf("%s\"%s\"", count ? "," : "", pci_text(text, address));
		else
			printf("%s %s",
			       count  ? ""
			       : here ? "in none of Linux's groups:"
				      : "in a group of Linux's, but not seen here:",
			       pci_text(text, address));
		count++;
	}
	if (count && !c->json)
		printf("\n");
	return count;
}

bool groups_compare(struct machine *machine, const struct linux_groups *linux_groups, bool json) {
	struct comparison c = {
		.inventory = &machine->inventory, .theirs = linux_groups, .json = json};

	if (prepare(&c)) {
		print_groups(&c);
		u32 here = print_unknown(&c, true), there = print_unknown(&c, false);

		if (json)
			printf("],\"equal\":%u}\n", c.equal);
		else
			printf("%u groups equal, %u coarser than Linux's, %u finer; %u functions are "
			       "in none of Linux's groups, %u were not seen here\n",
			       c.equal, c.coarser, c.finer_count, here, there);
	} else {
		fprintf(stderr, "bulkhead: no memory\n");
		c.finer_count = 1;
	}
	free(c.their_group);
	free(c.our_group);
	free(c.finer);
	return !c.finer_count;
}
