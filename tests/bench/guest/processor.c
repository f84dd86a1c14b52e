/* SPDX-License-Identifier: Apache-2.0 */
/* What needs processors and memory alone. */
#include "../../qemu/guest/sha256.h"
#include "work.h"
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HASH_SIZE (64 * MIB)
#define WALK_SIZE (256 * MIB)
#define WALK_STEPS (4 * MIB)
#define FAULT_PAGES 16384ul
#define FAULT_ROUNDS 2
#define SLEEPS 500
#define SLEEP_NS 200000
#define TICKS 250
#define WAKE_ROUNDS 1000
#define WARM_ROUNDS 64
#define PAGE 4096ul

void work_hash(void) {
	uint8_t *data = resident(HASH_SIZE);

	phase_begin("hash", HASH_SIZE / MIB);
	sha256(data, HASH_SIZE);
	phase_end("hash", HASH_SIZE / MIB);
	printf("bench: sha256 %s\n", sha256(data, MIB));
	munmap(data, HASH_SIZE);
}

/* Every step goes to another page: nothing that translates addresses has it at hand. */
void work_walk(void) {
	uint8_t *data = resident(WALK_SIZE);
	uint64_t at = 1, sum = 0;

	phase_begin("walk", WALK_STEPS);
	for (uint64_t i = 0; i < WALK_STEPS; i++) {
		at = at * 6364136223846793005u + 1442695040888963407u;
		sum += data[(at >> 32) % (WALK_SIZE / 64) * 64];
	}
	phase_end("walk", WALK_STEPS);
	printf("bench: walk sum %lu\n", sum);
	munmap(data, WALK_SIZE);
}

void work_faults(void) {
	phase_begin("faults", FAULT_PAGES * FAULT_ROUNDS);
	for (unsigned round = 0; round < FAULT_ROUNDS; round++) {
		volatile uint8_t *data = mmap(NULL, FAULT_PAGES * PAGE, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (data == MAP_FAILED ||
		    madvise((void *)data, FAULT_PAGES * PAGE, MADV_NOHUGEPAGE))
			fail("memory");
		for (size_t page = 0; page < FAULT_PAGES; page++)
			data[page * PAGE] = 1;
		munmap((void *)data, FAULT_PAGES * PAGE);
	}
	phase_end("faults", FAULT_PAGES * FAULT_ROUNDS);
}

void work_sleep(void) {
	struct timespec time = {0, SLEEP_NS};

	for (unsigned i = 0; i < WARM_ROUNDS; i++)
		nanosleep(&time, NULL);
	phase_begin("sleep", SLEEPS);
	for (unsigned i = 0; i < SLEEPS; i++)
		nanosleep(&time, NULL);
	phase_end("sleep", SLEEPS);
}

/* The timer's ticks of a processor that is busy. */
void work_tick(void) {
	uint64_t before = interrupts("LOC"), ticks;
	struct timespec last = {0}, now;

	phase_begin("tick", TICKS);
	for (unsigned i = 0; i < TICKS;) {
		clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
		i += now.tv_nsec != last.tv_nsec;
		last = now;
	}
	phase_end("tick", TICKS);
	ticks = interrupts("LOC") - before;
	printf("bench: tick %lu timer interrupts\n", ticks);
}

/* Two processes wake each other through pipes. Returns when the other one ended. */
static void pass_round(unsigned rounds, int to, int from) {
	char letter = 0;

	for (unsigned i = 0; i < rounds; i++)
		if (write(to, &letter, 1) != 1 || read(from, &letter, 1) != 1)
			fail("pipe");
}

void work_wake(void) {
	int forth[2], back[2];
	uint64_t before;
	pid_t other;

	if (pipe(forth) || pipe(back))
		fail("pipe");
	other = fork();
	if (!other) {
		char letter;

		close(forth[1]);
		stay_on(1);
		while (read(forth[0], &letter, 1) == 1 && write(back[1], &letter, 1) == 1)
			;
		_exit(0);
	}
	pass_round(WARM_ROUNDS, forth[1], back[0]);
	before = interrupts("RES") + interrupts("CAL");
	phase_begin("wake", WAKE_ROUNDS);
	pass_round(WAKE_ROUNDS, forth[1], back[0]);
	phase_end("wake", WAKE_ROUNDS);
	printf("bench: wake %lu interprocessor interrupts\n",
	       interrupts("RES") + interrupts("CAL") - before);
	close(forth[1]);
	waitpid(other, NULL, 0);
	close(forth[0]);
	close(back[0]);
	close(back[1]);
}
