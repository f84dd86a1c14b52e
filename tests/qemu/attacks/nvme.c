/* SPDX-License-Identifier: Apache-2.0 */
/* NVM Express 1.4: one controller, polled, with one pair of queues for administration and one for data. */
#include "attacks.h"

#define CLASS_NVME 0x010802u
#define PCI_CLASS 8u
#define CAP_MSIX 0x11u
#define MSIX_ENABLE (1u << 31)
#define MSIX_ENTRY 16

enum {
	REG_CAPABILITIES_HIGH = 0x04,
	REG_CONFIGURATION = 0x14,
	REG_STATUS = 0x1c,
	REG_ADMIN_SIZES = 0x24,
	REG_ADMIN_SUBMISSION = 0x28,
	REG_ADMIN_COMPLETION = 0x30,
	REG_DOORBELLS = 0x1000,
};
#define CONFIGURATION_ON (1u | 6u << 16 | 4u << 20) /* entries of 64 and 16 bytes */
#define STATUS_READY 1u

enum { ADMIN_CREATE_SUBMISSION = 0x01, ADMIN_CREATE_COMPLETION = 0x05 };
enum { NVM_FLUSH = 0x00, NVM_WRITE = 0x01, NVM_READ = 0x02 };
#define CREATE_CONTIGUOUS 1u
#define CREATE_INTERRUPTS 2u

#define ENTRIES 64u
#define COMMAND_WORDS 16
#define READY_MS 3000u

enum { ADMIN, DATA };

/* Of the one controller that a guest has. */
static struct {
	volatile uint32_t submission[ENTRIES][COMMAND_WORDS];
	volatile uint32_t completion[ENTRIES * 4 * 4]; /* a page of its own */
} rings[2] __attribute__((aligned(4096)));

static bool wait_ready(const struct nvme *n, uint32_t ready) {
	for (uint32_t i = 0; i < READY_MS; i++) {
		if ((mmio_read32(n->registers + REG_STATUS) & STATUS_READY) == ready)
			return true;
		pause_ms(1);
	}
	return false;
}

bool nvme_find(struct nvme *n) {
	for (n->devfn = 8; n->devfn < 256; n->devfn += 8)
		if (pci_read(0, n->devfn, PCI_CLASS) >> 8 == CLASS_NVME)
			break;
	if (n->devfn == 256)
		return false;
	n->registers = pci_bar(n->devfn, 0);
	map_high(n->registers);
	bus_master(n->devfn);
	n->stride = 4u << (mmio_read32(n->registers + REG_CAPABILITIES_HIGH) & 0xf);
	return true;
}

static uint64_t doorbell(const struct nvme *n, uint32_t queue, uint32_t completion) {
	return n->registers + REG_DOORBELLS + (2 * queue + completion) * n->stride;
}

static void put(struct nvme *n, uint32_t queue, const uint32_t *command) {
	uint16_t *tail = &n->queue[queue].tail;

	for (uint32_t i = 0; i < COMMAND_WORDS; i++)
		rings[queue].submission[*tail][i] = command[i];
	*tail = (*tail + 1) % ENTRIES;
	mmio_write32(doorbell(n, queue, 0), *tail);
}

/* Status of the next completion; -1: there is none. */
static int take(struct nvme *n, uint32_t queue) {
	volatile uint32_t *last = &rings[queue].completion[4 * n->queue[queue].head + 3];
	uint64_t begin = tsc();

	while ((*last >> 16 & 1) != n->queue[queue].phase) {
		if (tsc() - begin > n->patience_ms * 3000000ull)
			return -1;
		__asm__ volatile("pause");
	}
	int status = (int)(*last >> 17);

	if (++n->queue[queue].head == ENTRIES) {
		n->queue[queue].head = 0;
		n->queue[queue].phase ^= 1;
	}
	mmio_write32(doorbell(n, queue, 1), n->queue[queue].head);
	return status;
}

