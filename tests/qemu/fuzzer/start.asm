; SPDX-License-Identifier: Apache-2.0
; From Multiboot's 32-bit entry to 64-bit C, and from C into a trial and back.

%include "layout.inc"

MULTIBOOT_MAGIC equ 0x1badb002
MULTIBOOT_FLAGS equ 2 ; a memory map, please
PAGE_TABLE equ 0x07 ; present, writable, for users
PAGE_LARGE equ 0x83
PAGE_SMALL equ 0x03
CR0_PE_MP_WP_PG equ 0x80010003
CR4_PAE_OSFXSR_OSXMMEXCPT equ 0x620
MSR_EFER equ 0xc0000080
EFER_LME equ 0x100
STACK_BYTES equ 0x10000

section .multiboot align=4
	dd MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

section .text
bits 32
global _start
_start:
	cli
	mov esp, stack_end
	mov edi, ebx ; what the loader tells, for fuzzer_main
	; The first 2 MiB in small pages, the rest of the first 4 GiB in large ones, the same addresses.
	mov dword [root], directories_pointer + PAGE_TABLE
	mov ecx, 4
	mov ebx, directories_pointer
	mov eax, directories + PAGE_TABLE
.pointer:
	mov [ebx], eax
	add eax, 4096
	add ebx, 8
	loop .pointer
	mov eax, PAGE_LARGE
	mov ebx, directories
	mov ecx, 4 * 512
.large:
	mov [ebx], eax
	add eax, 1 << 21
	add ebx, 8
	loop .large
	mov dword [directories], low_table + PAGE_TABLE
	mov eax, PAGE_SMALL
	mov ebx, low_table
	mov ecx, 512
.small:
	mov [ebx], eax
	add eax, 4096
	add ebx, 8
	loop .small
	mov eax, CR4_PAE_OSFXSR_OSXMMEXCPT
	mov cr4, eax
	mov eax, root
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME
	wrmsr
	mov eax, CR0_PE_MP_WP_PG
	mov cr0, eax
	lgdt [gdt_pointer]
	jmp CODE_64:.long

bits 64
.long:
	mov ax, DATA_FLAT
	mov ss, ax
	mov ds, ax
	mov es, ax
	mov fs, ax
	mov gs, ax
	mov edi, edi
	extern fuzzer_main
	call fuzzer_main
.end:
	hlt
	jmp .end

; Every vector pushes its number; those of the processor that bring an error code push one word less.
%macro stub 1
	align 16
	%if %1 == 8 || %1 == 10 || %1 == 11 || %1 == 12 || %1 == 13 || %1 == 14 || %1 == 17 || %1 == 21
	%else
	push 0
	%endif
	push %1
	jmp all_vectors
%endmacro

global vector_stubs
align 16
vector_stubs:
%assign vector 0
%rep 256
	stub vector
	%assign vector vector + 1
%endrep

%macro save_callee 0
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
%endmacro

%macro restore_callee 0
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
%endmacro

; void run_long(const struct trial *): goes where the trial says, with its registers. Any vector comes back behind the call,
; with its number in trial_vector; what was there when it struck is lost, but for RAX to RBX.
global run_long
run_long:
	save_callee
	mov [trial_stack], rsp
	mov ax, [rdi + 21 * 8]
	mov ds, ax
	mov es, ax
	mov fs, ax
	mov gs, ax
	push qword [rdi + 20 * 8] ; ss
	push qword [rdi + 19 * 8] ; rsp
	push qword [rdi + 18 * 8] ; rflags
	push qword [rdi + 17 * 8] ; cs
	push qword [rdi + 16 * 8] ; rip
	mov rax, [rdi]
	mov rcx, [rdi + 1 * 8]
	mov rdx, [rdi + 2 * 8]
	mov rbx, [rdi + 3 * 8]
	mov rbp, [rdi + 5 * 8]
	mov rsi, [rdi + 6 * 8]
	mov r8, [rdi + 8 * 8]
	mov r9, [rdi + 9 * 8]
	mov r10, [rdi + 10 * 8]
	mov r11, [rdi + 11 * 8]
	mov r12, [rdi + 12 * 8]
	mov r13, [rdi + 13 * 8]
	mov r14, [rdi + 14 * 8]
	mov r15, [rdi + 15 * 8]
	mov rdi, [rdi + 7 * 8]
	iretq

