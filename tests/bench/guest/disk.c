/* SPDX-License-Identifier: Apache-2.0 */
/* Direct reads from the NVMe drive. */
#include "work.h"
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEVICE "/dev/nvme0n1"
#define READS 5000ul
#define READ_SIZE (4 * KIB)
#define WARM_READS 64ul
#define DEPTH 32u
#define STREAM_SIZE (64 * MIB)
#define STREAM_REQUEST (128 * KIB)
#define WAIT_MS 100
#define WAIT_ROUNDS 600

static int open_disk(void) {
	int disk = -1;

	for (unsigned i = 0; i < WAIT_ROUNDS && disk < 0; i++) {
		disk = open(DEVICE, O_RDONLY | O_DIRECT);
		if (disk < 0)
			pause_for(WAIT_MS);
	}
	if (disk < 0)
		fail(DEVICE);
	return disk;
}

static void read_one_by_one(int disk, uint8_t *to, size_t size, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (pread(disk, to, size, (off_t)(i * size)) != (ssize_t)size)
			fail("read");
}

static void measure(const char *name, size_t size, size_t count) {
	int disk = open_disk();
	uint8_t *data = resident(size);
	uint64_t before;

	read_one_by_one(disk, data, size, WARM_READS);
	before = interrupts("nvme0q");
	phase_begin(name, count);
	read_one_by_one(disk, data, size, count);
	phase_end(name, count);
	printf("bench: %s %lu interrupts\n", name, interrupts("nvme0q") - before);
	munmap(data, size);
	close(disk);
}

void work_read1(void) {
	measure("read1", READ_SIZE, READS);
}

void work_stream(void) {
	measure("stream", STREAM_REQUEST, STREAM_SIZE / STREAM_REQUEST);
}

/* --- DEPTH reads at once, by the kernel's asynchronous requests --- */

struct queue {
	aio_context_t context;
	int disk;
	uint8_t *data;
	size_t begun;
};

static void submit(struct queue *q, unsigned slot) {
	struct iocb request = {
		.aio_data = slot,
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)q->disk,
		.aio_buf = (uintptr_t)(q->data + slot * READ_SIZE),
		.aio_nbytes = READ_SIZE,
		.aio_offset = (int64_t)(q->begun++ * READ_SIZE),
	};
	struct iocb *list = &request;

	if (syscall(SYS_io_submit, q->context, 1, &list) != 1)
		fail("io_submit");
}

static void read_in_queue(struct queue *q, size_t count) {
	struct io_event done[DEPTH];
	size_t finished = 0, began = q->begun;

	for (unsigned slot = 0; slot < DEPTH; slot++)
		submit(q, slot);
	while (finished < count) {
		long got = syscall(SYS_io_getevents, q->context, 1, DEPTH, done, NULL);

		if (got < 1)
			fail("io_getevents");
		for (long i = 0; i < got; i++) {
			if (done[i].res != (int64_t)READ_SIZE)
				fail("read");
			if (q->begun - began < count)
				submit(q, (unsigned)done[i].data);
		}
		finished += (size_t)got;
	}
}

void work_read32(void) {
	struct queue q = {.disk = open_disk(), .data = resident(DEPTH * READ_SIZE)};
	uint64_t before;

	if (syscall(SYS_io_setup, DEPTH, &q.context))
		fail("io_setup");
	read_in_queue(&q, WARM_READS);
	before = interrupts("nvme0q");
	phase_begin("read32", READS);
	read_in_queue(&q, READS);
	phase_end("read32", READS);
	printf("bench: read32 %lu interrupts\n", interrupts("nvme0q") - before);
	syscall(SYS_io_destroy, q.context);
	munmap(q.data, DEPTH * READ_SIZE);
	close(q.disk);
}
