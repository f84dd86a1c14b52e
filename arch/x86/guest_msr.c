/* SPDX-License-Identifier: Apache-2.0 */
#include "guest_apic.h"
#include "guest_clock.h"
#include "machine.h"
#include "x86.h"

#define APIC_MODES (APIC_BASE_ENABLE | APIC_BASE_X2APIC)

enum msr_rights { PASS_READ = 1, PASS_WRITE = 2, IGNORED = 4 };

/* Made of guest_msr.txt. */
static const struct msr_range {
	u32 first, last;
	u32 rights;
} ranges[] = {
#include "guest_msr_rows.h"
};

static u32 rights_of(u32 index) {
	u32 rights = 0;

	for (u32 i = 0; i < ARRAY_SIZE(ranges); i++)
		if (index >= ranges[i].first && index <= ranges[i].last)
			rights |= ranges[i].rights;
	return rights;
}

static bool has_spec_ctrl(void) {
	return cpuid(0x80000008, 0).ebx & CPUID_SPEC_CTRL_EBX ||
	       cpuid(7, 0).edx & CPUID_INTEL_SPEC_CTRL;
}

static bool has_prediction_barrier(void) {
	return cpuid(0x80000008, 0).ebx & CPUID_IBPB || cpuid(7, 0).edx & CPUID_INTEL_SPEC_CTRL;
}

bool guest_msr_is_passed(u32 index, bool write) {
	if (index == MSR_SPEC_CTRL)
		return has_spec_ctrl();
	if (index == MSR_PRED_CMD)
		return write && has_prediction_barrier();
	return rights_of(index) & (write ? PASS_WRITE : PASS_READ);
}

static u64 apic_base(const struct vcpu *vcpu) {
	return (msr_read(MSR_APIC_BASE) & BITS(51, 12)) | vcpu->apic_mode |
	       (vcpu->number == 0 ? APIC_BASE_BSP : 0);
}

/* Intel SDM volume 3, section 11.12.5: which modes follow each other. What is pending is lost on the way. */
static bool write_apic_base(struct vcpu *vcpu, u64 value) {
	u64 old = vcpu->apic_mode, mode = value & APIC_MODES;

	if ((value ^ apic_base(vcpu)) & ~APIC_MODES || mode == APIC_BASE_X2APIC ||
	    (old == APIC_MODES && mode == APIC_BASE_ENABLE) || (!old && mode == APIC_MODES))
		return false;
	if (!mode && old)
		cpu_drain_apic();
	vcpu->apic_mode = mode;
	if (mode != old)
		guest_apic_reset(vcpu);
	return true;
}

void guest_msr_reset(struct vcpu *vcpu) {
	vcpu->mtrr_default = MTRR_ENABLED_WRITE_BACK;
	vcpu->clock_page = 0;
	vcpu->apic_mode = APIC_MODES;
	guest_apic_reset(vcpu);
}

bool guest_msr_read(struct vcpu *vcpu, u32 index, u64 *value) {
	*value = 0;
	switch (index) {
	case MSR_APIC_BASE: *value = apic_base(vcpu); return true;
	case MSR_EFER:
		boot.vcpu_ops->load_state(vcpu);
		*value = vcpu->state.efer;
		return true;
	case MSR_MISC_ENABLE: *value = MISC_ENABLE_FAST_STRINGS; return true;
	case MSR_MTRR_CAP: *value = MTRR_CAP_WRITE_COMBINING; return true;
	case MSR_MTRR_DEF_TYPE: *value = vcpu->mtrr_default; return true;
	case MSR_HWCR: *value = HWCR_TSC_FREQUENCY; return true;
	case MSR_DE_CFG: *value = DE_CFG_LFENCE_SERIALIZES; return true;
	case MSR_KVM_SYSTEM_TIME: *value = vcpu->clock_page; return true;
	default: return rights_of(index) & IGNORED;
	}
}

u64 guest_efer(void) {
	bool has_ibrs =
		cpuid(0x80000000, 0).eax >= 0x80000021 && cpuid(0x80000021, 0).eax & CPUID_AUTOIBRS;

	return EFER_SCE | EFER_LME | EFER_NXE | (has_ibrs ? EFER_AUTOIBRS : 0);
}

/* LMA is read-only; LME may change only without paging. */
static bool write_efer(struct vcpu *vcpu, u64 value) {
	u64 *efer = &vcpu->state.efer;

	boot.vcpu_ops->load_state(vcpu);
	if (value & ~(guest_efer() | EFER_LMA) ||
	    (vcpu->state.cr0 & CR0_PG && (value ^ *efer) & EFER_LME))
		return false;
	*efer = (value & ~EFER_LMA) | (*efer & EFER_LMA);
	boot.vcpu_ops->set_efer(vcpu);
	return true;
}

bool guest_msr_write(struct vcpu *vcpu, u32 index, u64 value) {
	if (index >= MSR_X2APIC && index <= MSR_X2APIC_LAST)
		return guest_apic_write(vcpu, index, value);
	switch (index) {
	case MSR_TSC: /* the counter is the machine's: it cannot be moved */
	case MSR_HWCR:
	case MSR_DE_CFG: return true;
	case MSR_APIC_BASE: return write_apic_base(vcpu, value);
	case MSR_EFER: return write_efer(vcpu, value);
	case MSR_MTRR_DEF_TYPE: vcpu->mtrr_default = value; return true;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME: return guest_clock_write_msr(vcpu, index, value);
	default: return rights_of(index) & IGNORED;
	}
}

/* AMD64 APM volume 2, section 11.5.2: what XSETBV must refuse, before we carry it out ourselves. */
bool guest_xsetbv(struct vcpu *vcpu, u32 index, u64 value) {
	const u64 x87 = BIT(0), sse = BIT(1), avx = BIT(2), bounds = BITS(4, 3);
	const u64 avx512 = BITS(7, 5), offered = BITS(7, 0) & cpuid(0xd, 0).eax;

	boot.vcpu_ops->load_state(vcpu);
	/* The intercept comes before the check of the privilege level. */
	if (vcpu->state.segments[SEG_SS].attributes & SEGMENT_DPL || index != 0 ||
	    !(vcpu->state.cr4 & CR4_OSXSAVE) || !(value & x87) || value & ~offered ||
	    (value & avx && !(value & sse)) ||
	    (value & avx512 && (value & (avx512 | avx)) != (avx512 | avx)) ||
	    (value & bounds && (value & bounds) != bounds))
		return false;
	xcr0_write(value);
	return true;
}
