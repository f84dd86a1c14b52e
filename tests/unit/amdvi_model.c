/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the first four */
#include <cmocka.h>

#include "amdvi_model.h"
#include "unit_memory.h"

enum {
	TABLE = 0x0,
	COMMANDS = 0x8,
	EVENTS = 0x10,
	CONTROL = 0x18,
	EXCLUSION_BASE = 0x20,
	EXCLUSION_LIMIT = 0x28,
	FEATURES = 0x30,
	COMMAND_HEAD = 0x2000,
	COMMAND_TAIL = 0x2008,
	EVENT_HEAD = 0x2010,
	EVENT_TAIL = 0x2018,
	STATUS = 0x2020,
};

#define ON (1ull << 0)
#define LOG_ON (1ull << 2)
#define COMMANDS_ON (1ull << 12)
#define WIDE_ENTRIES (1ull << 17)
#define WIDE_DESTINATIONS (1ull << 50)
/* GAEn, GAMode, NumIntRemapMode, XTEn: how interrupt table entries are read */
#define ENTRY_FORMAT (1ull << 17 | 7ull << 25 | 3ull << 43 | 1ull << 50)
#define STATUS_OVERFLOW 1ull
#define STATUS_LOG_RUN (1ull << 3)
#define STATUS_COMMAND_RUN (1ull << 4)
#define ADDRESS 0x000ffffffffff000ull
#define RIGHTS (3ull << 61)

/* Reads of registers until a ring stops, and after how many without a write devices grow quiet. */
#define STOP_READS 3
#define PROBED_READS 64

#define REQUIRE(condition, ...)                                                                    \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg(__VA_ARGS__);                                                     \
	} while (0)

/* Whether caches take part: what an access does, and what it should. */
enum view { CACHED, FRESH };

/* The model whose devices try at fences. */
static struct amdvi_model *running;

static u64 *reg(struct amdvi_model *model, u32 offset) {
	return &model->registers[offset / 8];
}

void amdvi_model_init(struct amdvi_model *model, u64 features) {
	memset(model, 0, sizeof(*model));
	*reg(model, FEATURES) = features;
	running = model;
}

void amdvi_model_probe(struct amdvi_model *model, u16 requester, bool is_message, u64 address) {
	REQUIRE(model->probe_count < ARRAY_SIZE(model->probes), "too many probes");
	model->probes[model->probe_count].requester = requester;
	model->probes[model->probe_count].is_message = is_message;
	model->probes[model->probe_count++].address = address;
}

/* ---- the ways of requests ---- */

static void device_entry(struct amdvi_model *model, enum view view, u16 requester, u64 *entry) {
	u64 base = *reg(model, TABLE), at = (base & ADDRESS) + requester * 32ull;

	if (view == CACHED && model->device_cached[requester]) {
		memcpy(entry, model->device_cache[requester], 32);
		return;
	}
	memset(entry, 0, 32);
	entry[0] = 3; /* beyond the table: an event, and no access */
	for (u32 i = 0; i < 4 && requester * 32ull < ((base & 0x1ff) + 1) * 4096; i++)
		entry[i] = unit_memory_read(at + i * 8ull);
	if (view == FRESH)
		return;
	memcpy(model->device_cache[requester], entry, 32);
	model->device_cached[requester] = true;
}

/* Fills PAGE, also when there is none. */
static void walk(struct amdvi_model *model, enum view view, u64 entry, u64 address,
		 struct amdvi_model_page *page) {
	unsigned int level = entry >> 9 & 7;
	u64 rights = entry;

	if (!level || address >> (12 + 9 * level))
		return;
	for (;; level--) {
		unsigned int shift = 12 + 9 * (level - 1);
		u64 prefix = address >> shift;
		struct amdvi_model_table *cached =
			&model->tables[(page->domain * 37u + level * 11 + prefix) %
				       AMDVI_MODEL_CACHE];

		if (view == CACHED && cached->valid && cached->domain == page->domain &&
		    cached->level == level && cached->prefix == prefix) {
			rights &= cached->rights;
			entry = cached->entry;
			continue;
		}
		entry = unit_memory_read((entry & ADDRESS) + (prefix & 511) * 8);
		if (!(entry & 1))
			return;
		rights &= entry;
		if (!(entry >> 9 & 7)) {
			u64 mask = (1ull << shift) - 1;

			page->to = (entry & ADDRESS & ~mask) | (address & mask & ~0xfffull);
			page->present = true;
			page->read = rights >> 61 & 1;
			page->write = rights >> 62 & 1;
			return;
		}
		REQUIRE((entry >> 9 & 7) == level - 1, "a page table skips levels");
		if (view == CACHED)
			*cached = (struct amdvi_model_table){true,   page->domain, level,
							     prefix, entry,        rights & RIGHTS};
	}
}

