/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"

/*
 * Stands in for include/mmio.h when a driver is built against a register model: a test program puts
 * this directory first in its include path, and its model defines those of these functions that it uses.
 */
u32 mmio_read32(const volatile u8 *address);
void mmio_write32(volatile u8 *address, u32 value);
u64 mmio_read64(const volatile u8 *address);
void mmio_write64(volatile u8 *address, u64 value);
u64 mmio_read(const volatile u8 *address, u8 width);
void mmio_write(volatile u8 *address, u8 width, u64 value);