; Each vector comes on a stack of its own (IST 1), whatever the trial did to RSP.
all_vectors:
	mov [trial_registers], rax
	mov [trial_registers + 8], rcx
	mov [trial_registers + 16], rdx
	mov [trial_registers + 24], rbx
	xor eax, eax
	mov dr7, rax
	mov cr8, rax
	cld
	mov rax, cr4
	cmp rax, [good_cr4]
	je .cr4_is_good
	mov rax, [good_cr4]
	mov cr4, rax
.cr4_is_good:
	mov rax, cr0
	cmp rax, [good_cr0]
	je .cr0_is_good
	mov rax, [good_cr0]
	mov cr0, rax
.cr0_is_good:
	mov rax, cr3
	cmp rax, [good_cr3]
	je .cr3_is_good
	mov rax, [good_cr3]
	mov cr3, rax
.cr3_is_good:
	pop rax
	mov [trial_vector], eax
	mov rsi, rsp
	mov rsp, [trial_stack]
	test rsp, rsp
	jz .nowhere
	mov qword [trial_stack], 0
	restore_callee
	ret
.nowhere:
	mov rsp, stack_end
	mov rdi, rax
	extern unexpected_vector
	call unexpected_vector

; void run_low(void): the same through the part below 64 KiB, by the parameters there.
global run_low, run_low_end
run_low:
	save_callee
	mov [trial_stack], rsp
	mov eax, [abs LOW_LEGACY_ENTRY]
	push CODE_32
	push rax
	retfq
run_low_end:
	mov ax, DATA_FLAT
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov fs, ax
	mov gs, ax
	mov rsp, [trial_stack]
	mov qword [trial_stack], 0
	lidt [idt_pointer]
	and byte [gdt + TASK_64 + 5], 0xfd ; not busy
	mov ax, TASK_64
	ltr ax
	restore_callee
	ret

; Where system calls of a trial end.
global system_call_landing
system_call_landing:
	int END_VECTOR

section .data
align 16
global gdt, gdt_pointer, idt_pointer
gdt:
	dq 0
	dq 0x00af9b000000ffff ; 08: 64-bit code
	dq 0x00cf93000000ffff ; 10: data
	dq 0x00cf9b000000ffff ; 18: 32-bit code
	dq 0x00009b000000ffff ; 20: 16-bit code
	dq 0x000093000000ffff ; 28: data, 64 KiB
	dq 0x00cffb000000ffff ; 30: 32-bit code, level 3
	dq 0x00cff3000000ffff ; 38: data, level 3
	dq 0x00affb000000ffff ; 40: 64-bit code, level 3
	dq 0x0000fb000000ffff ; 48: 16-bit code, level 3
	dq 0 ; 50: 32-bit task
	dq 0 ; 58: another one
	dq 0, 0 ; 60: 64-bit task
gdt_end:
gdt_pointer:
	dw gdt_end - gdt - 1
	dq gdt
idt_pointer:
	dw 256 * 16 - 1
	extern idt
	dq idt

section .rodata
align 16
global low_part, low_part_end
low_part:
	incbin LOW_FILE
low_part_end:

section .bss
alignb 4096
global root, directories_pointer, directories, low_table, trial_stack, trial_vector, trial_registers
global good_cr0, good_cr3, good_cr4
root:
	resb 4096
directories_pointer:
	resb 4096
directories:
	resb 4 * 4096
low_table:
	resb 4096
stack:
	resb STACK_BYTES
stack_end:
trial_stack:
	resq 1
trial_registers:
	resq 4
good_cr0:
	resq 1
good_cr3:
	resq 1
good_cr4:
	resq 1
trial_vector:
	resd 1
