/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "mmio.h"
#include "partition_internal.h"

/* Joins a partition's virtual devices to the machine: registers, interrupts, console. */

/* MSI address: destination 19:12, and 11:5 as bits 14:8 of it (KVM's extended destination). */
#define MSI_ADDRESS_BASE 0xfee00000ull
#define MSI_ADDRESS_MASK BITS(63, 20)
#define MSI_DESTINATION_SHIFT 12
#define MSI_DESTINATION_BITS BITS(19, 12)
#define MSI_LOGICAL BIT(2)
#define MSI_VECTOR BITS(7, 0)
#define MSI_DELIVERY BITS(10, 8)
#define MSI_DELIVERY_LOWEST BIT(8)
#define FIRST_LEGAL_VECTOR 16

static u32 index_of(const struct partition *p, u32 function) {
	for (u32 i = 0; i < p->plan->function_count; i++) {
		if (p->plan->functions[i] == function)
			return i;
	}
	return NONE;
}

static struct iommu_unit *unit_of(const struct pci_function *f) {
	return &boot.iommu.units[f->unit];
}

/* Registers of devices: in the guest's own tables, never in another device's DMA domain. */
static bool map_bar(void *context, u64 guest, u64 host, u64 length) {
	struct partition *p = context;

	return page_tables_map(&p->nested, guest, host, length,
			       ACCESS_READ | ACCESS_WRITE | ACCESS_USER | ACCESS_UNCACHED);
}

static bool unmap_bar(void *context, u64 guest, u64 length) {
	struct partition *p = context;
	bool done = page_tables_unmap(&p->nested, guest, length);

	for (u32 i = 0; i < p->vcpu_count; i++) {
		if (p->vcpus[i].mode == VCPU_RUNNING)
			vcpu_request(&p->vcpus[i], REQUEST_FLUSH);
	}
	return done;
}

static u64 registers_read(void *context, u64 host, u8 width) {
	const volatile u8 *p = (const volatile u8 *)(uintptr_t)host;

	(void)context;
	switch (width) {
	case 1: return *p;
	case 2: return *(const volatile u16 *)p;
	case 4: return mmio_read32(p);
	default: return mmio_read64(p);
	}
}

static void registers_write(void *context, u64 host, u8 width, u64 value) {
	volatile u8 *p = (volatile u8 *)(uintptr_t)host;

	(void)context;
	switch (width) {
	case 1: *p = (u8)value; break;
	case 2: *(volatile u16 *)p = (u16)value; break;
	case 4: mmio_write32(p, (u32)value); break;
	default: mmio_write64(p, value);
	}
}

static bool interrupt_set(void *context, u32 function, u32 index,
			  const struct interrupt_target *target) {
	struct partition *p = context;
	const struct pci_function *f = &boot.inventory.functions[function];
	u32 i = index_of(p, function);
	bool done;

	if (i == NONE || index >= p->interrupt_counts[i])
		return false;
	spin_lock(&machine.iommu_lock);
	done = interrupts_set(unit_of(f), pci_interrupt_requester(&boot.inventory, function),
			      p->first_interrupt[i] + index, target);
	spin_unlock(&machine.iommu_lock);
	return done;
}

static bool interrupt_target(void *context, u64 address, u32 data,
			     struct interrupt_target *target) {
	const struct partition *p = context;
	u32 destination = (u32)((address & MSI_DESTINATION_BITS) >> MSI_DESTINATION_SHIFT);
	u64 delivery = data & MSI_DELIVERY;

	if ((address & MSI_ADDRESS_MASK) != MSI_ADDRESS_BASE ||
	    (delivery && delivery != MSI_DELIVERY_LOWEST) ||
	    (data & MSI_VECTOR) < FIRST_LEGAL_VECTOR)
		return false;
	target->vector = data & MSI_VECTOR;
	if (address & MSI_LOGICAL) {
		/* Cluster and set, as x2APIC logical IDs below 16 processors: the first that is ours. */
		for (u32 i = 0; i < p->vcpu_count; i++) {
			u32 id = p->vcpus[i].cpu->apic_id;

			if (id >> 4 == destination >> 4 && destination & BIT(id & 0xf)) {
				target->apic_id = id;
				return true;
			}
		}
		return false;
	}
	target->apic_id = destination;
	return partition_vcpu_by_apic_id(p, destination) != NULL;
}

static struct msi_message message(void *context, u32 function, u32 index) {
	const struct partition *p = context;
	const struct pci_function *f = &boot.inventory.functions[function];
	u32 i = index_of(p, function);

	return unit_of(f)->ops->message(unit_of(f), p->first_interrupt[i] + index);
}

static void uart_line(void *context, bool level) {
	struct partition *p = context;

	ioapic_set_pin(&p->ioapic, GUEST_UART_IRQ, level);
}

static void deliver(void *context, u32 destination, bool logical, u8 vector, bool lowest) {
	struct partition *p = context;

	for (u32 i = 0; i < p->vcpu_count; i++) {
		u32 id = p->vcpus[i].cpu->apic_id;
		bool match = logical ? id < 16 && destination & BIT(id) : destination == id;

		if (match && p->vcpus[i].mode == VCPU_RUNNING) {
			cpu_send_vector(id, vector);
			if (lowest)
				return;
		}
	}
}

void partition_devices_init(struct partition *p) {
	p->uart = (struct uart){.output = partition_output, .line = uart_line, .context = p};
	p->ioapic = (struct virtual_ioapic){.deliver = deliver, .context = p};
	p->vpci_host = (struct vpci_host){
		.config = boot.config,
		.map = map_bar,
		.unmap = unmap_bar,
		.mmio_read = registers_read,
		.mmio_write = registers_write,
		.interrupt_set = interrupt_set,
		.interrupt_target = interrupt_target,
		.message = message,
		.context = p,
	};
	uart_reset(&p->uart);
	ioapic_reset(&p->ioapic);
}

/* One line a time, so that partitions do not mix within a line. */
void partition_output(void *context, u8 byte) {
	struct partition *p = context;

	/* Terminal sequences could forge lines of the hypervisor or of others. */
	if (byte != '\n' && byte != '\r')
		p->line[p->line_length++] = byte < ' ' && byte != '\t' ? '?' : (char)byte;
	if (byte == '\n' || p->line_length == sizeof(p->line)) {
		console_partition_line(p->plan->name, p->line, p->line_length);
		p->line_length = 0;
	}
}
