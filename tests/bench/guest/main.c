/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /init. Words on the kernel's command line choose what is done:
 *   bench.work=NAME,NAME,...   in this order; a name several times is work done again
 *   bench.server=IP bench.port=PORT bench.path=NAME     for download
 */
#include "work.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define REST_MS 300 /* the console's last bytes, and deferred work of what came before */

enum mark_kind { MARK_POINT, MARK_BEGIN, MARK_END };

static const struct {
	const char *name;
	void (*run)(void);
} works[] = {
	{"hash", work_hash},         {"walk", work_walk},     {"faults", work_faults},
	{"sleep", work_sleep},       {"tick", work_tick},     {"wake", work_wake},
	{"read1", work_read1},       {"read32", work_read32}, {"stream", work_stream},
	{"download", work_download},
};

static char command_line[4096];

static _Noreturn void end(void) {
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	pause_for(REST_MS);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

void fail(const char *what) {
	printf("bench: failed: %s: %s\n", what, strerror(errno));
	end();
}

/* What the instrument looks for: a NOP of 8 bytes, its operands in registers. */
static void mark(const char *name, enum mark_kind kind, uint64_t operations) {
	uint64_t letters = 0;

	memcpy(&letters, name, strnlen(name, sizeof(letters)));
	__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 'M', 'A', 'R', 'K'"
			 :
			 : "D"(letters), "S"((uint64_t)kind), "d"(operations)
			 : "memory");
}

void phase_begin(const char *name, uint64_t operations) {
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	pause_for(REST_MS);
	mark(name, MARK_BEGIN, operations);
}

void phase_end(const char *name, uint64_t operations) {
	mark(name, MARK_END, operations);
}

void phase_point(const char *name) {
	mark(name, MARK_POINT, 0);
}

uint8_t *resident(size_t size) {
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		fail("memory");
	memset(memory, 0xa5, size);
	return memory;
}

void stay_on(unsigned index) {
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(index, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("processor");
}

void pause_for(unsigned milliseconds) {
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	nanosleep(&time, NULL);
}

double seconds(void) {
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

uint64_t interrupts(const char *name) {
	FILE *file = fopen("/proc/interrupts", "r");
	char line[1024];
	uint64_t sum = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (!strstr(line, name))
			continue;
		strtok(line, " ");
		for (char *field; (field = strtok(NULL, " ")) && *field >= '0' && *field <= '9';)
			sum += strtoull(field, NULL, 10);
	}
	if (file)
		fclose(file);
	return sum;
}

const char *setting(const char *name, const char *fallback) {
	static char value[256];
	char word[64];
	const char *at;

	snprintf(word, sizeof(word), "bench.%s=", name);
	at = strstr(command_line, word);
	if (!at)
		return fallback;
	at += strlen(word);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, " \n"), at);
	return value;
}

/* --- the machine --- */

static void read_file(const char *path, char *to, size_t size) {
	int file = open(path, O_RDONLY);
	ssize_t got = file < 0 ? -1 : read(file, to, size - 1);

	if (got < 0)
		fail(path);
	to[got] = 0;
	close(file);
}

static void load_modules(void) {
	char order[1024], path[300];

	read_file("/modules/order", order, sizeof(order));
	for (char *name = strtok(order, " \n"); name; name = strtok(NULL, " \n")) {
		int file;

		snprintf(path, sizeof(path), "/modules/%s.ko", name);
		file = open(path, O_RDONLY);
		if (file < 0 || syscall(SYS_finit_module, file, "", 0))
			fail(path);
		close(file);
	}
}

static void print_machine(void) {
	char clock[64];

	read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", clock,
		  sizeof(clock));
	clock[strcspn(clock, "\n")] = 0;
	printf("bench: processors %ld pages %ld clock %s\n", sysconf(_SC_NPROCESSORS_ONLN),
	       sysconf(_SC_PHYS_PAGES), clock);
}

static void run(const char *name) {
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		double began = seconds();

		if (strcmp(works[i].name, name))
			continue;
		works[i].run();
		printf("bench: %s ended after %.1f s\n", name, seconds() - began);
		return;
	}
	errno = ENOENT;
	fail(name);
}

int main(void) {
	char list[512], *rest = list;

	phase_point("init");
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	read_file("/proc/cmdline", command_line, sizeof(command_line));
	snprintf(list, sizeof(list), "%s", setting("work", ""));
	print_machine();
	stay_on(0);
	if (*list)
		load_modules();
	for (char *name; (name = strsep(&rest, ",")) && *name;)
		run(name);
	printf("bench: done\n");
	phase_point("done");
	end();
}
