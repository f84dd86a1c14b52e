/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"

/* Device registers: one access each, of exactly this width. */
static inline u32 mmio_read32(const volatile u8 *address) {
	return *(const volatile u32 *)address;
}

static inline void mmio_write32(volatile u8 *address, u32 value) {
	*(volatile u32 *)address = value;
}

static inline u64 mmio_read64(const volatile u8 *address) {
	return *(const volatile u64 *)address;
}

static inline void mmio_write64(volatile u8 *address, u64 value) {
	*(volatile u64 *)address = value;
}
