/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware.h"

/*
 * Switching the machine off: ACPI 6.5, section 7.4.2.4. The value to write stands in an AML package
 * \_S5; it is found by its name, because two constants do not justify an interpreter.
 */
#define FADT_DSDT 40
#define FADT_PM1A_CONTROL 64
#define TABLE_LENGTH 4
#define AML_NAME 0x08
#define AML_PACKAGE 0x12
#define AML_BYTE 0x0a
#define PACKAGE_LENGTH_SHIFT 6 /* top bits of its first byte: how many more there are */
#define SLEEP_TYPE_SHIFT 10
#define SLEEP_ENABLE BIT(13)
#define SLEEP_TYPE_MAX 7

/* The first element of the package behind the name; SLEEP_TYPE_MAX + 1 when it is none. */
static u32 first_element(const u8 *aml, u32 left) {
	u32 skip = 2 + (left > 1 ? aml[1] >> PACKAGE_LENGTH_SHIFT : 0) + 1;

	if (left < skip + 2 || aml[0] != AML_PACKAGE)
		return SLEEP_TYPE_MAX + 1;
	return aml[skip] == AML_BYTE ? aml[skip + 1] : aml[skip];
}

void power_off_find(const struct acpi_tables *tables, u16 *port, u16 *value) {
	const u8 *fadt = tables->fadt.data, *dsdt;
	u32 length;

	if (!fadt || tables->fadt.size < FADT_PM1A_CONTROL + 4 || !table_read32(fadt + FADT_DSDT))
		return;
	dsdt = (const u8 *)(uintptr_t)table_read32(fadt + FADT_DSDT);
	length = (u32)min_u64(table_read32(dsdt + TABLE_LENGTH), TABLE_BYTES_MAX);
	for (u32 i = 1; i + 4 < length; i++) {
		u32 type;

		if (memcmp(dsdt + i, "_S5_", 4) != 0 ||
		    (dsdt[i - 1] != AML_NAME && dsdt[i - 1] != '\\'))
			continue;
		type = first_element(dsdt + i + 4, length - i - 4);
		if (type > SLEEP_TYPE_MAX)
			continue;
		*port = (u16)table_read32(fadt + FADT_PM1A_CONTROL);
		*value = (u16)(type << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
		return;
	}
}
