/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "inventory.h"
#include "tables.h"
#include "text.h"

/*
 * DMA and interrupt remapping. Policy (domains, groups) is vendor-neutral; a driver knows how one
 * kind of unit is told. Every function that talks to hardware waits with a bound and returns false
 * when it did not answer.
 *
 * Nothing here takes a lock. While the boot processor is alone it needs none; from then on the caller
 * holds machine.iommu_lock around every call that reaches a unit or changes a group's state, and around
 * iommu_drain_faults with its handler. message() is free of it: it only computes.
 */

struct iommu_unit;

enum iommu_access { FAULT_DMA_READ, FAULT_DMA_WRITE, FAULT_INTERRUPT };

struct iommu_fault {
	struct pci_address requester;
	enum iommu_access access;
	u64 address; /* of the access; for an interrupt: its index */
	const char *reason; /* words */
};

/* A DMA address space: one per partition. Address = guest-physical. */
struct dma_domain {
	u16 id; /* 1..; the blocked domain is the driver's own */
	/* One table per kind of unit and shape that the partition's groups need, built before attach. */
	struct page_tables tables;
};

struct msi_message {
	u64 address;
	u32 data;
};

/* Where a remapped interrupt goes. */
struct interrupt_target {
	u32 apic_id; /* physical destination */
	u8 vector;
	bool level; /* its end is told to the IO-APIC that sent it */
};

struct iommu_ops {
	const char *name; /* "vt-d", "amd-vi" */
	const struct table_format *format;

	/*
	 * Reads the unit's capabilities, without changing anything, and fills the unit. Returns why it
	 * cannot do what is needed, or NULL.
	 */
	const char *(*probe)(struct iommu_unit *unit);
	u64 bytes; /* of its memory */
	/* Builds deny-all tables for all requester IDs and the queues; touches no register. */
	void (*prepare)(struct iommu_unit *unit);
	/*
	 * Points the unit at them, invalidates everything, switches translation and interrupt remapping
	 * on, compatibility format blocked. Translation that the firmware left on is swapped, not
	 * switched off first. Returns what did not work, or NULL.
	 */
	const char *(*enable)(struct iommu_unit *unit);
	/*
	 * Points one requester ID at a domain's tables, or (DOMAIN NULL) blocks it, with all flushes.
	 * Only domain.c calls this.
	 */
	bool (*set_domain)(struct iommu_unit *unit, u16 requester_id, struct dma_domain *domain);
	/* Flushes cached translations after tables of DOMAIN changed. */
	bool (*flush_domain)(struct iommu_unit *unit, struct dma_domain *domain);
	/* Writes back table memory where walks are not coherent (for page_tables.written); may be NULL. */
	void (*written)(const u64 *entries, u64 count);

	u32 interrupts; /* entries of a table */
	u64 table_bytes; /* of the pool, for each requester that has interrupts */
	/* Notes on each entry of the requester's table, zeros at first; NULL: there is no memory for it. */
	u32 *(*interrupt_owners)(struct iommu_unit *unit, u16 requester_id);
	/* Points COUNT entries from FIRST at TARGET, or (TARGET NULL) blocks them, with all flushes. */
	bool (*interrupt_write)(struct iommu_unit *unit, u16 requester_id, u32 first, u32 count,
				const struct interrupt_target *target);
	/* What the device must send for entry INDEX. */
	struct msi_message (*message)(const struct iommu_unit *unit, u32 index);

	/* The oldest unread fault record; false when there is none. */
	bool (*next_fault)(struct iommu_unit *unit, struct iommu_fault *fault);
	/*
	 * Has MESSAGE sent when a record is there where none was; what is there already may count. NULL: never.
	 * May be NULL: units that cannot.
	 */
	void (*fault_event)(struct iommu_unit *unit, const struct msi_message *message);
	/* Stops further records from one requester ID (fault storm); may be NULL. */
	void (*silence)(struct iommu_unit *unit, u16 requester_id);
};

#define IOMMU_UNITS_MAX 16

