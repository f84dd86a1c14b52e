/* SPDX-License-Identifier: Apache-2.0 */
#include "quirks.h"
#include "scan.h"
#include "text.h"

#define BUSES 256
#define BUS_FUNCTIONS 256
#define FUNCTIONS 8 /* of a device, without ARI */

/* The virtual functions that one physical function has switched on. */
struct virtual_range {
	u32 physical; /* index */
	u32 first; /* requester IDs */
	u32 stride;
	u32 count;
	u16 device;
	bool supposed; /* in a snapshot, which need not have them */
	struct pci_bar bars[PCI_BARS]; /* of the first one; those of the others follow */
};

/*
 * One segment while it is looked through, in the order of requester IDs. A bridge may only lead to
 * a bus above its own, and to one that no other bridge leads to: so each bus comes once and after
 * the bridge above it, whatever the bridges say.
 */
struct scan {
	struct inventory *inventory;
	const struct pci_access *access;
	u16 segment;
	void (*wait)(u32 milliseconds);
	bool reachable[BUSES]; /* in a window */
	bool settled[BUSES]; /* first of a window, or a bridge leads there */
	u32 bridge[BUSES]; /* index of the bridge in whose range it is, or NONE */
	struct virtual_range *ranges;
	u32 range_count;
};

static bool answers(const struct scan *s, struct pci_address address) {
	return (u16)config_read(s->access, address, PCI_VENDOR_ID, 2) != 0xffff;
}

/* The same for virtual functions, which show no vendor. */
static bool answers_as_virtual(const struct scan *s, struct pci_address address) {
	return config_read(s->access, address, PCI_REVISION, 4) != PCI_ABSENT;
}

/* Takes note of where a bridge says that it leads to. */
static void follow_bridge(struct scan *s, u32 index) {
	const struct pci_function *f = &s->inventory->functions[index];
	u32 secondary = f->secondary_bus, subordinate = f->subordinate_bus;
	u32 above = s->bridge[f->address.bus];
	bool possible = secondary > f->address.bus && subordinate >= secondary &&
			s->reachable[secondary] && !s->settled[secondary];
	bool nested = true;

	if (!secondary && !subordinate)
		return; /* firmware did not number it */
	for (u32 bus = secondary; possible && bus <= subordinate; bus++) {
		bool free = s->bridge[bus] == above;

		nested &= free;
		if (bus == secondary || (free && !s->settled[bus]))
			s->bridge[bus] = index;
	}
	s->settled[secondary] |= possible;
	if (!possible || !nested)
		inventory_warn(s->inventory, "%s: bridge to buses 0x%02x-0x%02x: %s",
			       ADDRESS(f->address), secondary, subordinate,
			       possible ? "overlaps another, or reaches out of the one above"
					: "not followed");
}

static bool is_below_link(const struct scan *s, u8 bus) {
	u32 port = s->bridge[bus];

	return port != NONE && pcie_link_type(s->inventory->functions[port].pcie_type);
}

/* With ARI all 256 numbers are functions of one device. */
static bool uses_ari(const struct scan *s, const struct pci_function *f) {
	const struct pci_function *above;

	if (!f->ari || !is_below_link(s, f->address.bus))
		return false;
	above = &s->inventory->functions[s->bridge[f->address.bus]];
	return config_read(s->access, above->address, above->pcie + PCIE_DEVICE_CONTROL2, 2) &
	       PCIE_CONTROL2_ARI_FORWARDING;
}

/* The bridge above a physical function at bus OWN leads to all of RANGE, and no other does. */
static bool is_reached(const struct scan *s, u8 own, const struct virtual_range *range, bool ari) {
	bool one_device = is_below_link(s, own) && !ari;

	for (u32 i = 0; i < range->count; i++) {
		u32 id = range->first + i * range->stride, bus = id >> 8;

		if (bus == own ? one_device && id % BUS_FUNCTIONS >= FUNCTIONS
			       : bus >= BUSES || !s->reachable[bus] || s->settled[bus] ||
					 s->bridge[bus] == NONE || s->bridge[bus] != s->bridge[own])
			return false;
	}
	return true;
}

/* Switches RANGE on (in a snapshot nothing is); false: the request has a refusal. */
static bool start(const struct scan *s, const struct pci_function *f, struct sriov_request *request,
		  const struct virtual_range *range, bool ari) {
	u32 at = f->sriov + SRIOV_CONTROL, control = config_read(s->access, f->address, at, 2);

	if (!range->count || !is_reached(s, f->address.bus, range, ari))
		request->refusal = "the port above has no bus numbers, or no ARI, for them";
	for (u32 i = 0; i < PCI_BARS; i++)
		if (!range->bars[i].base && (range->bars[i].size || range->bars[i].is_64bit))
			request->refusal = "firmware has not placed their registers";
	if (!request->refusal && s->access->write) {
		config_write(s->access, f->address, at, 2,
			     control | SRIOV_VF_ENABLE | SRIOV_VF_MEMORY);
		s->wait(SRIOV_DELAY);
	}
	return !request->refusal;
}

