/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu.h"
#include "enumerate.h"
#include "mmio.h"
#include "pci_registers.h"
#include "x86.h"

static const struct inventory *machine_inventory;
static struct spinlock port_lock;

static volatile u8 *ecam(struct pci_address address, u16 offset) {
	for (u32 i = 0; i < machine_inventory->window_count; i++) {
		const struct ecam_window *w = &machine_inventory->windows[i];

		if (w->segment == address.segment && address.bus >= w->first_bus &&
		    address.bus <= w->last_bus)
			return (volatile u8 *)(uintptr_t)(w->base +
							  ((u64)pci_requester_id(address) << 12) +
							  offset);
	}
	return NULL;
}

/* Reads, or writes VALUE if that is not NULL. Where ports do not lead, all bits are ones. */
static u32 by_ports(struct pci_address address, u16 offset, u8 width, const u32 *value) {
	u16 port = (u16)(PCI_CONFIG_DATA_PORT + (offset & 3));
	u32 found = PCI_ABSENT;

	if (address.segment != 0 || offset >= PCI_CONFIG_SIZE)
		return found;
	spin_lock(&port_lock);
	port_write32(PCI_CONFIG_ADDRESS_PORT, (u32)PCI_CONFIG_ENABLE |
						      (u32)pci_requester_id(address) << 8 |
						      (offset & 0xfc));
	if (!value)
		found = port_read32(PCI_CONFIG_DATA_PORT) >> (offset & 3) * 8;
	else if (width == 1)
		port_write8(port, (u8)*value);
	else if (width == 2)
		port_write16(port, (u16)*value);
	else
		port_write32(port, *value);
	spin_unlock(&port_lock);
	return found;
}

static u32 config_read(const struct pci_access *access, struct pci_address address, u16 offset,
		       u8 width) {
	volatile u8 *p = ecam(address, offset);

	(void)access;
	return (u32)((p ? mmio_read(p, width) : by_ports(address, offset, width, NULL)) &
		     byte_mask(width));
}

static void config_write(const struct pci_access *access, struct pci_address address, u16 offset,
			 u8 width, u32 value) {
	volatile u8 *p = ecam(address, offset);

	(void)access;
	if (p)
		mmio_write(p, width, value);
	else
		by_ports(address, offset, width, &value);
}

static u32 config_space(const struct pci_access *access, struct pci_address address) {
	(void)access;
	return ecam(address, 0) ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;
}

static u32 change_memory(u64 address, u32 clear, u32 set) {
	volatile u8 *p = (volatile u8 *)(uintptr_t)address;

	if (clear | set)
		mmio_write32(p, (mmio_read32(p) & ~clear) | set);
	return mmio_read32(p);
}

const struct pci_access *machine_config_access(const struct inventory *inventory) {
	static const struct pci_access access = {.read = config_read,
						 .write = config_write,
						 .space = config_space,
						 .change_memory = change_memory};

	machine_inventory = inventory;
	return &access;
}
