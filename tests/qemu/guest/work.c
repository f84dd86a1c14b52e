/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work of the demonstration's guests, and of the tests'.
 *   work nvme DEVICE        reads 64 MiB, then writes a pattern and reads it back
 *   work net IP PORT NAME   fetches http://IP:PORT/NAME
 *   work ports BASE         reads AHCI registers through index and data ports, from BASE on
 *   work igb FILE VF        answers that virtual function's mail; FILE has the physical function's registers
 * The measured part (the 64 MiB, the download) is bracketed by bytes written to I/O port 0xbb0:
 * 1 begins, 2 ends. All memory is present and all output is out before it begins, so that
 * nothing but the I/O happens within. Sums are computed afterwards.
 */
#include "igb.h"
#include "sha256.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MIB (1024ul * 1024)
#define MARK_PORT 0xbb0
#define MARK_BEGIN 1
#define MARK_END 2

#define READ_SIZE (64 * MIB)
#define LARGE_REQUEST (128ul * 1024)
#define SMALL_REQUEST 4096ul
#define SMALL_PART (4 * MIB) /* the last part of READ_SIZE: read in small requests */
#define WARM_SIZE (1 * MIB)
#define PATTERN_SIZE (16 * MIB)
#define PATTERN_FACTOR 0x9e3779b97f4a7c15ull /* word at byte offset N of the disk: N times this */
#define DOWNLOAD_MAX (64 * MIB)
#define HEADER_MAX 4096ul
#define AHCI_VERSION 0x10 /* register */

