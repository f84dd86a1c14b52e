/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acpi.h"
#include "acpi_tables.h"
#include "acpi_walk.h"
#include "enumerate.h"
#include "text.h"

/* ---- a machine ---------------------------------------------------------------------------------- */

static u8 memory[4 * MIB];
static struct arena arena;
static struct inventory machine;
static struct pci_function functions[512];
static struct ioapic_info ioapics[2];

enum { HOST, PORT, SLOT2, SLOT3, LPC, ENDPOINT, VIRTUAL, BRIDGE, BEHIND, FAR };

static void add_function(u16 segment, u8 bus, u8 device, u8 function) {
	struct pci_function *f = &functions[machine.function_count++];

	*f = (struct pci_function){.address = {segment, bus, PCI_DEVFN(device, function)},
				   .physical = NONE,
				   .parent = NONE,
				   .unit = NONE};
	f->table_alias = pci_requester_id(f->address);
}

static void make_bridge(u32 index, u8 secondary, u8 subordinate) {
	functions[index].header_type = 1;
	functions[index].secondary_bus = secondary;
	functions[index].subordinate_bus = subordinate;
}

static void empty_machine(void) {
	arena = (struct arena){.base = memory, .size = sizeof(memory)};
	machine = (struct inventory){.arena = &arena, .functions = functions};
}

/* 00:01.0 leads to 01:00.0 (with a virtual function 01:00.1) and, by bridge 01:01.0, to 02:00.0. */
static void small_machine(void) {
	empty_machine();
	add_function(0, 0, 0, 0);
	add_function(0, 0, 1, 0);
	add_function(0, 0, 2, 0);
	add_function(0, 0, 3, 0);
	add_function(0, 0, 31, 0);
	add_function(0, 1, 0, 0);
	add_function(0, 1, 0, 1);
	add_function(0, 1, 1, 0);
	add_function(0, 2, 0, 0);
	add_function(1, 0, 0, 0);
	make_bridge(PORT, 1, 2);
	make_bridge(BRIDGE, 2, 2);
	functions[VIRTUAL].physical = ENDPOINT;
	ioapics[0] = (struct ioapic_info){.id = 2, .base = 0xfec00000, .unit = NONE};
	ioapics[1] = (struct ioapic_info){.id = 3, .base = 0xfec01000, .unit = NONE};
	machine.ioapics = ioapics;
	machine.ioapic_count = 2;
}

static void print_warnings(void) {
	for (u32 i = 0; i < machine.warning_count && i < INVENTORY_WARNINGS; i++)
		print_message("  %s\n", machine.warnings[i].text);
}

#define assert_warnings(count)                                                                     \
	do {                                                                                       \
		if (machine.warning_count != (u32)(count))                                         \
			print_warnings();                                                          \
		assert_int_equal(machine.warning_count, count);                                    \
	} while (0)

static void assert_units(const u32 *units) {
	for (u32 i = 0; i < machine.function_count; i++)
		if (functions[i].unit != units[i])
			fail_msg("function %u: unit 0x%x, not 0x%x", i, functions[i].unit,
				 units[i]);
}

#define ASSERT_UNITS(...) assert_units((const u32[]){__VA_ARGS__})

/* ---- tables written by hand ---------------------------------------------------------------------- */

static u8 bytes[16384];
static u32 size;

static void put(u64 value, u32 count) {
	for (; count > 0; count--, value >>= 8)
		bytes[size++] = (u8)value;
}

/* The sixteen bytes that most records begin with, and the like: each a byte. */
#define PUT(...)                                                                                   \
	do {                                                                                       \
		static const u8 values[] = {__VA_ARGS__};                                          \
		memcpy(bytes + size, values, sizeof(values));                                      \
		size += sizeof(values);                                                            \
	} while (0)

static void begin(const char *signature) {
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, signature, 4);
	bytes[8] = 1;
	size = sizeof(struct acpi_header);
}

static void begin_dmar(u8 flags) {
	begin("DMAR");
	PUT(47);
	put(flags, 1);
	size += 10;
}

static void begin_ivrs(void) {
	begin("IVRS");
	size += 12;
}

static u32 open_dmar(u16 type) {
	put(type, 2);
	put(0, 2);
	return size - 4;
}

static void close_record(u32 start) {
	bytes[start + 2] = (u8)(size - start);
	bytes[start + 3] = (u8)((size - start) >> 8);
}

static u32 open_drhd(u8 flags, u16 segment, u64 base) {
	u32 start = open_dmar(DMAR_DRHD);

	put(flags, 1);
	put(0, 1);
	put(segment, 2);
	put(base, 8);
	return start;
}

static void drhd(u8 flags, u16 segment, u64 base) {
	close_record(open_drhd(flags, segment, base));
}

static void scope(u8 type, u8 id, u8 bus, u8 device, u8 function) {
	put(type, 1);
	put(8, 1);
	put(0, 2);
	put(id, 1);
	put(bus, 1);
	put(device, 1);
	put(function, 1);
}

static u32 open_rmrr(u64 base, u64 limit) {
	u32 start = open_dmar(DMAR_RMRR);

	put(0, 4);
	put(base, 8);
	put(limit, 8);
	return start;
}

static u32 open_ivhd(u8 type, u16 device, u64 base) {
	put(type, 1);
	put(0xb0, 1);
	put(0, 2);
	put(device, 2);
	put(0x40, 2);
	put(base, 8);
	put(0, 8); /* segment, information, features */
	if (type != IVHD_10) {
		put(0x58f77ef22294a5a, 8);
		put(0, 8);
	}
	return size - (type == IVHD_10 ? 24 : 40);
}

static void entry4(u8 type, u16 id, u8 settings) {
	put(type, 1);
	put(id, 2);
	put(settings, 1);
}

static void entry8(u8 type, u16 id, u8 settings, u32 extended) {
	entry4(type, id, settings);
	put(extended, 4);
}

static void special(u8 variety, u8 handle, u16 source) {
	entry8(IVHD_SPECIAL, 0, 0xd7, handle | (u32)source << 8 | (u32)variety << 24);
}

static void ivmd(u8 type, u8 flags, u16 id, u16 last, u64 start, u64 length) {
	put(type, 1);
	put(flags, 1);
	put(32, 2);
	put(id, 2);
	put(last, 2);
	put(0, 8);
	put(start, 8);
	put(length, 8);
}

