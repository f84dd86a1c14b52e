; SPDX-License-Identifier: Apache-2.0
; What C cannot say: a processor's way from its start-up address to C, and a look at every register.

CR4_PAE_OSFXSR_OSXMMEXCPT equ 0x620
CR0_PE_MP_NE_WP_PG equ 0x80010023 ; with NE, unlike the boot processor
MSR_EFER equ 0xc0000080
EFER_LME equ 0x100

section .text
bits 16
global ap_begin, ap_end
ap_begin:
	cli
	mov ax, cs
	mov ds, ax
	lgdt [ap_gdt_pointer - ap_begin]
	mov eax, CR4_PAE_OSFXSR_OSXMMEXCPT
	mov cr4, eax
	mov eax, [ap_cr3 - ap_begin]
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME
	wrmsr
	mov eax, CR0_PE_MP_NE_WP_PG
	mov cr0, eax
	jmp dword 8:ap_long
align 8
ap_gdt:
	dq 0, 0x00af9b000000ffff, 0x00cf93000000ffff
ap_gdt_pointer:
	dw 23
	dd 0x8000 + ap_gdt - ap_begin
ap_cr3:
	dd root
ap_end:

extern root, ap_main
bits 64
ap_long:
	mov ax, 16
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov rsp, ap_stack_end
	call ap_main

; void registers_over_exit(uint64_t *store)
global registers_over_exit
registers_over_exit:
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	push rdi
	mov rax, 0x0101010101010101
	mov rcx, 0x1010101010101010
	mov cr2, rcx
%macro value 2
	mov %1, 0x0101010101010101 * %2
%endmacro
	value rcx, 2
	value rdx, 3
	value rbx, 4
	value rbp, 5
	value rsi, 6
	value rdi, 7
	value r8, 8
	value r9, 9
	value r10, 10
	value r11, 11
	value r12, 12
	value r13, 13
	value r14, 14
	value r15, 15
	out 0x80, al ; leaves the guest and changes nothing
	push rax
	mov rax, [rsp + 8]
	mov [rax + 1 * 8], rcx
	mov [rax + 2 * 8], rdx
	mov [rax + 3 * 8], rbx
	mov [rax + 4 * 8], rbp
	mov [rax + 5 * 8], rsi
	mov [rax + 6 * 8], rdi
	mov [rax + 7 * 8], r8
	mov [rax + 8 * 8], r9
	mov [rax + 9 * 8], r10
	mov [rax + 10 * 8], r11
	mov [rax + 11 * 8], r12
	mov [rax + 12 * 8], r13
	mov [rax + 13 * 8], r14
	mov [rax + 14 * 8], r15
	pop qword [rax]
	mov rcx, cr2
	mov [rax + 15 * 8], rcx
	pop rdi
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret

section .bss
alignb 16
	resb 0x4000
ap_stack_end:
