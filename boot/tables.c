/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware.h"

static const struct acpi_rsdp *root_pointer(void) {
	EFI_GUID wanted = ACPI_20_TABLE_GUID;

	for (UINTN i = 0; i < firmware.system->NumberOfTableEntries; i++) {
		const EFI_CONFIGURATION_TABLE *entry = &firmware.system->ConfigurationTable[i];

		if (!memcmp(&entry->VendorGuid, &wanted, sizeof(wanted)))
			return entry->VendorTable;
	}
	return NULL;
}

static void keep(const struct acpi_header *table) {
	static const struct {
		const char *signature;
		struct acpi_table *place;
	} wanted[] = {
		{"APIC", &firmware.madt}, {"MCFG", &firmware.mcfg}, {"DMAR", &firmware.dmar},
		{"IVRS", &firmware.ivrs}, {"FACP", &firmware.facp},
	};

	if (table->length < sizeof(*table) || table->length > TABLE_BYTES_MAX)
		return;
	for (u32 i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!memcmp(table->signature, wanted[i].signature, 4) && !wanted[i].place->data)
			*wanted[i].place = (struct acpi_table){(const u8 *)table, table->length};
}

/* ACPI 6.5, section 5.2.5.3: from revision 2 on the root pointer names an XSDT. */
void acpi_find(void) {
	const struct acpi_rsdp *rsdp = root_pointer();
	const struct acpi_header *xsdt;
	u64 length, table;

	if (!rsdp || rsdp->revision < 2)
		return;
	xsdt = (const struct acpi_header *)(uintptr_t)rsdp->xsdt;
	if (!xsdt || memcmp(xsdt->signature, "XSDT", 4) != 0)
		return;
	length = min_u64(xsdt->length, TABLE_BYTES_MAX);
	for (u64 offset = sizeof(*xsdt); offset + sizeof(table) <= length;
	     offset += sizeof(table)) {
		memcpy(&table, (const u8 *)xsdt + offset, sizeof(table));
		if (table)
			keep((const struct acpi_header *)(uintptr_t)table);
	}
	if (firmware.facp.data)
		memcpy(&firmware.fadt, firmware.facp.data,
		       min_u64(firmware.facp.size, sizeof(firmware.fadt)));
}
