/* SPDX-License-Identifier: Apache-2.0 */
#include "svm.h"

/* AMD64 APM volume 2, section 15.17: GIF holds NMIs back while clear. */
static inline void gif_clear(void) {
	__asm__ volatile("clgi" ::: "memory");
}

static inline void gif_set(void) {
	__asm__ volatile("stgi" ::: "memory");
}

static void decode_io(const struct vmcb *vmcb, struct vcpu_exit *exit) {
	u64 info = vmcb->exit_info_1;

	exit->reason = EXIT_IO;
	exit->write = !(info & IOIO_IN);
	exit->string = info & IOIO_STRING;
	exit->width = info >> IOIO_WIDTH_SHIFT & IOIO_WIDTH_MASK;
	exit->port = (u16)(info >> IOIO_PORT_SHIFT);
	exit->next_rip = vmcb->exit_info_2;
}

static void decode_exception(const struct vmcb *vmcb, struct vcpu_exit *exit) {
	exit->reason = EXIT_EXCEPTION;
	exit->vector = (u8)(vmcb->exit_code - VMEXIT_EXCEPTION);
	exit->has_error = exit->vector == EXCEPTION_AC;
	exit->error = (u32)vmcb->exit_info_1;
}

static void decode_nested_fault(const struct vmcb *vmcb, struct vcpu_exit *exit) {
	exit->reason = EXIT_NPF;
	exit->write = vmcb->exit_info_1 & NPF_WRITE;
	exit->fetch = vmcb->exit_info_1 & NPF_FETCH;
	exit->walk = vmcb->exit_info_1 & NPF_WALK;
	exit->address = vmcb->exit_info_2;
}

static enum exit_reason reason_of(u64 code) {
	switch (code) {
	case VMEXIT_NMI: return EXIT_NMI;
	case VMEXIT_CPUID: return EXIT_CPUID;
	case VMEXIT_XSETBV: return EXIT_XSETBV;
	case VMEXIT_SHUTDOWN: return EXIT_SHUTDOWN;
	case VMEXIT_INVALID: return EXIT_INVALID;
	case VMEXIT_RDPMC:
	case VMEXIT_INVD:
	case VMEXIT_INVLPGA:
	case VMEXIT_VMRUN:
	case VMEXIT_VMMCALL:
	case VMEXIT_RDPRU: return EXIT_INSTRUCTION;
	default:
		if ((code >= VMEXIT_VMLOAD && code <= VMEXIT_SKINIT) ||
		    (code >= VMEXIT_MONITOR && code <= VMEXIT_MWAIT_ARMED) ||
		    (code >= VMEXIT_INVLPGB && code <= VMEXIT_TLBSYNC))
			return EXIT_INSTRUCTION;
		return EXIT_OTHER;
	}
}

static void decode(const struct vmcb *vmcb, struct vcpu_exit *exit) {
	*exit = (struct vcpu_exit){
		.code = vmcb->exit_code, .next_rip = vmcb->next_rip, .why = "VMRUN says no more"};
	if (vmcb->exit_code == VMEXIT_IOIO) {
		decode_io(vmcb, exit);
	} else if (vmcb->exit_code == VMEXIT_MSR) {
		exit->reason = EXIT_MSR;
		exit->write = vmcb->exit_info_1;
	} else if (vmcb->exit_code == VMEXIT_NPF) {
		decode_nested_fault(vmcb, exit);
	} else if (vmcb->exit_code >= VMEXIT_EXCEPTION &&
		   vmcb->exit_code <= VMEXIT_EXCEPTION_LAST) {
		decode_exception(vmcb, exit);
	} else {
		exit->reason = reason_of(vmcb->exit_code);
	}
}

void svm_run(struct vcpu *vcpu, struct vcpu_exit *exit) {
	struct vmcb *vmcb = vmcb_of(vcpu);
	struct vcpu_state *state = &vcpu->state;

	vmcb->rax = state->gpr[GPR_RAX];
	vmcb->rsp = state->gpr[GPR_RSP];
	/* An instruction that we carried out ends the shadow of STI or MOV SS, and is a single step. */
	if (vmcb->rip != state->rip) {
		vmcb->interrupt_shadow &= ~VMCB_INTERRUPT_SHADOW;
		if (state->rflags & RFLAGS_TF && !vcpu->event) {
			vmcb->dr6 |= DR6_SINGLE_STEP;
			vcpu_inject(vcpu, EXCEPTION_DB, false, 0);
		}
	}
	vmcb->rip = state->rip;
	vmcb->rflags = state->rflags;
	vmcb->event_injection = vcpu->event;
	/* Without it a machine check in the guest would shut the machine down. */
	vmcb->cr4 |= CR4_MCE;
	gif_clear();
	if (vcpu->requests) {
		/* Whoever set one sends an NMI after it: with GIF clear it waits for VMRUN. */
		gif_set();
		*exit = (struct vcpu_exit){.reason = EXIT_NONE};
		return;
	}
	svm_enter(state->gpr, (uintptr_t)vmcb, (uintptr_t)vcpu->cpu->vendor + PAGE_SIZE);
	gif_set();
	vmcb->tlb_control = TLB_KEEP;
	state->gpr[GPR_RAX] = vmcb->rax;
	state->gpr[GPR_RSP] = vmcb->rsp;
	state->rip = vmcb->rip;
	state->rflags = vmcb->rflags;
	/* Section 15.7.2: an event whose delivery was cut short is delivered again. */
	vcpu->event = event_again(vmcb->exit_interrupt);
	decode(vmcb, exit);
}
