/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "mmio.h"

static volatile u8 *select(u64 base, u32 index) {
	volatile u8 *registers = (volatile u8 *)(uintptr_t)base;

	mmio_write32(registers + IOREGSEL, index);
	return registers + IOWIN;
}

static u32 pins(u64 base) {
	return (mmio_read32(select(base, IOAPICVER)) >> 16 & 0xff) + 1;
}

void ioapic_write_pin(u64 base, u32 pin, u64 entry) {
	u32 low = IOREDTBL + 2 * pin;

	if (pin >= pins(base))
		return;
	mmio_write32(select(base, low), (u32)(entry | REDIRECTION_MASKED));
	mmio_write32(select(base, low + 1), entry >> 32);
	mmio_write32(select(base, low), (u32)entry);
}

void ioapic_end(u64 base, u8 vector) {
	mmio_write32((volatile u8 *)(uintptr_t)base + IOEOI, vector);
}

void ioapic_mask_all(u64 base) {
	for (u32 pin = 0; pin < pins(base); pin++)
		ioapic_write_pin(base, pin, REDIRECTION_MASKED);
}
