/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "devices.h"
#include "reset.h"
#include <stdio.h>
#include <stdlib.h>

/*
 * A machine with three functions for virtual PCI: an NVMe-like one (MSI-X table beside other
 * registers), an e1000e-like one (MSI-X in a BAR of its own, MSI, a port BAR) and one with eight
 * MSI messages and BARs smaller than a page. It behaves as the registers say (resets, power states)
 * and stops the program when virtual PCI does what no guest may make it do.
 */

#define MODEL_CHECK(condition)                                                                     \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

enum { MODEL_NVME, MODEL_NIC, MODEL_MSI, MODEL_FUNCTIONS };
enum { NVME_TABLE = 0x2000, NVME_PENDING = 0x3000, NVME_VECTORS = 65, NIC_VECTORS = 5 };

#define MODEL_RAM_END (512 * MIB)
#define MODEL_ECAM 0xe0000000ull
#define MODEL_MAPPINGS 64
#define MODEL_BAR_BYTES 0x4000 /* kept of each BAR; what lies above shows them again */
#define MODEL_MESSAGE 0xfee00010u /* | function << 5 */
#define MODEL_APIC_IDS 4 /* the partition's processors */

struct model_function {
	u8 config[4096];
	u8 writable[4096];
	u8 clears[4096];
	u8 *registers[PCI_BARS];
	struct interrupt_target targets[128];
	bool routed[128];
	u64 away_until; /* of struct model's clock */
	u64 quiet_until; /* nobody may look at it before, PCI Express 5.0 section 6.6.2 */
};

struct model_mapping {
	u64 guest, host, length;
};

struct model {
	struct inventory inventory;
	struct pci_function infos[MODEL_FUNCTIONS];
	struct model_function functions[MODEL_FUNCTIONS];
	struct model_mapping mappings[MODEL_MAPPINGS];
	u32 mapping_count;
	struct pci_access config;
	struct vpci vpci;
	struct arena arena;
	u32 resets;
	u64 waited;
	u64 reset_time; /* milliseconds for which a function does not answer after its reset */
	u32 mappings_max;
	bool pins[MODEL_FUNCTIONS]; /* may be asserted */
	bool bars_stick; /* after a reset BARs do not take values */
	u8 memory[256 * 1024];
};

static inline u32 model_get(const struct model_function *f, u32 offset, u32 width) {
	u32 value = 0;

	for (u32 i = 0; i < width; i++)
		value |= (u32)f->config[offset + i] << 8 * i;
	return value;
}

static inline void model_put(struct model_function *f, u32 offset, u32 width, u32 value) {
	for (u32 i = 0; i < width; i++)
		f->config[offset + i] = (u8)(value >> 8 * i);
}

/* WIDTH bytes with VALUE; MASK tells which bits can be written. */
static inline void model_register(struct model_function *f, u32 offset, u32 width, u32 value,
				  u32 mask) {
	model_put(f, offset, width, value);
	for (u32 i = 0; i < width; i++)
		f->writable[offset + i] = (u8)(mask >> 8 * i);
}

static inline u64 model_table(const struct model *m, u32 function, u32 *bar) {
	const struct pci_function *info = &m->infos[function];

	*bar = function == MODEL_NVME ? 0 : 3;
	return info->bars[*bar].base + (function == MODEL_NVME ? NVME_TABLE : 0);
}

static inline u32 model_vectors(u32 function) {
	return function == MODEL_NVME ? NVME_VECTORS : function == MODEL_NIC ? NIC_VECTORS : 0;
}

/* Word WORD of entry INDEX of the real MSI-X table. */
static inline u32 *model_entry(struct model *m, u32 function, u32 index, u32 word) {
	u32 bar;
	u64 table = model_table(m, function, &bar) - m->infos[function].bars[bar].base;

	return (u32 *)(m->functions[function].registers[bar] + table + index * 16 + word * 4);
}

