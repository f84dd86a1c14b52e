; SPDX-License-Identifier: Apache-2.0
; A flat 32-bit guest whose CPUID ends where 32-bit addresses end: the hypervisor carries it out, and goes on at 0, because what
; comes behind it by 64-bit arithmetic is no state that VT-x enters.
bits 32
org 0x100000 ; where a flat binary is loaded

CODE_HIGH equ 8
SERIAL equ 0x3f8
SLEEP_PORT equ 0x600
SLEEP_OFF equ 0x20 | 5 << 2

start:
	lgdt [pointer]
	jmp dword CODE_HIGH:0xfffffffe

; The segment's base makes its last two bytes those at `last`, and its first those behind.
last:
	cpuid
	mov dx, SERIAL
%assign i 0
%rep 8
	mov al, [cs:text - last - 2 + i]
	out dx, al
%assign i i + 1
%endrep
	mov dx, SLEEP_PORT
	mov al, SLEEP_OFF
.off:
	out dx, al
	jmp .off

text:
	db "wrapped", 10
align 8
gdt:
	dq 0
	dw 0xffff, last - $$ + 2, 0x9b10, 0x00cf
pointer:
	dw pointer - gdt - 1
	dd gdt
