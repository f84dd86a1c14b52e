/* SPDX-License-Identifier: Apache-2.0 */
#include "svm.h"

/* Each processor runs one guest only: one identifier serves all (0 is the host's). */
#define GUEST_ASID 1
#define MSR_PERMISSION_PAGES 2
#define MSRS_PER_RANGE 0x2000

static void intercepts(struct vmcb *vmcb) {
	/*
	 * External interrupts are not among them: they reach the guest's own table. #DB and #AC could
	 * otherwise keep the processor in microcode, out of reach of our NMI.
	 */
	vmcb->intercept_exceptions = BIT(EXCEPTION_DB) | BIT(EXCEPTION_AC) | BIT(EXCEPTION_MC);
	vmcb->intercept_1 =
		(u32)(INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_RDPMC | INTERCEPT_CPUID |
		      INTERCEPT_INVD | INTERCEPT_INVLPGA | INTERCEPT_IOIO | INTERCEPT_MSR |
		      INTERCEPT_FERR_FREEZE | INTERCEPT_SHUTDOWN);
	vmcb->intercept_2 = INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD |
			    INTERCEPT_VMSAVE | INTERCEPT_STGI | INTERCEPT_CLGI | INTERCEPT_SKINIT |
			    INTERCEPT_MONITOR | INTERCEPT_MWAIT | INTERCEPT_MWAIT_ARMED |
			    INTERCEPT_XSETBV | INTERCEPT_RDPRU;
	vmcb->intercept_3 = INTERCEPT_INVLPGB | INTERCEPT_INVLPGB_ILLEGAL | INTERCEPT_MCOMMIT |
			    INTERCEPT_TLBSYNC;
}

/* Section 15.11: read and write side by side, range after range. One map serves every partition. */
static u64 msr_permissions(struct page_pool *pool) {
	static const u32 first[] = {0, 0xc0000000, 0xc0010000};
	static u8 *map;

	if (map)
		return (uintptr_t)map;
	map = page_pool_take(pool, MSR_PERMISSION_PAGES);
	if (map)
		memset(map, 0xff, MSR_PERMISSION_PAGES * PAGE_SIZE);
	for (u32 bit = 0; map && bit < ARRAY_SIZE(first) * MSRS_PER_RANGE * 2; bit++) {
		u32 index = bit / 2, range = index / MSRS_PER_RANGE;

		if (guest_msr_is_passed(first[range] + index % MSRS_PER_RANGE, bit % 2))
			map[bit / 8] &= (u8) ~(1u << bit % 8);
	}
	return (uintptr_t)map;
}

bool svm_create(struct vcpu *vcpu, struct page_pool *pool, u64 nested_root) {
	struct vmcb *vmcb = page_pool_take(pool, 1);

	vcpu->vendor = vmcb;
	if (!vmcb)
		return false;
	intercepts(vmcb);
	vmcb->io_permissions = (uintptr_t)vcpu->partition->ports;
	vmcb->msr_permissions = msr_permissions(pool);
	vmcb->asid = GUEST_ASID;
	vmcb->nested_control = VMCB_NESTED_PAGING;
	vmcb->nested_cr3 = nested_root;
	return vmcb->msr_permissions;
}

void svm_set_state(struct vcpu *vcpu) {
	struct vmcb *vmcb = vmcb_of(vcpu);
	const struct vcpu_state *state = &vcpu->state;

	memcpy(vmcb->segments, state->segments, sizeof(vmcb->segments));
	vmcb->ldtr = state->segments[SEG_LDTR];
	vmcb->tr = state->segments[SEG_TR];
	vmcb->gdtr = state->gdtr;
	vmcb->idtr = state->idtr;
	vmcb->cpl = 0;
	/* Section 15.5.1: VMRUN refuses a guest whose EFER.SVME is clear. */
	vmcb->efer = state->efer | EFER_SVME;
	vmcb->cr0 = state->cr0;
	vmcb->cr2 = state->cr2;
	vmcb->cr3 = state->cr3;
	vmcb->cr4 = state->cr4;
	vmcb->dr6 = DR6_DEFAULT;
	vmcb->dr7 = DR7_DEFAULT;
	vmcb->guest_pat = PAT_DEFAULT;
	vmcb->star = vmcb->lstar = vmcb->cstar = vmcb->sfmask = vmcb->kernel_gs_base = 0;
	vmcb->sysenter_cs = vmcb->sysenter_esp = vmcb->sysenter_eip = vmcb->spec_ctrl = 0;
	vcpu->event = 0;
	vmcb->interrupt_shadow = 0;
	vmcb->tlb_control = TLB_FLUSH_ALL;
}

void svm_load_state(struct vcpu *vcpu) {
	struct vmcb *vmcb = vmcb_of(vcpu);
	struct vcpu_state *state = &vcpu->state;

	memcpy(state->segments, vmcb->segments, sizeof(vmcb->segments));
	state->segments[SEG_LDTR] = vmcb->ldtr;
	state->segments[SEG_TR] = vmcb->tr;
	/* The privilege level of the guest is told apart by SS in our code, as on VT-x. */
	state->segments[SEG_SS].attributes =
		(u16)((state->segments[SEG_SS].attributes & ~SEGMENT_DPL) | (u16)(vmcb->cpl << 5));
	state->gdtr = vmcb->gdtr;
	state->idtr = vmcb->idtr;
	state->efer = vmcb->efer & ~EFER_SVME;
	state->cr0 = vmcb->cr0;
	state->cr2 = vmcb->cr2;
	state->cr3 = vmcb->cr3;
	state->cr4 = vmcb->cr4;
}