/* What a function level reset or a change from D3hot to D0 leaves. */
static inline void model_lose(struct model *m, u32 function) {
	struct model_function *f = &m->functions[function];
	const struct pci_function *info = &m->infos[function];

	model_put(f, 0x04, 2, 0);
	for (u32 i = 0; i < PCI_BARS; i++)
		model_put(f, 0x10 + i * 4, 4, model_get(f, 0x10 + i * 4, 4) & 0xf);
	if (info->msi)
		model_put(f, info->msi + 2, 2, model_get(f, info->msi + 2, 2) & 0xff8e);
	if (info->msix)
		model_put(f, info->msix + 2, 2, model_get(f, info->msix + 2, 2) & 0x3fff);
	for (u32 i = 0; i < model_vectors(function); i++) {
		for (u32 w = 0; w < 3; w++)
			*model_entry(m, function, i, w) = 0;
		*model_entry(m, function, i, 3) = 1;
	}
	if (info->pcie)
		model_put(f, info->pcie + 8, 2, 0x2810);
	if (info->acs)
		model_put(f, info->acs + 6, 2, 0);
	for (u32 i = 8; info->sriov && i < 0x3c; i += 4)
		if (i == 8 || i == 0x10 || i >= 0x20)
			model_put(f, info->sriov + i, 2, 0);
	if (info->pm)
		model_put(f, info->pm + 4, 1, model_get(f, info->pm + 4, 1) & ~3u);
	for (u32 i = 0; m->bars_stick && i < 0x18; i++)
		f->writable[0x10 + i] = 0;
	m->resets++;
}

/* A virtual function's registers are decoded as its physical function has it. */
static inline bool model_decodes(const struct model *m, u32 function) {
	return m->infos[function].physical != NONE || model_get(&m->functions[function], 4, 2) & 2;
}

/* As it is in hardware: no identity, no BARs and no memory decoding of its own. */
static inline void model_become_virtual(struct model *m, u32 function, u32 physical) {
	struct model_function *f = &m->functions[function];

	m->infos[function].physical = physical;
	model_put(f, 0x00, 4, UINT32_MAX);
	model_register(f, 0x04, 2, 0, 0x0004);
	for (u32 i = 0x10; i < 0x34; i += 4)
		model_register(f, i, 4, 0, 0);
	model_put(f, 0x3c, 4, 0);
}

static inline u32 model_find(struct model *m, struct pci_address address) {
	return inventory_find(&m->inventory, address);
}

static inline bool model_is_away(const struct model *m, u32 function) {
	return m->waited < m->functions[function].away_until;
}

/* In D3hot registers are out of reach. */
static inline bool model_is_asleep(const struct model *m, u32 function) {
	u16 pm = m->infos[function].pm;

	return pm && model_get(&m->functions[function], pm + 4u, 1) & 3;
}

static u32 model_read(const struct pci_access *access, struct pci_address address, u16 offset,
		      u8 width) {
	struct model *m = access->context;
	u32 function = model_find(m, address);

	MODEL_CHECK(width == 1 || width == 2 || width == 4);
	MODEL_CHECK(IS_ALIGNED(offset, width) && offset < 4096);
	MODEL_CHECK(function == NONE || m->waited >= m->functions[function].quiet_until);
	if (function == NONE || model_is_away(m, function))
		return (u32)(BIT(8 * width) - 1);
	return model_get(&m->functions[function], offset, width);
}

static void model_write(const struct pci_access *access, struct pci_address address, u16 offset,
			u8 width, u32 value) {
	struct model *m = access->context;
	u32 function = model_find(m, address);
	struct model_function *f = &m->functions[function];

	MODEL_CHECK(function != NONE && m->waited >= f->quiet_until);
	MODEL_CHECK(width == 1 || width == 2 || width == 4);
	MODEL_CHECK(IS_ALIGNED(offset, width) && offset < 4096);
	const struct pci_function *info = &m->infos[function];
	u32 state = info->pm ? model_get(f, info->pm + 4, 1) : 0;

	if (model_is_away(m, function))
		return;
	for (u32 i = 0; i < width; i++) {
		u8 byte = (u8)(value >> 8 * i), old = f->config[offset + i];
		u8 mask = f->writable[offset + i];

		f->config[offset + i] =
			(u8)(((old & ~mask) | (byte & mask)) & ~(byte & f->clears[offset + i]));
	}
	if (info->pm && (state & 0xb) == 3 && !(model_get(f, info->pm + 4, 1) & 3))
		model_lose(m, function);
	bool flr = info->pcie && offset == info->pcie + 8 && value & BIT(15) &&
		   info->device_capabilities & BIT(28);

	if (flr || (info->af && offset == info->af + 4 && value & 1)) {
		model_lose(m, function);
		f->away_until = m->waited + m->reset_time;
		f->quiet_until = m->waited + 100;
	}
}

