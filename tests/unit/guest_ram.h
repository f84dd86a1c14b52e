/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "guest.h"
#include <stdlib.h>

/* A guest's memory for tests: RAM from 0 to 640 KiB and from 1 MiB to its end, tables between. */
struct guest_ram {
	struct guest_memory memory;
	struct guest_map map;
	u8 *bytes;
	u64 size;
};

static inline bool guest_ram_has(const struct guest_ram *ram, u64 address, size_t count) {
	for (u32 i = 0; i < ram->map.count; i++) {
		const struct guest_range *range = &ram->map.ranges[i];

		if (range->kind == RANGE_RAM && address >= range->base &&
		    address - range->base <= range->length &&
		    count <= range->length - (address - range->base))
			return true;
	}
	return false;
}

static inline bool guest_ram_read(const struct guest_memory *memory, u64 address, void *to,
				  size_t count) {
	const struct guest_ram *ram = memory->context;

	if (!guest_ram_has(ram, address, count))
		return false;
	if (count)
		memcpy(to, ram->bytes + address, count);
	return true;
}

static inline bool guest_ram_write(const struct guest_memory *memory, u64 address, const void *from,
				   size_t count) {
	const struct guest_ram *ram = memory->context;

	if (!guest_ram_has(ram, address, count))
		return false;
	if (count)
		memcpy(ram->bytes + address, from, count);
	return true;
}

static inline void guest_ram_init(struct guest_ram *ram, u64 size) {
	*ram = (struct guest_ram){
		.memory = {guest_ram_read, guest_ram_write, ram},
		.map = {.ranges = {{0, 0xa0000, RANGE_RAM},
				   {GUEST_ACPI_BASE, GUEST_ACPI_SIZE, RANGE_ACPI},
				   {1 * MIB, size - 1 * MIB, RANGE_RAM}},
			.count = 3},
		.bytes = calloc(1, size),
		.size = size,
	};
}

static inline u64 guest_ram_number(const struct guest_ram *ram, u64 address, u32 count) {
	u64 value = 0;

	memcpy(&value, ram->bytes + address, count);
	return value;
}

static inline void guest_ram_put(struct guest_ram *ram, u64 address, u64 value, u32 count) {
	memcpy(ram->bytes + address, &value, count);
}
