/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupt lines: pins of the machine's IO-APICs that functions of a partition lead to. A pin's remapping entry points at
 * the partition's processor and says that it is a level. So the interrupt reaches the guest without an exit, and the
 * end that its local APIC tells the IO-APIC brings the next one. An emulator forgets to say that it is a level: then the
 * guest, which sees that, writes the end to its IO-APIC.
 */
#include "machine.h"
#include "partition_internal.h"

#define LINE_LEVEL_LOW (BIT(15) | BIT(13)) /* PCI 3.0, section 2.2.6 */

/* By GSI, which only one partition has. Under the IOMMU's lock, as the IO-APICs' index registers. */
static struct {
	u8 vector; /* 0: it is held back */
	u32 entry;
} lines[INTERRUPT_LINES];

/* The fields of a message stand elsewhere in a pin's entry: VT-d 4.1, section 5.1.2.1. */
static u64 redirection(struct msi_message message, u8 vector) {
	return (message.address >> 4 & 0xffff) << 48 | (message.address & BIT(2)) << 9 |
	       (message.data & BITS(10, 0)) | vector | LINE_LEVEL_LOW;
}

/* TARGET NULL: holds it back. What was on its way is ended in the IO-APIC, too. */
static void point(u32 gsi, const struct interrupt_target *target) {
	const struct ioapic_info *ioapic = inventory_ioapic(&boot.inventory, gsi);
	struct iommu_unit *unit = &boot.iommu.units[ioapic->unit];
	u32 pin = gsi - ioapic->gsi_base, *entry = &lines[gsi].entry;
	u8 *vector = &lines[gsi].vector;

	ioapic_write_pin(ioapic->base, pin, REDIRECTION_MASKED | LINE_LEVEL_LOW | *vector);
	ioapic_end(ioapic->base, *vector);
	if (*vector && !interrupts_free(unit, ioapic->source_id, *entry, 1))
		return;
	*vector = 0;
	if (!target || !interrupts_alloc_pin(unit, ioapic->source_id, target->vector, entry))
		return;
	*vector = target->vector;
	if (interrupts_set(unit, ioapic->source_id, *entry, target))
		ioapic_write_pin(ioapic->base, pin,
				 redirection(unit->ops->message(unit, *entry), *vector));
}

static bool leads_to(const struct vpci_function *f, u32 pin) {
	return f->gsi != NONE && VIRTUAL_IOAPIC_PCI + f->gsi % VIRTUAL_PCI_PINS == pin;
}

void ioapic_route(struct virtual_ioapic *ioapic, u32 pin, u32 destination, bool logical,
		  u8 vector) {
	const struct partition *p = container_of(ioapic, struct partition, ioapic);
	struct interrupt_target target = {.vector = vector, .level = true};
	u32 to = 0;

	while (to < p->vcpu_count && !is_destination(&p->vcpus[to], destination, logical))
		to++;
	if (to < p->vcpu_count)
		target.apic_id = p->vcpus[to].cpu->apic_id;
	spin_lock(&machine.iommu_lock);
	for (u32 i = 0; i < p->vpci.function_count; i++)
		if (leads_to(&p->vpci.functions[i], pin))
			point(p->vpci.functions[i].gsi,
			      to < p->vcpu_count && vector ? &target : NULL);
	spin_unlock(&machine.iommu_lock);
}

void ioapic_rearm(struct virtual_ioapic *ioapic, u32 pin) {
	const struct partition *p = container_of(ioapic, struct partition, ioapic);

	for (u32 i = 0; i < p->vpci.function_count; i++) {
		u32 gsi = p->vpci.functions[i].gsi;

		if (leads_to(&p->vpci.functions[i], pin))
			ioapic_end(inventory_ioapic(&boot.inventory, gsi)->base, lines[gsi].vector);
	}
}
