/* SPDX-License-Identifier: Apache-2.0 */
/* /init of a host's initramfs: loads the modules, mounts the disk, and hands over to the host's own /init there. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DISK "/dev/vda"
#define ROOT "/root"
#define WAIT_MS 50
#define WAIT_ROUNDS 400

static void load_modules(void) {
	char order[2048] = "", path[300];
	int list = open("/modules/order", O_RDONLY);

	if (read(list, order, sizeof(order) - 1) < 0)
		return;
	for (char *name = strtok(order, " \n"); name; name = strtok(NULL, " \n")) {
		int file;

		snprintf(path, sizeof(path), "/modules/%s.ko", name);
		file = open(path, O_RDONLY);
		if (file < 0 || syscall(SYS_finit_module, file, "", 0))
			perror(path);
		close(file);
	}
}

int main(void) {
	struct timespec time = {0, WAIT_MS * 1000000};

	mkdir(ROOT, 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	load_modules();
	for (unsigned i = 0; i < WAIT_ROUNDS && access(DISK, F_OK); i++)
		nanosleep(&time, NULL);
	if (mount(DISK, ROOT, "ext4", MS_NOATIME, NULL) || chdir(ROOT) ||
	    mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".")) {
		perror(DISK);
		return 1;
	}
	execl("/init", "/init", NULL);
	perror("/init");
	return 1;
}
