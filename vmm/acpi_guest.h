/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "acpi_tables.h"

/* What only a guest's own tables need: ACPI 6.3, section 5.2; SPCR revision 2. */

#define ACPI_ACCESS_BYTE 1

/* 5.2.9 and 5.2.9.3 */
enum fadt_boot_flag { FADT_NO_VGA = BIT(2), FADT_NO_CMOS_RTC = BIT(5) };
enum fadt_flag { FADT_WBINVD = BIT(0), FADT_PWR_BUTTON = BIT(4), FADT_SLP_BUTTON = BIT(5) };
#define PM_PROFILE_ENTERPRISE_SERVER 4

#define SPCR_16550 0
#define SPCR_IOAPIC BIT(1)
#define SPCR_BAUD_115200 7
#define SPCR_TERMINAL_ANSI 3
#define SPCR_NOT_PCI 0xffff

struct acpi_spcr {
	struct acpi_header header;
	u8 interface, reserved[3];
	struct acpi_address base;
	u8 interrupt_type, pc_interrupt;
	u32 global_interrupt;
	u8 baud_rate, parity, stop_bits, flow_control, terminal, reserved2;
	u16 pci_device, pci_vendor;
	u8 unused[12];
} ACPI_PACKED;
ACPI_OFFSET(acpi_spcr, global_interrupt, 54);
ACPI_SIZE(acpi_spcr, 80);
