/* SPDX-License-Identifier: Apache-2.0 */
/* IVRS: AMD I/O Virtualization Technology specification, section 5.2. */
#include "acpi_tables.h"
#include "decode.h"
#include "decode_ivhd.h"

struct ivrs_header {
	struct acpi_header header;
	u32 info;
	u8 reserved[8];
} __attribute__((packed));
_Static_assert(sizeof(struct ivrs_header) == DECODE_IVRS_BYTES, "ivrs_header");

#define INFO_RESERVED (BITS(31, 23) | BITS(4, 2))
#define IVMD_FLAGS (IVMD_UNITY | IVMD_READ | IVMD_WRITE | IVMD_EXCLUSION)

static void ivmd(struct report *r, struct acpi_table table, u32 offset) {
	static const struct report_flag flags[] = {{IVMD_UNITY, "mapped to itself"},
						   {IVMD_READ, "read"},
						   {IVMD_WRITE, "write"},
						   {IVMD_EXCLUSION, "not translated"},
						   {0}};
	const struct acpi_ivmd *f = (const void *)(table.data + offset);

	report_open(r, "IVMD", offset, "IVMD", 0);
	report_number(r, "ivmd", f->type, 2);
	report_number(r, "flags", f->flags, 2);
	report_number(r, "device", f->device_id, 4);
	report_number(r, "aux", f->end_id, 4);
	report_number(r, "segment", f->segment, 4);
	report_number(r, "start", f->start, 16);
	report_number(r, "length", f->bytes, 0);
	report_words(r, f->type == IVMD_ALL      ? "all devices"
			: f->type == IVMD_SELECT ? "one device"
						 : "a range of devices");
	report_flags(r, f->flags, flags);
	if (f->flags & ~IVMD_FLAGS)
		report_warn(r, offset + 1, "reserved flags are set");
	decode_reserved(r, table, offset + offsetof(struct acpi_ivmd, reserved),
			sizeof(f->reserved));
	if (!f->bytes)
		report_warn(r, offset + 24, "a memory block of no length");
	else if (f->start + f->bytes - 1 < f->start)
		report_warn(r, offset + 24, "the memory block reaches beyond the last address");
	if (!IS_ALIGNED(f->start, PAGE_SIZE) || !IS_ALIGNED(f->bytes, PAGE_SIZE))
		report_warn(r, offset + 16, "the memory block is not made of pages");
	if (f->type == IVMD_RANGE && f->end_id < f->device_id)
		report_warn(r, offset + 6, "the range of devices ends before it begins");
	if (f->length > sizeof(*f)) {
		report_warn(r, offset + sizeof(*f), "bytes follow the memory block");
		report_bytes(r, "bytes", (const u8 *)(f + 1), f->length - sizeof(*f));
	}
	report_close(r);
}

static void block(struct report *r, struct acpi_table table, u32 offset, u32 length) {
	u32 type = table.data[offset], needed = decode_ivhd_bytes(type);
	bool is_ivmd = type >= IVMD_ALL && type <= IVMD_RANGE;

	if (is_ivmd)
		needed = sizeof(struct acpi_ivmd);
	if (!needed || length < needed) {
		if (needed)
			report_warn(r, offset, "block of type 0x%02x and %u bytes: it needs %u",
				    type, length, needed);
		else
			report_warn(r, offset, "block of unknown type 0x%02x", type);
		decode_unknown(r, table, offset, length, type);
	} else if (is_ivmd) {
		ivmd(r, table, offset);
	} else {
		decode_ivhd(r, table, offset, length);
	}
}

static void fixed_fields(struct report *r, struct acpi_table table) {
	static const struct report_flag flags[] = {
		{BIT(0), "extended features told"},
		{BIT(1), "firmware had DMA remapping on"},
		{BIT(22), "HyperTransport's address range is reserved"},
		{0}};
	const struct ivrs_header *header = (const void *)table.data;
	u32 info = header->info;

	if (!r->json)
		fputs("  ", r->out);
	r->line = !r->json;
	report_number(r, "info", info, 8);
	report_flags(r, info, flags);
	report_words(r, "physical addresses of %u bits", info >> 8 & 0x7f);
	report_words(r, "virtual ones of %u", info >> 15 & 0x7f);
	if (info & INFO_RESERVED)
		report_warn(r, offsetof(struct ivrs_header, info), "reserved bits are set");
	decode_reserved(r, table, offsetof(struct ivrs_header, reserved), sizeof(header->reserved));
}

void decode_ivrs(struct report *report, struct acpi_table table) {
	u32 length;

	fixed_fields(report, table);
	report_open_list(report, "structures");
	for (u32 offset = DECODE_IVRS_BYTES; offset < table.size; offset += length) {
		const u8 *data = table.data + offset;

		length = table.size - offset < 4 ? 0 : (u32)(data[2] | data[3] << 8);
		if (!decode_fits(report, table, offset, length, data[0]))
			break;
		block(report, table, offset, length);
	}
	report_close_list(report);
}
