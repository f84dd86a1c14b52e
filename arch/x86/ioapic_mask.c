/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "mmio.h"

/* Intel 82093AA, section 3: index and data registers. */
#define IOAPIC_INDEX 0x00
#define IOAPIC_DATA 0x10
#define IOAPIC_VERSION 1
#define IOAPIC_REDIRECTION 0x10
#define REDIRECTION_MASKED BIT(16)
#define PINS_MAX 240

void ioapic_mask_all(u64 base) {
	volatile u8 *registers = (volatile u8 *)(uintptr_t)base;
	u32 last;

	mmio_write32(registers + IOAPIC_INDEX, IOAPIC_VERSION);
	last = mmio_read32(registers + IOAPIC_DATA) >> 16 & 0xff;
	for (u32 pin = 0; pin <= last && pin < PINS_MAX; pin++) {
		mmio_write32(registers + IOAPIC_INDEX, IOAPIC_REDIRECTION + 2 * pin);
		mmio_write32(registers + IOAPIC_DATA, REDIRECTION_MASKED);
	}
}
