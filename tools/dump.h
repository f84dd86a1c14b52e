/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "inventory.h"
#include <stdio.h>

/* Configuration space of a whole machine, as it stood at one moment. */
struct dump_function {
	struct pci_address address;
	u32 size;
	u8 *bytes;
};

struct dump {
	struct pci_access access; /* reads from here; there is no write */
	struct dump_function *functions; /* sorted by address */
	u32 count;
	u32 capacity;
	u32 skipped; /* functions in segments beyond 0xffff: behind a VMD controller */
	u32 truncated; /* functions with fewer than 256 bytes: not read as root */
};

void dump_init(struct dump *dump);
void dump_free(struct dump *dump);
/* Adds a function; BYTES are copied. SEGMENT may be wider than what hardware has. False: no memory. */
bool dump_add(struct dump *dump, u32 segment, u8 bus, u8 devfn, const u8 *bytes, u32 size);
/*
 * Reads what `lspci -xxxx` prints, with or without segments; rows that are left out are zeros. False
 * with words in ERROR.
 */
bool dump_read(struct dump *dump, FILE *file, char *error, size_t error_size);
/* Sorts; must follow the last dump_add(). False when an address stands twice. */
bool dump_finish(struct dump *dump, char *error, size_t error_size);
/* One window over all buses of each segment in the dump, when the inventory has none. */
bool dump_windows(const struct dump *dump, struct inventory *inventory);
