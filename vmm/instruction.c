/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions that compilers and kernels use on device registers: how long they are, what they
 * access (APM volume 3, appendix A). What they do is in instruction_execute.c. Everything else is
 * refused.
 */
#include "instruction.h"

#define REX_W BIT(3)
#define REX_R BIT(2)
#define MODRM_MOD(byte) ((byte) >> 6)
#define MODRM_REG(byte) ((byte) >> 3 & 7)
#define MODRM_RM(byte) ((byte)&7)
#define REGISTER_FORM 3 /* of MODRM_MOD: no memory operand */

/* How the rest of an instruction is read. */
enum form_flag {
	BYTES = BIT(0), /* bit 0 of the opcode tells words from bytes */
	IN_OPCODE = BIT(1), /* bits 5:3 of the opcode are the low bits of the operation */
	IN_MODRM = BIT(2), /* those of ModRM are */
	IMMEDIATE = BIT(3), /* instead of a register, as wide as the operand, at most four bytes */
	IMMEDIATE_BYTE = BIT(4),
	ADDRESS = BIT(5), /* the address stands in the instruction: no ModRM */
	STRING = BIT(6), /* no ModRM either */
	MOVE = BIT(7),
	SIGNED = BIT(8),
	LONG_MODE = BIT(9), /* something else in other modes */
};

/* Opcodes that are CODE where MASK has ones; made of instructions.txt. */
static const struct form {
	u16 code, mask;
	u8 operation; /* enum memory_operation; what only compares becomes OPERATION_TEST */
	u8 opcode; /* enum operation */
	u8 width; /* of memory, when it is not the register's */
	u16 flags; /* enum form_flag */
} forms[] = {
#include "instructions.h"
};

/* What the operations may turn out to be: others with the same encodings are refused. */
static const u32 known_operations = BIT(OP_ADD) | BIT(OP_OR) | BIT(OP_AND) | BIT(OP_SUB) |
				    BIT(OP_XOR) | BIT(OP_CMP) | BIT(OP_MOV) | BIT(OP_TEST) |
				    BIT(OP_XCHG);
static const u32 comparing_operations = BIT(OP_CMP) | BIT(OP_TEST);

/* The first six select segments, in the order of enum segment_name. */
static const u8 prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
#define PREFIX_OPERAND BIT(6)
#define PREFIX_ADDRESS BIT(7)
#define PREFIX_LOCK BIT(8)
#define PREFIX_REPEAT (BIT(9) | BIT(10))
_Static_assert(SEG_ES == 0 && SEG_DS == 3 && SEG_FS == 4 && SEG_GS == 5, "order of prefixes");

/* A reader over the bytes. Past their end it yields zeros and notes it. */
struct decoder {
	const u8 *bytes;
	size_t count, at;
	bool short_of_bytes;
	u32 prefixes; /* bits as in the table of that name */
	u16 code;
	u8 rex, modrm;
	u8 segment; /* enum segment_name */
	u8 operand_width, address_width;
};

static u8 next_byte(struct decoder *d) {
	if (d->at < d->count)
		return d->bytes[d->at++];
	d->short_of_bytes = true;
	return 0;
}

/* A little-endian number of WIDTH bytes, sign-extended. */
static u64 next_number(struct decoder *d, u8 width) {
	u64 value = 0;

	for (u32 i = 0; i < width; i++)
		value |= (u64)next_byte(d) << 8 * i;
	return sign_extend(value, width);
}

static bool take_legacy_prefix(struct decoder *d, u8 byte) {
	for (u32 i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (byte != prefixes[i])
			continue;
		d->prefixes |= 1u << i;
		if (i <= SEG_GS)
			d->segment = (u8)i;
		return true;
	}
	return false;
}

static bool has_prefix(const struct decoder *d, u32 prefix) {
	return d->prefixes & prefix;
}

/* Reads prefixes and opcode, and finds the widths that they and the mode make. */
static struct decoder start(const u8 *bytes, size_t count, enum code_mode mode) {
	struct decoder d = {.bytes = bytes, .segment = SEG_DS};
	bool narrow = mode == CODE_16;
	u8 byte;

	d.count = min_u64(count, INSTRUCTION_BYTES_MAX);
	do
		byte = next_byte(&d);
	while (take_legacy_prefix(&d, byte));
	if (mode == CODE_64 && (byte & 0xf0) == 0x40) {
		/* REX stands right before the opcode: a legacy prefix behind it is refused as one. */
		d.rex = byte;
		byte = next_byte(&d);
	}
	d.code = byte == 0x0f ? 0x0f00 | next_byte(&d) : byte;
	d.operand_width = narrow != has_prefix(&d, PREFIX_OPERAND) ? 2 : 4;
	if (d.rex & REX_W)
		d.operand_width = 8;
	d.address_width = narrow != has_prefix(&d, PREFIX_ADDRESS) ? 2 : 4;
	if (mode == CODE_64)
		d.address_width = has_prefix(&d, PREFIX_ADDRESS) ? 4 : 8;
	return d;
}

