/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "acpi.h"

/* How the length of a record is told. */
enum acpi_layout {
	ACPI_TYPE8_LENGTH8, /* MADT, device scopes */
	ACPI_TYPE16_LENGTH16, /* DMAR */
	ACPI_TYPE8_FLAGS8_LENGTH16, /* IVRS */
	ACPI_IVHD_ENTRIES, /* by the type */
	ACPI_MCFG_WINDOWS, /* all are alike */
};

/*
 * The records of a table, or those within a record, one after the other. Each lies within its parent
 * and is at least as long as its own type and length.
 */
struct acpi_walk {
	struct inventory *inventory; /* takes warnings; NULL: whoever walks here again wants none */
	const char *signature;
	const u8 *table;
	enum acpi_layout layout;
	u32 next, end;
	bool lost; /* the walk stopped before the end, and more than zeros was left */
	/* The record that acpi_next() found. */
	const u8 *data;
	u32 offset, length;
	u16 type;
};

/*
 * A walk over what follows the first HEADER bytes of TABLE. False, with a warning if there is a table
 * at all, where signature, length or checksum are wrong.
 */
bool acpi_open(struct acpi_walk *walk, struct inventory *inventory, struct acpi_table table,
	       const char *signature, u32 header, enum acpi_layout layout);
/* The same over the record that PARENT stands at, of at least HEADER bytes. */
struct acpi_walk acpi_open_record(const struct acpi_walk *parent, u32 header,
				  enum acpi_layout layout);
/* Finds the next record. False at the end and, with a warning, where a length is impossible. */
bool acpi_next(struct acpi_walk *walk);

/* Adds an object to one of the inventory's arrays; false when the arena is full. */
#define INVENTORY_ADD(inventory, array, count, object)                                             \
	({                                                                                         \
		__typeof__((inventory)->array) grown_ =                                            \
			arena_grow((inventory)->arena, (inventory)->array, (inventory)->count,     \
				   sizeof(*grown_));                                               \
		if (grown_) {                                                                      \
			(inventory)->array = grown_;                                               \
			grown_[(inventory)->count++] = (object);                                   \
		}                                                                                  \
		grown_ != NULL;                                                                    \
	})
