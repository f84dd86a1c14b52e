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
	{"groups", command_groups,
	 "[--json | --dot | --tree] [--compare] [--linux FILE] [--trust PORT]... [--lspci FILE] [--acpi FILE]..."},
	{"acpi", command_acpi, "FILE... [--json]"},
	{"check", command_check,
	 "FILE [--lspci FILE] [--acpi FILE]... | --cpu [--cpu-dump FILE]... [--acpi FILE]..."},
	{"draft", command_draft, "[--lspci FILE] [--acpi FILE]..."},
};

static const char help[] =
	"\n"
	"groups  which PCI functions can only be given away together, and why\n"
	"        --tree     the tree of buses, coloured: what a terminal gets\n"
	"        --json, --dot   for programs; for Graphviz: --dot | dot -Tsvg\n"
	"        --compare  where Linux formed other groups; status 1 where ours are finer\n"
	"        --linux FILE    Linux's groups of another machine, one a line\n"
	"        --trust PORT    as if a file trusted that port, such as 0000:02:08.0; several\n"
	"acpi    what DMAR, IVRS and MCFG tables say, and what is wrong with them\n"
	"check   the errors of a bulkhead.conf; status 1 when there are any\n"
	"        --cpu      instead: has this machine what Bulkhead needs? Status 0 when it can run\n"
	"        --cpu-dump FILE  another machine: what `cpuid -r` printed, and lines `0x3a 0x5` of registers\n"
	"draft   a bulkhead.conf to start from\n"
	"\n"
	"All look at this machine (as root: others do not see all of configuration space), or at\n"
	"  --lspci FILE  what `lspci -xxxx`, as root, wrote on another one\n"
	"  --acpi FILE   its ACPI tables: /sys/firmware/acpi/tables/..., or what acpidump wrote\n"
	"Status: 0 fine, 1 what was asked about is wrong or cannot be read, 2 wrong use.\n";

static void print_use(FILE *out) {
	fprintf(out, "bulkhead %s\n", BULKHEAD_VERSION);
	for (u32 i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "use: bulkhead %s %s\n", commands[i].name, commands[i].use);
}

static bool asks_for_help(const char *argument) {
	return !strcmp(argument, "--help") || !strcmp(argument, "-h") || !strcmp(argument, "help");
}

int main(int argc, char **argv) {
	if (argc > 1 && (asks_for_help(argv[1]) || (argc > 2 && asks_for_help(argv[2])))) {
		print_use(stdout);
		fputs(help, stdout);
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
