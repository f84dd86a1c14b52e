/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware.h"

/*
 * Switching the machine off: ACPI 6.5, section 7.4.2.4. The value to write stands in an AML package
 * \_S5; it is found by its name, because two constants do not justify an interpreter.
 */
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

void power_off_find(void) {
	const struct acpi_header *dsdt = (const struct acpi_header *)(uintptr_t)firmware.fadt.dsdt;
	const u8 *aml = (const u8 *)dsdt;
	u32 length = dsdt ? (u32)min_u64(dsdt->length, TABLE_BYTES_MAX) : 0;

	for (u32 i = 1; i + 4 < length; i++) {
		u32 type;

		if (memcmp(aml + i, "_S5_", 4) != 0 ||
		    (aml[i - 1] != AML_NAME && aml[i - 1] != '\\'))
			continue;
		type = first_element(aml + i + 4, length - i - 4);
		if (type > SLEEP_TYPE_MAX)
			continue;
		boot.power_off_port = (u16)firmware.fadt.pm1a_control;
		boot.power_off_value = (u16)(type << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
		return;
	}
}
