/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "x86.h"

/* Accesses to guest-physical addresses that are not mapped: virtual devices, or nothing. */

#define IOAPIC_BYTES 0x1000

/* Reads *VALUE, or writes it. */
static void access_device(struct partition *p, u64 address, u8 width, bool write, u64 *value) {
	u64 offset = address - GUEST_IOAPIC_BASE;

	if (!write)
		*value = byte_mask(width);
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

/* One step of MOVS between RAM and a device: the other side goes by the guest's own tables and its programs' rights. */
static bool other_side(struct vcpu *vcpu, bool device_is_destination, u8 width, u64 *value) {
	const struct guest_memory *memory = &vcpu->partition->memory;
	const struct vcpu_state *state = &vcpu->state;
	bool user = state->segments[SEG_SS].attributes & SEGMENT_DPL;
	bool checked = !device_is_destination && (user || state->cr0 & CR0_WP);
	u64 physical, rights = (user ? GUEST_USER : 0) | (checked ? GUEST_WRITE : 0);

	if (!guest_translate(memory, state, state->gpr[device_is_destination ? GPR_RSI : GPR_RDI],
			     rights, &physical))
		return false;
	return device_is_destination ? memory->read(memory, physical, value, width)
				     : memory->write(memory, physical, value, width);
}

/* One element of MOVS or STOS; RIP stays until the count is used up. */
static bool string_step(struct vcpu *vcpu, const struct memory_instruction *i,
			const struct vcpu_exit *exit) {
	u64 *rcx = &vcpu->state.gpr[GPR_RCX];
	u64 value = 0, result;

	if (!i->repeat || *rcx) {
		if (!exit->write)
			access_device(vcpu->partition, exit->address, i->width, false, &value);
		if (i->move && !other_side(vcpu, exit->write, i->width, &value))
			return false;
		instruction_execute(i, &vcpu->state, value, &result);
		if (exit->write)
			access_device(vcpu->partition, exit->address, i->width, true, &result);
	}
	if (!i->repeat || !*rcx)
		vcpu->state.rip += i->length;
	return true;
}

static bool execute(struct vcpu *vcpu, const struct memory_instruction *i,
		    const struct vcpu_exit *exit) {
	struct partition *p = vcpu->partition;
	u64 value = 0, result = 0;

	if (i->string)
		return string_step(vcpu, i, exit);
	if (i->operation != OPERATION_WRITE)
		access_device(p, exit->address, i->width, false, &value);
	instruction_execute(i, &vcpu->state, value, &result);
	if (i->operation == OPERATION_WRITE || i->operation == OPERATION_READ_MODIFY_WRITE)
		access_device(p, exit->address, i->width, true, &result);
	vcpu->state.rip += i->length;
	return true;
}

void guest_memory_fault(struct vcpu *vcpu, const struct vcpu_exit *exit) {
	struct partition *p = vcpu->partition;
	struct memory_instruction instruction;
	u8 bytes[INSTRUCTION_BYTES_MAX];
	size_t count;

	boot.vcpu_ops->load_state(vcpu);
	if (exit->fetch) {
		partition_fail(p, "execution at 0x%lx, which is no memory (rip 0x%lx)",
			       exit->address, vcpu->state.rip);
		return;
	}
	count = guest_fetch(&p->memory, &vcpu->state, bytes);
	if (!instruction_decode(bytes, count, guest_code_mode(&vcpu->state), &instruction) ||
	    !execute(vcpu, &instruction, exit))
		partition_fail(p,
			       "instruction at rip 0x%lx cannot access 0x%lx, which is no memory",
			       vcpu->state.rip, exit->address);
}