static void seal(u8 *table, u32 length) {
	u8 sum = 0;

	for (int i = 0; i < 4; i++)
		table[4 + i] = (u8)(length >> 8 * i);
	table[9] = 0;
	for (u32 i = 0; i < length; i++)
		sum += table[i];
	table[9] = (u8)-sum;
}

typedef bool parser(struct inventory *inventory, struct acpi_table table);

/* From the heap and of the exact size, so that the sanitizer sees a byte too far. */
static bool parse_bytes(parser *parse, const u8 *data, u32 length) {
	u8 *copy = malloc(length ? length : 1);

	memcpy(copy, data, length);
	bool result = parse(&machine, (struct acpi_table){copy, length});
	free(copy);
	return result;
}

static bool parse_table(parser *parse) {
	seal(bytes, size);
	return parse_bytes(parse, bytes, size);
}

/* ---- whole tables -------------------------------------------------------------------------------- */

/* 0: the table cannot be used. */
static u32 checked_length(const u8 *data, u32 length, const char *signature) {
	struct acpi_walk walk;

	return acpi_open(&walk, &machine, (struct acpi_table){data, length}, signature,
			 sizeof(struct acpi_header), ACPI_TYPE16_LENGTH16)
		       ? walk.end
		       : 0;
}

static void a_table_needs_signature_length_and_checksum(void **state) {
	(void)state;
	begin_dmar(0);
	drhd(DRHD_INCLUDE_ALL, 0, 0xfed90000);
	seal(bytes, size);
	small_machine();
	assert_int_equal(checked_length(bytes, size + 100, "DMAR"), size);
	assert_int_equal(checked_length(NULL, 0, "DMAR"), 0);
	assert_warnings(0);
	assert_int_equal(checked_length(bytes, size, "IVRS"), 0);
	assert_int_equal(checked_length(bytes, size - 1, "DMAR"), 0);
	assert_int_equal(checked_length(bytes, 35, "DMAR"), 0);
	bytes[4] = 35;
	assert_int_equal(checked_length(bytes, size, "DMAR"), 0);
	bytes[4] = (u8)size;
	assert_warnings(4);
	bytes[20]++;
	assert_false(parse_bytes(dmar_parse, bytes, size));
	assert_warnings(5);
	assert_int_equal(machine.unit_count, 0);
}

static void parse_all(const u8 *data, u32 length) {
	small_machine();
	parse_bytes(madt_parse, data, length);
	machine.ioapics = ioapics;
	machine.ioapic_count = 2;
	parse_bytes(mcfg_parse, data, length);
	parse_bytes(dmar_parse, data, length);
	parse_bytes(ivrs_parse, data, length);
	for (u32 i = 0; i < machine.function_count; i++)
		assert_true(functions[i].unit == NONE || functions[i].unit < machine.unit_count);
	for (u32 i = 0; i < machine.region_count; i++)
		assert_true(machine.regions[i].function == NONE ||
			    machine.regions[i].function < machine.function_count);
}

/* Every truncation, and every byte replaced by values that lengths and counts dislike. */
static void mutate(void) {
	static const u8 values[] = {0, 1, 3, 4, 0x7f, 0x80, 0xff};
	u8 *copy = malloc(size);

	for (u32 length = 0; length < size; length++) {
		memcpy(copy, bytes, length);
		parse_all(copy, length); /* the header says more than there is */
		if (length >= sizeof(struct acpi_header))
			seal(copy, length);
		parse_all(copy, length);
	}
	for (u32 i = sizeof(struct acpi_header); i < size; i++)
		for (u32 j = 0; j < ARRAY_SIZE(values); j++) {
			memcpy(copy, bytes, size);
			copy[i] = values[j];
			seal(copy, size);
			parse_all(copy, size);
		}
	free(copy);
}

/* ---- MADT and MCFG ------------------------------------------------------------------------------- */

static void write_madt(void) {
	begin("APIC");
	put(0xfee00000, 4);
	put(1, 4);
	PUT(0, 8, 1, 0x10, 1, 0, 0, 0);
	PUT(0, 8, 2, 0x12, 0, 0, 0, 0); /* neither enabled nor online capable */
	PUT(0, 8, 3, 0x14, 2, 0, 0, 0);
	PUT(0, 8, 4, 0xff, 1, 0, 0, 0);
	PUT(0x7f, 4, 0, 0);
	PUT(9, 16, 0, 0, 0x00, 0x01, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0);
	PUT(9, 16, 0, 0, 0x10, 0x00, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0); /* as the first */
	PUT(9, 16, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1, 0, 0, 0);
	PUT(1, 12, 2, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0);
	PUT(1, 12, 3, 0, 0, 0x10, 0xc0, 0xfe, 24, 0, 0, 0);
	PUT(1, 12, 2, 0, 0, 0x20, 0xc0, 0xfe, 48, 0, 0, 0); /* id 2 again */
	PUT(1, 11, 4, 0, 0, 0x20, 0xc0, 0xfe, 48, 0, 0); /* too short */
}

static void madt_lists_processors_and_ioapics(void **state) {
	(void)state;
	empty_machine();
	write_madt();
	assert_true(parse_table(madt_parse));
	assert_warnings(3);
	assert_int_equal(machine.cpu_count, 3);
	assert_int_equal(machine.cpus[0].apic_id, 0x10);
	assert_int_equal(machine.cpus[0].acpi_id, 1);
	assert_int_equal(machine.cpus[1].apic_id, 0x14);
	assert_int_equal(machine.cpus[2].apic_id, 0x100);
	assert_int_equal(machine.cpus[2].acpi_id, 5);
	assert_int_equal(machine.ioapic_count, 2);
	assert_int_equal(machine.ioapics[1].id, 3);
	assert_int_equal(machine.ioapics[1].base, 0xfec01000);
	assert_int_equal(machine.ioapics[1].gsi_base, 24);
	assert_int_equal(machine.ioapics[1].unit, NONE);
}

static void madt_stops_at_a_record_without_length(void **state) {
	(void)state;
	empty_machine();
	begin("APIC");
	put(0, 8);
	PUT(0, 8, 1, 0x10, 1, 0, 0, 0, 0x7f, 0, 0, 8, 2, 0x11, 1, 0, 0, 0);
	assert_true(parse_table(madt_parse));
	assert_warnings(1);
	assert_int_equal(machine.cpu_count, 1);
	size = 40;
	assert_false(parse_table(madt_parse));
}

