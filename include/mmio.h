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

/* WIDTH: 1, 2, 4 or 8 bytes. */
static inline u64 mmio_read(const volatile u8 *address, u8 width) {
	switch (width) {
	case 1: return *address;
	case 2: return *(const volatile u16 *)address;
	case 4: return mmio_read32(address);
	default: return mmio_read64(address);
	}
}

static inline void mmio_write(volatile u8 *address, u8 width, u64 value) {
	switch (width) {
	case 1: *address = (u8)value; break;
	case 2: *(volatile u16 *)address = (u16)value; break;
	case 4: mmio_write32(address, (u32)value); break;
	default: mmio_write64(address, value);
	}
}
