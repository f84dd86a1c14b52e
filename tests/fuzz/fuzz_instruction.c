/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an instruction: lengths stay within them, and what was decoded can be carried out. */
#include "guest.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool condition) {
	if (!condition)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
	struct memory_instruction instruction;
	struct vcpu_state state = {.rflags = 2};
	u64 result = 0;

	if (size < 2)
		return 0;
	enum code_mode mode = data[0] % 3;

	for (u32 i = 0; i < GPR_COUNT; i++)
		state.gpr[i] = 0x9e3779b97f4a7c15ull * (i + data[1]);
	data += 2;
	size -= 2;
	require(instruction_length(data, size, mode) <= min_u64(size, INSTRUCTION_BYTES_MAX));
	if (!instruction_decode(data, size, mode, &instruction))
		return 0;
	require(instruction.length > 0 &&
		instruction.length <= min_u64(size, INSTRUCTION_BYTES_MAX));
	require(instruction.width == 1 || instruction.width == 2 || instruction.width == 4 ||
		instruction.width == 8);
	require(instruction.reg < GPR_COUNT);
	instruction_execute(&instruction, &state, state.gpr[GPR_RDX], &result);
	require(instruction.width == 8 || result >> (8 * instruction.width) == 0);
	return 0;
}