static void window(u64 base, u16 segment, u8 first, u8 last) {
	put(base, 8);
	put(segment, 2);
	put(first, 1);
	put(last, 1);
	put(0, 4);
}

static void mcfg_lists_windows(void **state) {
	(void)state;
	empty_machine();
	begin("MCFG");
	put(0, 8);
	window(0xe0000000, 0, 0, 0x7f);
	window(0xe0000000, 0, 0x80, 0xff);
	window(0x4000000000, 1, 0x10, 0x1f);
	window(0xd0000000, 0, 0x70, 0x8f); /* overlaps */
	window(0, 2, 0, 1);
	window(0xd0001000, 2, 0, 1); /* not on 1 MiB */
	window(0xd0000000, 2, 2, 1);
	window(0xfffffffffff00000, 2, 0, 0);
	put(0, 7); /* cut off */
	assert_true(parse_table(mcfg_parse));
	assert_warnings(6);
	assert_int_equal(machine.window_count, 3);
	assert_int_equal(machine.windows[1].first_bus, 0x80);
	assert_int_equal(machine.windows[2].base, 0x4000000000);
	assert_int_equal(machine.windows[2].segment, 1);
	size = 43;
	assert_false(parse_table(mcfg_parse));
}

/* ---- DMAR ---------------------------------------------------------------------------------------- */

/* The usual client machine: one unit for graphics, one for all the rest. */
static void write_dmar(void) {
	begin_dmar(DMAR_INTERRUPT_REMAPPING | DMAR_X2APIC_OPT_OUT);
	u32 unit = open_drhd(0, 0, 0xfed90000);
	scope(SCOPE_ENDPOINT, 0, 0, 2, 0);
	close_record(unit);
	unit = open_drhd(DRHD_INCLUDE_ALL, 0, 0xfed91000);
	bytes[unit + 5] = 2;
	scope(SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	scope(SCOPE_HPET, 0, 0xf0, 15, 0);
	scope(SCOPE_IOAPIC, 3, 0xf1, 30, 7);
	close_record(unit);
	u32 region = open_rmrr(0x7b800000, 0x7fffffff);
	scope(SCOPE_ENDPOINT, 0, 0, 2, 0);
	scope(SCOPE_ENDPOINT, 0, 0, 3, 0);
	scope(SCOPE_ENDPOINT, 0, 0, 29, 0); /* hidden */
	scope(SCOPE_ENDPOINT, 0, 0, 3, 0); /* again */
	close_record(region);
	PUT(2, 0, 16, 0, 0, 0, 0, 0, 2, 8, 0, 0, 0, 0, 1, 0); /* ATSR */
	PUT(3, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0); /* RHSA */
	PUT(4, 0, 12, 0, 0, 0, 0, 1, '\\', 'A', 'B', 0); /* ANDD */
	PUT(0x33, 0x12, 5, 0, 0xff); /* unknown */
}

static void dmar_gives_functions_to_units(void **state) {
	(void)state;
	small_machine();
	write_dmar();
	assert_true(parse_table(dmar_parse));
	assert_warnings(0);
	assert_int_equal(machine.unit_count, 2);
	assert_int_equal(machine.units[0].base, 0xfed90000);
	assert_int_equal(machine.units[0].register_bytes, 4096);
	assert_int_equal(machine.units[1].register_bytes, 4 * 4096);
	assert_true(machine.interrupt_remapping);
	/* FAR lies in segment 1, of which no unit speaks. */
	ASSERT_UNITS(1, 1, 0, 1, 1, 1, 1, 1, 1, NONE);
	assert_int_equal(ioapics[0].unit, 1);
	assert_int_equal(ioapics[0].source_id, 0xf0f8);
	assert_int_equal(ioapics[1].source_id, 0xf1f7);
	assert_int_equal(machine.region_count, 2);
	assert_int_equal(machine.regions[0].function, SLOT2);
	assert_int_equal(machine.regions[1].function, SLOT3);
	assert_int_equal(machine.regions[1].base, 0x7b800000);
	assert_int_equal(machine.regions[1].limit, 0x7fffffff);
	assert_true(machine.regions[1].read && machine.regions[1].write);
}

static void a_bridge_scope_covers_everything_below(void **state) {
	(void)state;
	small_machine();
	machine.ioapic_count = 0;
	begin_dmar(0);
	drhd(DRHD_INCLUDE_ALL, 0, 0xfed91000); /* first in the table, last in effect */
	u32 unit = open_drhd(0, 0, 0xfed90000);
	scope(SCOPE_BRIDGE, 0, 0, 1, 0);
	close_record(unit);
	u32 region = open_rmrr(0x1000, 0x1fff);
	scope(SCOPE_BRIDGE, 0, 1, 1, 0);
	close_record(region);
	assert_true(parse_table(dmar_parse));
	assert_warnings(0);
	ASSERT_UNITS(0, 1, 0, 0, 0, 1, 1, 1, 1, NONE);
	assert_int_equal(machine.region_count, 1);
	assert_int_equal(machine.regions[0].function, BEHIND);
	assert_false(machine.interrupt_remapping);
}

static void a_bridge_without_bus_numbers_covers_itself_alone(void **state) {
	(void)state;
	small_machine();
	machine.ioapic_count = 0;
	make_bridge(PORT, 0, 0);
	begin_dmar(0);
	u32 unit = open_drhd(0, 0, 0xfed90000);
	scope(SCOPE_BRIDGE, 0, 0, 1, 0);
	close_record(unit);
	assert_true(parse_table(dmar_parse));
	ASSERT_UNITS(NONE, 0, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE);
}

static void a_path_leads_through_bridges(void **state) {
	(void)state;
	small_machine();
	begin_dmar(0);
	u32 unit = open_drhd(0, 0, 0xfed90000);
	PUT(1, 12, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0); /* 00:01.0, 01.0, 00.0: 02:00.0 */
	PUT(1, 10, 0, 0, 0, 0, 1, 0, 0, 0); /* 01:00.0: its virtual function goes with it */
	PUT(3, 10, 0, 0, 2, 0, 1, 0, 9, 3); /* IOAPIC 2 at 01:09.3, not a function */
	PUT(3, 10, 0, 0, 3, 0, 4, 0, 9, 3); /* IOAPIC 3 behind a bridge that is not there */
	close_record(unit);
	assert_true(parse_table(dmar_parse));
	ASSERT_UNITS(NONE, NONE, NONE, NONE, NONE, 0, 0, NONE, 0, NONE);
	assert_int_equal(ioapics[0].source_id, 0x014b);
	assert_int_equal(ioapics[1].unit, NONE);
	assert_warnings(1); /* IOAPIC 3 */
}

static void a_function_that_two_units_claim_is_uncovered(void **state) {
	(void)state;
	small_machine();
	machine.ioapic_count = 0;
	begin_dmar(0);
	u32 unit = open_drhd(0, 0, 0xfed90000);
	scope(SCOPE_ENDPOINT, 0, 0, 2, 0);
	scope(SCOPE_ENDPOINT, 0, 0, 3, 0);
	close_record(unit);
	unit = open_drhd(0, 0, 0xfed91000);
	scope(SCOPE_ENDPOINT, 0, 0, 3, 0);
	close_record(unit);
	drhd(DRHD_INCLUDE_ALL, 1, 0xfed92000);
	drhd(DRHD_INCLUDE_ALL, 1, 0xfed93000);
	assert_true(parse_table(dmar_parse));
	assert_warnings(2);
	ASSERT_UNITS(NONE, NONE, 0, NONE, NONE, NONE, NONE, NONE, NONE, NONE);
	assert_string_equal(functions[SLOT3].uncovered, "gives it to two units");
	assert_string_equal(functions[LPC].uncovered, "gives it to no unit");
}

static const char of_its_unit[] = "says of it, or of its unit, what cannot be true";

static void what_a_dropped_unit_names_falls_to_no_other(void **state) {
	static const u64 bases[] = {0, 0xfed90800, 0xfffffffffffff000, 0xfed91000};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bases); i++) {
		small_machine();
		machine.ioapic_count = 0;
		begin_dmar(0);
		drhd(DRHD_INCLUDE_ALL, 0, 0xfed91000);
		u32 unit = open_drhd(0, 0, bases[i]);
		scope(SCOPE_ENDPOINT, 0, 0, 2, 0);
		close_record(unit);
		assert_true(parse_table(dmar_parse));
		assert_warnings(1);
		assert_int_equal(machine.unit_count, 1);
		ASSERT_UNITS(0, 0, NONE, 0, 0, 0, 0, 0, 0, NONE);
		assert_string_equal(functions[SLOT2].uncovered, of_its_unit);
	}
}

