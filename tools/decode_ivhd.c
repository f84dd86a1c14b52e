/* SPDX-License-Identifier: Apache-2.0 */
/* An IOMMU and the devices that it serves, out of IVRS. */
#include "decode_ivhd.h"
#include "acpi_tables.h"
#include "decode.h"

#define INFO_RESERVED (BITS(15, 13) | BITS(7, 5))
#define SETTINGS_RESERVED BIT(3)

struct ivhd_acpi_hid {
	u8 type;
	u16 device_id;
	u8 settings, hid[8], cid[8], uid_format, uid_length;
	u8 uid[];
} __attribute__((packed));
_Static_assert(sizeof(struct ivhd_acpi_hid) == IVHD_ACPI_HID_BYTES, "ivhd_acpi_hid");

enum uid_format { UID_NONE = 0, UID_INTEGER = 1, UID_TEXT = 2 };

/* The device entries of one IVHD while they are read. */
struct entries {
	struct report *report;
	struct acpi_table table;
	u32 offset, length; /* of this entry */
	u32 ivhd; /* its type */
	bool open; /* a range has begun */
	u16 first;
};

u32 decode_ivhd_bytes(u32 type) {
	if (type == IVHD_10)
		return offsetof(struct acpi_ivhd, efr);
	return type == IVHD_11 || type == IVHD_40 ? sizeof(struct acpi_ivhd) : 0;
}

static const char *label(u8 type) {
	switch (type) {
	case 0:
	case 0x40: return "padding";
	case IVHD_ALL: return "all";
	case IVHD_SELECT: return "select";
	case IVHD_RANGE_START: return "range start";
	case IVHD_RANGE_END: return "range end";
	case IVHD_ALIAS_SELECT: return "alias select";
	case IVHD_ALIAS_RANGE_START: return "alias range start";
	case IVHD_EXTENDED_SELECT: return "extended select";
	case IVHD_EXTENDED_RANGE_START: return "extended range start";
	case IVHD_SPECIAL: return "special";
	case IVHD_ACPI_HID: return "ACPI device";
	}
	return NULL;
}

/* Bytes of the entry at DATA, where ROOM may be read; 0: more than there are. */
static u32 entry_bytes(const u8 *data, u32 room) {
	u32 bytes = 4u << (data[0] >> 6);

	if (data[0] == IVHD_ACPI_HID && room >= IVHD_ACPI_HID_BYTES)
		bytes = IVHD_ACPI_HID_BYTES + data[IVHD_ACPI_HID_BYTES - 1];
	return bytes <= room ? bytes : 0;
}

static void check_range(struct entries *e, const struct acpi_ivhd_entry *f) {
	bool starts = f->type == IVHD_RANGE_START || f->type == IVHD_ALIAS_RANGE_START ||
		      f->type == IVHD_EXTENDED_RANGE_START;

	if (f->type == IVHD_RANGE_END && !e->open)
		report_warn(e->report, e->offset, "the end of a range that has not begun");
	else if (f->type == IVHD_RANGE_END && f->device_id < e->first)
		report_warn(e->report, e->offset + 1, "the range ends before it begins");
	else if (e->open && f->type != IVHD_RANGE_END)
		report_warn(e->report, e->offset, "the range from 0x%04x on has no end", e->first);
	e->open = starts;
	e->first = f->device_id;
}

static void alias(struct entries *e, const struct acpi_ivhd_entry *f) {
	report_number(e->report, "source", f->source_id, 4);
	report_words(e->report, "sends as %02x:%02x.%x", f->source_id >> 8,
		     f->source_id >> 3 & 0x1f, f->source_id & 7);
	if (f->handle || f->variety)
		report_warn(e->report, e->offset + 4, "reserved bytes are not zero");
}

static void extended(struct entries *e) {
	const u8 *data = e->table.data + e->offset + 4;
	u32 bits = data[0] | data[1] << 8 | data[2] << 16 | (u32)data[3] << 24;

	report_number(e->report, "extended_data", bits, 8);
	if (bits & BIT(31))
		report_words(e->report, "must not use ATS");
	if (bits & BITS(30, 0))
		report_warn(e->report, e->offset + 4, "reserved bits are set");
}

static void special(struct entries *e, const struct acpi_ivhd_entry *f) {
	struct report *r = e->report;

	report_number(r, "handle", f->handle, 2);
	report_number(r, "source", f->source_id, 4);
	report_number(r, "variety", f->variety, 0);
	report_words(r, "%s %u sends as %02x:%02x.%x",
		     f->variety == SPECIAL_IOAPIC ? "I/O APIC"
		     : f->variety == SPECIAL_HPET ? "HPET"
						  : "device",
		     f->handle, f->source_id >> 8, f->source_id >> 3 & 0x1f, f->source_id & 7);
	if (f->variety != SPECIAL_IOAPIC && f->variety != SPECIAL_HPET)
		report_warn(r, e->offset + 7, "special device of unknown variety %u", f->variety);
	if (f->device_id)
		report_warn(r, e->offset + 1, "reserved bytes are not zero");
}

static void uid(struct entries *e, const struct ivhd_acpi_hid *f) {
	struct report *r = e->report;
	u64 number = 0;

	report_number(r, "uid_format", f->uid_format, 0);
	if (f->uid_format == UID_TEXT) {
		report_text(r, "uid", f->uid, f->uid_length);
	} else if (f->uid_format == UID_INTEGER && f->uid_length == sizeof(number)) {
		for (u32 i = sizeof(number); i-- > 0;)
			number = number << 8 | f->uid[i];
		report_number(r, "uid", number, 0);
	} else if (f->uid_length) {
		report_bytes(r, "uid_bytes", f->uid, f->uid_length);
	}
	if (f->uid_format > UID_TEXT)
		report_warn(r, e->offset + 20, "UID of unknown format %u", f->uid_format);
	else if (f->uid_format == UID_INTEGER ? f->uid_length != sizeof(number)
					      : (f->uid_format == UID_TEXT) != !!f->uid_length)
		report_warn(r, e->offset + 21, "UID of %u bytes does not fit its format",
			    f->uid_length);
}

