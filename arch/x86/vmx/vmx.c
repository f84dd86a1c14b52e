/* SPDX-License-Identifier: Apache-2.0 */
#include "vmx.h"

#define CPUID_VMX BIT(5) /* 1 ECX */
#define CPUID_ARCH_CAPABILITIES BIT(29) /* 7 EDX */
#define PSCHANGE_MC_NO BIT(6)
/* IA32_FEATURE_CONTROL, section 24.7. */
#define FEATURE_LOCKED BIT(0)
#define FEATURE_VMX BIT(2) /* outside SMX */
#define BASIC_REVISION BITS(30, 0)
#define BASIC_TRUE_CONTROLS BIT(55)
/* IA32_VMX_EPT_VPID_CAP, section A.10. */
#define EPT_NEEDED (BIT(6) | BIT(14) | BIT(20) | BIT(26)) /* 4 levels, write-back, INVEPT of all */
#define EPT_PAGE_2M BIT(16)
#define EPT_PAGE_1G BIT(17)
#define INVEPT_ALL 2ull
#define CPU_PAGES 2 /* the VMXON region, then the controls */

/* Section 29.3.3.2. Leaf entries that are not of device registers say write-back. */
static struct table_format ept_format = {
	.present = BITS(2, 0),
	.read = BIT(0),
	.write = BIT(1),
	.execute = BIT(2),
	.cached = 6 << 3,
	.large = BIT(7),
};

u64 vmcs_read(u32 field) {
	u64 value;

	__asm__ volatile("vmread %1, %0" : "=r"(value) : "r"((u64)field) : "cc");
	return value;
}

void vmcs_write(u32 field, u64 value) {
	bool failed;

	__asm__ volatile("vmwrite %2, %1; setna %0"
			 : "=qm"(failed)
			 : "r"((u64)field), "r"(value)
			 : "cc", "memory");
	if (failed)
		panic("this processor's VMCS has no field 0x%x", field);
}

/* VMXON, VMCLEAR and VMPTRLD take the address of an address. */
#define ON_PAGE(instruction, page)                                                                 \
	({                                                                                         \
		u64 address_ = (uintptr_t)(page);                                                  \
		bool failed_;                                                                      \
		__asm__ volatile(instruction " %1; setna %0"                                       \
				 : "=qm"(failed_)                                                  \
				 : "m"(address_)                                                   \
				 : "cc", "memory");                                                \
		!failed_;                                                                          \
	})

static void mark_revision(u8 *page) {
	*(u32 *)(void *)page = (u32)(msr_read(MSR_VMX_BASIC) & BASIC_REVISION);
}

void vmcs_load(struct vmx_vcpu *vmx) {
	mark_revision(vmx->vmcs);
	if (!ON_PAGE("vmclear", vmx->vmcs) || !ON_PAGE("vmptrld", vmx->vmcs))
		panic("this processor refuses a VMCS");
	vmx->launched = false;
}

static bool choose_controls(u32 *controls, struct text_sink *reason) {
	bool exact = msr_read(MSR_VMX_BASIC) & BASIC_TRUE_CONTROLS;
	u64 capabilities[CONTROL_SETS];

	for (u32 i = 0; i < CONTROL_SECONDARY; i++)
		capabilities[i] = msr_read((exact ? MSR_VMX_TRUE_PIN : MSR_VMX_PIN) + i);
	/* Without secondary controls the register does not exist. */
	capabilities[CONTROL_SECONDARY] =
		capabilities[CONTROL_PROCESSOR] >> 63 ? msr_read(MSR_VMX_SECONDARY) : 0;
	return controls_choose(capabilities, controls, reason);
}

/* Everything of the processor that runs this, and what its VMCSs are to hold. */
static bool check(u32 *controls, struct text_sink *reason) {
	if ((msr_read(MSR_FEATURE_CONTROL) & (FEATURE_LOCKED | FEATURE_VMX)) == FEATURE_LOCKED) {
		text_print(reason, "firmware has locked VT-x off (IA32_FEATURE_CONTROL): switch on "
				   "VT-x (virtualisation) in the firmware's settings");
		return false;
	}
	if (!choose_controls(controls, reason))
		return false;
	if ((msr_read(MSR_VMX_EPT) & EPT_NEEDED) != EPT_NEEDED) {
		text_print(reason, "this processor's EPT lacks four levels, write-back or INVEPT");
		return false;
	}
	return true;
}

