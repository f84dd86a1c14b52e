/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "acpi.h"

/* ACPI tables out of a file: one as it lies in memory, or several as acpidump prints them. */
struct table_file {
	struct acpi_table *tables; /* point into BYTES */
	u32 count;
	u8 *bytes;
};

/*
 * Reads PATH. False, with words for the user in ERROR, when it cannot be read, is empty or larger than any
 * table, or its text is not acpidump's. There is at least one table; none has been looked into.
 */
bool table_file_read(struct table_file *file, const char *path, char *error, size_t error_size);
void table_file_free(struct table_file *file);
/* Has the table this signature of four characters? */
bool table_is(const struct acpi_table *table, const char *signature);