static bool translate(struct amdvi_model *model, enum view view, u16 requester, u64 address,
		      bool write, u64 *to) {
	struct amdvi_model_page *slot =
		&model->pages[(requester * 61u + (address >> 12)) % AMDVI_MODEL_CACHE];
	struct amdvi_model_page page = {0};
	u64 entry[4];

	*to = address;
	if (!(*reg(model, CONTROL) & ON))
		return true;
	if (*reg(model, EXCLUSION_BASE) & 1 && address >= (*reg(model, EXCLUSION_BASE) & ADDRESS) &&
	    address <= (*reg(model, EXCLUSION_LIMIT) | 0xfff))
		return true;
	if (view == CACHED && slot->valid && slot->requester == requester &&
	    slot->page == address >> 12) {
		page = *slot;
	} else {
		device_entry(model, view, requester, entry);
		if (!(entry[0] & 1))
			return true;
		page = (struct amdvi_model_page){.valid = true,
						 .requester = requester,
						 .domain = (u16)entry[1],
						 .page = address >> 12};
		if (entry[0] & 2)
			walk(model, view, entry[0], address, &page);
		if (view == CACHED && (page.present || model->np_cache))
			*slot = page;
	}
	*to = page.to + (address & 0xfff);
	return page.present && (write ? page.write : page.read);
}

bool amdvi_model_dma(struct amdvi_model *model, u16 requester, u64 address, bool write, u64 *to) {
	bool passes = translate(model, CACHED, requester, address, write, to);
	u64 right;

	if (model->lenient)
		return passes;
	bool should = translate(model, FRESH, requester, address, write, &right);

	REQUIRE(passes == should && (!passes || *to == right),
		"a cache lets %04x have 0x%lx: %u, the tables say %u", requester, (long)*to, passes,
		should);
	return passes;
}

static void interrupt_entry(struct amdvi_model *model, enum view view, u16 requester, u64 device,
			    u32 index, u64 *low, u64 *high) {
	u32 slot = (requester * 7u + index) % AMDVI_MODEL_CACHE;
	u64 root = device & 0x000fffffffffffc0ull;
	bool wide = *reg(model, CONTROL) & WIDE_ENTRIES;

	if (view == CACHED && model->interrupts[slot].valid &&
	    model->interrupts[slot].requester == requester &&
	    model->interrupts[slot].index == index) {
		*low = model->interrupts[slot].low;
		*high = model->interrupts[slot].high;
		return;
	}
	*low = unit_memory_read(wide ? root + index * 16ull : (root + index * 4ull) & ~7ull);
	*high = wide ? unit_memory_read(root + index * 16ull + 8) : 0;
	if (!wide)
		*low = (u32)(*low >> (index & 1) * 32);
	if (view == FRESH)
		return;
	model->interrupts[slot].valid = true;
	model->interrupts[slot].requester = requester;
	model->interrupts[slot].index = index;
	model->interrupts[slot].low = *low;
	model->interrupts[slot].high = *high;
}

static bool remap(struct amdvi_model *model, enum view view, u16 requester, u32 data, u32 *apic_id,
		  u8 *vector) {
	u64 entry[4], low, high;
	u32 index = data & 0x7ff;

	if (*reg(model, CONTROL) & ON)
		device_entry(model, view, requester, entry);
	if (!(*reg(model, CONTROL) & ON) || !(entry[2] & 1)) {
		*apic_id = UINT32_MAX;
		*vector = (u8)data;
		return true;
	}
	if ((entry[2] >> 60 & 3) != 2 || index >= 1u << (entry[2] >> 1 & 15))
		return false;
	interrupt_entry(model, view, requester, entry[2], index, &low, &high);
	/* RemapEn, and RqEoi at will; everything else that has control bits must be zero: fixed, physical, no guest. */
	if (!(low & 1) || (low & 0xde))
		return false;
	if (!(*reg(model, CONTROL) & WIDE_ENTRIES)) {
		*apic_id = low >> 8 & 0xff;
		*vector = (u8)(low >> 16);
		return true;
	}
	*apic_id = *reg(model, CONTROL) & WIDE_DESTINATIONS
			   ? (u32)(low >> 8 & 0xffffff) | (u32)(high >> 56) << 24
			   : (u32)(low >> 8 & 0xff);
	*vector = (u8)high;
	return true;
}

bool amdvi_model_interrupt(struct amdvi_model *model, u16 requester, u32 data, u32 *apic_id,
			   u8 *vector) {
	bool passes = remap(model, CACHED, requester, data, apic_id, vector);
	u32 right_id;
	u8 right_vector;

	if (model->lenient)
		return passes;
	bool should = remap(model, FRESH, requester, data, &right_id, &right_vector);

	REQUIRE(passes == should && (!passes || (*apic_id == right_id && *vector == right_vector)),
		"a cache answers an interrupt of %04x: %u, the table says %u", requester, passes,
		should);
	return passes;
}

/* Devices try what they can. */
static void probe(void) {
	struct amdvi_model *model = running;

	if (unit_memory.probing || model->reads > PROBED_READS)
		return;
	unit_memory.probing = true;
	for (u32 i = 0; i < model->probe_count; i++) {
		u16 requester = model->probes[i].requester;
		u64 address = model->probes[i].address, to;
		u32 apic_id;
		u8 vector;

		if (model->probes[i].is_message)
			remap(model, CACHED, requester, (u32)address, &apic_id, &vector);
		else if (translate(model, CACHED, requester, address, true, &to))
			REQUIRE(!model->may_land || model->may_land(requester, address, to),
				"%04x reaches 0x%lx, which never was its own", requester, (long)to);
	}
	unit_memory.probing = false;
}

/* ---- commands ---- */

static u32 ring_bytes(u64 base) {
	return 16u << (base >> 56 & 15);
}

static void run_one(struct amdvi_model *model, const u64 *command) {
	u16 id = (u16)command[0];
	u16 domain = (u16)(command[0] >> 32);

	memcpy(model->commands[model->command_count++ % AMDVI_MODEL_COMMANDS], command, 16);
	model->ran[command[0] >> 60]++;
	switch (command[0] >> 60) {
	case 1:
		if (command[0] & 1)
			*(volatile u64 *)unit_memory_at(command[0] & 0x000ffffffffffff8ull, 8) =
				command[1];
		break;
	case 2: model->device_cached[id] = false; break;
	case 3:
		REQUIRE(command[1] == 0x7ffffffffffff003ull, "not all pages are invalidated");
		for (u32 i = 0; i < AMDVI_MODEL_CACHE; i++) {
			model->pages[i].valid &= model->pages[i].domain != domain;
			model->tables[i].valid &= model->tables[i].domain != domain;
		}
		break;
	case 5:
		for (u32 i = 0; i < AMDVI_MODEL_CACHE; i++)
			model->interrupts[i].valid &= model->interrupts[i].requester != id;
		break;
	case 8:
		REQUIRE(*reg(model, FEATURES) & 1 << 6, "INVALIDATE_IOMMU_ALL is not known");
		memset(model->pages, 0, sizeof(model->pages));
		memset(model->tables, 0, sizeof(model->tables));
		memset(model->interrupts, 0, sizeof(model->interrupts));
		memset(model->device_cached, 0, sizeof(model->device_cached));
		break;
	default: fail_msg("unknown command %u", (u32)(command[0] >> 60));
	}
	probe();
}

/*
 * One step: all commands up to the next COMPLETION_WAIT, the last one first, since they may be done in
 * any order; or that one.
 */
static void run(struct amdvi_model *model) {
	u64 base = *reg(model, COMMANDS), *head = reg(model, COMMAND_HEAD);
	const u64 *found[256];
	u32 count = 0;

	while (!model->dead && (*reg(model, STATUS) & STATUS_COMMAND_RUN) &&
	       *head != *reg(model, COMMAND_TAIL)) {
		const u64 *command = unit_memory_at((base & ADDRESS) + *head, 16);
		u32 opcode = (u32)(command[0] >> 60);

		bool again = *head == model->refused_at && opcode &&
			     memcmp(command, model->refused, 16) == 0;

		if ((opcode == model->illegal && opcode) || again) {
			memcpy(model->refused, command, 16);
			model->refused_at = *head;
			*reg(model, STATUS) &= ~STATUS_COMMAND_RUN;
			amdvi_model_event(model, 5ull << 60, (u64)(uintptr_t)command);
			break;
		}
		if (opcode == 1 && count)
			break;
		*head = (*head + 16) % ring_bytes(base);
		found[count++] = command;
		if (opcode == 1)
			break;
	}
	while (count)
		run_one(model, found[--count]);
}

/* ---- registers ---- */

static bool all_blocked(struct amdvi_model *model) {
	u64 base = *reg(model, TABLE), entry[4];

	if ((base & 0x1ff) != 0x1ff)
		return false;
	for (u32 id = 0; id < 65536; id++) {
		device_entry(model, FRESH, (u16)id, entry);
		/* V and TV, four levels, no IR, no IW; IV, IntCtl 0; nothing else. */
		if ((entry[0] & ~ADDRESS) != (3ull | 4ull << 9) || (entry[1] & ~0xffffull) ||
		    entry[2] != 1 || entry[3])
			return false;
		for (u32 i = 0; i < 512 && !id; i++)
			if (unit_memory_read((entry[0] & ADDRESS) + i * 8ull))
				return false;
	}
	return true;
}

static bool nothing_cached(const struct amdvi_model *model) {
	bool cached = false;

	for (u32 i = 0; i < AMDVI_MODEL_CACHE; i++)
		cached |= model->interrupts[i].valid;
	return !cached;
}

