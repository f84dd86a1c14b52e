/* SPDX-License-Identifier: Apache-2.0 */
#include "amdvi.h"

/* AMD-Vi: the two rings, of commands to the unit and of events from it. */

void amdvi_control(const struct iommu_unit *unit, u64 clear, u64 set) {
	struct amdvi *amdvi = amdvi_of(unit);

	amdvi->control = (amdvi->control & ~clear) | set;
	mmio_write64(unit->registers + AMDVI_CONTROL, amdvi->control);
}

bool amdvi_wait_stopped(const struct iommu_unit *unit, u64 bits) {
	return POLL(!(mmio_read64(unit->registers + AMDVI_STATUS) & bits), UNIT_POLLS);
}

/*
 * Empties the ring whose registers begin at HEAD: they may be written only while it is off (3.4.13).
 * An event log that ran over stands still until then (2.5.1).
 */
static void restart(const struct iommu_unit *unit, u64 enable, u64 running, u32 head) {
	amdvi_control(unit, enable, 0);
	amdvi_wait_stopped(unit, running);
	mmio_write64(unit->registers + head, 0);
	mmio_write64(unit->registers + head + AMDVI_HEAD_TO_TAIL, 0);
	if (running == AMDVI_STATUS_EVENT_LOG_RUN)
		mmio_write64(unit->registers + AMDVI_STATUS, AMDVI_STATUS_EVENT_OVERFLOW);
	amdvi_control(unit, 0, enable);
}

/* After ILLEGAL_COMMAND_ERROR or COMMAND_HARDWARE_ERROR it has stopped reading (2.5). */
static u32 has_stopped(const struct iommu_unit *unit) {
	return !(mmio_read64(unit->registers + AMDVI_STATUS) & AMDVI_STATUS_CMD_BUF_RUN);
}

/* COMPLETION_WAIT stores a number (2.4.1), which no earlier wait stored. */
static bool run(const struct iommu_unit *unit, struct requests requests) {
	struct queue *queue = &amdvi_of(unit)->commands;
	struct pair wait = {
		AMDVI_COMPLETION_WAIT | AMDVI_WAIT_STORE | amdvi_physical(&queue->done),
		++queue->sequence,
	};

	if (!queue_run(unit, queue, AMDVI_COMMAND_TAIL, requests, wait, has_stopped))
		return true;
	restart(unit, AMDVI_CONTROL_CMD_BUF_EN, AMDVI_STATUS_CMD_BUF_RUN, AMDVI_COMMAND_HEAD);
	queue->tail = 0;
	return false;
}

bool amdvi_command(const struct iommu_unit *unit, u64 low, u64 high) {
	return run(unit, (struct requests){{low, high}, 0, 1});
}

/* A command for each requester ID, or for each domain: that is where STEP counts. */
static bool for_all(const struct iommu_unit *unit, u64 low, u64 high, u64 step) {
	bool done = true;

	for (u32 id = 0; done && id < AMDVI_DEVICE_ENTRIES; id += QUEUE_BATCH)
		done = run(unit, (struct requests){{low + id * step, high}, step, QUEUE_BATCH});
	return done;
}

bool amdvi_flush_domain_id(const struct iommu_unit *unit, u16 domain_id) {
	return amdvi_command(
		unit, AMDVI_INVALIDATE_IOMMU_PAGES | (u64)domain_id << AMDVI_PAGES_DOMAIN_SHIFT,
		AMDVI_PAGES_ALL);
}

/*
 * INVALIDATE_IOMMU_ALL (2.4.8) is enough for hardware that has it; emulators switch a requester from
 * passing to translating only when its own entry is invalidated, so that comes first, always.
 */
