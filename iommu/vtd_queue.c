/* SPDX-License-Identifier: Apache-2.0 */
#include "vtd.h"

/* Queued invalidation (specification, section 6.5.2). Every request is followed by a wait. */

/* The words of the status page. */
enum vtd_status {
	STATUS_SEQUENCE, /* the wait descriptor that was reached last */
	STATUS_FILLER, /* where a descriptor that replaces a refused one writes */
};

#define PLACES 2 /* that a submission takes: the request and its wait */

static struct pair wait_descriptor(const volatile u32 *word, u32 data) {
	return (struct pair){
		.low = VTD_INV_WAIT | VTD_INV_WAIT_SW | (u64)data << VTD_INV_WAIT_DATA_SHIFT,
		.high = (u64)(uintptr_t)word,
	};
}

static u32 queue_head(const struct iommu_unit *unit) {
	u64 head = mmio_read64(unit->registers + VTD_IQH) & VTD_QUEUE_MASK;

	return (u32)(head / sizeof(struct pair) % VTD_ENTRIES);
}

static void queue_put(struct vtd *vtd, struct pair descriptor) {
	vtd->memory->queue[vtd->tail] = descriptor;
	vtd->tail = (vtd->tail + 1) % VTD_ENTRIES;
}

/*
 * Answers what the unit complains of, so that the queue goes on, and returns it. After IQE the head
 * stands at the descriptor it did not understand, which becomes a harmless one. After ITE it has
 * dropped the wait descriptors it had fetched.
 */
static u32 queue_errors(struct iommu_unit *unit) {
	struct vtd *vtd = vtd_of(unit);
	u32 errors = mmio_read32(unit->registers + VTD_FSTS) & VTD_FSTS_QUEUE;

	if (errors & VTD_FSTS_IQE) {
		vtd->memory->queue[queue_head(unit)] =
			wait_descriptor(&vtd->memory->status[STATUS_FILLER], 0);
		cpu_fence();
	}
	if (errors)
		mmio_write32(unit->registers + VTD_FSTS, errors);
	return errors;
}

/* Until the last wait descriptor was reached. Returns the errors on the way; a timeout is one, too. */
static u32 queue_wait(struct iommu_unit *unit) {
	const struct vtd *vtd = vtd_of(unit);
	u32 errors = 0;

	for (u32 polls = 0; polls < VTD_POLLS && !(errors & VTD_FSTS_ITE); polls++) {
		bool reached = vtd->memory->status[STATUS_SEQUENCE] == vtd->sequence;

		/* A wait that is reached although something before it was refused proves nothing. */
		errors |= queue_errors(unit);
		if (reached)
			return errors;
		cpu_pause();
	}
	return errors ? errors : VTD_FSTS_IQE;
}

/*
 * One request at a time: the unit may run them in any order, and nothing may refill the IOTLB from a
 * context entry that is about to be forgotten.
 */
bool vtd_invalidate(struct iommu_unit *unit, u64 low) {
	struct vtd *vtd = vtd_of(unit);
	u32 errors = VTD_FSTS_ITE;

	/* What timed out before may have left errors and full places. An abort is worth one retry. */
	queue_errors(unit);
	for (u32 attempt = 0; attempt < 2 && errors & VTD_FSTS_ITE; attempt++) {
		if ((queue_head(unit) - vtd->tail - 1) % VTD_ENTRIES < PLACES)
			return false;
		queue_put(vtd, (struct pair){.low = low});
		queue_put(vtd,
			  wait_descriptor(&vtd->memory->status[STATUS_SEQUENCE], ++vtd->sequence));
		cpu_fence();
		mmio_write64(unit->registers + VTD_IQT, vtd->tail * sizeof(struct pair));
		errors = queue_wait(unit);
	}
	return !errors;
}

bool vtd_invalidate_device(struct iommu_unit *unit, u16 did, u16 requester_id) {
	return vtd_invalidate(unit, VTD_INV_CONTEXT | VTD_INV_DEVICE |
					    (u64)did << VTD_INV_DID_SHIFT |
					    (u64)requester_id << VTD_INV_SID_SHIFT);
}

/* With draining where the unit has it: requests that were already translated have landed afterwards. */
bool vtd_invalidate_iotlb(struct iommu_unit *unit, u64 granularity, u16 did) {
	u64 cap = vtd_of(unit)->cap;

	return vtd_invalidate(unit, VTD_INV_IOTLB | granularity |
					    (cap & VTD_CAP_DWD ? VTD_INV_IOTLB_DW : 0) |
					    (cap & VTD_CAP_DRD ? VTD_INV_IOTLB_DR : 0) |
					    (u64)did << VTD_INV_DID_SHIFT);
}

static bool queue_is_idle(const struct iommu_unit *unit) {
	return !((mmio_read64(unit->registers + VTD_IQH) ^ mmio_read64(unit->registers + VTD_IQT)) &
		 VTD_QUEUE_MASK);
}

/* Lets a predecessor's queue run dry; what is stuck behind a bad descriptor is dropped. */
static bool queue_stop(struct iommu_unit *unit) {
	volatile u8 *registers = unit->registers;

	POLL(queue_is_idle(unit) || mmio_read32(registers + VTD_FSTS) & VTD_FSTS_IQE, VTD_POLLS);
	if (!queue_is_idle(unit))
		mmio_write64(registers + VTD_IQT,
			     mmio_read64(registers + VTD_IQH) & VTD_QUEUE_MASK);
	return vtd_command(unit, VTD_G_QIE, false);
}

bool vtd_queue_start(struct iommu_unit *unit) {
	struct vtd *vtd = vtd_of(unit);
	volatile u8 *registers = unit->registers;

	if (mmio_read32(registers + VTD_GSTS) & VTD_G_QIE && !queue_stop(unit))
		return false;
	vtd->tail = 0;
	mmio_write32(registers + VTD_FSTS, VTD_FSTS_QUEUE);
	mmio_write64(registers + VTD_IQT, 0);
	mmio_write64(registers + VTD_IQA, (u64)(uintptr_t)vtd->memory->queue);
	return vtd_command(unit, VTD_G_QIE, true);
}
