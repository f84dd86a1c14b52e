/* SPDX-License-Identifier: Apache-2.0 */
/* `bulkhead check`: the errors of a file, in the image's own words, against this machine or a dump. */
#include "command.h"
#include "config.h"
#include "file_sink.h"
#include "machine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES 4096
#define FILE_BYTES_MAX (16 * MIB)

/* Images lie beside the file, as on the volume. */
static bool find_image(const struct image_lookup *lookup, const char *name, u64 *bytes) {
	const char *file = lookup->context;
	const char *slash = strrchr(file, '/');
	char path[PATH_BYTES];
	struct stat status;

	snprintf(path, sizeof(path), "%.*s%s", slash ? (int)(slash - file) + 1 : 0, file, name);
	if (stat(path, &status) || !S_ISREG(status.st_mode))
		return false;
	*bytes = (u64)status.st_size;
	return true;
}

static char *read_file(const char *path, size_t *length) {
	FILE *file = fopen(path, "rb");
	char *text = malloc(FILE_BYTES_MAX);

	*length = file && text ? fread(text, 1, FILE_BYTES_MAX, file) : 0;
	if (!file || ferror(file)) {
		perror(path);
		free(text);
		text = NULL;
	}
	if (file)
		fclose(file);
	return text;
}

static bool check(const char *path, const char *text, size_t length, struct machine *machine) {
	struct inventory *inventory = &machine->inventory;
	struct image_lookup lookup = {.find = find_image, .context = (void *)(uintptr_t)path};
	struct diagnostics diagnostics;
	struct file_sink output = file_sink(stdout);
	const char *slash = strrchr(path, '/');
	struct plan plan;
	bool good;

	if (!groups_derive(inventory, machine->preview.trusts, machine->preview.trust_count)) {
		fprintf(stderr, "bulkhead: no memory\n");
		return false;
	}
	good = config_plan(text, length, inventory, &lookup, &machine->arena, &plan, &diagnostics);
	if (!good)
		machine_print_warnings(machine);
	diagnostics_print(&diagnostics, slash ? slash + 1 : path, "", &output.sink);
	return good;
}

int command_check(int argc, char **argv) {
	struct machine_options options = {0};
	struct machine machine;
	const char *path = NULL;
	char *text = NULL;
	size_t length;
	bool good = false;

	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], "--cpu"))
			return command_check_cpu(argc, argv);
	for (int i = 0; i < argc; i++)
		if (argv[i][0] != '-' && !path)
			path = argv[i];
		else if (!machine_option(&options, argc, argv, &i))
			return COMMAND_WRONG_USE;
	if (!path)
		return COMMAND_WRONG_USE;
	text = read_file(path, &length);
	options.config = text;
	options.config_length = length;
	if (text && machine_load(&machine, &options))
		good = check(path, text, length, &machine);
	if (text)
		machine_free(&machine);
	free(text);
	return good ? COMMAND_FINE : COMMAND_FAILED;
}
