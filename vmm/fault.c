/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "x86.h"

/* Accesses to guest-physical addresses that are not mapped: virtual devices, or nothing. */

#define IOAPIC_BYTES 0x1000

static u64 ones(u8 width) {
	return BITS(width * 8 - 1, 0);
}

static bool is_ioapic(u64 address) {
	return address >= GUEST_IOAPIC_BASE && address < GUEST_IOAPIC_BASE + IOAPIC_BYTES;
}

static u64 device_read(struct partition *p, u64 address, u8 width) {
	u64 value = ones(width);

	spin_lock(&p->lock);
	if (is_ioapic(address))
		value = ioapic_read(&p->ioapic, (u32)(address - GUEST_IOAPIC_BASE));
	else if (!vpci_mmio(&p->vpci, address, width, false, &value))
		p->ignored++;
	spin_unlock(&p->lock);
	return value & ones(width);
}

static void device_write(struct partition *p, u64 address, u8 width, u64 value) {
	spin_lock(&p->lock);
	if (is_ioapic(address))
		ioapic_write(&p->ioapic, (u32)(address - GUEST_IOAPIC_BASE), (u32)value);
	else if (!vpci_mmio(&p->vpci, address, width, true, &value))
		p->ignored++;
	spin_unlock(&p->lock);
}

/* One step of MOVS between RAM and a device: the other side goes by the guest's own tables. */
static bool other_side(struct vcpu *vcpu, bool device_is_destination, u8 width, u64 *value) {
	const struct guest_memory *memory = &vcpu->partition->memory;
	u64 *gpr = vcpu->state.gpr;
	u64 physical;

	if (!guest_translate(memory, &vcpu->state, gpr[device_is_destination ? GPR_RSI : GPR_RDI],
			     &physical))
		return false;
	return device_is_destination ? memory->read(memory, physical, value, width)
				     : memory->write(memory, physical, value, width);
}

/* One element of MOVS or STOS; RIP stays until the count is used up. */
static bool string_step(struct vcpu *vcpu, const struct memory_instruction *i,
			const struct vcpu_exit *exit) {
	struct partition *p = vcpu->partition;
	u64 *rcx = &vcpu->state.gpr[GPR_RCX];
	u64 value = 0, result;

	if (i->repeat && !*rcx) {
		vcpu->state.rip += i->length;
		return true;
	}
	if (!exit->write)
		value = device_read(p, exit->address, i->width);
	if (i->move && !other_side(vcpu, exit->write, i->width, &value))
		return false;
	instruction_execute(i, &vcpu->state, value, &result);
	if (exit->write)
		device_write(p, exit->address, i->width, result);
	if (!i->repeat || !*rcx)
		vcpu->state.rip += i->length;
	return true;
}

static void execute(struct vcpu *vcpu, const struct memory_instruction *i,
		    const struct vcpu_exit *exit) {
	struct partition *p = vcpu->partition;
	u64 value = 0, result = 0;

	if (i->operation != OPERATION_WRITE)
		value = device_read(p, exit->address, i->width);
	instruction_execute(i, &vcpu->state, value, &result);
	if (i->operation == OPERATION_WRITE || i->operation == OPERATION_READ_MODIFY_WRITE)
		device_write(p, exit->address, i->width, result);
	vcpu->state.rip += i->length;
}

void guest_memory_fault(struct vcpu *vcpu, const struct vcpu_exit *exit) {
	struct partition *p = vcpu->partition;
	struct memory_instruction instruction;
	u8 bytes[INSTRUCTION_BYTES_MAX];
	size_t count;
	bool done = false;

	boot.vcpu_ops->load_state(vcpu);
	if (exit->fetch) {
		partition_fail(p, "execution at 0x%lx, which is no memory (rip 0x%lx)",
			       exit->address,
			       vcpu->state.rip);
		return;
	}
	count = guest_fetch(&p->memory, &vcpu->state, bytes);
	if (instruction_decode(bytes, count, guest_code_mode(&vcpu->state), &instruction)) {
		done = true;
		if (instruction.string)
			done = string_step(vcpu, &instruction, exit);
		else
			execute(vcpu, &instruction, exit);
	}
	if (!done)
		partition_fail(
			p, "instruction at rip 0x%lx cannot access 0x%lx, which is no memory",
			vcpu->state.rip, exit->address);
}
