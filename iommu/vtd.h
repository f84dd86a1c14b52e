/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "vtd_regs.h"

/* What the parts of the VT-d driver share. */

#define VTD_REQUESTERS 65536
#define VTD_INTERRUPTS_ORDER 12
#define VTD_INTERRUPTS (1u << VTD_INTERRUPTS_ORDER)
#define VTD_BUSES 256

/* What a unit walks from the start, by pages, and then what is ours. */
struct vtd {
	struct pair contexts[VTD_REQUESTERS]; /* the tables of all buses, in a row */
	struct pair interrupts[VTD_INTERRUPTS];
	struct pair root[VTD_BUSES];
	struct queue queue;
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
/* The context entry of one requester, then all translations of its domain DID. */
bool vtd_invalidate_device(struct iommu_unit *unit, u16 did, u16 requester_id);
/* GRANULARITY: VTD_INV_GLOBAL or, of DID, VTD_INV_DOMAIN. */
bool vtd_invalidate_iotlb(struct iommu_unit *unit, u64 granularity, u16 did);

bool vtd_next_fault(struct iommu_unit *unit, struct iommu_fault *fault);