/* Virtual functions answer with all ones as their vendor: they are found by arithmetic. */
static bool note_virtual(struct scan *s, u32 physical) {
	const struct pci_function *f = &s->inventory->functions[physical];
	struct sriov_request *request = sriov_request(s->inventory, f->address);
	bool ari = uses_ari(s, f);
	bool wanted = request && sriov_prepare(s->access, f, request, ari);
	bool supposed = wanted && !s->access->write;
	u32 at = f->sriov;
	u32 offset = config_read(s->access, f->address, at + SRIOV_OFFSET, 2);
	u32 count = config_read(s->access, f->address, at + SRIOV_NUM_VFS, 2);
	struct virtual_range range = {
		.physical = physical,
		.first = pci_requester_id(f->address) + offset,
		.stride = config_read(s->access, f->address, at + SRIOV_STRIDE, 2),
		.count = supposed ? request->count : count,
		.device = (u16)config_read(s->access, f->address, at + SRIOV_VF_DEVICE_ID, 2),
		.supposed = supposed,
	};
	bool on = config_read(s->access, f->address, at + SRIOV_CONTROL, 2) & SRIOV_VF_ENABLE;

	if (!offset || (!range.stride && range.count > 1))
		range.count = 0;
	range.stride = (u32)max_u64(range.stride, 1);
	if (wanted || on)
		bars_read_at(s->inventory, s->access, f, at + SRIOV_BAR0, PCI_BARS, range.bars,
			     at + SRIOV_CONTROL, SRIOV_VF_MEMORY);
	if (wanted ? !start(s, f, request, &range, ari) : !on)
		return true;
	s->ranges = arena_grow(s->inventory->arena, s->ranges, s->range_count, sizeof(range));
	if (s->ranges)
		s->ranges[s->range_count++] = range;
	return s->ranges;
}

/* The range that a requester ID belongs to; NULL: none. */
static const struct virtual_range *virtual_range(const struct scan *s, u32 id) {
	for (u32 i = 0; i < s->range_count; i++) {
		const struct virtual_range *r = &s->ranges[i];
		if (id >= r->first && (id - r->first) % r->stride == 0 &&
		    (id - r->first) / r->stride < r->count)
			return r;
	}
	return NULL;
}

static void read_header(const struct pci_access *access, struct pci_function *f) {
	u32 ids = config_read(access, f->address, PCI_VENDOR_ID, 4);
	u32 type = config_read(access, f->address, PCI_HEADER_TYPE, 1);
	u32 revision = config_read(access, f->address, PCI_REVISION, 4);
	u32 subsystem = config_read(access, f->address, PCI_SUBSYSTEM_VENDOR_ID, 4);

	f->vendor = (u16)ids;
	f->device = ids >> 16;
	f->revision = (u8)revision;
	f->class_code = revision >> 8;
	f->header_type = type & PCI_HEADER_MASK;
	f->multifunction = type & PCI_HEADER_MULTIFUNCTION;
	if (f->header_type == PCI_HEADER_ENDPOINT) {
		f->subsystem_vendor = (u16)subsystem;
		f->subsystem_device = subsystem >> 16;
		f->interrupt_pin = (u8)config_read(access, f->address, PCI_INTERRUPT_PIN, 1);
	} else {
		f->secondary_bus = (u8)config_read(access, f->address, PCI_SECONDARY_BUS, 1);
		f->subordinate_bus = (u8)config_read(access, f->address, PCI_SUBORDINATE_BUS, 1);
	}
}

/* Has the physical function's IDs and place, and its part of the common BARs. */
static void become_virtual(struct pci_function *f, const struct pci_function *physical,
			   const struct virtual_range *range) {
	f->physical = range->physical;
	f->parent = physical->parent;
	f->vendor = physical->vendor;
	f->device = range->device;
	f->header_type = PCI_HEADER_ENDPOINT; /* whatever it says: it leads nowhere */
	f->multifunction = false;
	for (u32 i = 0; i < PCI_BARS; i++) {
		f->bars[i] = range->bars[i];
		f->bars[i].base += (pci_requester_id(f->address) - range->first) / range->stride *
				   f->bars[i].size;
	}
}

/* Adds a function, a virtual one of RANGE if that is not NULL. False when the arena is full. */
static bool add(struct scan *s, struct pci_address address, const struct virtual_range *range) {
	struct inventory *inventory = s->inventory;
	u32 index = inventory->function_count;
	struct pci_function f = {.address = address,
				 .parent = s->bridge[address.bus],
				 .physical = NONE,
				 .group = NONE,
				 .unit = NONE,
				 .table_alias = pci_requester_id(address)};

	inventory->functions = arena_grow(inventory->arena, inventory->functions, index, sizeof(f));
	if (!inventory->functions)
		return false;
	if (range && !answers_as_virtual(s, address)) /* it would be much like the physical one */
		f.address = inventory->functions[range->physical].address;
	read_header(s->access, &f);
	capabilities_read(inventory, s->access, &f);
	if (pci_key(f.address) != pci_key(address))
		f.acs = f.sriov = 0;
	f.address = address;
	if (range)
		become_virtual(&f, &inventory->functions[range->physical], range);
	else
		bars_read(inventory, s->access, &f);
	inventory->functions[index] = f;
	inventory->function_count++;
	if (f.header_type == PCI_HEADER_BRIDGE || f.header_type == PCI_HEADER_CARDBUS)
		follow_bridge(s, index);
	return range || !f.sriov || note_virtual(s, index);
}

/* Buses that no bridge leads to are further root buses, unless they are in a bridge's range. */
static bool is_populated(const struct scan *s, u8 bus) {
	if (s->settled[bus])
		return true;
	for (u32 devfn = 0; devfn < BUS_FUNCTIONS; devfn += FUNCTIONS) {
		struct pci_address address = {s->segment, bus, (u8)devfn};

		if (!answers(s, address))
			continue;
		if (s->bridge[bus] != NONE)
			inventory_warn(s->inventory,
				       "bus %04x:%02x answers, but no bridge leads to it",
				       s->segment, bus);
		return true;
	}
	return false;
}

static bool scan_bus(struct scan *s, u8 bus) {
	bool populated = is_populated(s, bus);
	/* Some devices answer for numbers that they do not have. A snapshot has no such ghosts. */
	bool live = s->access->write;
	bool link = live && is_below_link(s, bus);
	bool ari = false, single = false;

	for (u32 devfn = 0; devfn < BUS_FUNCTIONS; devfn++) {
		struct pci_address address = {s->segment, bus, (u8)devfn};
		const struct virtual_range *range = virtual_range(s, pci_requester_id(address));
		bool first = devfn % FUNCTIONS == 0;
		bool ghost = !ari && ((link && devfn >= FUNCTIONS) || (single && !first));
		bool real = populated && !ghost && answers(s, address);

		if (first)
			single = false;
		if (!real && !(range && (range->supposed || answers_as_virtual(s, address))))
			continue;
		if (!add(s, address, real ? NULL : range))
			return false;
		const struct pci_function *f =
			&s->inventory->functions[s->inventory->function_count - 1];

		if (real && first)
			single = live && !f->multifunction;
		if (real && devfn == 0)
			ari = link && uses_ari(s, f);
	}
	return true;
}

/* The flag of a device is that of any of its functions, or having several. Virtual ones are none of them. */
static void settle_multifunction(struct inventory *inventory) {
	struct pci_function *last = NULL;

	for (u32 i = 0; i < inventory->function_count; i++) {
		struct pci_function *f = &inventory->functions[i];

		if (f->physical != NONE)
			continue;
		if (last && same_device(inventory, last, f))
			last->multifunction = f->multifunction = true;
		last = f;
	}
}

/* The lowest segment from FROM on; NONE after the last. Without any window there is segment 0. */
static u32 next_segment(const struct inventory *inventory, u32 from) {
	u32 lowest = inventory->window_count || from ? NONE : 0;

	for (u32 i = 0; i < inventory->window_count; i++)
		if (inventory->windows[i].segment >= from)
			lowest = (u32)min_u64(lowest, inventory->windows[i].segment);
	return lowest;
}

static bool scan_segment(struct scan *s) {
	const struct inventory *inventory = s->inventory;

	s->settled[0] = !inventory->window_count;
	for (u32 bus = 0; bus < BUSES; bus++) {
		s->bridge[bus] = NONE;
		s->reachable[bus] = !inventory->window_count;
	}
	for (u32 i = 0; i < inventory->window_count; i++) {
		const struct ecam_window *w = &inventory->windows[i];

		if (w->segment != s->segment)
			continue;
		s->settled[w->first_bus] = true;
		for (u32 bus = w->first_bus; bus <= w->last_bus; bus++)
			s->reachable[bus] = true;
	}
	for (u32 bus = 0; bus < BUSES; bus++)
		if (s->reachable[bus] && !scan_bus(s, (u8)bus))
			return false;
	return true;
}

bool pci_enumerate(struct inventory *inventory, const struct pci_access *access,
		   void (*wait)(u32 milliseconds)) {
	u32 segment = next_segment(inventory, 0);

	inventory->functions = NULL;
	inventory->function_count = 0;
	for (; segment != NONE; segment = next_segment(inventory, segment + 1)) {
		struct scan s = {.inventory = inventory,
				 .access = access,
				 .segment = (u16)segment,
				 .wait = wait};

		if (!scan_segment(&s))
			return false;
	}
	settle_multifunction(inventory);
	for (u32 i = 0; i < inventory->function_count; i++) {
		struct pci_function *f = &inventory->functions[i];

		quirks_find(inventory, f);
		if (f->acs)
			acs_read(access, f);
	}
	return true;
}
