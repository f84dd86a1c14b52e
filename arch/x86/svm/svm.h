/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "../guest_control.h"
#include "vmcb.h" /* made of vmcb.txt */
#include "x86.h"

_Static_assert(offsetof(struct segment, base) == 8 && SEG_GS == 5, "segments as the VMCB has them");

/* state.c */
bool svm_create(struct vcpu *vcpu, struct page_pool *pool, u64 nested_root);
void svm_set_state(struct vcpu *vcpu);
void svm_load_state(struct vcpu *vcpu);

/* exits.c */
void svm_run(struct vcpu *vcpu, struct vcpu_exit *exit);

void svm_enter(u64 *gpr, u64 vmcb, u64 host_vmcb);

static inline struct vmcb *vmcb_of(const struct vcpu *vcpu) {
	return vcpu->vendor;
}
