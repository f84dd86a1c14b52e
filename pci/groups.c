/* SPDX-License-Identifier: Apache-2.0 */
#include "quirks.h"
#include "scan.h"
#include "text.h"

/*
 * Isolation groups by union-find over all functions. Rules only add ties, and none looks at what
 * another has tied, so neither the order of functions nor that of the rules matters to the groups.
 * Each tie that brings two sets together leaves a reason.
 */

/* What is below a bridge belongs together. */
struct shared {
	u32 with; /* what all of it is joined with: the bridge, or one function below; or NONE */
	u32 at; /* to blame */
	enum group_rule rule;
	bool said; /* one reason is enough for all that is below */
};

struct derivation {
	struct inventory *inventory;
	const struct pci_function *functions;
	u32 count;
	u32 *leader; /* union-find: the lowest index of a set is its leader */
	u32 *first_child;
	struct shared *below;
	bool *trusted;
	struct group_reason *reasons;
	u32 reason_count;
};

static u32 find(struct derivation *d, u32 f) {
	while (d->leader[f] != f)
		f = d->leader[f] = d->leader[d->leader[f]];
	return f;
}

/* False: they were together already. */
static bool join(struct derivation *d, u32 a, u32 b) {
	a = find(d, a);
	b = find(d, b);
	if (a < b)
		d->leader[b] = a;
	else
		d->leader[a] = b;
	return a != b;
}

/* Only after a join: a set has fewer reasons than members, so there is room. */
static void explain(struct derivation *d, enum group_rule rule, u32 at, u32 first, u32 second) {
	d->reasons[d->reason_count++] = (struct group_reason){rule, at, first, second};
}

/* All below BRIDGE belongs together: with the bridge, where WITH is that, or without it. */
static void share(struct derivation *d, enum group_rule rule, u32 at, u32 bridge, u32 with) {
	struct shared *s = &d->below[bridge];

	if (s->with == NONE || (with == bridge && s->with != bridge))
		*s = (struct shared){.with = with, .at = at, .rule = rule};
}

static void join_shared(struct derivation *d) {
	for (u32 f = 0; f < d->count; f++)
		for (u32 up = d->functions[f].parent; up != NONE; up = d->functions[up].parent) {
			struct shared *s = &d->below[up];

			if (s->with == NONE || !join(d, s->with, f) || s->said)
				continue;
			explain(d, s->rule, s->at, s->with, f);
			s->said = true;
		}
}

/* A bridge takes along what is below it. */
static void tie(struct derivation *d, enum group_rule rule, u32 at, u32 first, u32 second) {
	if (join(d, first, second))
		explain(d, rule, at, first, second);
	share(d, rule, first, first, first);
	share(d, rule, second, second, second);
}

static bool isolates(const struct derivation *d, u32 f) {
	return d->trusted[f] || acs_isolates(&d->functions[f]);
}

static bool is_port(const struct pci_function *f) {
	return pcie_link_type(f->pcie_type) || f->pcie_type == PCIE_UPSTREAM_PORT;
}

static void mark_trusted(struct derivation *d, const struct group_trust *trust) {
	char text[PCI_TEXT_SIZE];
	u32 f = 0;

	while (f < d->count && pci_key(d->functions[f].address) != pci_key(trust->port))
		f++;
	pci_text(text, trust->port);
	if (f == d->count)
		inventory_warn(d->inventory, "trusted port %s does not exist", text);
	else if (pci_is_bridge(&d->functions[f]) && !is_port(&d->functions[f]))
		inventory_warn(d->inventory, "trust in %s is void: this bridge hides who sends",
			       text);
	else
		d->trusted[f] = true;
}

/* Below a port, or inside a switch: PCI Express. */
static void port_rule(struct derivation *d, u32 f) {
	const struct pci_function *port = &d->functions[f];
	u32 above = port->parent;

	if (isolates(d, f))
		return;
	share(d, GROUP_ACS_MISSING, f, f, f);
	if (port->pcie_type == PCIE_DOWNSTREAM_PORT && above != NONE &&
	    d->functions[above].pcie_type == PCIE_UPSTREAM_PORT)
		share(d, GROUP_SWITCH_PEERS, f, above,
		      acs_upstream_target_open(port) ? above : d->first_child[above]);
}

static bool has_memory_bar(const struct pci_function *f) {
	for (u32 i = 0; i < 2; i++) {
		const struct pci_bar *bar = &f->bars[i];

		/* From a dump sizes are not known; an address or a flag shows that it is there. */
		if (!bar->io && (bar->size || bar->base || bar->is_64bit || bar->prefetchable))
			return true;
	}
	return false;
}

static void topology_rules(struct derivation *d) {
	for (u32 f = 0; f < d->count; f++) {
		const struct pci_function *function = &d->functions[f];
		bool own_bus_apart =
			function->pcie_type == PCIE_TO_PCI_BRIDGE && !has_memory_bar(function);
		u32 above = function->parent;

		/* Only downstream ports belong on the bus inside a switch. */
		if (above != NONE && d->functions[above].pcie_type == PCIE_UPSTREAM_PORT &&
		    function->physical == NONE &&
		    (!pci_is_bridge(function) || function->pcie_type != PCIE_DOWNSTREAM_PORT ||
		     function->quirks & QUIRK_ALIASES))
			share(d, GROUP_SWITCH_PEERS, f, above, above);
		if (!pci_is_bridge(function))
			share(d, GROUP_REAL_DMA, f, f, f);
		else if (is_port(function))
			port_rule(d, f);
		else
			share(d, GROUP_BRIDGE, f, f, own_bus_apart ? d->first_child[f] : f);
	}
}

