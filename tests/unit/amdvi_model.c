/* SPDX-License-Identifier: Apache-2.0 */
#include "amdvi_model.h"
#include <string.h>

enum {
	TABLE = 0x0,
	COMMANDS = 0x8,
	EVENTS = 0x10,
	CONTROL = 0x18,
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
#define STATUS_OVERFLOW 1ull
#define STATUS_LOG_RUN (1ull << 3)
#define STATUS_COMMAND_RUN (1ull << 4)
#define ADDRESS 0x000ffffffffff000ull

static u64 *reg(struct amdvi_model *model, u32 offset) {
	return &model->registers[offset / 8];
}

static void *memory(u64 address) {
	return (void *)(uintptr_t)address;
}

void amdvi_model_init(struct amdvi_model *model, u64 features) {
	memset(model, 0, sizeof(*model));
	*reg(model, FEATURES) = features;
}

u64 amdvi_model_read(struct amdvi_model *model, u32 offset) {
	return *reg(model, offset);
}

static u32 ring_bytes(u64 base) {
	return 16u << (base >> 56 & 15);
}

static void run_one(struct amdvi_model *model, const u64 *command) {
	u16 id = (u16)command[0];
	u16 domain = (u16)(command[0] >> 32);

	switch (command[0] >> 60) {
	case 1:
		if (command[0] & 1)
			*(volatile u64 *)memory(command[0] & 0x000ffffffffffff8ull) = command[1];
		break;
	case 2: model->device_cached[id] = false; break;
	case 3:
		for (u32 i = 0; i < AMDVI_MODEL_CACHE; i++)
			if (model->pages[i].domain == domain && command[1] == 0x7ffffffffffff003ull)
				model->pages[i].valid = false;
		break;
	case 5:
		for (u32 i = 0; i < AMDVI_MODEL_CACHE; i++)
			if (model->interrupts[i].requester == id)
				model->interrupts[i].valid = false;
		break;
	case 8:
		memset(model->pages, 0, sizeof(model->pages));
		memset(model->interrupts, 0, sizeof(model->interrupts));
		memset(model->device_cached, 0, sizeof(model->device_cached));
		break;
	}
}

static void run(struct amdvi_model *model) {
	u64 base = *reg(model, COMMANDS);

	while (!model->dead && (*reg(model, STATUS) & STATUS_COMMAND_RUN) &&
	       *reg(model, COMMAND_HEAD) != *reg(model, COMMAND_TAIL)) {
		u64 *command = memory((base & ADDRESS) + *reg(model, COMMAND_HEAD));
		u32 opcode = (u32)(command[0] >> 60);

		if (opcode == model->illegal && opcode) {
			*reg(model, STATUS) &= ~STATUS_COMMAND_RUN;
			amdvi_model_event(model, 5ull << 60, (u64)(uintptr_t)command);
			return;
		}
		memcpy(model->commands[model->command_count++ % AMDVI_MODEL_COMMANDS], command, 16);
		model->ran[opcode]++;
		run_one(model, command);
		*reg(model, COMMAND_HEAD) = (*reg(model, COMMAND_HEAD) + 16) % ring_bytes(base);
	}
}

static bool all_blocked(struct amdvi_model *model) {
	u64 base = *reg(model, TABLE);
	const u64(*entry)[4] = memory(base & ADDRESS);

	if ((base & 0x1ff) != 0x1ff)
		return false;
	for (u32 id = 0; id < 65536; id++, entry++) {
		const u64 *root = memory((*entry)[0] & ADDRESS);

		/* V and TV, four levels, no IR, no IW; IV, IntCtl 0; nothing else. */
		if (((*entry)[0] & ~ADDRESS) != (3ull | 4ull << 9) || ((*entry)[1] & ~0xffffull) ||
		    (*entry)[2] != 1 || (*entry)[3])
			return false;
		for (u32 i = 0; i < 512 && !id; i++)
			if (root[i])
				return false;
	}
	return true;
}

static void control_written(struct amdvi_model *model, u64 old, u64 value) {
	u64 *status = reg(model, STATUS);

	if (!(old & ON) && (value & ON))
		model->blocked_at_enable = all_blocked(model);
	if ((old & ON) && !(value & ON))
		model->window = true;
	if (!(value & COMMANDS_ON) || !(value & ON))
		*status &= ~STATUS_COMMAND_RUN;
	else if (!(old & COMMANDS_ON) || !(old & ON))
		*status |= STATUS_COMMAND_RUN;
	if (!(value & LOG_ON) || !(value & ON))
		*status &= ~STATUS_LOG_RUN;
	else if (!(old & LOG_ON) && !(*status & STATUS_OVERFLOW))
		*status |= STATUS_LOG_RUN;
}

void amdvi_model_write(struct amdvi_model *model, u32 offset, u64 value) {
	u64 old = *reg(model, offset);

	if (model->write_count < AMDVI_MODEL_WRITES)
		model->writes[model->write_count++] = (struct amdvi_model_write){offset, value};
	if (offset == FEATURES)
		return;
	*reg(model, offset) = offset == STATUS ? old & ~(value & 0x667ull) : value;
	if (offset == CONTROL)
		control_written(model, old, value);
	run(model);
}

static const u64 *device_entry(struct amdvi_model *model, u16 requester) {
	if (!model->device_cached[requester]) {
		memcpy(model->device_cache[requester],
		       (u8 *)memory(*reg(model, TABLE) & ADDRESS) + requester * 32, 32);
		model->device_cached[requester] = true;
	}
	return model->device_cache[requester];
}

static bool walk(u64 entry, u64 address, u64 *page, u64 *to, bool *read, bool *write) {
	unsigned int level = entry >> 9 & 7;
	u64 rights = entry;

	if (address >> (12 + 9 * level))
		return false;
	for (;;) {
		const u64 *table = memory(entry & ADDRESS);
		unsigned int shift = 12 + 9 * (level - 1);

		entry = table[address >> shift & 511];
		if (!(entry & 1))
			return false;
		rights &= entry;
		if (!(entry >> 9 & 7)) {
			u64 mask = (1ull << shift) - 1;

			*page = address & ~0xfffull;
			*to = (entry & ADDRESS & ~mask) | (*page & mask);
			*read = rights >> 61 & 1;
			*write = rights >> 62 & 1;
			return true;
		}
		if ((entry >> 9 & 7) != level - 1)
			return false;
		level--;
	}
}

bool amdvi_model_dma(struct amdvi_model *model, u16 requester, u64 address, bool write, u64 *to) {
	const u64 *entry;
	u16 domain;

	if (!(*reg(model, CONTROL) & ON) || !(device_entry(model, requester)[0] & 1)) {
		*to = address;
		return true;
	}
	entry = device_entry(model, requester);
	domain = (u16)entry[1];
	if (!(entry[0] & 2) || !(entry[0] >> (write ? 62 : 61) & 1))
		return false;
	for (u32 i = 0; i < AMDVI_MODEL_CACHE; i++) {
		if (model->pages[i].valid && model->pages[i].domain == domain &&
		    model->pages[i].page == (address & ~0xfffull)) {
			*to = model->pages[i].to + (address & 0xfff);
			return write ? model->pages[i].write : model->pages[i].read;
		}
	}
	u64 page, target;
	bool can_read, can_write;

	if (!walk(entry[0], address, &page, &target, &can_read, &can_write))
		return false;
	u32 slot = model->next_slot++ % AMDVI_MODEL_CACHE;

	model->pages[slot].valid = true;
	model->pages[slot].domain = domain;
	model->pages[slot].page = page;
	model->pages[slot].to = target;
	model->pages[slot].read = can_read;
	model->pages[slot].write = can_write;
	*to = target + (address & 0xfff);
	return write ? can_write : can_read;
}

static void interrupt_entry(struct amdvi_model *model, u16 requester, u64 device, u32 index,
			    u64 *low, u64 *high) {
	for (u32 i = 0; i < AMDVI_MODEL_CACHE; i++) {
		if (model->interrupts[i].valid && model->interrupts[i].requester == requester &&
		    model->interrupts[i].index == index) {
			*low = model->interrupts[i].low;
			*high = model->interrupts[i].high;
			return;
		}
	}
	const u8 *root = memory(device & 0x000fffffffffffc0ull);
	bool wide = *reg(model, CONTROL) & WIDE_ENTRIES;
	u32 slot = model->next_slot++ % AMDVI_MODEL_CACHE;

	*low = wide ? *(const u64 *)(const void *)(root + index * 16)
		    : *(const u32 *)(const void *)(root + index * 4);
	*high = wide ? *(const u64 *)(const void *)(root + index * 16 + 8) : 0;
	model->interrupts[slot].valid = true;
	model->interrupts[slot].requester = requester;
	model->interrupts[slot].index = index;
	model->interrupts[slot].low = *low;
	model->interrupts[slot].high = *high;
}

bool amdvi_model_interrupt(struct amdvi_model *model, u16 requester, u32 data, u32 *apic_id,
			   u8 *vector) {
	u64 device = device_entry(model, requester)[2];
	u32 index = data & 0x7ff;
	u64 low, high;

	if (!(*reg(model, CONTROL) & ON) || !(device & 1)) {
		*apic_id = UINT32_MAX;
		*vector = (u8)data;
		return true;
	}
	if ((device >> 60 & 3) != 2 || index >= 1u << (device >> 1 & 15))
		return false;
	interrupt_entry(model, requester, device, index, &low, &high);
	/* RemapEn; everything else that has control bits must be zero: fixed, physical, no guest. */
	if (!(low & 1) || (low & 0xfe))
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

void amdvi_model_event(struct amdvi_model *model, u64 low, u64 address) {
	u64 base = *reg(model, EVENTS);
	u64 *tail = reg(model, EVENT_TAIL);
	u64 next = (*tail + 16) % ring_bytes(base);
	u64 *record = memory((base & ADDRESS) + *tail);

	if (!(*reg(model, STATUS) & STATUS_LOG_RUN))
		return;
	if (next == *reg(model, EVENT_HEAD)) {
		*reg(model, STATUS) |= STATUS_OVERFLOW;
		*reg(model, STATUS) &= ~STATUS_LOG_RUN;
		return;
	}
	record[0] = low;
	record[1] = address;
	*tail = next;
}

u32 amdvi_model_written(const struct amdvi_model *model, u32 offset) {
	u32 count = 0;

	for (u32 i = 0; i < model->write_count; i++)
		count += model->writes[i].offset == offset;
	return count;
}

u32 amdvi_model_position(const struct amdvi_model *model, u32 offset, u32 n) {
	for (u32 i = 0; i < model->write_count; i++)
		if (model->writes[i].offset == offset && !n--)
			return i;
	return UINT32_MAX;
}
