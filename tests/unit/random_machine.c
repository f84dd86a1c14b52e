/* SPDX-License-Identifier: Apache-2.0 */
#include "random_machine.h"
#include "../../pci/quirks.h"
#include "pci_registers.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REQUIRED 0x1d
#define DEPTH 6

enum bus_kind { ROOT, LINK, SWITCH, CONVENTIONAL };

u32 random_below(struct random_machine *m, u32 count) {
	return (u32)rand_r(&m->seed) % count;
}

static bool one_in(struct random_machine *m, u32 count) {
	return random_below(m, count) == 0;
}

static struct pci_function *add(struct random_machine *m, u32 parent, u8 bus, u32 devfn, u8 type) {
	u32 index = m->inventory.function_count++;
	struct pci_function *f = &m->functions[index];

	assert_true(index < RANDOM_FUNCTIONS);
	*f = (struct pci_function){.address = {0, bus, (u8)devfn},
				   .class_code = 0x020000,
				   .parent = parent,
				   .physical = NONE,
				   .group = NONE,
				   .unit = NONE,
				   .pcie_type = type};
	f->table_alias = pci_requester_id(f->address);
	return f;
}

static void random_acs(struct random_machine *m, struct pci_function *f) {
	u32 kind = random_below(m, 8);

	if (f->pcie_type == PCIE_NONE || kind < 3)
		return;
	f->acs = PCI_EXTENDED_FIRST;
	f->acs_capability = kind == 3 ? 0 : REQUIRED;
	f->acs_control = f->acs_capability;
	if (kind == 4)
		f->acs_control &= ~(u32)ACS_REQUEST_REDIRECT;
}

static void random_quirks(struct random_machine *m, struct pci_function *f) {
	static const u32 choice[] = {QUIRK_ISOLATES, QUIRK_OPEN, QUIRK_ALIAS_FUNCTION_0,
				     QUIRK_ALIAS_FUNCTION_1, QUIRK_ALIAS_DEVICE_1};

	if (one_in(m, 24))
		f->quirks = choice[random_below(m, ARRAY_SIZE(choice))];
	if (f->pcie_type == PCIE_TO_PCI_BRIDGE && one_in(m, 6))
		f->quirks = QUIRK_KEEPS_IDS;
	if (f->header_type == 0 && one_in(m, 40))
		f->table_alias = (u16)(f->address.bus << 8 | random_below(m, 32));
}

static u8 random_type(struct random_machine *m, enum bus_kind kind) {
	static const u8 root[] = {PCIE_ROOT_PORT,   PCIE_ROOT_PORT, PCIE_ROOT_PORT,
				  PCIE_RC_ENDPOINT, PCIE_NONE,      PCIE_RC_EVENT_COLLECTOR};
	static const u8 link[] = {PCIE_ENDPOINT, PCIE_ENDPOINT, PCIE_LEGACY_ENDPOINT,
				  PCIE_UPSTREAM_PORT, PCIE_TO_PCI_BRIDGE};

	switch (kind) {
	case ROOT: return root[random_below(m, ARRAY_SIZE(root))];
	case LINK: return link[random_below(m, ARRAY_SIZE(link))];
	case SWITCH: return one_in(m, 12) ? PCIE_ENDPOINT : PCIE_DOWNSTREAM_PORT;
	default: return one_in(m, 8) ? PCI_TO_PCIE_BRIDGE : PCIE_NONE;
	}
}

static bool random_bridge(struct random_machine *m, u8 type) {
	switch (type) {
	case PCIE_ROOT_PORT:
	case PCIE_UPSTREAM_PORT:
	case PCIE_DOWNSTREAM_PORT:
	case PCIE_TO_PCI_BRIDGE:
	case PCI_TO_PCIE_BRIDGE: return true;
	case PCIE_NONE: return one_in(m, 5);
	default: return false;
	}
}

static void add_virtual(struct random_machine *m, u32 physical) {
	const struct pci_function *pf = &m->functions[physical];

	for (u32 i = 0, count = 1 + random_below(m, 3); i < count; i++) {
		struct pci_function *vf =
			add(m, pf->parent, pf->address.bus, 0x80 + i, PCIE_ENDPOINT);

		vf->physical = physical;
		random_acs(m, vf);
	}
}

static void fill_bus(struct random_machine *m, u8 bus, u32 parent, enum bus_kind kind, u32 depth) {
	u32 first = m->inventory.function_count;
	u32 devices = kind == LINK   ? 1
		      : kind == ROOT ? 4 + random_below(m, 5)
				     : 1 + random_below(m, 4);

	for (u32 device = 0; device < devices; device++) {
		u32 count = one_in(m, 3) ? 1 + random_below(m, 4) : 1;
		u32 start = m->inventory.function_count;

		for (u32 i = 0; i < count; i++) {
			u8 type = random_type(m, kind);
			struct pci_function *f;

			if (m->inventory.function_count >= m->limit || depth == DEPTH)
				type = kind == CONVENTIONAL ? PCIE_NONE : PCIE_ENDPOINT;
			f = add(m, parent, bus, device << 3 | i, type);
			f->multifunction = count > 1;
			if (m->inventory.function_count < m->limit && depth < DEPTH &&
			    random_bridge(m, type)) {
				f->header_type = PCI_HEADER_BRIDGE;
				f->class_code = 0x060400;
				f->bars[0].base = one_in(m, 2) ? 0xfe000000 : 0;
			}
			random_acs(m, f);
			random_quirks(m, f);
		}
		if (kind == LINK && one_in(m, 4) && !m->functions[start].header_type)
			add_virtual(m, start);
	}
	for (u32 f = first, last = m->inventory.function_count; f < last; f++) {
		static const enum bus_kind below[] = {
			[PCIE_ROOT_PORT] = LINK,       [PCIE_DOWNSTREAM_PORT] = LINK,
			[PCIE_UPSTREAM_PORT] = SWITCH, [PCIE_TO_PCI_BRIDGE] = CONVENTIONAL,
			[PCI_TO_PCIE_BRIDGE] = LINK,
		};
		struct pci_function *bridge = &m->functions[f];

		if (!bridge->header_type || one_in(m, 10))
			continue;
		bridge->secondary_bus = (u8)++m->next_bus;
		fill_bus(m, bridge->secondary_bus, f,
			 bridge->pcie_type == PCIE_NONE ? CONVENTIONAL : below[bridge->pcie_type],
			 depth + 1);
		bridge->subordinate_bus = (u8)m->next_bus;
	}
}

struct random_machine *random_machine_new(void) {
	struct random_machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->arena.base = malloc(RANDOM_ARENA);
	m->arena.size = RANDOM_ARENA;
	assert_non_null(m->arena.base);
	return m;
}

void random_machine_free(struct random_machine *m) {
	free(m->arena.base);
	free(m);
}

void random_machine_make(struct random_machine *m, unsigned int seed, u32 size) {
	m->arena.used = 0;
	m->seed = seed;
	m->limit = size;
	m->next_bus = 0;
	m->inventory = (struct inventory){
		.arena = &m->arena, .functions = m->functions, .regions = m->regions};
	fill_bus(m, 0, NONE, ROOT, 0);
	for (u32 i = 0; one_in(m, 3) && i < RANDOM_REGIONS; i++) {
		u64 base = PAGE_SIZE * random_below(m, 64);

		m->regions[m->inventory.region_count++] = (struct reserved_region){
			.base = base,
			.limit = base + PAGE_SIZE * (1 + random_below(m, 8)) - 1,
			.function = random_below(m, m->inventory.function_count)};
	}
}
