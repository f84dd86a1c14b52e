/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"

/* A function's address. Requester ID = bus << 8 | devfn. */
struct pci_address {
	u16 segment;
	u8 bus;
	u8 devfn;
};

#define PCI_DEVFN(device, function) ((u8)((device) << 3 | (function)))

static inline u8 pci_device(struct pci_address a) {
	return a.devfn >> 3;
}

static inline u8 pci_function_number(struct pci_address a) {
	return a.devfn & 7;
}

static inline u16 pci_requester_id(struct pci_address a) {
	return (u16)(a.bus << 8 | a.devfn);
}

/* For comparing and sorting: segment, bus, devfn. */
static inline u32 pci_key(struct pci_address a) {
	return (u32)a.segment << 16 | pci_requester_id(a);
}

#define PCI_TEXT_SIZE 16
/* "0000:01:00.0" into TEXT of PCI_TEXT_SIZE bytes; returns TEXT. */
char *pci_text(char *text, struct pci_address address);
/* The same in memory of its own, which lasts as long as the block it stands in. */
#define ADDRESS(address) pci_text((char[PCI_TEXT_SIZE]){0}, address)

/*
 * The way to configuration space: ECAM, CF8/CFC, a dump, sysfs or a test. OFFSET < 4096, WIDTH 1, 2
 * or 4 and aligned. What is not there reads as all ones.
 */
struct pci_access {
	u32 (*read)(const struct pci_access *access, struct pci_address address, u16 offset,
		    u8 width);
	void (*write)(const struct pci_access *access, struct pci_address address, u16 offset,
		      u8 width, u32 value);
	/* Largest offset that can be reached for this function: 256 or 4096. */
	u32 (*space)(const struct pci_access *access, struct pci_address address);
	/*
	 * For chipsets that have controls elsewhere: clears and sets bits of a register in memory, and
	 * returns what it has then. NULL: there is no way to it.
	 */
	u32 (*change_memory)(u64 address, u32 clear, u32 set);
	void *context;
};

#define PCI_BARS 6
#define PCI_BAR_ROM 6 /* index of the expansion ROM in bars[] */

struct pci_bar {
	u64 base; /* as the firmware set it; 0 and size > 0: not assigned */
	u64 size; /* bytes; 0: not implemented */
	bool io;
	bool is_64bit; /* takes the next slot too */
	bool prefetchable;
};

enum pcie_type {
	PCIE_ENDPOINT = 0,
	PCIE_LEGACY_ENDPOINT = 1,
	PCIE_ROOT_PORT = 4,
	PCIE_UPSTREAM_PORT = 5,
	PCIE_DOWNSTREAM_PORT = 6,
	PCIE_TO_PCI_BRIDGE = 7,
	PCI_TO_PCIE_BRIDGE = 8,
	PCIE_RC_ENDPOINT = 9,
	PCIE_RC_EVENT_COLLECTOR = 10,
	PCIE_NONE = 0xff, /* conventional PCI: no PCI Express capability */
};

/* One function, as enumeration found it. Offsets are 0 where the function has no such capability. */
struct pci_function {
	struct pci_address address;
	u16 vendor;
	u16 device;
	u16 subsystem_vendor;
	u16 subsystem_device;
	u32 class_code; /* base << 16 | sub << 8 | interface */
	u8 revision;
	u8 header_type; /* 0 endpoint, 1 bridge, 2 CardBus */
	u8 interrupt_pin; /* 0: none */
	bool multifunction; /* flag of function 0, or a sibling was found */
	u8 pcie_type; /* enum pcie_type */
	u8 secondary_bus; /* bridges */
	u8 subordinate_bus;
	u16 pm, msi, msix, pcie; /* standard capabilities */
	u16 af; /* only where it offers a function level reset */
	bool pm_keeps_state; /* a way through D3hot resets nothing */
	u16 acs, ari, ats, sriov, resizable_bar; /* extended capabilities */
	u16 acs_capability;
	u16 acs_control; /* as it is now: after ACS was switched on */
	u16 acs_firmware; /* as the firmware left it, for restoring */
	u32 device_capabilities; /* PCI Express device capabilities register */
	bool cxl_cache; /* capable of CXL.cache: it knows memory by host addresses */
	bool phantom_functions; /* switched on: it also uses requester IDs of functions it lacks */
	u32 config_size; /* 256 or 4096 */
	u32 quirks; /* enum quirk: what it does without saying so */
	struct pci_bar bars[PCI_BARS + 1];
	u32 parent; /* index of the bridge above, on a lower bus; NONE on a root bus */
	u32 physical; /* index of the physical function, for a virtual function; else NONE */
	u32 group; /* index into inventory.groups */
	u32 unit; /* index of the IOMMU unit that translates it; NONE: not covered */
	const char *uncovered; /* then: what firmware's table does; NULL: there is none */
	u16 table_alias; /* requester ID that the IVRS table says it uses; own one when none */
};

static inline bool pci_is_bridge(const struct pci_function *f) {
	return f->header_type != 0;
}

/* Base and sub class, as 0x0604. */
static inline u16 pci_class(const struct pci_function *f) {
	return (u16)(f->class_code >> 8);
}
