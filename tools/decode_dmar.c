/* SPDX-License-Identifier: Apache-2.0 */
/* DMAR: VT-d specification, chapter 8. */
#include "acpi_tables.h"
#include "decode.h"

enum dmar_type {
	ATSR = 2, /* after those of acpi_tables.h */
	RHSA = 3,
	ANDD = 4,
	SATC = 5,
	SIDP = 6,
};

struct dmar_rhsa {
	u16 type, length;
	u32 reserved;
	u64 base;
	u32 proximity;
} __attribute__((packed));
_Static_assert(sizeof(struct dmar_rhsa) == 20, "dmar_rhsa");

struct dmar_andd {
	u16 type, length;
	u8 reserved[3], device;
	u8 name[];
} __attribute__((packed));
_Static_assert(sizeof(struct dmar_andd) == 8, "dmar_andd");

#define PLATFORM_OPT_IN BIT(2)
#define DRHD_SIZE_MASK 0xf
#define ADDRESS_WIDTH_MAX 64

/* One structure while it is read. */
struct reading {
	struct report *report;
	struct acpi_table table;
	u32 offset, length;
	const struct acpi_dmar_structure *fields; /* at most LENGTH bytes of it */
};

static void reserved(const struct reading *s, u32 at, u32 count) {
	decode_reserved(s->report, s->table, s->offset + at, count);
}

static void check_scope(const struct reading *s, const u8 *scope, u32 offset) {
	const u8 *path = scope + SCOPE_PATH;
	u32 bytes = scope[1] - (u32)SCOPE_PATH;

	if (!bytes || bytes % 2)
		report_warn(s->report, offset, "the scope's path is %s",
			    bytes ? "not made of pairs" : "empty");
	for (u32 i = 0; i + 1 < bytes; i += 2)
		if (path[i] > 31 || path[i + 1] > 7)
			report_warn(s->report, offset + SCOPE_PATH + i,
				    "there is no device %02x.%x", path[i], path[i + 1]);
	if (scope[2] && s->fields->type != SIDP)
		report_warn(s->report, offset + 2, "reserved bits of the scope's flags are set");
	if (scope[3])
		report_warn(s->report, offset + 3, "a reserved byte of the scope is not zero");
}

static void scope(const struct reading *s, const u8 *scope, u32 offset) {
	static const char *const kinds[] = {"of unknown type", "endpoint", "bridge",
					    "I/O APIC",        "HPET",     "ACPI device"};
	struct report *r = s->report;
	u8 type = scope[0];
	bool known = type && type < ARRAY_SIZE(kinds);
	u32 bytes = scope[1] - (u32)SCOPE_PATH;

	if (!known)
		report_warn(r, offset, "scope of unknown type %u", type);
	check_scope(s, scope, offset);
	report_open(r, kinds[known ? type : 0], offset, NULL, type);
	report_number(r, "flags", scope[2], 2);
	report_number(r, "enumeration", scope[SCOPE_ENUMERATION], 0);
	report_number(r, "bus", scope[SCOPE_START_BUS], 2);
	report_path(r, scope + SCOPE_PATH, bytes / 2);
	if (bytes % 2)
		report_bytes(r, "bytes", scope + scope[1] - 1, 1);
	report_close(r);
}

/* Scopes from AT bytes into the structure to its end. */
static void scopes(const struct reading *s, u32 at) {
	const u8 *data = s->table.data + s->offset;
	struct report *r = s->report;

	report_open_list(r, "scopes");
	while (at < s->length) {
		u32 room = s->length - at, length = room < 2 ? 0 : data[at + 1];

		if (length >= SCOPE_PATH && length <= room) {
			scope(s, data + at, s->offset + at);
			at += length;
			continue;
		}
		if (room < 2)
			report_warn(r, s->offset + at, "a byte is left over after the scopes");
		else
			report_warn(r, s->offset + at,
				    "scope of %u bytes, where %u are left: the rest of the "
				    "structure is not read",
				    length, room);
		decode_unknown(r, s->table, s->offset + at, room, data[at]);
		break;
	}
	report_close_list(r);
}

/* Names of the structures before and after this one are looked up anew: tables are short. */
static bool next_structure(struct acpi_table table, u32 *offset, u16 type,
			   const struct acpi_dmar_structure **found) {
	while (table.size - *offset >= 4) {
		const struct acpi_dmar_structure *s = (const void *)(table.data + *offset);

		if (s->length < 4 || s->length > table.size - *offset)
			break;
		*offset += s->length;
		if (s->type != type || s->length < DMAR_DRHD_BYTES)
			continue;
		*found = s;
		return true;
	}
	return false;
}

