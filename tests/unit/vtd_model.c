/* SPDX-License-Identifier: Apache-2.0 */
#include "vtd_model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mmio.h"

struct vtd_model model;

#define REQUIRE(condition, ...)                                                                    \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg(__VA_ARGS__);                                                     \
	} while (0)

/* Caches: they answer before memory does, until they are told to forget. */
struct cached_context {
	bool valid;
	u64 low, high;
};
struct cached_page {
	bool valid;
	u16 did;
	u64 page, host;
	unsigned int rights;
};
struct cached_entry {
	bool valid;
	u64 low, high;
};

#define CACHED_PAGES 512
static struct cached_context contexts[65536];
static struct cached_page pages[CACHED_PAGES];
static struct cached_entry entries[65536];
static u32 next_page;

__attribute__((format(printf, 1, 2))) static void event(const char *format, ...) {
	va_list arguments;
	size_t room = sizeof(model.log) - model.log_length;

	va_start(arguments, format);
	if (model.log_length && room > 1) {
		model.log[model.log_length++] = ' ';
		room--;
	}
	int length = vsnprintf(model.log + model.log_length, room, format, arguments);
	va_end(arguments);
	model.log_length += (size_t)length < room ? (size_t)length : room - 1;
}

void model_clear_log(void) {
	model.log[0] = 0;
	model.log_length = 0;
	model.writes = 0;
	model.requests = 0;
}

void model_reset(u32 records) {
	memset(&model, 0, sizeof(model));
	memset(contexts, 0, sizeof(contexts));
	memset(pages, 0, sizeof(pages));
	memset(entries, 0, sizeof(entries));
	model.cap = 6 | BIT(9) | BIT(10) | 47ull << 16 | (u64)(MODEL_RECORDS / 16) << 24 | BIT(34) |
		    BIT(35) | (u64)(records - 1) << 40 | BIT(54) | BIT(55);
	model.ecap = MODEL_ECAP_QI | MODEL_ECAP_IR | MODEL_ECAP_EIM;
}

static u32 record_count(void) {
	return (u32)(model.cap >> 40 & 0xff) + 1;
}

static bool caching_mode(void) {
	return model.cap & MODEL_CAP_CM;
}

static const u64 *memory(u64 address) {
	return (const u64 *)(uintptr_t)address;
}

/* ---- faults ---- */

static void update_pending(void) {
	bool pending = false;

	for (u32 i = 0; i < record_count(); i++)
		pending |= model.records[i].high >> 63;
	model.fsts = pending ? model.fsts | 2 : model.fsts & ~2u;
}

void model_fault(u16 requester_id, u64 information, u8 reason, bool read) {
	struct model_record *record = &model.records[model.next_record];

	if (model.fsts & 1)
		return;
	if (record->high >> 63) {
		model.fsts |= 1;
		return;
	}
	record->low = information;
	record->high = requester_id | (u64)reason << 32 | (read ? BIT(62) : 0) | BIT(63);
	if (!(model.fsts & 2))
		model.fsts = (model.fsts & ~0xff00u) | model.next_record << 8;
	model.next_record = (model.next_record + 1) % record_count();
	update_pending();
}

/* ---- DMA ---- */

static u8 fetch_context(u16 requester_id, struct cached_context *context) {
	const u64 *root, *entry;

	if (contexts[requester_id].valid) {
		*context = contexts[requester_id];
	} else {
		root = memory((model.root & ~0xfffull) + (requester_id >> 8) * 16ull);
		if (!(root[0] & 1))
			return 1;
		REQUIRE(!(root[0] & 0xffe) && !root[1], "root entry: reserved bits");
		entry = memory((root[0] & ~0xfffull) + (requester_id & 0xff) * 16ull);
		*context = (struct cached_context){true, entry[0], entry[1]};
		if (entry[0] & 1 || caching_mode())
			contexts[requester_id] = *context;
	}
	if (!(context->low & 1))
		return 2;
	REQUIRE(!(context->low & 0xff0) && !(context->high & ~0xffff07ull),
		"context entry: reserved bits");
	REQUIRE(!(context->low & 0xc), "context entry: translation type is not 0");
	REQUIRE(!caching_mode() || context->high >> 8, "context entry: domain id 0");
	return model.cap & BIT(8 + (context->high & 7)) ? 0 : 3;
}

