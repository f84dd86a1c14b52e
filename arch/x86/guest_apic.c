/* SPDX-License-Identifier: Apache-2.0 */
#include "guest_apic.h"
#include "x86.h"

#define FIRST_LEGAL_VECTOR 16
#define BROADCAST UINT32_MAX
#define MEMORY_SHIFT 24 /* of identifiers in the registers in memory */
#define MEMORY_BROADCAST 0xff
#define APIC_REGISTER_STRIDE 16
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

static bool is_target(const struct vcpu *from, const struct vcpu *to, u64 icr, bool memory) {
	u32 destination = (u32)(icr >> ICR_DESTINATION_SHIFT);

	switch ((enum shorthand)(icr >> ICR_SHORTHAND_SHIFT & 3)) {
	case TO_SELF: return to == from;
	case TO_ALL: return true;
	case TO_ALL_OTHERS: return to != from;
	default:
		if (memory && destination != MEMORY_BROADCAST)
			return is_destination(to, destination, icr & ICR_LOGICAL);
		return matches(to, memory ? BROADCAST : destination, icr & ICR_LOGICAL);
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

static void send(struct vcpu *vcpu, u64 icr, bool memory) {
	struct partition *p = vcpu->partition;

	for (u32 i = 0; i < p->vcpu_count; i++) {
		if (is_target(vcpu, &p->vcpus[i], icr, memory)) {
			deliver(&p->vcpus[i], icr);
			if ((icr >> ICR_DELIVERY_SHIFT & ICR_DELIVERY_MASK) == DELIVERY_LOWEST)
				break;
		}
	}
}

bool guest_icr_write(struct vcpu *vcpu, u64 value) {
	send(vcpu, value, false);
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

/* What can be read in the machine's own, by number: identifiers, timer, priorities, vectors, errors, local vector table. */
#define READABLE                                                                                   \
	(BIT(0x03) | BIT(0x08) | BIT(0x0a) | BITS(0x28, 0x0f) | BIT(0x32) | BITS(0x39, 0x35) |     \
	 BIT(0x3e))

static u32 memory_read(const struct vcpu *vcpu, u32 index) {
	switch (index) {
	case X2APIC_ID: return vcpu->cpu->apic_id << MEMORY_SHIFT;
	case X2APIC_LDR: return (u32)vcpu->apic_logical << MEMORY_SHIFT;
	case X2APIC_DFR: return UINT32_MAX; /* the flat model is the only one */
	case X2APIC_ICR_HIGH: return vcpu->apic_icr_high;
	case X2APIC_LVT_THERMAL:
	case X2APIC_LVT_PERFORMANCE: return APIC_LVT_MASKED;
	default:
		return index <= MSR_X2APIC_LAST && READABLE & BIT(index - MSR_X2APIC)
			       ? (u32)msr_read(index)
			       : 0;
	}
}

static void memory_write(struct vcpu *vcpu, u32 index, u32 value) {
	u64 destination = vcpu->apic_icr_high >> MEMORY_SHIFT;

	switch (index) {
	case X2APIC_LDR: vcpu->apic_logical = (u8)(value >> MEMORY_SHIFT); break;
	case X2APIC_ICR_HIGH: vcpu->apic_icr_high = value; break;
	case X2APIC_ICR: send(vcpu, value | destination << ICR_DESTINATION_SHIFT, true); break;
	/* Where memory ignores a bit that is reserved, the machine's own would be our #GP. */
	case X2APIC_EOI:
	case X2APIC_ESR: msr_write(index, 0); break;
	case X2APIC_TPR: msr_write(index, (u8)value); break;
	case X2APIC_SVR: msr_write(index, value & APIC_SVR_WRITABLE); break;
	case X2APIC_TIMER_INITIAL: msr_write(index, value); break;
	case X2APIC_TIMER_DIVIDE: msr_write(index, value & APIC_DIVIDE); break;
	default: guest_apic_write(vcpu, index, value);
	}
}

void guest_apic_reset(struct vcpu *vcpu) {
	u32 id = vcpu->cpu->apic_id;

	vcpu->apic_icr_high = 0;
	vcpu->apic_logical = vcpu->apic_mode & APIC_BASE_X2APIC && id < 8 ? (u8)BIT(id) : 0;
}

void guest_apic_memory(struct vcpu *vcpu, u32 offset, u8 width, bool write, u64 *value) {
	u32 index = MSR_X2APIC + offset / APIC_REGISTER_STRIDE;

	if (width != sizeof(u32) || offset % APIC_REGISTER_STRIDE)
		return;
	if (write)
		memory_write(vcpu, index, (u32)*value);
	else
		*value = memory_read(vcpu, index);
}
