/* SPDX-License-Identifier: Apache-2.0 */
/* Features of the processor, each switched on and off again where CPUID offers it, and what it does then. */
#include "guest.h"
#include <stddef.h>

#define LEAF1_PCID (1u << 17) /* ECX */
#define LEAF1_XSAVE (1u << 26)
#define LEAF7_SMEP (1u << 7) /* EBX */
#define LEAF7_SMAP (1u << 20)
#define CR4_PCIDE (1ull << 17)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define PAGE_USER 4ull
#define TABLE(entry) ((uint64_t *)((entry) & ~0xfffull))
#define USER_PAGE 0x400000ull /* of 2 MiB: nothing of this image */
#define JUMP_TO_RDX 0xe2ffu
#define PCID 5ull

extern uint64_t root[];

static void cpuid(uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c) {
	uint32_t d;

	__asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(d) : "a"(leaf), "c"(0));
}

static void switch_cr4(uint64_t bit, bool on) {
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 = on ? cr4 | bit : cr4 & ~bit;
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

static uint64_t read_user_page(void) {
	return TRY("movb (%%rax), %%cl", : : "a"(USER_PAGE) : "rcx", "r11", "memory");
}

static uint64_t read_user_page_on_purpose(void) {
	return TRY("stac\n\tmovb (%%rax), %%cl\n\tclac",
		   :
		   : "a"(USER_PAGE)
		   : "rcx", "r11", "memory", "cc");
}

static uint64_t run_user_page(void) {
	return TRY("leaq 8f(%%rip), %%rdx\n\tjmp *%%rax\n8:",
		   :
		   : "a"(USER_PAGE)
		   : "rdx", "r11", "memory");
}

/* Vectors before, while it is on, and behind: 256 is none. */
static void try_on_user_page(const char *name, bool offered, uint64_t bit, uint64_t (*try)(void)) {
	uint64_t before, on;

	if (!offered) {
		print("features: %s not offered", name);
		return;
	}
	before = try();
	switch_cr4(bit, true);
	on = try();
	if (bit == CR4_SMAP)
		print("features: %s on purpose %u", name, read_user_page_on_purpose());
	switch_cr4(bit, false);
	print("features: %s before %u on %u behind %u", name, before, on, try());
}

static void try_pcid(bool offered) {
	uint64_t cr3, seen;

	if (!offered) {
		print("features: pcid not offered");
		return;
	}
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	switch_cr4(CR4_PCIDE, true);
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3 | PCID | 1ull << 63) : "memory");
	__asm__ volatile("mov %%cr3, %0" : "=r"(seen));
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
	switch_cr4(CR4_PCIDE, false);
	print("features: pcid %u", seen & 0xfff);
}

/* AMD64 APM volume 2, section 11.5.2. */
static bool is_right_xcr0(uint64_t value, uint64_t offered) {
	uint64_t bounds = value & 0x18, avx512 = value & 0xe0;

	return value & 1 && !(value & ~offered) && (!(value & 4) || value & 2) &&
	       (!bounds || bounds == 0x18) && (!avx512 || (avx512 == 0xe0 && value & 4));
}

static void try_xcr0(bool offered) {
	uint64_t taken = 0, wrong = 0, other, off;
	uint32_t components, b, c;

	if (!offered) {
		print("features: xcr0 not offered");
		return;
	}
	cpuid(0xd, &components, &b, &c);
	switch_cr4(CR4_OSXSAVE, true);
	for (uint64_t value = 1024; value-- > 0;) {
		bool good = TRY("xsetbv",
				:
				: "a"((uint32_t)value), "d"(0), "c"(0)
				: "r11") == NO_FAULT;
		uint32_t low = 0, high;

		taken += good;
		wrong += good != is_right_xcr0(value, components);
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
		wrong += good && low != value;
	}
	other = TRY("xsetbv", : : "a"(1), "d"(0), "c"(1) : "r11");
	TRY("xsetbv", : : "a"(1), "d"(0), "c"(0) : "r11");
	switch_cr4(CR4_OSXSAVE, false);
	off = TRY("xsetbv", : : "a"(1), "d"(0), "c"(0) : "r11");
	print("features: xcr0 of %x taken %u wrong %u, another register %u, switched off %u",
	      (uint64_t)components, taken, wrong, other, off);
}

void switch_features(void) {
	uint64_t *table = TABLE(root[0]), *small = TABLE(table[0]);
	uint32_t a, b, c, ecx;

	root[0] |= PAGE_USER;
	table[0] |= PAGE_USER;
	small[USER_PAGE >> 21] |= PAGE_USER;
	__asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
	*(volatile uint16_t *)USER_PAGE = JUMP_TO_RDX;
	cpuid(1, &a, &b, &ecx);
	cpuid(7, &a, &b, &c);
	try_on_user_page("smep", b & LEAF7_SMEP, CR4_SMEP, run_user_page);
	try_on_user_page("smap", b & LEAF7_SMAP, CR4_SMAP, read_user_page);
	try_pcid(ecx & LEAF1_PCID);
	try_xcr0(ecx & LEAF1_XSAVE);
}
