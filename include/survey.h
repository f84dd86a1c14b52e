/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "enumerate.h"
#include "iommu.h"
#include "text.h"

/* What a person wants to see of a machine before its first start. Text only: nothing is changed. */

/* What only the machine itself can tell. */
struct survey_facts {
	const char *processor; /* "amd-svm", "unsupported" */
	const char *processor_fault; /* why it cannot run partitions; NULL: it can */
	const struct iommu *iommu; /* as iommu_probe() has left it */
	const char *iommu_fault; /* what it said; NULL: nothing */
};

/* Words about a model, such as "Intel Corporation 82574L"; NULL: unknown. TEXT of SIZE bytes may hold them. */
struct device_names {
	const char *(*find)(const struct device_names *names, const struct pci_function *f,
			    char *text, size_t size);
};

/*
 * The lines about isolation groups: members, reasons, and which trust would split them. TRUSTS are those
 * that the groups were derived with.
 */
void survey_groups(struct inventory *inventory, const struct group_trust *trusts, u32 trust_count,
		   struct text_sink *out);
/* As group_split(), at most GROUP_SPLIT_MAX into PORTS; does not try where nothing could be gained. */
u32 survey_split(struct inventory *inventory, const struct group_trust *trusts, u32 trust_count,
		 u32 group, u32 *ports);
/* What every start shows: processors, units, functions, groups, warnings. FACTS may be NULL (a host). */
void survey_brief(const struct inventory *inventory, const struct survey_facts *facts,
		  struct text_sink *out);
/* The largest free piece, NULL: none is known; and the sum of all. */
const struct memory_range *survey_memory(const struct inventory *inventory, u64 *bytes);
/*
 * The same, then memory, what units can do, what can be given away and what hinders the rest, regions,
 * and what is missing for a working system.
 */
void survey_print(struct inventory *inventory, const struct survey_facts *facts,
		  struct text_sink *out);
/*
 * A bulkhead.conf to start from, which passes the rules as soon as its images are there. NAMES may be
 * NULL. Works in what is left of the inventory's arena, and leaves it as it was.
 */
void draft_print(struct inventory *inventory, const struct device_names *names,
		 struct text_sink *out);

/* What a person calls a function: "nic", "disk", "smbus". */
const char *survey_kind(const struct pci_function *f);
/*
 * Why the rules of the file would refuse a partition that has this group: in WORDS of SIZE bytes, or ""
 * when they would not. False: no function of the group can be given away.
 */
bool survey_obstacle(const struct inventory *inventory, u32 group, char *words, size_t size);
