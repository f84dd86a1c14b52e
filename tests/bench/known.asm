; SPDX-License-Identifier: Apache-2.0
; A program whose instructions are known by number, for the test of the instrument: a loop in the host,
; then a loop in an SVM guest that leaves it for four known reasons. A flat Multiboot image.

MULTIBOOT_MAGIC equ 0x1badb002
MULTIBOOT_ADDRESSES equ 0x10000
LOAD equ 0x100000
CODE_64 equ 0x08
DATA equ 0x10
MSR_EFER equ 0xc0000080
MSR_VM_HSAVE_PA equ 0xc0010117
EFER_LME equ 1 << 8
EFER_SVME equ 1 << 12
EFER_LMA equ 1 << 10
CR0_PE_PG equ 0x80000001
CR4_PAE equ 1 << 5
DEBUG_EXIT equ 0xf4

; VMCB (AMD64 APM volume 2, appendix B)
VMCB_INTERCEPT_3 equ 0x00c ; CPUID bit 18, port 27, MSR 28
VMCB_INTERCEPT_4 equ 0x010 ; VMRUN bit 0, VMMCALL 1
VMCB_IOPM equ 0x040
VMCB_MSRPM equ 0x048
VMCB_ASID equ 0x058
VMCB_CS equ 0x410
VMCB_SS equ 0x420
VMCB_DS equ 0x430
VMCB_EFER equ 0x4d0
VMCB_CR4 equ 0x548
VMCB_CR3 equ 0x550
VMCB_CR0 equ 0x558
VMCB_RFLAGS equ 0x570
VMCB_RIP equ 0x578
VMCB_RSP equ 0x5d8
CODE_SEGMENT equ 0x029b0008
DATA_SEGMENT equ 0x00930010

; What the test expects: see test_instrument.py.
HOST_ROUNDS equ 1000000
GUEST_ROUNDS equ 300000

%macro mark 2
	mov rdi, %1
	mov esi, %2
	mov edx, 7
	db 0x0f, 0x1f, 0x84, 0x00, "MARK"
%endmacro

org LOAD
bits 32
header:
	dd MULTIBOOT_MAGIC, MULTIBOOT_ADDRESSES, -(MULTIBOOT_MAGIC + MULTIBOOT_ADDRESSES)
	dd header, LOAD, loaded_end, bss_end, start

start:
	cli
	mov esp, stack_end
	mov dword [root], table + 3
	mov dword [table], 0x83 ; the first GiB
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, root
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME | EFER_SVME
	wrmsr
	mov eax, CR0_PE_PG
	mov cr0, eax
	lgdt [gdt_pointer]
	jmp CODE_64:long_mode

bits 64
long_mode:
	mov ax, DATA
	mov ss, ax
	mov ds, ax
	mov es, ax
	mark "loop", 1
	mov ecx, HOST_ROUNDS
.round:
	dec ecx
	jnz .round
	mark "loop", 2

	mov eax, host_save
	xor edx, edx
	mov ecx, MSR_VM_HSAVE_PA
	wrmsr
	mov ebx, vmcb
	mov dword [rbx + VMCB_INTERCEPT_3], 1 << 18 | 1 << 27 | 1 << 28
	mov dword [rbx + VMCB_INTERCEPT_4], 3
	mov dword [rbx + VMCB_IOPM], all_ones
	mov dword [rbx + VMCB_MSRPM], all_ones
	mov dword [rbx + VMCB_ASID], 1
	mov dword [rbx + VMCB_CS], CODE_SEGMENT
	mov dword [rbx + VMCB_CS + 4], -1
	mov dword [rbx + VMCB_SS], DATA_SEGMENT
	mov dword [rbx + VMCB_SS + 4], -1
	mov dword [rbx + VMCB_DS], DATA_SEGMENT
	mov dword [rbx + VMCB_DS + 4], -1
	mov dword [rbx + VMCB_EFER], EFER_LME | EFER_LMA | EFER_SVME
	mov dword [rbx + VMCB_CR4], CR4_PAE
	mov dword [rbx + VMCB_CR3], root
	mov rax, cr0
	mov [rbx + VMCB_CR0], rax
	mov dword [rbx + VMCB_RFLAGS], 2
	mov dword [rbx + VMCB_RIP], guest
	mov dword [rbx + VMCB_RSP], stack_end
	cld
	mov edi, all_ones
	mov ecx, all_ones_end - all_ones
	mov al, 0xff
	rep stosb
	clgi
	mark "visit", 1
	mov eax, vmcb
	vmrun ; left by CPUID
	add qword [rbx + VMCB_RIP], 2
	vmrun ; RDMSR
	add qword [rbx + VMCB_RIP], 2
	vmrun ; OUT
	add qword [rbx + VMCB_RIP], 2
	vmrun ; VMMCALL
	mark "visit", 2
	mov edx, DEBUG_EXIT
	xor eax, eax
	out dx, al
.end:
	hlt
	jmp .end

guest:
	mov ecx, GUEST_ROUNDS
.round:
	dec ecx
	jnz .round
	cpuid
	mov ecx, MSR_EFER
	rdmsr
	out 0x80, al
	vmmcall

align 8
gdt:
	dq 0
	dq 0x00af9b000000ffff ; 64-bit code
	dq 0x00cf93000000ffff
gdt_end:
gdt_pointer:
	dw gdt_end - gdt - 1
	dd gdt
loaded_end:

absolute $
	alignb 4096
root: resb 4096
table: resb 4096
vmcb: resb 4096
host_save: resb 4096
all_ones: resb 3 * 4096
all_ones_end:
stack: resb 4096
stack_end:
bss_end:
