/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk controller told to work on memory that is not its partition's. Its disk begins with a page of
 * marks, which it writes; what it reads goes to blocks of its disk, where the test looks for it.
 */
#include "attacks.h"

#define PAGE_BLOCKS (NVME_PAGE / NVME_BLOCK)
/* The disk: a page of marks, room for what is read, then words that serve as interrupt messages. */
#define MARKS_BLOCK 0
#define READ_BLOCK 2048u
#define READ_BLOCKS 65536u
#define OWN_BLOCK 1024u
#define MESSAGES_BLOCK 512u
#define MESSAGE_PAGES 4u
#define MESSAGES 0xfee00000ull
#define DESTINATION 0xff000u
#define LOGICAL 4u
#define VECTOR_PLAIN 0x80u
#define ARMED 32u

/* Its answers do not come at all when it has lost bus mastering. */
static struct nvme nvme = {.patience_ms = 1000};
static uint64_t page[512] __attribute__((aligned(4096)));
static uint64_t page_list[512] __attribute__((aligned(4096)));

static bool restart(const struct nvme_places *places) {
	return nvme_find(&nvme) && nvme_start(&nvme, places);
}

/* To the disk and back. */
static void own_memory(void) {
	bool good;

	fill(page, 512, MARK + 0x10000);
	good = !nvme_transfer(&nvme, true, OWN_BLOCK, PAGE_BLOCKS, (uint64_t)page, 0);
	fill(page, 512, 0);
	good = good && !nvme_transfer(&nvme, false, OWN_BLOCK, PAGE_BLOCKS, (uint64_t)page, 0) &&
	       holds(page, 512, MARK + 0x10000);
	control(good);
}

/* A controller that faults too often loses bus mastering, and stops: it is started again. */
static void try_at(bool device_writes, uint64_t address) {
	static uint32_t next;
	uint32_t block = MARKS_BLOCK;
	int status;

	if (!device_writes)
		block = READ_BLOCK + next++ * PAGE_BLOCKS % READ_BLOCKS;
	status = nvme_transfer(&nvme, !device_writes, block, PAGE_BLOCKS, address,
			       address % NVME_PAGE ? address + NVME_PAGE - address % NVME_PAGE : 0);
	/* The emulated one says nothing of what was not written: memory tells. */
	tried(status != 0 || device_writes, false);
	if (status < 0 && !restart(NULL))
		control(false);
}

void nvme_sweep(bool device_writes, uint64_t from, uint64_t end, uint64_t step) {
	if (!restart(NULL)) {
		control(false);
		return;
	}
	own_memory();
	for (uint64_t address = from; address < end; address += step)
		try_at(device_writes, address);
	if (!restart(NULL))
		control(false);
	own_memory();
}

void nvme_list(uint64_t count) {
	const uint64_t *list = mailbox_list();

	if (!restart(NULL)) {
		control(false);
		return;
	}
	own_memory();
	for (uint64_t i = 0; i < count && i < MAILBOX_LIST_MAX; i++) {
		try_at(true, list[i]);
		try_at(false, list[i]);
	}
	if (!restart(NULL))
		control(false);
	own_memory();
}

/* Its queues, each in turn, and a list of pages: in somebody else's memory. */
void nvme_queues(uint64_t count) {
	const uint64_t *list = mailbox_list();

	for (uint64_t i = 0; i < count && i < MAILBOX_LIST_MAX; i++) {
		uint64_t at = list[i] & ~(uint64_t)(NVME_PAGE - 1);
		const struct nvme_places places[] = {{.admin_submission = at},
						     {.admin_completion = at},
						     {.submission = at},
						     {.completion = at}};

		for (uint32_t q = 0; q < 4; q++) {
			restart(&places[q]);
			nvme_submit(&nvme, false, MARKS_BLOCK, PAGE_BLOCKS, (uint64_t)page, 0);
			pause_ms(2);
			tried(true, false);
		}
		if (!restart(NULL))
			control(false);
		/* The list itself, then pages that it names. */
		nvme_transfer(&nvme, false, MARKS_BLOCK, 4 * PAGE_BLOCKS, (uint64_t)page, at);
		tried(true, false);
		if (!restart(NULL))
			control(false);
		for (uint32_t j = 0; j < 8; j++)
			page_list[j] = at + j * NVME_PAGE;
		nvme_transfer(&nvme, false, MARKS_BLOCK, 4 * PAGE_BLOCKS, (uint64_t)page,
			      (uint64_t)page_list);
		tried(true, false);
		if (!restart(NULL))
			control(false);
	}
	own_memory();
}

