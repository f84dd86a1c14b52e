/* SPDX-License-Identifier: Apache-2.0 */
#include "vtd_model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mmio.h"
#include "unit_memory.h"

struct vtd_model model;

#define REQUIRE(condition, ...)                                                                    \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg(__VA_ARGS__);                                                     \
	} while (0)

/*
 * Caches: they answer before memory does, until they are told to forget. Translations are found by
 * requester, without a look at its context entry; so are PASID entries; tables of smaller pages by domain.
 */
struct cached_context {
	bool valid;
	u64 low, high;
};
/* What a request without a PASID ends at: page tables of a domain. Legacy mode: part of the context entry. */
struct cached_pasid {
	bool valid, silent, snoops;
	u16 did;
	unsigned int levels;
	u64 table;
};
struct cached_page {
	bool valid;
	u16 sid, did;
	u64 page, host;
	unsigned int rights;
};
struct cached_table {
	bool valid;
	u16 did;
	unsigned int level, rights;
	u64 prefix, table;
};
struct cached_entry {
	bool valid;
	u64 low, high;
};

#define CACHED_PAGES 4096
#define CACHED_TABLES 1024
#define QUEUE_BYTES 4096
/* Reads of registers that a command takes, and after how many without a write devices grow quiet. */
#define COMMAND_READS 3
#define PROBED_READS 64
#define STUCK_READS 1000

static struct cached_context contexts[65536];
static struct cached_pasid pasids[65536];
static struct cached_page pages[CACHED_PAGES];
static struct cached_table tables[CACHED_TABLES];
static struct cached_entry entries[65536];
static u32 reads; /* since the last write */

/* Whether caches take part: what an access does, and what it should. */
enum view { CACHED, FRESH };

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
	memset(pasids, 0, sizeof(pasids));
	memset(pages, 0, sizeof(pages));
	memset(tables, 0, sizeof(tables));
	memset(entries, 0, sizeof(entries));
	model.cap = 6 | BIT(9) | BIT(10) | 47ull << 16 | (u64)(MODEL_RECORDS / 16) << 24 | BIT(34) |
		    BIT(35) | (u64)(records - 1) << 40 | BIT(54) | BIT(55);
	model.ecap = MODEL_ECAP_QI | MODEL_ECAP_IR | MODEL_ECAP_EIM | MODEL_ECAP_MHMV;
}

void model_probe(u16 requester_id, bool is_message, u64 address) {
	REQUIRE(model.probe_count < ARRAY_SIZE(model.probes), "too many probes");
	model.probes[model.probe_count].requester_id = requester_id;
	model.probes[model.probe_count].is_message = is_message;
	model.probes[model.probe_count++].address = address;
}

static u32 record_count(void) {
	return (u32)(model.cap >> 40 & 0xff) + 1;
}

static bool caching_mode(void) {
	return model.cap & MODEL_CAP_CM;
}

static bool scalable(void) {
	return (model.root & BITS(11, 10)) == MODEL_SCALABLE;
}

/* ---- faults ---- */

#define EVENT_MASKED BIT(31)
#define EVENT_PENDING BIT(30)

/* Sent, or pending while it is masked; what was taken care of meanwhile pends no more. */
static void update_event(bool new_condition) {
	if (new_condition)
		model.fectl |= (u32)EVENT_PENDING;
	if (!(model.fsts & 0xf3))
		model.fectl &= ~(u32)EVENT_PENDING;
	if ((model.fectl & (u32)(EVENT_MASKED | EVENT_PENDING)) == EVENT_PENDING) {
		model.fectl = 0;
		model.events++;
	}
}

static void update_pending(void) {
	bool pending = false;

	for (u32 i = 0; i < record_count(); i++)
		pending |= model.records[i].high >> 63;
	bool is_new = pending && !(model.fsts & 0xf3);

	model.fsts = pending ? model.fsts | 2 : model.fsts & ~2u;
	update_event(is_new);
}