static void drhd(const struct reading *s) {
	static const struct report_flag flags[] = {
		{DRHD_INCLUDE_ALL, "every function of the segment that no other unit names"}, {0}};
	struct report *r = s->report;
	const struct acpi_dmar_structure *f = s->fields, *other;
	u32 offset = s->offset + s->length;

	report_number(r, "flags", f->flags, 2);
	report_number(r, "size", f->size, 2);
	report_number(r, "segment", f->segment, 4);
	report_number(r, "base", f->base, 16);
	report_flags(r, f->flags, flags);
	report_words(r, "%u KiB of registers", 4u << (f->size & DRHD_SIZE_MASK));
	if (f->flags & ~DRHD_INCLUDE_ALL)
		report_warn(r, s->offset + 4, "reserved flags are set");
	if (f->size & ~DRHD_SIZE_MASK)
		report_warn(r, s->offset + 5, "reserved bits of the size are set");
	if (!f->base || !IS_ALIGNED(f->base, PAGE_SIZE))
		report_warn(r, s->offset + 8, "the unit's registers cannot be at 0x%llx",
			    (unsigned long long)f->base);
	if (f->flags & DRHD_INCLUDE_ALL)
		while (next_structure(s->table, &offset, DMAR_DRHD, &other))
			if (other->segment == f->segment)
				report_warn(r, offset - other->length,
					    "follows the unit of its segment that takes all the "
					    "rest (at 0x%04x), which ought to be the last",
					    s->offset);
	scopes(s, DMAR_DRHD_BYTES);
}

static void rmrr(const struct reading *s) {
	struct report *r = s->report;
	const struct acpi_dmar_structure *f = s->fields;

	report_number(r, "segment", f->segment, 4);
	report_number(r, "base", f->base, 16);
	report_number(r, "limit", f->limit, 16);
	reserved(s, 4, 2);
	if (f->limit < f->base)
		report_warn(r, s->offset + 16, "the limit is below the base");
	else
		report_words(r, "%llu KiB", (unsigned long long)((f->limit - f->base) / KIB + 1));
	if (!IS_ALIGNED(f->base, PAGE_SIZE))
		report_warn(r, s->offset + 8, "the base is not at the beginning of a page");
	if (!IS_ALIGNED(f->limit + 1, PAGE_SIZE))
		report_warn(r, s->offset + 16, "the limit is not at the end of a page");
	if (s->length == sizeof(*f))
		report_warn(r, s->offset, "the region belongs to no device");
	scopes(s, sizeof(*f));
}

/* ATSR, SATC and SIDP: flags (none in SIDP), segment, scopes. */
static void scoped(const struct reading *s, const struct report_flag *flags) {
	struct report *r = s->report;
	const struct acpi_dmar_structure *f = s->fields;

	if (flags) {
		report_number(r, "flags", f->flags, 2);
		report_flags(r, f->flags, flags);
		if (f->flags & ~BIT(0))
			report_warn(r, s->offset + 4, "reserved flags are set");
		reserved(s, 5, 1);
	} else {
		reserved(s, 4, 2);
	}
	report_number(r, "segment", f->segment, 4);
	scopes(s, offsetof(struct acpi_dmar_structure, base));
}

static void atsr(const struct reading *s) {
	static const struct report_flag flags[] = {{BIT(0), "every root port of the segment"}, {0}};

	scoped(s, flags);
}

static void satc(const struct reading *s) {
	static const struct report_flag flags[] = {{BIT(0), "must have its translation cache"},
						   {0}};

	scoped(s, flags);
}

static void sidp(const struct reading *s) {
	scoped(s, NULL);
}

static void rhsa(const struct reading *s) {
	const struct dmar_rhsa *f = (const void *)s->fields;
	const struct acpi_dmar_structure *unit;
	u32 offset = DECODE_DMAR_BYTES;
	bool found = false;

	report_number(s->report, "base", f->base, 16);
	report_number(s->report, "proximity", f->proximity, 0);
	reserved(s, 4, 4);
	while (!found && next_structure(s->table, &offset, DMAR_DRHD, &unit))
		found = unit->base == f->base;
	if (!found)
		report_warn(s->report, s->offset + 8, "no unit is at 0x%llx",
			    (unsigned long long)f->base);
	if (s->length > sizeof(*f)) {
		report_warn(s->report, s->offset + sizeof(*f), "bytes follow the structure");
		report_bytes(s->report, "bytes", (const u8 *)(f + 1), s->length - sizeof(*f));
	}
}

