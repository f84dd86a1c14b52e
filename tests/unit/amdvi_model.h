/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"

/*
 * An AMD-Vi unit as a program: registers that follow after a while, the command buffer, the caches that
 * commands have to empty, and the ways of a DMA request and of an interrupt through the tables. Written
 * from the manual, with numbers of its own: nothing of it comes from the driver's headers. A step that
 * the manual forbids fails the running test at once; so does an access that a cache answers in another
 * way than the tables would.
 */
#define AMDVI_MODEL_REGISTERS 0x4000
#define AMDVI_MODEL_WRITES 2048
#define AMDVI_MODEL_COMMANDS 4096
#define AMDVI_MODEL_CACHE 1024

struct amdvi_model_write {
	u32 offset;
	u64 value;
};

/* Translations are found by requester, without a look at its device table entry. */
struct amdvi_model_page {
	bool valid;
	u16 requester, domain;
	u64 page, to;
	bool present, read, write;
};

/* Tables of smaller pages, by domain. */
struct amdvi_model_table {
	bool valid;
	u16 domain;
	unsigned int level;
	u64 prefix, entry, rights;
};

struct amdvi_model {
	u64 registers[AMDVI_MODEL_REGISTERS / 8];
	/* Every register write, in order. */
	struct amdvi_model_write writes[AMDVI_MODEL_WRITES];
	u32 write_count;
	/* The last commands that ran, and how many ran in all, by opcode. */
	u64 commands[AMDVI_MODEL_COMMANDS][2];
	u32 command_count;
	u32 ran[16];
	/* The unit does not run commands. */
	bool dead;
	/* Stops at the next command of this opcode, as if it were not legal, and at that one again; 0: none. */
	u32 illegal;
	u64 refused[2], refused_at;
	bool window; /* translation was switched off after it was on */
	bool lenient; /* stale caches may answer */
	bool np_cache; /* it remembers that there was no page */
	u32 reads; /* since the last write */
	u32 reads_in_all;

	/* What devices try at every moment. Their accesses fill caches and are not recorded. */
	struct {
		u16 requester;
		bool is_message;
		u64 address; /* or index */
	} probes[8];
	u32 probe_count;
	/* Where an access of theirs may land; NULL: nobody looks. */
	bool (*may_land)(u16 requester, u64 address, u64 to);

	/* What commands 2, 3, 5 and 8 drop. */
	u64 device_cache[65536][4];
	bool device_cached[65536];
	struct amdvi_model_page pages[AMDVI_MODEL_CACHE];
	struct amdvi_model_table tables[AMDVI_MODEL_CACHE];
	struct {
		bool valid;
		u16 requester;
		u32 index;
		u64 low, high;
	} interrupts[AMDVI_MODEL_CACHE];
};

void amdvi_model_init(struct amdvi_model *model, u64 features);
u64 amdvi_model_read(struct amdvi_model *model, u32 offset);
void amdvi_model_write(struct amdvi_model *model, u32 offset, u64 value);
void amdvi_model_probe(struct amdvi_model *model, u16 requester, bool is_message, u64 address);
/* A DMA request; false: blocked. */
bool amdvi_model_dma(struct amdvi_model *model, u16 requester, u64 address, bool write, u64 *to);
/* An interrupt message; false: blocked. */
bool amdvi_model_interrupt(struct amdvi_model *model, u16 requester, u32 data, u32 *apic_id,
			   u8 *vector);
/* Appends to the event log as hardware does; sets the overflow bit when it is full. */
void amdvi_model_event(struct amdvi_model *model, u64 low, u64 address);
/* Position in the log of the N-th write to OFFSET, UINT32_MAX when there is none. */
u32 amdvi_model_position(const struct amdvi_model *model, u32 offset, u32 n);
