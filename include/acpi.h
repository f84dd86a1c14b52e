/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "inventory.h"

/* System description tables of ACPI 6.5, section 5.2, as bytes that nobody has checked yet. */
struct acpi_table {
	const u8 *data;
	u32 size; /* bytes that may be read */
};

/*
 * Each reads one table into the inventory and warns of what is malformed. False: the table as a
 * whole cannot be used (signature, length, checksum); the inventory then holds nothing of it.
 */
bool madt_parse(struct inventory *inventory, struct acpi_table table);
bool mcfg_parse(struct inventory *inventory, struct acpi_table table);
/*
 * Units, interrupt-remapping flags and IOAPIC sources; runs after madt_parse and pci_enumerate,
 * because scopes are resolved through bridges. Fills function.unit, function.table_alias, ioapic.unit,
 * ioapic.source_id and regions.
 */
bool dmar_parse(struct inventory *inventory, struct acpi_table table);
bool ivrs_parse(struct inventory *inventory, struct acpi_table table);
