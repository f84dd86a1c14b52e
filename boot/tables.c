/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware.h"

/* ACPI 6.5, section 5.2.5.3: the root pointer of revision 2 and the XSDT behind it. */
#define RSDP_XSDT_OFFSET 24
#define RSDP_REVISION_OFFSET 15
#define HEADER_LENGTH_OFFSET 4
#define HEADER_SIZE 36

u32 table_read32(const u8 *p) {
	return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static u64 read64(const u8 *p) {
	return table_read32(p) | (u64)table_read32(p + 4) << 32;
}

static const u8 *root_pointer(void) {
	EFI_GUID wanted = ACPI_20_TABLE_GUID;

	for (UINTN i = 0; i < firmware.system->NumberOfTableEntries; i++) {
		const EFI_CONFIGURATION_TABLE *entry = &firmware.system->ConfigurationTable[i];

		if (!memcmp(&entry->VendorGuid, &wanted, sizeof(wanted)))
			return entry->VendorTable;
	}
	return NULL;
}

static void keep(struct acpi_tables *tables, const u8 *table) {
	struct acpi_table found = {.data = table,
				   .size = table_read32(table + HEADER_LENGTH_OFFSET)};
	const struct {
		const char *signature;
		struct acpi_table *place;
	} wanted[] = {
		{"APIC", &tables->madt}, {"MCFG", &tables->mcfg}, {"DMAR", &tables->dmar},
		{"IVRS", &tables->ivrs}, {"FACP", &tables->fadt},
	};

	if (found.size < HEADER_SIZE || found.size > TABLE_BYTES_MAX)
		return;
	for (u32 i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (!memcmp(table, wanted[i].signature, 4) && !wanted[i].place->data)
			*wanted[i].place = found;
	}
}

void acpi_find(struct acpi_tables *tables) {
	const u8 *rsdp = root_pointer();
	const u8 *xsdt;
	u32 length;

	*tables = (struct acpi_tables){0};
	if (!rsdp || rsdp[RSDP_REVISION_OFFSET] < 2)
		return;
	xsdt = (const u8 *)(uintptr_t)read64(rsdp + RSDP_XSDT_OFFSET);
	if (!xsdt || memcmp(xsdt, "XSDT", 4) != 0)
		return;
	length = (u32)min_u64(table_read32(xsdt + HEADER_LENGTH_OFFSET), TABLE_BYTES_MAX);
	for (u32 offset = HEADER_SIZE; offset + 8 <= length; offset += 8) {
		const u8 *table = (const u8 *)(uintptr_t)read64(xsdt + offset);

		if (table)
			keep(tables, table);
	}
}