static u64 *model_clock;

u64 vpci_milliseconds(void) {
	return *model_clock;
}

static inline struct model *model_of(struct vpci *vpci) {
	return container_of(vpci, struct model, vpci);
}

bool vpci_map(struct vpci *vpci, u64 guest, u64 host, u64 length) {
	struct model *m = model_of(vpci);
	bool inside = false;

	MODEL_CHECK(IS_ALIGNED(guest | host | length, PAGE_SIZE));
	if (!length)
		return true;
	MODEL_CHECK(guest + length <= BIT(46));
	MODEL_CHECK(guest >= 0xfef00000 || guest + length <= 0xfec00000);
	MODEL_CHECK(guest >= MODEL_ECAM + MIB || guest + length <= MODEL_ECAM);
	for (u32 f = 0; f < MODEL_FUNCTIONS; f++) {
		for (u32 b = 0; b < PCI_BARS; b++) {
			const struct pci_bar *bar = &m->infos[f].bars[b];

			if (!bar->io && bar->size && host >= bar->base &&
			    host + length <= bar->base + bar->size) {
				inside = true;
				MODEL_CHECK(model_decodes(m, f));
			}
		}
		u32 bar;
		u64 table = model_table(m, f, &bar);

		if (model_vectors(f))
			MODEL_CHECK(host >= ALIGN_UP(table + model_vectors(f) * 16u, PAGE_SIZE) ||
				    host + length <= table);
	}
	MODEL_CHECK(inside);
	for (u32 i = 0; i < m->mapping_count; i++)
		if (guest < m->mappings[i].guest + m->mappings[i].length &&
		    guest + length > m->mappings[i].guest)
			return false;
	if (guest < MODEL_RAM_END || m->mapping_count >= m->mappings_max)
		return false;
	m->mappings[m->mapping_count++] = (struct model_mapping){guest, host, length};
	return true;
}

void vpci_unmap(struct vpci *vpci, u64 guest, u64 length) {
	struct model *m = model_of(vpci);

	for (u32 i = 0; i < m->mapping_count; i++) {
		if (m->mappings[i].guest != guest || m->mappings[i].length != length)
			continue;
		m->mappings[i] = m->mappings[--m->mapping_count];
		return;
	}
	MODEL_CHECK(!length && "unmapped what was not mapped");
}

/* Host address that the guest reaches without exit at GUEST; 0: none. */
static inline u64 model_mapped(const struct model *m, u64 guest) {
	for (u32 i = 0; i < m->mapping_count; i++)
		if (guest - m->mappings[i].guest < m->mappings[i].length)
			return m->mappings[i].host + guest - m->mappings[i].guest;
	return 0;
}

/* The hypervisor reaches BARs that are smaller than a page or hold an MSI-X table, and nothing else. */
static inline u8 *model_registers(struct model *m, u64 host, u8 width, u32 *function) {
	MODEL_CHECK(width == 1 || width == 2 || width == 4 || width == 8);
	MODEL_CHECK(IS_ALIGNED(host, width));
	for (u32 f = 0; f < MODEL_FUNCTIONS; f++)
		for (u32 b = 0; b < PCI_BARS; b++) {
			const struct pci_bar *bar = &m->infos[f].bars[b];
			u32 table;

			if (!bar->size || bar->io || host - bar->base >= bar->size)
				continue;
			model_table(m, f, &table);
			MODEL_CHECK(bar->size < PAGE_SIZE || (model_vectors(f) && b == table));
			MODEL_CHECK(vpci_is_trapped(&m->vpci.functions[f], b));
			MODEL_CHECK(model_decodes(m, f));
			*function = f;
			return &m->functions[f].registers[b][(host - bar->base) % MODEL_BAR_BYTES];
		}
	MODEL_CHECK(!"outside every BAR");
	return NULL;
}

void vpci_registers(const struct vpci_function *f, u64 host, u8 width, bool write, u64 *value) {
	struct model *m = model_of(f->vpci);
	u32 function;
	u8 *registers = model_registers(m, host, width, &function);
	bool asleep = model_is_asleep(m, function);

	if (write && !asleep)
		memcpy(registers, value, width);
	if (write)
		return;
	*value = 0;
	memcpy(value, asleep ? &(u64){UINT64_MAX} : (void *)registers, width);
}

