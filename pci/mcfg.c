/* SPDX-License-Identifier: Apache-2.0 */
/* Where configuration space is mapped: PCI Firmware specification, section 4.1.2. */
#include "acpi_tables.h"
#include "acpi_walk.h"

static bool is_possible(const struct ecam_window *window) {
	u64 bytes = ((u64)window->last_bus + 1) << 20;

	/* A bus takes 1 MiB, and its number is put into the address bits above. */
	return window->base && IS_ALIGNED(window->base, MIB) &&
	       window->base + bytes > window->base && window->first_bus <= window->last_bus;
}

static bool overlaps(const struct inventory *inventory, const struct ecam_window *window) {
	for (u32 i = 0; i < inventory->window_count; i++) {
		const struct ecam_window *other = &inventory->windows[i];

		if (other->segment == window->segment && other->first_bus <= window->last_bus &&
		    window->first_bus <= other->last_bus)
			return true;
	}
	return false;
}

bool mcfg_parse(struct inventory *inventory, struct acpi_table table) {
	struct acpi_walk walk;

	if (!acpi_open(&walk, inventory, table, "MCFG", sizeof(struct acpi_mcfg),
		       ACPI_MCFG_WINDOWS))
		return false;
	inventory->window_count = 0;
	while (acpi_next(&walk)) {
		const struct acpi_mcfg_window *entry = (const void *)walk.data;
		struct ecam_window window = {entry->base, entry->segment, entry->first_bus,
					     entry->last_bus};

		if (!is_possible(&window) || overlaps(inventory, &window))
			inventory_warn(inventory,
				       "MCFG: window at 0x%llx, segment 0x%04x buses %02x-%02x: "
				       "is impossible or overlaps another",
				       (unsigned long long)window.base, window.segment,
				       window.first_bus, window.last_bus);
		else if (!INVENTORY_ADD(inventory, windows, window_count, window))
			return false;
	}
	return true;
}