static int create(struct nvme *n, uint32_t opcode, uint64_t at, uint32_t flags) {
	uint32_t command[COMMAND_WORDS] = {opcode};

	command[6] = (uint32_t)at;
	command[7] = (uint32_t)(at >> 32);
	command[10] = DATA | (ENTRIES - 1) << 16;
	command[11] = flags;
	put(n, ADMIN, command);
	return take(n, ADMIN);
}

static uint64_t place(uint64_t wanted, const volatile void *own) {
	return wanted ? wanted : (uint64_t)own;
}

bool nvme_start(struct nvme *n, const struct nvme_places *places) {
	static const struct nvme_places own_places;
	const struct nvme_places *p = places ? places : &own_places;
	uint64_t r = n->registers;

	bus_master(n->devfn);
	mmio_write32(r + REG_CONFIGURATION, 0);
	if (!wait_ready(n, 0))
		return false;
	for (uint32_t q = ADMIN; q <= DATA; q++) {
		n->queue[q].tail = n->queue[q].head = 0;
		n->queue[q].phase = 1;
		for (uint32_t i = 0; i < sizeof(rings[q].completion) / 4; i++)
			rings[q].completion[i] = 0;
	}
	mmio_write32(r + REG_ADMIN_SIZES, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	mmio_write64(r + REG_ADMIN_SUBMISSION, place(p->admin_submission, rings[ADMIN].submission));
	mmio_write64(r + REG_ADMIN_COMPLETION, place(p->admin_completion, rings[ADMIN].completion));
	mmio_write32(r + REG_CONFIGURATION, CONFIGURATION_ON);
	if (!wait_ready(n, STATUS_READY))
		return false;
	return !create(n, ADMIN_CREATE_COMPLETION, place(p->completion, rings[DATA].completion),
		       CREATE_CONTIGUOUS | CREATE_INTERRUPTS) &&
	       !create(n, ADMIN_CREATE_SUBMISSION, place(p->submission, rings[DATA].submission),
		       CREATE_CONTIGUOUS | DATA << 16);
}

void nvme_submit(struct nvme *n, bool to_disk, uint64_t block, uint32_t blocks, uint64_t first,
		 uint64_t second) {
	const uint32_t command[COMMAND_WORDS] = {
		[0] = to_disk ? NVM_WRITE : NVM_READ,
		[1] = 1,
		[6] = (uint32_t)first,
		[7] = (uint32_t)(first >> 32),
		[8] = (uint32_t)second,
		[9] = (uint32_t)(second >> 32),
		[10] = (uint32_t)block,
		[11] = (uint32_t)(block >> 32),
		[12] = blocks - 1,
	};

	put(n, DATA, command);
}

int nvme_transfer(struct nvme *n, bool to_disk, uint64_t block, uint32_t blocks, uint64_t first,
		  uint64_t second) {
	nvme_submit(n, to_disk, block, blocks, first, second);
	return take(n, DATA);
}

int nvme_flush(struct nvme *n) {
	const uint32_t command[COMMAND_WORDS] = {[0] = NVM_FLUSH, [1] = 1};

	put(n, DATA, command);
	return take(n, DATA);
}

void nvme_vector(struct nvme *n, uint32_t index, uint64_t address, uint32_t data) {
	uint32_t capability = pci_capability(n->devfn, CAP_MSIX);
	uint32_t where = pci_read(0, n->devfn, capability + 4);
	uint64_t entry = pci_bar(n->devfn, where & 7) + (where & ~7u) + MSIX_ENTRY * index;

	mmio_write32(entry, (uint32_t)address);
	mmio_write32(entry + 4, (uint32_t)(address >> 32));
	mmio_write32(entry + 8, data);
	mmio_write32(entry + 12, 0);
}

void nvme_vectors_on(struct nvme *n, bool on) {
	pci_write(0, n->devfn, pci_capability(n->devfn, CAP_MSIX), on ? MSIX_ENABLE : 0);
}