bool vpci_interrupt_route(const struct vpci_function *f, u32 index, u64 address, u32 data) {
	struct model_function *to = &model_of(f->vpci)->functions[f->function];
	struct interrupt_target target = {.apic_id = (u32)(address >> 12 & 0xff),
					  .vector = (u8)data};

	MODEL_CHECK(index < f->entry_count);
	to->routed[index] =
		address >> 20 == 0xfee && target.apic_id < MODEL_APIC_IDS && target.vector >= 16;
	if (to->routed[index])
		to->targets[index] = target;
	return to->routed[index];
}

void vpci_interrupt_block(const struct vpci_function *f, u32 index) {
	MODEL_CHECK(index < f->entry_count);
	model_of(f->vpci)->functions[f->function].routed[index] = false;
}

struct msi_message vpci_interrupt_message(const struct vpci_function *f, u32 index) {
	return (struct msi_message){MODEL_MESSAGE | f->function << 5, 0xc00 + index};
}

static inline void model_bar(struct model *m, u32 function, u32 index, u64 base, u64 size,
			     u32 flags) {
	struct model_function *f = &m->functions[function];

	m->infos[function].bars[index] = (struct pci_bar){.base = base,
							  .size = size,
							  .io = flags & 1,
							  .is_64bit = (flags & 7) == 4,
							  .prefetchable = (flags & 9) == 8};
	model_register(f, 0x10 + index * 4, 4, (u32)base | flags, ~(u32)(size - 1) & ~0xfu);
	if ((flags & 7) == 4)
		model_register(f, 0x14 + index * 4, 4, (u32)(base >> 32), UINT32_MAX);
	f->registers[index] = malloc(MODEL_BAR_BYTES);
	for (u32 i = 0; i < MODEL_BAR_BYTES; i++)
		f->registers[index][i] = (u8)(i ^ i >> 8);
}

static inline void model_header(struct model *m, u32 function, u8 bus, u32 id, u32 class_code) {
	struct model_function *f = &m->functions[function];
	struct pci_function *info = &m->infos[function];

	*info = (struct pci_function){.address = {0, bus, 0},
				      .vendor = (u16)id,
				      .device = (u16)(id >> 16),
				      .class_code = class_code,
				      .pcie_type = PCIE_NONE,
				      .config_size = 4096,
				      .parent = NONE,
				      .physical = NONE};
	model_put(f, 0x00, 4, id);
	model_register(f, 0x04, 2, 0x0007, 0x0577);
	model_put(f, 0x06, 2, 0x0018);
	f->clears[0x07] = 0xf9;
	model_put(f, 0x08, 4, class_code << 8 | 2);
	model_register(f, 0x0c, 4, 0x00800010, 0xff);
	model_put(f, 0x2c, 4, 0x11001af4);
	model_register(f, 0x30, 4, 0xfff00001, 0xfffff801);
	model_register(f, 0x3c, 4, 0x0000010b, 0xff);
}

static inline void model_pcie(struct model *m, u32 function, u32 offset, u32 next, u32 version) {
	struct model_function *f = &m->functions[function];
	struct pci_function *info = &m->infos[function];

	info->pcie = (u16)offset;
	info->pcie_type = PCIE_ENDPOINT;
	info->device_capabilities = (u32)BIT(28) | 0x18 | 0x8000;
	model_put(f, offset, 4, 0x10 | next << 8 | (version | 0x100) << 16);
	model_put(f, offset + 4, 4, info->device_capabilities);
	model_register(f, offset + 8, 4, 0x00112910, 0x7fff);
	f->clears[offset + 10] = 0xf;
	for (u32 i = 0xc; i < (version == 1 ? 0x14u : 0x3cu); i += 4)
		model_register(f, offset + i, 4, 0x11223344, 0xffff);
}

