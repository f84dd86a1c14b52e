/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "linux_groups.h"
#include "machine.h"

/* Ways to show the groups of a machine, all on standard output. */

#define REASON_SIZE 512

void groups_json(struct machine *machine);
/* The tree of buses, groups with reasons, a summary; coloured where the terminal can. */
void groups_tree(struct machine *machine);
/* A picture for Graphviz. */
void groups_dot(struct machine *machine);
/* Where Linux formed other groups, and why. False: ours are finer somewhere. */
bool groups_compare(struct machine *machine, const struct linux_groups *linux_groups, bool json);

/* For JSON: an address, and a reason; "null" for no function. */
void groups_json_address(const struct inventory *inventory, u32 function);
void groups_json_reason(const struct inventory *inventory, const struct group_reason *reason);

/* What a person wants to know of a function in few words. */
struct function_words {
	char kind[64]; /* "root port", "Ethernet controller" */
	const char *isolation; /* of ports: "no ACS"; else "" */
	bool open; /* a port that does not keep what is below apart */
	char name[160]; /* out of pci.ids, or the IDs */
};
void function_words(const struct inventory *inventory, u32 function, struct libpci_names *names,
		    struct function_words *words);

/* "71 functions in 31 groups, 22 of them alone; 18 functions in 14 groups can be given away" */
void groups_summary(const struct inventory *inventory, char *text, size_t size);
