; SPDX-License-Identifier: Apache-2.0
; A flat 32-bit guest whose CPUID ends where 32-bit addresses end: what the hypervisor computes for the next instruction is
; no state that VT-x enters.
bits 32
org 0x100000 ; where a flat binary is loaded

CODE equ 8
CODE_HIGH equ 16

start:
	lgdt [pointer]
	jmp dword CODE_HIGH:0xfffffffe

last:
	cpuid
	hlt

align 8
gdt:
	dq 0, 0x00cf9b000000ffff
	; Its base makes the last two bytes of the segment those at `last`.
	dw 0xffff, last - $$ + 2, 0x9b10, 0x00cf
pointer:
	dw pointer - gdt - 1
	dd gdt
