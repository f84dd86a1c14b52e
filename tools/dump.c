/* SPDX-License-Identifier: Apache-2.0 */
#include "dump.h"
#include "pci_registers.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS 0x10000u

static const struct dump_function *lookup(const struct dump *dump, struct pci_address address) {
	u32 low = 0, high = dump->count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (pci_key(dump->functions[middle].address) < pci_key(address))
			low = middle + 1;
		else
			high = middle;
	}
	if (low < dump->count && pci_key(dump->functions[low].address) == pci_key(address))
		return &dump->functions[low];
	return NULL;
}

/* What is not seen of the first 256 bytes reads as zeros: no capabilities. */
static u32 room(const struct dump_function *f) {
	return f->size > PCI_CONFIG_SIZE ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;
}

static u32 dump_access_read(const struct pci_access *access, struct pci_address address, u16 offset,
			    u8 width) {
	const struct dump_function *f = lookup(access->context, address);
	u32 value = 0;

	if (!f || (u32)offset + width > room(f))
		return width == 4 ? PCI_ABSENT : (1u << 8 * width) - 1;
	for (u8 i = width; i-- > 0;)
		value = value << 8 | f->bytes[offset + i];
	return value;
}

static u32 dump_access_space(const struct pci_access *access, struct pci_address address) {
	const struct dump_function *f = lookup(access->context, address);

	return f ? room(f) : PCI_CONFIG_SIZE;
}

void dump_free(struct dump *dump) {
	for (u32 i = 0; i < dump->count; i++)
		free(dump->functions[i].bytes);
	free(dump->functions);
	*dump = (struct dump){0};
}

static bool add(struct dump *dump, struct pci_address address, const u8 *bytes, u32 size) {
	struct dump_function f = {.address = address, .size = size};

	if (dump->count == dump->capacity) {
		u32 capacity = dump->capacity ? 2 * dump->capacity : 64;
		void *larger = realloc(dump->functions, capacity * sizeof(*dump->functions));

		if (!larger)
			return false;
		dump->functions = larger;
		dump->capacity = capacity;
	}
	f.bytes = calloc(1, room(&f));
	if (!f.bytes)
		return false;
	memcpy(f.bytes, bytes, size);
	dump->functions[dump->count++] = f;
	return true;
}

static bool visit(const struct libpci_visitor *visitor, u32 segment, u8 bus, u8 devfn,
		  const u8 *bytes, u32 size) {
	struct dump *dump = container_of(visitor, struct dump, visitor);

	if (segment < SEGMENTS)
		return add(dump, (struct pci_address){(u16)segment, bus, devfn}, bytes, size);
	dump->skipped++;
	return true;
}

static int by_address(const void *a, const void *b) {
	u32 left = pci_key(((const struct dump_function *)a)->address);
	u32 right = pci_key(((const struct dump_function *)b)->address);

	return (left > right) - (left < right);
}

/* Sorts. False when an address stands twice. */
static bool sort(struct dump *dump, char *error, size_t error_size) {
	char text[PCI_TEXT_SIZE];

	if (dump->count)
		qsort(dump->functions, dump->count, sizeof(*dump->functions), by_address);
	for (u32 i = 1; i < dump->count; i++) {
		if (by_address(&dump->functions[i - 1], &dump->functions[i]) != 0)
			continue;
		snprintf(error, error_size, "%s stands twice",
			 pci_text(text, dump->functions[i].address));
		return false;
	}
	return true;
}

bool dump_read(struct dump *dump, const char *path, char *error, size_t error_size) {
	*dump = (struct dump){
		.access = {.read = dump_access_read, .space = dump_access_space, .context = dump},
		.visitor.visit = visit};
	if (!libpci_visit(path, &dump->visitor, error, error_size))
		return false;
	if (!dump->count) {
		snprintf(error, error_size, "%s",
			 path ? "no configuration space in it: lspci -xxxx (as root) prints that"
			      : "there are no PCI functions");
		return false;
	}
	return sort(dump, error, error_size);
}

bool dump_windows(const struct dump *dump, struct inventory *inventory) {
	if (inventory->window_count)
		return true;
	inventory->windows =
		arena_alloc(inventory->arena, dump->count, sizeof(*inventory->windows));
	if (!inventory->windows)
		return false;
	for (u32 i = 0; i < dump->count; i++) {
		u16 segment = dump->functions[i].address.segment;

		if (i == 0 || segment != dump->functions[i - 1].address.segment)
			inventory->windows[inventory->window_count++] =
				(struct ecam_window){.segment = segment, .last_bus = 0xff};
	}
	return true;
}
