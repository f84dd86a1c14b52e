/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "arena.h"
#include "pci.h"
#include "types.h"

/*
 * The machine as firmware and configuration space describe it: a value, built once while firmware
 * is alive (or from a dump, on a host), and not changed afterwards.
 */

struct cpu_info {
	u32 apic_id;
	u32 acpi_id;
};

enum memory_kind {
	MEMORY_FREE, /* RAM that is ours after the firmware has left */
	MEMORY_USED, /* RAM too, but somebody uses it now: firmware, or this program */
	MEMORY_RESERVED,
	MEMORY_ACPI,
	MEMORY_DEVICE,
};

struct memory_range {
	u64 base;
	u64 length;
	enum memory_kind kind;
};

struct ecam_window {
	u64 base; /* where bus 0 of the segment would be */
	u16 segment;
	u8 first_bus;
	u8 last_bus;
};

struct ioapic_info {
	u32 id;
	u64 base;
	u32 gsi_base;
	u32 unit; /* that remaps its interrupts; NONE: no table names it */
	u16 source_id; /* requester ID of its interrupts */
};

enum iommu_kind { IOMMU_VTD, IOMMU_AMDVI };

/* One remapping unit: a DRHD, or the IVHD of highest type for one IOMMU. */
struct unit_info {
	enum iommu_kind kind;
	u64 base; /* of its registers */
	u32 register_bytes; /* VT-d: from the size field; AMD-Vi: 16 KiB */
	u16 segment;
	/* AMD-Vi */
	u16 device_id; /* the IOMMU's own requester ID */
	u8 ivhd_flags;
	u64 features; /* EFR image of the IVHD, 0 when it has none */
};

/* Below 4 GiB, where writes are interrupt messages and never reach memory. */
#define INTERRUPT_WINDOW 0xfee00000ull
#define INTERRUPT_WINDOW_END 0xfef00000ull

/* Memory that firmware wants devices to reach: RMRR, IVMD. Once for each function it names. */
struct reserved_region {
	u64 base;
	u64 limit; /* inclusive */
	bool read;
	bool write;
	u32 function; /* index; NONE: whoever has one of these requester IDs */
	u16 segment, first, last;
};

/* Why two functions are in one group. */
enum group_rule {
	GROUP_ACS_MISSING, /* a port has no ACS, or lacks a control */
	GROUP_SWITCH_PEERS, /* downstream ports of one switch, one of them without ACS */
	GROUP_BRIDGE, /* behind one PCIe-to-PCI or conventional bridge */
	GROUP_MULTIFUNCTION, /* functions of one device without isolation between them */
	GROUP_ALIAS, /* requester IDs that the IOMMU cannot tell apart */
	GROUP_REAL_DMA, /* behind a device that makes requests in its own name (VMD) */
	GROUP_RESERVED_MEMORY, /* one firmware region names them all */
	GROUP_VIRTUAL_FUNCTION, /* a virtual function whose ACS does not hold */
	GROUP_TRUSTED_PORT, /* a port that would be at fault, had the file not said otherwise */
};

struct group_reason {
	enum group_rule rule;
	u32 at; /* function to blame: index; may be NONE */
	/* Two functions that this reason joins; of a device without ACS the first and the last. */
	u32 first;
	u32 second;
};

struct group {
	u32 *members; /* function indexes, by address */
	u32 member_count;
	struct group_reason *reasons;
	u32 reason_count;
};

/* Virtual functions that the file asks for; the first two are filled in before functions are enumerated. */
struct sriov_request {
	struct pci_address physical;
	u32 count;
	u32 limit; /* how many there can be */
	const char *refusal; /* why it cannot be; NULL: they are on, or in a snapshot would be */
	u16 control; /* as the firmware left it: the register at AT */
	u16 at; /* 0: nobody has looked there */
};

struct inventory_warning {
	const char *text;
};

struct inventory {
	struct arena *arena;
	struct cpu_info *cpus; /* in MADT order: index is what the file's "cpus" means */
	u32 cpu_count;
	u32 thread_bits; /* of an APIC id, that tell the threads of one core apart; 0: none, or not known */
	struct memory_range
		*memory; /* sorted, not overlapping; none on a host without /proc/iomem */
	u32 memory_count;
	struct ecam_window *windows;
	u32 window_count;
	struct ioapic_info *ioapics;
	u32 ioapic_count;
	struct unit_info *units;
	u32 unit_count;
	const char *iommu_fault; /* what they cannot do, as far as the machine itself was asked */
	bool no_interrupt_remapping; /* DMAR's flag is clear */
	bool interrupt_remapping; /* offered (DMAR flag; always with IVRS), and no IOAPIC is left out */
	struct pci_function *functions; /* sorted by address */
	u32 function_count;
	struct group *groups; /* in the order of their lowest address */
	u32 group_count;
	struct reserved_region *regions;
	u32 region_count;
	struct sriov_request *requests;
	u32 request_count;
	struct inventory_warning *warnings;
	u32 warning_count;
	u64 tsc_khz;
};

#define INVENTORY_WARNINGS 64
/* Keeps a formatted warning; beyond INVENTORY_WARNINGS they are counted, not kept. */
__attribute__((format(printf, 2, 3))) void inventory_warn(struct inventory *inventory,
							  const char *format, ...);
/*
 * The lowest PIECE of reserved memory from FROM on that devices of a partition may reach which has
 * FUNCTIONS, COUNT of them (NULL: any device). It has the rights of all regions there, of which none begins or ends
 * within it; its function is NONE where one of them has none. False: there is none.
 */
bool reserved_next(const struct inventory *inventory, const u32 *functions, u32 count, u64 from,
		   struct reserved_region *piece);
/* Warns of reserved memory that the firmware's memory map does not keep. */
void reserved_check(struct inventory *inventory);
/* The IO-APIC that has interrupt GSI, as far as MADT tells; NULL: none. */
const struct ioapic_info *inventory_ioapic(const struct inventory *inventory, u32 gsi);
/* Index of the function at ADDRESS (binary search), or NONE. */
u32 inventory_find(const struct inventory *inventory, struct pci_address address);
