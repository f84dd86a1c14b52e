/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's firmware tables: those of vmm/tables, completed with what differs between partitions. */
#include "acpi_tables.h"
#include "guest.h"
#include "guest_tables.h"
#include "text.h"

_Static_assert(GUEST_TABLES_ADDRESS == GUEST_ACPI_BASE, "the tables name each other's addresses");

#define LOCAL_APIC_ID_LIMIT 255 /* what an 8-bit identifier cannot name: ACPI 6.3, 5.2.12.12 */

static void seal(struct acpi_header *table) {
	const u8 *bytes = (const u8 *)table;
	u8 sum = 0;

	table->checksum = 0;
	for (u32 i = 0; i < table->length; i++)
		sum += bytes[i];
	table->checksum = (u8)-sum;
}

/* Replaces the value of the 64-bit integer NAME (20.2.5.1: NameOp NameString QWordPrefix value). */
static bool set_integer(struct acpi_header *dsdt, const char name[4], u64 value) {
	const u8 pattern[] = {0x08, (u8)name[0], (u8)name[1], (u8)name[2], (u8)name[3], 0x0e};
	u8 *aml = (u8 *)dsdt;

	for (u64 i = 0; i + sizeof(pattern) + sizeof(value) <= dsdt->length; i++) {
		if (memcmp(aml + i, pattern, sizeof(pattern)) != 0)
			continue;
		memcpy(aml + i + sizeof(pattern), &value, sizeof(value));
		return true;
	}
	return false;
}

/* False: the area is full. */
static bool add_processor(struct acpi_header *madt, u32 uid, u32 apic_id) {
	const struct acpi_madt_local_apic apic = {MADT_LOCAL_APIC, sizeof(apic), (u8)uid,
						  (u8)apic_id, MADT_CPU_ENABLED};
	const struct acpi_madt_local_x2apic x2apic = {MADT_LOCAL_X2APIC, sizeof(x2apic),   0,
						      apic_id,           MADT_CPU_ENABLED, uid};
	bool small = apic_id < LOCAL_APIC_ID_LIMIT;
	u32 size = small ? sizeof(apic) : sizeof(x2apic), length = madt->length;

	if (GUEST_ACPI_BASE + GUEST_TABLES_APIC + length + size > GUEST_RESET_VECTOR)
		return false;
	memcpy((u8 *)madt + length, small ? (const void *)&apic : &x2apic, size);
	madt->length += size;
	return true;
}

bool acpi_build(const struct acpi_request *request, u8 *buffer) {
	struct acpi_header *madt = (struct acpi_header *)(buffer + GUEST_TABLES_APIC);
	struct acpi_header *mcfg = (struct acpi_header *)(buffer + GUEST_TABLES_MCFG);
	struct acpi_header *wdat = (struct acpi_header *)(buffer + GUEST_TABLES_WDAT);
	struct acpi_header *dsdt = (struct acpi_header *)(buffer + GUEST_TABLES_DSDT);
	struct acpi_mcfg_window *window = (struct acpi_mcfg_window *)((struct acpi_mcfg *)mcfg + 1);

	memset(buffer, 0, GUEST_ACPI_SIZE);
	memcpy(buffer, guest_tables, sizeof(guest_tables));
	window->base = request->ecam_base;
	((u8 *)wdat)[WDAT_FLAGS] = request->watchdog;
	for (u32 i = 0; i < request->cpu_count; i++)
		if (!add_processor(madt, i, request->apic_ids[i]))
			return false;
	if (!set_integer(dsdt, "WINB", request->windows[0].base) ||
	    !set_integer(dsdt, "WINL", request->windows[0].length) ||
	    !set_integer(dsdt, "HIGB", request->windows[1].base) ||
	    !set_integer(dsdt, "HIGL", request->windows[1].length) ||
	    !set_integer(dsdt, "ECMB", request->ecam_base))
		return false;
	seal(madt);
	seal(mcfg);
	seal(wdat);
	seal(dsdt);
	return true;
}