bool amdvi_flush_all(const struct iommu_unit *unit) {
	if (!for_all(unit, AMDVI_INVALIDATE_DEVTAB_ENTRY, 0, 1))
		return false;
	if (unit->features & AMDVI_FEATURE_IA)
		return amdvi_command(unit, AMDVI_INVALIDATE_IOMMU_ALL, 0);
	return for_all(unit, AMDVI_INVALIDATE_INTERRUPT_TABLE, 0, 1) &&
	       for_all(unit, AMDVI_INVALIDATE_IOMMU_PAGES, AMDVI_PAGES_ALL,
		       BIT(AMDVI_PAGES_DOMAIN_SHIFT));
}

/* ---- events ---- */

/* The log's tail may arrive before the record (errata 732 and 733). */
#define RECORD_SPINS 10000u

/* Made of amdvi_events.txt. */
static const char *const type_words[16] = {
#include "amdvi_events.h"
};

/* Table of section 2.5.3. */
static const char *page_fault_words(u64 flags) {
	if (flags & AMDVI_EVENT_RZ)
		return "reserved bit in a table entry";
	if (flags & AMDVI_EVENT_I)
		return "interrupt is not allowed";
	return flags & AMDVI_EVENT_PR ? "access is not allowed" : "address is not mapped";
}

static void decode(const struct iommu_unit *unit, struct pair event, struct iommu_fault *fault) {
	unsigned int type = (unsigned int)(event.low >> AMDVI_EVENT_TYPE_SHIFT);
	u16 requester_id = event.low & AMDVI_EVENT_DEVICE;
	u64 flags = event.low;

	/*
	 * GN and NX belong to guest translation, which is off. An emulator keeps the access there, 1 for
	 * a read and 2 for a write, and sets I on every record.
	 */
	if (type == AMDVI_EVENT_IO_PAGE_FAULT && (flags & (AMDVI_EVENT_GN | AMDVI_EVENT_NX)))
		flags = flags & AMDVI_EVENT_NX ? AMDVI_EVENT_RW : 0;
	/* These are about the unit, not about a device. */
	if (type == AMDVI_EVENT_NONE || type == AMDVI_EVENT_ILLEGAL_COMMAND_ERROR ||
	    type == AMDVI_EVENT_COMMAND_HARDWARE_ERROR) {
		requester_id = unit->info->device_id;
		flags = 0;
	}
	fault->requester = requester_address(unit, requester_id);
	fault->access = flags & AMDVI_EVENT_RW ? FAULT_DMA_WRITE : FAULT_DMA_READ;
	if (flags & AMDVI_EVENT_I)
		fault->access = FAULT_INTERRUPT;
	fault->address = event.high;
	fault->reason =
		type == AMDVI_EVENT_IO_PAGE_FAULT ? page_fault_words(flags) : type_words[type];
	if (!fault->reason)
		fault->reason = "event of an unknown kind";
}

static struct pair take(struct amdvi *amdvi) {
	volatile struct pair *record = &amdvi->events[amdvi->event_head];
	struct pair copy;

	POLL(record->low >> AMDVI_EVENT_TYPE_SHIFT, RECORD_SPINS);
	copy = *record;
	*record = (struct pair){0, 0};
	return copy;
}

bool amdvi_next_fault(struct iommu_unit *unit, struct iommu_fault *fault) {
	struct amdvi *amdvi = amdvi_of(unit);
	u64 tail = mmio_read64(unit->registers + AMDVI_EVENT_TAIL) % sizeof(amdvi->events);

	if (tail / sizeof(struct pair) != amdvi->event_head) {
		decode(unit, take(amdvi), fault);
		amdvi->event_head = (amdvi->event_head + 1) % QUEUE_ENTRIES;
		mmio_write64(unit->registers + AMDVI_EVENT_HEAD,
			     amdvi->event_head * sizeof(struct pair));
		return true;
	}
	if (mmio_read64(unit->registers + AMDVI_STATUS) & AMDVI_STATUS_EVENT_OVERFLOW) {
		restart(unit, AMDVI_CONTROL_EVENT_LOG_EN, AMDVI_STATUS_EVENT_LOG_RUN,
			AMDVI_EVENT_HEAD);
		amdvi->event_head = 0;
	}
	return false;
}
