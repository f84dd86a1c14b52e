; SPDX-License-Identifier: Apache-2.0
; One visit to the guest. VMLOAD and VMSAVE carry what VMRUN leaves alone: FS, GS, TR, LDTR and the
; system-call registers (AMD64 APM volume 2, section 15.5.2). The host part was saved once. RAX and RSP
; are the VMCB's; all others go through the array, in the order of enum gpr.
bits 64
%include "../registers.inc"

section .text

; void svm_enter(u64 *gpr, u64 vmcb, u64 host_vmcb)
global svm_enter
svm_enter:
	push_all CALLEE_SAVED
	push rdx
	push rdi
	mov rax, rsi
	load_guest
	vmload
	vmrun
	vmsave
	mov rax, [rsp]
	store_guest
	add rsp, 8
	pop rax
	vmload
	pop_all CALLEE_SAVED
	ret
