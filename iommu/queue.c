/* SPDX-License-Identifier: Apache-2.0 */
#include "driver.h"

static void put(struct queue *queue, struct pair entry) {
	for (u32 i = 0; i <= queue->wide; i++) {
		queue->entries[queue->tail] = i ? (struct pair){0, 0} : entry;
		queue->tail = (queue->tail + 1) % QUEUE_ENTRIES;
	}
}

/*
 * A unit may run requests in any order, and nothing may refill a cache from an entry that is about to be
 * forgotten: what depends on another request comes in a run of its own.
 */
u32 queue_run(const struct iommu_unit *unit, struct queue *queue, u32 tail,
	      struct requests requests, struct pair wait,
	      u32 (*errors)(const struct iommu_unit *unit)) {
	for (; requests.count; requests.count--) {
		put(queue, requests.first);
		requests.first.low += requests.step;
	}
	put(queue, wait);
	/* They, and the tables that they are about, before the unit is told. */
	cpu_fence();
	mmio_write64(unit->registers + tail, queue->tail * sizeof(struct pair));
	for (u32 polls = 0; polls < UNIT_POLLS; polls++) {
		bool done = queue->done == queue->sequence;
		/* A wait that is reached although something before it was refused proves nothing. */
		u32 found = errors(unit);

		if (done || found)
			return found;
		cpu_pause();
	}
	return QUEUE_TIMEOUT;
}