static void acpi_device(struct entries *e) {
	const struct ivhd_acpi_hid *f = (const void *)(e->table.data + e->offset);

	report_text(e->report, "hid", f->hid, sizeof(f->hid));
	report_text(e->report, "cid", f->cid, sizeof(f->cid));
	uid(e, f);
	if (!f->hid[0])
		report_warn(e->report, e->offset + 4, "an ACPI device without hardware ID");
	if (e->ivhd != IVHD_40)
		report_warn(e->report, e->offset,
			    "an ACPI device where only blocks of type 0x40 may have them");
}

static void settings(struct entries *e, u8 value) {
	static const struct report_flag flags[] = {
		{BIT(0), "INIT passes"},  {BIT(1), "ExtInt passes"}, {BIT(2), "NMI passes"},
		{BIT(6), "LINT0 passes"}, {BIT(7), "LINT1 passes"},  {0}};

	report_number(e->report, "data", value, 2);
	report_flags(e->report, value, flags);
	if (value >> 4 & 3)
		report_words(e->report, "system management %u", value >> 4 & 3);
	if (value & SETTINGS_RESERVED)
		report_warn(e->report, e->offset + 3, "a reserved bit of the settings is set");
}

static void entry(struct entries *e) {
	const u8 *data = e->table.data + e->offset;
	const struct acpi_ivhd_entry *f = (const void *)data;
	const char *name = label(f->type);

	report_open(e->report, name ? name : "entry of unknown type", e->offset, NULL, f->type);
	report_number(e->report, "device", f->device_id, 4);
	settings(e, f->settings);
	switch (f->type) {
	case IVHD_ALIAS_SELECT:
	case IVHD_ALIAS_RANGE_START: alias(e, f); break;
	case IVHD_EXTENDED_SELECT:
	case IVHD_EXTENDED_RANGE_START: extended(e); break;
	case IVHD_SPECIAL: special(e, f); break;
	case IVHD_ACPI_HID: acpi_device(e); break;
	default:
		if (e->length > 4)
			report_bytes(e->report, "bytes", data + 4, e->length - 4);
	}
	report_close(e->report);
	if (!name)
		report_warn(e->report, e->offset, "device entry of unknown type 0x%02x", f->type);
	if (name && *name != 'p')
		check_range(e, f);
}

static void fields(struct report *r, const struct acpi_ivhd *f, u32 offset) {
	static const struct report_flag flags[] = {
		{BIT(0), "HtTunEn"}, {BIT(1), "PassPW"},   {BIT(2), "ResPassPW"},
		{BIT(3), "Isoc"},    {BIT(4), "IotlbSup"}, {BIT(5), "Coherent"},
		{BIT(6), "PreFSup"}, {BIT(7), "PPRSup"},   {0}};

	report_number(r, "ivhd", f->type, 2);
	report_number(r, "flags", f->flags, 2);
	report_number(r, "device", f->device_id, 4);
	report_number(r, "capability", f->capability, 4);
	report_number(r, "base", f->base, 16);
	report_number(r, "segment", f->segment, 4);
	report_number(r, "info", f->information, 4);
	report_number(r, "features", f->features, 8);
	if (f->type != IVHD_10) {
		report_number(r, "efr", f->efr, 16);
		report_number(r, "efr2", f->efr2, 16);
	}
	report_words(r, "IOMMU %02x:%02x.%x", f->device_id >> 8, f->device_id >> 3 & 0x1f,
		     f->device_id & 7);
	report_flags(r, f->flags, flags);
	if (f->information & INFO_RESERVED)
		report_warn(r, offset + 18, "reserved bits of the information are set");
	if (!f->base || !IS_ALIGNED(f->base, PAGE_SIZE))
		report_warn(r, offset + 8, "the IOMMU's registers cannot be at 0x%llx",
			    (unsigned long long)f->base);
	if (f->capability < 0x40 || f->capability > 0xff || f->capability % 4)
		report_warn(r, offset + 6, "no capability can be at 0x%x", f->capability);
}

void decode_ivhd(struct report *report, struct acpi_table table, u32 offset, u32 length) {
	const struct acpi_ivhd *ivhd = (const void *)(table.data + offset);
	struct entries e = {.report = report, .table = table, .ivhd = ivhd->type};
	u32 end = offset + length;

	report_open(report, "IVHD", offset, "IVHD", 0);
	fields(report, ivhd, offset);
	report_open_list(report, "entries");
	for (e.offset = offset + decode_ivhd_bytes(ivhd->type); e.offset < end;
	     e.offset += e.length) {
		const u8 *data = table.data + e.offset;
		u32 room = end - e.offset;

		e.length = entry_bytes(data, room);
		if (e.length) {
			entry(&e);
			continue;
		}
		report_warn(report, e.offset,
			    "device entry of type 0x%02x, and only %u bytes are left", data[0],
			    room);
		decode_unknown(report, table, e.offset, room, data[0]);
		break;
	}
	if (e.open)
		report_warn(report, e.offset, "the range from 0x%04x on has no end", e.first);
	report_close_list(report);
	report_close(report);
}
