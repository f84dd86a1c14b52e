/* SPDX-License-Identifier: Apache-2.0 */
#include "guest_clock.h"
#include "machine.h"
#include "x86.h"

#define ANY_SUBLEAF 0xffffffffu

struct leaf_policy {
	u32 first, last; /* leaves, inclusive */
	u32 subleaf;
	u32 eax, ebx, ecx, edx; /* bits that pass */
};

/* Made of guest_cpuid.txt; the first one that fits counts. */
static const struct leaf_policy policy[] = {
#include "guest_cpuid_rows.h"
};

static const struct leaf_policy *find(u32 leaf, u32 subleaf) {
	for (u32 i = 0; i < ARRAY_SIZE(policy); i++) {
		const struct leaf_policy *p = &policy[i];

		if (leaf >= p->first && leaf <= p->last &&
		    (p->subleaf == ANY_SUBLEAF || p->subleaf == subleaf))
			return p;
	}
	return NULL;
}

/*
 * An emulated machine may run its counters in step without saying so; no guest can change their
 * rate here, because nothing that could is passed.
 */
static bool tsc_is_invariant(void) {
	return cpuid(0x80000007, 0).edx & CPUID_INVARIANT_TSC || cpuid(1, 0).ecx & CPUID_HYPERVISOR;
}

static struct cpuid answer(struct vcpu *vcpu, u32 leaf, u32 subleaf) {
	const struct leaf_policy *p = find(leaf, subleaf);
	struct cpuid r = {0};

	if (leaf >= GUEST_CLOCK_LEAF && leaf <= GUEST_CLOCK_LEAF_LAST)
		return guest_clock_cpuid(leaf);
	if (!p)
		return r;
	r = cpuid(leaf, subleaf);
	r.eax &= p->eax;
	r.ebx &= p->ebx;
	r.ecx &= p->ecx;
	r.edx &= p->edx;
	if (leaf == 1) {
		boot.vcpu_ops->load_state(vcpu);
		r.ecx = (r.ecx & ~(u32)CPUID_OSXSAVE) | (u32)(CPUID_HYPERVISOR | CPUID_X2APIC);
		if (vcpu->state.cr4 & CR4_OSXSAVE)
			r.ecx |= (u32)CPUID_OSXSAVE;
	} else if (leaf == 0x80000007 && tsc_is_invariant()) {
		r.edx |= (u32)CPUID_INVARIANT_TSC;
	}
	return r;
}

void guest_cpuid(struct vcpu *vcpu) {
	u64 *gpr = vcpu->state.gpr;
	struct cpuid r = answer(vcpu, (u32)gpr[GPR_RAX], (u32)gpr[GPR_RCX]);

	gpr[GPR_RAX] = r.eax;
	gpr[GPR_RBX] = r.ebx;
	gpr[GPR_RCX] = r.ecx;
	gpr[GPR_RDX] = r.edx;
}
