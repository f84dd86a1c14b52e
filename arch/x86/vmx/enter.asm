; SPDX-License-Identifier: Apache-2.0
; One visit to the guest. RSP, RIP and RFLAGS are the VMCS's; all other registers go through the array,
; in the order of enum gpr.
bits 64
%include "../registers.inc"

%define HOST_RSP 0x6c14
; enum vmx_entry
%define ENTRY_NOT_TRIED 0
%define ENTRY_REFUSED 1
%define ENTRY_DONE 2

section .text

; enum vmx_entry vmx_enter(u64 *gpr, const volatile u32 *requests, bool launched)
; Whoever sets a request sends an NMI after it. One that comes between the comparison and the entry
; would find no guest to end: the handler moves RIP to vmx_enter_end. RSP is the same throughout.
global vmx_enter, vmx_enter_begin, vmx_enter_end, vmx_exit
vmx_enter:
	push_all CALLEE_SAVED
	push rdi
	mov eax, HOST_RSP
	vmwrite rax, rsp
vmx_enter_begin:
	cmp dword [rsi], 0
	jne vmx_enter_end
	test dl, dl
	mov rax, [rdi]
	load_guest
	jz .launch
	vmresume
	jmp .refused
.launch:
	vmlaunch
.refused:
	mov eax, ENTRY_REFUSED
	jmp return
vmx_enter_end:
	mov eax, ENTRY_NOT_TRIED
	jmp return
vmx_exit:
	push rax
	mov rax, [rsp + 8]
	store_guest
	pop qword [rax]
	mov eax, ENTRY_DONE
return:
	add rsp, 8
	pop_all CALLEE_SAVED
	ret
