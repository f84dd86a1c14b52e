/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's iommu-testdev (hw/misc/iommu-testdev.h): writes a pattern at an address as the unit shows it to
 * the device, bus mastering or not, and compares with memory at an address of the machine.
 */
#include "attacks.h"

#define VENDOR 0x1b36
#define DEVICE 0x0005

enum {
	REG_TRIGGER = 0x00,
	REG_ADDRESS = 0x04,
	REG_ADDRESS_HIGH = 0x08,
	REG_LENGTH = 0x0c,
	REG_RESULT = 0x10,
	REG_DOORBELL = 0x14,
	REG_EXPECTED = 0x1c,
	REG_EXPECTED_HIGH = 0x20,
};
#define PATTERN 0x12345678u
#define REFUSED 0xdead0002u

#define MESSAGES 0xfee00000ull
#define MESSAGE_REMAPPABLE 0x10u
#define MESSAGE_SUBHANDLE 0x08u
#define HANDLE_SHIFT 5
#define HANDLE_LOW 0x7fffu
#define HANDLE_HIGH_SHIFT 15
#define HANDLE_HIGH 0x04u

static uint64_t registers;
static volatile uint32_t own[16] __attribute__((aligned(64)));

static bool find(void) {
	uint32_t devfn = pci_find(VENDOR, DEVICE);

	if (!devfn) {
		print("guest: its iommu-testdev is not there");
		control(false);
		return false;
	}
	bus_master(devfn);
	registers = pci_bar(devfn, 0);
	return true;
}

/* The device's own word for what became of it: 0 is memory as written. */
static uint32_t fire(uint64_t address, uint64_t expected, uint32_t bytes) {
	mmio_write32(registers + REG_ADDRESS, (uint32_t)address);
	mmio_write32(registers + REG_ADDRESS_HIGH, (uint32_t)(address >> 32));
	mmio_write32(registers + REG_EXPECTED, (uint32_t)expected);
	mmio_write32(registers + REG_EXPECTED_HIGH, (uint32_t)(expected >> 32));
	mmio_write32(registers + REG_LENGTH, bytes);
	mmio_write32(registers + REG_DOORBELL, 1);
	mmio_read32(registers + REG_TRIGGER);
	return mmio_read32(registers + REG_RESULT);
}

static void try_at(uint64_t address, uint32_t bytes) {
	uint32_t result = fire(address, address, bytes);

	tried(result == REFUSED, result != REFUSED);
}

static void own_memory(void) {
	for (uint32_t i = 0; i < 16; i++)
		own[i] = 0;
	control(fire((uint64_t)own, (uint64_t)own, sizeof(own)) != REFUSED && own[0] == PATTERN &&
		own[15] == PATTERN);
}

void testdev_sweep(uint64_t from, uint64_t end, uint64_t step, uint32_t bytes) {
	if (!find())
		return;
	own_memory();
	for (uint64_t address = from; address < end; address += step)
		try_at(address, bytes);
	own_memory();
}

void testdev_list(uint64_t count, uint32_t bytes) {
	uint64_t *list = mailbox_list();

	if (!find())
		return;
	own_memory();
	for (uint64_t i = 0; i < count && i < MAILBOX_LIST_MAX; i++)
		try_at(list[i], bytes);
	own_memory();
}

/* Every handle of a remappable message, alone and with a sub-handle. */
void testdev_messages(uint64_t handles) {
	if (!find())
		return;
	own_memory();
	for (uint32_t handle = 0; handle < handles; handle++) {
		uint64_t address = MESSAGES | MESSAGE_REMAPPABLE |
				   (handle & HANDLE_LOW) << HANDLE_SHIFT |
				   (handle >> HANDLE_HIGH_SHIFT ? HANDLE_HIGH : 0);

		try_at(address, sizeof(uint32_t));
		try_at(address | MESSAGE_SUBHANDLE, sizeof(uint32_t));
	}
	own_memory();
}

void testdev_storm(uint64_t faults) {
	if (!find())
		return;
	own_memory();
	for (uint64_t i = 0; i < faults; i++)
		try_at(guest_ram_end + (i & 0xffff) * NVME_PAGE, sizeof(uint32_t));
	own_memory();
}
