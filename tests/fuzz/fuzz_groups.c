/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any configuration space: what is enumerated is in order, groups are a partition, reasons can be told,
 * trust only ever splits, and the set of ports that is said to split a group does.
 *
 * An input is a byte of choices and then records, each beginning with a byte T:
 *   T < 0x40   a function: segment (bit 0 of a byte), bus, devfn; T bit 0: 4096 bytes, else 256
 *   T < 0xc0   bytes of the function before: offset (2 bytes), then (T & 31) + 1 bytes
 *   otherwise  a trusted port: segment, bus, devfn
 */
#include <stdlib.h>

#include "enumerate.h"
#include "pci_registers.h"
#include "text.h"

#define FUNCTIONS_MAX 64
#define TRUSTS_MAX 8
#define REQUESTS_MAX 4
#define ALL_MAX (FUNCTIONS_MAX + REQUESTS_MAX * 16) /* with those that a snapshot makes up */
#define ARENA_BYTES (4 * MIB)
#define LIVE 1 /* can be written, as a machine and not a dump */
#define REQUESTS 2 /* the first functions are asked for virtual ones */
#define ALL_BUSES 4 /* else the first few only, which is faster */
#define SMALL 8 /* arena */

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct snapshot {
	struct pci_address addresses[FUNCTIONS_MAX];
	u32 sizes[FUNCTIONS_MAX];
	u8 spaces[FUNCTIONS_MAX][PCIE_CONFIG_SIZE];
	u32 count;
	u8 places[2 << 16]; /* by segment and requester ID: index + 1, 0 for none */
	struct group_trust trusts[TRUSTS_MAX];
	u32 trust_count;
};

static struct snapshot snapshot;
static u8 memory[ARENA_BYTES];

static void demand(bool holds) {
	if (!holds)
		abort();
}

static u32 find(struct pci_address address) {
	return address.segment < 2 ? snapshot.places[pci_key(address)] - 1u : NONE;
}

static u32 read_space(const struct pci_access *access, struct pci_address address, u16 offset,
		      u8 width) {
	u32 f = find(address), value = 0;

	(void)access;
	demand((width == 1 || width == 2 || width == 4) && offset % width == 0);
	demand(offset + width <= PCIE_CONFIG_SIZE);
	if (f == NONE || offset + width > snapshot.sizes[f])
		return width == 4 ? ~0u : (1u << 8 * width) - 1;
	for (u32 i = width; i-- > 0;)
		value = value << 8 | snapshot.spaces[f][offset + i];
	return value;
}

static void write_space(const struct pci_access *access, struct pci_address address, u16 offset,
			u8 width, u32 value) {
	u32 f = find(address);

	(void)access;
	demand(offset % width == 0 && offset + width <= PCIE_CONFIG_SIZE);
	/* IDs and header types do not change. */
	for (u32 i = 0; f != NONE && i < width; i++)
		if (offset + i >= PCI_BAR0 || offset + i == PCI_COMMAND)
			snapshot.spaces[f][offset + i] = (u8)(value >> 8 * i);
}

static u32 space_of(const struct pci_access *access, struct pci_address address) {
	u32 f = find(address);

	(void)access;
	return f == NONE ? PCIE_CONFIG_SIZE : snapshot.sizes[f];
}

static void wait(u32 milliseconds) {
	(void)milliseconds;
}

static bool take(const u8 **data, size_t *size, void *into, size_t count) {
	if (*size < count)
		return false;
	memcpy(into, *data, count);
	*data += count;
	*size -= count;
	return true;
}

static void read_input(const u8 *data, size_t size) {
	u8 type, head[3], bytes[32];

	for (u32 i = 0; i < snapshot.count; i++)
		snapshot.places[pci_key(snapshot.addresses[i])] = 0;
	snapshot.count = snapshot.trust_count = 0;
	while (take(&data, &size, &type, 1)) {
		u32 length = (type & 31u) + 1;

		if (type >= 0x40 && type < 0xc0) {
			if (!take(&data, &size, head, 2) || !take(&data, &size, bytes, length))
				return;
			u32 offset = head[0] | (head[1] & 0xfu) << 8;

			if (snapshot.count && offset + length <= PCIE_CONFIG_SIZE)
				memcpy(&snapshot.spaces[snapshot.count - 1][offset], bytes, length);
			continue;
		}
		if (!take(&data, &size, head, 3))
			return;
		struct pci_address address = {head[0] & 1, head[1], head[2]};

		if (type >= 0xc0 && snapshot.trust_count < TRUSTS_MAX)
			snapshot.trusts[snapshot.trust_count++] =
				(struct group_trust){address, "fuzzed"};
		if (type >= 0x40 || snapshot.count == FUNCTIONS_MAX || find(address) != NONE)
			continue;
		snapshot.addresses[snapshot.count] = address;
		snapshot.sizes[snapshot.count] = type & 1 ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;
		memset(snapshot.spaces[snapshot.count++], 0, PCIE_CONFIG_SIZE);
		snapshot.places[pci_key(address)] = (u8)snapshot.count;
	}
}

