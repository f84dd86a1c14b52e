; SPDX-License-Identifier: Apache-2.0
; A flat 32-bit guest that switches tasks, which VT-x cannot do in a guest.
bits 32
org 0x100000 ; where a flat binary is loaded

CODE equ 8
DATA equ 16
TASK_OLD equ 24
TASK_NEW equ 32
TSS_BYTES equ 104

start:
	lgdt [pointer]
	mov ax, DATA
	mov ds, ax
	mov ss, ax
	mov ax, TASK_OLD
	ltr ax
	jmp TASK_NEW:0
	hlt

align 8
gdt:
	dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
	dw TSS_BYTES - 1, old - $$, 0x8910, 0
	dw TSS_BYTES - 1, new - $$, 0x8910, 0
pointer:
	dw pointer - gdt - 1
	dd gdt
align 8
old:
	times TSS_BYTES db 0
new:
	times TSS_BYTES db 0
