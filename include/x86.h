/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"
#include "x86_registers.h" /* made of arch/x86/registers.txt */

/* Instructions of the processor, as AMD's APM and Intel's SDM name them. */

#define PAT_DEFAULT 0x0007040600070406ull
#define PAT_HOST 0x0007040600070106ull /* the same, but write-through gathers writes */

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
