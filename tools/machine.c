/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "acpi.h"
#include "pci_regs.h"
#include "sysfs.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_BYTES (128 * MIB)
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

static bool load_file(struct machine *machine, const char *path) {
	struct table_file *file = &machine->tables[machine->table_files];
	char error[128];

	if (table_file_read(file, path, error, sizeof(error))) {
		machine->table_files++;
		return true;
	}
	fprintf(stderr, "bulkhead: %s: %s\n", path, error);
	return false;
}

/* Tables by name of file, or this machine's. */
static bool load_tables(struct machine *machine, const struct machine_options *options) {
	static const char *const own[] = {SYSFS_TABLES "APIC", SYSFS_TABLES "MCFG",
					  SYSFS_TABLES "DMAR", SYSFS_TABLES "IVRS"};
	bool fine = true;

	for (u32 i = 0; i < options->acpi_count; i++)
		fine &= load_file(machine, options->acpi[i]);
	if (!options->acpi_count && !options->lspci)
		for (u32 i = 0; i < ARRAY_SIZE(own); i++)
			if (!access(own[i], F_OK))
				load_file(machine, own[i]);
	return fine;
}

static void parse_tables(struct machine *machine, const char *signature,
			 bool (*parse)(struct inventory *inventory, struct acpi_table table)) {
	for (u32 i = 0; i < machine->table_files; i++)
		for (u32 k = 0; k < machine->tables[i].count; k++) {
			struct acpi_table table = machine->tables[i].tables[k];

			if (table_is(&table, signature) && !parse(&machine->inventory, table))
				inventory_warn(&machine->inventory, "table %s cannot be used",
					       signature);
		}
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

	*machine = (struct machine){.arena.size = ARENA_BYTES};
	dump_init(&machine->dump);
	machine->arena.base = malloc(ARENA_BYTES);
	inventory->arena = &machine->arena;
	if (!machine->arena.base) {
		fprintf(stderr, "bulkhead: no memory\n");
		return false;
	}
	if (!load_functions(machine, options->lspci) || !load_tables(machine, options))
		return false;
	parse_tables(machine, "APIC", madt_parse);
	parse_tables(machine, "MCFG", mcfg_parse);
	if (!dump_windows(&machine->dump, inventory) ||
	    !pci_enumerate(inventory, &machine->dump.access, false)) {
		fprintf(stderr, "bulkhead: no memory\n");
		return false;
	}
	acs_enable(inventory, &machine->dump.access);
	parse_tables(machine, "DMAR", dmar_parse);
	parse_tables(machine, "IVRS", ivrs_parse);
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
	for (u32 i = 0; i < machine->table_files; i++)
		table_file_free(&machine->tables[i]);
	free(machine->arena.base);
}
