/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "guest.h"

/*
 * What memory_instruction.opcode means: a base for each kind of encoding, and behind it the three
 * bits with which the processor tells the operations of that kind apart.
 */
enum operation {
	OP_ARITHMETIC = 0,
	OP_ADD = 0,
	OP_OR = 1,
	OP_AND = 4,
	OP_SUB = 5,
	OP_XOR = 6,
	OP_CMP = 7,
	OP_TEST = 8,
	OP_MOV = 16,
	OP_XCHG = 24,
};

/* The low WIDTH bytes of VALUE as a signed number; none are zero. */
static inline u64 sign_extend(u64 value, u8 width) {
	u32 unused = 64 - 8 * width;

	return width ? (u64)((s64)(value << unused) >> unused) : 0;
}
