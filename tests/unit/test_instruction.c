/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder against the GNU assembler's encodings, and the execution against this very processor:
 * same operands, same flags.
 */
#include "instruction_cases.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool marked(const struct decode_case *c, char mark) {
	return strchr(c->marks, mark) != NULL;
}

static void check_case(const struct decode_case *c) {
	struct memory_instruction in;
	u8 bytes[INSTRUCTION_BYTES_MAX];

	/* What follows an instruction is none of its business. */
	memset(bytes, 0x66, sizeof(bytes));
	memcpy(bytes, c->bytes, c->length);
	if (!instruction_decode(bytes, sizeof(bytes), c->mode, &in))
		fail_msg("refused: %s", c->source);
	if (in.length != c->length || in.operation != c->operation || in.opcode != c->opcode ||
	    in.width != c->width)
		fail_msg("%s: length %u operation %u opcode %u width %u", c->source, in.length,
			 in.operation, in.opcode, in.width);
	if (in.high_byte != marked(c, 'h') || in.sign_extend != marked(c, 's') ||
	    in.has_immediate != marked(c, 'i') || in.string != marked(c, 'S') ||
	    in.move != marked(c, 'm') || in.repeat != (marked(c, 'r')))
		fail_msg("%s: marks", c->source);
	if (c->register_width && (in.reg != c->reg || in.register_width != c->register_width))
		fail_msg("%s: register %u width %u", c->source, in.reg, in.register_width);
	for (u8 count = 0; count < c->length; count++)
		if (instruction_decode(bytes, count, c->mode, &in))
			fail_msg("%s: accepted with %u bytes", c->source, count);
}

static void decodes_as_the_assembler_encodes(void **unused) {
	(void)unused;
	for (u32 i = 0; i < ARRAY_SIZE(decode_cases); i++)
		check_case(&decode_cases[i]);
}

static void refuses_the_rest(void **unused) {
	struct memory_instruction in;

	(void)unused;
	for (u32 i = 0; i < ARRAY_SIZE(refused_cases); i++) {
		const struct bytes_case *c = &refused_cases[i];

		if (instruction_decode((const u8 *)c->bytes, c->length, c->mode, &in))
			fail_msg("accepted: %s", c->source);
	}
}

static void system_instructions_have_their_length(void **unused) {
	(void)unused;
	for (u32 i = 0; i < ARRAY_SIZE(system_cases); i++) {
		const struct bytes_case *c = &system_cases[i];
		const u8 *bytes = (const u8 *)c->bytes;

		if (instruction_length(bytes, c->length, c->mode) != c->length)
			fail_msg("%s", c->source);
		assert_int_equal(instruction_length(bytes, c->length - 1u, c->mode), 0);
	}
	assert_int_equal(instruction_length((const u8 *)"\x66\x67\x48\x0f\xa2", 5, CODE_64), 5);
	assert_int_equal(instruction_length((const u8 *)"\x89\x07", 2, CODE_64), 0);
	assert_int_equal(instruction_length((const u8 *)"\x0f\x05", 2, CODE_64), 0);
}

static void prefixes_that_fill_fifteen_bytes_are_too_many(void **unused) {
	struct memory_instruction in;
	u8 bytes[17];

	(void)unused;
	memset(bytes, 0x2e, sizeof(bytes));
	memcpy(bytes + 13, "\x89\x07", 2);
	assert_true(instruction_decode(bytes, 15, CODE_64, &in));
	assert_int_equal(in.length, 15);
	memcpy(bytes + 13, "\x2e\x89\x07", 3);
	assert_false(instruction_decode(bytes, 16, CODE_64, &in));
	/* A lock on what cannot be locked. */
	assert_false(instruction_decode((const u8 *)"\xf0\x89\x07", 3, CODE_64, &in));
	assert_false(instruction_decode((const u8 *)"\xf0\x39\x07", 3, CODE_64, &in));
}

/* --- execution --- */

struct native_result {
	u64 a, b, flags;
};

