; SPDX-License-Identifier: Apache-2.0
; Where a processor begins after the start-up interrupt: copied to a page below 1 MiB. From real
; mode to long mode in one step (AMD64 APM volume 2, section 14.6: CR0.PE and CR0.PG may be set
; together once CR4.PAE, EFER.LME and CR3 are in place).
bits 16
default rel

section .text

global trampoline_begin, trampoline_end
global trampoline_cr3, trampoline_far, trampoline_gdt_base, trampoline_entry

%define CR4_PAE (1 << 5)
%define MSR_EFER 0xc0000080
%define EFER_LME_NXE ((1 << 8) | (1 << 11))
%define CR0_LONG ((1 << 31) | (1 << 16) | (1 << 5) | 1)

trampoline_begin:
	cli
	mov ax, cs
	mov ds, ax
	lgdt [trampoline_gdt - trampoline_begin]
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, [trampoline_cr3 - trampoline_begin]
	mov cr3, eax
	mov ecx, MSR_EFER
	mov eax, EFER_LME_NXE
	xor edx, edx
	wrmsr
	mov eax, CR0_LONG
	mov cr0, eax
	jmp far dword [trampoline_far - trampoline_begin]

bits 64
trampoline_long:
	mov rax, [rel trampoline_entry]
	jmp rax

align 8
trampoline_gdt:
	dw 23
trampoline_gdt_base:
	dd 0
	dw 0
align 8
trampoline_segments:
	dq 0
	dq 0x00af9b000000ffff
	dq 0x00cf93000000ffff
trampoline_far:
	dd 0
	dw 8
align 8
trampoline_cr3:
	dq 0
trampoline_entry:
	dq 0
trampoline_end:

global trampoline_long, trampoline_segments

; The first instructions in the image: take the stack that was left for us.
extern ap_stack, ap_main
global ap_entry
ap_entry:
	mov ax, 0x10
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov rsp, [rel ap_stack]
	xor ebp, ebp
	call ap_main
	ud2
