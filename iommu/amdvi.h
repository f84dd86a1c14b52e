/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "driver.h"
#include "iommu_registers.h"

/* What the files of the AMD-Vi driver share. Bits of registers and structures: registers.txt. */

/* What the unit reads and writes in one piece is a pair: half of a device table entry, for example. */
struct amdvi_device_entry {
	struct pair dma, interrupt;
};
_Static_assert(sizeof(struct amdvi_device_entry) == 32, "AMD-Vi: device table entry");

#define AMDVI_DEVICE_ENTRIES 65536
#define AMDVI_DEVICE_TABLE_PAGES                                                                   \
	(AMDVI_DEVICE_ENTRIES * sizeof(struct amdvi_device_entry) / PAGE_SIZE)

/* DomainID of everything blocked; partitions have smaller ones. */
#define AMDVI_BLOCKED_DOMAIN 0x8000
/* 48 bits, as the processor's nested tables: every unit with host tables walks four levels. */
#define AMDVI_LEVELS 4

/*
 * Entries of an interrupt table. More are an option of few units; with fewer, an emulator that does
 * not look at the length would read what lies behind the table.
 */
#define AMDVI_INTERRUPTS_LENGTH 9
#define AMDVI_INTERRUPTS (1u << AMDVI_INTERRUPTS_LENGTH)

/* What a unit walks from the start, by pages, and then what is ours. */
struct amdvi {
	struct amdvi_device_entry devices[AMDVI_DEVICE_ENTRIES];
	u64 blocked_root[TABLE_ENTRIES]; /* zeros */
	struct pair events[QUEUE_ENTRIES];
	struct queue commands;
	u64 control; /* as written last */
	u32 event_head;
};
_Static_assert(offsetof(struct amdvi, commands) % PAGE_SIZE == 0, "AMD-Vi: whole pages");

static inline struct amdvi *amdvi_of(const struct iommu_unit *unit) {
	return unit->memory;
}

static inline u64 amdvi_physical(const volatile void *pointer) {
	return (u64)(uintptr_t)pointer;
}

/* Both halves of a pair in one access: section 2.2.2.2 asks for it where an entry is in use. */
static inline void amdvi_store_half(struct pair *to, struct pair value) {
	struct pair old = *to;
	bool done;

	do {
		__asm__ volatile("lock cmpxchg16b %1"
				 : "=@ccz"(done), "+m"(*to), "+a"(old.low), "+d"(old.high)
				 : "b"(value.low), "c"(value.high)
				 : "memory");
	} while (!done);
}

/* Writes the control register with SET added to, and CLEAR taken from, what it holds. */
void amdvi_control(const struct iommu_unit *unit, u64 clear, u64 set);
/* Waits until none of the status BITS is set; false when the unit does not answer. */
bool amdvi_wait_stopped(const struct iommu_unit *unit, u64 bits);

/* A command (2.4), and the wait for its end. False: the unit did not answer; the ring was restarted, empty. */
bool amdvi_command(const struct iommu_unit *unit, u64 low, u64 high);
bool amdvi_flush_domain_id(const struct iommu_unit *unit, u16 domain_id);
/* Drops whatever a unit may have cached, of anybody. */
bool amdvi_flush_all(const struct iommu_unit *unit);

bool amdvi_next_fault(struct iommu_unit *unit, struct iommu_fault *fault);
