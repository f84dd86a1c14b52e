/* SPDX-License-Identifier: Apache-2.0 */
#include "dump.h"
#include "pci_regs.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS 0x10000u
#define ROW_BYTES 16

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

static u32 dump_access_read(const struct pci_access *access, struct pci_address address, u16 offset,
			    u8 width) {
	const struct dump_function *f = lookup(access->context, address);
	u32 value = 0;

	if (!f || (u32)offset + width > f->size)
		return width == 4 ? PCI_ABSENT : (1u << 8 * width) - 1;
	for (u8 i = width; i-- > 0;)
		value = value << 8 | f->bytes[offset + i];
	return value;
}

static u32 dump_access_space(const struct pci_access *access, struct pci_address address) {
	const struct dump_function *f = lookup(access->context, address);

	return f && f->size > PCI_CONFIG_SIZE ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;
}

void dump_init(struct dump *dump) {
	*dump = (struct dump){
		.access = {.read = dump_access_read, .space = dump_access_space, .context = dump}};
}

void dump_free(struct dump *dump) {
	for (u32 i = 0; i < dump->count; i++)
		free(dump->functions[i].bytes);
	free(dump->functions);
	dump_init(dump);
}

bool dump_add(struct dump *dump, u32 segment, u8 bus, u8 devfn, const u8 *bytes, u32 size) {
	if (segment >= SEGMENTS) {
		dump->skipped++;
		return true;
	}
	if (dump->count == dump->capacity) {
		u32 capacity = dump->capacity ? 2 * dump->capacity : 64;
		void *larger = realloc(dump->functions, capacity * sizeof(*dump->functions));

		if (!larger)
			return false;
		dump->functions = larger;
		dump->capacity = capacity;
	}
	u8 *copy = malloc(size ? size : 1);
	if (!copy)
		return false;
	memcpy(copy, bytes, size);
	dump->truncated += size < PCI_CONFIG_SIZE;
	dump->functions[dump->count++] =
		(struct dump_function){{(u16)segment, bus, devfn}, size, copy};
	return true;
}

/* Takes up to DIGITS hex digits, at least one, and then AFTER (a space also stands for the end). */
static bool take_hex(const char **text, u32 digits, char after, u32 *value) {
	const char *p = *text;

	for (*value = 0; isxdigit((unsigned char)*p) && p < *text + digits; p++)
		*value = *value << 4 |
			 (u32)(isdigit((unsigned char)*p) ? *p - '0' : (*p | 0x20) - 'a' + 10);
	if (p == *text ||
	    (*p != after && !(after == ' ' && (*p == '\0' || isspace((unsigned char)*p)))))
		return false;
	*text = *p ? p + 1 : p;
	return true;
}

/* "0000:00:1f.2 ...", or without the segment. */
static bool parse_address(const char *line, u32 *segment, u8 *bus, u8 *devfn) {
	const char *text = line;
	u32 s, b, d, f;

	if (!take_hex(&text, 8, ':', &s) || !take_hex(&text, 2, ':', &b)) {
		text = line;
		s = 0;
		if (!take_hex(&text, 2, ':', &b))
			return false;
	}
	if (!take_hex(&text, 2, '.', &d) || !take_hex(&text, 1, ' ', &f) || d > 31 || f > 7)
		return false;
	*segment = s;
	*bus = (u8)b;
	*devfn = PCI_DEVFN(d, f);
	return true;
}

/* "1a0: 00 11 .. ff": sixteen bytes. */
static bool parse_row(const char *line, u32 *offset, u8 *bytes) {
	if (!take_hex(&line, 3, ':', offset) || *offset % ROW_BYTES || *line++ != ' ')
		return false;
	for (u32 i = 0; i < ROW_BYTES; i++) {
		u32 byte;

		if (!take_hex(&line, 2, ' ', &byte))
			return false;
		bytes[i] = (u8)byte;
	}
	return true;
}

/* Spaces have 64, 256 or 4096 bytes. */
static u32 space_size(u32 end) {
	if (end > PCI_CONFIG_SIZE)
		return PCIE_CONFIG_SIZE;
	return end > 64 ? PCI_CONFIG_SIZE : end;
}

/* The function whose rows are being read. */
struct pending {
	bool open;
	u32 segment;
	u8 bus, devfn;
	u32 end;
	u8 bytes[PCIE_CONFIG_SIZE];
};

static bool close_pending(struct dump *dump, const struct pending *p) {
	return !p->end ||
	       dump_add(dump, p->segment, p->bus, p->devfn, p->bytes, space_size(p->end));
}

bool dump_read(struct dump *dump, FILE *file, char *error, size_t error_size) {
	struct pending p = {.open = false}, next = {.open = true};
	char line[512];
	u8 row[ROW_BYTES];
	u32 offset, number = 0;
	bool fine = true;

	while (fine && fgets(line, sizeof(line), file)) {
		number++;
		if (parse_address(line, &next.segment, &next.bus, &next.devfn)) {
			fine = close_pending(dump, &p);
			p = next;
		} else if (parse_row(line, &offset, row)) {
			if (!p.open) {
				snprintf(error, error_size, "line %u: bytes before any function",
					 number);
				return false;
			}
			memcpy(p.bytes + offset, row, ROW_BYTES);
			if (offset + ROW_BYTES > p.end)
				p.end = offset + ROW_BYTES;
		}
	}
	if (!fine || !close_pending(dump, &p)) {
		snprintf(error, error_size, "no memory");
		return false;
	}
	if (!dump->count) {
		snprintf(error, error_size,
			 "no configuration space in it (lspci -xxxx prints that)");
		return false;
	}
	return dump_finish(dump, error, error_size);
}

static int by_address(const void *a, const void *b) {
	u32 left = pci_key(((const struct dump_function *)a)->address);
	u32 right = pci_key(((const struct dump_function *)b)->address);

	return (left > right) - (left < right);
}

bool dump_finish(struct dump *dump, char *error, size_t error_size) {
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
