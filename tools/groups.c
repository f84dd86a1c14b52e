/* SPDX-License-Identifier: Apache-2.0 */
/* `bulkhead groups`: isolation groups with reasons, for the console, eyes, programs or Graphviz. */
#include "groups.h"
#include "command.h"
#include "file_sink.h"
#include "survey.h"
#include "terminal.h"
#include <stdio.h>
#include <string.h>

static void print_console(struct machine *machine) {
	struct file_sink output = file_sink(stdout);

	survey_groups(&machine->inventory, &machine->preview, &output.sink);
}

#define TRUSTS_MAX 64

struct groups_options {
	struct machine_options machine;
	void (*print)(struct machine *machine); /* NULL: by what standard output is */
	bool compare;
	const char *linux_file; /* NULL: the running kernel's groups */
	struct group_trust trusts[TRUSTS_MAX];
	u32 trust_count;
};

/* The port of a "trust" line that is tried out. */
static bool add_trust(struct groups_options *options, const char *text) {
	bool beyond;

	return options->trust_count < TRUSTS_MAX &&
	       linux_address(text, &options->trusts[options->trust_count++].port, &beyond) &&
	       !beyond;
}

/* False: wrong use. */
static bool parse(struct groups_options *options, int argc, char **argv) {
	static const struct {
		const char *name;
		void (*print)(struct machine *machine);
	} forms[] = {{"--json", groups_json}, {"--dot", groups_dot}, {"--tree", groups_tree}};

	for (int i = 0; i < argc; i++) {
		u32 form = 0;

		while (form < ARRAY_SIZE(forms) && strcmp(argv[i], forms[form].name) != 0)
			form++;
		if (form < ARRAY_SIZE(forms)) {
			if (options->print && options->print != forms[form].print)
				return false;
			options->print = forms[form].print;
		} else if (!strcmp(argv[i], "--compare")) {
			options->compare = true;
		} else if (!strcmp(argv[i], "--linux") && i + 1 < argc && !options->linux_file) {
			options->linux_file = argv[++i];
			options->compare = true;
		} else if (!strcmp(argv[i], "--trust") && i + 1 < argc) {
			if (!add_trust(options, argv[++i]))
				return false;
		} else if (!machine_option(&options->machine, argc, argv, &i)) {
			return false;
		}
	}
	if (options->compare && options->machine.lspci && !options->linux_file) {
		fprintf(stderr,
			"bulkhead: the groups that Linux formed on the machine of a dump are "
			"in a file: --linux FILE, one group a line\n");
		return false;
	}
	return !options->compare || !options->print || options->print == groups_json;
}

static bool compare(struct machine *machine, const struct groups_options *options) {
	struct linux_groups groups;
	char error[128];
	bool fine = linux_groups_read(&groups, options->linux_file, error, sizeof(error));

	if (fine)
		fine = groups_compare(machine, &groups, options->print == groups_json);
	else
		fprintf(stderr, "bulkhead: %s: %s\n",
			options->linux_file ? options->linux_file : "this machine", error);
	linux_groups_free(&groups);
	return fine;
}

int command_groups(int argc, char **argv) {
	struct groups_options options = {0};
	struct machine machine;
	bool fine;

	if (!parse(&options, argc, argv))
		return COMMAND_WRONG_USE;
	fine = machine_load(&machine, &options.machine);
	machine.preview.trusts = options.trusts;
	machine.preview.trust_count = options.trust_count;
	fine = fine && machine_groups(&machine);
	if (fine)
		machine_print_warnings(&machine);
	if (fine && options.compare)
		fine = compare(&machine, &options);
	else if (fine && options.print)
		options.print(&machine);
	else if (fine)
		(terminal_is(stdout) ? groups_tree : print_console)(&machine);
	machine_free(&machine);
	return fine && !fflush(stdout) ? COMMAND_FINE : COMMAND_FAILED;
}
