/* SPDX-License-Identifier: Apache-2.0 */
/* `bulkhead draft`: a bulkhead.conf to start from, with the names of devices. */
#include "command.h"
#include "file_sink.h"
#include "machine.h"
#include "survey.h"
#include <stdio.h>

struct pci_ids {
	struct device_names names;
	struct libpci_names *libpci;
};

static const char *find_name(const struct device_names *names, const struct pci_function *f,
			     char *text, size_t size) {
	const struct pci_ids *ids = container_of(names, const struct pci_ids, names);

	return libpci_device(ids->libpci, f->vendor, f->device, text, size);
}

int command_draft(int argc, char **argv) {
	struct pci_ids ids = {.names.find = find_name};
	struct file_sink output = file_sink(stdout);
	struct machine_options options = {0};
	struct machine machine;
	bool fine;

	for (int i = 0; i < argc; i++)
		if (!machine_option(&options, argc, argv, &i))
			return COMMAND_WRONG_USE;
	fine = machine_load(&machine, &options) && machine_groups(&machine);
	if (fine) {
		machine_print_warnings(&machine);
		ids.libpci = libpci_names_open();
		draft_print(&machine.inventory, &ids.names, &output.sink);
		libpci_names_close(ids.libpci);
	}
	machine_free(&machine);
	return fine && !fflush(stdout) ? COMMAND_FINE : COMMAND_FAILED;
}
