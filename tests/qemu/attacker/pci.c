/* SPDX-License-Identifier: Apache-2.0 */
#include "guest.h"

#define ADDRESS_PORT 0xcf8
#define DATA_PORT 0xcfc
#define ENABLE (1u << 31)
#define CAPABILITIES 0x34u
#define CAPABILITIES_MAX 48
#define BAR_64BIT 4u
#define ACPI_BEGIN 0xe0000u
#define ACPI_END 0x100000u
#define MCFG_BASE 44u
#define SIGNATURE_MCFG 0x4746434du

uint32_t pci_read(uint32_t bus, uint32_t devfn, uint32_t offset) {
	out32(ADDRESS_PORT, ENABLE | bus << 16 | devfn << 8 | (offset & 0xfc));
	return in32(DATA_PORT);
}

void pci_write(uint32_t bus, uint32_t devfn, uint32_t offset, uint32_t value) {
	out32(ADDRESS_PORT, ENABLE | bus << 16 | devfn << 8 | (offset & 0xfc));
	out32(DATA_PORT, value);
}

uint32_t pci_find(uint32_t vendor, uint32_t device) {
	for (uint32_t devfn = 8; devfn < 256; devfn += 8)
		if (pci_read(0, devfn, 0) == (vendor | device << 16))
			return devfn;
	return 0;
}

uint64_t pci_bar(uint32_t devfn, uint32_t bar) {
	uint32_t low = pci_read(0, devfn, PCI_BAR0 + 4 * bar);
	uint64_t base = low & ~0xfu;

	if (low & BAR_64BIT)
		base |= (uint64_t)pci_read(0, devfn, PCI_BAR0 + 4 * bar + 4) << 32;
	return base;
}

uint32_t pci_capability(uint32_t devfn, uint32_t id) {
	uint32_t at = pci_read(0, devfn, CAPABILITIES) & 0xfc;

	for (uint32_t i = 0; at && i < CAPABILITIES_MAX; i++) {
		uint32_t head = pci_read(0, devfn, at);

		if ((head & 0xff) == id)
			return at;
		at = head >> 8 & 0xfc;
	}
	return 0;
}

uint64_t pci_ecam(void) {
	for (uint64_t at = ACPI_BEGIN; at < ACPI_END; at += 4) {
		if (mmio_read32(at) == SIGNATURE_MCFG && at + MCFG_BASE + 8 < ACPI_END &&
		    mmio_read32(at + 4) == 60)
			return mmio_read32(at + MCFG_BASE) |
			       (uint64_t)mmio_read32(at + MCFG_BASE + 4) << 32;
	}
	return 0;
}