static void a_scope_of_the_wrong_kind_leaves_its_functions_uncovered(void **state) {
	(void)state;
	small_machine();
	machine.ioapic_count = 0;
	functions[SLOT3].class_code = 0x068000;
	begin_dmar(0);
	drhd(DRHD_INCLUDE_ALL, 0, 0xfed91000);
	u32 unit = open_drhd(0, 0, 0xfed90000);
	scope(SCOPE_ENDPOINT, 0, 0, 1, 0); /* a bridge */
	scope(SCOPE_BRIDGE, 0, 0, 2, 0); /* an endpoint */
	scope(SCOPE_BRIDGE, 0, 0, 3, 0); /* non-transparent bridge: usual */
	close_record(unit);
	assert_true(parse_table(dmar_parse));
	assert_warnings(2);
	ASSERT_UNITS(0, NONE, NONE, 1, 0, NONE, NONE, NONE, NONE, NONE);
	assert_string_equal(functions[SLOT2].uncovered, of_its_unit);
}

static void an_unreadable_scope_or_structure_disables_include_all(void **state) {
	(void)state;
	for (u32 i = 0; i < 5; i++) {
		small_machine();
		machine.ioapic_count = 0;
		begin_dmar(0);
		drhd(DRHD_INCLUDE_ALL, 0, 0xfed91000);
		u32 unit = open_drhd(0, 0, 0xfed90000);
		scope(SCOPE_ENDPOINT, 0, 0, 2, 0);
		u32 second = size;
		scope(SCOPE_ENDPOINT, 0, 0, 3, 0);
		close_record(unit);
		bytes[second + 1] = (const u8[]){0, 7, 200, 8, 8}[i];
		if (i == 3)
			bytes[second + 6] = 32;
		if (i == 4)
			bytes[unit + 2] = 15; /* the unit itself: too short */
		assert_true(parse_table(dmar_parse));
		assert_true(machine.warning_count >= 1);
		assert_string_equal(functions[LPC].uncovered, "cannot be read in full");
		if (i < 4)
			ASSERT_UNITS(NONE, NONE, 1, NONE, NONE, NONE, NONE, NONE, NONE, NONE);
		else
			ASSERT_UNITS(NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE);
	}
}

static void a_unit_that_cannot_be_used_leaves_the_others_to_another(void **state) {
	(void)state;
	for (u32 order = 0; order < 2; order++) {
		small_machine();
		machine.ioapic_count = 0;
		begin_dmar(0);
		drhd(DRHD_INCLUDE_ALL, 0, order ? 0 : 0xfed91000);
		drhd(DRHD_INCLUDE_ALL, 0, order ? 0xfed91000 : 0);
		assert_true(parse_table(dmar_parse));
		assert_warnings(1);
		ASSERT_UNITS(0, 0, 0, 0, 0, 0, 0, 0, 0, NONE);
	}
	/* Where there is no other, that is said of them. */
	small_machine();
	begin_dmar(0);
	u32 unit = open_drhd(0, 0, 0xfed90000);
	scope(SCOPE_ENDPOINT, 0, 0, 2, 0);
	close_record(unit);
	drhd(DRHD_INCLUDE_ALL, 0, 0);
	assert_true(parse_table(dmar_parse));
	ASSERT_UNITS(NONE, NONE, 0, NONE, NONE, NONE, NONE, NONE, NONE, NONE);
	assert_string_equal(functions[LPC].uncovered, of_its_unit);
}

static void zeros_at_the_end_are_padding(void **state) {
	(void)state;
	small_machine();
	machine.ioapic_count = 0;
	begin_dmar(0);
	drhd(DRHD_INCLUDE_ALL, 0, 0xfed91000);
	put(0, 8);
	assert_true(parse_table(dmar_parse));
	assert_warnings(1);
	assert_int_equal(functions[LPC].unit, 0);
}

