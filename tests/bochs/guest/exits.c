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
#define DR6_CLEAR 0xffff0ff0ull
#define DR6_BD (1ull << 13)
#define DR6_BS (1ull << 14)
#define DR7_CLEAR 0x400ull
#define DR7_GD (1ull << 13)
#define SS 0x10
#define NOTHING 0xfed80000ull /* no device's, no memory's */
#define EFER_SCE 1ull
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)
#define APIC_BASE_X2APIC (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)
#define X2APIC_ID 0x802
#define LOCAL_APIC 0xfee00000u

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

static inline uint64_t read_dr6(void) {
	uint64_t value;

	__asm__ volatile("mov %%dr6, %0" : "=r"(value));
	return value;
}

static inline void write_dr6(uint64_t value) {
	__asm__ volatile("mov %0, %%dr6" : : "r"(value));
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

/* Out of x2APIC mode there is one way, and another one back; BASE is what the register says. */
static void exit_apic_mode(uint64_t base) {
	uint64_t memory = base & ~APIC_BASE_X2APIC, off = memory & ~APIC_BASE_ENABLE, value;

	expect("x2apic mode", base & (APIC_BASE_X2APIC | APIC_BASE_ENABLE),
	       APIC_BASE_X2APIC | APIC_BASE_ENABLE);
	expect("xapic mode at once", try_write_msr(MSR_APIC_BASE, memory), VECTOR_GP);
	expect("x2apic mode without any", try_write_msr(MSR_APIC_BASE, off | APIC_BASE_X2APIC),
	       VECTOR_GP);
	expect("another address", try_write_msr(MSR_APIC_BASE, base ^ 0x1000), VECTOR_GP);
	expect("no local apic", try_write_msr(MSR_APIC_BASE, off), NO_FAULT);
	expect("x2apic mode at once", try_write_msr(MSR_APIC_BASE, base), VECTOR_GP);
	expect("xapic mode", try_write_msr(MSR_APIC_BASE, memory), NO_FAULT);
	try_read_msr(MSR_APIC_BASE, &value);
	expect("xapic mode again", value, memory);
	try_read_msr(X2APIC_ID, &value);
	expect("identifier in memory", mmio_read32(LOCAL_APIC + 0x20), value << 24);
	mmio_write32(LOCAL_APIC + 0x80, 0x10);
	expect("priority in memory", mmio_read32(LOCAL_APIC + 0x80), 0x10);
	mmio_write32(LOCAL_APIC + 0x80, 0);
	expect("nothing in memory", mmio_read32(LOCAL_APIC + 0x400), 0);
	expect("x2apic mode after it", try_write_msr(MSR_APIC_BASE, base), NO_FAULT);
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
	exit_apic_mode(value);
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

/* A single step over INSTRUCTION ends with #DB right behind it, whoever has carried it out. */
#define STEP(name, rcx, instruction)                                                               \
	do {                                                                                       \
		uint64_t behind_ = 0, rcx_ = (rcx);                                                \
		uint32_t vector_ = TRY("leaq 8f(%%rip), %0\n\tpushfq\n\torl $0x100, (%%rsp)\n\t"   \
				       "popfq\n\t" instruction "\n8:\tnop\n\tnop\n\tnop",          \
				       : "=&S"(behind_), "+c"(rcx_)                                \
				       : "D"(NOTHING)                                              \
				       : "rax", "rbx", "rdx", "r11", "memory", "cc");              \
                                                                                                   \
		expect(name, vector_, VECTOR_DB);                                                  \
		expect(name " rip", trial_rip, behind_);                                           \
	} while (0)

void exit_steps(uint32_t unused) {
	(void)unused;
	STEP("step over nop", 0, "nop");
	STEP("step over cpuid", 0, "cpuid");
	STEP("step over out", 0, "outb %%al, $0x80");
	STEP("step over rdmsr", MSR_APIC_BASE, "rdmsr");
	STEP("step over a device's register", 0, "movl (%%rdi), %%eax");
	/* What comes behind MOV SS is part of the step. */
	STEP("step over mov ss", 0, "movw %%ss, %%ax");
	STEP("step over mov ss and cpuid", SS, "movw %%cx, %%ss\n\tcpuid");
	STEP("step over mov ss and out", SS, "movw %%cx, %%ss\n\toutb %%al, $0x80");
	/* INT1 says nothing in DR6. */
	expect("step over mov ss and int1",
	       TRY("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tmovw %%cx, %%ss\n\t.byte 0xf1",
		   :
		   : "c"(SS)
		   : "r11", "memory", "cc"),
	       VECTOR_DB);
	__asm__ volatile("cli");
	STEP("step over sti", 0, "sti");
}

/* DR7.GD makes every access of a debug register #DB, and is off in its handler. */
void exit_debug(uint32_t unused) {
	uint64_t dr7 = 0, value = 0;

	(void)unused;
	write_dr6(DR6_CLEAR);
	__asm__ volatile("mov %0, %%dr7" : : "r"(DR7_CLEAR | DR7_GD));
	expect("dr0 with dr7.gd",
	       TRY("mov %%dr0, %0",
		   : "+r"(value)
		   :
		   : "r11", "memory"),
	       VECTOR_DB);
	expect("dr7 after that", TRY("mov %%dr7, %0", : "+r"(dr7) : : "r11", "memory"), NO_FAULT);
	expect("dr7", dr7, DR7_CLEAR);
	expect("dr6", read_dr6(), DR6_CLEAR | DR6_BD);
	write_dr6(DR6_CLEAR);
	STEP("step over cpuid", 0, "cpuid");
	expect("dr6 after a step", read_dr6(), DR6_CLEAR | DR6_BS);
	write_dr6(DR6_CLEAR);
	STEP("step over nop", 0, "nop");
	expect("dr6 after another step", read_dr6(), DR6_CLEAR | DR6_BS);
	write_dr6(DR6_CLEAR);
}

void exit_string_io(uint32_t unused) {
	static uint8_t bytes[4];
	void *to = bytes;

	(void)unused;
	__asm__ volatile("insb" : "+D"(to) : "d"(0x3f8) : "memory");
}
