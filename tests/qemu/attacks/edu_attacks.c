/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's teaching device: copies in both directions after a tenth of a second, and has MSI. */
#include "attacks.h"

#define WORDS 8u
#define BYTES (WORDS * 8)
#define REG_SOURCE 0x80
#define REG_DESTINATION 0x88
#define REG_COUNT 0x90
#define REG_COMMAND 0x98
#define COMMAND_TO_MEMORY 3u
#define BUFFER 0x40000
#define UNTOUCHED 0x1111ull
#define FETCHES 10

#define MESSAGES 0xfee00000ull
#define OWN_VECTOR 0x41u
#define VICTIMS_VECTOR NVME_VECTOR
#define CAP_MSI 5u
#define MSI_ENABLE (1u << 16)
#define MSI_OFFERED (7u << 17)
#define MSI_MANY (7u << 20)
#define MSI_64BIT (1u << 23)

static uint64_t buffer[WORDS] __attribute__((aligned(64)));

static bool find(struct edu *edu) {
	if (edu_find(edu))
		return true;
	print("guest: its edu device is not there");
	control(false);
	return false;
}

static bool load_marks(const struct edu *edu) {
	bus_master(edu->devfn);
	fill(buffer, WORDS, MARK);
	return edu_transfer(edu, (uint64_t)buffer, BYTES, false);
}

static bool is_all(const uint64_t *words, uint64_t value) {
	for (uint32_t i = 0; i < WORDS; i++)
		if (words[i] != value)
			return false;
	return true;
}

/*
 * What was read is in the device's buffer: the guest looks at it in its own memory. Records of faults may cost
 * the device its bus mastering on the way, so it is fetched until it has come.
 */
static bool fetch(const struct edu *edu) {
	bool ended = true;

	for (uint32_t i = 0; ended && i < FETCHES; i++) {
		bus_master(edu->devfn);
		fill(buffer, WORDS, UNTOUCHED);
		ended = edu_transfer(edu, (uint64_t)buffer, BYTES, true);
		if (!holds(buffer, WORDS, UNTOUCHED))
			return ended;
	}
	return false;
}

static void own_memory(const struct edu *edu) {
	pause_ms(500); /* records of faults before this are drained by now */
	control(load_marks(edu) && fetch(edu) && holds(buffer, WORDS, MARK));
}

static void try_at(const struct edu *edu, uint64_t address) {
	bool ended = load_marks(edu) && edu_transfer(edu, address, BYTES, true), foreign;

	tried(ended, false);
	ended = ended && load_marks(edu) && edu_transfer(edu, address, BYTES, false) && fetch(edu);
	foreign = !is_all(buffer, 0) && !is_all(buffer, UINT64_MAX) && !holds(buffer, WORDS, MARK);
	if (!ended || foreign)
		print("guest: edu at %x %s, first word %x", address, ended ? "ended" : "hangs",
		      buffer[0]);
	tried(!foreign, ended && foreign);
	if (!ended)
		control(false);
}

void edu_list(uint64_t count) {
	const uint64_t *list = mailbox_list();
	struct edu edu;

	if (!find(&edu))
		return;
	own_memory(&edu);
	for (uint64_t i = 0; i < count && i < MAILBOX_LIST_MAX; i++)
		try_at(&edu, list[i]);
	own_memory(&edu);
}

/* It fires a tenth of a second from now, whatever has become of the partition. */
void edu_arm(uint64_t address) {
	struct edu edu;

	if (!edu_find(&edu))
		return; /* not every attacker has one */
	own_memory(&edu);
	load_marks(&edu);
	mmio_write64(edu.registers + REG_SOURCE, BUFFER);
	mmio_write64(edu.registers + REG_DESTINATION, address);
	mmio_write64(edu.registers + REG_COUNT, BYTES);
	mmio_write64(edu.registers + REG_COMMAND, COMMAND_TO_MEMORY);
	tried(true, false);
}

/* --- MSI --- */

static void send(const struct edu *edu, uint64_t address, uint32_t data) {
	edu_interrupt(edu, address, data);
	tried(true, false);
}

void attack_msi(uint32_t victim) {
	struct edu edu;
	uint64_t before;

	if (!find(&edu))
		return;
	for (uint32_t delivery = 0; delivery < 8; delivery++) {
		for (uint32_t low = 0; low < 3; low++) {
			uint32_t data = delivery << 8 | (VICTIMS_VECTOR + low);

			send(&edu, MESSAGES | (uint64_t)victim << 12, data);
			send(&edu, MESSAGES | 0xffu << 12, data);
			send(&edu, MESSAGES | 1u << (victim + 12) | 4, data); /* logical */
			send(&edu, MESSAGES | 0xffu << 12 | 0xc, data);
			send(&edu, MESSAGES | 0x10 | low << 5, data);
			send(&edu, MESSAGES | 0x18, data);
			send(&edu, (uint64_t)victim << 32 | MESSAGES, data);
			send(&edu, (uint64_t)victim << 40 | MESSAGES, data | 0xc000);
		}
	}
	for (uint32_t vector = 0; vector < 256; vector++)
		send(&edu, MESSAGES | (uint64_t)victim << 12, vector);
	send(&edu, 16 * MIB, VICTIMS_VECTOR);
	send(&edu, guest_ram_end, VICTIMS_VECTOR);
	send(&edu, UINT64_MAX, UINT32_MAX);
	pause_ms(500); /* what is blocked is a fault, too: those before this are counted by now */
	bus_master(edu.devfn);
	before = interrupt_counts[OWN_VECTOR];
	edu_interrupt(&edu, MESSAGES | (uint64_t)apic_id() << 12, OWN_VECTOR);
	for (uint32_t i = 0; i < 2000 && interrupt_counts[OWN_VECTOR] == before; i++)
		pause_ms(1);
	control(interrupt_counts[OWN_VECTOR] == before + 1);
}

/* Every function with MSI: as many messages as the field can say, which must become what there are; data that is no multiple of that. */
void hold_msi(uint32_t victim) {
	for (uint32_t devfn = 8; devfn < 256; devfn += 8) {
		uint32_t msi, control_word, data;

		if (pci_read(0, devfn, 0) == UINT32_MAX)
			continue;
		msi = pci_capability(devfn, CAP_MSI);
		if (!msi)
			continue;
		control_word = pci_read(0, devfn, msi);
		data = control_word & MSI_64BIT ? 12 : 8;
		pci_write(0, devfn, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER);
		pci_write(0, devfn, msi + 4, (uint32_t)MESSAGES | victim << 12);
		pci_write(0, devfn, msi + data, UINT32_MAX << 16 | (VICTIMS_VECTOR | 7));
		pci_write(0, devfn, msi, control_word | MSI_ENABLE | MSI_MANY);
		control_word = pci_read(0, devfn, msi);
		tried(true, (control_word & MSI_MANY) >> 3 > (control_word & MSI_OFFERED));
	}
	control(true);
}
