/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's firmware tables: found from the root pointer, whole, and understood by iasl. */
#include "guest.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static u8 area[GUEST_ACPI_SIZE];

static u64 number(const u8 *bytes, u32 count) {
	u64 value = 0;

	memcpy(&value, bytes, count);
	return value;
}

static u8 sum(const u8 *bytes, u64 count) {
	u8 total = 0;

	while (count-- > 0)
		total += bytes[count];
	return total;
}

static const u8 *at(u64 address) {
	assert_true(address >= GUEST_ACPI_BASE && address < GUEST_ACPI_BASE + GUEST_ACPI_SIZE);
	return area + (address - GUEST_ACPI_BASE);
}

/* The table with SIGNATURE that the XSDT names; NULL when there is none. */
static const u8 *find_table(const char *signature) {
	const u8 *xsdt = at(number(area + 24, 8));
	u32 count = (u32)(number(xsdt + 4, 4) - 36) / 8;

	for (u32 i = 0; i < count; i++) {
		const u8 *table = at(number(xsdt + 36 + i * 8, 8));

		assert_int_equal(sum(table, number(table + 4, 4)), 0);
		if (memcmp(table, signature, 4) == 0)
			return table;
	}
	return NULL;
}

static struct acpi_request plain_request(void) {
	static const u32 ids[] = {2, 7, 300};

	return (struct acpi_request){
		.apic_ids = ids,
		.cpu_count = ARRAY_SIZE(ids),
		.ecam_base = 0xe0000000,
		.windows = {{0xc0000000, 0x10000000}, {0x800000000, 0x100000000}},
	};
}

static void root_pointer_and_tables_add_up(void **unused) {
	struct acpi_request request = plain_request();

	(void)unused;
	memset(area, 0xaa, sizeof(area));
	assert_true(acpi_build(&request, area));
	assert_memory_equal(area, "RSD PTR ", 8);
	assert_int_equal(sum(area, 20), 0);
	assert_int_equal(sum(area, 36), 0);
	assert_int_equal(area[15], 2);
	const u8 *xsdt = at(number(area + 24, 8));

	assert_memory_equal(xsdt, "XSDT", 4);
	assert_int_equal(sum(xsdt, number(xsdt + 4, 4)), 0);
	const u8 *fadt = find_table("FACP");

	assert_non_null(fadt);
	assert_int_equal(number(fadt + 112, 4) & (1u << 20 | 1u << 10), 1u << 20 | 1u << 10);
	assert_int_equal(number(fadt + 120, 8), GUEST_RESET_PORT);
	assert_int_equal(fadt[128], GUEST_RESET_VALUE);
	assert_int_equal(number(fadt + 248, 8), GUEST_SLEEP_CONTROL_PORT);
	assert_int_equal(number(fadt + 260, 8), GUEST_SLEEP_STATUS_PORT);
	const u8 *dsdt = at(number(fadt + 140, 8));

	assert_int_equal(number(fadt + 40, 4), number(fadt + 140, 8));
	assert_memory_equal(dsdt, "DSDT", 4);
	assert_int_equal(sum(dsdt, number(dsdt + 4, 4)), 0);
	assert_non_null(find_table("SPCR"));
}

static void processors_by_the_width_of_their_identifier(void **unused) {
	struct acpi_request request = plain_request();

	(void)unused;
	assert_true(acpi_build(&request, area));
	const u8 *madt = find_table("APIC");

	assert_non_null(madt);
	assert_int_equal(number(madt + 4, 4), 44 + 8 + 8 + 16 + 12);
	assert_int_equal(madt[44], 1);
	assert_int_equal(number(madt + 44 + 4, 4), GUEST_IOAPIC_BASE);
	assert_int_equal(madt[56], 0);
	assert_int_equal(madt[56 + 3], 2);
	assert_int_equal(madt[64 + 3], 7);
	assert_int_equal(madt[72], 9);
	assert_int_equal(number(madt + 72 + 4, 4), 300);
}

static void configuration_space_is_where_the_request_says(void **unused) {
	struct acpi_request request = plain_request();

	(void)unused;
	assert_true(acpi_build(&request, area));
	assert_int_equal(number(find_table("MCFG") + 44, 8), 0xe0000000);
	assert_int_equal(number(find_table("MCFG") + 52, 4), 0); /* segment 0, buses 0 to 0 */
}

