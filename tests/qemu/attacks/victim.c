/* SPDX-License-Identifier: Apache-2.0 */
/* Memory full of words that tell their own address, a disk that is written and read, interrupts that are counted. */
#include "attacks.h"

#define BEGIN (16 * MIB)
#define PIECES 32u /* of its memory: one is looked at for each transfer */
#define FACTOR 0x9e3779b97f4a7c15ull
#define DISK_BLOCKS 16384u
#define PAGE_BLOCKS (NVME_PAGE / NVME_BLOCK)
#define PAGE_WORDS (NVME_PAGE / 8)
#define MARK_PORT 0xbb0
#define MESSAGES 0xfee00000ull
#define REST_MS 5 /* after each piece: what has changed is still there then */
#define SAID 8 /* of words that changed */
#define WRONG_VECTOR 0x77u
/* Where its own device writes when it is told to. */
#define HURT (BEGIN + MIB)
#define MARKS_BLOCK 32768u

static struct nvme nvme = {.patience_ms = 30000};
static volatile uint64_t page[PAGE_WORDS] __attribute__((aligned(4096)));
static bool computes; /* and leaves its disk alone */
static uint64_t piece, transfers, commands, forgiven, said;

static void fill_memory(void) {
	for (volatile uint64_t *word = (volatile uint64_t *)BEGIN;
	     word < (volatile uint64_t *)guest_ram_end; word++)
		*word = (uint64_t)word * FACTOR;
}

/* Of other vectors, and more of its own than its disk can have sent: one for each command. */
static uint64_t unexpected(void) {
	uint64_t own = interrupt_counts[NVME_VECTOR];

	return interrupts_total() - own - forgiven + (own > commands ? own - commands : 0);
}

static void check_piece(void) {
	uint64_t bytes = (guest_ram_end - BEGIN) / PIECES, changed = 0;
	volatile uint64_t *word = (volatile uint64_t *)(BEGIN + piece * bytes);
	volatile uint64_t *end = word + bytes / 8;

	for (; word < end; word++) {
		uint64_t value = *word;

		if (value == (uint64_t)word * FACTOR)
			continue;
		if (!changed++ && said++ < SAID)
			print("victim: %x holds %x", (uint64_t)word, value);
	}
	mailbox->shown[SHOWN_CHANGED] += changed;
	piece = (piece + 1) % PIECES;
	mailbox->shown[SHOWN_ROUNDS] += !piece;
}

static void use_disk(void) {
	uint64_t block = transfers * PAGE_BLOCKS % DISK_BLOCKS, seed = transfers * FACTOR;

	commands += 2;
	fill(page, PAGE_WORDS, seed);
	int status = nvme_transfer(&nvme, true, block, PAGE_BLOCKS, (uint64_t)page, 0);

	fill(page, PAGE_WORDS, 0);
	if (!status)
		status = nvme_transfer(&nvme, false, block, PAGE_BLOCKS, (uint64_t)page, 0);
	mailbox->shown[SHOWN_ERRORS] += status != 0;
	if (!status && !holds(page, PAGE_WORDS, seed))
		mailbox->shown[SHOWN_CHANGED]++;
	mailbox->shown[SHOWN_TRANSFERS] = ++transfers;
}

void victim_begin(void) {
	bool good;

	fill_memory();
	good = nvme_find(&nvme) && nvme_start(&nvme, NULL);
	nvme_vectors_on(&nvme, true);
	nvme_vector(&nvme, 0, MESSAGES | apic_id() << 12, NVME_VECTOR);
	print("victim: disk %s", good ? "works" : "does not work");
}

void victim_phase(uint64_t mark) {
	computes = mark == 1;
	out8(MARK_PORT, (uint8_t)mark);
}

void victim_round(void) {
	check_piece();
	if (!computes)
		use_disk();
	mailbox->shown[SHOWN_INTERRUPTS] = unexpected();
	if (!computes && !mailbox->awaited)
		rest_ms(REST_MS);
}

void victim_hurt_memory(void) {
	commands++;
	nvme_transfer(&nvme, false, MARKS_BLOCK, PAGE_BLOCKS, HURT, 0);
}

void victim_hurt_interrupts(void) {
	nvme_vector(&nvme, 0, MESSAGES | apic_id() << 12, WRONG_VECTOR);
	use_disk();
	pause_ms(20);
	nvme_vector(&nvme, 0, MESSAGES | apic_id() << 12, NVME_VECTOR);
}

void victim_forget(void) {
	fill_memory();
	forgiven += unexpected();
	for (uint32_t i = SHOWN_ROUNDS; i < SHOWN_WORDS; i++)
		mailbox->shown[i] = 0;
}
