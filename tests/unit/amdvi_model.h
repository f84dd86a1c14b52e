/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"

/*
 * An AMD-Vi unit as a program: registers, the command buffer, the caches that commands have to empty,
 * and the ways of a DMA request and of an interrupt through the tables. Written from the manual, with
 * numbers of its own: nothing of it comes from the driver's headers.
 */
#define AMDVI_MODEL_REGISTERS 0x4000
#define AMDVI_MODEL_WRITES 512
#define AMDVI_MODEL_COMMANDS 4096
#define AMDVI_MODEL_CACHE 64

struct amdvi_model_write {
	u32 offset;
	u64 value;
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
	/* Stops at the next command of this opcode, as if it were not legal; 0: none. */
	u32 illegal;
	/* Every entry of the table in force was blocked when translation went on. */
	bool blocked_at_enable;
	bool window; /* translation was switched off after it was on */
	/* What commands 2, 3, 5 and 8 drop. */
	u64 device_cache[65536][4];
	bool device_cached[65536];
	struct {
		bool valid;
		u16 domain;
		u64 page, to;
		bool read, write;
	} pages[AMDVI_MODEL_CACHE];
	struct {
		bool valid;
		u16 requester;
		u32 index;
		u64 low, high;
	} interrupts[AMDVI_MODEL_CACHE];
	u32 next_slot;
};

void amdvi_model_init(struct amdvi_model *model, u64 features);
u64 amdvi_model_read(struct amdvi_model *model, u32 offset);
void amdvi_model_write(struct amdvi_model *model, u32 offset, u64 value);
/* A DMA request; false: blocked. */
bool amdvi_model_dma(struct amdvi_model *model, u16 requester, u64 address, bool write, u64 *to);
/* An interrupt message; false: blocked. */
bool amdvi_model_interrupt(struct amdvi_model *model, u16 requester, u32 data, u32 *apic_id,
			   u8 *vector);
/* Appends to the event log as hardware does; sets the overflow bit when it is full. */
void amdvi_model_event(struct amdvi_model *model, u64 low, u64 address);
/* Writes of one register: how many, and the value of number N. */
u32 amdvi_model_written(const struct amdvi_model *model, u32 offset);
/* Position in the log of the N-th write to OFFSET, UINT32_MAX when there is none. */
u32 amdvi_model_position(const struct amdvi_model *model, u32 offset, u32 n);