/* ACS controls that are off let a function reach all of its device. */
static bool is_open(const struct derivation *d, u32 f) {
	return !d->trusted[f] && acs_controls_fail(&d->functions[f]);
}

/* A virtual function is its own device, unless its ACS says that it is not kept apart. */
static void device_rule(struct derivation *d, u32 a) {
	const struct pci_function *f = &d->functions[a];

	if (f->physical != NONE) {
		if (is_open(d, a))
			tie(d, GROUP_VIRTUAL_FUNCTION, a, a, f->physical);
		return;
	}
	for (u32 b = a + 1; b < d->count; b++) {
		const struct pci_function *other = &d->functions[b];

		if (other->physical != NONE || !same_device(d->inventory, f, other))
			continue;
		if (is_open(d, a))
			tie(d, GROUP_MULTIFUNCTION, a, a, b);
		else if (is_open(d, b))
			tie(d, GROUP_MULTIFUNCTION, b, b, a);
		else if (!isolates(d, a) && !isolates(d, b))
			tie(d, GROUP_MULTIFUNCTION, a, a, b);
	}
}

struct alias_use {
	u32 id; /* requester ID with segment, as pci_key() */
	u32 function;
};

/* Who sends with an ID that is not its own is one with all who send with it. False: arena full. */
static bool alias_rule(struct derivation *d) {
	struct pci_address aliases[DMA_ALIASES_MAX];
	struct alias_use *uses = NULL;
	u32 count = 0;

	for (u32 f = 0; f < d->count; f++) {
		u32 found = pci_dma_aliases(d->inventory, f, aliases, DMA_ALIASES_MAX);

		for (u32 i = 0; i < found; i++) {
			uses = arena_grow(d->inventory->arena, uses, count, sizeof(*uses));
			if (!uses)
				return false;
			uses[count++] = (struct alias_use){pci_key(aliases[i]), f};
		}
	}
	for (u32 i = 0; i < count; i++) {
		u32 f = uses[i].function;

		for (u32 k = 0; uses[i].id != pci_key(d->functions[f].address) && k < count; k++)
			if (uses[k].id == uses[i].id && uses[k].function != f)
				tie(d, GROUP_ALIAS, f, uses[k].function, f);
	}
	return true;
}

/* A region for every function of a segment ties nobody: it says nothing about who shares it. */
static void region_rule(struct derivation *d) {
	const struct reserved_region *regions = d->inventory->regions;

	for (u32 i = 0; i < d->inventory->region_count; i++)
		for (u32 k = 0; k < i; k++) {
			const struct reserved_region *a = &regions[i], *b = &regions[k];

			if (a->function != NONE && b->function != NONE &&
			    a->function != b->function &&
			    max_u64(a->base, b->base) <= min_u64(a->limit, b->limit))
				tie(d, GROUP_RESERVED_MEMORY, NONE, b->function, a->function);
		}
}

static bool prepare(struct derivation *d) {
	struct arena *arena = d->inventory->arena;

	d->leader = arena_alloc(arena, d->count, sizeof(*d->leader));
	d->first_child = arena_alloc(arena, d->count, sizeof(*d->first_child));
	d->below = arena_alloc(arena, d->count, sizeof(*d->below));
	d->trusted = arena_alloc(arena, d->count, sizeof(*d->trusted));
	d->reasons = arena_alloc(arena, d->count, sizeof(*d->reasons));
	if (!d->leader || !d->first_child || !d->below || !d->trusted || !d->reasons)
		return false;
	for (u32 f = 0; f < d->count; f++) {
		d->leader[f] = f;
		d->first_child[f] = NONE;
		d->below[f].with = NONE;
	}
	for (u32 f = d->count; f-- > 0;)
		if (d->functions[f].parent != NONE)
			d->first_child[d->functions[f].parent] = f;
	return true;
}

/* Numbers groups by their lowest address and hands out members and reasons. */
static bool collect(struct derivation *d) {
	struct inventory *inventory = d->inventory;
	u32 *members = arena_alloc(inventory->arena, d->count, sizeof(*members));
	struct group_reason *reasons =
		arena_alloc(inventory->arena, d->reason_count, sizeof(*reasons));
	u32 count = 0;

	for (u32 f = 0; f < d->count; f++) {
		u32 leader = find(d, f);

		inventory->functions[f].group = leader == f ? count++ : d->functions[leader].group;
	}
	struct group *group = arena_alloc(inventory->arena, count, sizeof(*group));
	if (!members || !reasons || !group)
		return false;
	inventory->groups = group;
	inventory->group_count = count;
	for (u32 i = 0; i < count; i++, group++) {
		group->members = members;
		group->reasons = reasons;
		for (u32 f = 0; f < d->count; f++)
			if (d->functions[f].group == i)
				*members++ = f;
		for (u32 r = 0; r < d->reason_count; r++)
			if (d->functions[d->reasons[r].first].group == i)
				*reasons++ = d->reasons[r];
		group->member_count = (u32)(members - group->members);
		group->reason_count = (u32)(reasons - group->reasons);
	}
	return true;
}

bool groups_derive(struct inventory *inventory, const struct group_trust *trusts, u32 trust_count) {
	struct derivation d = {.inventory = inventory,
			       .functions = inventory->functions,
			       .count = inventory->function_count};

	if (!prepare(&d))
		return false;
	for (u32 i = 0; i < trust_count; i++)
		mark_trusted(&d, &trusts[i]);
	topology_rules(&d);
	join_shared(
		&d); /* first, so that a bridge is the reason for what it does to requester IDs */
	for (u32 f = 0; f < d.count; f++)
		device_rule(&d, f);
	region_rule(&d);
	if (!alias_rule(&d))
		return false;
	join_shared(&d); /* what bridges take along that the other rules have tied */
	return collect(&d);
}