static _Noreturn void fail(const char *what) {
	printf("work: failed: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	exit(1);
}

/* --- what brackets the measured part --- */

static uint8_t *resident(size_t size) {
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		fail("memory");
	memset(memory, 0xa5, size);
	return memory;
}

static void pause_for(long milliseconds) {
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	nanosleep(&time, NULL);
}

static double seconds(void) {
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double begin(void) {
	if (ioperm(MARK_PORT, 1, 1))
		fail("ioperm");
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		fail("mlockall");
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	pause_for(300); /* the transmitter's last bytes, and deferred work of what came before */
	outb(MARK_BEGIN, MARK_PORT);
	return seconds();
}

static double end(double began) {
	double took = seconds() - began;

	outb(MARK_END, MARK_PORT);
	return took;
}

/* --- facts about the machine --- */

static void print_interrupts(const char *word) {
	FILE *file = fopen("/proc/interrupts", "r");
	char line[1024];

	while (file && fgets(line, sizeof(line), file)) {
		if (!strstr(line, word))
			continue;
		printf("work: interrupt");
		for (char *field = strtok(line, " \t\n"); field; field = strtok(NULL, " \t\n"))
			printf(" %s", field);
		printf("\n");
	}
	if (file)
		fclose(file);
}

static void print_machine(void) {
	char name[64] = "unknown";
	FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "r");

	if (file && fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = 0;
	if (file)
		fclose(file);
	printf("work: clocksource %s\n", name);
	printf("work: cpus online %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
}

/* --- NVMe --- */

static void read_requests(int disk, uint8_t *to, size_t from, size_t size, size_t request) {
	for (size_t done = 0; done < size; done += request)
		if (pread(disk, to + done, request, (off_t)(from + done)) != (ssize_t)request)
			fail("read");
}

static void check_pattern(const char *device, uint64_t start) {
	uint64_t *expected = (uint64_t *)resident(PATTERN_SIZE);
	uint8_t *found = resident(PATTERN_SIZE);
	int disk = open(device, O_RDWR);
	int caches;

	for (size_t i = 0; i < PATTERN_SIZE / 8; i++)
		expected[i] = (start + 8 * i) * PATTERN_FACTOR;
	if (disk < 0)
		fail(device);
	for (size_t done = 0; done < PATTERN_SIZE; done += MIB)
		if (pwrite(disk, (uint8_t *)expected + done, MIB, (off_t)(start + done)) !=
		    (ssize_t)MIB)
			fail("write");
	if (fsync(disk))
		fail("fsync");
	caches = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (caches < 0 || write(caches, "3", 1) != 1)
		fail("drop_caches");
	close(caches);
	read_requests(disk, found, start, PATTERN_SIZE, LARGE_REQUEST);
	close(disk);
	if (memcmp(expected, found, PATTERN_SIZE)) {
		errno = EIO;
		fail("pattern differs");
	}
	printf("work: nvme pattern ok\n");
}

static void work_nvme(const char *device) {
	uint8_t *data = resident(READ_SIZE);
	int disk = open(device, O_RDONLY | O_DIRECT);
	uint64_t size = 0;
	double took;

	if (disk < 0 || ioctl(disk, BLKGETSIZE64, &size))
		fail(device);
	if (size / 2 < READ_SIZE || size / 2 < PATTERN_SIZE) {
		errno = ENOSPC;
		fail(device);
	}
	read_requests(disk, data, 0, WARM_SIZE, LARGE_REQUEST);
	read_requests(disk, data, 0, WARM_SIZE, SMALL_REQUEST);
	took = begin();
	read_requests(disk, data, 0, READ_SIZE - SMALL_PART, LARGE_REQUEST);
	read_requests(disk, data + READ_SIZE - SMALL_PART, READ_SIZE - SMALL_PART, SMALL_PART,
		      SMALL_REQUEST);
	took = end(took);
	close(disk);
	printf("work: nvme read %lu bytes sha256 %s\n", READ_SIZE, sha256(data, READ_SIZE));
	printf("work: nvme %zu requests in %.3f s\n",
	       (READ_SIZE - SMALL_PART) / LARGE_REQUEST + SMALL_PART / SMALL_REQUEST, took);
	munmap(data, READ_SIZE);
	check_pattern(device, size / 2);
	print_interrupts("nvme");
}

/* --- network --- */

static int connect_to(const char *address, const char *port) {
	struct sockaddr_in peer = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	struct timeval limit = {.tv_sec = 60};
	int connection = socket(AF_INET, SOCK_STREAM, 0);

	if (inet_pton(AF_INET, address, &peer.sin_addr) != 1) {
		errno = EINVAL;
		fail(address);
	}
	if (connection < 0 ||
	    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    connect(connection, (struct sockaddr *)&peer, sizeof(peer)))
		fail("connect");
	return connection;
}

/* Reads until the peer closes or LIMIT bytes are there. */
static size_t fetch(int connection, const char *request, uint8_t *to, size_t limit) {
	size_t length = strlen(request), have = 0;

	if (send(connection, request, length, 0) != (ssize_t)length)
		fail("send");
	while (have < limit) {
		ssize_t got = recv(connection, to + have, limit - have, 0);

		if (got < 0)
			fail("receive");
		if (got == 0)
			break;
		have += (size_t)got;
	}
	return have;
}

static void work_net(const char *address, const char *port, const char *name) {
	uint8_t *data = resident(DOWNLOAD_MAX);
	char request[512];
	uint8_t *body;
	size_t have;
	double took;
	int connection;

	snprintf(request, sizeof(request), "GET /%s HTTP/1.0\r\nHost: %s:%s\r\n\r\n", name, address,
		 port);
	connection = connect_to(address, port);
	fetch(connection, request, data, WARM_SIZE);
	close(connection);
	connection = connect_to(address, port);
	took = begin();
	have = fetch(connection, request, data, DOWNLOAD_MAX);
	took = end(took);
	close(connection);

	body = memmem(data, have < HEADER_MAX ? have : HEADER_MAX, "\r\n\r\n", 4);
	if (!body || !memmem(data, 16, " 200 ", 5)) {
		errno = EPROTO;
		fail("answer of the server");
	}
	body += 4;
	have -= (size_t)(body - data);
	printf("work: net read %zu bytes sha256 %s\n", have, sha256(body, have));
	printf("work: net download in %.3f s\n", took);
	print_interrupts("eth0");
}

/* AHCI 1.3, section 10.14: the pair of QEMU's lies 16 bytes behind the beginning. */
static void work_ports(unsigned short base) {
	if (iopl(3))
		fail("iopl");
	outl(AHCI_VERSION, base + 0x10);
	printf("work: ahci version 0x%x through ports\n", inl(base + 0x14));
}

static void work_igb(const char *file, unsigned int vf) {
	if (serve_virtual_function(file, vf))
		fail(file);
}

int main(int argc, char **argv) {
	if (argc == 3 && !strcmp(argv[1], "nvme"))
		work_nvme(argv[2]);
	else if (argc == 5 && !strcmp(argv[1], "net"))
		work_net(argv[2], argv[3], argv[4]);
	else if (argc == 3 && !strcmp(argv[1], "ports"))
		return work_ports((unsigned short)strtoul(argv[2], NULL, 0)), 0;
	else if (argc == 4 && !strcmp(argv[1], "igb"))
		return work_igb(argv[2], (unsigned int)strtoul(argv[3], NULL, 0)), 0;
	else
		return fputs("usage: work nvme DEVICE | work net IP PORT NAME | work ports BASE | "
			     "work igb FILE VF\n",
			     stderr),
		       2;
	print_machine();
	printf("work: done\n");
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	return 0;
}
