/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"

/*
 * What is read or written of ACPI tables: ACPI 6.5 section 5.2 (header, FADT, MADT), PCI Firmware 3.3
 * section 4.1.2 (MCFG), VT-d 4.1 chapter 8 (DMAR), AMD I/O Virtualization 3.08 section 5.2 (IVRS).
 * Packed: tables and records start at any byte.
 */
#define ACPI_PACKED __attribute__((packed))
#define ACPI_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
#define ACPI_OFFSET(type, member, offset)                                                          \
	_Static_assert(offsetof(struct type, member) == (offset), #type "." #member)

struct acpi_header {
	char signature[4];
	u32 length; /* of the table, this header included */
	u8 revision, checksum; /* all bytes of the table add up to 0 */
	char oem_id[6], oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} ACPI_PACKED;
ACPI_SIZE(acpi_header, 36);

/* Generic address structure. */
struct acpi_address {
	u8 space, bit_width, bit_offset, access_size;
	u64 address;
} ACPI_PACKED;
ACPI_SIZE(acpi_address, 12);

struct acpi_rsdp {
	char signature[8];
	u8 checksum; /* of the bytes before LENGTH */
	char oem_id[6];
	u8 revision;
	u32 rsdt, length;
	u64 xsdt;
	u8 extended_checksum, reserved[3];
} ACPI_PACKED;
ACPI_SIZE(acpi_rsdp, 36);

/* FADT, "FACP", as far as it is read. */
struct acpi_fadt {
	struct acpi_header header;
	u32 facs, dsdt;
	u8 fixed_hardware[20];
	u32 pm1a_control;
	u8 fixed_hardware2[44];
	u32 flags; /* enum acpi_fadt_flag */
	struct acpi_address reset_register;
	u8 reset_value;
} ACPI_PACKED;
ACPI_OFFSET(acpi_fadt, pm1a_control, 64);
ACPI_OFFSET(acpi_fadt, flags, 112);
ACPI_SIZE(acpi_fadt, 129);

enum acpi_fadt_flag { ACPI_FADT_RESET = BIT(10) };

/* MADT, "APIC": records of type u8, length u8 follow. */
struct acpi_madt {
	struct acpi_header header;
	u32 local_apic, flags;
} ACPI_PACKED;
ACPI_SIZE(acpi_madt, 44);

enum acpi_madt_type { MADT_LOCAL_APIC = 0, MADT_IOAPIC = 1, MADT_LOCAL_X2APIC = 9 };
enum acpi_madt_cpu_flag { MADT_CPU_ENABLED = BIT(0), MADT_CPU_ONLINE_CAPABLE = BIT(1) };

struct acpi_madt_local_apic {
	u8 type, length, acpi_id, apic_id;
	u32 flags;
} ACPI_PACKED;
ACPI_SIZE(acpi_madt_local_apic, 8);

struct acpi_madt_ioapic {
	u8 type, length, id, reserved;
	u32 address, gsi_base;
} ACPI_PACKED;
ACPI_SIZE(acpi_madt_ioapic, 12);

struct acpi_madt_local_x2apic {
	u8 type, length;
	u16 reserved;
	u32 apic_id, flags, acpi_id;
} ACPI_PACKED;
ACPI_SIZE(acpi_madt_local_x2apic, 16);

/* MCFG: windows follow. */
struct acpi_mcfg {
	struct acpi_header header;
	u64 reserved;
} ACPI_PACKED;
ACPI_SIZE(acpi_mcfg, 44);

struct acpi_mcfg_window {
	u64 base; /* where bus 0 would be */
	u16 segment;
	u8 first_bus, last_bus;
	u32 reserved;
} ACPI_PACKED;
ACPI_SIZE(acpi_mcfg_window, 16);

/*
 * DMAR, of which structures of type u16, length u16 follow, and IVRS, of which blocks of type u8,
 * flags u8, length u16 follow. Both begin with 48 bytes; only DMAR's are of interest.
 */
struct acpi_dmar {
	struct acpi_header header;
	u8 host_address_width, flags; /* the width minus 1; enum acpi_dmar_flag */
	u8 reserved[10];
} ACPI_PACKED;
ACPI_SIZE(acpi_dmar, 48);

enum acpi_dmar_flag { DMAR_INTERRUPT_REMAPPING = BIT(0), DMAR_X2APIC_OPT_OUT = BIT(1) };
enum acpi_dmar_type { DMAR_DRHD = 0, DMAR_RMRR = 1 };
enum acpi_drhd_flag { DRHD_INCLUDE_ALL = BIT(0) };

/* DRHD ends before LIMIT, and RMRR has no FLAGS and SIZE. Device scopes follow. */
struct acpi_dmar_structure {
	u16 type, length;
	u8 flags, size; /* enum acpi_drhd_flag; in bits 3:0: registers take 2^n pages */
	u16 segment;
	u64 base, limit; /* inclusive */
} ACPI_PACKED;
ACPI_SIZE(acpi_dmar_structure, 24);
#define DMAR_DRHD_BYTES offsetof(struct acpi_dmar_structure, limit)

/* Device scope: type, length, and these bytes. The path is pairs of device and function. */
enum acpi_scope_byte { SCOPE_ENUMERATION = 4, SCOPE_START_BUS = 5, SCOPE_PATH = 6 };
/* SCOPE_BRIDGE stands for everything below it, too. */
enum acpi_scope_type { SCOPE_ENDPOINT = 1, SCOPE_BRIDGE = 2, SCOPE_IOAPIC = 3, SCOPE_HPET = 4 };

enum acpi_ivhd_type { IVHD_10 = 0x10, IVHD_11 = 0x11, IVHD_40 = 0x40 };
enum acpi_ivmd_type { IVMD_ALL = 0x20, IVMD_SELECT = 0x21, IVMD_RANGE = 0x22 };

struct acpi_ivhd {
	u8 type, flags;
	u16 length, device_id, capability; /* the IOMMU's requester ID; where its capability is */
	u64 base;
	u16 segment, information;
	u32 features;
	u64 efr, efr2; /* entries of IVHD_10 begin here */
} ACPI_PACKED;
ACPI_SIZE(acpi_ivhd, 40);
#define IVHD_NO_TRANSLATION BIT(0) /* features, HATDis; not in an IVHD_10 */

/* An IVHD device entry: the first four bytes are always there, the rest in eight-byte ones. */
struct acpi_ivhd_entry {
	u8 type;
	u16 device_id;
	u8 settings, handle; /* special: IOAPIC id or HPET number */
	u16 source_id; /* special; alias entries: the alias */
	u8 variety;
} ACPI_PACKED;
ACPI_SIZE(acpi_ivhd_entry, 8);

/* Bits 7:6 tell the size. */
enum acpi_ivhd_entry4 { IVHD_ALL = 1, IVHD_SELECT = 2, IVHD_RANGE_START = 3, IVHD_RANGE_END = 4 };
enum acpi_ivhd_entry_type {
	IVHD_ALIAS_SELECT = 0x42,
	IVHD_ALIAS_RANGE_START = 0x43,
	IVHD_EXTENDED_SELECT = 0x46,
	IVHD_EXTENDED_RANGE_START = 0x47,
	IVHD_SPECIAL = 0x48,
	IVHD_ACPI_HID = 0xf0, /* 22 bytes; the last is the length of what follows */
};
#define IVHD_ACPI_HID_BYTES 22

enum acpi_special_variety { SPECIAL_IOAPIC = 1, SPECIAL_HPET = 2 };

struct acpi_ivmd {
	u8 type, flags; /* enum acpi_ivmd_flag */
	u16 length, device_id, end_id; /* END_ID: IVMD_RANGE */
	u16 segment; /* 0 in older tables */
	u8 reserved[6];
	u64 start, bytes;
} ACPI_PACKED;
ACPI_SIZE(acpi_ivmd, 32);

enum acpi_ivmd_flag {
	IVMD_UNITY = BIT(0),
	IVMD_READ = BIT(1),
	IVMD_WRITE = BIT(2),
	IVMD_EXCLUSION = BIT(3),
};