/* Instructions of 24 bytes from 68 on: action, operation, register, value, mask. */
static void the_watchdog_is_there_when_somebody_looks_at_it(void **unused) {
	struct acpi_request request = plain_request();

	(void)unused;
	for (u32 on = 0; on < 2; on++) {
		request.watchdog = on;
		assert_true(acpi_build(&request, area));
		const u8 *wdat = find_table("WDAT");

		assert_non_null(wdat);
		assert_int_equal(wdat[60], on);
		assert_int_equal(number(wdat + 48, 4), 100); /* milliseconds */
		assert_int_equal(number(wdat + 4, 4), 68 + 24 * number(wdat + 64, 4));
		for (const u8 *e = wdat + 68; e < wdat + number(wdat + 4, 4); e += 24) {
			bool counts = e[1] & 1; /* reads or writes the countdown */

			assert_int_equal(number(e + 8, 8), counts ? GUEST_WATCHDOG_COUNTER_PORT
								  : GUEST_WATCHDOG_PORT);
			assert_int_equal(e[7], counts ? 2 : 1); /* width of the access */
		}
	}
}

/* As many processors as there is room for: nothing lies over the reset vector. */
static void tables_end_below_the_reset_vector(void **unused) {
	static u32 ids[20000];
	struct acpi_request request = plain_request();
	u32 count = 4096;

	(void)unused;
	request.apic_ids = ids;
	while (request.cpu_count = count, acpi_build(&request, area))
		count++;
	request.cpu_count = count - 1;
	assert_true(acpi_build(&request, area));
	for (u64 i = GUEST_RESET_VECTOR - GUEST_ACPI_BASE; i < GUEST_ACPI_SIZE; i++)
		assert_int_equal(area[i], 0);
	const u8 *madt = find_table("APIC");

	assert_true(madt + number(madt + 4, 4) + 8 > area + GUEST_RESET_VECTOR - GUEST_ACPI_BASE);
}

static void too_many_processors_are_refused(void **unused) {
	static u32 ids[20000];
	struct acpi_request request = plain_request();

	(void)unused;
	request.apic_ids = ids;
	request.cpu_count = ARRAY_SIZE(ids);
	assert_false(acpi_build(&request, area));
	request.cpu_count = 4096;
	assert_true(acpi_build(&request, area));
}

/* Whether the disassembled DSDT says NAME with VALUE. */
static bool source_says(const char *path, const char *name, unsigned long value) {
	FILE *file = fopen(path, "r");
	char line[256], wanted[64];
	bool found = false;

	assert_non_null(file);
	snprintf(wanted, sizeof(wanted), "Name (%s, 0x%016lX)", name, value);
	while (fgets(line, sizeof(line), file))
		found |= strstr(line, wanted) != NULL;
	fclose(file);
	return found;
}

static void disassembles(const char *directory, const u8 *table) {
	char path[128], command[512];

	snprintf(path, sizeof(path), "%s/%.4s.dat", directory, (const char *)table);
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(table, 1, number(table + 4, 4), file), number(table + 4, 4));
	fclose(file);
	snprintf(
		command, sizeof(command),
		"cd %s && iasl -d %.4s.dat > log 2>&1 && ! grep -iE 'error|invalid|bad' log %.4s.dsl",
		directory, (const char *)table, (const char *)table);
	assert_int_equal(system(command), 0);
}

static void iasl_reads_every_table(void **unused) {
	static const char *const signatures[] = {"FACP", "APIC", "MCFG", "SPCR"};
	struct acpi_request request = plain_request();
	char directory[] = "/tmp/acpi-XXXXXX", path[64], command[64];

	(void)unused;
	if (system("command -v iasl > /dev/null") != 0)
		skip();
	assert_non_null(mkdtemp(directory));
	assert_true(acpi_build(&request, area));
	for (u32 i = 0; i < ARRAY_SIZE(signatures); i++)
		disassembles(directory, find_table(signatures[i]));
	disassembles(directory, at(number(area + 24, 8)));
	disassembles(directory, at(number(find_table("FACP") + 140, 8)));
	snprintf(path, sizeof(path), "%s/DSDT.dsl", directory);
	assert_true(source_says(path, "WINB", 0xc0000000));
	assert_true(source_says(path, "WINL", 0x10000000));
	assert_true(source_says(path, "HIGB", 0x800000000));
	assert_true(source_says(path, "HIGL", 0x100000000));
	assert_true(source_says(path, "ECMB", 0xe0000000));
	snprintf(command, sizeof(command), "rm -r %s", directory);
	assert_int_equal(system(command), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_pointer_and_tables_add_up),
		cmocka_unit_test(processors_by_the_width_of_their_identifier),
		cmocka_unit_test(configuration_space_is_where_the_request_says),
		cmocka_unit_test(the_watchdog_is_there_when_somebody_looks_at_it),
		cmocka_unit_test(tables_end_below_the_reset_vector),
		cmocka_unit_test(too_many_processors_are_refused),
		cmocka_unit_test(iasl_reads_every_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