/*
 * A guest that makes small pages of code into a large one without a flush can stop these processors for good, with
 * two translations of one address: "machine check error on page size change". Pages of 4 KiB in the EPT prevent it.
 */
static bool large_code_is_safe(void) {
	/* Family and model: Knights, Goldmonts and the server's Tremont have neither the error nor words for it. */
	static const u32 safe[] = {0x50670, 0x506c0, 0x506f0, 0x706a0, 0x80650, 0x80660};

	for (u32 i = 0; i < ARRAY_SIZE(safe); i++)
		if ((cpuid(1, 0).eax & 0x0fff0ff0) == safe[i])
			return true;
	return cpuid(7, 0).edx & CPUID_ARCH_CAPABILITIES &&
	       msr_read(MSR_ARCH_CAPABILITIES) & PSCHANGE_MC_NO;
}

static bool vmx_check(struct text_sink *reason) {
	u32 controls[CONTROL_SETS];

	if (!(cpuid(1, 0).ecx & CPUID_VMX) || !check(controls, reason))
		return false;
	ept_format.small_code = !large_code_is_safe();
	if (ept_format.small_code)
		text_print(
			reason,
			"%sthis processor does not say that a guest's large pages cannot stop it "
			"(IA32_ARCH_CAPABILITIES.PSCHANGE_MC_NO): memory is mapped in pages of "
			"4 KiB, which is slower and takes 2 MiB of tables for each GiB",
			controls[CONTROL_SECONDARY] & SECONDARY_VPID ? "" : "; ");
	return true;
}

static unsigned int vmx_nested_leaf_level(void) {
	u64 ept = msr_read(MSR_VMX_EPT);

	return ept & EPT_PAGE_1G ? 3 : ept & EPT_PAGE_2M ? 2 : 1;
}

/* Guests' tables are made for the first one that comes here: others must be able to walk them, and survive it. */
static void check_tables(const struct cpu *cpu) {
	static unsigned int leaf_level;

	if (leaf_level && leaf_level != vmx_nested_leaf_level())
		panic("cpu %u: its EPT has other page sizes than those before it", cpu->index);
	leaf_level = vmx_nested_leaf_level();
	if (!ept_format.small_code && !large_code_is_safe())
		panic("cpu %u: a guest's large pages can stop it, but not those before it",
		      cpu->index);
}

static bool vmx_cpu_enable(struct cpu *cpu, struct page_pool *pool) {
	u8 *area = page_pool_take(pool, CPU_PAGES);
	struct text_buffer reason = TEXT_BUFFER(256);
	u64 feature;

	if (!area)
		return false;
	cpu->vendor = area + PAGE_SIZE;
	if (!check(cpu->vendor, &reason.sink))
		panic("cpu %u: %s", cpu->index, reason.data);
	check_tables(cpu);
	feature = msr_read(MSR_FEATURE_CONTROL);
	if (!(feature & FEATURE_LOCKED))
		msr_write(MSR_FEATURE_CONTROL, feature | FEATURE_LOCKED | FEATURE_VMX);
	/* Section 24.8: bits that VMX operation fixes. */
	cr0_write(cr0_read() | msr_read(MSR_VMX_CR0_FIXED0));
	cr4_write(cr4_read() | msr_read(MSR_VMX_CR4_FIXED0));
	mark_revision(area);
	return ON_PAGE("vmxon", area);
}

/* Each processor runs one guest only, so nothing of another's is lost. Section 29.4.3.4. */
void vmx_flush(struct vcpu *vcpu) {
	const u64 descriptor[2] = {0};

	(void)vcpu;
	__asm__ volatile("invept %0, %1" : : "m"(descriptor), "r"(INVEPT_ALL) : "cc", "memory");
}

static void vmx_set_efer(struct vcpu *vcpu) {
	vmcs_write(VMCS_GUEST_EFER, vcpu->state.efer);
}

const struct vcpu_ops vmx_ops = {
	.name = "intel-vmx",
	.nested_format = &ept_format,
	.nested_leaf_level = vmx_nested_leaf_level,
	.check = vmx_check,
	.cpu_enable = vmx_cpu_enable,
	.create = vmx_create,
	.set_state = vmx_set_state,
	.load_state = vmx_load_state,
	.run = vmx_run,
	.set_efer = vmx_set_efer,
	.flush = vmx_flush,
};
