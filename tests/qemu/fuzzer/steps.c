/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of random steps that a partition survives. */
#include "fuzz.h"

u32 step_port(void) {
	struct trial t = draw_registers();
	bool out = one_in(2), wide = one_in(2);
	u8 bytes[3];
	u32 count = 0;

	t.gpr[RDX] = draw_port();
	t.gpr[RAX] = draw_value();
	if (out && is_power((u16)t.gpr[RDX], (u32)t.gpr[RAX]))
		out = false;
	if (wide && one_in(2))
		bytes[count++] = 0x66;
	bytes[count++] = (u8)(0xec | (out ? 2 : 0) | wide);
	return trial_do(one_in(4) ? draw_mode() : MODE_64_0, bytes, count, &t);
}

u32 step_msr(void) {
	struct trial t = draw_registers();
	u32 index = draw_msr(), vector;
	u64 value = draw_value();
	bool write = one_in(2);

	if (index == MSR_KVM_SYSTEM_TIME || index == MSR_KVM_WALL_CLOCK)
		value = draw_clock();
	if (index == MSR_EFER)
		value ^= one_in(2) ? value : 0x501;
	t.flags = one_in(2) ? t.flags : t.flags & ~(u64)FLAG_IF;
	t.gpr[RCX] = index;
	t.gpr[RAX] = (u32)value;
	t.gpr[RDX] = value >> 32;
	vector = trial_do(one_in(8) && index < 0xc0000000 ? draw_mode() : MODE_64_0,
			  (const u8[]){0x0f, write ? 0x30 : 0x32}, 2, &t);
	if (write)
		trial_normalise_registers();
	if (write && index == MSR_EFER)
		trial_normalise();
	return vector;
}

u32 step_cpuid(void) {
	static const u32 first[] = {0, 0x40000000, 0x80000000, 0xc0000000, 0x20000000, 0x8fffffff};
	struct trial t = draw_registers();

	t.gpr[RAX] = one_in(4) ? draw_value() : first[below(COUNT(first))] + below(0x40);
	t.gpr[RCX] = one_in(2) ? below(64) : draw_value();
	return trial_do(one_in(4) ? draw_mode() : MODE_64_0, (const u8[]){0x0f, 0xa2}, 2, &t);
}

u32 step_xsetbv(void) {
	static const u8 code[] = {0x0f, 0x20, 0xe0, 0x48, 0x0f, 0xba, 0xe8, 0x12, 0x0f,
				  0x22, 0xe0, 0x4c, 0x89, 0xc0, 0x4c, 0x89, 0xca, 0x4c,
				  0x89, 0xd1, 0x0f, 0x01, 0xd1, 0x0f, 0x01, 0xd0};
	struct trial t = draw_registers();

	t.gpr[8] = one_in(2) ? below(0x400) : draw_value();
	t.gpr[9] = one_in(2) ? 0 : draw_value();
	t.gpr[10] = one_in(4) ? draw_value() : 0;
	return trial_do(MODE_64_0, code, sizeof(code), &t);
}

/* Bits of CR4 that this processor has, and whose change does not take the ground away. */
static u64 cr4_bits(void) {
	static const struct {
		u32 leaf;
		u8 reg, from, to;
	} features[] = {
		{1, 3, 1, 0},   {1, 3, 1, 1},   {1, 3, 4, 2},   {1, 3, 2, 3},   {1, 3, 7, 6},
		{1, 3, 13, 7},  {1, 3, 25, 9},  {1, 3, 25, 10}, {7, 2, 2, 11},  {7, 1, 0, 16},
		{1, 2, 17, 17}, {1, 2, 26, 18}, {7, 1, 7, 20},  {7, 1, 20, 21},
	};
	static u64 bits;
	u64 found = 0;
	u32 r[4];

	for (u32 i = 0; !bits && i < COUNT(features); i++) {
		cpuid(features[i].leaf, 0, r);
		found |= (u64)(r[features[i].reg] >> features[i].from & 1) << features[i].to;
	}
	bits |= found;
	return bits;
}

