/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "driver.h"
#include "iommu_registers.h"

/* What the parts of the VT-d driver share. Bits of registers and structures: registers.txt. */

/* Fields of the capability registers (specification, sections 11.4.2 and 11.4.3). */
#define VTD_CAP_DOMAIN_IDS(cap) (1u << (4 + 2 * ((cap)&7))) /* ND */
#define VTD_CAP_LEVELS(cap) ((u32)((cap) >> 6) & 0x38) /* SAGAW: BIT(n): tables of n levels */
#define VTD_CAP_FRO(cap) ((u32)((cap) >> 24 & 0x3ff) * 16) /* offset of the fault records */
#define VTD_CAP_NFR(cap) ((u32)((cap) >> 40 & 0xff) + 1) /* how many there are */
#define VTD_ECAP_MHMV(ecap) ((ecap) >> 20 & 0xf) /* largest IM of an invalidation by index */

#define VTD_CONTEXT_AW(levels) ((u64)(levels)-2)
#define VTD_CONTEXT_DID(high) ((u16)((high) >> VTD_CONTEXT_DID_SHIFT))

#define VTD_REQUESTERS 65536
#define VTD_INTERRUPTS_ORDER 12
#define VTD_INTERRUPTS (1u << VTD_INTERRUPTS_ORDER)
#define VTD_BUSES 256

/* What a unit walks from the start, by pages, and then what is ours. */
struct vtd {
	/* The tables of all buses, in a row: of entries of one pair, in scalable mode of two. */
	struct pair contexts[2 * VTD_REQUESTERS];
	struct pair interrupts[VTD_INTERRUPTS];
	struct pair root[VTD_BUSES];
	struct queue queue;
	bool scalable; /* translation table mode */
	u64 filler; /* where a descriptor that replaces a refused one writes */
	u32 owners[VTD_INTERRUPTS]; /* of interrupt entries */
	u32 record; /* the last fault record that was read, while more may follow; NONE: FRI tells the first */
};
_Static_assert(offsetof(struct vtd, queue) % PAGE_SIZE == 0, "VT-d: whole pages");

static inline struct vtd *vtd_of(const struct iommu_unit *unit) {
	return unit->memory;
}

/* Switches one bit of GCMD on or off, or gives a one-shot command; false when GSTS does not follow. */
bool vtd_command(struct iommu_unit *unit, u32 bit, bool on);

/* Takes the invalidation queue from whoever had it and starts it empty. */
bool vtd_queue_start(struct iommu_unit *unit);
/*
 * Forgets what LOW, a descriptor's low word, names, and waits until that is done; false when the
 * unit does not answer, or refuses.
 */
bool vtd_invalidate(struct iommu_unit *unit, u64 low);
/* The context entry of one requester; in legacy mode only if DID is in it. */
bool vtd_invalidate_context(struct iommu_unit *unit, u16 did, u16 requester_id);
/*
 * All else that is remembered of domain DID or, VTD_EVERY_DOMAIN, of all: in scalable mode its PASID
 * entry, then translations, with draining.
 */
#define VTD_EVERY_DOMAIN NONE
bool vtd_invalidate_domain(struct iommu_unit *unit, u32 did);

void vtd_fault_event(struct iommu_unit *unit, const struct msi_message *message);
bool vtd_next_fault(struct iommu_unit *unit, struct iommu_fault *fault);
