/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "x86.h"

/*
 * The life of a virtual processor on its physical one: enter, look why it came back, go in again.
 */

static void inject_fault(struct vcpu *vcpu) {
	vcpu_inject(vcpu, EXCEPTION_GP, true, 0);
}

/* Moves RIP behind the instruction that left the guest. False: it could not be read or is none that we know. */
static bool skip_instruction(struct vcpu *vcpu, const struct vcpu_exit *exit) {
	u8 bytes[INSTRUCTION_BYTES_MAX];
	size_t count;
	u8 length;

	if (exit->next_rip) {
		vcpu->state.rip = exit->next_rip;
		return true;
	}
	boot.vcpu_ops->load_state(vcpu);
	count = guest_fetch(&vcpu->partition->memory, &vcpu->state, bytes);
	length = instruction_length(bytes, count, guest_code_mode(&vcpu->state));
	vcpu->state.rip += length;
	if (guest_code_mode(&vcpu->state) != CODE_64)
		vcpu->state.rip &= UINT32_MAX;
	return length != 0;
}

static void complete(struct vcpu *vcpu, const struct vcpu_exit *exit) {
	if (!skip_instruction(vcpu, exit))
		partition_fail(vcpu->partition,
			       "instruction at rip 0x%lx (exit 0x%lx) not understood",
			       vcpu->state.rip, exit->code);
}

static u64 edx_eax(const struct vcpu *vcpu) {
	return vcpu->state.gpr[GPR_RDX] << 32 | (u32)vcpu->state.gpr[GPR_RAX];
}

static void access_msr(struct vcpu *vcpu, const struct vcpu_exit *exit) {
	u32 index = (u32)vcpu->state.gpr[GPR_RCX];
	u64 value = 0;
	bool good = exit->write ? guest_msr_write(vcpu, index, edx_eax(vcpu))
				: guest_msr_read(vcpu, index, &value);

	if (!good) {
		inject_fault(vcpu);
		return;
	}
	if (!exit->write) {
		vcpu->state.gpr[GPR_RAX] = (u32)value;
		vcpu->state.gpr[GPR_RDX] = value >> 32;
	}
	complete(vcpu, exit);
}

static void access_port(struct vcpu *vcpu, const struct vcpu_exit *exit) {
	if (guest_port_access(vcpu, exit))
		complete(vcpu, exit);
	else
		partition_fail(vcpu->partition, "string access to port 0x%x at rip 0x%lx",
			       exit->port, vcpu->state.rip);
}

static void handle(struct vcpu *vcpu, const struct vcpu_exit *exit) {
	struct partition *p = vcpu->partition;
	u32 number = vcpu->cpu->index;

	switch (exit->reason) {
	case EXIT_IO: access_port(vcpu, exit); break;
	case EXIT_MSR:
	case EXIT_ICR:
	case EXIT_APIC: access_msr(vcpu, exit); break;
	case EXIT_CPUID:
		guest_cpuid(vcpu);
		complete(vcpu, exit);
		break;
	case EXIT_NPF: guest_memory_fault(vcpu, exit); break;
	case EXIT_XSETBV:
		if (guest_xsetbv(vcpu, (u32)vcpu->state.gpr[GPR_RCX], edx_eax(vcpu)))
			complete(vcpu, exit);
		else
			inject_fault(vcpu);
		break;
	case EXIT_INSTRUCTION: vcpu_inject(vcpu, EXCEPTION_UD, false, 0); break;
	case EXIT_EXCEPTION:
		if (exit->vector != EXCEPTION_MC) {
			vcpu_inject(vcpu, exit->vector, exit->has_error, exit->error);
			break;
		}
		partition_fail(p, "machine check on cpu %u", number);
		/* It has been noted: the next one must not shut the machine down. */
		msr_write(MSR_MCG_STATUS, 0);
		break;
	case EXIT_SHUTDOWN: partition_fail(p, "triple fault on cpu %u", number); break;
	case EXIT_INVALID:
		partition_fail(p,
			       "the processor refuses the state that cpu %u was brought into: %s",
			       number, exit->why);
		break;
	case EXIT_CONTROL:
	case EXIT_NMI:
	case EXIT_NONE: break;
	default:
		partition_fail(p, "unexpected exit 0x%lx (%s) at rip 0x%lx on cpu %u", exit->code,
			       exit->why, vcpu->state.rip, number);
	}
}

/* MSR exits of the local APIC are counted apart. */
static enum exit_reason refine(const struct vcpu *vcpu, const struct vcpu_exit *exit) {
	u32 index = (u32)vcpu->state.gpr[GPR_RCX];

	if (exit->reason != EXIT_MSR)
		return exit->reason;
	if (index == X2APIC_ICR)
		return EXIT_ICR;
	return index >= MSR_X2APIC && index <= MSR_X2APIC_LAST ? EXIT_APIC : EXIT_MSR;
}

void vcpu_request(struct vcpu *vcpu, u32 request) {
	__atomic_fetch_or(&vcpu->requests, request, __ATOMIC_SEQ_CST);
	cpu_wake(vcpu->cpu);
}

/* False: the virtual processor is to leave for good. */
static bool serve_requests(struct vcpu *vcpu) {
	/*
	 * All at once: INIT that came after the look at INIT, and the start-up behind it that came before the look
	 * at that, would leave the processor waiting for another one.
	 */
	u32 taken = __atomic_fetch_and(&vcpu->requests, REQUEST_STOP, __ATOMIC_SEQ_CST);

	if (taken & REQUEST_STOP)
		return false;
	if (taken & REQUEST_INIT) {
		cpu_drain_apic();
		guest_apic_reset(vcpu);
		vcpu->mode = VCPU_WAIT_STARTUP;
	}
	if (taken & REQUEST_STARTUP && vcpu->mode == VCPU_WAIT_STARTUP) {
		vcpu_startup_state(&vcpu->state, vcpu->startup_vector);
		boot.vcpu_ops->set_state(vcpu);
		vcpu->mode = VCPU_RUNNING;
	}
	if (taken & REQUEST_FAULTS)
		faults_event();
	if (taken & REQUEST_FLUSH)
		boot.vcpu_ops->flush(vcpu);
	return true;
}

void vcpu_loop(struct vcpu *vcpu) {
	struct vcpu_exit exit;

	while (serve_requests(vcpu)) {
		if (vcpu->mode != VCPU_RUNNING) {
			cpu_idle(vcpu->cpu);
			continue;
		}
		boot.vcpu_ops->run(vcpu, &exit);
		exit.reason = refine(vcpu, &exit);
		vcpu->exits[exit.reason]++;
		handle(vcpu, &exit);
		faults_poll();
	}
	vcpu->mode = VCPU_OFF;
}
