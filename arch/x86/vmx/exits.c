/* SPDX-License-Identifier: Apache-2.0 */
#include "vmx.h"

static void decode_exception(struct vcpu *vcpu, struct vcpu_exit *exit, u64 qualification) {
	u64 event = vmcs_read(VMCS_EXIT_EVENT);

	if ((event & EVENT_TYPE) == EVENT_TYPE_NMI) {
		exit->reason = EXIT_NMI;
		return;
	}
	exit->reason = EXIT_EXCEPTION;
	exit->vector = (u8)event;
	exit->has_error = event & EVENT_HAS_ERROR;
	exit->error = (u32)vmcs_read(VMCS_EXIT_ERROR);
	/* INT1 is a trap; its own event, not a step of ours. */
	if ((event & EVENT_TYPE) >= EVENT_SOFTWARE)
		vcpu->state.rip = vmx_of(vcpu)->rip = exit->next_rip;
	if (exit->vector == EXCEPTION_DB) {
		/* Section 28.1: the exit comes before DR6 is written and DR7.GD cleared. */
		vmx_debug_hit(qualification & DEBUG_DR6);
		vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~DR7_GD);
	}
}

static void decode_io(struct vcpu_exit *exit, u64 qualification) {
	exit->reason = EXIT_IO;
	exit->write = !(qualification & IO_IN);
	exit->string = qualification & IO_STRING;
	exit->width = (u8)((qualification & IO_WIDTH) + 1);
	exit->port = (u16)(qualification >> IO_PORT_SHIFT);
}

static void decode_ept_violation(struct vcpu_exit *exit, u64 qualification) {
	exit->reason = EXIT_NPF;
	exit->write = qualification & EPT_WRITE;
	exit->fetch = qualification & EPT_FETCH;
	exit->walk = !(qualification & EPT_TRANSLATED);
	exit->address = vmcs_read(VMCS_GUEST_PHYSICAL);
}

static bool in_64bit_code(void) {
	return vmcs_read(VMCS_GUEST_EFER) & EFER_LMA &&
	       vmcs_read(VMCS_GUEST_RIGHTS + VMCS_STEP * SEG_CS) & RIGHTS_LONG;
}

/*
 * Only bits that are ours, and of these only changes, come here. CR0 and CR4.MCE: the guest reads what it
 * wrote, and the instruction runs again, without exit now, for its other bits. CR4 else: not offered.
 */
static void write_control_register(struct vcpu *vcpu, u64 qualification) {
	u32 gpr = qualification >> CONTROL_GPR_SHIFT & CONTROL_GPR;
	u64 value = in_64bit_code() ? vcpu->state.gpr[gpr] : (u32)vcpu->state.gpr[gpr];
	bool is_cr0 = !(qualification & CONTROL_NUMBER);
	u64 mask = is_cr0 ? 0 : vmcs_read(VMCS_CR4_MASK) & ~CR4_MCE;

	if (value & mask || (is_cr0 && value & CR0_NW && !(value & CR0_CD)))
		vcpu_inject(vcpu, EXCEPTION_GP, true, 0);
	else
		vmcs_write(is_cr0 ? VMCS_CR0_SHADOW : VMCS_CR4_SHADOW, value);
}

static enum exit_reason reason_of(u32 code) {
	switch (code) {
	case VMX_EXIT_TRIPLE_FAULT: return EXIT_SHUTDOWN;
	case VMX_EXIT_CPUID: return EXIT_CPUID;
	case VMX_EXIT_RDMSR:
	case VMX_EXIT_WRMSR: return EXIT_MSR;
	case VMX_EXIT_XSETBV: return EXIT_XSETBV;
	case VMX_EXIT_GETSEC:
	case VMX_EXIT_INVD:
	case VMX_EXIT_RDPMC:
	case VMX_EXIT_RSM:
	case VMX_EXIT_VMCALL ... VMX_EXIT_VMXON:
	case VMX_EXIT_MWAIT:
	case VMX_EXIT_MONITOR:
	case VMX_EXIT_INVEPT:
	case VMX_EXIT_INVVPID:
	case VMX_EXIT_ENCLS:
	case VMX_EXIT_XSAVES ... VMX_EXIT_XRSTORS:
	case VMX_EXIT_ENCLV:
	case VMX_EXIT_SEAMCALL ... VMX_EXIT_TDCALL: return EXIT_INSTRUCTION;
	default: return EXIT_OTHER;
	}
}