static inline void model_nvme(struct model *m) {
	struct model_function *f = &m->functions[MODEL_NVME];
	struct pci_function *info = &m->infos[MODEL_NVME];

	model_header(m, MODEL_NVME, 1, 0x00101b36, 0x010802);
	model_bar(m, MODEL_NVME, 0, 0x380000000000, 0x4000, 0x4);
	model_put(f, 0x34, 1, 0x40);
	info->pm = 0x60;
	info->msix = 0x40;
	info->ats = 0x150;
	info->acs = 0x180;
	info->acs_control = 0x5d;
	model_register(f, 0x40, 4, 0x11 | 0x80 << 8 | (NVME_VECTORS - 1) << 16, 0xc0000000);
	model_put(f, 0x44, 4, NVME_TABLE);
	model_put(f, 0x48, 4, NVME_PENDING);
	model_put(f, 0x60, 4, 0x01 | 0xfe43u << 16);
	model_register(f, 0x64, 4, 0x0100, 0x0103);
	model_pcie(m, MODEL_NVME, 0x80, 0x60, 2);
	/* AER, ATS (hidden), ACS (hidden), serial number */
	model_put(f, 0x100, 4, 0x15020001);
	model_put(f, 0x104, 4, 0x00100000);
	f->clears[0x106] = 0x1f;
	model_register(f, 0x108, 4, 0x00400000, UINT32_MAX);
	model_put(f, 0x150, 4, 0x1801000f);
	model_register(f, 0x154, 4, 0x00000020, 0x801f0000);
	model_put(f, 0x180, 4, 0x1a01000d);
	model_register(f, 0x184, 4, 0x0000001d, 0x007f0000);
	model_put(f, 0x186, 2, info->acs_control);
	model_put(f, 0x1a0, 4, 0x00010003);
	model_put(f, 0x1a4, 4, 0x12345678);
}

static inline void model_nic(struct model *m) {
	struct model_function *f = &m->functions[MODEL_NIC];
	struct pci_function *info = &m->infos[MODEL_NIC];

	model_header(m, MODEL_NIC, 2, 0x10d38086, 0x020000);
	model_bar(m, MODEL_NIC, 0, 0xfd000000, 0x20000, 0);
	model_bar(m, MODEL_NIC, 1, 0xfd020000, 0x20000, 8);
	model_bar(m, MODEL_NIC, 2, 0xc000, 0x20, 1);
	model_bar(m, MODEL_NIC, 3, 0xfd040000, 0x4000, 0);
	model_put(f, 0x34, 1, 0xc8);
	info->pm = 0xc8;
	info->msi = 0xd0;
	info->msix = 0xa0;
	model_put(f, 0xc8, 4, 0x01 | 0xd0 << 8 | 0x0022u << 16);
	model_register(f, 0xcc, 4, 0, 0x8103);
	model_register(f, 0xd0, 4, 0x05 | 0xe0 << 8 | 0x0080u << 16, 0x00710000);
	for (u32 i = 4; i < 16; i += 4)
		model_register(f, 0xd0 + i, 4, 0, UINT32_MAX);
	model_pcie(m, MODEL_NIC, 0xe0, 0xa0, 1);
	info->device_capabilities &= ~(u32)BIT(28);
	model_put(f, 0xe4, 4, info->device_capabilities);
	model_register(f, 0xa0, 4, 0x11 | (NIC_VECTORS - 1) << 16, 0xc0000000);
	model_put(f, 0xa4, 4, 3);
	model_put(f, 0xa8, 4, 0x2000 | 3);
}

static inline void model_msi(struct model *m) {
	struct model_function *f = &m->functions[MODEL_MSI];
	struct pci_function *info = &m->infos[MODEL_MSI];

	model_header(m, MODEL_MSI, 3, 0x56781234, 0x118000);
	model_bar(m, MODEL_MSI, 0, 0xfc000000, 0x100, 0);
	model_bar(m, MODEL_MSI, 1, 0xfc000100, 0x100, 0);
	model_bar(m, MODEL_MSI, 2, 0xfc002000, 0x800, 0);
	/* vital product data (hidden), MSI, advanced features, vendor specific that leads back */
	model_put(f, 0x34, 1, 0x40);
	model_register(f, 0x40, 4, 0x03 | 0x50 << 8 | 0x1234u << 16, 0xffff0000);
	model_register(f, 0x44, 4, 0x55aa55aa, UINT32_MAX);
	info->msi = 0x50;
	model_register(f, 0x50, 4, 0x05 | 0x70 << 8 | 0x0186u << 16, 0x00710000);
	for (u32 i = 4; i < 20; i += 4)
		model_register(f, 0x50 + i, 4, 0, UINT32_MAX);
	model_put(f, 0x64, 4, 0x5a);
	info->af = 0x70;
	model_put(f, 0x70, 4, 0x13 | 0x80 << 8 | 0x0306u << 16);
	model_register(f, 0x80, 4, 0x09 | 0x40 << 8 | 0x0cu << 16, 0xff000000);
	model_register(f, 0x84, 4, 0xabcd, UINT32_MAX);
	/* latency tolerance (hidden) first, then vendor specific */
	model_put(f, 0x100, 4, 0x12010018);
	model_register(f, 0x104, 4, 0x10011001, UINT32_MAX);
	model_put(f, 0x120, 4, 0x0001000b);
	model_put(f, 0x124, 4, 0x01000042);
	model_register(f, 0x128, 4, 0xfeedf00d, UINT32_MAX);
}