static void check_functions(const struct inventory *inventory) {
	for (u32 i = 0; i < inventory->function_count; i++) {
		const struct pci_function *f = &inventory->functions[i];

		demand(find(f->address) != NONE || f->physical != NONE);
		demand(i == 0 || pci_key(f[-1].address) < pci_key(f->address));
		demand(inventory_find(inventory, f->address) == i);
		demand(f->physical == NONE || f->physical < inventory->function_count);
		if (f->parent == NONE)
			continue;
		const struct pci_function *above = &inventory->functions[f->parent];

		demand(f->parent < inventory->function_count &&
		       above->address.segment == f->address.segment &&
		       above->address.bus < f->address.bus);
	}
}

static void check_groups(const struct inventory *inventory) {
	char text[512];
	u32 members = 0, lowest = 0;

	for (u32 g = 0; g < inventory->group_count; g++) {
		const struct group *group = &inventory->groups[g];

		demand(group->member_count > 0);
		demand(g == 0 || group->members[0] > lowest);
		lowest = group->members[0];
		members += group->member_count;
		for (u32 i = 0; i < group->member_count; i++) {
			demand(inventory->functions[group->members[i]].group == g);
			demand(i == 0 || group->members[i - 1] < group->members[i]);
		}
		demand(group->member_count == 1 || group->reason_count > 0);
		for (u32 i = 0; i < group->reason_count; i++) {
			const struct group_reason *reason = &group->reasons[i];

			demand(inventory->functions[reason->first].group == g);
			demand(inventory->functions[reason->second].group == g);
			demand(strcmp(group_rule_name(reason->rule), "unknown") != 0);
			demand(*group_reason_text(inventory, reason, text, sizeof(text)));
		}
	}
	demand(members == inventory->function_count);
}

static void keep(const struct inventory *inventory, u32 *groups) {
	for (u32 i = 0; i < inventory->function_count; i++)
		groups[i] = inventory->functions[i].group;
}

/* True: FINE never has together what COARSE has apart. */
static bool refines(const struct inventory *inventory, const u32 *fine, const u32 *coarse) {
	for (u32 i = 0; i < inventory->function_count; i++)
		for (u32 k = 0; k < i; k++)
			if (fine[i] == fine[k] && coarse[i] != coarse[k])
				return false;
	return true;
}

static void check_split(struct inventory *inventory) {
	u32 ports[GROUP_SPLIT_MAX], before[ALL_MAX], parts = 0, last = NONE;
	struct group_trust trusts[TRUSTS_MAX + GROUP_SPLIT_MAX];
	u32 split = NONE, count = 0;

	keep(inventory, before);
	for (u32 g = 0; g < inventory->group_count && !count; g++) {
		split = g;
		count = group_split(inventory, snapshot.trusts, snapshot.trust_count, g, ports);
	}
	demand(count <= GROUP_SPLIT_MAX);
	if (!count)
		return;
	memcpy(trusts, snapshot.trusts, sizeof(snapshot.trusts));
	for (u32 i = 0; i < count; i++)
		trusts[snapshot.trust_count + i] =
			(struct group_trust){inventory->functions[ports[i]].address, "proposed"};
	if (!groups_derive(inventory, trusts, snapshot.trust_count + count))
		return;
	for (u32 i = 0; i < inventory->function_count; i++) {
		if (before[i] != split || !pci_assignable(inventory, i) ||
		    inventory->functions[i].group == last)
			continue;
		last = inventory->functions[i].group;
		parts++;
	}
	demand(parts > 1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
	u32 plain[ALL_MAX], trusted[ALL_MAX];
	struct ecam_window windows[] = {{.last_bus = 0x3f}, {.segment = 1, .last_bus = 7}};
	struct arena arena = {.base = memory, .size = sizeof(memory)};
	struct inventory inventory = {.arena = &arena, .windows = windows, .window_count = 2};
	struct sriov_request requests[REQUESTS_MAX] = {0};
	struct pci_access access = {.read = read_space, .space = space_of};

	if (size < 1 || size > 65536)
		return 0;
	u8 choice = *data;

	read_input(data + 1, size - 1);
	if (choice & LIVE)
		access.write = write_space;
	if (choice & ALL_BUSES)
		windows[0].last_bus = 0xff;
	if (choice & SMALL)
		arena.size = (size_t)(choice >> 4) << 12;
	for (u32 i = 0; choice & REQUESTS && i < REQUESTS_MAX && i < snapshot.count; i++)
		requests[inventory.request_count++] = (struct sriov_request){
			.physical = snapshot.addresses[i], .count = 1 + 5 * i};
	inventory.requests = requests;
	if (!pci_enumerate(&inventory, &access, wait))
		return 0;
	check_functions(&inventory);
	acs_enable(&inventory, &access);
	if (!groups_derive(&inventory, NULL, 0))
		return 0;
	check_groups(&inventory);
	keep(&inventory, plain);
	if (!groups_derive(&inventory, snapshot.trusts, snapshot.trust_count))
		return 0;
	check_groups(&inventory);
	keep(&inventory, trusted);
	demand(refines(&inventory, trusted, plain));
	check_split(&inventory);
	if (!access.write)
		return 0;
	acs_restore(&inventory, &access);
	sriov_restore(&inventory, &access, wait);
	return 0;
}
