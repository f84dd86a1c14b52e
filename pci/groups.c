/* SPDX-License-Identifier: Apache-2.0 */
#include "derive.h"
#include "quirks.h"
#include "text.h"

/*
 * Isolation groups by union-find over all functions. Rules only add ties, and none looks at what
 * another has tied, so neither the order of functions nor that of the rules matters to the groups.
 * Each cause leaves a reason, whether or not another holds the same functions together. All of it
 * takes a bounded number of passes over the functions.
 */

#define REQUESTER_IDS 0x10000
/*
 * Reasons that a function can give: out of place in a switch, port or bridge, device; and one less
 * than functions each for aliases, regions, and bridges that take their bus along.
 */
#define REASONS_EACH 6

_Static_assert(4 * sizeof(struct pci_function) + 2 * (sizeof(struct node) + 2 * sizeof(u32) +
						      REASONS_EACH * sizeof(struct group_reason)) <=
		       INVENTORY_BYTES_PER_FUNCTION,
	       "what boot gives the arena");

static u32 find(u32 *leader, u32 f) {
	while (leader[f] != f)
		f = leader[f] = leader[leader[f]];
	return f;
}

/* False: they were together already. */
static bool join(u32 *leader, u32 a, u32 b) {
	a = find(leader, a);
	b = find(leader, b);
	leader[max_u64(a, b)] = (u32)min_u64(a, b);
	return a != b;
}

static void explain(struct derivation *d, enum group_rule rule, u32 at, u32 first, u32 second) {
	d->reasons[d->reason_count++] = (struct group_reason){rule, at, first, second};
}

/* A bridge takes along what is below it. */
static void take_below(struct derivation *d, enum group_rule rule, u32 f) {
	struct node *n = &d->nodes[f];

	if (n->first_child == NONE || n->with == f)
		return;
	n->with = f;
	explain(d, rule, f, f, n->first_child);
}

static void tie(struct derivation *d, enum group_rule rule, u32 at, u32 first, u32 second) {
	join(d->leader, first, second);
	explain(d, rule, at, first, second);
	take_below(d, rule, first);
	take_below(d, rule, second);
}

static bool isolates(const struct derivation *d, u32 f) {
	return d->nodes[f].trusted || acs_isolates(&d->functions[f]);
}

/* ACS controls that are off let a function reach all of its device. */
static bool is_open(const struct derivation *d, u32 f) {
	return !d->nodes[f].trusted && acs_controls_fail(&d->functions[f]);
}

static bool inside_switch(const struct derivation *d, const struct pci_function *f) {
	return f->parent != NONE && d->functions[f->parent].pcie_type == PCIE_UPSTREAM_PORT;
}

/* Below a port, or inside a switch: PCI Express. */
static void port_rule(struct derivation *d, u32 f) {
	const struct pci_function *port = &d->functions[f];
	struct node *n = &d->nodes[f];
	u32 peer = f;

	if (acs_isolates(port) || (n->trusted && n->first_child == NONE))
		return;
	if (n->trusted) {
		/* As in Linux it stays with what is directly below: nobody can own a port. */
		join(d->leader, f, n->first_child);
		explain(d, GROUP_TRUSTED_PORT, f, f, n->first_child);
		return;
	}
	if (port->pcie_type == PCIE_DOWNSTREAM_PORT && inside_switch(d, port)) {
		struct node *above = &d->nodes[port->parent];

		peer = above->first_child == f ? above->last_child : above->first_child;
		if (acs_upstream_target_open(port))
			peer = above->with = port->parent;
		else if (above->with == NONE)
			above->with = above->first_child;
	}
	if (n->first_child != NONE)
		n->with = f;
	if (peer != f)
		explain(d, GROUP_SWITCH_PEERS, f, f, peer);
	else if (n->first_child != NONE)
		explain(d, GROUP_ACS_MISSING, f, f, n->first_child);
}

bool pci_has_memory_bar(const struct pci_function *f) {
	for (u32 i = 0; i < 2; i++) {
		const struct pci_bar *bar = &f->bars[i];

		/* From a dump sizes are not known; an address or a flag shows that it is there. */
		if (!bar->io && (bar->size || bar->base || bar->is_64bit || bar->prefetchable))
			return true;
	}
	return false;
}

/* A bridge to or from conventional PCI, or a controller that sends for its own bus. */
static bool hides(const struct derivation *d, u32 f) {
	return d->nodes[f].first_child != NONE && !pci_is_port(&d->functions[f]);
}

static void hider_rule(struct derivation *d, u32 f) {
	const struct pci_function *hider = &d->functions[f];
	struct node *n = &d->nodes[f];
	u32 second = n->first_child;

	n->with = f;
	if (hider->pcie_type == PCIE_TO_PCI_BRIDGE && !pci_has_memory_bar(hider)) {
		n->with = second;
		second = n->last_child != second ? n->last_child : d->nodes[second].first_child;
	}
	if (second != NONE)
		explain(d, pci_is_bridge(hider) ? GROUP_BRIDGE : GROUP_REAL_DMA, f, n->with,
			second);
}

