/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"

/* Instructions that C has no word for. */
static inline void cpu_pause(void) {
	__asm__ volatile("pause");
}

static inline void cpu_fence(void) {
	__asm__ volatile("mfence" ::: "memory");
}

static inline void cpu_flush_line(const volatile void *address) {
	__asm__ volatile("clflush %0" : : "m"(*(const volatile u8 *)address) : "memory");
}

#define CACHE_LINE 64

static inline u64 cpu_tsc(void) {
	u32 low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

/* Served in the order of asking: nobody can be kept waiting by one who asks again and again. */
struct spinlock {
	u32 next;
	u32 serving;
};

static inline void spin_lock(struct spinlock *lock) {
	u32 ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket)
		cpu_pause();
}

static inline void spin_unlock(struct spinlock *lock) {
	__atomic_store_n(&lock->serving, lock->serving + 1, __ATOMIC_RELEASE);
}