struct iommu_unit {
	const struct unit_info *info;
	const struct iommu_ops *ops;
	volatile u8 *registers;
	u32 index;
	u32 levels; /* BIT(n): it walks DMA tables of n levels */
	u32 domain_ids; /* domains have smaller ids */
	unsigned int leaf_level; /* of the largest page */
	bool coherent;
	bool x2apic; /* destinations wider than 8 bits */
	u64 features; /* the register that tells them, less what the driver shall not use */
	struct page_pool *pool;
	void *memory; /* zeros for prepare(): what the unit walks, and the driver's own state */
};

extern const struct iommu_ops vtd_ops;
extern const struct iommu_ops amdvi_ops;

/*
 * The machine's remapping, over all units. The inventory must outlive it.
 */
struct iommu {
	const struct inventory *inventory;
	struct iommu_unit units[IOMMU_UNITS_MAX];
	u32 unit_count;
	struct page_pool *pool;
	u8 *group_state; /* enum group_state per group */
	u16 *group_owner; /* partition index + 1 per group, 0: nobody */
	u32 *function_faults; /* per function, since it was attached */
};

enum group_state { GROUP_BLOCKED, GROUP_CLAIMED, GROUP_ATTACHED };

/* Reads every unit's capabilities; false with words when one cannot serve. Changes nothing. */
bool iommu_probe(struct iommu *iommu, const struct inventory *inventory, struct text_sink *reason);
/* Pool pages that iommu_start needs, domains not counted. */
u64 iommu_pages(const struct iommu *iommu);
bool iommu_start(struct iommu *iommu, struct page_pool *pool, struct text_sink *reason);

/*
 * A domain whose tables every unit that serves the groups of FUNCTIONS can walk: what all of them have in
 * common.
 */
bool domain_create(struct iommu *iommu, struct dma_domain *domain, u16 id, const u32 *functions,
		   u32 count);
/* Pool pages for one with BYTES of guest memory and so many PIECES of reserved memory. */
u64 domain_pages(const struct iommu *iommu, u64 bytes, u32 pieces);
/* Maps guest memory into it. */
bool domain_map(struct iommu *iommu, struct dma_domain *domain, u64 guest, u64 host, u64 length,
		unsigned int access);

/* Step 1 of taking a group over: nobody else can have it until it is released. */
bool domain_claim_group(struct iommu *iommu, u32 group, u16 owner);
void domain_release_group(struct iommu *iommu, u32 group, u16 owner);
/*
 * Every member with every alias, or none: all blocked again when one fails. Works only on a claimed, blocked group. Until it is
 * detached, DOMAIN also maps what firmware reserved for the group, at its own address.
 */
bool domain_attach_group(struct iommu *iommu, struct dma_domain *domain, u32 group, u16 owner);
/* Leaves every member blocked. */
bool domain_detach_group(struct iommu *iommu, struct dma_domain *domain, u32 group, u16 owner);

/*
 * Interrupt entries for one requester ID: COUNT consecutive ones, a power of two and aligned to it, first index in
 * FIRST. All start as blocked. False: there are none left, or the unit did not answer.
 */
bool interrupts_alloc(struct iommu_unit *unit, u16 requester_id, u32 count, u32 *first);
/*
 * An entry for a pin of the IO-APIC that sends with REQUESTER_ID: its number ends with VECTOR. The end of a level
 * interrupt names the vector that the processor got, and counts for pins that have the same one; AMD-Vi
 * finds the entry by what the pin has there.
 */
bool interrupts_alloc_pin(struct iommu_unit *unit, u16 requester_id, u8 vector, u32 *first);
bool interrupts_free(struct iommu_unit *unit, u16 requester_id, u32 first, u32 count);
/* Points entry INDEX at TARGET, or (TARGET NULL) blocks it. Accepted from REQUESTER_ID only. */
bool interrupts_set(struct iommu_unit *unit, u16 requester_id, u32 index,
		    const struct interrupt_target *target);

/* fault_event() of all units; false when there is none that can. */
bool iommu_fault_event(struct iommu *iommu, const struct msi_message *message);
/* Drains all records of all units; HANDLER is called for each. Returns how many. */
u32 iommu_drain_faults(struct iommu *iommu,
		       void (*handler)(void *context, const struct iommu_fault *fault),
		       void *context);
