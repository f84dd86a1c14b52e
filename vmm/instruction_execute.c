/* SPDX-License-Identifier: Apache-2.0 */
/* What a decoded instruction does to registers, flags and its memory operand (APM volume 3). */
#include "instruction.h"

#define FLAG_CF BIT(0)
#define FLAG_PF BIT(2)
#define FLAG_AF BIT(4)
#define FLAG_ZF BIT(6)
#define FLAG_SF BIT(7)
#define FLAG_DF BIT(10)
#define FLAG_OF BIT(11)
#define FLAGS_ARITHMETIC (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

static u64 read_register(const struct memory_instruction *instruction,
			 const struct vcpu_state *state) {
	u64 value = state->gpr[instruction->reg] >> (instruction->high_byte ? 8 : 0);

	return value & byte_mask(instruction->register_width);
}

/* Writing 32 bits clears the upper half; writing fewer leaves the rest alone. */
static void write_gpr(struct vcpu_state *state, u8 reg, u8 width, u8 shift, u64 value) {
	u64 mask = width >= 4 ? ~0ull : byte_mask(width) << shift;

	value = (value & byte_mask(width)) << shift;
	state->gpr[reg] = (state->gpr[reg] & ~mask) | value;
}

static void write_register(const struct memory_instruction *instruction, struct vcpu_state *state,
			   u64 value) {
	write_gpr(state, instruction->reg, instruction->register_width,
		  instruction->high_byte ? 8 : 0, value);
}

/* All flags from a result of WIDTH bytes and the carries (borrows) out of each of its bits. */
static void set_flags(struct vcpu_state *state, u64 result, u64 carries, u8 width) {
	u64 mask = byte_mask(width), top = mask & ~(mask >> 1);
	u64 flags = (carries & top ? FLAG_CF : 0) | (carries & BIT(3) ? FLAG_AF : 0) |
		    ((carries ^ carries << 1) & top ? FLAG_OF : 0);

	flags |= (result & top ? FLAG_SF : 0) | (result & mask ? 0 : FLAG_ZF) |
		 (__builtin_parity((u8)result) ? 0 : FLAG_PF);
	state->rflags = (state->rflags & ~FLAGS_ARITHMETIC) | flags;
}

/* A OPCODE B with flags, in WIDTH bytes. */
static u64 compute(struct vcpu_state *state, enum operation opcode, u64 a, u64 b, u8 width) {
	u64 result = b, carries = 0;

	switch (opcode) {
	case OP_ADD:
		result = a + b;
		carries = (a & b) | ((a | b) & ~result);
		break;
	case OP_SUB:
	case OP_CMP:
		result = a - b;
		carries = (~a & b) | (~(a ^ b) & result);
		break;
	case OP_AND:
	case OP_TEST: result = a & b; break;
	case OP_OR: result = a | b; break;
	case OP_XOR: result = a ^ b; break;
	default: return b; /* mov, xchg */
	}
	set_flags(state, result, carries, width);
	return result & byte_mask(width);
}

static void load(const struct memory_instruction *instruction, struct vcpu_state *state,
		 u64 memory) {
	if (instruction->sign_extend)
		memory = sign_extend(memory, instruction->width);
	if (instruction->opcode != OP_MOV)
		memory = compute(state, instruction->opcode, read_register(instruction, state),
				 memory, instruction->width);
	if (instruction->opcode != OP_CMP)
		write_register(instruction, state, memory);
}

/* One step of a string instruction: the pointers that it uses, and the count of REP. */
static void advance(const struct memory_instruction *instruction, struct vcpu_state *state) {
	u64 step = state->rflags & FLAG_DF ? 0 - (u64)instruction->width : instruction->width;
	u8 width = instruction->address_width;

	if (instruction->move)
		write_gpr(state, GPR_RSI, width, 0, state->gpr[GPR_RSI] + step);
	write_gpr(state, GPR_RDI, width, 0, state->gpr[GPR_RDI] + step);
	if (instruction->repeat)
		write_gpr(state, GPR_RCX, width, 0, state->gpr[GPR_RCX] - 1);
}

void instruction_execute(const struct memory_instruction *instruction, struct vcpu_state *state,
			 u64 memory, u64 *result) {
	u8 width = instruction->width;
	u64 operand = instruction->has_immediate ? instruction->immediate & byte_mask(width)
						 : read_register(instruction, state);

	memory &= byte_mask(width);
	*result = memory;
	if (instruction->operation == OPERATION_READ)
		load(instruction, state, memory);
	else if (!instruction->move)
		*result = compute(state, instruction->opcode, memory, operand, width);
	if (instruction->opcode == OP_XCHG)
		write_register(instruction, state, memory);
	if (instruction->string)
		advance(instruction, state);
}
