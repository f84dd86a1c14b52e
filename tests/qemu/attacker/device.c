/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest can tell its devices to do: DMA, messages, configuration space. */
#include "guest.h"

#define TRIES 20u
#define BLOCK 8u /* one record in the fault log, or two */
#define MARK 0xbadbadbadbad0031ull /* in the interrupt range: vector 0x31, fixed */
#define COMMAND_DEVICE_VENDOR 0x1af4 /* ivshmem: memory that the test shares */
#define COMMAND_DEVICE 0x1110
#define COMMAND_BAR 2
#define TABLE_PAGE_GIB 512
#define PAGE_LEAF 0x83u
#define PAGE_TABLE 3u

#define MSI_ADDRESS 0xfee00000u
#define MSI_VECTOR 0x31u
#define OWN_VECTOR 0x41u

static uint64_t buffer[BLOCK / 8] __attribute__((aligned(64)));
static uint64_t high_table[TABLE_PAGE_GIB] __attribute__((aligned(4096)));

/* What the test's process writes; COUNT at last. */
struct dma_commands {
	volatile uint64_t count;
	struct {
		volatile uint64_t address, to_memory;
	} each[64];
};

static void fill(uint64_t value) {
	for (uint32_t i = 0; i < BLOCK / 8; i++)
		((volatile uint64_t *)buffer)[i] = value + i;
}

static bool holds(uint64_t value) {
	for (uint32_t i = 0; i < BLOCK / 8; i++)
		if (((volatile uint64_t *)buffer)[i] != value + i)
			return false;
	return true;
}

