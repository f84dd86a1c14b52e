/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's firmware tables: ACPI 6.3, hardware-reduced (section 4.1). */
#include "acpi_guest.h"
#include "dsdt.h"
#include "guest.h"
#include "text.h"

#define LOCAL_APIC_BASE 0xfee00000u
#define LOCAL_APIC_ID_LIMIT 255 /* what an 8-bit identifier cannot name: 5.2.12.12 */
#define TABLES 4

/* From GUEST_ACPI_BASE on. The MADT's records follow; the DSDT is at the end of the area. */
struct guest_tables {
	struct acpi_rsdp rsdp;
	struct acpi_header xsdt;
	u64 tables[TABLES];
	struct acpi_fadt fadt;
	struct acpi_spcr spcr;
	struct acpi_mcfg mcfg;
	struct acpi_mcfg_window mcfg_window;
	struct acpi_madt madt;
} ACPI_PACKED;

#define DSDT_OFFSET ALIGN_DOWN(GUEST_ACPI_SIZE - sizeof(dsdt_aml), 16)
#define ADDRESS_OF(table) (GUEST_ACPI_BASE + offsetof(struct guest_tables, table))
/* From the table's own beginning to the next one's. */
#define LENGTH(table, next)                                                                        \
	(offsetof(struct guest_tables, next) - offsetof(struct guest_tables, table))

#define OEM_ID                                                                                     \
	{ 'B', 'L', 'K', 'H', 'D', ' ' }
#define HEADER(a, b, c, d, table_revision, size)                                                   \
	{                                                                                          \
		.signature = {a, b, c, d}, .length = (size), .revision = (table_revision),         \
		.oem_id = OEM_ID, .oem_table_id = {'B', 'U', 'L', 'K', 'H', 'E', 'A', 'D'},        \
		.oem_revision = 1, .creator_id = {'B', 'L', 'K', 'H'}, .creator_revision = 1       \
	}
#define IO_BYTE(port) ((struct acpi_address){ACPI_SPACE_IO, 8, 0, ACPI_ACCESS_BYTE, (port)})

/* Everything but the DSDT, what the request tells, and the checksums. */
static const struct guest_tables template = {
	.rsdp.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
	.rsdp.oem_id = OEM_ID,
	.rsdp.revision = 2,
	.rsdp.length = sizeof(struct acpi_rsdp),
	.rsdp.xsdt = ADDRESS_OF(xsdt),
	.xsdt = HEADER('X', 'S', 'D', 'T', 1, LENGTH(xsdt, fadt)),
	.tables = {ADDRESS_OF(fadt), ADDRESS_OF(madt), ADDRESS_OF(spcr), ADDRESS_OF(mcfg)},
	.fadt.header = HEADER('F', 'A', 'C', 'P', 6, sizeof(struct acpi_fadt)),
	.fadt.dsdt = (u32)(GUEST_ACPI_BASE + DSDT_OFFSET),
	.fadt.preferred_profile = PM_PROFILE_ENTERPRISE_SERVER,
	.fadt.boot_flags = FADT_NO_VGA | FADT_NO_CMOS_RTC,
	.fadt.flags = FADT_WBINVD | FADT_PWR_BUTTON | FADT_SLP_BUTTON | ACPI_FADT_RESET |
		      ACPI_FADT_HW_REDUCED,
	.fadt.reset_register = IO_BYTE(GUEST_RESET_PORT),
	.fadt.reset_value = GUEST_RESET_VALUE,
	.fadt.minor_revision = 3,
	.fadt.x_dsdt = GUEST_ACPI_BASE + DSDT_OFFSET,
	.fadt.sleep_control = IO_BYTE(GUEST_SLEEP_CONTROL_PORT),
	.fadt.sleep_status = IO_BYTE(GUEST_SLEEP_STATUS_PORT),
	.spcr.header = HEADER('S', 'P', 'C', 'R', 2, sizeof(struct acpi_spcr)),
	.spcr.interface = SPCR_16550,
	.spcr.base = IO_BYTE(GUEST_UART_PORT),
	.spcr.interrupt_type = SPCR_IOAPIC,
	.spcr.global_interrupt = GUEST_UART_IRQ,
	.spcr.baud_rate = SPCR_BAUD_115200,
	.spcr.stop_bits = 1,
	.spcr.terminal = SPCR_TERMINAL_ANSI,
	.spcr.pci_device = SPCR_NOT_PCI,
	.spcr.pci_vendor = SPCR_NOT_PCI,
	.mcfg.header = HEADER('M', 'C', 'F', 'G', 1, LENGTH(mcfg, madt)),
	.madt.header = HEADER('A', 'P', 'I', 'C', 5, sizeof(struct acpi_madt)),
	.madt.local_apic = LOCAL_APIC_BASE,
};

