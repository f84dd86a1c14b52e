/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an image: what the check accepts can be loaded, and nothing lands outside memory. */
#include "guest.h"

#define RAM_SIZE (32 * MIB)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u8 ram[RAM_SIZE];
static const struct guest_map map = {
	.ranges = {{0, 0xa0000, RANGE_RAM},
		   {GUEST_ACPI_BASE, GUEST_ACPI_SIZE, RANGE_ACPI},
		   {1 * MIB, RAM_SIZE - 1 * MIB, RANGE_RAM}},
	.count = 3,
};

static void require(bool condition) {
	if (!condition)
		__builtin_trap();
}

static bool in_ram(u64 address, size_t count) {
	for (u32 i = 0; i < map.count; i++)
		if (map.ranges[i].kind == RANGE_RAM && address >= map.ranges[i].base &&
		    address - map.ranges[i].base <= map.ranges[i].length &&
		    count <= map.ranges[i].length - (address - map.ranges[i].base))
			return true;
	return false;
}

static bool write_ram(const struct guest_memory *memory, u64 address, const void *from,
		      size_t count) {
	(void)memory;
	require(in_ram(address, count));
	if (count)
		memcpy(ram + address, from, count);
	return true;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
	static const u8 initrd[5000] = {1};
	const struct guest_memory memory = {.write = write_ram};
	struct text_buffer reason;
	struct vcpu_state state;
	char words[256];

	const struct load_request request = {
		.kernel = {data, size},
		.initrd = {initrd, sizeof(initrd)},
		.cmdline = "quiet",
		.map = &map,
		.rsdp = GUEST_ACPI_BASE,
	};

	reason = text_buffer(words, sizeof(words));
	if (!image_check(&request, &reason.sink)) {
		require(reason.length > 0);
		return 0;
	}
	require(image_load(&request, &memory, &state, &reason.sink));
	require(in_ram(state.rip, 1));
	return 0;
}