void map_high(uint64_t address) {
	uint64_t first = address / (TABLE_PAGE_GIB * GIB), cr3;

	if (!first)
		return;
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	for (uint64_t i = 0; i < TABLE_PAGE_GIB; i++)
		high_table[i] = ((first * TABLE_PAGE_GIB + i) * GIB) | PAGE_LEAF;
	((volatile uint64_t *)cr3)[first] = (uint64_t)high_table | PAGE_TABLE;
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

/* Faults may have cost the device its bus mastering. */
static void bus_master_again(const struct edu *edu) {
	pci_write(0, edu->devfn, PCI_COMMAND, PCI_COMMAND_MEMORY);
	pci_write(0, edu->devfn, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER);
}

/* Within the partition's own memory the device must work: else the attacks would prove nothing. */
static void own_dma(const struct edu *edu) {
	bool good = false;

	/* Records of faults before this may be drained only now, and cost it bus mastering again. */
	for (uint32_t i = 0; !good && i < TRIES; i++) {
		pause_ms(200);
		bus_master_again(edu);
		fill(MARK);
		good = edu_transfer(edu, (uint64_t)buffer, BLOCK, false);
		fill(0);
		good = good && edu_transfer(edu, (uint64_t)buffer, BLOCK, true) && holds(MARK);
	}
	print("attacker: own dma %s", good ? "works" : "does not work");
}

static void attack_address(const struct edu *edu, uint64_t address, bool to_memory) {
	bool ended;

	bus_master_again(edu);
	fill(MARK);
	ended = edu_transfer(edu, (uint64_t)buffer, BLOCK, false) &&
		edu_transfer(edu, address, BLOCK, to_memory);
	if (!to_memory) {
		fill(0);
		ended = ended && edu_transfer(edu, (uint64_t)buffer, BLOCK, true);
	}
	print("attacker: dma-%s %x %s got %x", to_memory ? "write" : "read", address,
	      ended ? "ended" : "hangs", to_memory ? 0 : buffer[0]);
}

static struct dma_commands *open_commands(void) {
	uint32_t devfn = pci_find(COMMAND_DEVICE_VENDOR, COMMAND_DEVICE);
	uint64_t commands;

	if (!devfn) {
		print("guest: the command device is not there");
		power_off();
	}
	pci_write(0, devfn, PCI_COMMAND, PCI_COMMAND_MEMORY);
	commands = pci_bar(devfn, COMMAND_BAR);
	map_high(commands);
	return (struct dma_commands *)commands;
}

void wait_for_commands(void) {
	struct dma_commands *commands = open_commands();

	print("attacker: waits");
	while (!commands->count)
		pause_ms(1);
}

void attack_quietly(uint64_t size) {
	struct edu edu;

	if (!edu_find(&edu)) {
		print("guest: its edu device is not there");
		return;
	}
	print("attacker: quiet from now on");
	edu_begin_writing(&edu, size);
	for (;;)
		__asm__ volatile("pause");
}

void attack_dma(void) {
	struct dma_commands *commands = open_commands();
	struct edu edu;

	if (!edu_find(&edu)) {
		print("guest: its edu device is not there");
		return;
	}
	own_dma(&edu);
	for (uint64_t i = 0; i < commands->count && i < 64; i++)
		attack_address(&edu, commands->each[i].address, commands->each[i].to_memory);
	own_dma(&edu);
	print("attacker: dma ended");
}

void attack_interrupts(uint32_t victim) {
	struct edu edu;
	uint64_t before, others;

	if (!edu_find(&edu)) {
		print("guest: its edu device is not there");
		return;
	}
	for (uint32_t delivery = 0; delivery < 8; delivery++) {
		uint32_t data = delivery << 8 | MSI_VECTOR;

		edu_interrupt(&edu, MSI_ADDRESS | (uint64_t)victim << 12, data);
		edu_interrupt(&edu, MSI_ADDRESS | 0xffu << 12, data);
		edu_interrupt(&edu, MSI_ADDRESS | 1u << (victim + 12) | 4, data); /* logical */
		edu_interrupt(&edu, MSI_ADDRESS | 0xffu << 12 | 0xc, data);
		edu_interrupt(&edu, MSI_ADDRESS | 0x10, data); /* remappable format */
		edu_interrupt(&edu, (uint64_t)victim << 32 | MSI_ADDRESS, data);
	}
	edu_interrupt(&edu, 16 * MIB, MSI_VECTOR);
	edu_interrupt(&edu, MSI_ADDRESS | (uint64_t)victim << 12, 0);
	others = interrupts_total();
	before = interrupt_counts[OWN_VECTOR];
	edu_interrupt(&edu, MSI_ADDRESS | (uint64_t)apic_id() << 12, OWN_VECTOR);
	for (uint32_t i = 0; i < 5000 && interrupt_counts[OWN_VECTOR] == before; i++)
		pause_ms(1);
	print("attacker: msi ended, own message came %u times, others %u",
	      interrupt_counts[OWN_VECTOR] - before, others);
}

/* --- configuration space --- */

/* Nothing but the own functions may answer, by either way. */
static void look_around(uint64_t ecam) {
	uint64_t strange = 0, own = 0;

	for (uint32_t bus = 0; bus < 256; bus++) {
		for (uint32_t devfn = 0; devfn < 256; devfn += bus ? 8 : 1) {
			uint32_t id = pci_read(bus, devfn, 0);

			if (bus)
				pci_write(bus, devfn, PCI_COMMAND, 0);
			if (!bus && id != UINT32_MAX)
				own++;
			else if (id != UINT32_MAX)
				strange++;
		}
	}
	for (uint32_t bus = 1; ecam && bus < 256; bus++) {
		uint64_t at = ecam + ((uint64_t)bus << 20);

		/* Past the window there is nothing of the partition's: not even functions. */
		if (mmio_read32(at) != UINT32_MAX)
			strange++;
		mmio_write32(at + PCI_COMMAND, 0);
	}
	print("attacker: config functions %u strange %u", own, strange);
}

void look_at_functions(void) {
	look_around(pci_ecam());
}

static void hostile_writes(uint64_t ecam, uint32_t devfn) {
	static const uint32_t patterns[] = {0xffffffff, 0, 0x55555555, 0xaaaaaaaa, 0x12345678};
	uint64_t at = ecam + ((uint64_t)devfn << 12);

	for (uint32_t p = 0; p < sizeof(patterns) / sizeof(*patterns); p++) {
		for (uint32_t offset = 0; offset < 256; offset += 4)
			pci_write(0, devfn, offset, patterns[p]);
		for (uint32_t offset = 0; ecam && offset < 4096; offset += 4) {
			mmio_write32(at + offset, patterns[p]);
			*(volatile uint8_t *)(at + offset + 1) = (uint8_t)patterns[p];
			*(volatile uint16_t *)(at + offset + 2) = (uint16_t)patterns[p];
		}
	}
}

/* A BAR over other things: they must be what they were when it is gone, whatever answers meanwhile. */
static void move_bars(uint32_t devfn, uint64_t ecam, uint64_t ram_end) {
	const uint64_t places[] = {
		0,    ram_end - 2 * MIB, 0x100000000ull, ram_end,    MSI_ADDRESS, 0xfec00000,
		ecam, 0xfffff000,        0xffffffff000,  0x20000000, 0x7f000000,  0xb0000};
	volatile uint64_t *ram = (volatile uint64_t *)(ram_end - 2 * MIB);
	uint64_t lost = 0;

	for (uint32_t bar = 0; bar < 6; bar++) {
		uint32_t low = pci_read(0, devfn, PCI_BAR0 + 4 * bar);
		uint32_t high = bar < 5 ? pci_read(0, devfn, PCI_BAR0 + 4 * bar + 4) : 0;

		if (!(low & ~0xfu))
			continue;
		for (uint32_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
			*ram = MARK + i;
			pci_write(0, devfn, PCI_BAR0 + 4 * bar, (uint32_t)places[i]);
			if (low & 4)
				pci_write(0, devfn, PCI_BAR0 + 4 * bar + 4,
					  (uint32_t)(places[i] >> 32));
			/* What is there now, is the guest's own business: but it must not hurt others. */
			if (places[i] >= ram_end && places[i] < GIB * TABLE_PAGE_GIB) {
				mmio_write32(places[i], UINT32_MAX);
				mmio_read32(places[i]);
			}
			pci_write(0, devfn, PCI_BAR0 + 4 * bar, low);
			if (low & 4)
				pci_write(0, devfn, PCI_BAR0 + 4 * bar + 4, high);
			if (*ram != MARK + i)
				lost++;
		}
		if (low & 4)
			bar++;
	}
	print("attacker: bars of %x moved, own memory lost %u times", (uint64_t)devfn, lost);
}

void attack_config(uint64_t ram_end) {
	uint64_t ecam = pci_ecam();
	struct edu edu;

	look_around(ecam);
	for (uint32_t devfn = 8; devfn < 256; devfn += 8) {
		uint32_t bars[6];

		if (pci_read(0, devfn, 0) == UINT32_MAX)
			continue;
		pci_write(0, devfn, PCI_COMMAND, PCI_COMMAND_MEMORY);
		move_bars(devfn, ecam, ram_end);
		for (uint32_t i = 0; i < 6; i++)
			bars[i] = pci_read(0, devfn, PCI_BAR0 + 4 * i);
		pci_write(0, devfn, PCI_COMMAND, 0);
		hostile_writes(ecam, devfn);
		pci_write(0, devfn, PCI_COMMAND, 0);
		if (pci_capability(devfn, 1))
			pci_write(0, devfn, pci_capability(devfn, 1) + 4, 0); /* D0 */
		if (pci_capability(devfn, 5))
			pci_write(0, devfn, pci_capability(devfn, 5), 0);
		for (uint32_t i = 0; i < 6; i++)
			pci_write(0, devfn, PCI_BAR0 + 4 * i, bars[i]);
		print("attacker: config of %x written, it is %x", (uint64_t)devfn,
		      (uint64_t)pci_read(0, devfn, 0));
	}
	if (edu_find(&edu))
		own_dma(&edu);
	print("attacker: config ended");
}