/* ModRM, SIB and displacement. */
static void read_memory_operand(struct decoder *d) {
	bool narrow = d->address_width == 2;
	u8 mod, base;

	d->modrm = next_byte(d);
	mod = MODRM_MOD(d->modrm);
	base = MODRM_RM(d->modrm);
	if (mod == REGISTER_FORM)
		return;
	if (!narrow && base == 4)
		base = MODRM_RM(next_byte(d)); /* a SIB byte */
	if (mod == 1)
		(void)next_number(d, 1);
	else if (mod == 2 || base == (narrow ? 6 : 5)) /* no base: a displacement instead */
		(void)next_number(d, narrow ? 2 : 4);
}

/* The other operand: an immediate, the register of ModRM, or without ModRM the accumulator. */
static void read_other_operand(struct decoder *d, u16 flags, struct memory_instruction *in) {
	in->reg = MODRM_REG(d->modrm);
	if ((d->rex & REX_R) && !(flags & (ADDRESS | STRING)))
		in->reg += 8;
	in->has_immediate = flags & (IMMEDIATE | IMMEDIATE_BYTE);
	if (in->has_immediate) {
		in->immediate = next_number(
			d, flags & IMMEDIATE_BYTE ? 1 : (u8)min_u64(in->register_width, 4));
	} else if (in->register_width == 1 && !d->rex && in->reg >= 4) {
		/* Without REX, byte registers 4 to 7 are AH to BH. */
		in->reg -= 4;
		in->high_byte = true;
	}
}

static bool decode(struct decoder *d, const struct form *form, struct memory_instruction *in) {
	u16 flags = form->flags;

	in->register_width = flags & BYTES && !(d->code & 1) ? 1 : d->operand_width;
	in->width = form->width ? form->width : in->register_width;
	in->sign_extend = flags & SIGNED;
	in->string = flags & STRING;
	in->move = flags & MOVE;
	in->repeat = in->string && has_prefix(d, PREFIX_REPEAT);
	in->address_width = d->address_width;
	in->source_segment = d->segment;
	if (flags & ADDRESS)
		(void)next_number(d, d->address_width);
	else if (!in->string)
		read_memory_operand(d);
	read_other_operand(d, flags, in);
	in->opcode = form->opcode;
	if (flags & IN_OPCODE)
		in->opcode += d->code >> 3 & 7;
	if (flags & IN_MODRM)
		in->opcode += MODRM_REG(d->modrm);
	in->operation = form->operation;
	if (in->operation == OPERATION_READ_MODIFY_WRITE && comparing_operations >> in->opcode & 1)
		in->operation = OPERATION_TEST;
	in->length = (u8)d->at;
	return (known_operations >> in->opcode & 1) && MODRM_MOD(d->modrm) != REGISTER_FORM &&
	       in->width <= in->register_width && !d->short_of_bytes &&
	       (in->operation == OPERATION_READ_MODIFY_WRITE || !has_prefix(d, PREFIX_LOCK));
}

bool instruction_decode(const u8 *bytes, size_t count, enum code_mode mode,
			struct memory_instruction *instruction) {
	struct decoder d = start(bytes, count, mode);

	*instruction = (struct memory_instruction){0};
	for (u32 i = 0; i < ARRAY_SIZE(forms); i++)
		if ((d.code & forms[i].mask) == forms[i].code)
			return (mode == CODE_64 || !(forms[i].flags & LONG_MODE)) &&
			       decode(&d, &forms[i], instruction);
	return false;
}

u8 instruction_length(const u8 *bytes, size_t count, enum code_mode mode) {
	/* hlt, pause, clts, invd, wbinvd, wrmsr, rdtsc, rdmsr, rdpmc, cpuid */
	static const u16 known[] = {0xf4,   0x90,   0x0f06, 0x0f08, 0x0f09,
				    0x0f30, 0x0f31, 0x0f32, 0x0f33, 0x0fa2};
	struct decoder d = start(bytes, count, mode);
	/* Group 7: in register form nearly all are instructions of their own. */
	bool found = d.code == 0x0f01 && MODRM_MOD(next_byte(&d)) == REGISTER_FORM;

	for (u32 i = 0; i < ARRAY_SIZE(known); i++)
		found |= d.code == known[i];
	return found && !d.short_of_bytes && !has_prefix(&d, PREFIX_LOCK) ? (u8)d.at : 0;
}
