/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "acpi.h"
#include "report.h"

/*
 * Tables for people: every structure and field, in the table's order, whatever is wrong with it. A
 * decoder gets a table of at least its signature's fixed bytes, and prints fields and structures.
 */
#define DECODE_DMAR_BYTES 48
#define DECODE_IVRS_BYTES 48
#define DECODE_MCFG_BYTES 44

void decode_dmar(struct report *report, struct acpi_table table);
void decode_ivrs(struct report *report, struct acpi_table table);
void decode_mcfg(struct report *report, struct acpi_table table);

/*
 * Prints the tables of a file that there are decoders for. False, with words in ERROR, when it cannot be
 * read or holds none.
 */
bool decode_file(struct report *report, const char *path, char *error, size_t error_size);

/* Is any of COUNT bytes not zero? */
bool decode_any(const u8 *bytes, u32 count);
/* Warns of bytes that ought to be zero. */
void decode_reserved(struct report *report, struct acpi_table table, u32 offset, u32 count);
/* LENGTH bytes at OFFSET that no layout here fits: kept as they are, not interpreted. */
void decode_unknown(struct report *report, struct acpi_table table, u32 offset, u32 length, u32 id);
/*
 * The LENGTH that a structure of type ID at OFFSET gives itself: true when it has its own four bytes and lies
 * within the table; else warns and keeps all the rest as unknown.
 */
bool decode_fits(struct report *report, struct acpi_table table, u32 offset, u32 length, u32 id);
