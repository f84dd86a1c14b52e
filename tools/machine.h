/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "config.h"
#include "dump.h"
#include "enumerate.h"
#include "table_file.h"

/* A machine as a subcommand sees it: this one, or what files say of another. */

#define ACPI_FILES_MAX 16

struct machine_options {
	const char *lspci; /* NULL: this machine */
	const char *acpi[ACPI_FILES_MAX];
	u32 acpi_count;
	const char *config; /* text of a file that may ask for virtual functions, or NULL */
	size_t config_length;
};

struct machine {
	struct dump dump;
	struct table_file tables[ACPI_FILES_MAX];
	u32 table_files;
	bool incomplete; /* not all of configuration space was seen: groups are an upper bound */
	struct arena arena;
	struct inventory inventory;
	struct config_preview preview; /* of the options' file; trust in it decides over groups */
};

/*
 * Takes --lspci FILE and --acpi FILE (a table, or acpidump's text) at *INDEX of the arguments, and
 * moves it on. False: it is none of these, or lacks its file.
 */
bool machine_option(struct machine_options *options, int argc, char **argv, int *index);
/* Inventory without groups; warnings stay in it. False with words on stderr. */
bool machine_load(struct machine *machine, const struct machine_options *options);
/* Derives its groups. False with words on stderr. */
bool machine_groups(struct machine *machine);
/* Is it not known whether this function has ACS? */
bool machine_acs_unseen(const struct inventory *inventory, u32 function);
/* Prints the inventory's warnings on stderr. */
void machine_print_warnings(const struct machine *machine);
void machine_free(struct machine *machine);
