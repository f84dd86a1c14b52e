/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "mmio.h"
#include "partition_internal.h"

/* Joins a partition's virtual devices to the machine: registers, interrupts, console. */

static struct partition *owner(struct vpci *vpci) {
	return container_of(vpci, struct partition, vpci);
}

/* In the guest's own tables, never in another device's DMA domain. */
bool vpci_map(struct vpci *vpci, u64 guest, u64 host, u64 length) {
	return page_tables_map(&owner(vpci)->nested, guest, host, length,
			       ACCESS_READ | ACCESS_WRITE | ACCESS_USER | ACCESS_UNCACHED);
}

void vpci_unmap(struct vpci *vpci, u64 guest, u64 length) {
	struct partition *p = owner(vpci);

	page_tables_unmap(&p->nested, guest, length);
	for (u32 i = 0; i < p->vcpu_count; i++)
		if (p->vcpus[i].mode == VCPU_RUNNING)
			vcpu_request(&p->vcpus[i], REQUEST_FLUSH);
}

u64 vpci_milliseconds(void) {
	return machine_milliseconds();
}

void vpci_registers(const struct vpci_function *f, u64 host, u8 width, bool write, u64 *value) {
	volatile u8 *registers = (volatile u8 *)(uintptr_t)host;

	(void)f;
	if (write)
		mmio_write(registers, width, *value);
	else
		*value = mmio_read(registers, width);
}

static bool set_entry(const struct vpci_function *f, u32 index,
		      const struct interrupt_target *target) {
	bool done;

	spin_lock(&machine.iommu_lock);
	done = interrupts_set(&boot.iommu.units[f->info->unit],
			      pci_interrupt_requester(&boot.inventory, f->function),
			      f->first_entry + index, target);
	spin_unlock(&machine.iommu_lock);
	return done;
}

bool vpci_interrupt_route(const struct vpci_function *f, u32 index, u64 address, u32 data) {
	const struct partition *p = owner(f->vpci);
	u32 destination = (u32)((address & MSI_DESTINATION_BITS) >> MSI_DESTINATION_SHIFT);
	u64 delivery = data & MSI_DELIVERY;
	bool valid = (address & MSI_ADDRESS_MASK) == MSI_ADDRESS_BASE &&
		     (!delivery || delivery == MSI_DELIVERY_LOWEST);

	for (u32 i = 0; valid && i < p->vcpu_count; i++) {
		struct interrupt_target target = {.apic_id = p->vcpus[i].cpu->apic_id,
						  .vector = data & MSI_VECTOR};

		/* The first that is ours. */
		if (is_destination(&p->vcpus[i], destination, address & MSI_LOGICAL) &&
		    set_entry(f, index, &target))
			return true;
	}
	set_entry(f, index, NULL);
	return false;
}

struct msi_message vpci_interrupt_message(const struct vpci_function *f, u32 index) {
	const struct iommu_unit *unit = &boot.iommu.units[f->info->unit];

	return unit->ops->message(unit, f->first_entry + index);
}

void vpci_interrupt_block(const struct vpci_function *f, u32 index) {
	set_entry(f, index, NULL);
}

void uart_line(struct uart *uart, bool level) {
	ioapic_set_pin(&container_of(uart, struct partition, uart)->ioapic, GUEST_UART_IRQ, level);
}

void ioapic_deliver(struct virtual_ioapic *ioapic, u32 destination, bool logical, u8 vector,
		    bool lowest) {
	struct partition *p = container_of(ioapic, struct partition, ioapic);

	for (u32 i = 0; i < p->vcpu_count; i++) {
		const struct vcpu *to = &p->vcpus[i];

		if (is_destination(to, destination, logical) && to->mode == VCPU_RUNNING) {
			cpu_send_vector(to->cpu->apic_id, vector);
			if (lowest)
				return;
		}
	}
}

/* One line a time, so that partitions do not mix within a line. */
void uart_output(struct uart *uart, u8 byte) {
	struct partition *p = container_of(uart, struct partition, uart);

	/* Terminal sequences could forge lines of the hypervisor or of others. */
	bool shown = (byte >= ' ' && byte < 0x7f) || byte >= 0xa0 || byte == '\t' ||
		     (byte == '\b' && p == machine.attached);

	if (byte != '\n' && byte != '\r')
		p->line[p->line_length++] = shown ? (char)byte : '?';
	if (byte == '\n' || p->line_length == sizeof(p->line)) {
		console_text(p->plan->name, p->line, p->line_length, true);
		p->line_length = 0;
	}
}
