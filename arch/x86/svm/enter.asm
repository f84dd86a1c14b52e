; SPDX-License-Identifier: Apache-2.0
; One visit to the guest. VMLOAD and VMSAVE carry what VMRUN leaves alone: FS, GS, TR, LDTR and the
; system-call registers (AMD64 APM volume 2, section 15.5.2). The host part was saved once. RAX and RSP
; are the VMCB's; all others go through the array, in the order of enum gpr.
bits 64
%include "../registers.inc"

%define CALLEE_SAVED rbx, rbp, r12, r13, r14, r15

section .text

; void svm_enter(u64 *gpr, u64 vmcb, u64 host_vmcb)
global svm_enter
svm_enter:
	push_all CALLEE_SAVED
	push rdx
	push rdi
	mov rax, rsi
	load_all rdi + 1 * 8, rcx, rdx, rbx
	load_all rdi + 5 * 8, rbp, rsi
	load_all rdi + 8 * 8, r8, r9, r10, r11, r12, r13, r14, r15
	mov rdi, [rdi + 7 * 8]
	vmload
	vmrun
	vmsave
	mov rax, [rsp]
	store_all rax + 1 * 8, rcx, rdx, rbx
	store_all rax + 5 * 8, rbp, rsi, rdi
	store_all rax + 8 * 8, r8, r9, r10, r11, r12, r13, r14, r15
	add rsp, 8
	pop rax
	vmload
	pop_all CALLEE_SAVED
	ret
