/* SPDX-License-Identifier: Apache-2.0 */
#include "topology.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SHUFFLES 20
#define ACS_ALL 0x1f
#define SEGMENTS 4
#define TRUSTS 8

static struct topology_function *at(struct topology *t, struct pci_address address) {
	for (u32 i = 0; i < t->count; i++)
		if (pci_key(t->functions[i].address) == pci_key(address))
			return &t->functions[i];
	return NULL;
}

static u32 read_space(const struct pci_access *access, struct pci_address address, u16 offset,
		      u8 width) {
	struct topology *t = access->context;
	struct topology_function *f = at(t, address);
	u32 value = 0;

	t->reads++;
	assert_true(width == 1 || width == 2 || width == 4);
	assert_int_equal(offset % width, 0);
	if (!f)
		return width == 4 ? ~0u : (1u << 8 * width) - 1;
	assert_true(offset + width <= (int)f->size);
	for (u32 i = width; i-- > 0;)
		value = value << 8 | f->space[offset + i];
	return value;
}

static void write_space(const struct pci_access *access, struct pci_address address, u16 offset,
			u8 width, u32 value) {
	struct topology *t = access->context;
	struct topology_function *f = at(t, address);

	t->writes++;
	assert_int_equal(offset % width, 0);
	/* A BAR that is being sized stands at a wrong address: nothing may be decoded meanwhile. */
	if (f && offset >= PCI_BAR0 && offset < PCI_BAR0 + 4 * PCI_BARS && value == ~0u)
		assert_int_equal(f->space[PCI_COMMAND] & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY), 0);
	/* What decides where virtual functions are is written while they are off, and BARs while they do not decode. */
	if (f && f->sriov && offset >= f->sriov + SRIOV_NUM_VFS && offset < f->sriov + SRIOV_SIZE)
		assert_int_equal(f->space[f->sriov + SRIOV_CONTROL] &
					 (offset >= f->sriov + SRIOV_BAR0 ? SRIOV_VF_MEMORY
									  : SRIOV_VF_ENABLE),
				 0);
	for (u32 i = 0; f && i < width; i++) {
		u8 mask = f->writable[offset + i];

		f->space[offset + i] =
			(u8)((f->space[offset + i] & ~mask) | (value >> 8 * i & mask));
	}
}

static u32 space_of(const struct pci_access *access, struct pci_address address) {
	struct topology_function *f = at(access->context, address);

	return f ? f->size : PCIE_CONFIG_SIZE;
}

struct topology *topology_new(void) {
	struct topology *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->access = (struct pci_access){
		.read = read_space, .write = write_space, .space = space_of, .context = t};
	t->arena = (struct arena){.base = malloc(TOPOLOGY_ARENA), .size = TOPOLOGY_ARENA};
	assert_non_null(t->arena.base);
	t->inventory.arena = &t->arena;
	return t;
}

void topology_free(struct topology *t) {
	free(t->arena.base);
	free(t);
}

void topology_put(struct topology *t, u32 f, u32 offset, u8 width, u32 value) {
	for (u32 i = 0; i < width; i++)
		t->functions[f].space[offset + i] = (u8)(value >> 8 * i);
}

u32 topology_get(struct topology *t, u32 f, u32 offset, u8 width) {
	return t->access.read(&t->access, t->functions[f].address, (u16)offset, width);
}

static void put_writable(struct topology *t, u32 f, u32 offset, u8 width, u32 mask) {
	for (u32 i = 0; i < width; i++)
		t->functions[f].writable[offset + i] = (u8)(mask >> 8 * i);
}