void model_fault(u16 requester_id, u64 information, u8 reason, bool read) {
	struct model_record *record = &model.records[model.next_record];

	if (model.fsts & 1 || unit_memory.probing)
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

/* Reasons of scalable mode are other numbers for the same. */
static u8 reason_of(u8 legacy) {
	static const u8 reasons[] = {0,    0x39, 0x41, 0x5b, 0x84, 0x85, 0x86,
				     0x7b, 0x30, 0x40, 0x3a, 0x42, 0x7a, 0x44};

	return scalable() ? reasons[legacy] : legacy;
}

/* Of the tables above those of pages. */
static u64 read_structure(u64 address) {
	return model.ecap & MODEL_ECAP_C ? unit_memory_snoop(address) : unit_memory_read(address);
}

/* Where the entry is; 0: there is none. */
static u64 context_address(u16 requester_id) {
	u64 root = (model.root & ~0xfffull) + (requester_id >> 8) * 16ull;
	u64 low = read_structure(root), high = read_structure(root + 8);
	u8 devfn = (u8)requester_id;

	REQUIRE(!(low & 1) || !(low & 0xffe), "root entry: reserved bits");
	REQUIRE(!high || (scalable() && (high & 0xfff) == 1), "root entry: high half");
	if (scalable())
		return devfn < 128 ? (low & 1 ? (low & ~0xfffull) + devfn * 32ull : 0)
				   : (high & 1 ? (high & ~0xfffull) + (devfn - 128) * 32ull : 0);
	return low & 1 ? (low & ~0xfffull) + devfn * 16ull : 0;
}

static u8 fetch_context(enum view view, u16 requester_id, struct cached_context *context) {
	if (view == CACHED && contexts[requester_id].valid) {
		*context = contexts[requester_id];
	} else {
		u64 entry = context_address(requester_id);

		if (!entry)
			return 1;
		*context = (struct cached_context){true, read_structure(entry),
						   read_structure(entry + 8)};
		if (scalable())
			REQUIRE(!read_structure(entry + 16) && !read_structure(entry + 24),
				"context entry: reserved words");
		if (view == CACHED && (context->low & 1 || caching_mode()))
			contexts[requester_id] = *context;
	}
	if (!(context->low & 1))
		return 2;
	/* No device TLB, no PASIDs, no page requests, the smallest directory, RID_PASID 0. */
	REQUIRE(!scalable() || (!(context->low & 0xffc) && !context->high),
		"context entry: more than a directory");
	REQUIRE(scalable() || (!(context->low & 0xff0) && !(context->high & ~0xffff07ull)),
		"context entry: reserved bits");
	REQUIRE(!(context->low & 0xc), "context entry: translation type is not 0");
	REQUIRE(scalable() || unit_memory.probing || !caching_mode() || context->high >> 8,
		"context entry: domain id 0");
	return 0;
}

static u8 fetch_pasid(enum view view, u16 requester_id, struct cached_pasid *pasid) {
	struct cached_context context = {0};

	if (view == CACHED && pasids[requester_id].valid) {
		*pasid = pasids[requester_id];
		return 0;
	}
	u8 reason = fetch_context(view, requester_id, &context);

	if (reason)
		return reason;
	if (!scalable()) {
		*pasid = (struct cached_pasid){
			.did = (u16)(context.high >> 8),
			.snoops = model.ecap & MODEL_ECAP_C,
			.levels = (unsigned int)(context.high & 7) + 2,
			.table = context.low & ~0xfffull,
		};
		return model.cap & BIT(8 + (context.high & 7)) ? 0 : 3;
	}
	u64 directory = read_structure(context.low & ~0xfffull);

	REQUIRE((directory & 0xfff) == 1, "context entry leads to no PASID table");
	directory &= ~0xfffull;
	u64 low = read_structure(directory), high = read_structure(directory + 8);
	REQUIRE((low & ~(BITS(63, 12) | BITS(4, 2))) == (1 | 2 << 6),
		"PASID entry: not second-stage, or more than that");
	for (u32 i = 2; i < 8; i++)
		REQUIRE(!read_structure(directory + i * 8ull), "PASID entry: reserved words");
	REQUIRE(!(high & ~(BITS(15, 0) | BIT(23))), "PASID entry: reserved bits");
	REQUIRE(!(high & BIT(23)) || model.ecap & MODEL_ECAP_SMPWC,
		"PASID entry: walks snoop that cannot");
	REQUIRE((u16)high, "PASID entry: domain id 0");
	*pasid = (struct cached_pasid){
		.valid = true,
		.silent = context.low & 2,
		.snoops = high & BIT(23),
		.did = (u16)high,
		.levels = (unsigned int)(low >> 2 & 7) + 2,
		.table = low & ~0xfffull,
	};
	if (!(model.cap & BIT(6 + pasid->levels)))
		return 3;
	if (view == CACHED)
		pasids[requester_id] = *pasid;
	return 0;
}

/* The table below an entry at LEVEL, if a cache has it. */
static struct cached_table *table_cache(u16 did, unsigned int level, u64 prefix) {
	return &tables[(did * 37u + level * 11 + prefix) % CACHED_TABLES];
}

static u8 walk(enum view view, const struct cached_pasid *pasid, u64 address,
	       struct cached_page *page) {
	unsigned int rights = 3, levels = pasid->levels;
	u64 table = pasid->table;
	u16 did = pasid->did;

	page->rights = 0;
	if (address >> (12 + 9 * levels))
		return 4;
	for (unsigned int level = levels;; level--) {
		unsigned int shift = 12 + 9 * (level - 1);
		struct cached_table *cached = table_cache(did, level, address >> shift);

		if (view == CACHED && cached->valid && cached->did == did &&
		    cached->level == level && cached->prefix == address >> shift) {
			rights &= cached->rights;
			table = cached->table;
			continue;
		}
		u64 at = table + (address >> shift & 511) * 8;
		u64 entry = pasid->snoops ? unit_memory_snoop(at) : unit_memory_read(at);
		bool large = entry & BIT(7);

		rights &= entry & 3;
		if (!rights)
			return 0;
		if (entry & BIT(62) || (large && level > 3) ||
		    (large && level > 1 && !(model.cap & BIT(32 + level))))
			return 0xc;
		table = entry & BITS(51, 12);
		if (level == 1 || large) {
			if (table & (BIT(shift) - 1))
				return 0xc;
			page->host = table + (address & (BIT(shift) - 1) & ~0xfffull);
			page->rights = rights;
			return 0;
		}
		if (view == CACHED)
			*cached = (struct cached_table){true, did, level, rights, address >> shift,
							table};
	}
}

/* Which page answers: one that is cached for this requester, or one that the tables lead to. */
static u8 find_page(enum view view, u16 requester_id, u64 address, struct cached_page *page) {
	struct cached_page *slot = &pages[(requester_id * 61u + (address >> 12)) % CACHED_PAGES];
	struct cached_pasid pasid = {0};

	if (view == CACHED && slot->valid && slot->sid == requester_id &&
	    slot->page == address >> 12) {
		*page = *slot;
		return 0;
	}
	u8 reason = fetch_pasid(view, requester_id, &pasid);

	if (reason)
		return reason;
	*page = (struct cached_page){true, requester_id, pasid.did, address >> 12, 0, 0};
	reason = walk(view, &pasid, address, page);
	if (!reason && view == CACHED && (page->rights || caching_mode()))
		*slot = *page;
	return reason;
}

static u8 translate(enum view view, u16 requester_id, u64 address, bool write, u64 *host) {
	struct cached_page page;
	u8 reason = 0;

	*host = address;
	if (!(model.gsts & MODEL_TES))
		return 0;
	reason = find_page(view, requester_id, address, &page);
	if (!reason && !(page.rights & (write ? 2 : 1)))
		reason = write ? 5 : 6;
	if (!reason)
		*host = page.host + (address & 0xfff);
	return reason_of(reason);
}

/* Whether this requester's faults are not recorded. */
static bool is_silent(u16 requester_id) {
	struct cached_context context = {0};

	if (scalable() && pasids[requester_id].valid)
		return pasids[requester_id].silent;
	fetch_context(CACHED, requester_id, &context);
	return context.low & 2;
}

u8 model_dma(u16 requester_id, u64 address, bool write, u64 *host) {
	u8 reason = translate(CACHED, requester_id, address, write, host);
	u64 right;

	if (!model.lenient) {
		u8 should = translate(FRESH, requester_id, address, write, &right);

		REQUIRE(reason == should && (reason || *host == right),
			"a cache lets %04x have 0x%lx: reason %u, the tables say %u", requester_id,
			(long)*host, reason, should);
	}
	if (reason && !is_silent(requester_id))
		model_fault(requester_id, address & ~0xfffull, reason, !write);
	return reason;
}

/* ---- interrupts ---- */

static u8 remap(enum view view, u16 requester_id, u64 address, u32 data, u32 *index,
		struct model_interrupt *to) {
	struct cached_entry entry;

	if (!(address & BIT(4)))
		return 0x25;
	*index = (u32)(address >> 5 & 0x7fff) | (u32)(address >> 2 & 1) << 15;
	if (address & BIT(3))
		*index += data & 0xffff;
	if (*index >= 2u << (model.interrupts & 15))
		return 0x21;
	entry = entries[*index];
	if (view == FRESH || !entry.valid) {
		u64 at = (model.interrupts & ~0xfffull) + *index * 16ull;

		entry = (struct cached_entry){true, read_structure(at), read_structure(at + 8)};
		if (view == CACHED && (entry.low & 1 || caching_mode()))
			entries[*index] = entry;
	}
	if (!(entry.low & 1))
		return 0x22;
	if (entry.low & 0xff00f000 || entry.high >> 20)
		return 0x24;
	if ((entry.high >> 18 & 3) != 1 || (entry.high >> 16 & 3) ||
	    (u16)entry.high != requester_id)
		return 0x26;
	REQUIRE(!(entry.low & 0xee), "interrupt entry: not fixed, physical");
	to->vector = (u8)(entry.low >> 16);
	to->destination = (u32)(entry.low >> 32);
	if (!(model.interrupts & BIT(11))) {
		REQUIRE(!(to->destination & 0xffff00ff), "interrupt entry: destination misplaced");
		to->destination >>= 8;
	}
	return 0;
}

u8 model_message(u16 requester_id, u64 address, u32 data, struct model_interrupt *interrupt) {
	struct model_interrupt right = {0};
	u32 index = 0;

	REQUIRE(address >> 20 == 0xfee, "message outside of the interrupt window");
	u8 reason = remap(CACHED, requester_id, address, data, &index, interrupt);

	if (!model.lenient) {
		u8 should = remap(FRESH, requester_id, address, data, &index, &right);

		REQUIRE(reason == should &&
				(reason || (interrupt->vector == right.vector &&
					    interrupt->destination == right.destination)),
			"a cache answers an interrupt of %04x: reason %u, the table says %u",
			requester_id, reason, should);
	}
	if (reason)
		model_fault(requester_id, (u64)index << 48, reason, false);
	return reason;
}

/* Devices try what they can. */
static void probe(void) {
	if (unit_memory.probing || reads > PROBED_READS)
		return;
	unit_memory.probing = true;
	for (u32 i = 0; i < model.probe_count; i++) {
		u16 requester_id = model.probes[i].requester_id;
		u64 address = model.probes[i].address, host;
		struct model_interrupt got;
		u32 index;

		if (model.probes[i].is_message && model.gsts & MODEL_IRES)
			remap(CACHED, requester_id, address, 0, &index, &got);
		else if (!model.probes[i].is_message &&
			 !translate(CACHED, requester_id, address, true, &host))
			REQUIRE(!model.may_land || model.may_land(requester_id, address, host),
				"%04x reaches 0x%lx, which never was its own", requester_id,
				(long)host);
	}
	unit_memory.probing = false;
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
		/*
		 * What is cached under another domain id stays. An absent entry counts as id 0. In
		 * scalable mode the id is not looked at.
		 */
		if (contexts[sid].valid && (scalable()              ? did
					    : contexts[sid].low & 1 ? (u16)(contexts[sid].high >> 8)
								    : 0) == did)
			contexts[sid].valid = false;
		break;
	default: fail_msg("context invalidation of unexpected granularity");
	}
}

