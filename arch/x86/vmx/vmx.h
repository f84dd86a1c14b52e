/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "../guest_control.h"
#include "vmcs.h"

enum vmx_msr {
	MSR_FEATURE_CONTROL = 0x3a,
	MSR_ARCH_CAPABILITIES = 0x10a,
	MSR_VMX_BASIC = 0x480,
	MSR_VMX_PIN = 0x481, /* processor, exit, entry follow; and the same as TRUE */
	MSR_VMX_CR0_FIXED0 = 0x486,
	MSR_VMX_CR4_FIXED0 = 0x488,
	MSR_VMX_SECONDARY = 0x48b,
	MSR_VMX_EPT = 0x48c,
	MSR_VMX_TRUE_PIN = 0x48d,
	MSR_KERNEL_GS_BASE = 0xc0000102,
};

/* controls.c: in the order of their capability MSRs. */
enum control_set {
	CONTROL_PIN,
	CONTROL_PROCESSOR,
	CONTROL_EXIT,
	CONTROL_ENTRY,
	CONTROL_SECONDARY,
	CONTROL_SETS
};
#define SECONDARY_VPID BIT(5)
#define SECONDARY_ENCLS BIT(15)
#define SECONDARY_XSAVES BIT(20)
#define SECONDARY_ENCLV BIT(28)

/*
 * What the VMCS's controls hold, from capability MSRs (section A.3: low half, must be 1; high half, may be 1).
 * False, with every reason in words, when one that is needed is missing or one that harms is forced.
 */
bool controls_choose(const u64 capabilities[CONTROL_SETS], u32 controls[CONTROL_SETS],
		     struct text_sink *reason);

struct vmx_vcpu {
	u8 *vmcs;
	u64 ept_pointer;
	u64 rip; /* at the last exit */
	bool launched;
};

static inline struct vmx_vcpu *vmx_of(const struct vcpu *vcpu) {
	return vcpu->vendor;
}

/* Of a processor that has been switched on. */
static inline const u32 *vmx_controls(const struct cpu *cpu) {
	return cpu->vendor;
}

/* vmx.c */
u64 vmcs_read(u32 field);
void vmcs_write(u32 field, u64 value);
/* Makes the VMCS this processor's current one, and never launched. */
void vmcs_load(struct vmx_vcpu *vmx);
void vmx_flush(struct vcpu *vcpu);

/* msr_map.c: address of the map that serves every partition; 0: the pool is empty. */
u64 vmx_msr_map(struct page_pool *pool);

/* state.c */
bool vmx_create(struct vcpu *vcpu, struct page_pool *pool, u64 nested_root);
void vmx_set_state(struct vcpu *vcpu);
void vmx_load_state(struct vcpu *vcpu);
/* DR6, which is no part of the VMCS, of a debug exception that is to be delivered. */
void vmx_debug_hit(u64 hits);

/* state_check.c: what an entry would refuse (section 27.3.1), in words; NULL: nothing that is known. */
const char *vmx_state_fault(const struct vcpu_state *state);

/* exits.c */
void vmx_run(struct vcpu *vcpu, struct vcpu_exit *exit);

enum vmx_entry { ENTRY_NOT_TRIED, ENTRY_REFUSED, ENTRY_DONE };
enum vmx_entry vmx_enter(u64 *gpr, const volatile u32 *requests, bool launched);
extern const char vmx_exit[];