/* A OPCODE B on this processor: A is what memory holds, B the register. */
#define NATIVE(name, instruction)                                                                  \
	static struct native_result name(u64 a, u64 b, u64 flags) {                                \
		__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpush %2\n\tpopfq\n\t" instruction      \
				 "\n\tpushfq\n\tpop %2\n\tlea 128(%%rsp), %%rsp"                   \
				 : "+q"(a), "+q"(b), "+r"(flags)                                   \
				 :                                                                 \
				 : "cc", "memory");                                                \
		return (struct native_result){a, b, flags};                                        \
	}
#define NATIVE_TWO(name)                                                                           \
	NATIVE(name##1, #name "b %b1, %b0")                                                        \
	NATIVE(name##2, #name "w %w1, %w0")                                                        \
	NATIVE(name##4, #name "l %k1, %k0")                                                        \
	NATIVE(name##8, #name "q %1, %0")

NATIVE_TWO(add)
NATIVE_TWO(or)
NATIVE_TWO(and)
NATIVE_TWO(sub)
NATIVE_TWO(xor)
NATIVE_TWO(cmp)
NATIVE_TWO(test)
NATIVE_TWO(xchg)

#define FLAGS_ALL 0x8d5ul
#define FLAG_AF 0x10ul
#define FOUR(name)                                                                                 \
	{ name##1, name##2, name##4, name##8 }

static const struct {
	enum operation opcode;
	u64 flags; /* that are defined */
	struct native_result (*native[4])(u64 a, u64 b, u64 flags);
} operations[] = {
	{OP_ADD, FLAGS_ALL, FOUR(add)},
	{OP_OR, FLAGS_ALL & ~FLAG_AF, FOUR(or)},
	{OP_AND, FLAGS_ALL & ~FLAG_AF, FOUR(and)},
	{OP_SUB, FLAGS_ALL, FOUR(sub)},
	{OP_XOR, FLAGS_ALL & ~FLAG_AF, FOUR(xor)},
	{OP_CMP, FLAGS_ALL, FOUR(cmp)},
	{OP_TEST, FLAGS_ALL & ~FLAG_AF, FOUR(test)},
	{OP_XCHG, FLAGS_ALL, FOUR(xchg)},
};

static u64 interesting(void) {
	static const u64 edges[] = {0,      1,      0x7f,       0x80,       0xff,
				    0x7fff, 0x8000, 0x7fffffff, 0x80000000, 1ull << 63};
	u64 value = (u64)random() << 42 ^ (u64)random() << 21 ^ (u64)random();

	return random() % 2 ? value
			    : edges[(u32)random() % ARRAY_SIZE(edges)] - (random() % 3 == 0);
}

static void check_operation(u32 which, u32 size) {
	u8 width = (u8)(1u << size);
	u64 mask = ~0ull >> (64 - 8 * width), a = interesting(), b = interesting(), result;
	u64 flags = 0x202 | ((u64)random() & FLAGS_ALL);
	enum operation opcode = operations[which].opcode;
	struct memory_instruction in = {
		.width = width,
		.operation = opcode == OP_CMP || opcode == OP_TEST ? OPERATION_TEST
								   : OPERATION_READ_MODIFY_WRITE,
		.opcode = (u8)opcode,
		.reg = GPR_RBX,
		.register_width = width,
	};
	struct vcpu_state state = {.rflags = flags, .gpr[GPR_RBX] = b};
	struct native_result native = operations[which].native[size](a, b, flags);

	instruction_execute(&in, &state, a, &result);
	if (in.operation != OPERATION_TEST)
		assert_int_equal(result, native.a & mask);
	assert_int_equal(state.gpr[GPR_RBX], native.b);
	assert_int_equal(state.rflags & operations[which].flags,
			 native.flags & operations[which].flags);
	assert_int_equal(state.rflags & ~FLAGS_ALL, 0x202);
}

static void computes_as_the_processor_does(void **unused) {
	(void)unused;
	srandom(1);
	for (u32 round = 0; round < 20000; round++)
		for (u32 which = 0; which < ARRAY_SIZE(operations); which++)
			for (u32 size = 0; size < 4; size++)
				if (operations[which].native[size])
					check_operation(which, size);
}

static u64 run(const char *bytes, u8 length, struct vcpu_state *state, u64 memory) {
	struct memory_instruction in;
	u64 result;

	assert_true(instruction_decode((const u8 *)bytes, length, CODE_64, &in));
	instruction_execute(&in, state, memory, &result);
	return result;
}

static void loads_extend_as_told(void **unused) {
	struct vcpu_state state = {.gpr = {~0ull, ~0ull, ~0ull, ~0ull}};

	(void)unused;
	run("\x8b\x0f", 2, &state, 0xf123456711111111); /* mov (%rdi),%ecx */
	assert_int_equal(state.gpr[GPR_RCX], 0x11111111);
	run("\x8a\x27", 2, &state, 0x12); /* mov (%rdi),%ah */
	assert_int_equal(state.gpr[GPR_RAX], 0xffffffffffff12ff);
	run("\x66\x8b\x17", 3, &state, 0x1234);
	assert_int_equal(state.gpr[GPR_RDX], 0xffffffffffff1234);
	run("\x48\x0f\xbe\x1f", 4, &state, 0x80); /* movsbq */
	assert_int_equal(state.gpr[GPR_RBX], 0xffffffffffffff80);
	run("\x0f\xbe\x1f", 3, &state, 0x80); /* movsbl */
	assert_int_equal(state.gpr[GPR_RBX], 0xffffff80);
	run("\x48\x63\x1f", 3, &state, 0x80000000); /* movslq */
	assert_int_equal(state.gpr[GPR_RBX], 0xffffffff80000000);
	run("\x23\x1f", 2, &state, 0xf0f0f0f0); /* and (%rdi),%ebx */
	assert_int_equal(state.gpr[GPR_RBX], 0x80000000);
}

static void stores_give_register_or_immediate(void **unused) {
	struct vcpu_state state = {.gpr = {0x1122334455667788, 2, 3, 0xabcd}};

	(void)unused;
	assert_int_equal(run("\x88\x27", 2, &state, 0), 0x77); /* mov %ah,(%rdi) */
	assert_int_equal(run("\x89\x07", 2, &state, 0), 0x55667788);
	assert_int_equal(run("\x48\xc7\x00\xfe\xff\xff\xff", 7, &state, 0), 0xfffffffffffffffe);
	assert_int_equal(run("\xc7\x00\xfe\xff\xff\xff", 6, &state, 0), 0xfffffffe);
}

static void strings_move_their_pointers(void **unused) {
	struct vcpu_state state = {0};

	(void)unused;
	state.gpr[GPR_RAX] = 0x1234567890;
	state.gpr[GPR_RCX] = 5;
	state.gpr[GPR_RSI] = state.gpr[GPR_RDI] = 0x100000000;
	assert_int_equal(run("\xf3\xab", 2, &state, 0), 0x34567890); /* rep stosl */
	assert_int_equal(state.gpr[GPR_RDI], 0x100000004);
	assert_int_equal(state.gpr[GPR_RSI], 0x100000000);
	assert_int_equal(state.gpr[GPR_RCX], 4);
	state.rflags = BIT(10);
	assert_int_equal(run("\x48\xa5", 2, &state, 77), 77); /* movsq, backwards */
	assert_int_equal(state.gpr[GPR_RDI], 0xfffffffc);
	assert_int_equal(state.gpr[GPR_RSI], 0xfffffff8);
	assert_int_equal(state.gpr[GPR_RCX], 4);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_as_the_assembler_encodes),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(system_instructions_have_their_length),
		cmocka_unit_test(prefixes_that_fill_fifteen_bytes_are_too_many),
		cmocka_unit_test(computes_as_the_processor_does),
		cmocka_unit_test(loads_extend_as_told),
		cmocka_unit_test(stores_give_register_or_immediate),
		cmocka_unit_test(strings_move_their_pointers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
