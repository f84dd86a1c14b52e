/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "acpi_walk.h"

/*
 * What DMAR and IVRS have in common: units, and which unit each function belongs to. Claims are
 * collected while a table is read and settled at its end: the narrowest claim wins, and two
 * units that claim a function equally leave it uncovered, since programming the wrong one would
 * leave its DMA free.
 */
struct claim {
	u32 unit;
	u32 span; /* requester IDs that the table names in one go: fewer is more specific */
	bool has_alias;
	u16 alias; /* IVRS: of the narrowest claim that has one */
	u32 alias_span;
	u32 region; /* offset of the record that gave it a region last */
};

#define CLAIM_REFUSED (NONE - 1) /* named by something that cannot be used */
#define CLAIM_CONFLICT (NONE - 2)
#define SPAN_ALL 0x10001 /* "all others": less specific than any range */

/* Requester IDs of one segment, both ends included. */
struct id_range {
	u16 segment, first, last;
};
#define RANGE_ALL(segment) ((struct id_range){segment, 0, UINT16_MAX})
/* To what nobody names. */
#define CLAIM_OTHERS(unit_) ((struct claim){.unit = (unit_), .span = SPAN_ALL})

struct coverage {
	struct inventory *inventory;
	struct acpi_walk start; /* before the first record */
	struct claim *claims; /* one for each function */
	u32 blocks; /* IVRS: IVHDs so far */
	bool incomplete; /* something could not be read: then nobody knows who "all others" are */
	bool full; /* no memory: the table is given up */
};

/*
 * Reads TABLE in place of what an earlier one said: READ is called for each record. False: it cannot
 * be used, and nothing is covered.
 */
bool coverage_parse(struct inventory *inventory, struct acpi_table table, const char *signature,
		    enum acpi_layout layout,
		    void (*read)(struct coverage *coverage, const struct acpi_walk *record));
/* Warns of RECORD: "DMAR: what is at 0x30 WORDS". */
void coverage_warn(struct coverage *coverage, const struct acpi_walk *record, const char *words);
/* Index of the unit; CLAIM_REFUSED, with a warning, when its registers cannot be there. */
u32 coverage_add_unit(struct coverage *coverage, const struct acpi_walk *record,
		      struct unit_info unit);
void coverage_claim(struct coverage *coverage, struct id_range range, struct claim claim);
void coverage_claim_ioapic(struct coverage *coverage, u32 id, u32 unit, u16 source_id);
/*
 * Once for each function of RANGE that RECORD names, or for all of them when it is more than a bus; warns
 * when there can be no such region.
 */
void coverage_add_region(struct coverage *coverage, const struct acpi_walk *record,
			 struct reserved_region region, struct id_range range);
