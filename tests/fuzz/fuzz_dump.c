/* SPDX-License-Identifier: Apache-2.0 */
/* What anybody may hand in as the output of `lspci -xxxx`: read, enumerated, grouped, drafted. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../tools/dump.h"
#include "../../tools/file_sink.h"
#include "survey.h"

#define INPUT_MAX (64 * KIB)
#define ARENA_BYTES (16 * MIB)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u8 memory[ARENA_BYTES];

static void demand(bool holds) {
	if (!holds)
		abort();
}

static void check_groups(const struct inventory *inventory) {
	u32 members = 0;

	for (u32 g = 0; g < inventory->group_count; g++) {
		const struct group *group = &inventory->groups[g];

		demand(group->member_count > 0);
		members += group->member_count;
		for (u32 i = 0; i < group->member_count; i++)
			demand(inventory->functions[group->members[i]].group == g);
	}
	demand(members == inventory->function_count);
}

static void use(struct dump *dump) {
	static FILE *nowhere;
	struct arena arena = {.base = memory, .size = sizeof(memory)};
	struct inventory inventory = {.arena = &arena};

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	struct file_sink output = file_sink(nowhere);

	for (u32 i = 1; i < dump->count; i++)
		demand(pci_key(dump->functions[i - 1].address) <
		       pci_key(dump->functions[i].address));
	if (!dump_windows(dump, &inventory) || !pci_enumerate(&inventory, &dump->access, NULL))
		return;
	demand(inventory.function_count <= 2 * dump->count);
	acs_enable(&inventory, &dump->access);
	if (!groups_derive(&inventory, NULL, 0))
		return;
	check_groups(&inventory);
	survey_groups(&inventory, NULL, &output.sink);
	draft_print(&inventory, NULL, &output.sink);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
	char path[64], error[256] = "";
	struct dump dump;
	int file;

	if (size > INPUT_MAX)
		return 0;
	file = memfd_create("dump", 0);
	demand(file >= 0 && write(file, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (dump_read(&dump, path, error, sizeof(error)))
		use(&dump);
	else
		demand(error[0]);
	dump_free(&dump);
	close(file);
	return 0;
}
