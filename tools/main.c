/* SPDX-License-Identifier: Apache-2.0 */
/* The host command `bulkhead`: what the image would say, asked on a running system. */
#include "command.h"
#include "types.h"
#include "version.h"
#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *use;
} commands[] = {
	{"groups", command_groups, "[--json | --dot] [--lspci FILE] [--acpi FILE]..."},
	{"acpi", command_acpi, "FILE... [--json]"},
	{"check", command_check, "FILE [--lspci FILE] [--acpi FILE]..."},
};

static void print_use(FILE *out) {
	fprintf(out, "bulkhead %s\n", BULKHEAD_VERSION);
	for (u32 i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "use: bulkhead %s %s\n", commands[i].name, commands[i].use);
}

int main(int argc, char **argv) {
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))) {
		print_use(stdout);
		return COMMAND_FINE;
	}
	for (u32 i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		int status = commands[i].run(argc - 2, argv + 2);

		if (status == COMMAND_WRONG_USE)
			fprintf(stderr, "use: bulkhead %s %s\n", commands[i].name, commands[i].use);
		return status;
	}
	print_use(stderr);
	return COMMAND_WRONG_USE;
}
