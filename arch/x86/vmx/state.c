/* SPDX-License-Identifier: Apache-2.0 */
#include "../processor.h"
#include "vmx.h"

/* What a guest may have in CR4: that of the features in guest_cpuid.txt. */
#define CR4_OFFERED (BITS(12, 0) | BITS(18, 16) | BITS(21, 20))
#define GUEST_VPID 1 /* each processor runs one guest only; 0 is the host's */

/* A register whose bits in the mask are ours: the guest reads them from the shadow, and a write that differs exits. */
struct control_register {
	u32 field, mask, shadow;
};
static const struct control_register cr0 = {VMCS_GUEST_CR0, VMCS_CR0_MASK, VMCS_CR0_SHADOW};
static const struct control_register cr4 = {VMCS_GUEST_CR4, VMCS_CR4_MASK, VMCS_CR4_SHADOW};

static void set_control(const struct control_register *r, u64 value, u64 ours, u64 fixed) {
	vmcs_write(r->field, (value & ~ours) | fixed);
	vmcs_write(r->mask, ours);
	vmcs_write(r->shadow, value);
}

static u64 load_control(const struct control_register *r) {
	u64 mask = vmcs_read(r->mask);

	return (vmcs_read(r->field) & ~mask) | (vmcs_read(r->shadow) & mask);
}

bool vmx_create(struct vcpu *vcpu, struct page_pool *pool, u64 nested_root) {
	struct vmx_vcpu *vmx = page_pool_take(pool, 1);

	vcpu->vendor = vmx;
	if (!vmx)
		return false;
	vmx->vmcs = page_pool_take(pool, 1);
	vmx->ept_pointer = nested_root | EPT_POINTER_FLAGS;
	return vmx->vmcs && vmx_msr_map(pool);
}

struct field_value {
	u32 field;
	u64 value;
};

static void write_fields(const struct field_value *fields, u32 count) {
	for (u32 i = 0; i < count; i++)
		vmcs_write(fields[i].field, fields[i].value);
}

/* Section 25.5. */
static void write_host(const struct cpu *cpu) {
	const struct descriptors *d = cpu->descriptors;
	struct descriptor_pointer idt;

	__asm__ volatile("sidt %0" : "=m"(idt));
	const struct field_value fields[] = {
		{VMCS_HOST_CR0, cr0_read()},
		{VMCS_HOST_CR3, cr3_read()},
		{VMCS_HOST_CR4, cr4_read()},
		{VMCS_HOST_CS, SELECTOR_CODE},
		{VMCS_HOST_TR, SELECTOR_TSS},
		{VMCS_HOST_TR_BASE, (uintptr_t)&d->tss},
		{VMCS_HOST_GDTR_BASE, (uintptr_t)d->gdt},
		{VMCS_HOST_IDTR_BASE, idt.base},
		{VMCS_HOST_PAT, msr_read(MSR_PAT)},
		{VMCS_HOST_EFER, msr_read(MSR_EFER)},
		{VMCS_HOST_RIP, (uintptr_t)vmx_exit},
	};

	write_fields(fields, ARRAY_SIZE(fields));
}

static void write_controls(const struct vcpu *vcpu, const u32 *controls) {
	const struct vmx_vcpu *vmx = vmx_of(vcpu);
	u64 efer = vcpu->state.efer, ports = (uintptr_t)vcpu->partition->ports;
	/* Fields that are there when a secondary control is. All state of XSAVES and every enclave instruction leave. */
	const struct {
		u32 control;
		struct field_value value;
	} optional[] = {
		{SECONDARY_VPID, {VMCS_VPID, GUEST_VPID}},
		{SECONDARY_ENCLS, {VMCS_ENCLS_EXITING, UINT64_MAX}},
		{SECONDARY_XSAVES, {VMCS_XSS_EXITING, UINT64_MAX}},
		{SECONDARY_ENCLV, {VMCS_ENCLV_EXITING, UINT64_MAX}},
	};
	const struct field_value fields[] = {
		{VMCS_PIN, controls[CONTROL_PIN]},
		{VMCS_PROCESSOR, controls[CONTROL_PROCESSOR]},
		{VMCS_SECONDARY, controls[CONTROL_SECONDARY]},
		{VMCS_EXIT, controls[CONTROL_EXIT]},
		{VMCS_ENTRY, controls[CONTROL_ENTRY] | (efer & EFER_LMA ? ENTRY_IA32E : 0)},
		/* #DB and #AC could otherwise keep the processor in microcode, out of reach of our NMI. */
		{VMCS_EXCEPTIONS, BIT(EXCEPTION_DB) | BIT(EXCEPTION_AC) | BIT(EXCEPTION_MC)},
		{VMCS_PORT_MAP, ports},
		{VMCS_PORT_MAP_HIGH, ports + PAGE_SIZE},
		{VMCS_MSR_MAP, vmx_msr_map(NULL)},
		{VMCS_EPT_POINTER, vmx->ept_pointer},
		{VMCS_LINK, UINT64_MAX},
	};

	write_fields(fields, ARRAY_SIZE(fields));
	for (u32 i = 0; i < ARRAY_SIZE(optional); i++)
		if (controls[CONTROL_SECONDARY] & optional[i].control)
			write_fields(&optional[i].value, 1);
}

