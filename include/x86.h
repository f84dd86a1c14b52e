/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"
#include "x86_registers.h" /* made of arch/x86/registers.txt */

/* Register bits and instructions of the processor, as AMD's APM and Intel's SDM name them. */

#define CR0_PE BIT(0)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)
#define CR4_PAE BIT(5)
#define CR4_MCE BIT(6)
#define CR4_OSFXSR BIT(9)
#define CR4_LA57 BIT(12)
#define CR4_OSXSAVE BIT(18)
#define RFLAGS_FIXED BIT(1)
#define RFLAGS_TF BIT(8)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)
#define EFER_SVME BIT(12)
#define EFER_AUTOIBRS BIT(21)

/*
 * An event that the next entry delivers, as SVM's EVENTINJ has it (AMD64 APM volume 2, section 15.20);
 * the lower half is VT-x's interruption information too.
 */
#define EVENT_TYPE BITS(10, 8)
#define EVENT_TYPE_EXCEPTION (3ull << 8)
#define EVENT_SOFTWARE (4ull << 8) /* this and what is above: by an instruction */
#define EVENT_HAS_ERROR BIT(11)
#define EVENT_VALID BIT(31)
#define EVENT_ERROR_SHIFT 32

#define MCG_MCIP BIT(2) /* a machine check is being served: another one shuts down */
#define DE_CFG_LFENCE_SERIALIZES BIT(1)
#define APIC_BASE_BSP BIT(8)
#define APIC_BASE_X2APIC BIT(10)
#define APIC_BASE_ENABLE BIT(11)
#define PAT_DEFAULT 0x0007040600070406ull

#define APIC_SVR_ENABLE BIT(8)
#define APIC_LVT_MASKED BIT(16)
#define APIC_LVT_DELIVERY BITS(10, 8)

#define SEGMENT_DPL BITS(6, 5)

struct cpuid {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(u32 leaf, u32 subleaf) {
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline u64 msr_read(u32 index) {
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
	return (u64)high << 32 | low;
}

static inline void msr_write(u32 index, u64 value) {
	__asm__ volatile("wrmsr"
			 :
			 : "c"(index), "a"((u32)value), "d"((u32)(value >> 32))
			 : "memory");
}

/* port_read8(port), port_write8(port, value), and so on. */
#define PORT_ACCESS(bits, suffix)                                                                  \
	static inline u##bits port_read##bits(u16 port) {                                          \
		u##bits value;                                                                     \
		__asm__ volatile("in" suffix " %1, %0" : "=a"(value) : "Nd"(port));                \
		return value;                                                                      \
	}                                                                                          \
	static inline void port_write##bits(u16 port, u##bits value) {                             \
		__asm__ volatile("out" suffix " %0, %1" : : "a"(value), "Nd"(port));               \
	}
PORT_ACCESS(8, "b")
PORT_ACCESS(16, "w")
PORT_ACCESS(32, "l")

/* cr0_read(), cr0_write(value), and so on. */
#define CONTROL_REGISTER(name)                                                                     \
	static inline u64 name##_read(void) {                                                      \
		u64 value;                                                                         \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value));                             \
		return value;                                                                      \
	}                                                                                          \
	static inline void name##_write(u64 value) {                                               \
		__asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                    \
	}
CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)

static inline void xcr0_write(u64 value) {
	__asm__ volatile("xsetbv" : : "c"(0), "a"((u32)value), "d"((u32)(value >> 32)));
}

static inline void page_invalidate(const void *address) {
	__asm__ volatile("invlpg %0" : : "m"(*(const u8 *)address) : "memory");
}

static inline void interrupts_disable(void) {
	__asm__ volatile("cli" ::: "memory");
}
