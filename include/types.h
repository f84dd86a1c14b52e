/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The integer names and small helpers that every room uses. Freestanding and hosted. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define KIB 1024ull
#define MIB (1024ull * KIB)
#define GIB (1024ull * MIB)
#define PAGE_SIZE 4096ull
#define PAGE_SHIFT 12
#define LARGE_PAGE_SIZE (2 * MIB)

#define BIT(n) (1ull << (n))
/* Bits HIGH..LOW set, both inclusive. */
#define BITS(high, low) ((~0ull >> (63 - (high))) & ~(BIT(low) - 1))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ALIGN_DOWN(x, a) ((x) & ~((u64)(a)-1))
#define ALIGN_UP(x, a) ALIGN_DOWN((x) + (u64)(a)-1, a)
#define IS_ALIGNED(x, a) (((x) & ((u64)(a)-1)) == 0)
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* An index that names nothing. */
#define NONE UINT32_MAX

/* BYTES bytes of ones. */
static inline u64 byte_mask(u32 bytes) {
	return bytes >= sizeof(u64) ? ~0ull : BIT(8 * bytes) - 1;
}

static inline u64 min_u64(u64 a, u64 b) {
	return a < b ? a : b;
}

static inline u64 max_u64(u64 a, u64 b) {
	return a > b ? a : b;
}
