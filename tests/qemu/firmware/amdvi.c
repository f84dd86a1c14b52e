/* SPDX-License-Identifier: Apache-2.0 */
/* AMD-Vi as firmware that uses all of it leaves it behind: command buffer and event log run. */
#include "amdvi.h"
#include "firmware.h"

#define LEVELS 4ull
#define ALLOWED_DOMAIN 1
#define DENIED_DOMAIN 2
#define RING_BYTES PAGE_SIZE
#define RING_ORDER 8ull

static volatile u8 *registers;
static struct amdvi_device_entry *devices;
static struct pair *commands;
static volatile u64 *done;
static u64 tail;

static void put(u64 low, u64 high) {
	commands[tail / sizeof(struct pair)] = (struct pair){low, high};
	tail = (tail + sizeof(struct pair)) % RING_BYTES;
}

/* Up to here. */
static void run(void) {
	*done = 0;
	put(AMDVI_COMPLETION_WAIT | AMDVI_WAIT_STORE | (uintptr_t)done, 1);
	mmio_write64(registers + AMDVI_COMMAND_TAIL, tail);
	wait_until(done, 1, 1);
}

static void fill_device_table(void) {
	u64 nothing = (uintptr_t)pages(1);
	u64 interrupts = wanted("interrupts") ? AMDVI_INTERRUPT_IV : 0;

	devices = pages(AMDVI_DEVICE_TABLE_PAGES);
	for (u32 id = 0; id < AMDVI_DEVICE_ENTRIES; id++) {
		bool allowed = is_allowed((u16)id);

		devices[id].dma.low = AMDVI_DMA_V | AMDVI_DMA_TV |
				      (allowed ? AMDVI_DMA_IR | AMDVI_DMA_IW
					       : nothing | LEVELS << AMDVI_DMA_MODE_SHIFT);
		devices[id].dma.high = allowed ? ALLOWED_DOMAIN : DENIED_DOMAIN;
		devices[id].interrupt.low = interrupts;
	}
}

void amdvi_begin(u64 base) {
	u64 control = AMDVI_CONTROL_COHERENT | AMDVI_CONTROL_IOMMU_EN | AMDVI_CONTROL_CMD_BUF_EN |
		      AMDVI_CONTROL_EVENT_LOG_EN;

	registers = (volatile u8 *)(uintptr_t)base;
	commands = pages(1);
	done = pages(1);
	fill_device_table();
	mmio_write64(registers + AMDVI_DEVICE_TABLE_BASE,
		     (uintptr_t)devices | (AMDVI_DEVICE_TABLE_PAGES - 1));
	mmio_write64(registers + AMDVI_COMMAND_BASE,
		     (uintptr_t)commands | RING_ORDER << AMDVI_RING_LENGTH_SHIFT);
	mmio_write64(registers + AMDVI_EVENT_BASE,
		     (uintptr_t)pages(1) | RING_ORDER << AMDVI_RING_LENGTH_SHIFT);
	if (wanted("x2apic"))
		control |= AMDVI_CONTROL_GA_EN | AMDVI_CONTROL_XT_EN;
	mmio_write64(registers + AMDVI_CONTROL, control);
	for (u32 id = 0; id < AMDVI_DEVICE_ENTRIES; id++) {
		put(AMDVI_INVALIDATE_DEVTAB_ENTRY | id, 0);
		if (id % (1u << (RING_ORDER - 1)) == 0)
			run();
	}
	run();
}

u64 amdvi_sum(void) {
	u64 sum = mmio_read64(registers + AMDVI_CONTROL) +
		  mmio_read64(registers + AMDVI_DEVICE_TABLE_BASE) +
		  mmio_read64(registers + AMDVI_COMMAND_BASE) +
		  mmio_read64(registers + AMDVI_EVENT_BASE) +
		  mmio_read64(registers + AMDVI_COMMAND_TAIL);

	for (u32 i = 0; i < AMDVI_DEVICE_ENTRIES; i++)
		sum = sum * 31 + devices[i].dma.low + devices[i].dma.high +
		      devices[i].interrupt.low;
	return sum;
}
