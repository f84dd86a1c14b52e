/* SPDX-License-Identifier: Apache-2.0 */
/* Exits by one instruction each. */
#include "exits.h"

#define LEAF1_VMX (1u << 5)
#define LEAF1_XSAVE (1u << 26)
#define LEAF1_HYPERVISOR (1u << 31)
#define CR0_PE 1ull
#define CR0_NE (1ull << 5)
#define CR0_WP (1ull << 16)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR4_MCE (1ull << 6)
#define CR4_VMXE (1ull << 13)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_RESERVED (1ull << 31)
#define EFER_SCE 1ull
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

static inline uint64_t read_cr0(void) {
	uint64_t value;

	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

static inline uint64_t read_cr4(void) {
	uint64_t value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static uint32_t try_cr0(uint64_t value) {
	return TRY("movq %0, %%cr0", : : "r"(value) : "r11", "memory");
}

static uint32_t try_cr4(uint64_t value) {
	return TRY("movq %0, %%cr4", : : "r"(value) : "r11", "memory");
}

#define REGISTERS 16 /* RAX to R15 without RSP, then CR2 */

void exit_registers(uint32_t unused) {
	uint64_t store[REGISTERS], pat, dr0, back;

	(void)unused;
	registers_over_exit(store);
	for (uint64_t i = 0; i < REGISTERS; i++)
		expect("a register", store[i], (i + 1) * 0x0101010101010101ull);
	__asm__ volatile("mov %0, %%dr0" : : "r"(0x1234567812345ull));
	expect("pat", try_read_msr(MSR_PAT, &pat), NO_FAULT);
	expect("write pat", try_write_msr(MSR_PAT, 0x0007040600070401ull), NO_FAULT);
	expect("write sysenter", try_write_msr(0x175, 0xffff800000001000ull), NO_FAULT);
	expect("write lstar", try_write_msr(0xc0000082, 0xffff800000002000ull), NO_FAULT);
	cpuid(0, 0);
	__asm__ volatile("mov %%dr0, %0" : "=r"(dr0));
	expect("dr0", dr0, 0x1234567812345ull);
	try_read_msr(MSR_PAT, &back);
	expect("pat again", back, 0x0007040600070401ull);
	try_read_msr(0x175, &back);
	expect("sysenter_esp", back, 0xffff800000001000ull);
	try_read_msr(0xc0000082, &back);
	expect("lstar", back, 0xffff800000002000ull);
	try_write_msr(MSR_PAT, pat);
}

void exit_cpuid(uint32_t unused) {
	(void)unused;
	expect("hypervisor bit", cpuid(1, 0).ecx & LEAF1_HYPERVISOR, LEAF1_HYPERVISOR);
	expect("vmx bit", cpuid(1, 0).ecx & LEAF1_VMX, 0);
	expect("clock leaf", cpuid(0x40000000, 0).ebx, 0x4b4d564b);
	expect("unknown leaf", cpuid(0x12345678, 0).eax, 0);
}

void exit_msrs(uint32_t unused) {
	uint64_t value;

	(void)unused;
	expect("read of efer", try_read_msr(MSR_EFER, &value), NO_FAULT);
	expect("efer", value, EFER_LME | EFER_LMA);
	expect("efer with SCE, NXE", try_write_msr(MSR_EFER, value | EFER_SCE | EFER_NXE),
	       NO_FAULT);
	try_read_msr(MSR_EFER, &value);
	expect("efer again", value, EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE);
	expect("efer without LME", try_write_msr(MSR_EFER, EFER_LMA), VECTOR_GP);
	expect("efer with reserved bits", try_write_msr(MSR_EFER, value | 1ull << 30), VECTOR_GP);
	expect("apic base", try_read_msr(MSR_APIC_BASE, &value), NO_FAULT);
	expect("xapic mode", try_write_msr(MSR_APIC_BASE, 0xfee00800), VECTOR_GP);
	expect("feature control", try_read_msr(0x3a, &value), VECTOR_GP);
	expect("vmx capability", try_read_msr(0x480, &value), VECTOR_GP);
	expect("misc enable", try_read_msr(0x1a0, &value), NO_FAULT);
	expect("an unknown register", try_write_msr(0x12345, 0), VECTOR_GP);
	expect("fs base", try_write_msr(MSR_FS_BASE, 0x123456789000), NO_FAULT);
	try_read_msr(MSR_FS_BASE, &value);
	expect("fs base again", value, 0x123456789000);
}

void exit_xsetbv(uint32_t unused) {
	uint64_t cr4 = read_cr4();
	uint32_t low, high, vector;

	(void)unused;
	if (!(cpuid(1, 0).ecx & LEAF1_XSAVE))
		return;
	try_cr4(cr4 | CR4_OSXSAVE);
	vector = TRY("xsetbv", : : "a"(3), "d"(0), "c"(0) : "r11", "memory");
	expect("xsetbv", vector, NO_FAULT);
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	expect("xcr0", low, 3);
	vector = TRY("xsetbv", : : "a"(2), "d"(0), "c"(0) : "r11", "memory");
	expect("xsetbv without x87", vector, VECTOR_GP);
	vector = TRY("xsetbv", : : "a"(3), "d"(0), "c"(1) : "r11", "memory");
	expect("xsetbv of register 1", vector, VECTOR_GP);
	try_cr4(cr4);
}

/* Bits that are the hypervisor's read as written all the same, or are refused. */
void exit_control(uint32_t unused) {
	uint64_t cr0 = read_cr0(), cr4 = read_cr4();

	(void)unused;
	expect("cr4.vmxe", cr4 & CR4_VMXE, 0);
	expect("cr0 with ne, cd", try_cr0(cr0 | CR0_NE | CR0_CD), NO_FAULT);
	expect("cr0", read_cr0(), cr0 | CR0_NE | CR0_CD);
	expect("cr0 with wp off, ne", try_cr0((cr0 | CR0_NE) & ~CR0_WP), NO_FAULT);
	expect("cr0 again", read_cr0(), (cr0 | CR0_NE) & ~CR0_WP);
	expect("cr0 with nw", try_cr0(cr0 | CR0_NW), VECTOR_GP);
	expect("cr0 without pe", try_cr0((cr0 ^ CR0_NE) & ~CR0_PE), VECTOR_GP);
	expect("cr0 restored", try_cr0(cr0), NO_FAULT);
	expect("cr0 at last", read_cr0(), cr0);
	expect("write of cr4.vmxe", try_cr4(cr4 | CR4_VMXE), VECTOR_GP);
	expect("write of a reserved bit", try_cr4(cr4 | CR4_RESERVED), VECTOR_GP);
	expect("cr4 with mce", try_cr4(cr4 ^ CR4_MCE), NO_FAULT);
	expect("cr4", read_cr4(), cr4 ^ CR4_MCE);
	expect("cr4 restored", try_cr4(cr4), NO_FAULT);
	expect("cr4 at last", read_cr4(), cr4);
}

void exit_string_io(uint32_t unused) {
	static uint8_t bytes[4];
	void *to = bytes;

	(void)unused;
	__asm__ volatile("insb" : "+D"(to) : "d"(0x3f8) : "memory");
}
