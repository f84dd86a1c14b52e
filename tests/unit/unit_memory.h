/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"

/*
 * What lies between a processor's stores and a unit that reads them. Where walks are not coherent a
 * line arrives when it was flushed and a fence followed; where the chipset has a write buffer nothing
 * arrives before that was flushed, too. Otherwise stores arrive at once.
 *
 * A unit that reads what has not arrived yet might see it or not: that fails the running test, save in
 * a probe, which sees the older value.
 */
struct unit_memory {
	u8 *base; /* all that units may read */
	u64 bytes;
	bool coherent, buffered;
	/* While a probe runs: the access of a device that nobody waits for. */
	bool probing;
	/* Called at each fence and each flushed line, if set: whatever the unit does by itself. */
	void (*hook)(void);
	/* The ring from which the unit takes requests: as it was at the last fence. NULL: there is none. */
	const u8 *ring;
	u8 ring_fenced[4096];
	u32 fences;
};
extern struct unit_memory unit_memory;

/* Memory is what it is now, and has arrived. */
void unit_memory_init(void *base, u64 bytes, bool coherent, bool buffered);
/* Eight bytes as a unit reads them in a walk. */
u64 unit_memory_read(u64 address);
/* The same in a walk that looks into the processor's caches, whatever others do. */
u64 unit_memory_snoop(u64 address);
/* The same of COUNT bytes at ADDRESS, of anything that the unit snoops always; NULL is never returned. */
void *unit_memory_at(u64 address, u64 count);
/* The chipset's write buffer was flushed. */
void unit_memory_drain(void);
/* Fails unless bytes FROM to TO of the ring were there before the last fence. */
void unit_memory_check_ring(u32 from, u32 to, u32 ring_bytes);