static void run_pasid(u64 low) {
	u16 did = (u16)(low >> 16);
	bool all = (low >> 4 & 3) == 3;

	REQUIRE(all || !(low >> 4 & 3), "PASID cache invalidation of unexpected granularity");
	REQUIRE(scalable(), "PASID cache invalidation outside of scalable mode");
	if (all)
		event("pasid-all");
	else
		event("pasid(%u)", did);
	for (u32 i = 0; i < ARRAY_SIZE(pasids); i++)
		if (all || pasids[i].did == did)
			pasids[i].valid = false;
	if (all) {
		REQUIRE(model.context_clean, "PASID cache invalidated before the context cache");
		model.pasid_clean = true;
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
	for (u32 i = 0; i < CACHED_TABLES; i++)
		if (all || tables[i].did == did)
			tables[i].valid = false;
	if (all) {
		REQUIRE(model.context_clean, "IOTLB invalidated before the context cache");
		REQUIRE(model.pasid_clean || !scalable(),
			"IOTLB invalidated before the PASID cache");
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
	REQUIRE(order <= (model.ecap >> 20 & 15), "interrupt invalidation of too many entries");
	for (u32 i = 0; i < 1u << order; i++)
		entries[index + i].valid = false;
}

static bool is_legal(u64 low, u64 high) {
	switch (low & 15) {
	case 1: return !high && !(low & (BITS(63, 50) | BITS(15, 6)));
	case 2: return !high && !(low & (BITS(63, 32) | BITS(15, 8)));
	case 4: return !high && !(low & (BITS(63, 48) | BITS(26, 5)));
	case 5: return !(high & 3) && !(low & (BITS(31, 8) | BIT(4))) && low & BIT(5);
	case 7: return !high && model.iqa & BIT(11) && !(low & (BITS(63, 32) | BITS(15, 6)));
	default: return false;
	}
}

static void run_request(u64 low) {
	switch (low & 15) {
	case 1: run_context(low); break;
	case 2: run_iotlb(low); break;
	case 7: run_pasid(low); break;
	default: run_interrupts(low);
	}
	model.requests++;
	probe();
}

/* Whether the descriptor at the head is one that the unit refuses; says so if it is. */
static bool refuses(u64 low, u64 high, u64 at) {
	if (model.refuse && (low & 15) == model.refuse) {
		model.refused_low = low;
		model.refused_at = at;
		model.refuse = 0;
	}
	if (!is_legal(low, high) || (low == model.refused_low && at == model.refused_at)) {
		model.fsts |= 0x10;
		return true;
	}
	return false;
}

/*
 * One step: all requests up to the next wait, the last one first, since they may be done in any order;
 * or that wait.
 */
static void run_queue(void) {
	const u64 *ring = (const u64 *)(uintptr_t)(model.iqa & ~0xfffull);
	u32 bytes = model.iqa & BIT(11) ? 32 : 16;
	u64 requests[QUEUE_BYTES / 16];
	u32 count = 0;

	if (!(model.gsts & MODEL_QIES) || model.dead || model.stalled || model.pending & MODEL_QIES)
		return;
	while (!(model.fsts & 0x50) && model.iqh != model.iqt) {
		u64 low = ring[model.iqh / 8], high = ring[model.iqh / 8 + 1];
		bool is_wait = (low & 15) == 5;

		REQUIRE(bytes == 16 || (!ring[model.iqh / 8 + 2] && !ring[model.iqh / 8 + 3]),
			"request: upper half of a wide descriptor");
		if ((is_wait && count) || refuses(low, high, model.iqh))
			break;
		model.iqh = (model.iqh + bytes) % QUEUE_BYTES;
		if (model.abort && (low & 15) == model.abort) {
			model.abort = 0;
			model.iqh = model.iqt;
			model.fsts |= 0x40;
		} else if (is_wait) {
			__atomic_store_n((u32 *)unit_memory_at(high, 4), (u32)(low >> 32),
					 __ATOMIC_RELEASE);
			break;
		} else {
			requests[count++] = low;
			if (model.incomplete && (low & 15) == model.incomplete) {
				model.incomplete = 0;
				model.fsts |= 0x20;
			}
		}
	}
	while (count)
		run_request(requests[--count]);
}

/* ---- registers ---- */

static u32 count_present(void) {
	u32 present = 0;

	for (u32 id = 0; id < 65536; id++) {
		u64 entry = context_address((u16)id);

		if (entry)
			present += read_structure(entry) & 1;
	}
	return present;
}

static void check_state(u32 bit, bool on) {
	switch (bit) {
	case MODEL_TES:
		if (!on)
			break;
		REQUIRE(model.gsts & MODEL_RTPS, "translation on without a root pointer");
		REQUIRE(model.context_clean && model.iotlb_clean &&
				(model.pasid_clean || !scalable()),
			"translation on, caches stale");
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
		if (on)
			unit_memory.ring = (const u8 *)(uintptr_t)(model.iqa & ~0xfffull);
		break;
	default: fail_msg("unknown state bit 0x%x", bit);
	}
}

static void check_one_shot(u32 bit) {
	switch (bit) {
	case BIT(30):
		event("root");
		REQUIRE(!(model.gsts & MODEL_TES) || !((model.root ^ model.rtaddr) & BITS(11, 10)),
			"table mode changed while translation is on");
		REQUIRE(model.gsts & MODEL_QIES, "root pointer set before the queue is on");
		REQUIRE(!(model.rtaddr & MODEL_SCALABLE) == !(model.iqa & BIT(11)),
			"descriptors of the other table mode's width");
		break;
	case BIT(27):
		event("wbf");
		REQUIRE(model.cap & MODEL_CAP_RWBF, "write buffer flushed without need");
		break;
	case BIT(24):
		event("table");
		REQUIRE(!(model.gsts & MODEL_IRES) || !((model.interrupts ^ model.irta) & BIT(11)),
			"destination format changed while remapping is on");
		break;
	default: fail_msg("unknown command 0x%x", bit);
	}
}

/* The command that was given takes effect, and GSTS shows it. */
static void complete(u32 bit) {
	switch (bit) {
	case BIT(30):
		model.root = model.rtaddr;
		model.context_clean = model.pasid_clean = model.iotlb_clean = false;
		model.gsts |= bit;
		break;
	case BIT(27): unit_memory_drain(); break;
	case BIT(24):
		model.interrupts = model.irta;
		model.interrupts_clean = false;
		model.gsts |= bit;
		break;
	case MODEL_QIES:
		model.iqh = 0;
		model.stalled = false;
		model.gsts ^= bit;
		if (!(model.gsts & bit))
			unit_memory.ring = NULL;
		break;
	default: model.gsts ^= bit;
	}
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

	REQUIRE(!model.pending, "a command before GSTS shows 0x%x", model.pending);
	REQUIRE(__builtin_popcount(changed) + __builtin_popcount(commands) <= 1,
		"more than one change at once: 0x%x", changed | commands);
	if (commands)
		check_one_shot(commands);
	if (changed) {
		event("%s%c", state_name(changed), value & changed ? '+' : '-');
		check_state(changed, value & changed);
	}
	if (commands & (BIT(30) | BIT(24)))
		model.gsts &= ~commands;
	model.pending = changed | commands;
	model.pending_reads = model.pending & model.stuck ? STUCK_READS : COMMAND_READS;
}

/* The unit goes on by itself; a read of a register is the time that it has. */
static void tick(void) {
	reads++;
	if (model.pending && !--model.pending_reads) {
		if (!(model.pending & model.stuck))
			complete(model.pending);
		model.pending = 0;
	}
	if (reads % 2)
		run_queue();
	if (model.pmen & BIT(31))
		model.pmen |= 1;
	else if (reads >= COMMAND_READS && !model.pmen_stuck)
		model.pmen = 0;
	probe();
}

static void written(void) {
	model.writes++;
	reads = 0;
	unit_memory.hook = probe;
	probe();
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

	tick();
	if (record && offset % 16 == 12)
		return (u32)(record->high >> 32);
	switch (offset) {
	case 0x1c: return model.gsts | (model.pending & (u32)BIT(27));
	case 0x34: return model.fsts;
	case 0x38: return model.fectl;
	case 0x64: return model.pmen;
	default: fail_msg("32-bit read of 0x%x", offset);
	}
	return 0;
}

void mmio_write32(volatile u8 *address, u32 value) {
	u32 offset = offset_of(address, 4);
	struct model_record *record = record_at(offset);

	written();
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
		update_event(false);
		break;
	case 0x38:
		REQUIRE(!(value & ~(u32)EVENT_MASKED), "fault event: reserved bits");
		model.fectl = value | (model.fectl & (u32)EVENT_PENDING);
		update_event(false);
		break;
	case 0x3c:
	case 0x40:
	case 0x44:
		REQUIRE(model.fectl & (u32)EVENT_MASKED,
			"message of the fault event while it is not masked");
		*(offset == 0x3c   ? &model.fedata
		  : offset == 0x40 ? &model.feaddr
				   : &model.feuaddr) = value;
		break;
	case 0x64:
		event("pmr%c", value & BIT(31) ? '+' : '-');
		REQUIRE(value & BIT(31) || model.gsts & MODEL_TES,
			"protected regions off before translation is on");
		model.pmen = (value & (u32)BIT(31)) | (model.pmen & 1);
		break;
	default: fail_msg("32-bit write of 0x%x", offset);
	}
}

u64 mmio_read64(const volatile u8 *address) {
	u32 offset = offset_of(address, 8);
	const struct model_record *record = record_at(offset);

	tick();
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

	written();
	switch (offset) {
	case 0x20:
		REQUIRE(!model.pending, "root pointer changed during a command");
		REQUIRE(!(value & MODEL_SCALABLE) || model.ecap & MODEL_ECAP_SMTS,
			"root pointer: a mode that the unit does not know");
		REQUIRE(!(value & BIT(11)), "root pointer: abort mode");
		model.rtaddr = model.no_legacy_mode && !(value & MODEL_SCALABLE) ? 0 : value;
		break;
	case 0x88:
		REQUIRE(!(value & ~BITS(18, 4)), "queue tail: reserved bits");
		REQUIRE(!(model.iqa & BIT(11)) || !(value & BIT(4)), "queue tail: half a request");
		REQUIRE(!(model.pending & MODEL_QIES), "queue tail while the queue goes on or off");
		REQUIRE(!(model.gsts & MODEL_QIES) || value != model.iqh ||
				model.iqh == model.iqt || model.dead || model.stalled ||
				model.fsts & 0x50,
			"requests are taken back from a queue that works");
		if (model.gsts & MODEL_QIES && value != model.iqh)
			unit_memory_check_ring((u32)model.iqt, (u32)value, QUEUE_BYTES);
		model.iqt = value;
		for (u32 i = 0; model.prompt && i < QUEUE_BYTES / 16; i++)
			run_queue();
		break;
	case 0x90:
		REQUIRE(!(model.gsts & MODEL_QIES) && !(model.pending & MODEL_QIES),
			"queue moved while it is on");
		REQUIRE(!(value & (model.ecap & MODEL_ECAP_SMTS ? 0x7ff : 0xfff)),
			"queue: wider descriptors, or more than a page");
		model.iqa = value;
		break;
	case 0xb8:
		REQUIRE(!model.pending, "interrupt table changed during a command");
		model.irta = value;
		break;
	default: fail_msg("64-bit write of 0x%x", offset);
	}
}