static inline void model_init(struct model *m) {
	static const u32 functions[] = {MODEL_NVME, MODEL_NIC, MODEL_MSI};

	memset(m, 0, sizeof(*m));
	m->waited = 1;
	model_clock = &m->waited;
	m->mappings_max = MODEL_MAPPINGS;
	m->arena = (struct arena){m->memory, sizeof(m->memory), 0};
	m->inventory = (struct inventory){.functions = m->infos, .function_count = MODEL_FUNCTIONS};
	model_nvme(m);
	model_nic(m);
	model_msi(m);
	for (u32 f = 0; f < MODEL_FUNCTIONS; f++)
		for (u32 i = 0; i < model_vectors(f); i++) {
			for (u32 w = 0; w < 3; w++)
				*model_entry(m, f, i, w) = 0;
			*model_entry(m, f, i, 3) = 1;
		}
	m->config = (struct pci_access){.read = model_read, .write = model_write, .context = m};
	MODEL_CHECK(vpci_init(&m->vpci, &m->config, &m->inventory, functions, ARRAY_SIZE(functions),
			      MODEL_ECAM, &m->arena));
	vpci_reset(&m->vpci);
}

static inline void model_free(struct model *m) {
	for (u32 f = 0; f < MODEL_FUNCTIONS; f++)
		for (u32 b = 0; b < PCI_BARS; b++)
			free(m->functions[f].registers[b]);
}

static inline bool model_target_is_valid(const struct interrupt_target *target) {
	return target->apic_id < MODEL_APIC_IDS && target->vector >= 16;
}

/* What must hold after every access of a guest. */
static inline void model_check(struct model *m) {
	for (u32 i = 0; i < MODEL_FUNCTIONS; i++) {
		struct model_function *f = &m->functions[i];
		const struct pci_function *info = &m->infos[i];
		u32 message = MODEL_MESSAGE | i << 5;

		if (model_is_away(m, i) || m->vpci.functions[i].back_at) {
			MODEL_CHECK(!(model_get(f, 4, 2) & 7));
			for (u32 v = 0; v < ARRAY_SIZE(f->routed); v++)
				MODEL_CHECK(!f->routed[v]);
			continue;
		}
		/* a virtual function has neither port decoding, nor an INTx to switch off, nor BARs */
		MODEL_CHECK(i == MODEL_NIC || !(model_get(f, 4, 2) & 0x0001));
		MODEL_CHECK(m->pins[i] ||
			    (model_get(f, 4, 2) & 0x0400) == (info->physical == NONE ? 0x0400 : 0));
		for (u32 b = 0; b < PCI_BARS && info->physical == NONE; b++)
			if (info->bars[b].size &&
			    (!info->bars[b].io || info->bars[b].base == 0xc000))
				MODEL_CHECK((model_get(f, 0x10 + b * 4, 4) & ~0xfu) ==
					    (u32)info->bars[b].base);
		if (info->ats)
			MODEL_CHECK(!(model_get(f, info->ats + 6, 2) & BIT(15)));
		if (info->acs)
			MODEL_CHECK(model_get(f, info->acs + 6, 2) == info->acs_control);
		if (info->pcie)
			MODEL_CHECK(!(model_get(f, info->pcie + 8, 2) & BIT(9)));
		if (info->msi && model_get(f, info->msi + 2, 2) & 1) {
			MODEL_CHECK(model_get(f, info->msi + 4, 4) == message);
			MODEL_CHECK(model_get(f, info->msi + 12, 2) == 0xc00);
			u32 order = model_get(f, info->msi + 2, 2) >> 4 & 7;

			MODEL_CHECK(i != MODEL_MSI || order <= 3);
			for (u32 v = 0; i == MODEL_MSI && v < 8; v++)
				MODEL_CHECK(v < 1u << order && !(model_get(f, 0x60, 4) >> v & 1)
						    ? f->routed[v]
						    : v < 1u << order || !f->routed[v]);
		}
		for (u32 v = 0; v < model_vectors(i) && !model_is_asleep(m, i); v++) {
			u32 address = *model_entry(m, i, v, 0), data = *model_entry(m, i, v, 2);

			MODEL_CHECK(*model_entry(m, i, v, 1) == 0);
			MODEL_CHECK((!address && !data) ||
				    (address == message && data == 0xc00 + v));
			if (*model_entry(m, i, v, 3) & 1 ||
			    !(model_get(f, info->msix + 2, 2) & BIT(15)))
				continue;
			MODEL_CHECK(address == message && f->routed[v]);
		}
		for (u32 v = 0; v < ARRAY_SIZE(f->routed); v++)
			MODEL_CHECK(!f->routed[v] || model_target_is_valid(&f->targets[v]));
	}
}