u32 step_control(void) {
	static const u8 codes[][3] = {
		{0x0f, 0x22, 0xc0}, {0x0f, 0x22, 0xd0}, {0x0f, 0x22, 0xd8}, {0x0f, 0x22, 0xe0}};
	extern u64 good_cr0, good_cr3, good_cr4;
	const u64 cr0_bits = 0x5002e; /* without reserved ones; CD and NW stay off */
	struct trial t = draw_registers();
	enum mode mode;

	switch (below(6)) {
	case 0:
		t.gpr[RAX] = good_cr0 ^ (draw() & cr0_bits);
		return trial_do(MODE_64_0, codes[0], 3, &t);
	case 1: t.gpr[RAX] = draw_value(); return trial_do(MODE_64_0, codes[1], 3, &t);
	case 2:
		t.gpr[RAX] = good_cr3 | (draw() & 0x18);
		return trial_do(MODE_64_0, codes[2], 3, &t);
	case 3:
		t.gpr[RAX] = good_cr4 ^ (draw() & cr4_bits());
		return trial_do(MODE_64_0, codes[3], 3, &t);
	case 4: /* mov cr8, rax */
		t.gpr[RAX] = one_in(2) ? below(16) : draw_value();
		return trial_do(MODE_64_0, (const u8[]){0x44, 0x0f, 0x22, 0xc0}, 4, &t);
	default: /* lmsw, clts, smsw */
		t.gpr[RAX] = draw_value();
		mode = draw_mode(); /* from real mode LMSW would lead into another one */
		return trial_do(mode == MODE_REAL ? MODE_64_0 : mode,
				(const u8[]){0x0f, 0x01, 0xf0, 0x0f, 0x06, 0x0f, 0x01, 0xe0}, 8,
				&t);
	}
}

u32 step_debug(void) {
	/* mov dr0..dr3, r8..r11; mov dr6, r12; mov dr7, r13; mov [rbx], al; in al, dx; cpuid */
	static const u8 code[] = {0x41, 0x0f, 0x23, 0xc0, 0x41, 0x0f, 0x23, 0xc9, 0x41, 0x0f,
				  0x23, 0xd2, 0x41, 0x0f, 0x23, 0xdb, 0x41, 0x0f, 0x23, 0xf4,
				  0x41, 0x0f, 0x23, 0xfd, 0x88, 0x03, 0xec, 0x0f, 0xa2};
	struct trial t = draw_registers();
	u32 vector;

	for (u32 i = 8; i < 12; i++)
		t.gpr[i] = one_in(2) ? t.gpr[RBX] + below(8)
				     : CODE_WINDOW + CODE_USUAL + below(sizeof(code));
	t.gpr[12] = one_in(2) ? draw() & 0xffff : draw_value();
	t.gpr[13] = one_in(8) ? draw_value() : (u32)draw();
	vector = trial_do(MODE_64_0, code, sizeof(code), &t);
	__asm__ volatile("mov %0, %%dr7" : : "r"(0ull));
	return vector;
}

u32 step_device(void) {
	enum mode mode = one_in(3) ? draw_mode() : MODE_64_0;
	struct trial t = draw_registers();
	u8 bytes[24];
	u32 count = draw_device_code(mode, bytes);

	/* Addresses of 1 MiB and more are out of reach there. */
	if (mode == MODE_VIRTUAL_8086)
		mode = MODE_REAL;
	t.gpr[RCX] = below(6);
	draw_window(&t, is_paged(mode));
	u32 vector = trial_do(mode, bytes, count, &t);

	/* The local APIC may have been hit, and an emulator does not live with a timer of nanoseconds. */
	trial_normalise_registers();
	return vector;
}

/* The instruction that reaches a device lies on two pages of code. */
u32 step_crossing(void) {
	enum mode mode = one_in(2) ? MODE_64_0 : (enum mode)below(MODE_COMPAT_16_3 + 1);
	struct trial t = draw_registers();
	u8 bytes[24];
	u32 count = draw_device_code(mode, bytes), offset = PAGE - (u32)below(count + 1), vector;

	t.gpr[RCX] = below(4);
	draw_window(&t, true);
	trial_code(offset, bytes, count);
	map_page(CODE_WINDOW + PAGE, CODE_WINDOW + PAGE, !one_in(8));
	vector = trial_run(mode, offset, &t);
	trial_normalise_registers();
	map_page(CODE_WINDOW + PAGE, CODE_WINDOW + PAGE, true);
	return vector;
}

