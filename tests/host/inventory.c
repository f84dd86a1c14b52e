/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inventory TABLE < MACHINE: reads a DMAR or IVRS table into an inventory, with the image's own parsers, and
 * prints what is then known. MACHINE has a line for each function, in the order of addresses, and for
 * each IOAPIC, in hexadecimal: "function BUS DEVFN CLASS SECONDARY SUBORDINATE" (0 0: no bridge), "ioapic ID".
 */
#include "acpi.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS 4096
#define IOAPICS 64
#define TABLE_BYTES 65536
#define ARENA_BYTES (64 * MIB)

static struct pci_function functions[FUNCTIONS];
static struct ioapic_info ioapics[IOAPICS];

static bool read_machine(struct inventory *inventory) {
	unsigned int bus, devfn, class_code, secondary, subordinate, id;
	char line[128];

	while (fgets(line, sizeof(line), stdin))
		if (sscanf(line, "function %x %x %x %x %x", &bus, &devfn, &class_code, &secondary,
			   &subordinate) == 5 &&
		    inventory->function_count < FUNCTIONS)
			functions[inventory->function_count++] = (struct pci_function){
				.address = {0, (u8)bus, (u8)devfn},
				.class_code = class_code,
				.header_type = subordinate != 0,
				.secondary_bus = (u8)secondary,
				.subordinate_bus = (u8)subordinate,
				.parent = NONE,
				.physical = NONE,
				.unit = NONE,
				.pcie_type = PCIE_NONE,
			};
		else if (sscanf(line, "ioapic %x", &id) == 1 && inventory->ioapic_count < IOAPICS)
			ioapics[inventory->ioapic_count++] =
				(struct ioapic_info){.id = id, .unit = NONE};
		else
			return false;
	return true;
}

static void print_inventory(const struct inventory *inventory) {
	for (u32 i = 0; i < inventory->unit_count; i++) {
		const struct unit_info *u = &inventory->units[i];

		printf("unit %llx %x %x %x\n", (unsigned long long)u->base, u->register_bytes,
		       u->segment, u->device_id);
	}
	for (u32 i = 0; i < inventory->function_count; i++)
		printf("function %x %d %x\n", pci_requester_id(functions[i].address),
		       (int)functions[i].unit, functions[i].table_alias);
	for (u32 i = 0; i < inventory->region_count; i++) {
		const struct reserved_region *r = &inventory->regions[i];

		printf("region %llx %llx %d%d ", (unsigned long long)r->base,
		       (unsigned long long)r->limit, r->read, r->write);
		if (r->function == NONE)
			printf("%d-%d\n", r->first, r->last);
		else
			printf("%d\n", pci_requester_id(functions[r->function].address));
	}
	for (u32 i = 0; i < inventory->ioapic_count; i++)
		printf("ioapic %x %d %x\n", ioapics[i].id, (int)ioapics[i].unit,
		       ioapics[i].source_id);
	printf("remapping %d\n", inventory->interrupt_remapping);
	for (u32 i = 0; i < inventory->warning_count && i < INVENTORY_WARNINGS; i++)
		printf("warning %s\n", inventory->warnings[i].text);
}

int main(int argc, char **argv) {
	struct arena arena = {.base = malloc(ARENA_BYTES), .size = ARENA_BYTES};
	struct inventory inventory = {.arena = &arena, .functions = functions, .ioapics = ioapics};
	FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
	u8 *table = malloc(TABLE_BYTES);
	struct acpi_table bytes = {table, 0};

	if (!file || !table || !arena.base || !read_machine(&inventory))
		return EXIT_FAILURE;
	bytes.size = (u32)fread(table, 1, TABLE_BYTES, file);
	fclose(file);
	bool dmar = bytes.size >= 4 && !memcmp(table, "DMAR", 4);
	bool good = (dmar ? dmar_parse : ivrs_parse)(&inventory, bytes);

	printf("parsed %d\n", good);
	print_inventory(&inventory);
	free(table);
	free(arena.base);
	return EXIT_SUCCESS;
}