/* Addresses that bytes choose from: the interesting places, and anything. */
static inline u64 model_guest_address(const struct model *m, u8 place, u32 low) {
	const struct vpci_function *f = &m->vpci.functions[place % MODEL_FUNCTIONS];
	const struct vpci_bar *bar = &f->bars[place / MODEL_FUNCTIONS % PCI_BARS];

	switch (place >> 5) {
	case 0: return MODEL_ECAM + low % (2 * MIB);
	case 1: return (u64)low << (place & 31);
	case 2: return bar->guest + bar->size - 8 + low % 16;
	case 3: return bar->guest + NVME_TABLE + low % 0x500;
	default: return bar->guest + low % (bar->size + 1);
	}
}

static inline void model_start_again(struct model *m) {
	while (vpci_is_away(&m->vpci))
		m->waited++;
	vpci_reset(&m->vpci);
}

/* One access of the guest for each 8 bytes. */
static inline void model_run(struct model *m, const u8 *bytes, size_t count) {
	for (; count >= 8; bytes += 8, count -= 8) {
		u8 operation = bytes[0], place = bytes[1];
		u16 offset = (u16)(bytes[2] | bytes[3] << 8);
		u32 value;
		u64 wide;

		memcpy(&value, bytes + 4, 4);
		switch (operation & 7) {
		case 0: vpci_config_read(&m->vpci, 0, place, offset, operation >> 3); break;
		case 1:
			vpci_config_write(&m->vpci, place == 0xff, PCI_DEVFN(place & 3, place >> 7),
					  offset & 0x1fff, 1 << (operation >> 3 & 3), value);
			break;
		case 2: /* the registers where most happens */
			vpci_config_write(&m->vpci, 0, PCI_DEVFN(place % 3 + 1, 0), offset & 0xff,
					  1 << (operation >> 3) % 3, value);
			break;
		case 3:
			vpci_port(&m->vpci, 0xcf8 + (place & 7), operation >> 3, true, &value);
			break;
		case 4: vpci_port(&m->vpci, offset, operation >> 3, false, &value); break;
		case 5:
			vpci_mmio(&m->vpci, model_guest_address(m, place, value), operation >> 3,
				  false, &wide);
			break;
		case 6:
			wide = offset & 1 ? 0xfee00000 + ((u64)offset << 12) + ((u64)value << 32)
					  : (u64)value << 32 | offset;
			vpci_mmio(&m->vpci, model_guest_address(m, place, value),
				  operation & BIT(7) ? operation >> 3 : 1 << (operation >> 3 & 3),
				  true, &(u64){wide});
			break;
		default:
			if (place == 0)
				model_start_again(m);
			else if (place < 8)
				m->waited += offset % 256;
			else /* memory decode and bus mastering */
				vpci_config_write(&m->vpci, 0, PCI_DEVFN(place % 3 + 1, 0), 4, 2,
						  offset & 6);
		}
		model_check(m);
	}
}
