/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu_platform.h"
#include "acpi_tables.h"
#include "acpi_walk.h"
#include "table_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARENA_BYTES (4 * MIB)
#define SYSFS_TABLES "/sys/firmware/acpi/tables/"

/* Has the table a unit among its structures? */
static bool has_unit(struct acpi_table table, const char *signature, u32 header,
		     enum acpi_layout layout) {
	struct arena none = {0}; /* its warnings are told elsewhere */
	struct inventory inventory = {.arena = &none};
	struct acpi_walk walk;

	if (!acpi_open(&walk, &inventory, table, signature, header, layout))
		return false;
	while (acpi_next(&walk))
		if (layout == ACPI_TYPE16_LENGTH16 ? walk.type == DMAR_DRHD
						   : (walk.type == IVHD_10 ||
						      walk.type == IVHD_11 || walk.type == IVHD_40))
			return true;
	return false;
}

static enum cpu_answer answer(bool yes) {
	return yes ? ANSWER_YES : ANSWER_NO;
}

static void read_dmar(struct platform_facts *platform, struct acpi_table table) {
	const struct acpi_dmar *dmar = (const struct acpi_dmar *)table.data;

	if (!has_unit(table, "DMAR", sizeof(*dmar), ACPI_TYPE16_LENGTH16))
		return;
	platform->maker = MAKER_INTEL;
	platform->iommu = ANSWER_YES;
	platform->interrupt_remapping = answer(dmar->flags & DMAR_INTERRUPT_REMAPPING);
	platform->x2apic_wanted = answer(!(dmar->flags & DMAR_X2APIC_OPT_OUT));
}

static void read_ivrs(struct platform_facts *platform, struct acpi_table table) {
	/* Both headers are of the same size. */
	if (!has_unit(table, "IVRS", sizeof(struct acpi_dmar), ACPI_TYPE8_FLAGS8_LENGTH16))
		return;
	platform->maker = MAKER_AMD;
	platform->iommu = platform->interrupt_remapping = platform->x2apic_wanted = ANSWER_YES;
}

static void read_madt(struct platform_facts *platform, struct acpi_table table) {
	struct arena arena = {.base = malloc(ARENA_BYTES), .size = ARENA_BYTES};
	struct inventory inventory = {.arena = &arena};

	if (arena.base && madt_parse(&inventory, table))
		platform->processors = inventory.cpu_count;
	free(arena.base);
}

static bool read_file(struct platform_facts *platform, const char *path) {
	struct table_file file;
	char error[128];

	if (!table_file_read(&file, path, error, sizeof(error))) {
		fprintf(stderr, "bulkhead: %s: %s\n", path, error);
		return false;
	}
	for (u32 i = 0; i < file.count; i++)
		if (table_is(&file.tables[i], "DMAR"))
			read_dmar(platform, file.tables[i]);
		else if (table_is(&file.tables[i], "IVRS"))
			read_ivrs(platform, file.tables[i]);
		else if (table_is(&file.tables[i], "APIC"))
			read_madt(platform, file.tables[i]);
	table_file_free(&file);
	return true;
}

/* Names of tables may be seen by everybody, what is in them by root alone. */
static void read_live(struct platform_facts *platform) {
	static const char *const paths[] = {SYSFS_TABLES "DMAR", SYSFS_TABLES "IVRS",
					    SYSFS_TABLES "APIC"};

	if (access(SYSFS_TABLES, F_OK))
		return;
	platform->iommu = ANSWER_NO;
	for (u32 i = 0; i < ARRAY_SIZE(paths); i++) {
		if (access(paths[i], F_OK))
			continue;
		if (i < 2)
			platform->iommu = ANSWER_YES;
		if (!access(paths[i], R_OK))
			read_file(platform, paths[i]);
	}
}

bool platform_read(struct platform_facts *platform, const char *const *files, u32 count,
		   bool live) {
	bool fine = true;

	*platform = (struct platform_facts){ANSWER_UNKNOWN, ANSWER_UNKNOWN, ANSWER_UNKNOWN,
					    MAKER_OTHER, 0};
	if (!count && live)
		read_live(platform);
	/* Whoever gives tables gives all of them. */
	if (count)
		platform->iommu = ANSWER_NO;
	for (u32 i = 0; i < count; i++)
		fine &= read_file(platform, files[i]);
	return fine;
}