static void impossible_regions_are_kept_out(void **state) {
	static const u64 regions[][2] = {
		{0x2000, 0x1fff},
		{0x2000, 0x2000},
		{0x2800, 0x2fff},
		{0x2000, 0x27ff},
		{0, 0},
		{0x2000, 0xffffffffffffffff},
		{0x2000, 0x1000000000fff},
		/* where writes are interrupts */
		{0xfeeff000, 0xfeefffff},
		{0xfe000000, 0xfee00fff},
	};

	(void)state;
	small_machine();
	machine.ioapic_count = 0;
	begin_dmar(0);
	drhd(DRHD_INCLUDE_ALL, 0, 0xfed91000);
	for (u32 i = 0; i < ARRAY_SIZE(regions); i++) {
		u32 region = open_rmrr(regions[i][0], regions[i][1]);
		scope(SCOPE_ENDPOINT, 0, 0, 2, 0);
		close_record(region);
	}
	assert_true(parse_table(dmar_parse));
	assert_warnings(ARRAY_SIZE(regions));
	for (u32 i = 0; i < machine.warning_count; i++)
		assert_non_null(strstr(machine.warnings[i].text, "impossible region"));
	assert_int_equal(machine.region_count, 0);
	assert_int_equal(functions[SLOT2].unit, 0);
}

static void a_full_arena_takes_everything_back(void **state) {
	(void)state;
	write_dmar();
	seal(bytes, size);
	small_machine();
	assert_true(parse_bytes(dmar_parse, bytes, size));
	size_t needed = arena.used;
	for (size_t room = 0; room < needed; room++) {
		small_machine();
		arena.size = room;
		if (parse_bytes(dmar_parse, bytes, size))
			continue;
		assert_int_equal(machine.unit_count, 0);
		assert_int_equal(machine.region_count, 0);
		assert_int_equal(functions[SLOT2].unit, NONE);
		assert_int_equal(ioapics[0].unit, NONE);
		assert_false(machine.interrupt_remapping);
	}
}

static void damaged_dmar_does_no_harm(void **state) {
	(void)state;
	write_dmar();
	mutate();
}

static void damaged_madt_does_no_harm(void **state) {
	(void)state;
	write_madt();
	mutate();
}

/* ---- IVRS ---------------------------------------------------------------------------------------- */

static void write_ivrs(void) {
	begin_ivrs();
	for (u32 i = 0; i < 3; i++) {
		u32 block =
			open_ivhd((const u8[]){IVHD_10, IVHD_11, IVHD_40}[i], 0x0003, 0xfeb80000);
		entry4(IVHD_RANGE_START, 0x0002, 0); /* the IOMMU itself, wrongly */
		entry4(IVHD_RANGE_END, 0xfffe, 0);
		entry4(IVHD_SELECT, 0x0018, 0x40);
		entry8(IVHD_ALIAS_RANGE_START, 0x0200, 0, 0x0108 << 8);
		entry4(IVHD_RANGE_END, 0x02ff, 0);
		PUT(0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0); /* paddings */
		special(SPECIAL_HPET, 0, 0x00a0);
		special(SPECIAL_IOAPIC, 2, 0x00a0);
		special(SPECIAL_IOAPIC, 3, 0x0001);
		if (i == 2)
			PUT(0xf0, 0xa5, 0, 0x40, 'A', 'M', 'D', 'I', '0', '0', '2', '0', 0, 0, 0, 0,
			    0, 0, 0, 0, 2, 3, 'u', 'i', 'd');
		close_record(block);
	}
	PUT(0x51, 0, 6, 0, 1, 2); /* of no known type */
	ivmd(IVMD_SELECT, IVMD_UNITY | IVMD_READ, 0x0018, 0, 0x10000, 0x2000);
	ivmd(IVMD_RANGE, IVMD_EXCLUSION, 0x0100, 0x01ff, 0x20000, 0x1000);
	ivmd(IVMD_ALL, IVMD_UNITY | IVMD_READ | IVMD_WRITE, 0, 0, 0x30000, 0x1000);
}

static void ivrs_uses_the_highest_block_of_a_unit(void **state) {
	(void)state;
	small_machine();
	functions[1].address.devfn = 3; /* 00:00.3: the IOMMU, in place of the port */
	functions[1].header_type = 0;
	write_ivrs();
	assert_true(parse_table(ivrs_parse));
	assert_warnings(0);
	assert_int_equal(machine.unit_count, 1);
	const struct unit_info *unit = &machine.units[0];
	assert_int_equal(unit->kind, IOMMU_AMDVI);
	assert_int_equal(unit->base, 0xfeb80000);
	assert_int_equal(unit->register_bytes, 16384);
	assert_int_equal(unit->device_id, 3);
	assert_int_equal(unit->ivhd_flags, 0xb0);
	assert_int_equal(unit->features, 0x58f77ef22294a5a);
	assert_true(machine.interrupt_remapping);
	ASSERT_UNITS(NONE, NONE, 0, 0, 0, 0, 0, 0, 0, NONE);
	assert_int_equal(functions[BEHIND].table_alias, 0x0108);
	assert_int_equal(functions[SLOT2].table_alias, 0x0010);
	assert_int_equal(ioapics[0].unit, 0);
	assert_int_equal(ioapics[0].source_id, 0x00a0);
	assert_int_equal(ioapics[1].source_id, 0x0001);

	assert_int_equal(machine.region_count, 5);
	assert_int_equal(machine.regions[0].function, SLOT3);
	assert_int_equal(machine.regions[0].base, 0x10000);
	assert_int_equal(machine.regions[0].limit, 0x11fff);
	assert_true(machine.regions[0].read && !machine.regions[0].write);
	assert_int_equal(machine.regions[1].function, ENDPOINT);
	assert_int_equal(machine.regions[3].function, BRIDGE);
	assert_true(machine.regions[3].read && machine.regions[3].write);
	assert_int_equal(machine.regions[4].function, NONE);
	assert_int_equal(machine.regions[4].first, 0);
	assert_int_equal(machine.regions[4].last, 0xffff);
}