u32 topology_add(struct topology *t, const char *name, u8 bus, u8 device, u8 function) {
	struct pci_address address = {0, bus, PCI_DEVFN(device, function)};
	struct pci_address first = {0, bus, PCI_DEVFN(device, 0)};
	u32 f = t->count;

	assert_true(f < TOPOLOGY_FUNCTIONS);
	assert_null(at(t, address));
	t->count++;
	t->functions[f] = (struct topology_function){.name = name,
						     .address = address,
						     .size = PCI_CONFIG_SIZE,
						     .capability_end = PCI_CAPABILITY_FIRST,
						     .capability_last = PCI_CAPABILITIES - 1,
						     .extended_end = PCI_EXTENDED_FIRST};
	topology_ids(t, f, 0x1234, (u16)(0x100 + f));
	topology_class(t, f, 0x020000);
	put_writable(t, f, PCI_COMMAND, 2, 0x7);
	if (function && at(t, first))
		at(t, first)->space[PCI_HEADER_TYPE] |= PCI_HEADER_MULTIFUNCTION;
	return f;
}

void topology_ids(struct topology *t, u32 f, u16 vendor, u16 device) {
	topology_put(t, f, PCI_VENDOR_ID, 2, vendor);
	topology_put(t, f, PCI_DEVICE_ID, 2, device);
}

void topology_class(struct topology *t, u32 f, u32 class_code) {
	topology_put(t, f, PCI_REVISION, 4, class_code << 8 | 1);
}

void topology_bridge(struct topology *t, u32 f, u8 secondary, u8 subordinate) {
	t->functions[f].space[PCI_HEADER_TYPE] |= PCI_HEADER_BRIDGE;
	topology_class(t, f, 0x060400);
	topology_put(t, f, PCI_PRIMARY_BUS, 1, t->functions[f].address.bus);
	topology_put(t, f, PCI_SECONDARY_BUS, 1, secondary);
	topology_put(t, f, PCI_SUBORDINATE_BUS, 1, subordinate);
}

