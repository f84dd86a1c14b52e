; SPDX-License-Identifier: Apache-2.0
; Entry of every vector, and the few things that C cannot say.
default rel
bits 64

extern interrupt_handler

%include "registers.inc"

%define ALL_REGISTERS rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15

section .text

; Vectors for which the processor pushes an error code (AMD64 APM volume 2, section 8.2). 17, 21, 29
; and 30 are left out: at our privilege level they are no exceptions, but a guest may leave interrupts.
%define ERROR_CODE_VECTORS ((1 << 8) | (1 << 10) | (1 << 11) | (1 << 12) | (1 << 13) | (1 << 14))

align 16
global vector_stubs
vector_stubs:
%assign vector 0
%rep 256
align 16
%if vector < 32
%if (ERROR_CODE_VECTORS >> vector) & 1
%else
	push 0
%endif
%else
	push 0
%endif
	push vector
	jmp near vector_common
%assign vector vector + 1
%endrep

align 16
vector_common:
	push_all ALL_REGISTERS
	cld
	mov rdi, rsp
	mov rbp, rsp
	and rsp, -16
	call interrupt_handler
	mov rsp, rbp
	pop_all ALL_REGISTERS
	add rsp, 16
	iretq

; void cpu_idle_wait(volatile u32 *wake)
; An NMI between the comparison and the HLT would be lost; its handler moves RIP to the end.
global cpu_idle_wait, cpu_idle_begin, cpu_idle_end
cpu_idle_wait:
cpu_idle_begin:
	cmp dword [rdi], 0
	jne cpu_idle_end
	hlt
cpu_idle_end:
	ret

; void segments_load(const struct descriptor_pointer *gdt, u16 data, u16 code, u16 task)
global segments_load
segments_load:
	lgdt [rdi]
	mov ds, esi
	mov es, esi
	mov ss, esi
	xor eax, eax
	mov fs, eax
	mov gs, eax
	movzx edx, dx
	push rdx
	lea rax, [.reloaded]
	push rax
	retfq
.reloaded:
	ltr cx
	ret

; void stack_switch(void *stack, void (*function)(struct cpu *), struct cpu *cpu)
global stack_switch
stack_switch:
	mov rsp, rdi
	xor ebp, ebp
	mov rdi, rdx
	call rsi
	ud2
