; SPDX-License-Identifier: Apache-2.0
; From Multiboot's 32-bit entry to 64-bit C: the first 512 GiB are mapped as they are, in 1 GiB pages but for the
; first four, which processors without such pages reach too.

MULTIBOOT_MAGIC equ 0x1badb002
MULTIBOOT_FLAGS equ 2 ; a memory map, please
PAGE_LEAF equ 0x83 ; present, writable, large
PAGE_TABLE equ 0x03
CR0_PE_MP_WP_PG equ 0x80010003
CR4_PAE_OSFXSR_OSXMMEXCPT equ 0x620
MSR_EFER equ 0xc0000080
EFER_LME equ 0x100
CODE_64 equ 0x08
DATA equ 0x10
STACK_BYTES equ 0x10000

section .multiboot align=4
	dd MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

section .text
bits 32
global _start
_start:
	cli
	mov esp, stack_end
	mov edi, ebx ; what the loader tells, for attacker_main
	mov dword [root], table + PAGE_TABLE
	mov eax, PAGE_LEAF
	xor edx, edx
	mov ecx, table
.leaf:
	mov [ecx], eax
	mov [ecx + 4], edx
	add eax, 1 << 30
	adc edx, 0
	add ecx, 8
	cmp ecx, table + 4096
	jb .leaf
	mov eax, PAGE_LEAF
	mov ecx, small
.small:
	mov [ecx], eax
	add eax, 1 << 21
	add ecx, 8
	cmp ecx, small_end
	jb .small
	mov eax, small + PAGE_TABLE
	mov ecx, table
.small_table:
	mov [ecx], eax
	add eax, 4096
	add ecx, 8
	cmp eax, small_end + PAGE_TABLE
	jb .small_table
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
	mov ax, DATA
	mov ss, ax
	mov ds, ax
	mov es, ax
	mov fs, ax
	mov gs, ax
	mov edi, edi
	extern attacker_main
	call attacker_main
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

all_vectors:
	push rax
	push rcx
	push rdx
	push rsi
	push rdi
	push r8
	push r9
	push r10
	push r11
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	mov rdi, rsp
	cld
	extern attacker_vector
	call attacker_vector
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	pop r11
	pop r10
	pop r9
	pop r8
	pop rdi
	pop rsi
	pop rdx
	pop rcx
	pop rax
	add rsp, 16
	iretq

section .rodata
align 8
gdt:
	dq 0
	dq 0x00af9b000000ffff ; 64-bit code
	dq 0x00cf93000000ffff
gdt_end:
gdt_pointer:
	dw gdt_end - gdt - 1
	dd gdt

section .bss
alignb 4096
global root
root:
	resb 4096
table:
	resb 4096
small:
	resb 4 * 4096
small_end:
stack:
	resb STACK_BYTES
stack_end:
