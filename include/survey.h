/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "config.h"

/* What a person wants to see of a machine before its first start. Text only: nothing is changed. */

/* What only the machine itself can tell. */
struct survey_facts {
	const char *processor; /* "amd-svm", "unsupported" */
	const char *processor_fault; /* why it cannot run partitions; NULL: it can */
};

/* Words about a model, such as "Intel Corporation 82574L"; NULL: unknown. TEXT of SIZE bytes may hold them. */
struct device_names {
	const char *(*find)(const struct device_names *names, const struct pci_function *f,
			    char *text, size_t size);
};

/*
 * The lines about isolation groups: members and reasons; and, unless TRUSTED is NULL, which trust would
 * split them beside that in TRUSTED, which they were derived with.
 */
void survey_groups(struct inventory *inventory, const struct config_preview *trusted,
		   struct text_sink *out);
/*
 * Processors, units, functions, groups and warnings, which every start shows. WHOLE adds free memory, what
 * can be given away and what hinders the rest, reserved regions, and what is missing for a working system.
 */
void survey_print(struct inventory *inventory, const struct survey_facts *facts, bool whole,
		  struct text_sink *out);
/*
 * A bulkhead.conf to start from, which passes the rules as soon as its images are there. NAMES may be
 * NULL. Works in what is left of the inventory's arena, and leaves it as it was.
 */
void draft_print(struct inventory *inventory, const struct device_names *names,
		 struct text_sink *out);

/* What a person calls a function. In a group the one that stands first in their table gives its name. */
struct device_kind {
	u16 class, mask; /* base and sub class */
	const char *name;
	bool chipset; /* the machine itself may depend on it */
};
const struct device_kind *device_kind(const struct pci_function *f);

/* Bytes of free memory, and those of the largest piece. */
u64 survey_memory(const struct inventory *inventory, u64 *largest);
/*
 * Why the rules of the file would refuse a partition that has this group: in WORDS of SIZE bytes, or ""
 * when they would not. Returns the function that the group is called after; NONE: it has none to give away.
 */
u32 survey_obstacle(const struct inventory *inventory, u32 group, char *words, size_t size);
