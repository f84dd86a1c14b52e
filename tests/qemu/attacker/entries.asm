; SPDX-License-Identifier: Apache-2.0
; The same guest without a Multiboot header: entered as PVH ELF, or as a flat binary at its first byte, which gets
; what Multiboot tells.

PVH_MAGIC equ 0x336ec578
PVH_COMMAND_LINE equ 24
NOTE_PHYS32_ENTRY equ 18
MEMORY_UPPER_KIB equ 15 * 1024 ; of the 16 MiB that every partition has

extern _start

section .entry progbits alloc exec nowrite align=16
bits 32
flat_entry:
	jmp _start

pvh_entry:
	cmp dword [ebx], PVH_MAGIC
	jne .stop
	mov eax, [ebx + PVH_COMMAND_LINE]
	mov [command_line], eax
	mov ebx, information
	jmp _start
.stop:
	hlt
	jmp .stop

align 4
information: ; flags, lower and upper memory, boot device, command line
	dd 0, 0, MEMORY_UPPER_KIB, 0
command_line:
	dd 0

section .note.pvh note alloc noexec nowrite align=4
	dd 4, 4, NOTE_PHYS32_ENTRY
	db 'Xen', 0
	dd pvh_entry
