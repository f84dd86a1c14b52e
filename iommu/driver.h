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

static inline struct pci_address requester_address(const struct iommu_unit *unit,
						   u16 requester_id) {
	return (struct pci_address){unit->info->segment, (u8)(requester_id >> 8), (u8)requester_id};
}