u32 step_icr(void) {
	struct trial t = draw_registers();
	u64 destinations[] = {
		0, 1, 2, 3, 4, 5, 6, apic_id(), 0xff, 0xffff, UINT32_MAX, 1 << below(16), draw()};
	u64 value = destinations[below(COUNT(destinations))] << 32 | below(8) << 8 |
		    (draw() & 0xc800) | below(4) << 18 |
		    (one_in(2) ? draw() & 0xff : 0x50 + below(0x20));
	u32 delivery = value >> 8 & 7, vector;

	/* A start-up message to where the second processor's code is; and it is started again below. */
	if (delivery == 6)
		value = (value & ~0xffull) | (0x60 + below(0x3f));
	if (one_in(16))
		value = draw_value();
	if ((value >> 8 & 7) == 6 && (value & 0xff) < 0x51)
		value |= 0x60;
	t.gpr[RCX] = one_in(8) ? X2APIC_SELF_IPI : X2APIC_ICR;
	t.gpr[RAX] = (u32)value;
	t.gpr[RDX] = value >> 32;
	vector = trial_do(MODE_64_0, (const u8[]){0x0f, 0x30}, 2, &t);
	if (delivery >= 5)
		try_write_msr(X2APIC_ICR, 0xc4660);
	return vector;
}

u32 step_instruction(void) {
	const struct instruction *i = &instructions[below(instruction_count)];
	enum mode mode = one_in(3) ? draw_mode() : MODE_64_0;
	struct trial t = draw_registers();
	u8 bytes[24];
	u32 count, vector;

	/* SYSCALL in real mode: an emulator goes on with 32-bit code. */
	if (i->flags & STOPS || (mode == MODE_REAL && i->bytes[1] == SYSCALL))
		i = &instructions[10]; /* cpuid */
	/* Below 1 MiB and above 64 KiB, where there is one. */
	if (mode == MODE_VIRTUAL_8086 || mode == MODE_REAL)
		t.gpr[RBX] = 0x40000 + (mode == MODE_VIRTUAL_8086 ? 0 : below(0x800));
	t.gpr[RCX] = one_in(2) ? draw_msr() : below(8);
	if ((u32)t.gpr[RCX] == MSR_EFER || (u32)t.gpr[RCX] >> 8 == 0x4b564d)
		t.gpr[RCX] = 0x10;
	t.gpr[RDX] = draw() & 0xfff8;
	if (is_power((u16)t.gpr[RDX], 0x24) || t.gpr[RDX] == TASK_OTHER || t.gpr[RDX] == TASK_64)
		t.gpr[RDX] = 0;
	if (i->bytes[1] == SYSRET ||
	    i->bytes[1] == SYSEXIT) /* sysret, sysexit: back into the code */
		t.gpr[RCX] = t.gpr[RDX] = CODE_WINDOW + 2 * CODE_USUAL;
	if (mode == MODE_REAL) /* lmsw */
		t.gpr[RAX] &= ~1ull;
	if (i->bytes[0] == HLT) /* something must end it */
		t.flags |= FLAG_IF;
	count = instruction_bytes(i, mode, bytes);
	vector = trial_do(mode, bytes, count, &t);
	trial_normalise_registers();
	return vector;
}

/* Any bytes, where they can do harm to nothing but the sandbox. */
u32 step_random_user(void) {
	struct trial t = draw_registers();
	enum mode mode = (enum mode)(1 + 2 * below(3));
	u32 count = 1 + (u32)below(15), offset = (u32)below(2 * PAGE - 64);
	u8 bytes[16];

	for (u32 i = 0; i < count; i++)
		bytes[i] = one_in(8) ? 0x0f : (u8)draw();
	for (u32 i = 0; i < COUNT(t.gpr); i++)
		t.gpr[i] = one_in(2) ? SANDBOX + below(SANDBOX_BYTES) : draw_value();
	t.flags = (t.flags & ~(u64)FLAG_IOPL) | FLAG_IF;
	trial_code(offset, bytes, count);
	return trial_run(mode, offset, &t);
}