static void decode(struct vcpu *vcpu, struct vcpu_exit *exit) {
	u64 qualification = vmcs_read(VMCS_QUALIFICATION);
	u32 code = exit->code & EXIT_REASON_CODE;

	exit->next_rip = vcpu->state.rip + vmcs_read(VMCS_EXIT_LENGTH);
	/* Where 32-bit addresses end they begin again; an entry refuses what is above. */
	if ((exit->next_rip ^ vcpu->state.rip) >> 32 && !in_64bit_code())
		exit->next_rip = (u32)exit->next_rip;
	if (code == VMX_EXIT_ENTRY_MACHINE_CHECK) {
		/* Section 27.8: the machine's, not the guest's. Like one in the guest it is noted, and MCIP cleared. */
		exit->reason = EXIT_EXCEPTION;
		exit->vector = EXCEPTION_MC;
	} else if (exit->code & EXIT_ENTRY_FAILED) {
		vmx_load_state(vcpu);
		exit->reason = EXIT_INVALID;
		exit->why = vmx_state_fault(&vcpu->state) ?: exit->why;
	} else if (code == VMX_EXIT_EXCEPTION) {
		decode_exception(vcpu, exit, qualification);
	} else if (code == VMX_EXIT_IO) {
		decode_io(exit, qualification);
	} else if (code == VMX_EXIT_EPT_VIOLATION) {
		decode_ept_violation(exit, qualification);
	} else if (code == VMX_EXIT_CONTROL_REGISTER) {
		exit->reason = EXIT_CONTROL;
		write_control_register(vcpu, qualification);
	} else {
		exit->reason = reason_of(code);
		exit->write = code == VMX_EXIT_WRMSR;
		if (code == VMX_EXIT_TASK_SWITCH)
			exit->why = "task switch";
	}
}

static void prepare(const struct vcpu *vcpu) {
	const struct vcpu_state *state = &vcpu->state;
	bool stepped = vmx_of(vcpu)->rip != state->rip;
	u64 shadow = vmcs_read(VMCS_GUEST_SHADOW);

	vmcs_write(VMCS_GUEST_RSP, state->gpr[GPR_RSP]);
	vmcs_write(VMCS_GUEST_RFLAGS, state->rflags);
	vmcs_write(VMCS_GUEST_RIP, state->rip);
	/* An instruction that we carried out ends the shadow of STI or MOV SS. */
	if (stepped)
		vmcs_write(VMCS_GUEST_SHADOW, shadow & ~SHADOW_INTERRUPTS);
	/* It is a single step, too; and in a shadow an entry wants to see that one waits (section 27.3.1.5). */
	if (state->rflags & RFLAGS_TF && (stepped || shadow & SHADOW_INTERRUPTS))
		vmcs_write(VMCS_PENDING_DEBUG, vmcs_read(VMCS_PENDING_DEBUG) | PENDING_SINGLE_STEP);
	vmcs_write(VMCS_ENTRY_EVENT, (u32)vcpu->event);
	vmcs_write(VMCS_ENTRY_ERROR, vcpu->event >> EVENT_ERROR_SHIFT);
}

void vmx_run(struct vcpu *vcpu, struct vcpu_exit *exit) {
	struct vcpu_state *state = &vcpu->state;
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	u64 interrupted;

	*exit = (struct vcpu_exit){.reason = EXIT_INVALID,
				   .why = vmx->launched ? NULL : vmx_state_fault(state)};
	if (exit->why)
		return;
	exit->why = "VT-x says no more";
	prepare(vcpu);
	switch (vmx_enter(state->gpr, &vcpu->requests, vmx->launched)) {
	case ENTRY_NOT_TRIED: exit->reason = EXIT_NONE; return;
	case ENTRY_REFUSED:
		exit->code = vmcs_read(VMCS_INSTRUCTION_ERROR);
		exit->why = "its VMCS is not accepted";
		return;
	case ENTRY_DONE: break;
	}
	exit->code = vmcs_read(VMCS_EXIT_REASON);
	state->gpr[GPR_RSP] = vmcs_read(VMCS_GUEST_RSP);
	state->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	vmx->rip = state->rip = vmcs_read(VMCS_GUEST_RIP);
	vmx->launched = true;
	interrupted = vmcs_read(VMCS_INTERRUPTED_EVENT) & EVENT_BITS;
	vcpu->event =
		event_again(interrupted | vmcs_read(VMCS_INTERRUPTED_ERROR) << EVENT_ERROR_SHIFT);
	decode(vcpu, exit);
	/* Section 28.3.3: the exit blocks NMIs until IRET; one that waits strikes here. */
	if (exit->reason == EXIT_NMI)
		__asm__ volatile("int $2");
}
