/* SPDX-License-Identifier: Apache-2.0 */
#include "linux_groups.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSFS_GROUPS "/sys/kernel/iommu_groups"
#define BLANKS " \t\r\n"
#define WITHOUT "none:" /* before functions that Linux has in no group */

/* Hexadecimal digits and then AFTER; NULL: there are none, or something else follows. */
static const char *take(const char *text, char after, unsigned long *value) {
	char *end;

	*value = strtoul(text, &end, 16);
	return isxdigit((unsigned char)*text) && *end == after ? end + (after != '\0') : NULL;
}

bool linux_address(const char *text, struct pci_address *address, bool *beyond) {
	bool has_segment = strchr(text, ':') != strrchr(text, ':');
	unsigned long segment = 0, bus = 0, device = 0, function = 0;

	if (has_segment)
		text = take(text, ':', &segment);
	if (text)
		text = take(text, ':', &bus);
	if (text)
		text = take(text, '.', &device);
	if (text)
		text = take(text, '\0', &function);
	*beyond = segment > UINT16_MAX;
	*address = (struct pci_address){(u16)segment, (u8)bus, PCI_DEVFN(device, function)};
	return text && bus < 256 && device < 32 && function < 8;
}

static bool add(struct linux_groups *groups, struct pci_address address) {
	struct linux_member *larger =
		realloc(groups->members, (groups->count + 1) * sizeof(*larger));

	if (!larger)
		return false;
	groups->members = larger;
	larger[groups->count++] = (struct linux_member){address, groups->group_count};
	return true;
}

/* Functions of one group; other devices than PCI are none of ours. */
static bool read_folder(struct linux_groups *groups, const char *name) {
	char path[sizeof(SYSFS_GROUPS) + NAME_MAX + 16];
	struct pci_address address;
	struct dirent *entry;
	bool fine = true, beyond;

	snprintf(path, sizeof(path), SYSFS_GROUPS "/%s/devices", name);
	DIR *folder = opendir(path);

	while (folder && fine && (entry = readdir(folder)))
		if (linux_address(entry->d_name, &address, &beyond) && !beyond)
			fine = add(groups, address);
	if (folder)
		closedir(folder);
	groups->group_count++;
	return fine;
}

static bool read_running(struct linux_groups *groups, char *error, size_t error_size) {
	DIR *folder = opendir(SYSFS_GROUPS);
	struct dirent *entry;
	bool fine = true;

	while (folder && fine && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			fine = read_folder(groups, entry->d_name);
	if (folder)
		closedir(folder);
	if (!fine)
		snprintf(error, error_size, "no memory");
	else if (!groups->count)
		snprintf(error, error_size,
			 "this Linux has formed no groups: its IOMMU is off (intel_iommu=on may "
			 "help) or absent");
	return fine && groups->count;
}

static bool read_lines(struct linux_groups *groups, FILE *file, char *error, size_t error_size) {
	struct pci_address address;
	char *line = NULL;
	size_t room = 0;
	u32 number = 0;
	bool fine = true, beyond = false;

	while (fine && getline(&line, &room, file) >= 0) {
		u32 before = groups->count;

		number++;
		if (!strncmp(line, WITHOUT, strlen(WITHOUT)))
			continue;
		for (char *word = strtok(line, BLANKS); word && fine; word = strtok(NULL, BLANKS)) {
			snprintf(error, error_size,
				 "line %u: \"%.40s\" is no address such as 0000:01:00.0", number,
				 word);
			fine = linux_address(word, &address, &beyond);
			if (!fine || beyond)
				continue;
			snprintf(error, error_size, "no memory");
			fine = add(groups, address);
		}
		groups->group_count += groups->count > before;
	}
	free(line);
	if (fine && !groups->count)
		snprintf(error, error_size, "no groups in it");
	return fine && groups->count;
}

static int by_address(const void *a, const void *b) {
	u32 left = pci_key(((const struct linux_member *)a)->address);
	u32 right = pci_key(((const struct linux_member *)b)->address);

	return (left > right) - (left < right);
}

bool linux_groups_read(struct linux_groups *groups, const char *path, char *error,
		       size_t error_size) {
	FILE *file = path ? fopen(path, "r") : NULL;
	bool fine = false;

	*groups = (struct linux_groups){0};
	if (path && !file)
		snprintf(error, error_size, "%s", strerror(errno));
	else if (path)
		fine = read_lines(groups, file, error, error_size);
	else
		fine = read_running(groups, error, error_size);
	if (file)
		fclose(file);
	if (!fine)
		return false;
	qsort(groups->members, groups->count, sizeof(*groups->members), by_address);
	for (u32 i = 1; i < groups->count; i++) {
		char text[PCI_TEXT_SIZE];

		if (by_address(&groups->members[i - 1], &groups->members[i]) != 0)
			continue;
		snprintf(error, error_size, "%s is in two groups",
			 pci_text(text, groups->members[i].address));
		return false;
	}
	return true;
}

void linux_groups_free(struct linux_groups *groups) {
	free(groups->members);
	*groups = (struct linux_groups){0};
}

u32 linux_group_of(const struct linux_groups *groups, struct pci_address address) {
	struct linux_member key = {.address = address};
	const struct linux_member *found = groups->count
						   ? bsearch(&key, groups->members, groups->count,
							     sizeof(*groups->members), by_address)
						   : NULL;

	return found ? found->group : NONE;
}
