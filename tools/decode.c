/* SPDX-License-Identifier: Apache-2.0 */
/* `bulkhead acpi`: DMAR, IVRS and MCFG tables decoded, as JSON or as text. */
#include "decode.h"
#include "acpi_tables.h"
#include "command.h"
#include "json.h"
#include "table_file.h"
#include <string.h>

#define STRUCTURE_BYTES_MIN 4
#define TABLE_BYTES_MAX                                                                            \
	(256 * KIB) /* real ones have a few KiB, and structures are compared with each other */

static const struct decoder {
	const char *signature;
	u32 bytes; /* before the structures */
	void (*decode)(struct report *report, struct acpi_table table);
} decoders[] = {
	{"DMAR", DECODE_DMAR_BYTES, decode_dmar},
	{"IVRS", DECODE_IVRS_BYTES, decode_ivrs},
	{"MCFG", DECODE_MCFG_BYTES, decode_mcfg},
};

bool decode_any(const u8 *bytes, u32 count) {
	u8 any = 0;

	for (u32 i = 0; i < count; i++)
		any |= bytes[i];
	return any;
}

void decode_reserved(struct report *report, struct acpi_table table, u32 offset, u32 count) {
	if (decode_any(table.data + offset, count))
		report_warn(report, offset, "reserved bytes are not zero");
}

void decode_unknown(struct report *report, struct acpi_table table, u32 offset, u32 length,
		    u32 id) {
	report_open(report, "unknown", offset, "unknown", 0);
	report_number(report, "id", id, 2);
	report_number(report, "length", length, 0);
	report_bytes(report, "bytes", table.data + offset, length);
	report_close(report);
}

bool decode_fits(struct report *report, struct acpi_table table, u32 offset, u32 length, u32 id) {
	u32 room = table.size - offset;

	if (length >= STRUCTURE_BYTES_MIN && length <= room)
		return true;
	if (!decode_any(table.data + offset, room))
		report_warn(report, offset, "%u bytes of padding end the table", room);
	else if (length < STRUCTURE_BYTES_MIN)
		report_warn(report, offset,
			    "structure of length %u: too short for its own type and length, the "
			    "rest is not read",
			    length);
	else
		report_warn(report, offset, "structure of %u bytes, where %u are left", length,
			    room);
	decode_unknown(report, table, offset, room, id);
	return false;
}

static const struct decoder *decoder_of(const struct acpi_table *table) {
	for (u32 i = 0; i < ARRAY_SIZE(decoders); i++)
		if (table_is(table, decoders[i].signature))
			return &decoders[i];
	return NULL;
}

/* Returns the bytes that belong to the table and are there. */
static u32 check_length(struct report *report, struct acpi_table table, u32 length, u32 needed) {
	u8 sum = 0;

	if (length < sizeof(struct acpi_header) || length < needed)
		report_warn(report, offsetof(struct acpi_header, length),
			    "a length of %u bytes is too short for this table", length);
	else if (length > table.size)
		report_warn(report, offsetof(struct acpi_header, length),
			    "the table ends after %u of its %u bytes", table.size, length);
	else if (length < table.size)
		report_warn(report, length, "%u bytes follow the table", table.size - length);
	if (length < needed || length > table.size)
		return table.size;
	for (u32 i = 0; i < length; i++)
		sum += table.data[i];
	if (sum)
		report_warn(report, offsetof(struct acpi_header, checksum),
			    "the checksum is wrong: all bytes add up to 0x%02x", sum);
	return length;
}

static void print_header(struct report *report, const struct acpi_header *header,
			 const char *signature) {
	if (report->json) {
		fputs("{\"signature\":", report->out);
		json_string(report->out, signature);
		report->comma = true;
	} else {
		fprintf(report->out, "%s:", signature);
	}
	report_number(report, "length", header->length, 0);
	report_number(report, "revision", header->revision, 0);
	report_number(report, "checksum", header->checksum, 2);
	report_text(report, "oem_id", (const u8 *)header->oem_id, sizeof(header->oem_id));
	report_text(report, "oem_table_id", (const u8 *)header->oem_table_id,
		    sizeof(header->oem_table_id));
	report_number(report, "oem_revision", header->oem_revision, 8);
	report_text(report, "creator_id", (const u8 *)header->creator_id,
		    sizeof(header->creator_id));
	report_number(report, "creator_revision", header->creator_revision, 8);
	if (!report->json)
		putc('\n', report->out);
}

static void decode_table(struct report *report, const struct decoder *decoder,
			 struct acpi_table table) {
	struct acpi_header header = {0};

	memcpy(&header, table.data, table.size < sizeof(header) ? table.size : sizeof(header));
	table.size = check_length(report, table, header.length, decoder->bytes);
	report->comma = false;
	print_header(report, &header, decoder->signature);
	if (table.size >= decoder->bytes) {
		decoder->decode(report, table);
	} else {
		report_open_list(report, "structures");
		report_close_list(report);
	}
	report_warnings(report);
	fputs(report->json ? "}\n" : "\n", report->out);
}

bool decode_file(struct report *report, const char *path, char *error, size_t error_size) {
	struct table_file file;
	u32 found = 0;

	if (!table_file_read(&file, path, error, error_size))
		return false;
	for (u32 i = 0; i < file.count; i++) {
		const struct decoder *decoder = decoder_of(&file.tables[i]);

		if (!decoder || file.tables[i].size > TABLE_BYTES_MAX)
			continue;
		decode_table(report, decoder, file.tables[i]);
		found++;
	}
	table_file_free(&file);
	if (!found)
		snprintf(
			error, error_size,
			"no DMAR, IVRS or MCFG table of at most 256 KiB in it, neither as bytes nor as "
			"acpidump prints them");
	return found;
}

int command_acpi(int argc, char **argv) {
	struct report report = {.out = stdout};
	char error[256];
	int files = 0;
	bool fine = true;

	for (int i = 0; i < argc; i++) {
		bool option = argv[i][0] == '-';

		if (option && strcmp(argv[i], "--json") != 0)
			return COMMAND_WRONG_USE;
		report.json |= option;
		files += !option;
	}
	if (!files)
		return COMMAND_WRONG_USE;
	for (int i = 0; i < argc; i++)
		if (argv[i][0] != '-' && !decode_file(&report, argv[i], error, sizeof(error))) {
			fprintf(stderr, "bulkhead: %s: %s\n", argv[i], error);
			fine = false;
		}
	return fflush(stdout) || !fine ? COMMAND_FAILED : COMMAND_FINE;
}
