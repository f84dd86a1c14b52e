/* SPDX-License-Identifier: Apache-2.0 */
#include "guest_clock.h"
#include "machine.h"
#include "x86.h"

/*
 * What a guest is told of its processor: the real one, less what is not offered. Leaves that are
 * not in this table read as zero, so that a new processor cannot offer what nobody has thought of.
 */
#define ALL 0xffffffffu
#define ANY_SUBLEAF 0xffffffffu

#define LEAF1_OSXSAVE BIT(27)
#define LEAF1_HYPERVISOR BIT(31)
#define LEAF1_X2APIC BIT(21)
#define APM_INVARIANT_TSC BIT(8)

struct leaf_policy {
	u32 first, last; /* leaves, inclusive */
	u32 subleaf;
	u32 eax, ebx, ecx, edx; /* bits that pass */
};

static const struct leaf_policy policy[] = {
	{0x0, 0x0, ANY_SUBLEAF, ALL, ALL, ALL, ALL},
	/*
	 * ECX without MONITOR 3, VMX 5, SMX 6, EST 7, TM2 8, PDCM 15, DCA 18, TSC deadline 24;
	 * EDX without DS 21, ACPI 22, TM 29, PBE 31.
	 */
	{0x1, 0x1, ANY_SUBLEAF, ALL, ALL, ~0x010481e8u, ~0xa0600000u},
	{0x2, 0x2, ANY_SUBLEAF, ALL, ALL, ALL, ALL},
	{0x4, 0x4, ANY_SUBLEAF, ALL, ALL, ALL, ALL},
	{0x6, 0x6, ANY_SUBLEAF, BIT(2) /* APIC timer always runs */, 0, 0, 0},
	/*
	 * EBX without TSC_ADJUST 1, SGX 2, RDT 12 and 15, processor trace 25; ECX without PKU 3 and
	 * OSPKE 4, WAITPKG 5, shadow stacks 7, memory encryption 13, key locker 23, bus lock detection 24,
	 * ENQCMD 29, SGX 30, PKS 31; EDX without UINTR 5, PCONFIG 18, LBR 19, branch tracking 20,
	 * AMX 22, 24, 25, L1D_FLUSH 28, architectural and core capabilities 29, 30.
	 */
	{0x7, 0x7, 0, 0, ~0x02009006u, ~0xe18020b8u, ~0x735c0020u},
	{0xb, 0xb, ANY_SUBLEAF, ALL, ALL, ALL, ALL},
	{0xd, 0xd, 0, ALL, ALL, ALL, ALL},
	{0xd, 0xd, 1, 0x7 /* without XSAVES, XFD */, ALL, 0, 0},
	{0xd, 0xd, ANY_SUBLEAF, ALL, ALL, ALL, ALL},
	{0x15, 0x16, ANY_SUBLEAF, ALL, ALL, ALL, ALL},
	{0x1f, 0x1f, ANY_SUBLEAF, ALL, ALL, ALL, ALL},
	{0x80000000, 0x80000000, ANY_SUBLEAF, ALL, ALL, ALL, ALL},
	/*
	 * ECX without SVM 2, extended APIC 3, OSVW 9, IBS 10, SKINIT 12, WDT 13, LWP 15,
	 * performance counters 23-24, breakpoint extension 26, perf TSC 27, LLC counters 28, MWAITX 29.
	 */
	{0x80000001, 0x80000001, ANY_SUBLEAF, ALL, ALL, ~0x3d80b60cu, ALL},
	{0x80000002, 0x80000006, ANY_SUBLEAF, ALL, ALL, ALL, ALL},
	{0x80000007, 0x80000007, ANY_SUBLEAF, 0, 0, 0, APM_INVARIANT_TSC},
	/* EBX: CLZERO 0, error pointers 2, WBNOINVD 9, and the speculation controls. */
	{0x80000008, 0x80000008, ANY_SUBLEAF, ALL, 0x1507d205u, ALL, 0},
	{0x80000019, 0x8000001a, ANY_SUBLEAF, ALL, ALL, ALL, ALL},
	{0x8000001d, 0x8000001e, ANY_SUBLEAF, ALL, ALL, ALL, ALL},
	/* EAX: LFENCE serialises 2, null selector clears base 6, automatic IBRS 8. */
	{0x80000021, 0x80000021, ANY_SUBLEAF, 0x144, 0, 0, 0},
	{0x80000026, 0x80000026, ANY_SUBLEAF, ALL, ALL, ALL, ALL},
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
	return cpuid(0x80000007, 0).edx & APM_INVARIANT_TSC || cpuid(1, 0).ecx & LEAF1_HYPERVISOR;
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
		r.ecx = (r.ecx & ~(u32)LEAF1_OSXSAVE) | (u32)(LEAF1_HYPERVISOR | LEAF1_X2APIC);
		if (vcpu->state.cr4 & CR4_OSXSAVE)
			r.ecx |= (u32)LEAF1_OSXSAVE;
	} else if (leaf == 0x80000007 && tsc_is_invariant()) {
		r.edx |= (u32)APM_INVARIANT_TSC;
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