static u8 walk(u64 table, unsigned int levels, u64 address, struct cached_page *page) {
	unsigned int rights = 3;

	if (address >> (12 + 9 * levels))
		return 4;
	for (unsigned int level = levels;; level--) {
		unsigned int shift = 12 + 9 * (level - 1);
		u64 entry = memory(table)[address >> shift & 511];
		bool large = entry & BIT(7);

		rights &= entry & 3;
		if (!rights)
			break;
		if (entry & BIT(62) || (large && level > 3) ||
		    (large && level > 1 && !(model.cap & BIT(32 + level))))
			return 0xc;
		table = entry & BITS(51, 12);
		if (level == 1 || large) {
			if (table & (BIT(shift) - 1))
				return 0xc;
			page->host = table + (address & (BIT(shift) - 1) & ~0xfffull);
			break;
		}
	}
	page->rights = rights;
	return 0;
}

static u8 translate(u16 requester_id, u64 address, bool write, u64 *host, bool *suppressed) {
	struct cached_context context = {0};
	struct cached_page page = {0};
	u8 reason = fetch_context(requester_id, &context);
	bool hit = false;

	*suppressed = context.low & 2;
	if (reason)
		return reason;
	page = (struct cached_page){
		.valid = true, .did = (u16)(context.high >> 8), .page = address >> 12};
	for (u32 i = 0; i < CACHED_PAGES && !hit; i++) {
		hit = pages[i].valid && pages[i].did == page.did && pages[i].page == page.page;
		if (hit)
			page = pages[i];
	}
	if (!hit) {
		reason = walk(context.low & ~0xfffull, (unsigned int)(context.high & 7) + 2,
			      address, &page);
		if (reason)
			return reason;
		if (page.rights || caching_mode())
			pages[next_page++ % CACHED_PAGES] = page;
	}
	if (!(page.rights & (write ? 2 : 1)))
		return write ? 5 : 6;
	*host = page.host + (address & 0xfff);
	return 0;
}

u8 model_dma(u16 requester_id, u64 address, bool write, u64 *host) {
	bool suppressed = false;
	u8 reason = 0;

	*host = address;
	if (model.gsts & MODEL_TES)
		reason = translate(requester_id, address, write, host, &suppressed);
	if (reason && !suppressed)
		model_fault(requester_id, address & ~0xfffull, reason, !write);
	return reason;
}

/* ---- interrupts ---- */

static u8 remap(u16 requester_id, u64 address, u32 data, u32 *index, struct model_interrupt *to) {
	struct cached_entry entry;

	if (!(address & BIT(4)))
		return 0x25;
	*index = (u32)(address >> 5 & 0x7fff) | (u32)(address >> 2 & 1) << 15;
	if (address & BIT(3))
		*index += data & 0xffff;
	if (*index >= 2u << (model.interrupts & 15))
		return 0x21;
	entry = entries[*index];
	if (!entry.valid) {
		const u64 *table = memory((model.interrupts & ~0xfffull) + *index * 16ull);

		entry = (struct cached_entry){true, table[0], table[1]};
		if (entry.low & 1 || caching_mode())
			entries[*index] = entry;
	}
	if (!(entry.low & 1))
		return 0x22;
	if (entry.low & 0xff00f000 || entry.high >> 20)
		return 0x24;
	if ((entry.high >> 18 & 3) != 1 || (entry.high >> 16 & 3) ||
	    (u16)entry.high != requester_id)
		return 0x26;
	REQUIRE(!(entry.low & 0xfe), "interrupt entry: not edge, fixed, physical");
	to->vector = (u8)(entry.low >> 16);
	to->destination = (u32)(entry.low >> 32);
	if (!(model.interrupts & BIT(11))) {
		REQUIRE(!(to->destination & 0xffff00ff), "interrupt entry: destination misplaced");
		to->destination >>= 8;
	}
	return 0;
}

u8 model_message(u16 requester_id, u64 address, u32 data, struct model_interrupt *interrupt) {
	u32 index = 0;
	u8 reason;

	REQUIRE(address >> 20 == 0xfee, "message outside of the interrupt window");
	reason = remap(requester_id, address, data, &index, interrupt);
	if (reason)
		model_fault(requester_id, (u64)index << 48, reason, false);
	return reason;
}

/* ---- invalidation queue ---- */

static void run_context(u64 low) {
	u16 did = (u16)(low >> 16), sid = (u16)(low >> 32);

	switch (low >> 4 & 3) {
	case 1:
		event("context-all");
		memset(contexts, 0, sizeof(contexts));
		model.context_clean = true;
		break;
	case 3:
		event("context(%u,%04x)", did, sid);
		/* What is cached under another domain id stays. An absent entry counts as id 0. */
		if (contexts[sid].valid &&
		    (contexts[sid].low & 1 ? (u16)(contexts[sid].high >> 8) : 0) == did)
			contexts[sid].valid = false;
		break;
	default: fail_msg("context invalidation of unexpected granularity");
	}
}

