/* SPDX-License-Identifier: Apache-2.0 */
/* Files with ACPI tables, as bytes or as acpidump's text, told as JSON and to people. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../tools/decode.h"

#define INPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void demand(bool holds) {
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
	static FILE *nowhere;
	char path[64], error[256];
	int file;

	if (size > INPUT_MAX)
		return 0;
	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	file = memfd_create("tables", 0);
	demand(nowhere && file >= 0 && write(file, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	for (u32 json = 0; json < 2; json++) {
		struct report report = {.out = nowhere, .json = json};

		error[0] = '\0';
		demand(decode_file(&report, path, error, sizeof(error)) || error[0]);
	}
	close(file);
	return 0;
}
