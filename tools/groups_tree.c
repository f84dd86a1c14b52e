/* SPDX-License-Identifier: Apache-2.0 */
/* `bulkhead groups` for eyes: the tree of buses, what belongs together and why. */
#include "groups.h"
#include "terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 256 /* a bridge leads to a higher bus */
#define LEVEL_COLUMNS 3
#define ADDRESS_COLUMNS 12
#define KIND_COLUMNS 23
#define NOTE_COLUMNS 6 /* "no ACS" */
#define LINE_SIZE 512

/* Red is left for what is at fault. */
static const char *const palette[] = {"36",   "33",   "35",   "32",   "34",
				      "1;36", "1;33", "1;35", "1;32", "1;34"};
#define BLAME "31"
#define FAINT "2"

struct tree {
	struct machine *machine;
	struct inventory *inventory;
	struct libpci_names *names;
	struct terminal terminal;
	u32 *first_child, *next; /* by function */
	u32 *colours; /* by group: an index of the palette; NONE: it is alone */
	u32 address_columns; /* of the deepest function, with what is drawn before it */
	bool last[DEPTH_MAX]; /* no more siblings at this level */
};

static const char *group_colour(const struct tree *t, u32 group) {
	u32 colour = t->colours[group];

	return colour == NONE ? NULL : palette[colour % ARRAY_SIZE(palette)];
}

/* Children in the order of addresses. */
static void link_children(struct tree *t) {
	for (u32 f = t->inventory->function_count; f-- > 0;) {
		u32 parent = t->inventory->functions[f].parent;

		t->next[f] = NONE;
		if (parent == NONE)
			continue;
		t->next[f] = t->first_child[parent];
		t->first_child[parent] = f;
	}
}

static u32 depth_of(const struct inventory *inventory, u32 f) {
	u32 depth = 0;

	while ((f = inventory->functions[f].parent) != NONE && depth < DEPTH_MAX - 1)
		depth++;
	return depth;
}

static bool prepare(struct tree *t) {
	struct inventory *inventory = t->inventory;
	u32 count = inventory->function_count, several = 0;

	t->first_child = calloc(count + 1, sizeof(u32));
	t->next = calloc(count + 1, sizeof(u32));
	t->colours = calloc(inventory->group_count + 1, sizeof(u32));
	if (!t->first_child || !t->next || !t->colours)
		return false;
	memset(t->first_child, 0xff, count * sizeof(u32));
	link_children(t);
	for (u32 g = 0; g < inventory->group_count; g++)
		t->colours[g] = inventory->groups[g].member_count > 1 ? several++ : NONE;
	for (u32 f = 0; f < count; f++)
		t->address_columns = (u32)max_u64(t->address_columns,
						  LEVEL_COLUMNS * (depth_of(inventory, f) + 1) +
							  ADDRESS_COLUMNS);
	return true;
}

static void draw_branch(const struct tree *t, u32 depth) {
	for (u32 level = 0; level < depth; level++)
		fputs(t->last[level] ? "   " : t->terminal.lines ? "│  " : "|  ", stdout);
	if (t->terminal.lines)
		fputs(t->last[depth] ? "└─ " : "├─ ", stdout);
	else
		fputs(t->last[depth] ? "`- " : "|- ", stdout);
}

static void print_function(struct tree *t, u32 f, u32 depth) {
	const struct inventory *inventory = t->inventory;
	const struct pci_function *function = &inventory->functions[f];
	const char *colour = group_colour(t, function->group);
	char text[PCI_TEXT_SIZE], on[16], off[16], line[LINE_SIZE];
	u32 used = t->address_columns + 6 + 2 + KIND_COLUMNS + 1;
	struct function_words words;

	function_words(inventory, f, t->names, &words);
	terminal_colour(&t->terminal, NULL, off);
	draw_branch(t, depth);
	printf("%s%-*s  %5u%s  %-*.*s ", terminal_colour(&t->terminal, colour ? colour : "0", on),
	       (int)(t->address_columns - LEVEL_COLUMNS * (depth + 1)),
	       pci_text(text, function->address), function->group, off, KIND_COLUMNS, KIND_COLUMNS,
	       words.kind);
	printf("%s%-*s%s ", words.open ? terminal_colour(&t->terminal, BLAME, on) : "",
	       NOTE_COLUMNS, words.open ? words.isolation : "", words.open ? off : "");
	used += NOTE_COLUMNS + 1;
	if (words.open && strlen(words.isolation) > NOTE_COLUMNS)
		used += (u32)strlen(words.isolation) - NOTE_COLUMNS;
	snprintf(line, sizeof(line), "%s", words.name);
	if (t->terminal.width > used + 8 && strlen(line) > t->terminal.width - used)
		line[t->terminal.width - used] = '\0';
	printf("%s%s%s\n",
	       terminal_colour(&t->terminal, pci_assignable(inventory, f) ? "1" : FAINT, on), line,
	       off);
}

