/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "machine.h"
#include "x86.h"

/* What the files of this room share. */

#define CPU_STACK_PAGES 4
#define EXTRA_STACK_PAGES 2
#define CPU_TABLE_PAGES 3
#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS 0x18

/* Interrupt stack table slots: each may strike while another stack cannot be trusted. */
enum interrupt_stack { STACK_NMI = 1, STACK_DOUBLE_FAULT = 2, STACK_MACHINE_CHECK = 3 };

struct descriptors {
	u64 gdt[5];
	struct task_state tss;
};

/* vectors.asm pushes this; the processor's own part begins at rip. */
struct interrupt_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct interrupt_frame) == 22 * 8, "vectors.asm");

extern const struct table_format x86_format;

/* paging.c */
bool paging_build(void);
u64 paging_root(void);

/* descriptors.c */
bool descriptors_build(struct cpu *cpu);
void descriptors_load(struct cpu *cpu);
void interrupts_build(void);

/* interrupts.c */
void interrupt_handler(struct interrupt_frame *frame);

/* apic.c */
void apic_enable(void);
void apic_send(u32 apic_id, u32 command);

/* assembly */
extern const char vector_stubs[];
extern const char cpu_idle_begin[], cpu_idle_end[];
extern const char vmx_enter_begin[], vmx_enter_end[];
void cpu_idle_wait(volatile u32 *wake);
void segments_load(const struct descriptor_pointer *gdt, u16 data, u16 code, u16 task);
_Noreturn void stack_switch(void *stack, void (*function)(struct cpu *), struct cpu *cpu);
extern const char trampoline_begin[], trampoline_end[];
void ap_entry(void);
