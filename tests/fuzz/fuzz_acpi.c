/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables from hostile firmware. The first byte of an input chooses the parser (bits 1:0) and
 * whether signature, length and checksum are put right (bit 2 clear), so that the content is reached.
 */
#include <stdlib.h>

#include "acpi.h"
#include "acpi_tables.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u8 memory[256 * KIB];

static const struct pci_function template[] = {
	{.address = {0, 0, 0x00}},
	{.address = {0, 0, 0x02}},
	{.address = {0, 0, 0x08}, .header_type = 1, .secondary_bus = 1, .subordinate_bus = 2},
	{.address = {0, 0, 0x10}},
	{.address = {0, 0, 0xf8}},
	{.address = {0, 1, 0x00}},
	{.address = {0, 1, 0x01}},
	{.address = {0, 1, 0x08}, .header_type = 1, .secondary_bus = 2, .subordinate_bus = 2},
	{.address = {0, 2, 0x00}},
	{.address = {1, 0, 0x00}},
};

static void check(bool holds) {
	if (!holds)
		abort();
}

static void check_inventory(const struct inventory *inventory) {
	for (u32 i = 0; i < inventory->function_count; i++) {
		u32 unit = inventory->functions[i].unit;

		check(unit == NONE ||
		      (unit < inventory->unit_count &&
		       inventory->units[unit].segment == inventory->functions[i].address.segment));
	}
	for (u32 i = 0; i < inventory->ioapic_count; i++)
		check(inventory->ioapics[i].unit == NONE ||
		      inventory->ioapics[i].unit < inventory->unit_count);
	for (u32 i = 0; i < inventory->region_count; i++) {
		const struct reserved_region *region = &inventory->regions[i];

		check(region->limit > region->base && IS_ALIGNED(region->base, PAGE_SIZE));
		check(region->function == NONE ? region->first < region->last
					       : region->function < inventory->function_count);
	}
	for (u32 i = 0; i < inventory->unit_count; i++)
		check(inventory->units[i].base && IS_ALIGNED(inventory->units[i].base, PAGE_SIZE));
	for (u32 i = 0; i < inventory->window_count; i++)
		check(inventory->windows[i].first_bus <= inventory->windows[i].last_bus);
	for (u32 i = 0; i < inventory->warning_count && i < INVENTORY_WARNINGS; i++)
		check(strlen(inventory->warnings[i].text) > 0);
}

static void put_right(u8 *table, size_t size, const char *signature) {
	u8 sum = 0;

	memcpy(table, signature, 4);
	for (int i = 0; i < 4; i++)
		table[4 + i] = (u8)(size >> 8 * i);
	table[9] = 0;
	for (size_t i = 0; i < size; i++)
		sum += table[i];
	table[9] = (u8)-sum;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
	static bool (*const parsers[])(struct inventory *, struct acpi_table) = {
		madt_parse, mcfg_parse, dmar_parse, ivrs_parse};
	static const char *const signatures[] = {"APIC", "MCFG", "DMAR", "IVRS"};
	struct arena arena = {.base = memory, .size = sizeof(memory)};
	struct pci_function functions[ARRAY_SIZE(template)];
	struct ioapic_info ioapics[] = {{.id = 2}, {.id = 3}};

	if (size < 1 || size > 16384)
		return 0;
	u8 choice = *data++;
	u8 *copy = malloc(--size ? size : 1);

	memcpy(copy, data, size);
	if (!(choice & 4) && size >= sizeof(struct acpi_header))
		put_right(copy, size, signatures[choice & 3]);
	memcpy(functions, template, sizeof(functions));
	for (u32 i = 0; i < ARRAY_SIZE(functions); i++) {
		functions[i].physical = i == 6 ? 5 : NONE;
		functions[i].unit = NONE;
	}
	for (u32 i = 0; i < ARRAY_SIZE(ioapics); i++)
		ioapics[i].unit = NONE;
	struct inventory inventory = {
		.arena = &arena,
		.functions = functions,
		.function_count = ARRAY_SIZE(functions),
		.ioapics = ioapics,
		.ioapic_count = ARRAY_SIZE(ioapics),
	};

	parsers[choice & 3](&inventory, (struct acpi_table){copy, (u32)size});
	check_inventory(&inventory);
	free(copy);
	return 0;
}
