/* SPDX-License-Identifier: Apache-2.0 */
#include "svm.h"

#define CPUID_SVM BIT(2) /* 0x80000001 ECX */
#define CPUID_NESTED_PAGING BIT(0) /* 0x8000000a EDX */
#define CPUID_PAGE_1G BIT(26) /* 0x80000001 EDX */
#define VM_CR_SVMDIS BIT(4)
#define HOST_PAGES 2 /* VM_HSAVE_PA, and our own VMSAVE area */

static bool svm_check(struct text_sink *reason) {
	if (!(cpuid(0x80000001, 0).ecx & CPUID_SVM))
		return false;
	if (msr_read(MSR_VM_CR) & VM_CR_SVMDIS) {
		text_print(reason, "firmware has disabled SVM (VM_CR.SVMDIS): switch on SVM "
				   "(virtualisation) in the firmware's settings");
	} else if (!(cpuid(0x8000000a, 0).edx & CPUID_NESTED_PAGING)) {
		text_print(reason, "this processor has SVM without nested paging");
	} else {
		return true;
	}
	return false;
}

static bool svm_cpu_enable(struct cpu *cpu, struct page_pool *pool) {
	u8 *area = page_pool_take(pool, HOST_PAGES);

	if (!area)
		return false;
	cpu->vendor = area;
	/* What guests teach the predictor of branches does not count here, where the processor can tell. */
	msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SVME | (guest_efer() & EFER_AUTOIBRS));
	/* Guests are told so. Whatever has x2APIC has the register, but not all that emulates it. */
	if (!(cpuid(1, 0).ecx & CPUID_HYPERVISOR))
		msr_write(MSR_DE_CFG, msr_read(MSR_DE_CFG) | DE_CFG_LFENCE_SERIALIZES);
	msr_write(MSR_VM_HSAVE_PA, (uintptr_t)area);
	__asm__ volatile("vmsave %0" : : "a"(area + PAGE_SIZE) : "memory");
	return true;
}

static void svm_set_efer(struct vcpu *vcpu) {
	vmcb_of(vcpu)->efer = vcpu->state.efer | EFER_SVME;
}

static void svm_flush(struct vcpu *vcpu) {
	vmcb_of(vcpu)->tlb_control = TLB_FLUSH_ALL;
}

static unsigned int svm_nested_leaf_level(void) {
	return cpuid(0x80000001, 0).edx & CPUID_PAGE_1G ? 3 : 2;
}

extern const struct table_format x86_format;

const struct vcpu_ops svm_ops = {
	.name = "amd-svm",
	.nested_format = &x86_format,
	.nested_leaf_level = svm_nested_leaf_level,
	.check = svm_check,
	.cpu_enable = svm_cpu_enable,
	.create = svm_create,
	.set_state = svm_set_state,
	.load_state = svm_load_state,
	.run = svm_run,
	.set_efer = svm_set_efer,
	.flush = svm_flush,
};
