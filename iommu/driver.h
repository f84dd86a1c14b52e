/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cpu.h"
#include "iommu.h"
#include "mmio.h"

/* What the drivers of both vendors share. */

/* What units read and write in one piece: table entries, requests, records. */
struct pair {
	u64 low, high;
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct pair) == 16, "structures in memory");

/* Looks whether CONDITION holds until it does, TURNS times at most. */
#define POLL(condition, turns)                                                                     \
	({                                                                                         \
		u32 turns_ = (turns);                                                              \
		while (!(condition) && --turns_)                                                   \
			cpu_pause();                                                               \
		turns_ != 0;                                                                       \
	})

/* Looks at a register, or a word that the unit writes, before it counts as dead: about a second. */
#define UNIT_POLLS 1000000u

/* Requests go through a ring of one page, with a wait behind them that stores a number. */
#define QUEUE_ENTRIES_ORDER 8
#define QUEUE_ENTRIES (1u << QUEUE_ENTRIES_ORDER)

struct queue {
	struct pair entries[QUEUE_ENTRIES];
	volatile u64 done; /* what the last wait stored */
	u32 sequence; /* what the last one was to store */
	u32 tail;
	bool wide; /* each takes two entries, of which the second is zeros */
};

/* COUNT of them, QUEUE_BATCH at most: FIRST, and then each with STEP more in its low word. */
struct requests {
	struct pair first;
	u64 step;
	u32 count;
};
#define QUEUE_BATCH 128u

#define QUEUE_TIMEOUT 1u

/*
 * Has REQUESTS carried out, in any order, whose wait is WAIT; TAIL is the register that tells the unit.
 * Returns 0, the errors that ERRORS found and answered, or QUEUE_TIMEOUT.
 */
u32 queue_run(const struct iommu_unit *unit, struct queue *queue, u32 tail,
	      struct requests requests, struct pair wait,
	      u32 (*errors)(const struct iommu_unit *unit));

static inline struct pci_address requester_address(const struct iommu_unit *unit,
						   u16 requester_id) {
	return (struct pci_address){unit->info->segment, (u8)(requester_id >> 8), (u8)requester_id};
}