static void run_iotlb(u64 low) {
	u16 did = (u16)(low >> 16);
	bool all = (low >> 4 & 3) == 1;

	REQUIRE(all || (low >> 4 & 3) == 2, "IOTLB invalidation of unexpected granularity");
	REQUIRE((low & BIT(6)) == (model.cap & BIT(54) ? BIT(6) : 0), "write draining");
	REQUIRE((low & BIT(7)) == (model.cap & BIT(55) ? BIT(7) : 0), "read draining");
	if (all)
		event("iotlb-all");
	else
		event("iotlb(%u)", did);
	for (u32 i = 0; i < CACHED_PAGES; i++)
		if (all || pages[i].did == did)
			pages[i].valid = false;
	if (all) {
		REQUIRE(model.context_clean, "IOTLB invalidated before the context cache");
		model.iotlb_clean = true;
	}
}

static void run_interrupts(u64 low) {
	u32 index = (u32)(low >> 32 & 0xffff), order = (u32)(low >> 27 & 31);

	if (!(low & BIT(4))) {
		event("interrupts-all");
		memset(entries, 0, sizeof(entries));
		model.interrupts_clean = true;
		return;
	}
	event("interrupts(%u,%u)", index, order);
	REQUIRE(!(index & (BIT(order) - 1)), "interrupt invalidation not aligned");
	for (u32 i = 0; i < 1u << order; i++)
		entries[index + i].valid = false;
}

/* False when the descriptor is not one that the unit knows. */
static bool run_descriptor(u64 low, u64 high) {
	switch (low & 15) {
	case 1:
		if (high || low & (BITS(63, 50) | BITS(15, 6)))
			return false;
		run_context(low);
		break;
	case 2:
		if (high || low & (BITS(63, 32) | BITS(15, 8)))
			return false;
		run_iotlb(low);
		break;
	case 4:
		if (high || low & (BITS(63, 48) | BITS(26, 5)))
			return false;
		run_interrupts(low);
		break;
	case 5:
		if (high & 3 || low & (BITS(31, 8) | BIT(4)) || !(low & BIT(5)))
			return false;
		__atomic_store_n((u32 *)(uintptr_t)high, (u32)(low >> 32), __ATOMIC_RELEASE);
		return true;
	default: return false;
	}
	model.requests++;
	return true;
}

static void run_queue(void) {
	while (model.gsts & MODEL_QIES && !model.dead && !(model.fsts & 0x50) &&
	       model.iqh != model.iqt) {
		const u64 *descriptor = memory((model.iqa & ~0xfffull) + model.iqh);
		u32 type = descriptor[0] & 15;

		if (model.refuse && type == model.refuse) {
			model.refused_low = descriptor[0];
			model.refused_at = model.iqh;
			model.refuse = 0;
		}
		if ((model.refused_low && descriptor[0] == model.refused_low &&
		     model.iqh == model.refused_at) ||
		    (type != model.abort && !run_descriptor(descriptor[0], descriptor[1]))) {
			model.fsts |= 0x10;
			return;
		}
		model.refused_low = model.iqh == model.refused_at ? 0 : model.refused_low;
		model.iqh = (model.iqh + 16) % 4096;
		if (type == model.abort) {
			model.abort = 0;
			model.iqh = model.iqt;
			model.fsts |= 0x40;
		}
	}
}

/* ---- registers ---- */

static u32 count_present(void) {
	u32 present = 0;

	for (u32 id = 0; id < 65536; id++) {
		u64 root = memory((model.root & ~0xfffull) + (id >> 8) * 16ull)[0];

		if (root & 1)
			present += memory((root & ~0xfffull) + (id & 0xff) * 16ull)[0] & 1;
	}
	return present;
}

static void check_state(u32 bit, bool on) {
	switch (bit) {
	case MODEL_TES:
		if (!on)
			break;
		REQUIRE(model.gsts & MODEL_RTPS, "translation on without a root pointer");
		REQUIRE(model.context_clean && model.iotlb_clean, "translation on, caches stale");
		model.present_at_enable = count_present();
		break;
	case MODEL_IRES:
		REQUIRE(!on || model.gsts & MODEL_IRTPS, "remapping on without a table");
		REQUIRE(!on || model.interrupts_clean, "remapping on, cache stale");
		REQUIRE(!on || !(model.gsts & MODEL_CFIS), "remapping on, old format let through");
		break;
	case MODEL_CFIS: REQUIRE(!on, "compatibility format let through"); break;
	case MODEL_QIES:
		REQUIRE(!on || !model.iqt, "queue on with a tail");
		REQUIRE(on || model.iqh == model.iqt, "queue off while it works");
		model.iqh = 0;
		break;
	default: fail_msg("unknown state bit 0x%x", bit);
	}
}