u16 topology_capability(struct topology *t, u32 f, u8 id, u16 size) {
	struct topology_function *function = &t->functions[f];
	u16 offset = function->capability_end;

	function->space[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
	function->space[function->capability_last + 1] = (u8)offset;
	function->space[offset] = id;
	function->capability_last = offset;
	function->capability_end = (u16)ALIGN_UP(offset + size, 4);
	return offset;
}

u16 topology_extended(struct topology *t, u32 f, u16 id, u16 size) {
	struct topology_function *function = &t->functions[f];
	u16 offset = function->extended_end;

	if (function->extended_last)
		topology_put(t, f, function->extended_last + 2, 2, (u32)offset << 4 | 1);
	topology_put(t, f, offset, 4, 1u << 16 | id);
	function->extended_last = offset;
	function->extended_end = (u16)ALIGN_UP(offset + size, 4);
	return offset;
}

void topology_pcie(struct topology *t, u32 f, u8 type) {
	u16 offset = topology_capability(t, f, PCI_CAPABILITY_PCIE, PCIE_SIZE_2);

	t->functions[f].size = PCIE_CONFIG_SIZE;
	topology_put(t, f, offset + PCIE_FLAGS, 2, (u32)type << PCIE_FLAGS_TYPE_SHIFT | 2);
}

void topology_acs(struct topology *t, u32 f, u16 capability) {
	u16 offset = topology_extended(t, f, PCI_EXTENDED_ACS, ACS_SIZE);

	topology_put(t, f, offset + ACS_CAPABILITY, 2, capability);
	put_writable(t, f, offset + ACS_CONTROL, 2,
		     (capability & 0x7f) | (capability & ACS_ENHANCED ? 0x1f80 : 0));
}

void topology_memory_bar(struct topology *t, u32 f, u32 index, u32 base, u32 size) {
	topology_put(t, f, PCI_BAR0 + 4 * index, 4, base);
	put_writable(t, f, PCI_BAR0 + 4 * index, 4, ~(size - 1));
}

void topology_virtual(struct topology *t, u32 f, u16 offset, u16 stride, u16 count,
		      const char *const *names) {
	u16 sriov = topology_extended(t, f, PCI_EXTENDED_SRIOV, SRIOV_SIZE);

	topology_put(t, f, sriov + SRIOV_CONTROL, 2, SRIOV_VF_ENABLE);
	topology_put(t, f, sriov + SRIOV_NUM_VFS, 2, count);
	topology_put(t, f, sriov + SRIOV_OFFSET, 2, offset);
	topology_put(t, f, sriov + SRIOV_STRIDE, 2, stride);
	topology_put(t, f, sriov + SRIOV_VF_DEVICE_ID, 2, 0xbeef);
	for (u16 i = 0; i < count; i++) {
		u32 id = pci_requester_id(t->functions[f].address) + offset + (u32)i * stride;
		u32 v = topology_add(t, names[i], (u8)(id >> 8), (u8)id >> 3, id & 7);

		topology_ids(t, v, 0xffff, 0xffff);
		topology_pcie(t, v, PCIE_ENDPOINT);
	}
}

void topology_offer_virtual(struct topology *t, u32 f, u16 offset, u16 stride, u16 count,
			    const char *const *names, u64 base) {
	u16 at;

	topology_virtual(t, f, offset, stride, count, names);
	at = t->functions[f].extended_last;
	t->functions[f].sriov = at;
	topology_put(t, f, at + SRIOV_CONTROL, 2, 0);
	topology_put(t, f, at + SRIOV_NUM_VFS, 2, 0);
	topology_put(t, f, at + SRIOV_INITIAL_VFS, 2, count);
	topology_put(t, f, at + SRIOV_TOTAL_VFS, 2, count);
	topology_put(t, f, at + SRIOV_PAGE_SIZES, 4, 0x553);
	topology_put(t, f, at + SRIOV_PAGE_SIZE, 4, 0x10);
	topology_put(t, f, at + SRIOV_BAR0, 4, (u32)base | PCI_BAR_TYPE_64BIT);
	topology_put(t, f, at + SRIOV_BAR0 + 4, 4, (u32)(base >> 32));
	put_writable(t, f, at + SRIOV_CONTROL, 2, 0x1f);
	put_writable(t, f, at + SRIOV_NUM_VFS, 2, 0xffff);
	put_writable(t, f, at + SRIOV_PAGE_SIZE, 4, UINT32_MAX);
	put_writable(t, f, at + SRIOV_BAR0, 4, ~0x3fffu);
	put_writable(t, f, at + SRIOV_BAR0 + 4, 4, UINT32_MAX);
}

u32 topology_port(struct topology *t, const char *name, u8 type, u8 bus, u8 device, u8 function,
		  u8 secondary, u8 subordinate, bool acs) {
	u32 f = topology_add(t, name, bus, device, function);

	topology_bridge(t, f, secondary, subordinate);
	topology_pcie(t, f, type);
	if (acs)
		topology_acs(t, f, ACS_ALL);
	return f;
}

u32 topology_endpoint(struct topology *t, const char *name, u8 type, u8 bus, u8 device,
		      u8 function) {
	u32 f = topology_add(t, name, bus, device, function);

	if (type != PCIE_NONE)
		topology_pcie(t, f, type);
	return f;
}

void topology_enumerate(struct topology *t) {
	assert_true(pci_enumerate(&t->inventory, &t->access, NULL));
	acs_enable(&t->inventory, &t->access);
}

u32 topology_find(struct topology *t, const char *name) {
	for (u32 i = 0; i < t->count; i++) {
		if (strcmp(t->functions[i].name, name) != 0)
			continue;
		u32 f = inventory_find(&t->inventory, t->functions[i].address);

		assert_int_not_equal(f, NONE);
		return f;
	}
	fail_msg("no function %s", name);
	return NONE;
}

static u32 mapped(const u32 *place, u32 index) {
	return index == NONE ? NONE : place[index];
}

/* Segment and bus of an address: where it is on the map of buses. */
#define BUS_OF(address) (pci_key(address) >> 8)

/* A machine that is the same but for the numbers of its buses and devices. */
struct renumbering {
	u32 *bus; /* by segment and bus: the new number; NONE: not yet, or there is none */
	u8 device[32];
};

/* Some quirks, and bridges that rename requesters, are about devices of fixed numbers. */
static bool is_fixed(u32 device) {
	return device < 2 || (device >= 0x10 && device <= 0x12);
}

static u32 id_of(const struct renumbering *r, u16 segment, u16 id) {
	u32 bus = r->bus[segment << 8 | id >> 8];

	return (bus == NONE ? id >> 8 : bus) << 8 | (u32)(r->device[(id & 0xff) >> 3] << 3) |
	       (id & 7);
}

static bool has_place(const struct inventory *inventory, const struct renumbering *r, u32 bus) {
	for (u32 i = 0; i < inventory->function_count; i++) {
		const struct pci_function *f = &inventory->functions[i];

		if (BUS_OF(f->address) == bus && f->parent != NONE &&
		    r->bus[BUS_OF(inventory->functions[f->parent].address)] == NONE)
			return false;
	}
	return true;
}

/* Any order of buses in which a bridge leads to a higher one, and any order of devices. */
static void renumber(const struct inventory *inventory, struct renumbering *r, unsigned int *seed) {
	u32 left = 0, next[SEGMENTS] = {0};
	bool *used = calloc(SEGMENTS << 8, sizeof(*used));

	memset(r->bus, 0xff, (SEGMENTS << 8) * sizeof(*r->bus));
	for (u32 i = 0; i < inventory->function_count; i++)
		used[BUS_OF(inventory->functions[i].address)] = true;
	for (u32 bus = 0; bus < SEGMENTS << 8; bus++)
		left += used[bus];
	while (left) {
		u32 bus = (u32)rand_r(seed) % (SEGMENTS << 8);

		while (!used[bus] || r->bus[bus] != NONE || !has_place(inventory, r, bus))
			bus = (bus + 1) % (SEGMENTS << 8);
		r->bus[bus] = next[bus >> 8]++;
		left--;
	}
	free(used);
	for (u32 i = 0; i < 32; i++)
		r->device[i] = (u8)i;
	for (u32 i = 32; i-- > 0;) {
		u32 k = (u32)rand_r(seed) % (i + 1);
		u8 swapped = r->device[i];

		if (is_fixed(i) || is_fixed(k))
			continue;
		r->device[i] = r->device[k];
		r->device[k] = swapped;
	}
}

static int by_address(const void *a, const void *b) {
	const struct pci_function *left = a, *right = b;

	return (pci_key(left->address) > pci_key(right->address)) -
	       (pci_key(left->address) < pci_key(right->address));
}

/* INVENTORY with other numbers, so that its functions are found in another order: the one at I at PLACE[I]. */
static void shuffle(const struct inventory *inventory, struct inventory *other, u32 *place,
		    unsigned int *seed) {
	struct renumbering r = {.bus = calloc(SEGMENTS << 8, sizeof(*r.bus))};
	u32 count = inventory->function_count;

	renumber(inventory, &r, seed);
	*other = *inventory;
	other->functions = calloc(count ? count : 1, sizeof(*other->functions));
	other->regions = calloc(other->region_count + 1, sizeof(*other->regions));
	other->groups = NULL;
	other->group_count = 0;
	for (u32 i = 0; i < count; i++) {
		struct pci_function *f = &other->functions[i];
		u16 segment = inventory->functions[i].address.segment;

		*f = inventory->functions[i];
		u32 id = id_of(&r, segment, pci_requester_id(f->address));

		f->address = (struct pci_address){segment, (u8)(id >> 8), (u8)id};
		f->table_alias = (u16)id_of(&r, segment, f->table_alias);
		f->secondary_bus = (u8)(id_of(&r, segment, (u16)(f->secondary_bus << 8)) >> 8);
		f->group = i; /* to be found again */
	}
	qsort(other->functions, count, sizeof(*other->functions), by_address);
	for (u32 i = 0; i < count; i++)
		place[other->functions[i].group] = i;
	for (u32 i = 0; i < count; i++) {
		struct pci_function *f = &other->functions[i];

		f->parent = mapped(place, f->parent);
		f->physical = mapped(place, f->physical);
		f->group = NONE;
	}
	for (u32 i = 0; i < other->region_count; i++) {
		other->regions[i] = inventory->regions[other->region_count - 1 - i];
		other->regions[i].function = mapped(place, other->regions[i].function);
	}
	free(r.bus);
}

static void expect_same_groups(const struct inventory *a, const struct inventory *b,
			       const u32 *place) {
	assert_int_equal(a->group_count, b->group_count);
	for (u32 g = 0; g < a->group_count; g++) {
		const struct group *left = &a->groups[g];
		const struct group *right = &b->groups[b->functions[place[left->members[0]]].group];

		assert_int_equal(left->member_count, right->member_count);
		for (u32 i = 0; i < left->member_count; i++)
			assert_ptr_equal(&b->groups[b->functions[place[left->members[i]]].group],
					 right);
		assert_int_equal(!left->reason_count, left->member_count == 1);
		assert_int_equal(!right->reason_count, right->member_count == 1);
	}
}

void expect_order_free(const struct inventory *inventory, const struct group_trust *trusts,
		       u32 trust_count) {
	u32 *place = calloc(inventory->function_count + 1, sizeof(*place));
	unsigned int seed = 1;

	for (u32 round = 0; round < SHUFFLES; round++) {
		size_t used = inventory->arena->used;
		struct group_trust moved[TRUSTS];
		struct inventory other;

		shuffle(inventory, &other, place, &seed);
		assert_true(trust_count <= TRUSTS);
		for (u32 i = 0; i < trust_count; i++) {
			u32 port = inventory_find(inventory, trusts[i].port);

			moved[i] = trusts[i];
			if (port != NONE)
				moved[i].port = other.functions[place[port]].address;
		}
		assert_true(groups_derive(&other, moved, trust_count));
		expect_same_groups(inventory, &other, place);
		free(other.functions);
		free(other.regions);
		inventory->arena->used = used;
	}
	free(place);
}

/* The part of EXPECTED that has NAME; parts are separated by bars. */
static u32 part_of(const char *expected, const char *name) {
	u32 part = 0, length = (u32)strlen(name);

	for (const char *p = expected; *p; p += strcspn(p, "|,"), p += *p == ',') {
		if (*p == '|') {
			part++;
			p++;
		}
		if (strcspn(p, "|,") == length && !memcmp(p, name, length))
			return part;
	}
	fail_msg("%s is not in %s", name, expected);
	return NONE;
}

void topology_expect_trusting(struct topology *t, const struct group_trust *trusts, u32 trust_count,
			      const char *expected) {
	struct inventory *inventory = &t->inventory;

	assert_true(groups_derive(inventory, trusts, trust_count));
	assert_int_equal(inventory->function_count, t->count);
	for (u32 i = 0; i < t->count; i++)
		for (u32 k = 0; k < i; k++) {
			const char *a = t->functions[i].name, *b = t->functions[k].name;
			bool together = inventory->functions[topology_find(t, a)].group ==
					inventory->functions[topology_find(t, b)].group;

			if (together != (part_of(expected, a) == part_of(expected, b)))
				fail_msg("%s and %s are %s; expected %s", a, b,
					 together ? "together" : "apart", expected);
		}
	expect_order_free(inventory, trusts, trust_count);
}

void topology_expect(struct topology *t, const char *expected) {
	topology_expect_trusting(t, NULL, 0, expected);
}

bool topology_has_reason(struct topology *t, const char *member, enum group_rule rule,
			 const char *blamed) {
	const struct inventory *inventory = &t->inventory;
	const struct group *g =
		&inventory->groups[inventory->functions[topology_find(t, member)].group];

	for (u32 i = 0; i < g->reason_count; i++)
		if (g->reasons[i].rule == rule &&
		    (!blamed || g->reasons[i].at == topology_find(t, blamed)))
			return true;
	return false;
}

struct topology *topology_two_ports(u8 device1, u8 function1, bool acs0, bool acs1) {
	struct topology *t = topology_new();

	topology_port(t, "RP0", RP, 0, 1, 0, 1, 1, acs0);
	topology_port(t, "RP1", RP, 0, device1, function1, 2, 2, acs1);
	topology_endpoint(t, "A", EP, 1, 0, 0);
	topology_endpoint(t, "B", EP, 2, 0, 0);
	return t;
}
