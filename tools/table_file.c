/* SPDX-License-Identifier: Apache-2.0 */
#include "table_file.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (64 * MIB) /* an acpidump of a large server has a few */
#define HEADER_MARK " @ 0x" /* follows the signature in the line above a table's rows */
#define ROW_BYTES 16

/* All of PATH, with a zero behind it; NULL with words in ERROR. */
static char *read_all(const char *path, size_t *size, char *error, size_t error_size) {
	FILE *stream = fopen(path, "rb");
	char *text = NULL, *larger = NULL;
	bool fine = false;

	*size = 0;
	for (size_t room = 64 * KIB; stream && room <= FILE_BYTES_MAX; room *= 2) {
		larger = realloc(text, room + 1);
		if (!larger)
			break;
		text = larger;
		*size += fread(text + *size, 1, room - *size, stream);
		if (*size < room)
			break;
	}
	if (!stream || ferror(stream))
		snprintf(error, error_size, "%s", strerror(errno));
	else if (!larger)
		snprintf(error, error_size, "no memory");
	else if (!feof(stream))
		snprintf(error, error_size, "too large for ACPI tables");
	else if (!*size)
		snprintf(error, error_size, "the file is empty");
	else
		fine = true;
	if (stream)
		fclose(stream);
	larger = fine ? realloc(text, *size + 1) : NULL; /* no more than there is */
	if (larger) {
		larger[*size] = '\0';
		return larger;
	}
	if (fine)
		snprintf(error, error_size, "no memory");
	free(text);
	return NULL;
}

/* The length field of a binary table has zeros; acpidump's text has none. */
static bool is_text(const char *text, size_t size) {
	return !memchr(text, '\0', size) && strstr(text, HEADER_MARK);
}

static int hex_digit(char c) {
	if (isdigit((unsigned char)c))
		return c - '0';
	return isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

/*
 * "    0010: 44 4D .. 01  DM..": the offset and up to sixteen bytes, which one blank parts from each
 * other and two from what follows. Returns the number of bytes, 0 when it is no such line.
 */
static u32 parse_row(const char *line, u64 *offset, u8 *bytes) {
	char *end;
	u32 count = 0;

	*offset = strtoull(line, &end, 16);
	if (end == line || *end != ':')
		return 0;
	for (const char *p = end + 1; count < ROW_BYTES && *p == ' '; p += 3) {
		int high = hex_digit(p[1]), low = high < 0 ? -1 : hex_digit(p[2]);

		if (low < 0)
			break;
		bytes[count++] = (u8)(high << 4 | low);
	}
	return count;
}

/* Rows become bytes in place: a row is longer than what it stands for. */
static bool parse_text(struct table_file *file, char *text, char *error, size_t error_size) {
	u8 *end = file->bytes, row[ROW_BYTES];
	u32 number = 0;
	u64 offset;

	for (char *line = text, *next; *line; line = next) {
		char *stop = line + strcspn(line, "\n");

		next = *stop ? stop + 1 : stop;
		*stop = '\0';
		number++;
		if (strstr(line, HEADER_MARK) && !isspace((unsigned char)*line)) {
			void *larger =
				realloc(file->tables, (file->count + 1) * sizeof(*file->tables));

			if (!larger) {
				snprintf(error, error_size, "no memory");
				return false;
			}
			file->tables = larger;
			file->tables[file->count++] = (struct acpi_table){end, 0};
			continue;
		}
		u32 count = parse_row(line, &offset, row);
		struct acpi_table *table = file->count ? &file->tables[file->count - 1] : NULL;

		if (!count)
			continue;
		if (!table || offset != table->size) {
			snprintf(error, error_size, "line %u: %s", number,
				 table ? "rows of the table are missing or out of order"
				       : "bytes before any table's name");
			return false;
		}
		memcpy(end, row, count);
		end += count;
		table->size += count;
	}
	return true;
}

bool table_file_read(struct table_file *file, const char *path, char *error, size_t error_size) {
	size_t size;
	char *text = read_all(path, &size, error, error_size);
	bool fine = text;

	*file = (struct table_file){.bytes = (u8 *)text};
	if (text && is_text(text, size)) {
		fine = parse_text(file, text, error, error_size);
	} else if (text) {
		file->tables = malloc(sizeof(*file->tables));
		fine = file->tables;
		if (fine)
			file->tables[file->count++] = (struct acpi_table){file->bytes, (u32)size};
		else
			snprintf(error, error_size, "no memory");
	}
	if (!fine)
		table_file_free(file);
	return fine;
}

void table_file_free(struct table_file *file) {
	free(file->tables);
	free(file->bytes);
	*file = (struct table_file){0};
}

bool table_is(const struct acpi_table *table, const char *signature) {
	return table->size >= 4 && !memcmp(table->data, signature, 4);
}
