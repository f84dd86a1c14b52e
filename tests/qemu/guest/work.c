/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work of the demonstration's guests, and of the tests'.
 *   work nvme DEVICE        reads 64 MiB, then writes a pattern and reads it back
 *   work net IP PORT NAME   fetches http://IP:PORT/NAME
 * The measured part (the 64 MiB, the download) is bracketed by bytes written to I/O port 0xbb0:
 * 1 begins, 2 ends. All memory is present and all output is out before it begins, so that
 * nothing but the I/O happens within. Sums are computed afterwards.
 */
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

static _Noreturn void fail(const char *what) {
	printf("work: failed: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	exit(1);
}

/* --- SHA-256 (FIPS 180-4) --- */

static const uint32_t sha_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t value, int count) {
	return value >> count | value << (32 - count);
}

static void sha_block(uint32_t state[8], const uint8_t *block) {
	uint32_t w[64], v[8];

	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
		       (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;

		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	memcpy(v, state, sizeof(v));
	/* The eight variables keep their places; their names move by one each round. */
#define VARIABLE(n) v[((n)-i) & 7]
	for (int i = 0; i < 64; i++) {
		uint32_t e = VARIABLE(4), a = VARIABLE(0);
		uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
		uint32_t choice = (e & VARIABLE(5)) ^ (~e & VARIABLE(6));
		uint32_t t1 = VARIABLE(7) + s1 + choice + sha_k[i] + w[i];
		uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
		uint32_t majority =
			(a & VARIABLE(1)) ^ (a & VARIABLE(2)) ^ (VARIABLE(1) & VARIABLE(2));

		VARIABLE(3) += t1;
		VARIABLE(7) = t1 + s0 + majority;
	}
#undef VARIABLE
	for (int i = 0; i < 8; i++)
		state[i] += v[i];
}

static const char *sha256(const uint8_t *data, size_t size) {
	uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	static char text[65];
	uint8_t tail[128] = {0};
	size_t whole = size / 64 * 64, rest = size - whole;
	size_t tail_size = rest < 56 ? 64 : 128;

	for (size_t i = 0; i < whole; i += 64)
		sha_block(state, data + i);
	memcpy(tail, data + whole, rest);
	tail[rest] = 0x80;
	for (int i = 0; i < 8; i++)
		tail[tail_size - 1 - i] = (uint8_t)((uint64_t)size * 8 >> (8 * i));
	for (size_t i = 0; i < tail_size; i += 64)
		sha_block(state, tail + i);
	for (int i = 0; i < 8; i++)
		snprintf(text + 8 * i, 9, "%08x", state[i]);
	return text;
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

int main(int argc, char **argv) {
	if (argc == 3 && !strcmp(argv[1], "nvme"))
		work_nvme(argv[2]);
	else if (argc == 5 && !strcmp(argv[1], "net"))
		work_net(argv[2], argv[3], argv[4]);
	else
		return fputs("usage: work nvme DEVICE | work net IP PORT NAME\n", stderr), 2;
	print_machine();
	printf("work: done\n");
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	return 0;
}
