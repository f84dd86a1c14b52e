/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "../attacker/guest.h"
#include <stddef.h>

/*
 * A guest that does what the test's process orders through memory that both see, with the devices that
 * it finds: as attacker it aims them at what is not its own, as victim it looks after its own memory,
 * its disk and its interrupts. Addresses are those of the machine, as the test knows them.
 */

/* --- orders: hostile.py has the same names and places --- */

enum order {
	ORDER_NOTHING,
	ORDER_TESTDEV_SWEEP, /* from, end, step, bytes */
	ORDER_TESTDEV_LIST, /* how many, bytes */
	ORDER_TESTDEV_MESSAGES, /* how many handles */
	ORDER_EDU_LIST, /* how many */
	ORDER_NVME_WRITES, /* from, end, step: the device writes there */
	ORDER_NVME_READS, /* from, end, step: the device reads there */
	ORDER_NVME_LIST, /* how many: both */
	ORDER_NVME_QUEUES, /* how many: queues and lists of pages at these addresses */
	ORDER_NVME_MESSAGES, /* pages of the interrupt range */
	ORDER_MSI, /* APIC ID of the victim */
	ORDER_MSI_HOLD, /* the same; hostile values stay until the next order */
	ORDER_MSIX, /* the same, rounds */
	ORDER_CONFIG, /* of each function so many bytes */
	ORDER_STORM, /* faults */
	ORDER_ARM, /* address: every device that can be armed fires there from now on */
	ORDER_END, /* enum ending */
	ORDER_HURT_MEMORY, /* of the victim, by its own device: what it reports then shows that it looks */
	ORDER_HURT_INTERRUPTS,
	ORDER_FORGET, /* victim: as if nothing had happened */
	ORDER_MARK, /* 1: a phase of the victim's exit counters begins, in which it only computes; 2: it ends */
	ORDERS
};

enum ending { END_POWER_OFF, END_TRIPLE_FAULT, END_RESET, END_JUMP_BEYOND };

/* The words of an answer; LANDED: the device said that the access was carried out. */
enum result { RESULT_TRIED, RESULT_REFUSED, RESULT_LANDED, RESULT_CONTROLS, RESULT_LOST, RESULTS };

/* What a running guest shows. */
enum shown {
	SHOWN_LIVES, /* how often it has been started */
	SHOWN_EARLY, /* interrupts and foreign words that were there when it began, all lives together */
	SHOWN_ROUNDS,
	SHOWN_CHANGED, /* words of memory or of its disk that were not as written */
	SHOWN_TRANSFERS,
	SHOWN_INTERRUPTS, /* that it did not ask for */
	SHOWN_ERRORS, /* of its disk */
	SHOWN_WORDS
};

#define MAILBOX_NAME 24
#define MAILBOX_LIST 4096u
#define MAILBOX_LIST_MAX 4096u

struct mailbox {
	volatile uint64_t order, answer; /* numbers of the last one */
	volatile uint64_t verb, argument[6];
	char name[MAILBOX_NAME];
	volatile uint64_t result[RESULTS];
	volatile uint64_t shown[SHOWN_WORDS];
	volatile uint64_t awaited; /* somebody waits for a round: no rest before it */
};

/* The test finds a guest's memory by this word at SIGNATURE_PLACE, and the ID of its processor behind it. */
#define SIGNATURE_PLACE (2 * MIB)
#define SIGNATURE 0x6e69614d6b6c7542ull

/* What devices write, in every place that they can choose. */
#define MARK 0xbadbadbadbad0031ull
#define MARK_FRAME 0xbadbadbadf7a3e00ull /* in frames from outside */

extern struct mailbox *mailbox;
extern uint64_t guest_ram_end;

static inline uint64_t *mailbox_list(void) {
	return (uint64_t *)((uint64_t)mailbox + MAILBOX_LIST);
}

void tried(bool refused, bool landed);
void control(bool works);

/* Off and on again: faults may have cost the device its bus mastering. */
void bus_master(uint32_t devfn);
void fill(volatile uint64_t *words, uint32_t count, uint64_t value);
bool holds(const volatile uint64_t *words, uint32_t count, uint64_t value);

/* --- testdev.c: QEMU's device that writes where it is told, and says whether it could --- */

void testdev_sweep(uint64_t from, uint64_t end, uint64_t step, uint32_t bytes);
void testdev_list(uint64_t count, uint32_t bytes);
void testdev_messages(uint64_t handles);
void testdev_storm(uint64_t faults);

/* --- nvme.c: a controller with one queue pair for data --- */

#define NVME_BLOCK 512u
#define NVME_PAGE 4096u
#define NVME_VECTOR 0x61u

/* Where the controller is told that its queues are; 0: where they are. */
struct nvme_places {
	uint64_t admin_submission, admin_completion, submission, completion;
};

struct nvme {
	uint64_t patience_ms; /* for an answer */
	uint32_t devfn, stride;
	uint64_t registers, msix_table;
	struct {
		uint16_t tail, head;
		uint8_t phase;
	} queue[2];
};

bool nvme_find(struct nvme *nvme);
bool nvme_start(struct nvme *nvme, const struct nvme_places *places);
/* BLOCKS of the disk from BLOCK on, to or from memory at ADDRESS. The status; -1: it does not answer. */
int nvme_transfer(struct nvme *nvme, bool to_disk, uint64_t block, uint32_t blocks, uint64_t first,
		  uint64_t second);
/* The same without waiting. */
void nvme_submit(struct nvme *nvme, bool to_disk, uint64_t block, uint32_t blocks, uint64_t first,
		 uint64_t second);
int nvme_flush(struct nvme *nvme);
void nvme_vector(struct nvme *nvme, uint32_t index, uint64_t address, uint32_t data);
void nvme_vectors_on(struct nvme *nvme, bool on);

/* --- nvme_attacks.c --- */

void nvme_sweep(bool device_writes, uint64_t from, uint64_t end, uint64_t step);
void nvme_list(uint64_t count);
void nvme_queues(uint64_t count);
void nvme_messages(uint64_t first, uint64_t count);
void nvme_hostile_vectors(uint32_t victim, uint64_t rounds);
void nvme_arm(uint64_t address);

/* --- e1000e.c: whatever comes from outside goes where the ring says --- */

#define FRAME_VECTOR 0x62u

void e1000e_receive(uint64_t address, bool each_to_its_own);
/* Into the guest's own memory first: whether they come, and interrupt. True where there is no such device. */
bool e1000e_works(void);

/* --- edu_attacks.c --- */

void edu_list(uint64_t count);
void edu_arm(uint64_t address);
void attack_msi(uint32_t victim);
void hold_msi(uint32_t victim);

/* --- config.c --- */

void attack_configuration(uint64_t ram_end, uint32_t bytes);

/* --- victim.c --- */

void victim_begin(void);
/* One look at everything. */
void victim_round(void);
void victim_hurt_memory(void);
void victim_hurt_interrupts(void);
void victim_forget(void);
void victim_phase(uint64_t mark);
