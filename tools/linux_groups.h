/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "pci.h"

/* IOMMU groups as Linux formed them. */
struct linux_groups {
	struct linux_member {
		struct pci_address address;
		u32 group;
	} * members; /* by address */
	u32 count;
	u32 group_count;
};

/*
 * "0000:01:00.0", or without the segment; nothing else. BEYOND: the segment does not fit 16 bits, it is
 * VMD's. False: it is no address.
 */
bool linux_address(const char *text, struct pci_address *address, bool *beyond);
/*
 * Reads one group a line, addresses with blanks between them, out of PATH ("none:" begins a line of
 * functions without); what the running kernel has where that is NULL. False with words in ERROR.
 */
bool linux_groups_read(struct linux_groups *groups, const char *path, char *error,
		       size_t error_size);
void linux_groups_free(struct linux_groups *groups);
/* The group of ADDRESS, or NONE. */
u32 linux_group_of(const struct linux_groups *groups, struct pci_address address);
