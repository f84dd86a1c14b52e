/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "acpi.h"
#include "pci_regs.h"
#include "sysfs.h"
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES (128 * MIB)
#define TABLE_BYTES_MAX (16 * MIB)
#define SYSFS_TABLES "/sys/firmware/acpi/tables/"

bool machine_option(struct machine_options *options, int argc, char **argv, int *index) {
	const char *name = argv[*index];
	bool lspci = !strcmp(name, "--lspci");

	if ((!lspci && strcmp(name, "--acpi") != 0) || *index + 1 >= argc)
		return false;
	name = argv[++*index];
	if (lspci)
		options->lspci = name;
	else if (options->acpi_count < ACPI_FILES_MAX)
		options->acpi[options->acpi_count++] = name;
	else
		return false;
	return true;
}

static bool visit(void *context, u32 segment, u8 bus, u8 devfn, const u8 *bytes, u32 size) {
	return dump_add(context, segment, bus, devfn, bytes, size);
}

static bool load_functions(struct machine *machine, const char *path) {
	struct dump *dump = &machine->dump;
	char error[128] = "no memory";
	bool fine = false;

	if (!path) {
		path = "sysfs";
		fine = sysfs_visit(visit, dump) && dump_finish(dump, error, sizeof(error));
		if (fine && !dump->count) {
			snprintf(error, sizeof(error), "there are no PCI functions");
			fine = false;
		}
	} else {
		FILE *file = fopen(path, "r");

		if (!file) {
			perror(path);
			return false;
		}
		fine = dump_read(dump, file, error, sizeof(error));
		fclose(file);
	}
	if (fine && dump->truncated) {
		snprintf(
			error, sizeof(error),
			"only root may read all of configuration space, and %u functions are cut off",
			dump->truncated);
		fine = false;
	}
	if (!fine)
		fprintf(stderr, "bulkhead: %s: %s\n", path, error);
	else if (dump->skipped)
		inventory_warn(
			&machine->inventory,
			"%u functions in segments of their own belong to the VMD controller's group",
			dump->skipped);
	return fine;
}

/* Bytes of a file that live as long as the arena. A file that MAY_LACK is no error. */
static bool load_table(struct machine *machine, const char *path, bool may_lack,
		       struct acpi_table *table) {
	FILE *file = fopen(path, "rb");
	u8 *bytes = malloc(TABLE_BYTES_MAX);
	size_t size = file && bytes ? fread(bytes, 1, TABLE_BYTES_MAX, file) : 0;
	u8 *kept = size ? arena_alloc(&machine->arena, size, 1) : NULL;

	if (!file && !may_lack)
		perror(path);
	if (kept)
		memcpy(kept, bytes, size);
	if (file)
		fclose(file);
	free(bytes);
	*table = (struct acpi_table){kept, kept ? (u32)size : 0};
	if (file && !kept)
		fprintf(stderr, "bulkhead: %s: nothing could be read\n", path);
	return kept || may_lack;
}

static bool has_signature(const struct acpi_table *table, const char *signature) {
	return table->size >= 4 && !memcmp(table->data, signature, 4);
}

/* Tables by name of file, or this machine's. */
static bool load_tables(struct machine *machine, const struct machine_options *options,
			struct acpi_table *tables, u32 *count) {
	static const char *const own[] = {SYSFS_TABLES "APIC", SYSFS_TABLES "MCFG",
					  SYSFS_TABLES "DMAR", SYSFS_TABLES "IVRS"};
	bool fine = true;

	*count = options->acpi_count;
	for (u32 i = 0; i < *count; i++)
		fine &= load_table(machine, options->acpi[i], false, &tables[i]);
	if (!*count && !options->lspci)
		for (*count = 0; *count < ARRAY_SIZE(own); ++*count)
			load_table(machine, own[*count], true, &tables[*count]);
	return fine;
}

static void parse_tables(struct inventory *inventory, const struct acpi_table *tables, u32 count,
			 const char *signature,
			 bool (*parse)(struct inventory *inventory, struct acpi_table table)) {
	for (u32 i = 0; i < count; i++)
		if (has_signature(&tables[i], signature) && !parse(inventory, tables[i]))
			inventory_warn(inventory, "table %s cannot be used", signature);
}

/* Without extended space nobody can tell whether a port has ACS: say so instead of blaming ports. */
static void warn_short_spaces(struct inventory *inventory) {
	u32 express = 0, extended = 0;

	for (u32 i = 0; i < inventory->function_count; i++) {
		express += inventory->functions[i].pcie != 0;
		extended += inventory->functions[i].config_size > PCI_CONFIG_SIZE;
	}
	if (express && !extended)
		inventory_warn(inventory,
			       "no extended configuration space (lspci -xxxx as root shows "
			       "it): every port seems to lack ACS");
}

bool machine_load(struct machine *machine, const struct machine_options *options) {
	struct inventory *inventory = &machine->inventory;
	struct acpi_table tables[ACPI_FILES_MAX];
	u32 count;

	*machine = (struct machine){.arena.size = ARENA_BYTES};
	dump_init(&machine->dump);
	machine->arena.base = malloc(ARENA_BYTES);
	inventory->arena = &machine->arena;
	if (!machine->arena.base) {
		fprintf(stderr, "bulkhead: no memory\n");
		return false;
	}
	if (!load_functions(machine, options->lspci) ||
	    !load_tables(machine, options, tables, &count))
		return false;
	parse_tables(inventory, tables, count, "APIC", madt_parse);
	parse_tables(inventory, tables, count, "MCFG", mcfg_parse);
	if (!dump_windows(&machine->dump, inventory) ||
	    !pci_enumerate(inventory, &machine->dump.access, false)) {
		fprintf(stderr, "bulkhead: no memory\n");
		return false;
	}
	acs_enable(inventory, &machine->dump.access);
	parse_tables(inventory, tables, count, "DMAR", dmar_parse);
	parse_tables(inventory, tables, count, "IVRS", ivrs_parse);
	warn_short_spaces(inventory);
	return true;
}

void machine_print_warnings(const struct machine *machine) {
	const struct inventory *inventory = &machine->inventory;

	for (u32 i = 0; i < inventory->warning_count && i < INVENTORY_WARNINGS; i++)
		fprintf(stderr, "bulkhead: warning: %s\n", inventory->warnings[i].text);
	if (inventory->warning_count > INVENTORY_WARNINGS)
		fprintf(stderr, "bulkhead: warning: and %u more\n",
			inventory->warning_count - INVENTORY_WARNINGS);
}

void machine_free(struct machine *machine) {
	dump_free(&machine->dump);
	free(machine->arena.base);
}
