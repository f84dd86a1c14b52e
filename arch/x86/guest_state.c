/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "x86.h"

/* AMD64 APM volume 2, table 14-1: processor state after INIT. */
#define RESET_CS 0xf000
#define RESET_CS_BASE 0xffff0000ull
#define RESET_RIP 0xfff0
#define REAL_MODE_LIMIT 0xffff

#define EXTENDED_STATE_BYTES 576 /* that XRSTOR reads when everything is to be as at reset */

void vcpu_reset_state(struct vcpu_state *state) {
	struct segment data = {.attributes = SEGMENT_DATA_16, .limit = REAL_MODE_LIMIT};

	*state = (struct vcpu_state){
		.rip = RESET_RIP, .rflags = RFLAGS_FIXED, .cr0 = CR0_CD | CR0_NW | CR0_ET};
	for (u32 i = 0; i < SEG_COUNT; i++)
		state->segments[i] = data;
	state->segments[SEG_CS] = (struct segment){.selector = RESET_CS,
						   .attributes = SEGMENT_CODE_16,
						   .limit = REAL_MODE_LIMIT,
						   .base = RESET_CS_BASE};
	state->segments[SEG_LDTR].attributes = SEGMENT_LDT;
	state->segments[SEG_TR].attributes = SEGMENT_TSS_BUSY;
	state->gdtr.limit = REAL_MODE_LIMIT;
	state->idtr.limit = REAL_MODE_LIMIT;
	state->gpr[GPR_RDX] = cpuid(1, 0).eax;
}

void vcpu_inject(struct vcpu *vcpu, u8 vector, bool has_error, u32 error) {
	boot.vcpu_ops->load_state(vcpu);
	vcpu->event = EVENT_VALID | EVENT_TYPE_EXCEPTION | vector;
	if (has_error && vcpu->state.cr0 & CR0_PE)
		vcpu->event |= EVENT_HAS_ERROR | (u64)error << EVENT_ERROR_SHIFT;
}

/* Intel SDM volume 3, section 9.4.4: execution begins at vector << 12. */
void vcpu_startup_state(struct vcpu_state *state, u8 vector) {
	vcpu_reset_state(state);
	state->rip = 0;
	state->segments[SEG_CS].selector = (u16)(vector << 8);
	state->segments[SEG_CS].base = (u64)vector << 12;
}

void cpu_reset_registers(void) {
	/* Control words of x87 and SSE: all exceptions masked. */
	static const u8 initial[EXTENDED_STATE_BYTES]
		__attribute__((aligned(64))) = {0x7f, 0x03, [24] = 0x80, 0x1f};
	struct cpuid extended = cpuid(0xd, 0);

	cr4_write(cr4_read() | CR4_OSFXSR);
	__asm__ volatile("fxrstor64 %0" : : "m"(initial));
	if (cpuid(1, 0).ecx & CPUID_XSAVE) {
		cr4_write(cr4_read() | CR4_OSXSAVE);
		xcr0_write((u64)extended.edx << 32 | extended.eax);
		__asm__ volatile("xrstor64 %0" : : "m"(initial), "a"(-1), "d"(-1));
		xcr0_write(BIT(0));
	}
	__asm__ volatile("mov %0,%%dr0; mov %0,%%dr1; mov %0,%%dr2; mov %0,%%dr3" : : "r"(0ull));
	if (guest_msr_is_passed(MSR_SPEC_CTRL, true))
		msr_write(MSR_SPEC_CTRL, 0);
}
