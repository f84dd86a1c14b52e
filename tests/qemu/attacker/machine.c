/* SPDX-License-Identifier: Apache-2.0 */
#include "guest.h"
#include <stdarg.h>
#include <stddef.h>

#define SERIAL 0x3f8
#define SLEEP_PORT 0x600
#define SLEEP_OFF (0x20 | 5 << 2)
#define CODE_64 8
#define GATE_INTERRUPT 0x8e
#define STUB_BYTES 16
#define EXCEPTIONS 32
#define FLAGS_TF 0x100
#define MSR_X2APIC_ID 0x802
#define MSR_X2APIC_SVR 0x80f
#define MSR_X2APIC_EOI 0x80b
#define MSR_X2APIC_ISR 0x810
#define MSR_X2APIC_LVT_TIMER 0x832
#define MSR_X2APIC_TIMER_INITIAL 0x838
#define MSR_X2APIC_TIMER_DIVIDE 0x83e
#define TIMER_DIVIDE_16 3
#define TIMER_PER_MS 62500u /* a bus of 1 GHz */
#define SVR_ENABLE 0x100

struct frame {
	uint64_t registers[15];
	uint64_t vector, error, rip, cs, flags, rsp, ss;
};

struct gate {
	uint16_t low, selector;
	uint8_t ist, type;
	uint16_t middle;
	uint32_t high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "interrupt gate");

struct __attribute__((packed)) table_pointer {
	uint16_t limit;
	uint64_t base;
};

extern char vector_stubs[];
volatile uint64_t interrupt_counts[256];
volatile uint64_t trial_resume;
volatile uint32_t trial_vector;
volatile uint64_t trial_rip;
static struct gate idt[256];
static volatile bool rests;

void attacker_vector(struct frame *frame);
/* The compiler calls them. */
void *memset(void *to, int value, size_t count);
void *memcpy(void *to, const void *from, size_t count);

void *memset(void *to, int value, size_t count) {
	for (size_t i = 0; i < count; i++)
		((volatile char *)to)[i] = (char)value;
	return to;
}

void *memcpy(void *to, const void *from, size_t count) {
	for (size_t i = 0; i < count; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

static void put(char c) {
	out8(SERIAL, (uint8_t)c);
}

static void put_number(uint64_t value, uint32_t base) {
	char digits[20];
	uint32_t count = 0;

	do
		digits[count++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (count)
		put(digits[--count]);
}

void print(const char *format, ...) {
	va_list arguments;

	va_start(arguments, format);
	for (; *format; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		format++;
		if (*format == 's') {
			for (const char *s = va_arg(arguments, const char *); *s; s++)
				put(*s);
		} else if (*format == 'x') {
			put('0');
			put('x');
			put_number(va_arg(arguments, uint64_t), 16);
		} else {
			put_number(va_arg(arguments, uint64_t), 10);
		}
	}
	va_end(arguments);
	put('\n');
}

void power_off(void) {
	for (;;)
		out8(SLEEP_PORT, SLEEP_OFF);
}

/* What a former guest left in registers, and something for the next one to find. */
static void leave_registers(void) {
	uint64_t vector, address;

	__asm__ volatile("mov %%cr4, %0; or $0x200, %0; mov %0, %%cr4" : "=r"(vector)); /* SSE */
	__asm__ volatile("movq %%xmm7, %0; mov %%dr3, %1" : "=r"(vector), "=r"(address));
	print("guest: found %x %x in registers", vector, address);
	__asm__ volatile("movq %0, %%xmm7; mov %0, %%dr3" : : "r"(0x5ec4e7ull));
}

void triple_fault(void) {
	const struct table_pointer none = {0, 0};

	leave_registers();

	__asm__ volatile("lidt %0; int3" : : "m"(none));
	__builtin_unreachable();
}

/* Only what is in service gets an end of interrupt. */
static void end_of_interrupt(uint64_t vector) {
	uint64_t service = 0;

	if (try_read_msr(MSR_X2APIC_ISR + (uint32_t)vector / 32, &service) == NO_FAULT &&
	    service >> vector % 32 & 1)
		try_write_msr(MSR_X2APIC_EOI, 0);
}

void attacker_vector(struct frame *frame) {
	uint64_t resume = trial_resume;
	uint32_t vector = trial_vector;

	if (frame->vector < EXCEPTIONS && resume) {
		trial_vector = (uint32_t)frame->vector;
		trial_resume = 0;
		trial_rip = frame->rip;
		frame->rip = resume;
		frame->flags &= ~(uint64_t)FLAGS_TF;
		return;
	}
	if (frame->vector == VECTOR_REST && rests)
		rests = false;
	else
		interrupt_counts[frame->vector]++;
	if (frame->vector < EXCEPTIONS && frame->vector != 2) {
		print("guest: unexpected exception %u error %x at %x", frame->vector, frame->error,
		      frame->rip);
		power_off();
	}
	end_of_interrupt(frame->vector);
	/* The interrupted code may itself have been within a trial. */
	trial_resume = resume;
	trial_vector = vector;
}

void machine_init(void) {
	const struct table_pointer pointer = {sizeof(idt) - 1, (uint64_t)idt};

	for (uint32_t i = 0; i < 256; i++) {
		uint64_t stub = (uint64_t)vector_stubs + STUB_BYTES * i;

		idt[i] = (struct gate){.low = (uint16_t)stub,
				       .selector = CODE_64,
				       .type = GATE_INTERRUPT,
				       .middle = (uint16_t)(stub >> 16),
				       .high = (uint32_t)(stub >> 32)};
	}
	__asm__ volatile("lidt %0" : : "m"(pointer));
	try_write_msr(MSR_X2APIC_SVR, SVR_ENABLE | VECTOR_APIC_SPURIOUS);
	__asm__ volatile("sti");
}

uint64_t interrupts_total(void) {
	uint64_t total = 0;

	for (uint32_t i = 0; i < 256; i++)
		total += interrupt_counts[i];
	return total;
}

void pause_ms(uint32_t milliseconds) {
	uint64_t begin = tsc();

	while (tsc() - begin < (uint64_t)milliseconds * TSC_PER_MS)
		__asm__ volatile("pause");
}

void rest_ms(uint32_t milliseconds) {
	static bool ready;

	if (!ready) {
		try_write_msr(MSR_X2APIC_TIMER_DIVIDE, TIMER_DIVIDE_16);
		try_write_msr(MSR_X2APIC_LVT_TIMER, VECTOR_REST);
		ready = true;
	}
	__asm__ volatile("cli");
	rests = true;
	try_write_msr(MSR_X2APIC_TIMER_INITIAL, milliseconds * TIMER_PER_MS);
	while (rests)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
	__asm__ volatile("sti");
}

uint32_t apic_id(void) {
	uint64_t id;

	return try_read_msr(MSR_X2APIC_ID, &id) == NO_FAULT ? (uint32_t)id : 0;
}
