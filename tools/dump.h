/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "inventory.h"
#include "libpci.h"

/* Configuration space of a whole machine, as it stood at one moment. */
struct dump_function {
	struct pci_address address;
	u32 size; /* bytes that were seen */
	u8 *bytes; /* 256 or 4096 */
};

struct dump {
	struct pci_access access; /* reads from here; there is no write */
	struct dump_function *functions; /* sorted by address */
	u32 count;
	u32 capacity;
	u32 skipped; /* functions in segments beyond 0xffff: behind a VMD controller */
	struct libpci_visitor visitor;
};

/*
 * Reads what `lspci -xxxx` wrote into PATH, or this machine where that is NULL. Spaces become 256 or
 * 4096 bytes long, with zeros for what lies beyond what was seen. False with words in ERROR. To be freed
 * in either case; must not be moved.
 */
bool dump_read(struct dump *dump, const char *path, char *error, size_t error_size);
void dump_free(struct dump *dump);
/* One window over all buses of each segment in the dump, when the inventory has none. */
bool dump_windows(const struct dump *dump, struct inventory *inventory);