/* Pages of messages over the interrupt range: every word is one, with the disk's words as its data. */
void nvme_messages(uint64_t first, uint64_t count) {
	if (!restart(NULL)) {
		control(false);
		return;
	}
	own_memory();
	for (uint64_t i = first; i < first + count; i++) {
		for (uint32_t data = 0; data < MESSAGE_PAGES; data++) {
			int status =
				nvme_transfer(&nvme, false, MESSAGES_BLOCK + data * PAGE_BLOCKS,
					      PAGE_BLOCKS, MESSAGES + i * NVME_PAGE, 0);

			for (uint32_t word = 0; word < NVME_PAGE / 4; word++)
				tried(true, false);
			if (status < 0 && !restart(NULL))
				control(false);
		}
	}
	if (!restart(NULL))
		control(false);
	own_memory();
}

/* --- MSI-X --- */

static uint32_t random(void) {
	static uint64_t state = 0x2545f4914f6cdd1dull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

/* Messages fly all the while: each command that ends sends one by the entry that has just been written. */
void nvme_hostile_vectors(uint32_t victim, uint64_t rounds) {
	uint64_t own = MESSAGES | (uint64_t)apic_id() << 12, before;
	const uint64_t addresses[] = {MESSAGES | (uint64_t)victim << 12,
				      MESSAGES | 0xffu << 12,
				      MESSAGES | 1u << (victim + 12) | 4,
				      MESSAGES | 0xffu << 12 | 0xc,
				      MESSAGES | 0x10,
				      MESSAGES | 0x18,
				      (uint64_t)victim << 32 | MESSAGES,
				      (uint64_t)victim << 40 | MESSAGES,
				      0,
				      64 * MIB,
				      guest_ram_end,
				      0xfec00000,
				      0xfee01003,
				      UINT64_MAX,
				      own};

	if (!restart(NULL)) {
		control(false);
		return;
	}
	nvme_vectors_on(&nvme, true);
	own_memory();
	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t address = addresses[i % (sizeof(addresses) / sizeof(*addresses))];
		uint32_t data = random();

		if (i & 64)
			address ^= random() & DESTINATION;
		/* To oneself it is allowed: not as an exception, then. */
		if ((address & DESTINATION) == (own & DESTINATION) || address & LOGICAL)
			data |= VECTOR_PLAIN;
		/* Half of them in the vector that is in use, half anywhere. */
		nvme_vector(&nvme, i & 1 ? random() % 65 : 0, address, data);
		tried(true, false);
		/* What is blocked is a fault, too, and costs it bus mastering once. */
		if (nvme_flush(&nvme) >= 0)
			continue;
		if (!restart(NULL))
			control(false);
		nvme_vectors_on(&nvme, true);
	}
	nvme_vector(&nvme, 0, own, NVME_VECTOR);
	before = interrupt_counts[NVME_VECTOR];
	nvme_flush(&nvme);
	for (uint32_t i = 0; i < 2000 && interrupt_counts[NVME_VECTOR] == before; i++)
		pause_ms(1);
	control(interrupt_counts[NVME_VECTOR] == before + 1);
	nvme_vectors_on(&nvme, false);
	own_memory();
}

/* As many commands as the queue takes, none waited for. */
void nvme_arm(uint64_t address) {
	if (!nvme_find(&nvme))
		return; /* not every attacker has one */
	control(restart(NULL));
	own_memory();
	nvme_vectors_on(&nvme, true);
	nvme_vector(&nvme, 0, MESSAGES | apic_id() << 12, NVME_VECTOR);
	for (uint32_t i = 0; i < ARMED; i++) {
		nvme_submit(&nvme, false, MARKS_BLOCK, PAGE_BLOCKS, address + i * NVME_PAGE, 0);
		tried(true, false);
	}
}