static void one_shot(u32 bit) {
	switch (bit) {
	case BIT(30):
		event("root");
		REQUIRE(!(model.gsts & MODEL_TES) || !((model.root ^ model.rtaddr) & BITS(11, 10)),
			"table mode changed while translation is on");
		model.root = model.rtaddr;
		model.context_clean = model.iotlb_clean = false;
		break;
	case BIT(27):
		event("wbf");
		REQUIRE(model.cap & MODEL_CAP_RWBF, "write buffer flushed without need");
		return;
	case BIT(24):
		event("table");
		REQUIRE(!(model.gsts & MODEL_IRES) || !((model.interrupts ^ model.irta) & BIT(11)),
			"destination format changed while remapping is on");
		model.interrupts = model.irta;
		model.interrupts_clean = false;
		break;
	default: fail_msg("unknown command 0x%x", bit);
	}
	if (!(model.stuck & bit))
		model.gsts |= bit;
}

static const char *state_name(u32 bit) {
	return bit == MODEL_TES    ? "te"
	       : bit == MODEL_IRES ? "ire"
	       : bit == MODEL_QIES ? "qie"
				   : "cfi";
}

static void write_command(u32 value) {
	const u32 states = MODEL_TES | MODEL_QIES | MODEL_IRES | MODEL_CFIS;
	u32 changed = (value ^ model.gsts) & states;
	u32 commands = value & ~states;

	REQUIRE(__builtin_popcount(changed) + __builtin_popcount(commands) <= 1,
		"more than one change at once: 0x%x", changed | commands);
	if (commands)
		one_shot(commands);
	if (!changed)
		return;
	event("%s%c", state_name(changed), value & changed ? '+' : '-');
	check_state(changed, value & changed);
	if (!(model.stuck & changed))
		model.gsts ^= changed;
}

static u32 offset_of(const volatile u8 *address, u32 width) {
	u32 offset = (u32)(address - model.window);

	REQUIRE(address >= model.window && offset < MODEL_WINDOW, "access beside the registers");
	REQUIRE(!(offset % width), "access not aligned");
	return offset;
}

static struct model_record *record_at(u32 offset) {
	u32 index = (offset - MODEL_RECORDS) / 16;

	return offset >= MODEL_RECORDS && index < record_count() ? &model.records[index] : NULL;
}

u32 mmio_read32(const volatile u8 *address) {
	u32 offset = offset_of(address, 4);
	const struct model_record *record = record_at(offset);

	if (record && offset % 16 == 12)
		return (u32)(record->high >> 32);
	switch (offset) {
	case 0x1c: return model.gsts;
	case 0x34: return model.fsts;
	case 0x64: return model.pmen;
	default: fail_msg("32-bit read of 0x%x", offset);
	}
	return 0;
}

void mmio_write32(volatile u8 *address, u32 value) {
	u32 offset = offset_of(address, 4);
	struct model_record *record = record_at(offset);

	model.writes++;
	if (record && offset % 16 == 12) {
		if (value & BIT(31))
			record->high &= ~BIT(63);
		update_pending();
		return;
	}
	switch (offset) {
	case 0x18: write_command(value); break;
	case 0x34:
		model.fsts &= ~(value & 0xfd);
		run_queue();
		break;
	case 0x38: model.fectl = value; break;
	case 0x64:
		event("pmr%c", value & BIT(31) ? '+' : '-');
		REQUIRE(value & BIT(31) || model.gsts & MODEL_TES,
			"protected regions off before translation is on");
		model.pmen = (value & (u32)BIT(31)) | (u32)(value >> 31);
		break;
	default: fail_msg("32-bit write of 0x%x", offset);
	}
}

u64 mmio_read64(const volatile u8 *address) {
	u32 offset = offset_of(address, 8);
	const struct model_record *record = record_at(offset);

	if (record)
		return offset % 16 ? record->high : record->low;
	switch (offset) {
	case 0x08: return model.cap;
	case 0x10: return model.ecap;
	case 0x20: return model.rtaddr;
	case 0x80: return model.iqh;
	case 0x88: return model.iqt;
	case 0xb8: return model.irta;
	default: fail_msg("64-bit read of 0x%x", offset);
	}
	return 0;
}

void mmio_write64(volatile u8 *address, u64 value) {
	u32 offset = offset_of(address, 8);

	model.writes++;
	switch (offset) {
	case 0x20: model.rtaddr = value; break;
	case 0x88:
		REQUIRE(!(value & ~BITS(18, 4)), "queue tail: reserved bits");
		model.iqt = value;
		run_queue();
		break;
	case 0x90:
		REQUIRE(!(model.gsts & MODEL_QIES), "queue moved while it is on");
		REQUIRE(!(value & 0xfff), "queue: wider descriptors, or more than a page");
		model.iqa = value;
		break;
	case 0xb8: model.irta = value; break;
	default: fail_msg("64-bit write of 0x%x", offset);
	}
}
