/* SPDX-License-Identifier: Apache-2.0 */
/* The tests' device: QEMU, docs/specs/edu.rst. */
#include "guest.h"

#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8
#define EDU_ID 0x010000edu
#define REG_ID 0x00
#define REG_RAISE 0x60
#define REG_ACKNOWLEDGE 0x64
#define REG_SOURCE 0x80
#define REG_DESTINATION 0x88
#define REG_COUNT 0x90
#define REG_COMMAND 0x98
#define COMMAND_START 1u
#define COMMAND_TO_MEMORY 2u
#define BUFFER 0x40000
#define CAP_MSI 5u
#define MSI_ENABLE (1u << 16)
#define MSI_64BIT (1u << 23)
#define TRANSFER_MS 60000u

bool edu_find(struct edu *edu) {
	edu->devfn = pci_find(EDU_VENDOR, EDU_DEVICE);
	if (!edu->devfn)
		return false;
	edu->registers = pci_bar(edu->devfn, 0);
	pci_write(0, edu->devfn, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER);
	return mmio_read32(edu->registers + REG_ID) == EDU_ID;
}

bool edu_transfer(const struct edu *edu, uint64_t address, uint32_t bytes, bool to_memory) {
	uint64_t r = edu->registers, begin = tsc();

	mmio_write64(r + REG_SOURCE, to_memory ? BUFFER : address);
	mmio_write64(r + REG_DESTINATION, to_memory ? address : BUFFER);
	mmio_write64(r + REG_COUNT, bytes);
	mmio_write64(r + REG_COMMAND, COMMAND_START | (to_memory ? COMMAND_TO_MEMORY : 0));
	while (mmio_read32(r + REG_COMMAND) & COMMAND_START) {
		if (tsc() - begin > TRANSFER_MS * 3000000ull)
			return false;
		__asm__ volatile("pause");
	}
	return true;
}

void edu_begin_writing(const struct edu *edu, uint64_t address) {
	uint64_t r = edu->registers;

	mmio_write64(r + REG_SOURCE, BUFFER);
	mmio_write64(r + REG_DESTINATION, address);
	mmio_write64(r + REG_COUNT, 8);
	mmio_write64(r + REG_COMMAND, COMMAND_START | COMMAND_TO_MEMORY);
}

bool edu_interrupt(const struct edu *edu, uint64_t address, uint32_t data) {
	uint32_t msi = pci_capability(edu->devfn, CAP_MSI), control;

	if (!msi)
		return false;
	control = pci_read(0, edu->devfn, msi);
	pci_write(0, edu->devfn, msi, control & ~MSI_ENABLE);
	pci_write(0, edu->devfn, msi + 4, (uint32_t)address);
	if (control & MSI_64BIT)
		pci_write(0, edu->devfn, msi + 8, (uint32_t)(address >> 32));
	pci_write(0, edu->devfn, msi + (control & MSI_64BIT ? 12 : 8), data);
	pci_write(0, edu->devfn, msi, control | MSI_ENABLE);
	mmio_write32(edu->registers + REG_RAISE, 1);
	pause_ms(2);
	mmio_write32(edu->registers + REG_ACKNOWLEDGE, UINT32_MAX);
	pci_write(0, edu->devfn, msi, control & ~MSI_ENABLE);
	return true;
}
