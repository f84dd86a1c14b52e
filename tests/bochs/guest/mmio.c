/* SPDX-License-Identifier: Apache-2.0 */
/* Each form of instruction that touches a device's registers: the virtual IO-APIC's, and addresses where nothing is. */
#include "exits.h"

#define IOAPIC 0xfec00000ull
#define WINDOW (IOAPIC + 0x10)
#define NOTHING 0xfed80000ull
#define ENTRY_LOW                                                                                  \
	0x10 /* of pin 0: everything of its lower 12 bits may be written, and bits 16:15, 13 */
#define MASKED 0x10000u

static void set(uint32_t value) {
	mmio_write32(IOAPIC, ENTRY_LOW);
	mmio_write32(WINDOW, MASKED | value);
}

static uint32_t get(void) {
	return mmio_read32(WINDOW) & ~MASKED;
}

/* The register is BEFORE, the instruction runs with RDI at it and RAX = REGISTER; then the register, and RAX. */
#define FORM(text, before, register, after, result)                                                \
	do {                                                                                       \
		uint64_t rax_ = (register), rdi_ = WINDOW;                                         \
		set(before);                                                                       \
		__asm__ volatile(text : "+a"(rax_), "+D"(rdi_) : : "memory", "cc");                \
		expect(text, get(), (after));                                                      \
		expect(text " rax", rax_, (result));                                               \
	} while (0)

#define M (uint64_t) MASKED

static void writes(void) {
	FORM("movl %%eax, (%%rdi)", 0, M | 0x123, 0x123, M | 0x123);
	FORM("movl $0x10321, (%%rdi)", 0, 5, 0x321, 5);
	FORM("stosl", 0, M | 0x77, 0x77, M | 0x77);
}

static void reads(void) {
	FORM("movl (%%rdi), %%eax", 0x84, UINT64_MAX, 0x84, M | 0x84);
	FORM("movq (%%rdi), %%rax", 0x84, 0, 0x84, M | 0x84);
	FORM("movw (%%rdi), %%ax", 0x84, UINT64_MAX, 0x84, 0xffffffffffff0084ull);
	FORM("movb (%%rdi), %%al", 0x84, UINT64_MAX, 0x84, 0xffffffffffffff84ull);
	FORM("movb (%%rdi), %%ah", 0x84, 0, 0x84, 0x8400);
	FORM("movzbl (%%rdi), %%eax", 0x84, UINT64_MAX, 0x84, 0x84);
	FORM("movzwl (%%rdi), %%eax", 0x84, UINT64_MAX, 0x84, 0x84);
	FORM("movsbq (%%rdi), %%rax", 0x84, 0, 0x84, 0xffffffffffffff84ull);
	FORM("movslq (%%rdi), %%rax", 0x84, 0, 0x84, M | 0x84);
}

static void modifications(void) {
	FORM("andl %%eax, (%%rdi)", 0xff, M | 0x0f, 0x0f, M | 0x0f);
	FORM("orl %%eax, (%%rdi)", 0xf0, 0x0f, 0xff, 0x0f);
	FORM("xorl %%eax, (%%rdi)", 0xff, 0x0f, 0xf0, 0x0f);
	FORM("addl $0x11, (%%rdi)", 0x11, 0, 0x22, 0);
	FORM("subl %%eax, (%%rdi)", 0x33, 0x11, 0x22, 0x11);
	FORM("xchgl %%eax, (%%rdi)", 0x55, M | 0x66, 0x66, M | 0x55);
	FORM("orb $1, (%%rdi)", 0x10, 0, 0x11, 0);
}

static void comparisons(void) {
	uint8_t equal;

	set(0x42);
	__asm__ volatile("cmpb $0x42, (%1); sete %0" : "=r"(equal) : "r"(WINDOW) : "memory", "cc");
	expect("cmpb", equal, 1);
	__asm__ volatile("testl $0x40, (%1); setnz %0"
			 : "=r"(equal)
			 : "r"(WINDOW)
			 : "memory", "cc");
	expect("testl", equal, 1);
}

/* From a device to memory and back. */
static void moves(void) {
	static volatile uint32_t words[4];
	const void *from = (const void *)WINDOW;
	void *to = (void *)words;

	set(0x99);
	__asm__ volatile("movsl" : "+S"(from), "+D"(to) : : "memory");
	expect("movsl from the device", words[0], MASKED | 0x99);
	words[1] = MASKED | 0x98;
	from = (const void *)&words[1];
	to = (void *)WINDOW;
	__asm__ volatile("movsl" : "+S"(from), "+D"(to) : : "memory");
	expect("movsl to the device", get(), 0x98);
}

void exit_mmio(uint32_t unused) {
	uint64_t rcx = 3;
	void *to = (void *)(NOTHING + 0x100);

	(void)unused;
	writes();
	reads();
	modifications();
	comparisons();
	moves();
	expect("nothing", mmio_read32(NOTHING), UINT32_MAX);
	__asm__ volatile("rep stosl" : "+c"(rcx), "+D"(to) : "a"(1) : "memory");
	expect("count of rep stosl", rcx, 0);
}
