/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "x86.h"

/* Accesses to guest-physical addresses that are not mapped: virtual devices, or nothing. */

#define IOAPIC_BYTES 0x1000

/* Reads *VALUE, or writes it. */
static void access_device(struct vcpu *vcpu, u64 address, u8 width, bool write, u64 *value) {
	struct partition *p = vcpu->partition;
	u64 offset = address - GUEST_IOAPIC_BASE;

	if (!write)
		*value = byte_mask(width);
	if (address - GUEST_APIC_BASE < PAGE_SIZE) {
		guest_apic_memory(vcpu, (u32)(address - GUEST_APIC_BASE), width, write, value);
		return;
	}
	spin_lock(&p->lock);
	if (offset >= IOAPIC_BYTES)
		vpci_mmio(&p->vpci, address, width, write, value);
	else if (write)
		ioapic_write(&p->ioapic, (u32)offset, (u32)*value);
	else
		*value = ioapic_read(&p->ioapic, (u32)offset);
	spin_unlock(&p->lock);
	*value &= byte_mask(width);
}

static bool is_program(const struct vcpu_state *state) {
	return (state->segments[SEG_SS].attributes & SEGMENT_DPL) == SEGMENT_DPL;
}

/* One step of MOVS between RAM and a device: the other side goes by the guest's own tables and its programs' rights. */
static bool other_side(struct vcpu *vcpu, const struct memory_instruction *i, bool is_source,
		       u8 *value) {
	const struct guest_memory *memory = &vcpu->partition->memory;
	const struct vcpu_state *state = &vcpu->state;
	bool user = is_program(state), checked = !is_source && (user || state->cr0 & CR0_WP);
	u64 rights = (user ? GUEST_USER : 0) | (checked ? GUEST_WRITE : 0), physical;
	u64 offset = state->gpr[is_source ? GPR_RSI : GPR_RDI] & byte_mask(i->address_width);
	u64 linear = guest_linear(state, is_source ? i->source_segment : SEG_ES, offset);

	for (u64 done = 0, part; done < i->width; done += part) {
		part = min_u64(i->width - done, PAGE_SIZE - (linear + done) % PAGE_SIZE);
		if (!guest_translate(memory, state, linear + done, rights, &physical) ||
		    !(is_source ? memory->read(memory, physical, value + done, part)
				: memory->write(memory, physical, value + done, part)))
			return false;
	}
	return true;
}

/* One element of MOVS or STOS; RIP stays until the count is used up. */
static bool string_step(struct vcpu *vcpu, const struct memory_instruction *i,
			const struct vcpu_exit *exit) {
	u64 *rcx = &vcpu->state.gpr[GPR_RCX], counted = byte_mask(i->address_width);
	u64 value = 0, result;

	if (!i->repeat || *rcx & counted) {
		if (!exit->write)
			access_device(vcpu, exit->address, i->width, false, &value);
		if (i->move && !other_side(vcpu, i, exit->write, (u8 *)&value))
			return false;
		instruction_execute(i, &vcpu->state, value, &result);
		if (exit->write)
			access_device(vcpu, exit->address, i->width, true, &result);
	}
	if (!i->repeat || !(*rcx & counted))
		vcpu->state.rip += i->length;
	return true;
}

static bool execute(struct vcpu *vcpu, const struct memory_instruction *i,
		    const struct vcpu_exit *exit) {
	u64 value = 0, result = 0;

	if (i->string)
		return string_step(vcpu, i, exit);
	if (i->operation != OPERATION_WRITE)
		access_device(vcpu, exit->address, i->width, false, &value);
	instruction_execute(i, &vcpu->state, value, &result);
	if (i->operation == OPERATION_WRITE || i->operation == OPERATION_READ_MODIFY_WRITE)
		access_device(vcpu, exit->address, i->width, true, &result);
	vcpu->state.rip += i->length;
	return true;
}

void guest_memory_fault(struct vcpu *vcpu, const struct vcpu_exit *exit) {
	struct partition *p = vcpu->partition;
	struct memory_instruction instruction;
	u8 bytes[INSTRUCTION_BYTES_MAX];
	size_t count;

	boot.vcpu_ops->load_state(vcpu);
	count = exit->fetch ? 0 : guest_fetch(&p->memory, &vcpu->state, bytes);
	if (exit->walk || vcpu->event) /* what is at RIP has not asked for it */
		partition_fail(p, "the processor needs 0x%lx, which is no memory, to %s",
			       exit->address, exit->walk ? "translate" : "deliver an event");
	else if (instruction_decode(bytes, count, guest_code_mode(&vcpu->state), &instruction) &&
		 execute(vcpu, &instruction, exit))
		return;
	else if (is_program(&vcpu->state)) /* it ends itself, not its kernel */
		vcpu_inject(vcpu, EXCEPTION_GP, true, 0);
	else if (exit->fetch)
		partition_fail(p, "execution at 0x%lx, which is no memory (rip 0x%lx)",
			       exit->address, vcpu->state.rip);
	else
		partition_fail(p,
			       "instruction at rip 0x%lx cannot access 0x%lx, which is no memory",
			       vcpu->state.rip, exit->address);
}