/* "Whoever is there" on several buses: mapped for each, and nobody is tied. On one bus it names them. */
static void a_wide_range_of_an_ivmd_ties_nobody(void **state) {
	(void)state;
	for (u16 last = 0x01ff; last <= 0x02ff; last += 0x100) {
		const u32 given[] = {BEHIND, SLOT2, HOST};
		struct reserved_region piece;
		bool wide = last == 0x02ff;

		small_machine();
		begin_ivrs();
		u32 block = open_ivhd(IVHD_10, 0x0003, 0xfeb80000);
		entry4(IVHD_ALL, 0, 0);
		close_record(block);
		ivmd(IVMD_RANGE, IVMD_UNITY | IVMD_READ, 0x0100, last, 0x20000, 0x1000);
		assert_true(parse_table(ivrs_parse));
		assert_int_equal(machine.region_count, wide ? 1 : 3);
		assert_int_equal(machine.regions[0].function, wide ? NONE : ENDPOINT);
		assert_true(groups_derive(&machine, NULL, 0));
		assert_int_equal(functions[ENDPOINT].group == functions[BRIDGE].group, !wide);
		assert_int_not_equal(functions[ENDPOINT].group, functions[SLOT2].group);
		assert_int_equal(reserved_next(&machine, given, 1, 0, &piece), wide);
		assert_int_equal(piece.base, wide ? 0x20000 : UINT64_MAX);
		assert_false(reserved_next(&machine, given + 1, 2, 0, &piece));
	}
}

static void ivrs_reads_each_kind_of_entry(void **state) {
	(void)state;
	small_machine();
	begin_ivrs();
	u32 block = open_ivhd(IVHD_10, 0xffff, 0xfeb80000);
	entry4(IVHD_ALL, 0, 0x01);
	special(SPECIAL_IOAPIC, 2, 0xa0);
	special(SPECIAL_IOAPIC, 3, 0xa1);
	close_record(block);
	block = open_ivhd(IVHD_11, 0xfffe, 0xfeb90000);
	entry4(IVHD_SELECT, 0x0010, 0x02);
	entry8(IVHD_ALIAS_SELECT, 0x0018, 0x04, 0x0010 << 8);
	entry8(IVHD_EXTENDED_SELECT, 0x00f8, 0x10, 1u << 31);
	entry8(IVHD_EXTENDED_RANGE_START, 0x0100, 0x20, 0);
	entry4(IVHD_RANGE_END, 0x0101, 0);
	close_record(block);
	assert_true(parse_table(ivrs_parse));
	assert_warnings(0);
	assert_int_equal(machine.unit_count, 2);
	assert_int_equal(machine.units[0].features, 0);
	ASSERT_UNITS(0, 0, 1, 1, 1, 1, 1, 0, 0, NONE);
	assert_int_equal(functions[SLOT3].table_alias, 0x0010);
	assert_int_equal(functions[BEHIND].table_alias, 0x0200);
}

static void the_smallest_range_wins_in_any_order(void **state) {
	(void)state;
	for (u32 order = 0; order < 2; order++) {
		small_machine();
		machine.ioapic_count = 0;
		begin_ivrs();
		for (u32 i = 0; i < 2; i++) {
			bool wide = i == order;
			u32 block = open_ivhd(IVHD_10, wide ? 0xfff0 : 0xfff1,
					      wide ? 0xfeb80000 : 0xfeb90000);
			entry4(IVHD_RANGE_START, wide ? 0x0000 : 0x0010, wide ? 1 : 2);
			entry4(IVHD_RANGE_END, wide ? 0xffef : 0x001f, 0);
			entry8(IVHD_ALIAS_RANGE_START, 0x0100, 3, (wide ? 0x0100 : 0x0101) << 8);
			entry4(IVHD_RANGE_END, wide ? 0x01ff : 0x0101, 0);
			if (wide)
				entry4(IVHD_ALL, 0, 4);
			close_record(block);
		}
		assert_true(parse_table(ivrs_parse));
		assert_warnings(0);
		assert_int_equal(machine.units[functions[HOST].unit].base, 0xfeb80000);
		assert_int_equal(machine.units[functions[SLOT2].unit].base, 0xfeb90000);
		assert_int_equal(functions[ENDPOINT].table_alias, 0x0101);
		assert_int_equal(functions[BRIDGE].table_alias, 0x0100);
	}
}

static void malformed_ranges_leave_functions_uncovered(void **state) {
	(void)state;
	for (u32 i = 0; i < 6; i++) {
		small_machine();
		machine.ioapic_count = 0;
		begin_ivrs();
		u32 block = open_ivhd(IVHD_40, 0xffff, 0xfeb80000);
		entry4(IVHD_ALL, 0, 0);
		entry4(IVHD_SELECT, 0x0010, 0);
		if (i == 0) {
			entry4(IVHD_RANGE_END, 0xffff, 0);
		} else if (i == 1) {
			entry4(IVHD_RANGE_START, 0x00ff, 0);
			entry4(IVHD_RANGE_END, 0x00f0, 0);
		} else if (i == 2) {
			entry4(IVHD_RANGE_START, 0x00f0, 0);
		} else if (i == 3) {
			PUT(0xf0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9);
		} else if (i == 4) {
			PUT(0xf0, 0, 0, 0); /* cut off where the table ends */
		} else {
			entry4(IVHD_RANGE_START, 0x00f0, 0);
			entry4(IVHD_RANGE_START, 0x00f1, 0);
			entry4(IVHD_RANGE_END, 0x00f2, 0);
		}
		close_record(block);
		assert_true(parse_table(ivrs_parse));
		assert_warnings(1);
		assert_string_equal(functions[LPC].uncovered, "cannot be read in full");
		ASSERT_UNITS(NONE, NONE, 0, NONE, NONE, NONE, NONE, NONE, NONE, NONE);
	}
}

/* HATDis: whoever is behind it is reached by nobody's tables. An IVHD of type 10h has other bits there. */
static void a_unit_that_does_not_translate_covers_nobody(void **state) {
	(void)state;
	for (u32 i = 0; i < 2; i++) {
		small_machine();
		machine.ioapic_count = 0;
		begin_ivrs();
		u32 block = open_ivhd(i ? IVHD_10 : IVHD_11, 0xffff, 0xfeb80000);

		bytes[block + 20] = 1;
		entry4(IVHD_ALL, 0, 0);
		close_record(block);
		assert_true(parse_table(ivrs_parse));
		assert_warnings(!i);
		assert_int_equal(machine.unit_count, i);
		assert_int_equal(functions[0].unit, i ? 0 : NONE);
	}
}

/* Each is compared with all others: a table of nothing else must not take for ever. */
static void more_blocks_than_any_machine_has_are_not_read(void **state) {
	(void)state;
	small_machine();
	machine.ioapic_count = 0;
	begin_ivrs();
	for (u32 i = 0; i < 300; i++) {
		u32 block = open_ivhd(IVHD_10, (u16)i, 0xf0000000 + i * 0x10000);

		entry4(IVHD_ALL, 0, 0);
		close_record(block);
	}
	assert_true(parse_table(ivrs_parse));
	assert_int_equal(machine.unit_count, 256);
	for (u32 i = 0; i < machine.function_count; i++)
		assert_int_equal(functions[i].unit, NONE);
}

