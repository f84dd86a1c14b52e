/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "../../qemu/attacker/guest.h"

#define MARK_PORT 0xbb0
#define MSR_APIC_BASE 0x1b
#define MSR_PAT 0x277
#define MSR_EFER 0xc0000080u
#define MSR_FS_BASE 0xc0000100u
#define VECTOR_DB 1u
#define X2APIC_ICR 0x830
#define X2APIC_LVT_TIMER 0x832
#define X2APIC_TIMER_INITIAL 0x838
#define X2APIC_TIMER_DIVIDE 0x83e

void wrong(const char *what, uint64_t got, uint64_t expected);

static inline void expect(const char *what, uint64_t got, uint64_t expected) {
	if (got != expected)
		wrong(what, got, expected);
}

struct leaf {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct leaf cpuid(uint32_t eax, uint32_t ecx) {
	struct leaf r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(eax), "c"(ecx));
	return r;
}

/* exits.c */
void exit_registers(uint32_t unused);
void exit_cpuid(uint32_t unused);
void exit_msrs(uint32_t unused);
void exit_xsetbv(uint32_t unused);
void exit_control(uint32_t unused);
void exit_steps(uint32_t unused);
void exit_debug(uint32_t unused);
void exit_string_io(uint32_t unused);

/* mmio.c */
void exit_mmio(uint32_t unused);

/* smp.c */
void smp_timer(uint32_t unused);
void smp_start(uint32_t apic_id);
void smp_kick(uint32_t apic_id);
void smp_ipi(uint32_t unused);
void smp_stop(uint32_t apic_id);

/* start.asm: loads every register with a value of its own, leaves the guest, stores them again. */
void registers_over_exit(uint64_t *store);
extern char ap_begin[], ap_end[];
