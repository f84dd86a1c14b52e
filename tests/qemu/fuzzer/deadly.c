/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that may end the partition. */
#include "fuzz.h"

#define IOAPIC_BASE 0xfec00000u
#define LOSSES 8 /* of lose() */

/* Where nothing is, as the stack, as tables of the processor, as code. */
static u32 lose(u32 which, struct trial *t) {
	static struct __attribute__((packed)) {
		u16 limit;
		u64 base;
	} table;
	static const u8 load_idt[] = {0x0f, 0x01, 0x1b, 0x0f, 0x0b},
			load_gdt[] = {0x0f, 0x01, 0x13, 0x0f, 0x0b};
	extern u64 directories_pointer[], good_cr3;
	static volatile u8 canary;
	u64 kept = directories_pointer[1];
	u32 vector;

	table.limit = one_in(2) ? 0xffff : 0;
	table.base = one_in(2) ? NOWHERE : draw_address();
	switch (which) {
	case 0:
	case 1:
		t->gpr[RBX] = (u64)&table;
		return trial_do(MODE_64_0, which ? load_gdt : load_idt, sizeof(load_idt), t);
	case 2: /* push rax; pop rax */
		t->rsp = one_in(2) ? NOWHERE : ecam + PAGE;
		return trial_do(MODE_64_0, (const u8[]){0x50, 0x58}, 2, t);
	case 3: /* code itself */
		trial_code(CODE_USUAL, (const u8[]){0x90}, 1);
		map_page(CODE_WINDOW, one_in(2) ? draw_address() : ecam, true);
		return trial_run(MODE_64_0, CODE_USUAL, t);
	case 4: /* a table of pages */
		directories_pointer[1] = (draw_address() & ~(u64)(PAGE - 1)) | 7;
		t->gpr[RBX] = GIB + below(GIB);
		__asm__ volatile("mov %0, %%cr3" : : "r"(good_cr3));
		vector = trial_do(MODE_64_0, (const u8[]){0x8b, 0x03}, 2, t);
		directories_pointer[1] = kept;
		return vector;
	case 5: /* all tables */
		t->gpr[RAX] = draw_address() & ~(u64)(PAGE - 1);
		return trial_do(MODE_64_0, (const u8[]){0x0f, 0x22, 0xd8}, 3, t);
	case 6: /* a program lets its device write into the kernel: movsb */
		map_page(DATA_WINDOW, IOAPIC_BASE, true);
		t->gpr[RSI] = DATA_WINDOW + 0x10;
		t->gpr[RDI] = (u64)&canary;
		vector = trial_do(MODE_64_3, (const u8[]){0xa4}, 1, t);
		if (canary)
			print("fuzzer: a program wrote where only its kernel may");
		return vector;
	default: /* half of an instruction that reaches a device */
		trial_code(PAGE - 1, (const u8[]){0x8b, 0x03}, 2);
		map_page(CODE_WINDOW + PAGE, draw_address(), true);
		draw_window(t, true);
		return trial_run(MODE_64_0, PAGE - 1, t);
	}
}

u32 step_deadly(void) {
	static const struct {
		u8 length, bytes[11];
	} codes[] = {
		{3, {0x0f, 0x0b, 0x90}},
		{1, {0x6c}}, /* insb */
		{2, {0xf3, 0x6f}}, /* rep outsd */
		{3, {0x0f, 0x22, 0xc0}}, /* mov cr0, rax */
		{3, {0x0f, 0x22, 0xe0}}, /* mov cr4, rax */
		{1, {0xee}}, /* out, of all values */
		{3, {0x0f, 0x28, 0x03}}, /* movaps xmm0, [rbx] */
		{3, {0x0f, 0x11, 0x03}}, /* movups [rbx], xmm0 */
		{2, {0xff, 0x33}}, /* push [rbx] */
		{2, {0xff, 0x13}}, /* call [rbx] */
		{2, {0xff, 0xe3}}, /* jmp rbx */
		{2, {0xff, 0x03}}, /* inc [rbx] */
		{2, {0xf7, 0x13}}, /* not [rbx] */
		{4, {0xf0, 0x0f, 0xb1, 0x13}}, /* lock cmpxchg */
		{3, {0x0f, 0xc7, 0x0b}}, /* cmpxchg8b */
		{2, {0xdd, 0x03}}, /* fld */
		{3, {0x0f, 0xba, 0x23}}, /* bt, without its immediate */
		{2, {0xf3, 0xad}}, /* rep lodsd */
		{2, {0xf3, 0xa6}}, /* repe cmpsb */
		{2, {0xf3, 0xae}}, /* repe scasb */
		{3, {0x0f, 0xae, 0x03}}, /* fxsave */
		{3, {0x0f, 0x01, 0x13}}, /* lgdt [rbx] */
		{3, {0x0f, 0x18, 0x03}}, /* prefetch */
		{2, {0xd0, 0x03}}, /* rol [rbx] */
		{2, {0x8f, 0x03}}, /* pop [rbx] */
		{2, {0x8c, 0x03}}, /* mov [rbx], es */
		{2, {0x8e, 0x03}}, /* mov es, [rbx] */
		{7, {0xea, 0, 0, 0, 0, TASK_OTHER, 0}}, /* a task switch, in 32-bit code */
		{7, {0xea, 0, 0, 0, 0, TASK_64, 0}},
		{2, {0xf3, 0xa4}}, /* rep movsb over itself */
		{2, {0x88, 0x03}}, /* mov [rbx], al, in its own last byte */
		{2, {0xfa, 0xf4}}, /* cli; hlt */
		{2, {0xeb, 0xfe}}, /* jmp $ */
		{1, {0xcf}}, /* iret */
	};
	struct trial t = draw_registers();
	u32 which = (u32)below(COUNT(codes) + LOSSES), vector;
	enum mode mode = one_in(2) ? MODE_64_0 : draw_mode();

	if (which >= COUNT(codes)) {
		vector = lose(which - COUNT(codes), &t);
	} else {
		const u8 *bytes = codes[which].bytes;

		t.gpr[RCX] = below(64);
		t.gpr[RDX] = draw_port();
		if ((u16)t.gpr[RDX] == 0x600) /* an orderly end is the end */
			t.gpr[RDX] = 0xcf9;
		if (bytes[0] == 0xea)
			mode = MODE_PROTECTED_0 + (u32)below(7);
		draw_window(&t, is_paged(mode));
		if (bytes[0] == 0xf3 && bytes[1] == 0xa4)
			t.gpr[RDI] = CODE_WINDOW + CODE_USUAL;
		if (bytes[0] == 0x88)
			t.gpr[RBX] = CODE_WINDOW + CODE_USUAL + below(4);
		vector = trial_do(mode, bytes, codes[which].length, &t);
	}
	trial_normalise();
	return vector;
}