static void print_below(struct tree *t, u32 f, u32 depth) {
	for (; f != NONE; f = t->next[f]) {
		t->last[depth] = t->next[f] == NONE;
		print_function(t, f, depth);
		if (depth + 1 < DEPTH_MAX)
			print_below(t, t->first_child[f], depth + 1);
	}
}

static bool same_root(const struct inventory *inventory, u32 a, u32 b) {
	const struct pci_function *f = inventory->functions;

	return f[a].address.segment == f[b].address.segment && f[a].address.bus == f[b].address.bus;
}

/* The functions of each root bus, with what is below them. */
static void print_roots(struct tree *t) {
	const struct inventory *inventory = t->inventory;
	u32 previous = NONE, f = 0;

	while (f < inventory->function_count) {
		u32 next = f + 1;

		while (next < inventory->function_count &&
		       inventory->functions[next].parent != NONE)
			next++;
		if (inventory->functions[f].parent == NONE) {
			if (previous == NONE || !same_root(inventory, previous, f))
				printf("%s%04x:%02x\n", previous == NONE ? "" : "\n",
				       inventory->functions[f].address.segment,
				       inventory->functions[f].address.bus);
			t->last[0] =
				next == inventory->function_count || !same_root(inventory, f, next);
			print_function(t, f, 0);
			print_below(t, t->first_child[f], 1);
			previous = f;
		}
		f = next;
	}
}

/* "group 5  0000:00:1c.0 ...", and its reasons. */
static void print_group(struct tree *t, u32 g) {
	const struct group *group = &t->inventory->groups[g];
	char text[REASON_SIZE], on[16], off[16];
	u32 ports[GROUP_SPLIT_MAX];
	u32 count = group_split(t->inventory, t->machine->preview.trusts,
				t->machine->preview.trust_count, g, ports);
	size_t length = (group->member_count + 1) * PCI_TEXT_SIZE;
	char *members = calloc(1, length);
	size_t at = 0;

	for (u32 i = 0; members && i < group->member_count; i++)
		at += (size_t)snprintf(
			members + at, length - at, "%s%s", i ? " " : "",
			pci_text(text, t->inventory->functions[group->members[i]].address));
	printf("\n%sgroup %-4u%s ", terminal_colour(&t->terminal, group_colour(t, g), on), g,
	       terminal_colour(&t->terminal, NULL, off));
	terminal_wrap(&t->terminal, 11, members ? members : "");
	free(members);
	for (u32 i = 0; i < group->reason_count; i++) {
		printf("           because ");
		terminal_wrap(
			&t->terminal, 19,
			group_reason_text(t->inventory, &group->reasons[i], text, sizeof(text)));
	}
	if (count)
		printf("           trust");
	for (u32 i = 0; i < count; i++)
		printf(" %s", pci_text(text, t->inventory->functions[ports[i]].address));
	if (count)
		printf(" would split it\n");
}

void groups_tree(struct machine *machine) {
	struct tree t = {.machine = machine,
			 .inventory = &machine->inventory,
			 .names = libpci_names_open(),
			 .terminal = terminal_probe()};
	char text[LINE_SIZE];

	if (prepare(&t)) {
		printf("%-*s  group\n", (int)t.address_columns, "");
		print_roots(&t);
		for (u32 g = 0; g < t.inventory->group_count; g++)
			if (t.colours[g] != NONE)
				print_group(&t, g);
		groups_summary(t.inventory, text, sizeof(text));
		printf("\n%s%s\n", text,
		       machine->incomplete ? " (an upper bound: not all was seen)" : "");
	}
	libpci_names_close(t.names);
	free(t.first_child);
	free(t.next);
	free(t.colours);
}