static void topology_rules(struct derivation *d, u32 f) {
	const struct pci_function *function = &d->functions[f];

	/* A virtual function is a device of its own, unless its ACS says that it is not kept apart. */
	if (function->physical != NONE && is_open(d, f))
		tie(d, GROUP_VIRTUAL_FUNCTION, f, f, function->physical);
	/* Only downstream ports belong on the bus inside a switch. */
	if (inside_switch(d, function) && function->physical == NONE &&
	    (!pci_is_port(function) || function->pcie_type != PCIE_DOWNSTREAM_PORT ||
	     function->quirks & QUIRK_ALIASES)) {
		d->nodes[function->parent].with = function->parent;
		explain(d, GROUP_SWITCH_PEERS, f, function->parent, f);
	}
	if (hides(d, f))
		hider_rule(d, f);
	else if (pci_is_port(function))
		port_rule(d, f);
	d->nodes[d->nodes[f].device].open |= is_open(d, f);
}

static void device_rule(struct derivation *d, u32 f) {
	u32 first = d->nodes[f].device;
	struct node *device = &d->nodes[first];

	if (d->nodes[f].peer == NONE)
		return;
	if (device->open) {
		join(d->leader, first, f);
		take_below(d, GROUP_MULTIFUNCTION, f);
	}
	if (is_open(d, f)) {
		explain(d, GROUP_MULTIFUNCTION, f, f, d->nodes[f].peer);
	} else if (isolates(d, f)) {
		return;
	} else if (device->failing == NONE) {
		device->failing = f;
	} else if (device->told == NONE) {
		device->told = d->reason_count;
		tie(d, GROUP_MULTIFUNCTION, device->failing, device->failing, f);
	} else {
		join(d->leader, device->failing, f);
		take_below(d, GROUP_MULTIFUNCTION, f);
		d->reasons[device->told].second = f; /* one reason for all of them */
	}
}

/* Joins what is below one bridge, down the tree; with SENDERS, only what a bridge makes one sender. */
static void inherit(struct derivation *d, u32 *leader, bool senders) {
	for (u32 f = 0; f < d->count; f++) {
		u32 above = d->functions[f].parent;
		u32 inherited = above == NONE ? NONE : d->nodes[above].carrier;

		if (inherited != NONE)
			join(leader, inherited, f);
		else if (!senders || hides(d, f))
			inherited = d->nodes[f].with;
		d->nodes[f].carrier = inherited;
	}
}

/* Who sends with an ID that is not its own is one with all who send with it. */
static void use(struct derivation *d, u32 f, u16 id) {
	struct pci_address own = d->functions[f].address;
	u32 user = d->users[id];

	if (user == NONE || d->functions[user].address.segment != own.segment) {
		d->users[id] = f;
	} else if (join(d->cause, user, f)) {
		bool borrowed = pci_requester_id(own) == id;

		tie(d, GROUP_ALIAS, borrowed ? user : f, borrowed ? f : user, borrowed ? user : f);
	}
}

static void alias_rule(struct derivation *d) {
	u16 ids[DMA_ALIASES_OWN], renamed;

	inherit(d, d->cause, true); /* a bridge is the reason for what it does to requester IDs */
	for (u32 f = 0; f < d->count; f++) {
		u32 count = pci_own_aliases(&d->functions[f], ids);

		for (u32 i = 0; i < count; i++)
			use(d, f, ids[i]);
		if (hides(d, f) && pci_bridge_alias(&d->functions[f], &renamed))
			use(d, d->nodes[f].first_child, renamed);
	}
}

/* A region for whoever is on a range of buses ties nobody: it says nothing about who shares it. */
static void region_rule(struct derivation *d) {
	const struct reserved_region *reach = NULL;

	for (u32 i = 0; i < d->region_count; i++) {
		const struct reserved_region *r = &d->inventory->regions[d->regions[i]];

		if (reach && r->base <= reach->limit &&
		    join(d->cause, reach->function, r->function))
			tie(d, GROUP_RESERVED_MEMORY, NONE, reach->function, r->function);
		if (!reach || r->limit > reach->limit)
			reach = r;
	}
}

void derivation_run(struct derivation *d) {
	d->reason_count = 0;
	for (u32 f = 0; f < d->count; f++) {
		struct node *n = &d->nodes[f];

		d->leader[f] = d->cause[f] = f;
		n->with = n->failing = n->told = NONE;
		n->open = false;
	}
	for (u32 f = 0; f < d->count; f++)
		topology_rules(d, f);
	for (u32 f = 0; f < d->count; f++)
		device_rule(d, f);
	alias_rule(d);
	for (u32 f = 0; f < d->count; f++)
		d->cause[f] = f;
	region_rule(d);
	inherit(d, d->leader, false);
}

u32 derivation_leader(struct derivation *d, u32 f) {
	return find(d->leader, f);
}

