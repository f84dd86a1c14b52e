/* SPDX-License-Identifier: Apache-2.0 */
#include "guest_apic.h"
#include "x86.h"

/* Intel SDM volume 3, sections 11.6.1 and 11.12.9; AMD64 APM volume 2, section 16.5. */
#define ICR_VECTOR BITS(7, 0)
#define ICR_DELIVERY_SHIFT 8
#define ICR_DELIVERY_MASK 7
#define ICR_LOGICAL BIT(11)
#define ICR_ASSERT BIT(14)
#define ICR_SHORTHAND_SHIFT 18
#define ICR_DESTINATION_SHIFT 32
#define FIRST_LEGAL_VECTOR 16
#define BROADCAST UINT32_MAX
/* Only what every processor has: a reserved bit would be our own #GP. */
#define LVT_WRITABLE (BITS(7, 0) | BIT(16))
#define LVT_TIMER_WRITABLE (BITS(7, 0) | BITS(17, 16))

enum shorthand { TO_DESTINATION, TO_SELF, TO_ALL, TO_ALL_OTHERS };

/* Section 11.12.10.2: cluster in bits 31:16, one bit for each processor of it. */
static bool matches(const struct vcpu *vcpu, u32 destination, bool logical) {
	u32 id = vcpu->cpu->apic_id;

	if (destination == BROADCAST)
		return true;
	if (logical)
		return destination >> 16 == id >> 4 && destination & BIT(id & 0xf);
	return destination == id;
}

static bool is_target(const struct vcpu *from, const struct vcpu *to, u64 icr) {
	switch ((enum shorthand)(icr >> ICR_SHORTHAND_SHIFT & 3)) {
	case TO_SELF: return to == from;
	case TO_ALL: return true;
	case TO_ALL_OTHERS: return to != from;
	default: return matches(to, (u32)(icr >> ICR_DESTINATION_SHIFT), icr & ICR_LOGICAL);
	}
}

static void deliver(struct vcpu *to, u64 icr) {
	u8 vector = icr & ICR_VECTOR;

	switch (icr >> ICR_DELIVERY_SHIFT & ICR_DELIVERY_MASK) {
	case DELIVERY_FIXED:
	case DELIVERY_LOWEST:
		if (vector >= FIRST_LEGAL_VECTOR && to->mode == VCPU_RUNNING)
			cpu_send_vector(to->cpu->apic_id, vector);
		break;
	case DELIVERY_INIT:
		if (icr & ICR_ASSERT && to->number)
			vcpu_request(to, REQUEST_INIT);
		break;
	case DELIVERY_STARTUP:
		to->startup_vector = vector;
		vcpu_request(to, REQUEST_STARTUP);
		break;
	default: break; /* SMI, NMI, ExtINT: not for a guest to send */
	}
}

bool guest_icr_write(struct vcpu *vcpu, u64 value) {
	struct partition *p = vcpu->partition;

	for (u32 i = 0; i < p->vcpu_count; i++) {
		if (is_target(vcpu, &p->vcpus[i], value)) {
			deliver(&p->vcpus[i], value);
			if ((value >> ICR_DELIVERY_SHIFT & ICR_DELIVERY_MASK) == DELIVERY_LOWEST)
				break;
		}
	}
	return true;
}

/* Only fixed delivery: SMI, NMI, INIT and ExtINT would strike the hypervisor. */
static void write_lvt(u32 index, u64 value, u64 writable) {
	if (value & APIC_LVT_DELIVERY)
		value = APIC_LVT_MASKED;
	msr_write(index, value & writable);
}

bool guest_apic_write(struct vcpu *vcpu, u32 index, u64 value) {
	switch (index) {
	case X2APIC_ICR: return guest_icr_write(vcpu, value);
	case X2APIC_LVT_TIMER: msr_write(index, value & LVT_TIMER_WRITABLE); return true;
	case X2APIC_LVT_LINT0:
	case X2APIC_LVT_LINT1:
	case X2APIC_LVT_ERROR: write_lvt(index, value, LVT_WRITABLE); return true;
	case X2APIC_LVT_THERMAL:
	case X2APIC_LVT_PERFORMANCE:
	case X2APIC_LVT_CMCI:
		/* Neither counters nor thermal events are offered: these stay masked. */
		return true;
	default: return false;
	}
}