static void andd(const struct reading *s) {
	const struct dmar_andd *f = (const void *)s->fields;
	u32 room = s->length - sizeof(*f), name = 0;

	while (name < room && f->name[name])
		name++;
	report_number(s->report, "device", f->device, 0);
	report_text(s->report, "name", f->name, name);
	reserved(s, 4, sizeof(f->reserved));
	if (name == room) {
		report_warn(s->report, s->offset + sizeof(*f), "the name has no end");
	} else if (decode_any(f->name + name, room - name)) {
		report_warn(s->report, s->offset + sizeof(*f) + name, "bytes follow the name");
		report_bytes(s->report, "bytes", f->name + name + 1, room - name - 1);
	}
}

static void structure(const struct reading *s) {
	static const struct kind {
		const char *name;
		u32 bytes; /* before scopes or a name */
		void (*read)(const struct reading *s);
	} kinds[] = {
		[DMAR_DRHD] = {"DRHD", DMAR_DRHD_BYTES, drhd},
		[DMAR_RMRR] = {"RMRR", sizeof(struct acpi_dmar_structure), rmrr},
		[ATSR] = {"ATSR", offsetof(struct acpi_dmar_structure, base), atsr},
		[RHSA] = {"RHSA", sizeof(struct dmar_rhsa), rhsa},
		[ANDD] = {"ANDD", sizeof(struct dmar_andd), andd},
		[SATC] = {"SATC", offsetof(struct acpi_dmar_structure, base), satc},
		[SIDP] = {"SIDP", offsetof(struct acpi_dmar_structure, base), sidp},
	};
	u16 type = s->fields->type;

	if (type >= ARRAY_SIZE(kinds) || s->length < kinds[type].bytes) {
		if (type >= ARRAY_SIZE(kinds))
			report_warn(s->report, s->offset, "structure of unknown type 0x%x", type);
		else
			report_warn(s->report, s->offset, "%s of %u bytes: it needs %u",
				    kinds[type].name, s->length, kinds[type].bytes);
		decode_unknown(s->report, s->table, s->offset, s->length, type);
		return;
	}
	report_open(s->report, kinds[type].name, s->offset, kinds[type].name, 0);
	kinds[type].read(s);
	report_close(s->report);
}

static void fixed_fields(struct report *r, struct acpi_table table) {
	static const struct report_flag flags[] = {
		{DMAR_INTERRUPT_REMAPPING, "interrupt remapping"},
		{DMAR_X2APIC_OPT_OUT, "x2APIC is to stay off"},
		{PLATFORM_OPT_IN, "DMA protection wanted for external devices"},
		{0}};
	const struct acpi_dmar *dmar = (const void *)table.data;
	u32 width = dmar->host_address_width + 1u;

	if (!r->json)
		fputs("  ", r->out);
	r->line = !r->json;
	report_number(r, "host_address_width", dmar->host_address_width, 0);
	report_number(r, "flags", dmar->flags, 2);
	report_words(r, "addresses of %u bits", width);
	report_flags(r, dmar->flags, flags);
	if (dmar->flags & ~(DMAR_INTERRUPT_REMAPPING | DMAR_X2APIC_OPT_OUT | PLATFORM_OPT_IN))
		report_warn(r, offsetof(struct acpi_dmar, flags), "reserved flags are set");
	if (width > ADDRESS_WIDTH_MAX)
		report_warn(r, offsetof(struct acpi_dmar, host_address_width),
			    "addresses cannot have %u bits", width);
	decode_reserved(r, table, offsetof(struct acpi_dmar, reserved), sizeof(dmar->reserved));
}

void decode_dmar(struct report *report, struct acpi_table table) {
	struct reading s = {.report = report, .table = table, .offset = DECODE_DMAR_BYTES};

	fixed_fields(report, table);
	report_open_list(report, "structures");
	for (; s.offset < table.size; s.offset += s.length) {
		u32 room = table.size - s.offset;

		s.fields = (const void *)(table.data + s.offset);
		s.length = room < 4 ? 0 : s.fields->length;
		if (!decode_fits(report, table, s.offset, s.length, table.data[s.offset]))
			break;
		structure(&s);
	}
	report_close_list(report);
}
