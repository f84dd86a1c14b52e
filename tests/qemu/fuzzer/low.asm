; SPDX-License-Identifier: Apache-2.0
; The part of the guest that must lie below 64 KiB: out of long mode into every other one and back, and the second
; processor, which resets the partition when the first one makes no steps any more.

%include "layout.inc"

%define P LOW_PARAMETERS
MSR_EFER equ 0xc0000080
EFER_LME equ 0x100
CR0_PE equ 1
CR0_PG equ 1 << 31
MSR_X2APIC_EOI equ 0x80b
MSR_X2APIC_SVR equ 0x80f
MSR_X2APIC_TIMER equ 0x832
MSR_X2APIC_COUNT equ 0x838
MSR_X2APIC_DIVIDE equ 0x83e
SVR_ENABLED equ 0x1ff
TIMER_PERIODIC equ 1 << 17
DIVIDE_BY_16 equ 3
AP_PERIOD equ 1250000 ; 20 ms of a bus clock of 1 GHz, less of a slower one
AP_PATIENCE equ 250 ; periods
RESET_PORT equ 0xcf9
RESET_FULL equ 6

org LOW_BASE
bits 32
	dd 0
	dd legacy_entry
	dd legacy_vectors
	dd real_vectors
	dd ap_entry
	times LOW_PARAMETERS - LOW_BASE - ($ - $$) db 0
	times low_size db 0

; In compatibility mode, with interrupts off.
legacy_entry:
	mov ax, DATA_FLAT
	mov ds, ax
	mov ss, ax
	mov esp, LEGACY_STACK
	mov eax, cr0
	and eax, ~CR0_PG
	mov cr0, eax
	mov ecx, MSR_EFER
	rdmsr
	and eax, ~EFER_LME
	wrmsr
	mov eax, [P + low.cr3]
	mov cr3, eax
	mov eax, [P + low.cr4]
	mov cr4, eax
	mov edx, [P + low.gdt_base]
	and byte [edx + TASK_32 + 5], 0xfd ; not busy
	mov ax, TASK_32
	ltr ax
	lidt [P + low.idt_limit]
	mov eax, [P + low.cr0]
	mov cr0, eax
	jmp CODE_32:.here
.here:
	mov ax, [P + low.data]
	mov es, ax
	mov fs, ax
	mov gs, ax
	cmp dword [P + low.real], 0
	jne to_real
	mov ecx, [P + low.frame_words]
.frame:
	push dword [P + low.frame + ecx * 4 - 4]
	loop .frame
	mov ds, ax
	; DS may be good for nothing from here on.
	mov eax, [ss:P + low.gpr]
	mov ecx, [ss:P + low.gpr + 4]
	mov edx, [ss:P + low.gpr + 8]
	mov ebx, [ss:P + low.gpr + 12]
	mov ebp, [ss:P + low.gpr + 20]
	mov esi, [ss:P + low.gpr + 24]
	mov edi, [ss:P + low.gpr + 28]
	iretd

; Segments keep their limits of 4 GiB in real mode.
to_real:
	lidt [real_idt]
	jmp CODE_16:.sixteen
bits 16
.sixteen:
	mov ax, DATA_16
	mov ss, ax
	mov eax, cr0
	and al, ~CR0_PE
	mov cr0, eax
	jmp 0:.real
.real:
	xor ax, ax
	mov ss, ax
	mov sp, REAL_STACK
	mov ds, ax
	mov es, ax
	mov fs, ax
	mov gs, ax
	push word [P + low.frame + 8]
	push word [P + low.frame + 4]
	push word [P + low.frame]
	mov eax, [P + low.gpr]
	mov ecx, [P + low.gpr + 4]
	mov edx, [P + low.gpr + 8]
	mov ebx, [P + low.gpr + 12]
	mov ebp, [P + low.gpr + 20]
	mov esi, [P + low.gpr + 24]
	mov edi, [P + low.gpr + 28]
	iret

; All vectors lead here, each with a segment of its own: the one of vector N is N below this place's.
align 16
real_vectors:
	push eax
	mov ax, cs
	jmp 0:.common
.common:
	push ds
	push word 0
	pop ds
	sub ax, (real_vectors - $$ + LOW_BASE) >> 4
	neg ax
	movzx eax, ax
	mov [P + low.vector], eax
	mov [P + low.gpr + 4], ecx
	mov [P + low.gpr + 8], edx
	mov [P + low.gpr + 12], ebx
	pop ax
	pop eax
	mov [P + low.gpr], eax
	o32 lgdt [P + low.gdt_limit]
	mov eax, cr0
	or al, CR0_PE
	mov cr0, eax
	jmp dword CODE_32:back

bits 32
; On the stack: the number of the vector.
legacy_common:
	push eax
	mov ax, DATA_FLAT
	mov ds, ax
	pop dword [P + low.gpr]
	pop dword [P + low.vector]
	mov [P + low.gpr + 4], ecx
	mov [P + low.gpr + 8], edx
	mov [P + low.gpr + 12], ebx
back:
	mov ax, DATA_FLAT
	mov ds, ax
	mov ss, ax
	mov esp, LEGACY_STACK
	cld
	xor eax, eax
	mov dr7, eax
	mov eax, CR0_PE
	mov cr0, eax
	mov eax, [P + low.long_cr4]
	mov cr4, eax
	mov eax, [P + low.long_cr3]
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME
	wrmsr
	mov eax, [P + low.long_cr0]
	mov cr0, eax
	lgdt [P + low.gdt_limit]
	jmp CODE_64:.long
bits 64
.long:
	mov eax, [P + low.return]
	jmp rax

bits 32
align 16
legacy_vectors:
%assign vector 0
%rep 256
	align 16
	push dword vector
	jmp legacy_common
	%assign vector vector + 1
%endrep

; ---- the second processor ----

bits 16
ap_entry:
	cli
	xor ax, ax
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov sp, AP_STACK
	lidt [ap_idt]
	xor edx, edx
	mov ecx, MSR_X2APIC_SVR
	mov eax, SVR_ENABLED
	wrmsr
	mov ecx, MSR_X2APIC_DIVIDE
	mov eax, DIVIDE_BY_16
	wrmsr
	mov ecx, MSR_X2APIC_TIMER
	mov eax, TIMER_PERIODIC | AP_VECTOR
	wrmsr
	mov ecx, MSR_X2APIC_COUNT
	mov eax, AP_PERIOD
	wrmsr
.moved:
	mov bp, AP_PATIENCE
.wait:
	sti
	hlt
	cli
	xor eax, eax
	cpuid
	in al, 0x80
	mov ebx, [ap_seen]
	cmp ebx, [P + low.progress]
	mov ebx, [P + low.progress]
	mov [ap_seen], ebx
	jne .moved
	dec bp
	jnz .wait
	mov dx, RESET_PORT
	mov al, RESET_FULL
.reset:
	out dx, al
	jmp .reset

; Ends whatever came.
ap_interrupt:
	pushad
	xor eax, eax
	xor edx, edx
	mov ecx, MSR_X2APIC_EOI
	wrmsr
	popad
	iret

align 4
ap_seen:
	dd 0
real_idt:
	dw 0x3ff
	dd 0
ap_idt:
	dw 0x3ff
	dd AP_VECTORS
	; where the vectors of the second processor lead
	dw ap_interrupt
low_end:
%if low_end - $$ > AP_VECTORS - LOW_BASE
	%error "the part below 64 KiB has no room"
%endif
