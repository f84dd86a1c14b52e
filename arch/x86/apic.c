/* SPDX-License-Identifier: Apache-2.0 */
#include "processor.h"

/* x2APIC mode throughout: AMD64 APM volume 2, section 16.9; Intel SDM volume 3, section 11.12. */

#define SPURIOUS_VECTOR 0xff
#define TIMER_VECTOR 0xf0
#define TIMER_DIVIDE_16 3
#define VECTOR_WORDS 8
#define DRAIN_ROUNDS 1024
#define ILLEGAL_VECTORS BITS(15, 0)
#define TPR_LEGAL_ONLY 0x0f
#define LVT_LAST_WITH_CMCI 6 /* number of the last entry in the version register */
#define CALIBRATION_MS 10

static u64 timer_per_ms;

static void mask_sources(void) {
	for (u32 index = X2APIC_LVT_TIMER; index <= X2APIC_LVT_ERROR; index++)
		/* Firmware may watch over temperatures by SMI. */
		if ((msr_read(index) & APIC_LVT_DELIVERY) != DELIVERY_SMI << 8)
			msr_write(index, APIC_LVT_MASKED);
	if ((msr_read(X2APIC_VERSION) >> 16 & 0xff) >= LVT_LAST_WITH_CMCI)
		msr_write(X2APIC_LVT_CMCI, APIC_LVT_MASKED);
	msr_write(X2APIC_TIMER_INITIAL, 0);
	msr_write(X2APIC_TIMER_DIVIDE, 0);
	msr_write(X2APIC_ESR, 0);
}

void apic_enable(void) {
	u64 base = msr_read(MSR_APIC_BASE);

	msr_write(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	msr_write(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
	msr_write(X2APIC_SVR, APIC_SVR_ENABLE | SPURIOUS_VECTOR);
	msr_write(X2APIC_TPR, 0);
	mask_sources();
}

void apic_send(u32 apic_id, u32 command) {
	/* x2APIC register writes do not order earlier stores. */
	cpu_fence();
	msr_write(X2APIC_ICR, (u64)apic_id << 32 | ICR_ASSERT | command);
}

void cpu_send_vector(u32 apic_id, u8 vector) {
	apic_send(apic_id, DELIVERY_FIXED << 8 | vector);
}

void cpu_wake(struct cpu *cpu) {
	cpu->wake = 1;
	apic_send(cpu->apic_id, DELIVERY_NMI << 8);
}

static bool any_vector(u32 first) {
	for (u32 i = 0; i < VECTOR_WORDS; i++)
		if (msr_read(first + i) & ~(i ? 0 : ILLEGAL_VECTORS))
			return true;
	return false;
}

/*
 * Interrupts in service are ended, then those that are pending are taken by our own handler, which
 * ends them, until nothing is left. Vectors of exceptions must not arrive as interrupts, which would be
 * our own end: a local APIC refuses them, an emulated one delivers them unless the priority is above theirs.
 */
void cpu_drain_apic(void) {
	mask_sources();
	msr_write(X2APIC_SVR, APIC_SVR_ENABLE | SPURIOUS_VECTOR);
	msr_write(X2APIC_TPR, TPR_LEGAL_ONLY);
	for (u32 round = 0; round < DRAIN_ROUNDS; round++)
		if (any_vector(X2APIC_ISR))
			msr_write(X2APIC_EOI, 0);
		else if (any_vector(X2APIC_IRR))
			__asm__ volatile("sti; nop; nop; cli" ::: "memory");
		else
			break;
	msr_write(X2APIC_TPR, 0);
}

void cpu_delay(u32 milliseconds) {
	u64 begin = cpu_tsc();

	while (cpu_tsc() - begin < boot.inventory.tsc_khz * milliseconds)
		cpu_pause();
}

/* Ticks for the time that has really passed: the processor may have been held up, by SMI for instance. */
void apic_timer_calibrate(void) {
	u64 begin = cpu_tsc(), ticks;

	msr_write(X2APIC_LVT_TIMER, APIC_LVT_MASKED | TIMER_VECTOR);
	msr_write(X2APIC_TIMER_DIVIDE, TIMER_DIVIDE_16);
	msr_write(X2APIC_TIMER_INITIAL, UINT32_MAX);
	cpu_delay(CALIBRATION_MS);
	ticks = UINT32_MAX - msr_read(X2APIC_TIMER_INITIAL + 1);
	timer_per_ms = ticks * boot.inventory.tsc_khz / (cpu_tsc() - begin) + 1;
	msr_write(X2APIC_TIMER_INITIAL, 0);
}

void cpu_idle_for(struct cpu *cpu, u32 milliseconds) {
	(void)cpu;
	msr_write(X2APIC_TIMER_DIVIDE, TIMER_DIVIDE_16);
	msr_write(X2APIC_LVT_TIMER, TIMER_VECTOR);
	msr_write(X2APIC_TIMER_INITIAL, min_u64(timer_per_ms * milliseconds, UINT32_MAX));
	/* STI holds interrupts off until HLT has begun. */
	__asm__ volatile("sti; hlt; cli" ::: "memory");
}

void cpu_idle(struct cpu *cpu) {
	cpu_idle_wait(&cpu->wake);
	/* In full order: whoever set it set a request before, and the caller looks for that next. */
	__atomic_exchange_n(&cpu->wake, 0, __ATOMIC_SEQ_CST);
}

_Noreturn void cpu_stop_forever(void) {
	for (;;)
		__asm__ volatile("cli; hlt");
}
