/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts without exits, and processors that are started, reset in whatever they do, and started again. */
#include "exits.h"

#define AP_PAGE 0x8000
#define TIMER_VECTOR 0x40
#define IPI_VECTOR 0x41
#define TICKS 50
#define IPIS 200
#define STARTS 200
#define ICR_INIT 0x4500u
#define ICR_STARTUP 0x4600u
#define ICR_FIXED 0x4000u
#define TIMER_PERIODIC (1u << 17)
#define WAIT_MS 30000u /* an emulator on a busy machine takes its time */
#define SPINS 2000u
#define KICKS 320
#define PHASES 16

enum ap_work { AP_SPIN, AP_EXIT, AP_HALT, AP_TAKE, AP_WORKS, AP_EXIT_ONCE };

static volatile uint32_t ap_started, ap_work, ap_came, ap_go, ap_delay, ap_beats;
static uint32_t ap_id;

struct pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct interrupt_frame;

__attribute__((interrupt)) static void ap_vector(struct interrupt_frame *frame) {
	(void)frame;
	ap_came = ap_came + 1;
	__asm__ volatile("wrmsr" : : "c"(0x80b), "a"(0), "d"(0));
}

static uint64_t ap_idt[256][2];

void ap_main(void);

/* Its last exit, soon after the signal; nothing but a kick brings it out of the guest again. */
static void exit_once(void) {
	while (!ap_go)
		;
	for (uint32_t delay = ap_delay; delay; delay--)
		__asm__ volatile("nop");
	cpuid(0, 0);
	for (;;)
		ap_beats = ap_beats + 1;
}

void ap_main(void) {
	const struct pointer pointer = {sizeof(ap_idt) - 1, (uint64_t)ap_idt};

	__asm__ volatile("lidt %0" : : "m"(pointer));
	__asm__ volatile("wrmsr" : : "c"(0x80f), "a"(0x1ff), "d"(0));
	ap_started = ap_started + 1;
	for (;;) {
		switch ((enum ap_work)ap_work) {
		case AP_EXIT: cpuid(0, 0); break;
		case AP_EXIT_ONCE: exit_once(); break;
		case AP_HALT: __asm__ volatile("cli; hlt"); break;
		case AP_TAKE: __asm__ volatile("sti; pause"); break;
		default: __asm__ volatile("cli; pause"); break;
		}
	}
}

static void send(uint32_t command) {
	__asm__ volatile("mfence; wrmsr" : : "c"(X2APIC_ICR), "a"(command), "d"(ap_id) : "memory");
}

static bool comes(volatile uint32_t *counter, uint32_t value) {
	for (uint32_t i = 0; i < WAIT_MS && *counter != value; i++)
		pause_ms(1);
	return *counter == value;
}

static bool start(enum ap_work work) {
	uint32_t before = ap_started;

	ap_work = work;
	send(ICR_INIT);
	send(ICR_STARTUP | AP_PAGE >> 12);
	return comes(&ap_started, before + 1);
}

static void prepare(uint32_t apic_id) {
	uint64_t handler = (uint64_t)ap_vector;

	ap_id = apic_id;
	for (char *byte = ap_begin; byte < ap_end; byte++)
		((volatile char *)AP_PAGE)[byte - ap_begin] = *byte;
	ap_idt[IPI_VECTOR][0] =
		(handler & 0xffff) | 8 << 16 | 0x8e00ull << 32 | (handler >> 16) << 48;
	ap_idt[IPI_VECTOR][1] = handler >> 32;
}

/* INIT strikes in the guest, in the hypervisor, in HLT, and at every point of the way between. */
void smp_start(uint32_t apic_id) {
	prepare(apic_id);
	for (uint32_t i = 0; i < STARTS; i++) {
		if (!start((enum ap_work)(i % AP_WORKS))) {
			wrong("start", i, STARTS);
			return;
		}
		for (volatile uint32_t spin = 0; spin < i * 7 % SPINS; spin++)
			;
	}
	expect("processors started", ap_started, STARTS);
}

/* The start-up interrupt would be another kick: so whether the other one has left shows before that. */
static bool has_stopped(void) {
	uint64_t begin = tsc();
	uint32_t before;

	do {
		before = ap_beats;
		for (volatile uint32_t spin = 0; spin < SPINS; spin++)
			;
	} while (ap_beats != before && tsc() - begin < (uint64_t)WAIT_MS * TSC_PER_MS);
	return ap_beats == before;
}

/*
 * Kicks on the way from the guest to the hypervisor and back, one instruction later each time. (Bochs switches between
 * processors at branches only: between looking for requests and the entry there is hardly one. See test_vmx.c for that.)
 */
void smp_kick(uint32_t apic_id) {
	prepare(apic_id);
	expect("start", start(AP_EXIT_ONCE), 1);
	for (uint32_t i = 0; i < KICKS; i++) {
		uint32_t before = ap_started;
		bool stopped;

		ap_delay = i % PHASES;
		ap_go = 1;
		/* One instruction more each time. */
		for (uint32_t delay = i / PHASES / 2; delay; delay--)
			__asm__ volatile("");
		if (i / PHASES % 2)
			__asm__ volatile("nop; nop; nop");
		send(ICR_INIT);
		stopped = has_stopped();
		ap_go = 0;
		send(ICR_STARTUP | AP_PAGE >> 12);
		if (!stopped || !comes(&ap_started, before + 1)) {
			wrong("kick", i, KICKS);
			return;
		}
	}
}

void smp_ipi(uint32_t unused) {
	uint32_t before;

	(void)unused;
	expect("start", start(AP_TAKE), 1);
	before = ap_came;
	out8(MARK_PORT, 1);
	for (uint32_t i = 0; i < IPIS; i++) {
		send(ICR_FIXED | IPI_VECTOR);
		if (!comes(&ap_came, before + i + 1))
			break;
	}
	out8(MARK_PORT, 2);
	expect("interrupts", ap_came - before, IPIS);
}

void smp_timer(uint32_t unused) {
	uint64_t before = interrupt_counts[TIMER_VECTOR];

	(void)unused;
	try_write_msr(X2APIC_TIMER_DIVIDE, 3);
	try_write_msr(X2APIC_LVT_TIMER, TIMER_PERIODIC | TIMER_VECTOR);
	out8(MARK_PORT, 1);
	try_write_msr(X2APIC_TIMER_INITIAL, 10000);
	for (uint32_t i = 0; i < WAIT_MS && interrupt_counts[TIMER_VECTOR] < before + TICKS; i++)
		pause_ms(1);
	out8(MARK_PORT, 2);
	try_write_msr(X2APIC_TIMER_INITIAL, 0);
	expect("ticks came", interrupt_counts[TIMER_VECTOR] >= before + TICKS, 1);
}

/* The other one neither leaves the guest by itself nor takes interrupts. */
void smp_stop(uint32_t apic_id) {
	prepare(apic_id);
	expect("start", start(AP_SPIN), 1);
	print("exits: stop");
	power_off();
}
