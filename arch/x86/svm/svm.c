/* SPDX-License-Identifier: Apache-2.0 */
#include "svm.h"

#define CPUID_SVM BIT(2) /* 0x80000001 ECX */
#define CPUID_X2APIC BIT(21) /* 1 ECX */
#define CPUID_NESTED_PAGING BIT(0) /* 0x8000000a EDX */
#define CPUID_PAGE_1G BIT(26) /* 0x80000001 EDX */
#define VM_CR_SVMDIS BIT(4)
#define HOST_PAGES 2 /* VM_HSAVE_PA, and our own VMSAVE area */

static bool is_amd(void) {
	struct cpuid id = cpuid(0, 0);
	u32 name[3] = {id.ebx, id.edx, id.ecx};

	return !memcmp(name, "AuthenticAMD", sizeof(name)) ||
	       !memcmp(name, "HygonGenuine", sizeof(name));
}

static bool svm_check(struct text_sink *reason) {
	if (!is_amd()) {
		text_print(reason,
			   "this processor is neither AMD nor Hygon: only SVM is supported");
	} else if (!(cpuid(0x80000001, 0).ecx & CPUID_SVM)) {
		text_print(reason, "this processor has no SVM, or firmware hides it: switch on SVM "
				   "(virtualisation) in the firmware's settings");
	} else if (msr_read(MSR_VM_CR) & VM_CR_SVMDIS) {
		text_print(reason, "firmware has disabled SVM (VM_CR.SVMDIS): switch on SVM "
				   "(virtualisation) in the firmware's settings");
	} else if (!(cpuid(0x8000000a, 0).edx & CPUID_NESTED_PAGING)) {
		text_print(reason, "this processor has SVM without nested paging");
	} else if (!(cpuid(1, 0).ecx & CPUID_X2APIC)) {
		text_print(reason, "this processor has no x2APIC, or firmware hides it: switch on "
				   "x2APIC in the firmware's settings");
	} else {
		return true;
	}
	return false;
}

static bool svm_cpu_enable(struct cpu *cpu, struct page_pool *pool) {
	u8 *area = page_pool_take_run(pool, HOST_PAGES, PAGE_SIZE);

	if (!area || !svm_permissions_build(pool))
		return false;
	cpu->vendor = area;
	msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SVME);
	msr_write(MSR_VM_HSAVE_PA, (uintptr_t)area);
	__asm__ volatile("vmsave %0" : : "a"(area + PAGE_SIZE) : "memory");
	return true;
}

static void svm_inject_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error) {
	vmcb_of(vcpu)->event_injection = EVENT_VALID | EVENT_TYPE_EXCEPTION | vector |
					 (has_error ? EVENT_HAS_ERROR : 0) |
					 (u64)error << EVENT_ERROR_SHIFT;
}

static u64 svm_efer_read(const struct vcpu *vcpu) {
	return vmcb_of(vcpu)->efer & ~EFER_SVME;
}

static bool svm_efer_write(struct vcpu *vcpu, u64 value) {
	struct vmcb *vmcb = vmcb_of(vcpu);
	u64 allowed =
		EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR | EFER_TCE | EFER_AUTOIBRS;

	/* SVME is not the guest's; LMA is read-only; LME may change only without paging. */
	if (value & ~(allowed | EFER_SVME) ||
	    (vmcb->cr0 & CR0_PG && (value ^ vmcb->efer) & EFER_LME))
		return false;
	vmcb->efer = (value & allowed & ~EFER_LMA) | (vmcb->efer & EFER_LMA) | EFER_SVME;
	return true;
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
	.inject_exception = svm_inject_exception,
	.efer_read = svm_efer_read,
	.efer_write = svm_efer_write,
	.flush = svm_flush,
};
