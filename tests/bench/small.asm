; SPDX-License-Identifier: Apache-2.0
; The smallest guest: marks that it runs and switches its partition off. A flat binary: entered at its
; first byte, in 32-bit mode.

LOAD equ 0x100000
SLEEP_PORT equ 0x600
SLEEP_OFF equ 0x20 | 5 << 2

org LOAD
bits 32
start:
	mov edi, "up"
	xor esi, esi
	xor edx, edx
	db 0x0f, 0x1f, 0x84, 0x00, "MARK"
	mov edx, SLEEP_PORT
	mov al, SLEEP_OFF
	out dx, al
.end:
	hlt
	jmp .end
