/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "mmio.h"

/* Intel 82093AA, section 3: index and data registers; later parts have one for ends of interrupts. */
#define IOAPIC_INDEX 0x00
#define IOAPIC_DATA 0x10
#define IOAPIC_END 0x40
#define IOAPIC_VERSION 1
#define IOAPIC_REDIRECTION 0x10
#define PIN_MASKED BIT(16)

static volatile u8 *select(u64 base, u32 index) {
	volatile u8 *registers = (volatile u8 *)(uintptr_t)base;

	mmio_write32(registers + IOAPIC_INDEX, index);
	return registers + IOAPIC_DATA;
}

static u32 pins(u64 base) {
	return (mmio_read32(select(base, IOAPIC_VERSION)) >> 16 & 0xff) + 1;
}

void ioapic_write_pin(u64 base, u32 pin, u64 entry) {
	u32 low = IOAPIC_REDIRECTION + 2 * pin;

	if (pin >= pins(base))
		return;
	mmio_write32(select(base, low), (u32)(entry | PIN_MASKED));
	mmio_write32(select(base, low + 1), entry >> 32);
	mmio_write32(select(base, low), (u32)entry);
}

void ioapic_end(u64 base, u8 vector) {
	mmio_write32((volatile u8 *)(uintptr_t)base + IOAPIC_END, vector);
}

void ioapic_mask_all(u64 base) {
	for (u32 pin = 0; pin < pins(base); pin++)
		ioapic_write_pin(base, pin, PIN_MASKED);
}
