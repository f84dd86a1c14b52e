/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "acpi.h"
#include "pci_registers.h"
#include <stdio.h>
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

static bool load_functions(struct machine *machine, const char *path) {
	struct dump *dump = &machine->dump;
	char error[256];

	if (!dump_read(dump, path, error, sizeof(error))) {
		fprintf(stderr, "bulkhead: %s: %s\n", path ? path : "this machine", error);
		return false;
	}
	if (dump->skipped)
		inventory_warn(
			&machine->inventory,
			"%u functions in segments of their own belong to the VMD controller's group",
			dump->skipped);
	return true;
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

/* What cannot be seen counts as not isolating: say so, and what the result is still good for. */
static void warn_unseen(struct machine *machine, bool live) {
	struct inventory *inventory = &machine->inventory;
	const struct dump *dump = &machine->dump;
	u32 headers = 0, short_spaces = 0;

	for (u32 i = 0; i < dump->count; i++) {
		u32 f = inventory_find(inventory, dump->functions[i].address);

		if (dump->functions[i].size < PCI_CONFIG_SIZE)
			headers++;
		else if (f != NONE && machine_acs_unseen(inventory, f))
			short_spaces++;
	}
	machine->incomplete = headers || short_spaces;
	if (headers)
		inventory_warn(inventory,
			       "of %u functions only the first bytes are seen: they count as "
			       "conventional PCI",
			       headers);
	if (short_spaces)
		inventory_warn(inventory,
			       "of %u PCI Express functions the extended configuration space is "
			       "not seen: they count as without ACS",
			       short_spaces);
	if (machine->incomplete)
		inventory_warn(inventory,
			       "so the groups are an upper bound: what is apart is apart, what is "
			       "together may be apart (%s shows all)",
			       live ? "root" : "lspci -xxxx as root");
}

static void warn_without_tables(struct machine *machine, bool live) {
	for (u32 i = 0; i < machine->table_files; i++)
		for (u32 k = 0; k < machine->tables[i].count; k++)
			if (table_is(&machine->tables[i].tables[k], "DMAR") ||
			    table_is(&machine->tables[i].tables[k], "IVRS"))
				return;
	inventory_warn(&machine->inventory,
		       "no DMAR or IVRS table (%s): IOMMU units, memory that firmware reserves for "
		       "devices, and AMD's aliases are not known",
		       live ? "no IOMMU, or only root may read it" : "--acpi FILE");
}

bool machine_acs_unseen(const struct inventory *inventory, u32 function) {
	const struct pci_function *f = &inventory->functions[function];

	return f->pcie && f->config_size <= PCI_CONFIG_SIZE;
}

bool machine_load(struct machine *machine, const struct machine_options *options) {
	struct inventory *inventory = &machine->inventory;

	*machine = (struct machine){.arena.size = ARENA_BYTES};
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
	if ((options->config && !config_preview(options->config, options->config_length,
						&machine->arena, &machine->preview)) ||
	    !dump_windows(&machine->dump, inventory)) {
		fprintf(stderr, "bulkhead: no memory\n");
		return false;
	}
	inventory->requests = machine->preview.requests;
	inventory->request_count = machine->preview.request_count;
	if (!pci_enumerate(inventory, &machine->dump.access, NULL)) {
		fprintf(stderr, "bulkhead: no memory\n");
		return false;
	}
	acs_enable(inventory, &machine->dump.access);
	parse_tables(machine, "DMAR", dmar_parse);
	parse_tables(machine, "IVRS", ivrs_parse);
	warn_unseen(machine, !options->lspci);
	warn_without_tables(machine, !options->lspci);
	return true;
}

bool machine_groups(struct machine *machine) {
	bool fine = groups_derive(&machine->inventory, machine->preview.trusts,
				  machine->preview.trust_count);

	if (!fine)
		fprintf(stderr, "bulkhead: no memory\n");
	return fine;
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
