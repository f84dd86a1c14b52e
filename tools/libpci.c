/* SPDX-License-Identifier: Apache-2.0 */
#include "libpci.h"
#include <errno.h>
#include <pci/pci.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPACE_BYTES 4096
#define PATH_BYTES 32
#define LINE_BYTES 255 /* as libpci has it */
#define UNIT_BYTES 4
#define LOCAL (PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB) /* only what pci.ids says */

/* Where an error takes libpci, which must not return from it, and what it had to say. */
static jmp_buf way_out;
static char *words;
static size_t words_size;

__attribute__((noreturn, format(printf, 1, 2))) static void on_error(char *format, ...) {
	va_list arguments;

	va_start(arguments, format);
	if (words_size)
		vsnprintf(words, words_size, format, arguments);
	va_end(arguments);
	longjmp(way_out, 1);
}

__attribute__((format(printf, 1, 2))) static void be_quiet(char *format, ...) {
	(void)format;
}

/* Reads all that there is; libpci refuses a block that reaches further. Returns the bytes. */
static uint32_t read_space(struct pci_dev *d, uint8_t *bytes) {
	uint32_t known = 0, beyond = SPACE_BYTES / UNIT_BYTES;

	if (pci_read_block(d, 0, bytes, SPACE_BYTES))
		return SPACE_BYTES;
	while (beyond - known > 1) {
		uint32_t middle = known + (beyond - known) / 2;

		if (pci_read_block(d, 0, bytes, (int)(middle * UNIT_BYTES)))
			known = middle;
		else
			beyond = middle;
	}
	if (known)
		pci_read_block(d, 0, bytes, (int)(known * UNIT_BYTES));
	return known * UNIT_BYTES;
}

static bool visit(struct pci_dev *d, const struct libpci_visitor *visitor, char *error,
		  size_t error_size) {
	uint8_t bytes[SPACE_BYTES] = {0};
	uint32_t size = read_space(d, bytes);

	if (d->dev > 31 || d->func > 7) {
		snprintf(error, error_size, "there is no address %02x:%02x.%u", d->bus, d->dev,
			 d->func);
		return false;
	}
	snprintf(error, error_size, "no memory");
	return !size || visitor->visit(visitor, (uint32_t)d->domain, d->bus,
				       (uint8_t)(d->dev << 3 | d->func), bytes, size);
}

/* A line of bytes that says they lie beyond configuration space: "1000: 86 80". */
static bool is_beyond(const char *line) {
	char *end;
	unsigned long offset = strtoul(line, &end, 16);

	return end != line && end[0] == ':' && end[1] == ' ' && offset >= SPACE_BYTES;
}

/* What is wrong with a line; NULL: nothing. */
static const char *fault_of(const char *line) {
	if (!strchr(line, '\n'))
		return "is too long or unterminated";
	return is_beyond(line) ? "has bytes beyond the 4096 of a function" : NULL;
}

/*
 * A copy of a dump for libpci to read, which takes an offset of 80000000 for a negative one and writes
 * there. NULL, with words in ERROR, where the dump cannot be read or has such a line.
 */
static FILE *checked_copy(const char *dump, char *error, size_t error_size) {
	FILE *in = fopen(dump, "r"), *copy = in ? tmpfile() : NULL;
	bool fine = copy;
	char line[LINE_BYTES];
	unsigned number = 0;

	while (fine && fgets(line, sizeof(line), in)) {
		const char *fault = fault_of(line);

		number++;
		if (fault)
			snprintf(error, error_size, "line %u %s", number, fault);
		fine = !fault;
		fputs(line, copy);
	}
	if (!copy || (fine && (ferror(copy) || fflush(copy)))) {
		snprintf(error, error_size, "%s", strerror(errno));
		fine = false;
	}
	if (in)
		fclose(in);
	if (copy && !fine)
		fclose(copy);
	return fine ? copy : NULL;
}

bool libpci_visit(const char *dump, const struct libpci_visitor *visitor, char *error,
		  size_t error_size) {
	FILE *copy = dump ? checked_copy(dump, error, error_size) : NULL;
	char path[PATH_BYTES];
	struct pci_access *access;
	volatile bool fine = true;

	if (dump && !copy)
		return false;
	access = pci_alloc();
	words = error;
	words_size = error_size;
	access->error = on_error;
	access->warning = be_quiet;
	if (copy) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(copy));
		access->method = PCI_ACCESS_DUMP;
		pci_set_param(access, "dump.name", path);
	}
	if (setjmp(way_out)) {
		fine = false;
	} else {
		pci_init(access);
		pci_scan_bus(access);
		for (struct pci_dev *d = access->devices; d && fine; d = d->next)
			fine = visit(d, visitor, error, error_size);
	}
	pci_cleanup(access);
	if (copy)
		fclose(copy);
	return fine;
}

/* The type that users see is libpci's own, under a name that they can have. */
static struct pci_access *access_of(struct libpci_names *names) {
	return (struct pci_access *)names;
}

struct libpci_names *libpci_names_open(void) {
	struct pci_access *access = pci_alloc();

	/* Looking names up needs no access to devices, but somebody to talk to. */
	access->error = on_error;
	access->warning = be_quiet;
	access->debug = be_quiet;
	return (struct libpci_names *)access;
}

void libpci_names_close(struct libpci_names *names) {
	pci_cleanup(access_of(names));
}

/* A malformed pci.ids is an error of libpci's: then there is no name, and later ones are what was read of it. */
static const char *look_up(struct libpci_names *names, char *text, size_t size, int what,
			   uint16_t first, uint16_t second) {
	words_size = 0;
	return setjmp(way_out) ? NULL
			       : pci_lookup_name(access_of(names), text, (int)size, what | LOCAL,
						 first, second);
}

const char *libpci_device(struct libpci_names *names, uint16_t vendor, uint16_t device, char *text,
			  size_t size) {
	const char *both =
		look_up(names, text, size, PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE, vendor, device);

	return both ? both : look_up(names, text, size, PCI_LOOKUP_VENDOR, vendor, 0);
}

const char *libpci_class(struct libpci_names *names, uint16_t class, char *text, size_t size) {
	return look_up(names, text, size, PCI_LOOKUP_CLASS, class, 0);
}