/* Regions that name a function, by base: Shell's sort, with Hibbard's gaps. */
static void sort_regions(struct derivation *d) {
	const struct reserved_region *regions = d->inventory->regions;
	u32 gap = 1;

	for (u32 i = 0; i < d->inventory->region_count; i++)
		if (regions[i].function != NONE && regions[i].base <= regions[i].limit)
			d->regions[d->region_count++] = i;
	while (gap < d->region_count / 2)
		gap = 2 * gap + 1;
	for (; gap; gap /= 2)
		for (u32 i = gap; i < d->region_count; i++) {
			u32 region = d->regions[i], k = i;

			for (; k >= gap && regions[d->regions[k - gap]].base > regions[region].base;
			     k -= gap)
				d->regions[k] = d->regions[k - gap];
			d->regions[k] = region;
		}
}

/* Each function's children, and the others of its device. */
static void link(struct derivation *d) {
	u32 device = NONE;

	for (u32 f = 0; f < d->count; f++) {
		const struct pci_function *function = &d->functions[f];
		struct node *n = &d->nodes[f];

		*n = (struct node){
			.first_child = NONE, .last_child = NONE, .device = f, .peer = NONE};
		if (function->parent != NONE) {
			struct node *above = &d->nodes[function->parent];

			above->first_child = (u32)min_u64(above->first_child, f);
			above->last_child = f;
		}
		if (function->physical != NONE)
			continue;
		if (device == NONE || !same_device(d->inventory, &d->functions[device], function)) {
			device = f;
			continue;
		}
		n->device = n->peer = device;
		d->nodes[device].peer = (u32)min_u64(d->nodes[device].peer, f);
	}
}

bool derivation_begin(struct derivation *d, struct inventory *inventory) {
	struct arena *arena = inventory->arena, scratch;
	u32 count = inventory->function_count;

	*d = (struct derivation){.inventory = inventory,
				 .functions = inventory->functions,
				 .count = count,
				 .scratch = (arena->size - arena->used) / 2};
	arena->size -= d->scratch;
	scratch = (struct arena){.base = arena->base + arena->size, .size = d->scratch};
	d->nodes = arena_alloc(&scratch, count, sizeof(*d->nodes));
	d->leader = arena_alloc(&scratch, 2 * (size_t)count, sizeof(*d->leader));
	d->users = arena_alloc(&scratch, REQUESTER_IDS, sizeof(*d->users));
	d->regions = arena_alloc(&scratch, inventory->region_count, sizeof(*d->regions));
	d->reasons = arena_alloc(&scratch, (size_t)count * REASONS_EACH, sizeof(*d->reasons));
	if (!d->nodes || !d->leader || !d->users || !d->regions || !d->reasons)
		return false;
	d->cause = d->leader + count;
	memset(d->users, 0xff, REQUESTER_IDS * sizeof(*d->users)); /* NONE */
	sort_regions(d);
	link(d);
	return true;
}

void derivation_end(struct derivation *d) {
	d->inventory->arena->size += d->scratch;
}

const char *derivation_trust(struct derivation *d, struct pci_address port) {
	u32 f = inventory_find(d->inventory, port);

	if (f == NONE)
		return "there is no such function";
	if (!pci_is_port(&d->functions[f]))
		return "it is no PCI Express port";
	d->nodes[f].trusted = true;
	return NULL;
}

/* Numbers groups by their lowest address, which their leader has, and hands out members and reasons. */
static bool collect(struct derivation *d) {
	struct inventory *inventory = d->inventory;
	struct pci_function *functions = inventory->functions;
	struct arena *arena = inventory->arena;
	u32 *members = arena_alloc(arena, d->count, sizeof(*members)), count = 0;
	struct group_reason *reasons = arena_alloc(arena, d->reason_count, sizeof(*reasons));

	for (u32 f = 0; f < d->count; f++) {
		u32 leader = find(d->leader, f);

		functions[f].group = leader == f ? count++ : functions[leader].group;
	}
	struct group *groups = arena_alloc(arena, count, sizeof(*groups));

	if (!members || !reasons || !groups)
		return false;
	for (u32 f = 0; f < d->count; f++)
		groups[functions[f].group].member_count++;
	for (u32 r = 0; r < d->reason_count; r++)
		groups[functions[d->reasons[r].first].group].reason_count++;
	for (u32 g = 0; g < count; g++) {
		/* From the end of its part backwards, so that the pointer ends at the start. */
		groups[g].members = members += groups[g].member_count;
		groups[g].reasons = reasons += groups[g].reason_count;
	}
	for (u32 f = d->count; f-- > 0;)
		*--groups[functions[f].group].members = f;
	for (u32 r = d->reason_count; r-- > 0;)
		*--groups[functions[d->reasons[r].first].group].reasons = d->reasons[r];
	inventory->groups = groups;
	inventory->group_count = count;
	return true;
}

bool groups_derive(struct inventory *inventory, const struct group_trust *trusts, u32 trust_count) {
	struct derivation d;
	bool good = derivation_begin(&d, inventory);

	for (u32 i = 0; good && i < trust_count; i++) {
		const char *why_void = derivation_trust(&d, trusts[i].port);

		if (why_void)
			inventory_warn(inventory, "trust in %s is void: %s",
				       ADDRESS(trusts[i].port), why_void);
	}
	if (good)
		derivation_run(&d);
	good = good && collect(&d);
	derivation_end(&d);
	return good;
}
