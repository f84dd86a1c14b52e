/* SPDX-License-Identifier: Apache-2.0 */
#include "processor.h"

/* AMD64 APM volume 2, sections 4.8 and 8.2. */
#define GDT_CODE_64 0x00af9b000000ffffull
#define GDT_DATA 0x00cf93000000ffffull
#define GDT_TSS_AVAILABLE 0x89ull
#define GATE_INTERRUPT 0x8e00ull
#define VECTORS 256
#define STUB_BYTES 16

struct gate {
	u64 low;
	u64 high;
};
_Static_assert(sizeof(struct gate) == 16, "64-bit gate");

static struct gate interrupts[VECTORS] __attribute__((aligned(16)));

static u64 stack_top(u32 pages) {
	u8 *stack = page_pool_take(&boot.pool, pages);

	return stack ? (uintptr_t)stack + pages * PAGE_SIZE : 0;
}

bool descriptors_build(struct cpu *cpu) {
	struct descriptors *d = page_pool_take(&boot.pool, 1);
	u64 tss, limit = sizeof(d->tss) - 1;

	cpu->tables = page_pool_take(&boot.pool, CPU_TABLE_PAGES);
	if (!d || !cpu->tables)
		return false;
	for (u32 i = STACK_NMI; i <= STACK_MACHINE_CHECK; i++) {
		d->tss.ist[i - 1] = stack_top(EXTRA_STACK_PAGES);
		if (!d->tss.ist[i - 1])
			return false;
	}
	d->tss.io_map = sizeof(d->tss);
	tss = (uintptr_t)&d->tss;
	d->gdt[SELECTOR_CODE / 8] = GDT_CODE_64;
	d->gdt[SELECTOR_DATA / 8] = GDT_DATA;
	d->gdt[SELECTOR_TSS / 8] = limit | (tss & BITS(23, 0)) << 16 | GDT_TSS_AVAILABLE << 40 |
				   (tss & BITS(31, 24)) << 32;
	d->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
	cpu->descriptors = d;
	return true;
}

void interrupts_build(void) {
	for (u32 i = 0; i < VECTORS; i++) {
		u64 stub = (uintptr_t)vector_stubs + i * STUB_BYTES;
		u64 stack = i == EXCEPTION_NMI  ? STACK_NMI
			    : i == EXCEPTION_DF ? STACK_DOUBLE_FAULT
			    : i == EXCEPTION_MC ? STACK_MACHINE_CHECK
						: 0;

		interrupts[i].low = (stub & BITS(15, 0)) | SELECTOR_CODE << 16 |
				    (GATE_INTERRUPT | stack) << 32 | (stub & BITS(31, 16)) << 32;
		interrupts[i].high = stub >> 32;
	}
}

void descriptors_load(struct cpu *cpu) {
	struct descriptors *d = cpu->descriptors;
	struct descriptor_pointer gdt = {.limit = sizeof(d->gdt) - 1, .base = (uintptr_t)d->gdt};
	struct descriptor_pointer idt = {.limit = sizeof(interrupts) - 1,
					 .base = (uintptr_t)interrupts};

	segments_load(&gdt, SELECTOR_DATA, SELECTOR_CODE, SELECTOR_TSS);
	__asm__ volatile("lidt %0" : : "m"(idt));
}
