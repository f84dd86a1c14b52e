/* SPDX-License-Identifier: Apache-2.0 */
/* MCFG: PCI Firmware specification, section 4.1.2. */
#include "acpi_tables.h"
#include "decode.h"

#define BUS_BYTES MIB

static void check(struct report *report, struct acpi_table table, u32 offset) {
	const struct acpi_mcfg_window *window = (const void *)(table.data + offset);

	if (!window->base || !IS_ALIGNED(window->base, BUS_BYTES))
		report_warn(report, offset, "the base is not the address of a bus");
	if (window->first_bus > window->last_bus)
		report_warn(report, offset, "the last bus is below the first");
	for (u32 at = DECODE_MCFG_BYTES; at < offset; at += sizeof(*window)) {
		const struct acpi_mcfg_window *other = (const void *)(table.data + at);

		if (other->segment == window->segment && other->first_bus <= window->last_bus &&
		    window->first_bus <= other->last_bus) {
			report_warn(report, offset, "its buses are also those of 0x%04x", at);
			break;
		}
	}
	decode_reserved(report, table, offset + offsetof(struct acpi_mcfg_window, reserved), 4);
}

void decode_mcfg(struct report *report, struct acpi_table table) {
	u32 offset = DECODE_MCFG_BYTES;

	decode_reserved(report, table, offsetof(struct acpi_mcfg, reserved), 8);
	report_open_list(report, "structures");
	for (; offset < table.size; offset += sizeof(struct acpi_mcfg_window)) {
		const struct acpi_mcfg_window *window = (const void *)(table.data + offset);

		if (table.size - offset < sizeof(*window)) {
			report_warn(report, offset, "%u bytes are less than an allocation",
				    table.size - offset);
			decode_unknown(report, table, offset, table.size - offset, 0);
			break;
		}
		report_open(report, "allocation", offset, "allocation", 0);
		report_number(report, "base", window->base, 16);
		report_number(report, "segment", window->segment, 4);
		report_number(report, "start_bus", window->first_bus, 2);
		report_number(report, "end_bus", window->last_bus, 2);
		report_close(report);
		check(report, table, offset);
	}
	report_close_list(report);
}