static void start_ring(struct amdvi_model *model, u32 base, u64 running_bit, u32 head) {
	u64 value = *reg(model, base);

	REQUIRE(value & ADDRESS && (value >> 56 & 15) >= 8, "a ring is started without a base");
	REQUIRE(*reg(model, head) < ring_bytes(value) && *reg(model, head + 8) < ring_bytes(value),
		"a ring is started with a pointer beyond its end");
	*reg(model, STATUS) |= running_bit;
	if (base == COMMANDS)
		unit_memory.ring = unit_memory_at(value & ADDRESS, ring_bytes(value));
}

static void control_written(struct amdvi_model *model, u64 old, u64 value) {
	u64 status = *reg(model, STATUS);

	if (!(old & ON) && (value & ON))
		REQUIRE(!*reg(model, EXCLUSION_BASE) && all_blocked(model),
			"translation goes on and not everything is blocked");
	model->window |= (old & ON) && !(value & ON);
	REQUIRE(!(old & value & ON && (old ^ value) & ENTRY_FORMAT) ||
			(all_blocked(model) && nothing_cached(model)),
		"the format of interrupt entries changes while some are in use");
	/* What runs goes on for a while after it was told to stop: amdvi_model_read(). */
	if (value & ON && value & COMMANDS_ON && !(status & STATUS_COMMAND_RUN))
		start_ring(model, COMMANDS, STATUS_COMMAND_RUN, COMMAND_HEAD);
	if (value & ON && value & LOG_ON && !(status & (STATUS_LOG_RUN | STATUS_OVERFLOW)))
		start_ring(model, EVENTS, STATUS_LOG_RUN, EVENT_HEAD);
}

/* What must stand still while a register is written. */
static u64 forbidden_status(u32 offset) {
	switch (offset) {
	case COMMANDS:
	case COMMAND_HEAD: return STATUS_COMMAND_RUN;
	case EVENTS:
	case EVENT_TAIL: return STATUS_LOG_RUN;
	default: return 0;
	}
}

static void tick(struct amdvi_model *model) {
	u64 control = *reg(model, CONTROL), *status = reg(model, STATUS);

	model->reads++;
	model->reads_in_all++;
	if (model->reads >= STOP_READS && !(control & COMMANDS_ON && control & ON))
		*status &= ~STATUS_COMMAND_RUN;
	if (model->reads >= STOP_READS && !(control & LOG_ON && control & ON))
		*status &= ~STATUS_LOG_RUN;
	if (model->reads % 2)
		run(model);
	probe();
}

u64 amdvi_model_read(struct amdvi_model *model, u32 offset) {
	tick(model);
	return *reg(model, offset);
}

void amdvi_model_write(struct amdvi_model *model, u32 offset, u64 value) {
	u64 old = *reg(model, offset);

	model->reads = 0;
	unit_memory.hook = probe;
	if (model->write_count < AMDVI_MODEL_WRITES)
		model->writes[model->write_count++] = (struct amdvi_model_write){offset, value};
	if (offset == FEATURES)
		return;
	REQUIRE(!(*reg(model, STATUS) & forbidden_status(offset)),
		"register 0x%x is written while its ring runs", offset);
	if (offset == COMMAND_TAIL && *reg(model, STATUS) & STATUS_COMMAND_RUN)
		unit_memory_check_ring((u32)old, (u32)value, ring_bytes(*reg(model, COMMANDS)));
	REQUIRE(offset != STATUS || !(value & STATUS_OVERFLOW & old) || !(old & STATUS_LOG_RUN),
		"overflow cleared while the log runs");
	*reg(model, offset) = offset == STATUS ? old & ~(value & 0x667ull) : value;
	if (offset == CONTROL) {
		control_written(model, old, value);
		run(model);
	}
	probe();
}

void amdvi_model_event(struct amdvi_model *model, u64 low, u64 address) {
	u64 base = *reg(model, EVENTS);
	u64 *tail = reg(model, EVENT_TAIL);
	u64 next = (*tail + 16) % ring_bytes(base);

	if (!(*reg(model, STATUS) & STATUS_LOG_RUN))
		return;
	if (next == *reg(model, EVENT_HEAD)) {
		*reg(model, STATUS) |= STATUS_OVERFLOW;
		*reg(model, STATUS) &= ~STATUS_LOG_RUN;
		return;
	}
	u64 *record = unit_memory_at((base & ADDRESS) + *tail, 16);

	record[0] = low;
	record[1] = address;
	*tail = next;
}

u32 amdvi_model_position(const struct amdvi_model *model, u32 offset, u32 n) {
	for (u32 i = 0; i < model->write_count; i++)
		if (model->writes[i].offset == offset && !n--)
			return i;
	return UINT32_MAX;
}
