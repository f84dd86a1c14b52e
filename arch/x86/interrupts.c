/* SPDX-License-Identifier: Apache-2.0 */
#include "processor.h"

#define FIRST_EXTERNAL_VECTOR 32
#define FIRST_LEGAL_VECTOR 16

/* Between looking whether there is work and sleeping, or entering: what came in there must not be missed. */
static void leave(struct interrupt_frame *frame, const char *begin, const char *end) {
	if (frame->rip >= (uintptr_t)begin && frame->rip < (uintptr_t)end)
		frame->rip = (uintptr_t)end;
}

/* Guests may use vectors 16 to 31 for interrupts: then the local APIC has them in service. */
static bool is_external(u64 vector) {
	if (vector == EXCEPTION_MC && msr_read(MSR_MCG_STATUS) & MCG_MCIP)
		return false;
	return vector >= FIRST_EXTERNAL_VECTOR ||
	       (vector >= FIRST_LEGAL_VECTOR && msr_read(X2APIC_ISR) & BIT(vector));
}

void interrupt_handler(struct interrupt_frame *frame) {
	if (frame->vector == EXCEPTION_NMI) {
		leave(frame, cpu_idle_begin, cpu_idle_end);
		leave(frame, vmx_enter_begin, vmx_enter_end);
		faults_signal();
	} else if (is_external(frame->vector)) {
		/*
		 * Guests' interrupts are held while the hypervisor runs; they arrive here only while a
		 * processor drains its local APIC or sleeps as monitor.
		 */
		msr_write(X2APIC_EOI, 0);
	} else {
		panic("exception %llu error 0x%llx at rip 0x%llx rsp 0x%llx cr2 0x%llx apic 0x%x",
		      (unsigned long long)frame->vector, (unsigned long long)frame->error,
		      (unsigned long long)frame->rip, (unsigned long long)frame->rsp,
		      (unsigned long long)cr2_read(), (u32)msr_read(X2APIC_ID));
	}
}