/* The same with all rights, but in an address space without devices and most memory, and without string I/O. */
u32 step_random_kernel(void) {
	struct trial t = draw_registers();
	u32 count = 1 + (u32)below(8), vector;
	u8 bytes[24] = {0x41, 0x0f, 0x22, 0xdf}; /* mov cr3, r15 */
	extern u64 low_table[], directories[];
	static u64 tables[3][512] __attribute__((aligned(PAGE)));

	tables[0][0] = (u64)tables[1] | 7;
	tables[1][0] = (u64)tables[2] | 7;
	tables[2][0] = (u64)low_table | 7;
	tables[2][SANDBOX / SANDBOX_BYTES] = directories[SANDBOX / SANDBOX_BYTES];
	for (u32 i = 4; i < count + 4; i++) {
		bytes[i] = one_in(4) ? 0x0f : (u8)draw();
		if ((bytes[i] & 0xfc) == 0x6c || bytes[i] == 0xfa || bytes[i] == 0xf4)
			bytes[i] = 0x90;
	}
	for (u32 i = 0; i < 15; i++)
		t.gpr[i] = one_in(2) ? SANDBOX + below(SANDBOX_BYTES)
				     : draw_value() | 0x8000000000000000ull;
	t.gpr[RCX] = one_in(2) ? t.gpr[RCX] : below(64);
	t.gpr[15] = (u64)tables[0];
	t.flags |= FLAG_IF;
	vector = trial_do(MODE_64_0, bytes, count + 4, &t);
	trial_normalise();
	return vector;
}

u32 step_config(void) {
	struct trial t = draw_registers();
	/* mov eax, r8d; mov dx, 0xcf8; out dx, eax; mov eax, r9d; mov edx, r10d; then the access */
	u8 code[] = {0x44, 0x89, 0xc0, 0x66, 0xba, 0xf8, 0x0c, 0xef,
		     0x44, 0x89, 0xc8, 0x44, 0x89, 0xd2, 0x90, 0xec};

	t.gpr[8] = (one_in(8) ? draw() : 1u << 31 | below(0x2000)) & 0xffffffff;
	t.gpr[9] = draw_value();
	t.gpr[10] = one_in(8) ? 0xcf8 + below(8) : 0xcfc + below(4);
	code[14] = one_in(3) ? 0x66 : 0x90;
	code[15] = (u8)(0xec + below(4));
	if (is_power((u16)t.gpr[10], (u32)t.gpr[9]))
		t.gpr[9] = 0;
	return trial_do(MODE_64_0, code, sizeof(code), &t);
}

bool reset_taken;

/* A function level reset, and an access to the function's registers while it is away. */
u32 step_reset(void) {
	static struct resettable r;
	struct trial t = draw_registers();
	u32 vector;
	/* mov eax, r8d; mov dx, 0xcf8; out dx, eax; mov eax, r9d; mov dl, 0xfc; out dx, eax or ax; then the access */
	u8 code[] = {0x44, 0x89, 0xc0, 0x66, 0xba, 0xf8, 0x0c, 0xef, 0x44,
		     0x89, 0xc8, 0xb2, 0xfc, 0x90, 0xef, 0x90, 0x8b, 0x03};

	if (!r.device)
		r = find_resettable();
	t.gpr[8] = 1u << 31 | r.device << 11 | r.control;
	t.gpr[9] = (u32)draw_value() | 0x8000;
	code[13] = one_in(2) ? 0x66 : 0x90;
	code[15] = one_in(2) ? 0x66 : 0x90;
	code[16] = one_in(2) ? 0x89 : 0x8b;
	t.gpr[RBX] = DATA_WINDOW + below(0x40);
	if (r.device)
		map_page(DATA_WINDOW, r.registers, true);
	vector = trial_do(MODE_64_0, code, sizeof(code), &t);
	reset_taken = r.device && config_read(r.device, 0) == UINT32_MAX;
	return vector;
}
