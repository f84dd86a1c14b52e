/* SPDX-License-Identifier: Apache-2.0 */
#include "vtd.h"

/* Queued invalidation (specification, section 6.5.2). Every request is followed by a wait. */

static struct pair wait_descriptor(const volatile u64 *word, u32 data) {
	return (struct pair){
		.low = VTD_INV_WAIT | VTD_INV_WAIT_SW | (u64)data << VTD_INV_WAIT_DATA_SHIFT,
		.high = (u64)(uintptr_t)word,
	};
}

/*
 * Answers what the unit complains of, so that the queue goes on, and returns it. After IQE the head
 * stands at the descriptor it did not understand, which becomes a harmless one. After ITE it has
 * dropped the wait descriptors it had fetched.
 */
static u32 queue_errors(const struct iommu_unit *unit) {
	struct vtd *vtd = vtd_of(unit);
	u32 errors = mmio_read32(unit->registers + VTD_FSTS) & VTD_FSTS_QUEUE;

	if (errors & VTD_FSTS_IQE) {
		u64 head = mmio_read64(unit->registers + VTD_IQH) & VTD_QUEUE_MASK;

		vtd->queue.entries[head / sizeof(struct pair) % QUEUE_ENTRIES] =
			wait_descriptor(&vtd->filler, 0);
		cpu_fence();
	}
	if (errors)
		mmio_write32(unit->registers + VTD_FSTS, errors);
	return errors;
}

bool vtd_invalidate(struct iommu_unit *unit, u64 low) {
	struct queue *queue = &vtd_of(unit)->queue;
	u32 errors = VTD_FSTS_ITE;

	/* What timed out before may have left errors. An abort is worth one retry. */
	queue_errors(unit);
	for (u32 attempt = 0; attempt < 2 && errors & VTD_FSTS_ITE; attempt++) {
		struct pair wait = wait_descriptor(&queue->done, ++queue->sequence);

		errors = queue_run(unit, queue, VTD_IQT, (struct requests){{low, 0}, 0, 1}, wait,
				   queue_errors);
	}
	/* What it never fetched must not pile up in the ring. */
	if (errors & QUEUE_TIMEOUT)
		vtd_queue_start(unit);
	return !errors;
}

bool vtd_invalidate_context(struct iommu_unit *unit, u16 did, u16 requester_id) {
	return vtd_invalidate(unit, VTD_INV_CONTEXT | VTD_INV_DEVICE |
					    (u64)did << VTD_INV_DID_SHIFT |
					    (u64)requester_id << VTD_INV_SID_SHIFT);
}

bool vtd_invalidate_domain(struct iommu_unit *unit, u32 did) {
	bool all = did == VTD_EVERY_DOMAIN;
	u64 low = all ? 0 : (u64)did << VTD_INV_DID_SHIFT, cap = unit->features;

	/* Translations come last: they would be made again from an entry that is still cached (section 6.5.3). */
	if (vtd_of(unit)->scalable &&
	    !vtd_invalidate(unit, VTD_INV_PASID | low | (all ? VTD_INV_PASID_GLOBAL : 0)))
		return false;
	/* With draining where the unit has it: requests that were already translated have landed afterwards. */
	return vtd_invalidate(unit, VTD_INV_IOTLB | low | (all ? VTD_INV_GLOBAL : VTD_INV_DOMAIN) |
					    (cap & VTD_CAP_DWD ? VTD_INV_IOTLB_DW : 0) |
					    (cap & VTD_CAP_DRD ? VTD_INV_IOTLB_DR : 0));
}

static bool queue_is_idle(const struct iommu_unit *unit) {
	return !((mmio_read64(unit->registers + VTD_IQH) ^ mmio_read64(unit->registers + VTD_IQT)) &
		 VTD_QUEUE_MASK);
}

/* Lets a predecessor's queue run dry; what is stuck behind a bad descriptor is dropped. */
static bool queue_stop(struct iommu_unit *unit) {
	volatile u8 *registers = unit->registers;

	POLL(queue_is_idle(unit) || mmio_read32(registers + VTD_FSTS) & VTD_FSTS_IQE, UNIT_POLLS);
	if (!queue_is_idle(unit))
		mmio_write64(registers + VTD_IQT,
			     mmio_read64(registers + VTD_IQH) & VTD_QUEUE_MASK);
	return vtd_command(unit, VTD_G_QIE, false);
}

bool vtd_queue_start(struct iommu_unit *unit) {
	bool wide = vtd_of(unit)->scalable;
	struct queue *queue = &vtd_of(unit)->queue;
	volatile u8 *registers = unit->registers;

	if (mmio_read32(registers + VTD_GSTS) & VTD_G_QIE && !queue_stop(unit))
		return false;
	queue->tail = 0;
	queue->wide = wide;
	mmio_write64(registers + VTD_IQT, 0);
	mmio_write64(registers + VTD_IQA, (u64)(uintptr_t)queue->entries | (wide ? VTD_IQA_DW : 0));
	return vtd_command(unit, VTD_G_QIE, true);
}