static void impossible_memory_blocks_are_kept_out(void **state) {
	(void)state;
	small_machine();
	machine.ioapic_count = 0;
	begin_ivrs();
	ivmd(IVMD_ALL, IVMD_UNITY, 0, 0, 0x1000, 0);
	ivmd(IVMD_ALL, IVMD_UNITY, 0, 0, 0xfffffffffffff000, 1);
	ivmd(IVMD_ALL, IVMD_UNITY, 0, 0, 0x1800, 0x1000);
	ivmd(IVMD_ALL, IVMD_UNITY, 0, 0, 0x3000, 0xffffffffffffe000);
	ivmd(IVMD_ALL, IVMD_UNITY, 0, 0, 0xfffffffffffff000, 0x2000);
	ivmd(IVMD_RANGE, IVMD_UNITY, 2, 1, 0x1000, 0x1000);
	ivmd(IVMD_ALL, IVMD_UNITY, 0, 0, 0x3000, 1); /* one page is meant */
	assert_true(parse_table(ivrs_parse));
	assert_warnings(6);
	assert_int_equal(machine.region_count, 1);
	assert_int_equal(machine.regions[0].limit, 0x3fff);
	assert_false(machine.interrupt_remapping);
}

static void damaged_ivrs_does_no_harm(void **state) {
	(void)state;
	write_ivrs();
	mutate();
}

/* ---- tables of real and emulated machines -------------------------------------------------------- */

static u8 file[1 << 20];

static u32 read_file(const char *path) {
	FILE *stream = fopen(path, "rb");

	if (!stream)
		return 0;
	size_t length = fread(file, 1, sizeof(file) - 1, stream);
	fclose(stream);
	file[length] = '\0';
	return (u32)length;
}

/* Functions from a dump as `lspci -xxxx` prints it: addresses and bus numbers are enough. */
static void read_dump(const char *path) {
	FILE *stream = fopen(path, "r");
	char line[256];
	unsigned int segment, bus, device, function, offset, b[16];

	for (u32 last = NONE; stream && fgets(line, sizeof(line), stream);) {
		if (sscanf(line, "%4x:%2x:%2x.%1x ", &segment, &bus, &device, &function) == 4) {
			last = machine.function_count;
			add_function((u16)segment, (u8)bus, (u8)device, (u8)function);
		} else if (last != NONE &&
			   sscanf(line, "%x: %x %x %x %x %x %x %x %x %x %x %x %x %x %x %x %x",
				  &offset, b, b + 1, b + 2, b + 3, b + 4, b + 5, b + 6, b + 7,
				  b + 8, b + 9, b + 10, b + 11, b + 12, b + 13, b + 14,
				  b + 15) == 17) {
			if (offset == 0 && (b[14] & 0x7f) == 1)
				functions[last].header_type = 1;
			if (offset == 0x10 && functions[last].header_type)
				make_bridge(last, (u8)b[9], (u8)b[10]);
		}
	}
	if (stream)
		fclose(stream);
}

/* Every function of QEMU's machines is in the scopes of its only unit. */
static void check_machine(const char *directory, bool has_dump) {
	char path[512];

	empty_machine();
	ioapics[0] = (struct ioapic_info){.id = 0, .unit = NONE};
	machine.ioapics = ioapics;
	machine.ioapic_count = 1;
	snprintf(path, sizeof(path), "%s/mcfg.bin", directory);
	u32 length = read_file(path);
	assert_true(parse_bytes(mcfg_parse, file, length));
	assert_int_equal(machine.window_count, 1);
	assert_true(machine.windows[0].base && machine.windows[0].last_bus == 255);

	snprintf(path, sizeof(path), "%s/lspci.txt", directory);
	if (has_dump) {
		read_dump(path);
		assert_true(machine.function_count > 0);
	}
	snprintf(path, sizeof(path), "%s/dmar.bin", directory);
	length = read_file(path);
	assert_true(parse_bytes(dmar_parse, file, length));
	assert_warnings(0);
	assert_int_equal(machine.unit_count, 1);
	assert_int_equal(machine.units[0].base, 0xfed90000);
	assert_true(machine.interrupt_remapping);
	assert_int_equal(ioapics[0].source_id, 0xff00);
	for (u32 i = 0; i < machine.function_count; i++)
		if (functions[i].unit != 0)
			fail_msg("%s: %02x:%02x.%x is not covered", directory,
				 functions[i].address.bus, functions[i].address.devfn >> 3,
				 functions[i].address.devfn & 7);
}

static u32 for_each_machine(const char *directory, bool has_dump) {
	DIR *machines = opendir(directory);
	char path[400];
	u32 count = 0;

	for (struct dirent *entry; machines && (entry = readdir(machines));) {
		if (strncmp(entry->d_name, "q35-", 4) != 0)
			continue;
		snprintf(path, sizeof(path), "%.100s/%.250s", directory, entry->d_name);
		check_machine(path, has_dump);
		count++;
	}
	if (machines)
		closedir(machines);
	return count;
}

static void emulated_machines_parse_without_warning(void **state) {
	const char *oracle = getenv("BULKHEAD_ORACLE");

	(void)state;
	assert_true(for_each_machine("tests/data", false) >= 4);
	u32 count = for_each_machine(oracle ? oracle : "../shared/oracle/machines", true);
	if (count)
		print_message("%u machines with configuration space\n", count);
	else
		print_message("SKIPPED: no machines beside the repository\n");
}

/* The first number after NAME in FROM, as the decoder's arrays [name, offset, size, value] have it. */
static u64 field(const char *from, const char *name) {
	char key[64];
	unsigned int offset, width;
	uint64_t value = 0;

	snprintf(key, sizeof(key), "[\"%s\",", name);
	from = strstr(from, key);
	assert_non_null(from);
	assert_int_equal(sscanf(from + strlen(key), "%u,%u,%" SCNu64, &offset, &width, &value), 3);
	return value;
}

static void compare_dmar(const char *json) {
	u32 unit = 0;

	for (const char *at = json; (at = strstr(at, "\"kind\":\"DRHD\"")); at++) {
		u64 base = field(at, "Register Base Address");
		if (base == 0)
			continue;
		assert_true(unit < machine.unit_count);
		assert_int_equal(machine.units[unit].base, base);
		assert_int_equal(machine.units[unit].segment, field(at, "PCI Segment Number"));
		unit++;
	}
	assert_int_equal(machine.unit_count, unit);
}

