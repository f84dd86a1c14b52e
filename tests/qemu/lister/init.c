/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First and only program of a Linux that lists its machine on the console and ends: every PCI
 * function's configuration space and isolation group, and the ACPI tables that decide about them.
 *
 *     list: function 0000:00:01.0 group 3 size 4096
 *     list: 000: 86 80 ...
 *     list: table DMAR 44 4d 41 52 ...
 *     list: end
 *
 * Rows of zeros are left out. Modules beside it (/modules, in the order of the file there) are
 * loaded first; `vfs=N` on the kernel's command line then switches on N virtual functions wherever
 * a driver can.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"
#define TABLES "/sys/firmware/acpi/tables"
#define ROW 16
#define SETTLE_MS 20000

static size_t read_file(const char *path, void *bytes, size_t size) {
	int file = open(path, O_RDONLY);
	size_t done = 0;

	if (file < 0)
		return 0;
	while (done < size) {
		ssize_t got = read(file, (char *)bytes + done, size - done);

		if (got <= 0)
			break;
		done += (size_t)got;
	}
	close(file);
	return done;
}

static bool write_file(const char *path, const char *text) {
	int file = open(path, O_WRONLY);
	bool good = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);

	if (file >= 0)
		close(file);
	return good;
}

static void load_modules(void) {
	char order[4096] = "";

	read_file("/modules/order", order, sizeof(order) - 1);
	for (char *name = strtok(order, " \n"); name; name = strtok(NULL, " \n")) {
		char path[512];

		snprintf(path, sizeof(path), "/modules/%s.ko", name);
		int file = open(path, O_RDONLY);

		if (file < 0 || (syscall(SYS_finit_module, file, "", 0) && errno != EEXIST))
			printf("list: failed: module %s: %s\n", name, strerror(errno));
		if (file >= 0)
			close(file);
	}
}

/* Calls VISIT for each function, in the order of addresses. */
static void each_function(void (*visit)(const char *name, const char *argument),
			  const char *argument) {
	struct dirent **found;
	int count = scandir(DEVICES, &found, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		if (found[i]->d_name[0] != '.')
			visit(found[i]->d_name, argument);
		free(found[i]);
	}
	if (count >= 0)
		free(found);
}

/* Drivers probe in the background: the count is refused until one has bound. */
static void switch_virtual_on(const char *name, const char *count) {
	char path[512], total[16] = "", driver[512];
	struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};

	snprintf(path, sizeof(path), DEVICES "/%s/sriov_totalvfs", name);
	if (!read_file(path, total, sizeof(total) - 1) || atoi(total) < atoi(count))
		return;
	snprintf(path, sizeof(path), DEVICES "/%s/sriov_numvfs", name);
	snprintf(driver, sizeof(driver), DEVICES "/%s/driver", name);
	for (int waited = 0; waited < SETTLE_MS; waited += 100) {
		if (write_file(path, count))
			return;
		if (access(driver, F_OK) && waited >= 2000)
			return; /* none of the modules is for it */
		nanosleep(&pause, NULL);
	}
	printf("list: failed: %s: no virtual functions: %s\n", name, strerror(errno));
}

static void print_bytes(const unsigned char *bytes, size_t count) {
	for (size_t i = 0; i < count; i++)
		printf(" %02x", bytes[i]);
	putchar('\n');
}

static void list_function(const char *name, const char *argument) {
	static const unsigned char zeros[ROW];
	unsigned char space[4096];
	char path[512], group[512];

	(void)argument;
	snprintf(path, sizeof(path), DEVICES "/%s/config", name);
	size_t size = read_file(path, space, sizeof(space));

	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group", name);
	ssize_t length = readlink(path, group, sizeof(group) - 1);

	group[length > 0 ? length : 0] = '\0';
	const char *slash = strrchr(group, '/');

	printf("list: function %s group %s size %zu\n", name, slash ? slash + 1 : "none", size);
	for (size_t at = 0; at + ROW <= size; at += ROW)
		if (memcmp(space + at, zeros, ROW) != 0) {
			printf("list: %03zx:", at);
			print_bytes(space + at, ROW);
		}
}

static void list_table(const char *name) {
	static unsigned char table[1 << 16];
	char path[512];

	snprintf(path, sizeof(path), TABLES "/%s", name);
	size_t size = read_file(path, table, sizeof(table));

	if (!size)
		return;
	printf("list: table %s", name);
	print_bytes(table, size);
}

int main(void) {
	char line[4096] = "";

	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	read_file("/proc/cmdline", line, sizeof(line) - 1);
	const char *virtual = strstr(line, "vfs=");

	if (virtual) {
		char count[16] = "";

		snprintf(count, sizeof(count), "%d", atoi(virtual + strlen("vfs=")));
		load_modules();
		each_function(switch_virtual_on, count);
	}
	each_function(list_function, NULL);
	list_table("DMAR");
	list_table("IVRS");
	list_table("MCFG");
	list_table("APIC");
	puts("list: end");
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
