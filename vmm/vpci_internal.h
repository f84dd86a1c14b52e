/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "devices.h"
#include "pci_registers.h"

/* What the files of virtual PCI share. Offsets and bits as in the PCI Local Bus and PCI Express base specifications. */

#define ALL_BITS UINT32_MAX
/* The upper half of a double word: status beside command, control beside a capability's identifier. */
#define UPPER(bits) ((u32)(bits) << 16)
#define UPPER_SHIFT 16

#define VPCI_ECAM_SIZE MIB /* one bus */
#define VPCI_MASKED BIT(0) /* in VPCI_MASK */

/* A write to one double word, as its handler gets it: the guest's bits are changed already. */
struct vpci_access {
	struct vpci_function *f;
	struct vpci_register *reg;
	u32 offset;
	u32 mask; /* ones in the bytes that are written */
	u32 value; /* what comes, 0 elsewhere */
	u32 old; /* the guest's bits as they were */
};

static inline u32 vpci_device_read(const struct vpci_function *f, u32 offset, u8 width) {
	const struct pci_access *config = f->vpci->config;

	return config->read(config, f->info->address, (u16)offset, width);
}

static inline void vpci_device_write(const struct vpci_function *f, u32 offset, u8 width,
				     u32 value) {
	const struct pci_access *config = f->vpci->config;

	config->write(config, f->info->address, (u16)offset, width, value);
}

/* The guest's command register. */
static inline u32 vpci_command(const struct vpci_function *f) {
	return f->registers[PCI_COMMAND / 4].value & 0xffff;
}

/* --- vpci.c --- */

/* Begins the function's own reset. Until it is over the guest reads ones, and what it writes is lost. */
void vpci_flr(struct vpci_function *f);

/* --- vpci_header.c --- */

void vpci_header_init(struct vpci_function *f);
/* Mappings, the device's command register and its interrupts follow what the guest has written. */
void vpci_follow(struct vpci_function *f);
/* The BAR that answers at GUEST, and the offset in it; NULL: none. */
struct vpci_function *vpci_bar_find(struct vpci *vpci, u64 guest, u32 *index, u64 *offset);

/* --- vpci_capabilities.c --- */

/* Reads the device's lists and decides what the guest sees of them. */
void vpci_capabilities_init(struct vpci_function *f);

/* --- vpci_msi.c --- */

/* Off in the device, and every vector blocked. */
void vpci_interrupts_off(struct vpci_function *f);
/* Makes the device follow the guest's control words, as far as it can be reached. */
void vpci_interrupts_update(struct vpci_function *f);
/*
 * A naturally aligned access to the BAR with the table; WRITE: of *VALUE. False: OFFSET lies
 * outside the table.
 */
bool vpci_msix_access(struct vpci_function *f, u64 offset, u8 width, bool write, u64 *value);
/* Set up the registers of the capability at OFFSET, which has ROOM bytes; false: it is not shown. */
bool vpci_msi_init(struct vpci_function *f, u32 offset, u32 room);
bool vpci_msix_init(struct vpci_function *f, u32 offset, u32 room);