static void compare_ivrs(const char *json) {
	u8 highest[65536] = {0};
	u32 units = 0;

	for (const char *at = json; (at = strstr(at, "\"kind\":\"IVHD\"")); at++) {
		u16 device = (u16)field(at, "DeviceId");
		u8 type = (u8)field(at, "Subtable Type");
		bool found = false;

		units += highest[device] == 0;
		if (type > highest[device])
			highest[device] = type;
		for (u32 i = 0; i < machine.unit_count; i++)
			found = found || (machine.units[i].device_id == device &&
					  machine.units[i].base == field(at, "Base Address"));
		assert_true(found);
	}
	assert_int_equal(machine.unit_count, units);
	for (u32 i = 0; i < machine.unit_count; i++)
		assert_int_equal(machine.units[i].features != 0,
				 highest[machine.units[i].device_id] != IVHD_10);
}

/* Pieces follow one another, lie within regions, and leave nothing of them out. */
static u32 check_regions(void) {
	struct reserved_region piece;
	u64 covered = 0;
	u32 count = 0;

	for (u64 from = 0; reserved_next(&machine, NULL, 0, from, &piece);
	     from = piece.limit + 1, count++) {
		bool found = false;

		assert_true(piece.base >= from && piece.limit > piece.base);
		assert_true(IS_ALIGNED(piece.base | (piece.limit + 1), PAGE_SIZE));
		for (u32 i = 0; i < machine.region_count; i++) {
			const struct reserved_region *r = &machine.regions[i];
			bool inside = r->base <= piece.base && r->limit >= piece.limit;

			assert_true(inside || r->limit < piece.base || r->base > piece.limit);
			assert_true(!inside ||
				    ((piece.read || !r->read) && (piece.write || !r->write)));
			found |= inside;
		}
		assert_true(found);
		covered += piece.limit + 1 - piece.base;
	}
	for (u32 i = 0; i < machine.region_count; i++) {
		const struct reserved_region *r = &machine.regions[i];
		u64 own = 0;

		for (u64 from = r->base;
		     reserved_next(&machine, NULL, 0, from, &piece) && piece.base <= r->limit;
		     from = piece.limit + 1)
			own += piece.limit + 1 - piece.base;
		assert_int_equal(own, r->limit + 1 - r->base);
		assert_true(own <= covered);
	}
	return count;
}

static u32 pieces;

static void check_corpus_table(const char *directory, const char *name) {
	char path[512];
	bool dmar = strncmp(name, "dmar", 4) == 0;

	empty_machine();
	/* Whatever is at buses 0 to 3, so that scopes and entries find something. */
	for (u32 i = 0; i < ARRAY_SIZE(functions); i++)
		add_function(0, (u8)(i / 128), (u8)(i / 4 % 32), (u8)(i % 4));
	snprintf(path, sizeof(path), "%.200s/%.200s", directory, name);
	u32 length = read_file(path);
	assert_true(parse_bytes(dmar ? dmar_parse : ivrs_parse, file, length));
	pieces += check_regions();
	memcpy(path + strlen(path) - 3, "json", 5);
	if (read_file(path))
		(dmar ? compare_dmar : compare_ivrs)((const char *)file);
}

static void real_tables_give_the_units_that_iasl_sees(void **state) {
	const char *corpus = getenv("BULKHEAD_CORPUS");
	char path[300];
	u32 count = 0, clean = 0;

	(void)state;
	snprintf(path, sizeof(path), "%.200s/acpi", corpus ? corpus : "../shared/corpus");
	DIR *directory = opendir(path);
	for (struct dirent *entry; directory && (entry = readdir(directory)); count++) {
		const char *end = strrchr(entry->d_name, '.');

		if (!end || strcmp(end, ".bin") != 0) {
			count--;
			continue;
		}
		check_corpus_table(path, entry->d_name);
		clean += machine.warning_count == 0;
	}
	if (directory)
		closedir(directory);
	if (count)
		print_message("%u tables, %u without a warning; %u pieces of reserved memory\n",
			      count, clean, pieces);
	else
		print_message("SKIPPED: no corpus beside the repository\n");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_needs_signature_length_and_checksum),
		cmocka_unit_test(madt_lists_processors_and_ioapics),
		cmocka_unit_test(madt_stops_at_a_record_without_length),
		cmocka_unit_test(damaged_madt_does_no_harm),
		cmocka_unit_test(mcfg_lists_windows),
		cmocka_unit_test(dmar_gives_functions_to_units),
		cmocka_unit_test(a_bridge_scope_covers_everything_below),
		cmocka_unit_test(a_bridge_without_bus_numbers_covers_itself_alone),
		cmocka_unit_test(a_path_leads_through_bridges),
		cmocka_unit_test(a_function_that_two_units_claim_is_uncovered),
		cmocka_unit_test(what_a_dropped_unit_names_falls_to_no_other),
		cmocka_unit_test(a_scope_of_the_wrong_kind_leaves_its_functions_uncovered),
		cmocka_unit_test(an_unreadable_scope_or_structure_disables_include_all),
		cmocka_unit_test(a_unit_that_cannot_be_used_leaves_the_others_to_another),
		cmocka_unit_test(zeros_at_the_end_are_padding),
		cmocka_unit_test(impossible_regions_are_kept_out),
		cmocka_unit_test(a_wide_range_of_an_ivmd_ties_nobody),
		cmocka_unit_test(a_full_arena_takes_everything_back),
		cmocka_unit_test(damaged_dmar_does_no_harm),
		cmocka_unit_test(ivrs_uses_the_highest_block_of_a_unit),
		cmocka_unit_test(ivrs_reads_each_kind_of_entry),
		cmocka_unit_test(the_smallest_range_wins_in_any_order),
		cmocka_unit_test(malformed_ranges_leave_functions_uncovered),
		cmocka_unit_test(a_unit_that_does_not_translate_covers_nobody),
		cmocka_unit_test(more_blocks_than_any_machine_has_are_not_read),
		cmocka_unit_test(impossible_memory_blocks_are_kept_out),
		cmocka_unit_test(damaged_ivrs_does_no_harm),
		cmocka_unit_test(emulated_machines_parse_without_warning),
		cmocka_unit_test(real_tables_give_the_units_that_iasl_sees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