/* The descriptor tables' registers follow the segments, here as in the VMCS. */
static struct segment *segment_of(struct vcpu_state *state, u32 i) {
	return i < SEG_COUNT ? &state->segments[i] : i == SEG_COUNT ? &state->gdtr : &state->idtr;
}

static void write_segment(const struct segment *s, u32 i) {
	vmcs_write(VMCS_GUEST_LIMIT + VMCS_STEP * i, s->limit);
	vmcs_write(VMCS_GUEST_BASE + VMCS_STEP * i, s->base);
	if (i >= SEG_COUNT)
		return;
	vmcs_write(VMCS_GUEST_SELECTOR + VMCS_STEP * i, s->selector);
	vmcs_write(VMCS_GUEST_RIGHTS + VMCS_STEP * i,
		   s->attributes & SEGMENT_PRESENT
			   ? (s->attributes & RIGHTS_LOW) |
				     ((u32)s->attributes << RIGHTS_GAP & RIGHTS_HIGH)
			   : RIGHTS_UNUSABLE);
}

static void load_segment(struct segment *s, u32 i) {
	u64 rights;

	s->limit = (u32)vmcs_read(VMCS_GUEST_LIMIT + VMCS_STEP * i);
	s->base = vmcs_read(VMCS_GUEST_BASE + VMCS_STEP * i);
	if (i >= SEG_COUNT)
		return;
	s->selector = (u16)vmcs_read(VMCS_GUEST_SELECTOR + VMCS_STEP * i);
	rights = vmcs_read(VMCS_GUEST_RIGHTS + VMCS_STEP * i);
	s->attributes = (u16)((rights & RIGHTS_LOW) | (rights & RIGHTS_HIGH) >> RIGHTS_GAP);
	if (rights & RIGHTS_UNUSABLE)
		s->attributes &= (u16)~SEGMENT_PRESENT;
}

/* What is no part of the VMCS, and nobody else's on this processor. */
static void write_live_registers(const struct vcpu_state *state) {
	for (u32 index = MSR_STAR; index <= MSR_SFMASK; index++)
		msr_write(index, 0);
	msr_write(MSR_KERNEL_GS_BASE, 0);
	cr2_write(state->cr2);
	__asm__ volatile("mov %0, %%dr6" : : "r"(DR6_DEFAULT));
}

void vmx_debug_hit(u64 hits) {
	u64 dr6;

	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%dr6" : : "r"((dr6 & ~DEBUG_HITS) | hits));
}

void vmx_set_state(struct vcpu *vcpu) {
	struct vcpu_state *state = &vcpu->state;
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	u64 fixed0 = msr_read(MSR_VMX_CR0_FIXED0) & ~(CR0_PE | CR0_PG);
	u64 fixed4 = msr_read(MSR_VMX_CR4_FIXED0) | CR4_MCE;
	const struct field_value fields[] = {
		{VMCS_GUEST_CR3, state->cr3},
		{VMCS_GUEST_EFER, state->efer},
		{VMCS_GUEST_PAT, PAT_DEFAULT},
		{VMCS_GUEST_DR7, DR7_DEFAULT},
	};

	vmcs_load(vmx);
	for (u32 i = 0; i < ARRAY_SIZE(vmcs_zero); i++)
		for (u32 field = vmcs_zero[i].first; field <= vmcs_zero[i].last; field += VMCS_STEP)
			vmcs_write(field, 0);
	write_host(vcpu->cpu);
	write_controls(vcpu, vmx_controls(vcpu->cpu));
	write_fields(fields, ARRAY_SIZE(fields));
	for (u32 i = 0; i < SEG_COUNT + 2; i++)
		write_segment(segment_of(state, i), i);
	/* An entry leaves CD and NW as they are: the guest only believes that it has changed them. */
	set_control(&cr0, state->cr0, fixed0 | CR0_CD | CR0_NW, fixed0);
	set_control(&cr4, state->cr4, fixed4 | ~CR4_OFFERED, fixed4);
	write_live_registers(state);
	vcpu->event = 0;
	vmx_flush(vcpu);
}

void vmx_load_state(struct vcpu *vcpu) {
	struct vcpu_state *state = &vcpu->state;

	for (u32 i = 0; i < SEG_COUNT + 2; i++)
		load_segment(segment_of(state, i), i);
	state->cr0 = load_control(&cr0);
	state->cr2 = cr2_read();
	state->cr3 = vmcs_read(VMCS_GUEST_CR3);
	state->cr4 = load_control(&cr4);
	state->efer = vmcs_read(VMCS_GUEST_EFER);
}