/* The byte that makes COUNT bytes add up to zero, when it now is zero itself. */
static u8 checksum(const void *data, u64 count) {
	const u8 *bytes = data;
	u8 sum = 0;

	while (count-- > 0)
		sum += bytes[count];
	return (u8)-sum;
}

/* Replaces the value of the 64-bit integer NAME (20.2.5.1: NameOp NameString QWordPrefix value). */
static bool set_integer(u8 *aml, const char name[4], u64 value) {
	const u8 pattern[] = {0x08, (u8)name[0], (u8)name[1], (u8)name[2], (u8)name[3], 0x0e};

	for (u64 i = 0; i + sizeof(pattern) + sizeof(value) <= sizeof(dsdt_aml); i++) {
		if (memcmp(aml + i, pattern, sizeof(pattern)) != 0)
			continue;
		memcpy(aml + i + sizeof(pattern), &value, sizeof(value));
		return true;
	}
	return false;
}

static bool build_dsdt(const struct acpi_request *request, u8 *aml) {
	struct acpi_header *header = (struct acpi_header *)aml;

	memcpy(aml, dsdt_aml, sizeof(dsdt_aml));
	if (!set_integer(aml, "WINB", request->windows[0].base) ||
	    !set_integer(aml, "WINL", request->windows[0].length) ||
	    !set_integer(aml, "HIGB", request->windows[1].base) ||
	    !set_integer(aml, "HIGL", request->windows[1].length) ||
	    !set_integer(aml, "ECMB", request->ecam_base))
		return false;
	header->checksum = 0;
	header->checksum = checksum(aml, sizeof(dsdt_aml));
	return true;
}

/* Appends a record; false when the area is full. */
static bool add_record(struct acpi_madt *madt, const void *record, u32 size) {
	u32 length = madt->header.length;

	if (offsetof(struct guest_tables, madt) + length + size > DSDT_OFFSET)
		return false;
	memcpy((u8 *)madt + length, record, size);
	madt->header.length += size;
	return true;
}

static bool add_processor(struct acpi_madt *madt, u32 uid, u32 apic_id) {
	const struct acpi_madt_local_apic apic = {MADT_LOCAL_APIC, sizeof(apic), (u8)uid,
						  (u8)apic_id, MADT_CPU_ENABLED};
	const struct acpi_madt_local_x2apic x2apic = {MADT_LOCAL_X2APIC, sizeof(x2apic),   0,
						      apic_id,           MADT_CPU_ENABLED, uid};

	return apic_id < LOCAL_APIC_ID_LIMIT ? add_record(madt, &apic, sizeof(apic))
					     : add_record(madt, &x2apic, sizeof(x2apic));
}

bool acpi_build(const struct acpi_request *request, u8 *buffer) {
	struct guest_tables *t = memset(buffer, 0, GUEST_ACPI_SIZE);
	struct acpi_header *const headers[] = {&t->xsdt, &t->fadt.header, &t->spcr.header,
					       &t->mcfg.header, &t->madt.header};
	const struct acpi_madt_ioapic ioapic = {.type = MADT_IOAPIC,
						.length = sizeof(ioapic),
						.address = (u32)request->ioapic_base};

	memcpy(t, &template, sizeof(template));
	t->mcfg_window.base = request->ecam_base; /* segment 0, buses 0 to 0 */
	if (!request->ecam_base)
		t->xsdt.length -= sizeof(t->tables[0]);
	for (u32 i = 0; i < request->cpu_count; i++)
		if (!add_processor(&t->madt, i, request->apic_ids[i]))
			return false;
	if (!add_record(&t->madt, &ioapic, sizeof(ioapic)) ||
	    !build_dsdt(request, buffer + DSDT_OFFSET))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(headers); i++)
		headers[i]->checksum = checksum(headers[i], headers[i]->length);
	t->rsdp.checksum = checksum(&t->rsdp, offsetof(struct acpi_rsdp, length));
	t->rsdp.extended_checksum = checksum(&t->rsdp, sizeof(t->rsdp));
	return true;
}
