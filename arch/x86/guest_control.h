/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "machine.h"
#include "x86.h"

/* What both ways to run a virtual processor share. */

#define DR6_DEFAULT 0xffff0ff0ull
#define DR7_DEFAULT 0x400ull

/* Which bit of a vendor's MSR map stands for an access; ranges begin at 0, 0xc0000000, 0xc0010000. */
struct msr_map_layout {
	u32 pages, ranges;
	u32 range_bits, register_bits, write_bits; /* how far each of them moves the bit */
};

/* Address of the map that serves every partition: a set bit leaves the guest. 0: the pool is empty. */
u64 guest_msr_map(struct page_pool *pool, const struct msr_map_layout *layout);

/* The event to deliver again; one by an instruction comes by itself when that runs again. */
static inline u64 event_again(u64 interrupted) {
	return interrupted & EVENT_VALID && (interrupted & EVENT_TYPE) < EVENT_SOFTWARE
		       ? interrupted
		       : 0;
}
