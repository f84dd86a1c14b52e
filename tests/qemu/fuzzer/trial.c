/* SPDX-License-Identifier: Apache-2.0 */
/* One trial: a few bytes of code in any mode of the processor, ended by whatever vector comes. */
#include "fuzzer.h"

#define LOW_PARAMETERS (LOW_BASE + 0x40)
#define TABLES_32 0x30000u
#define TABLES_PAE 0x31000u
#define DIRECTORIES_PAE 0x32000u
#define LEGACY_IDT 0x36000u
#define LEGACY_TASK 0x37000u
#define OTHER_TASK 0x37100u
#define TASK_BYTES 104u
#define TSS_32_AVAILABLE 0x89ull
#define DIRECTORY_PAGE 0xe7u /* present, writable, for users, accessed, dirty, large */
#define LEGACY_GATE 0x8e00u
#define LEGACY_GATE_USER 0xee00u

#define CR0_PE_NE 0x21u
#define CR0_PG (1u << 31)
#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define EFER_USUAL 0x501u /* SCE, LME, LMA */
#define STAR_USUAL ((u64)(CODE_32_USER & ~3u) << 48 | (u64)CODE_64 << 32)
#define PAT_USUAL 0x0007040600070406ull
#define SVR_USUAL 0x1ffu
#define DIVIDE_BY_16 3u
#define WATCH_TICKS 3000000u /* 48 ms of a bus clock of 1 GHz */
#define TIMER_PERIODIC (1u << 17)
#define FLAGS_USUAL 0x202u
#define FLAG_IF 0x200u
#define FLAG_IOPL 0x3000u
#define FLAG_VM 0x20000u
#define CODE_USUAL 0x100u
#define FIRST_INTERRUPT 16u

struct __attribute__((packed)) low {
	u32 gpr[8];
	u32 frame_words, frame[9];
	u32 cr0, cr3, cr4, real, vector, data;
	u32 long_cr0, long_cr3, long_cr4, back;
	u16 gdt_limit;
	u32 gdt_base;
	u16 idt_limit;
	u32 idt_base, progress;
};

const char *const mode_names[MODES] = {
	"64-bit-0",    "64-bit-3",  "compat-32-0", "compat-32-3",    "compat-16-0",
	"compat-16-3", "prot-32-0", "prot-32-3",   "prot-16-0",      "paged-32-0",
	"paged-32-3",  "pae-32-0",  "pae-32-3",    "virtual-8086-3", "real-16-0",
};

extern u32 trial_vector;
extern u64 gdt[], good_cr0, good_cr3, good_cr4;
extern char run_low_end[], system_call_landing[];
void run_long(const struct trial *trial);
void run_low(void);

u8 *const code_pages = (u8 *)(u64)CODE_WINDOW;
static volatile struct low *const low = (volatile struct low *)(u64)LOW_PARAMETERS;
static u32 filled_from, filled_to = 2 * PAGE;

bool mode_is_16(enum mode mode) {
	return mode == MODE_COMPAT_16_0 || mode == MODE_COMPAT_16_3 || mode == MODE_PROTECTED_16 ||
	       mode == MODE_VIRTUAL_8086 || mode == MODE_REAL;
}

bool mode_is_user(enum mode mode) {
	return mode == MODE_64_3 || mode == MODE_COMPAT_32_3 || mode == MODE_COMPAT_16_3 ||
	       mode == MODE_PROTECTED_3 || mode == MODE_PAGED_3 || mode == MODE_PAE_3 ||
	       mode == MODE_VIRTUAL_8086;
}

static void write_msr(u32 index, u64 value) {
	__asm__ volatile("wrmsr" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)));
}

static u64 read_msr(u32 index) {
	u32 value, high;

	__asm__ volatile("rdmsr" : "=a"(value), "=d"(high) : "c"(index));
	return (u64)high << 32 | value;
}

static void task_init(u32 selector, u32 at) {
	gdt[selector / 8] = (TASK_BYTES - 1) | (u64)(at & 0xffffff) << 16 | TSS_32_AVAILABLE << 40;
}

/* Tables of the modes without 64-bit code; all memory is one to one, for everybody. */
static void legacy_init(void) {
	volatile u32 *directory = (volatile u32 *)(u64)TABLES_32;
	volatile u64 *pointers = (volatile u64 *)(u64)TABLES_PAE;
	volatile u64 *directories = (volatile u64 *)(u64)DIRECTORIES_PAE;
	volatile u32 *gates = (volatile u32 *)(u64)LEGACY_IDT;
	volatile u32 *task = (volatile u32 *)(u64)LEGACY_TASK;
	volatile u32 *other = (volatile u32 *)(u64)OTHER_TASK;
	u32 vectors = ((volatile u32 *)(u64)LOW_BASE)[2];

	for (u32 i = 0; i < 1024; i++)
		directory[i] = i << 22 | DIRECTORY_PAGE;
	for (u32 i = 0; i < 4; i++)
		pointers[i] = (DIRECTORIES_PAE + i * PAGE) | 1;
	for (u32 i = 0; i < 2048; i++)
		directories[i] = (u64)i << 21 | DIRECTORY_PAGE;
	for (u32 i = 0; i < 256; i++) {
		gates[2 * i] = CODE_32 << 16 | ((vectors + 16 * i) & 0xffff);
		gates[2 * i + 1] = i == END_VECTOR ? LEGACY_GATE_USER : LEGACY_GATE;
	}
	for (u32 i = 0; i < 64; i++)
		task[i] = 0;
	task[1] = LEGACY_STACK; /* esp0, ss0 */
	task[2] = DATA_FLAT;
	task[25] = TASK_BYTES << 16;
	/* The other task ends the trial at once. */
	other[1] = LEGACY_STACK;
	other[2] = DATA_FLAT;
	other[8] = CODE_WINDOW;
	other[9] = 2;
	other[14] = LEGACY_STACK;
	for (u32 i = 18; i < 24; i++)
		other[i] = i == 19 ? CODE_32 : DATA_FLAT;
	other[25] = TASK_BYTES << 16;
}

/* Writes of these are slow, reads are not. */
static void set_apic(u32 index, u64 value) {
	if (read_msr(index) != value)
		write_msr(index, value);
}

void trial_normalise_registers(void) {
	write_msr(0xc0000081, STAR_USUAL | (u32)(u64)system_call_landing);
	write_msr(0xc0000082, (u64)system_call_landing);
	write_msr(0xc0000083, (u64)system_call_landing);
	write_msr(0xc0000084, FLAG_IF);
	write_msr(MSR_FS_BASE, 0);
	write_msr(MSR_FS_BASE + 1, 0);
	write_msr(MSR_FS_BASE + 2, 0);
	write_msr(0x174, CODE_64);
	write_msr(0x175, SANDBOX + SANDBOX_BYTES / 2);
	write_msr(0x176, (u64)system_call_landing);
	write_msr(0x277, PAT_USUAL);
	/* What came with the number that ends trials. */
	for (u32 i = 0; i < 32 && read_msr(X2APIC_ISR + 7); i++)
		write_msr(X2APIC_EOI, 0);
	set_apic(X2APIC_SVR, SVR_USUAL);
	set_apic(X2APIC_TPR, 0);
	set_apic(X2APIC_LVT_TIMER, TIMER_PERIODIC | WATCH_VECTOR);
	set_apic(X2APIC_TIMER_DIVIDE, DIVIDE_BY_16);
	set_apic(X2APIC_TIMER_INITIAL, WATCH_TICKS);
	__asm__ volatile("mov %0, %%dr7; mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3"
			 :
			 : "r"(0ull));
}

void trial_normalise(void) {
	static bool begun;

	write_msr(MSR_EFER, EFER_USUAL);
	trial_normalise_registers();
	for (u32 page = DATA_WINDOW; page < CODE_WINDOW + 2 * PAGE; page += PAGE)
		map_page(page, page, true);
	filled_from = 0;
	filled_to = 2 * PAGE;
	low_memory_init();
	low->gdt_limit = 0x6f;
	low->gdt_base = (u32)(u64)gdt;
	low->back = (u32)(u64)run_low_end;
	low->long_cr0 = (u32)good_cr0;
	low->long_cr3 = (u32)good_cr3;
	low->long_cr4 = (u32)good_cr4;
	task_init(TASK_32, LEGACY_TASK);
	task_init(TASK_OTHER, OTHER_TASK);
	if (!begun)
		legacy_init();
	begun = true;
}

struct trial trial_usual(void) {
	struct trial t = {.flags = FLAGS_USUAL};

	t.gpr[RBX] = t.gpr[RSI] = SANDBOX + 0x1000;
	t.gpr[RDI] = SANDBOX + 0x2000;
	t.rsp = SANDBOX + SANDBOX_BYTES / 2;
	return t;
}

void trial_code(u32 offset, const u8 *bytes, u32 count) {
	u32 i;

	for (i = filled_from; i < filled_to; i += 2)
		*(volatile u16 *)(code_pages + i) = END_VECTOR << 8 | 0xcd;
	for (i = 0; i < count && offset + i < 2 * PAGE; i++)
		((volatile u8 *)code_pages)[offset + i] = bytes[i];
	filled_from = offset & ~1u;
	filled_to = (offset + i + 3) & ~1u;
	if (filled_to >= 2 * PAGE) {
		filled_to = 2 * PAGE;
	} else {
		((volatile u8 *)code_pages)[offset + i] = 0xcd;
		((volatile u8 *)code_pages)[offset + i + 1] = END_VECTOR;
	}
}

static void run_in_long_mode(enum mode mode, struct trial *t) {
	static const u16 code[] = {CODE_64,      CODE_64_USER, CODE_32,
				   CODE_32_USER, CODE_16,      CODE_16_USER};

	t->cs = code[mode];
	t->ss = mode_is_user(mode) ? DATA_USER : DATA_FLAT;
	t->data = DATA_USER;
	if (mode != MODE_64_0 && mode != MODE_64_3)
		t->rsp = (u32)t->rsp;
	run_long(t);
}

static void run_in_legacy_mode(enum mode mode, struct trial *t) {
	bool user = mode_is_user(mode), paged = mode == MODE_PAGED_0 || mode == MODE_PAGED_3;
	bool pae = mode == MODE_PAE_0 || mode == MODE_PAE_3;
	u32 code = user ? CODE_32_USER : CODE_32, data = user ? DATA_USER : DATA_FLAT;
	u32 flags = (u32)t->flags & ~FLAG_VM;

	for (u32 i = 0; i < 8; i++)
		low->gpr[i] = (u32)t->gpr[i];
	if (mode == MODE_PROTECTED_16)
		code = CODE_16;
	if (mode == MODE_VIRTUAL_8086 || mode == MODE_REAL)
		code = 0;
	if (mode == MODE_VIRTUAL_8086)
		flags |= FLAG_VM | FLAG_IOPL;
	low->frame[0] = (u32)t->rip;
	low->frame[1] = code;
	low->frame[2] = flags;
	low->frame[3] = mode == MODE_VIRTUAL_8086 ? 0x3000 : (u32)t->rsp;
	low->frame[4] = mode == MODE_VIRTUAL_8086 ? 0 : data;
	for (u32 i = 5; i < 9; i++)
		low->frame[i] = 0;
	low->frame_words = mode == MODE_VIRTUAL_8086 ? 9 : user ? 5 : 3;
	low->data = mode == MODE_VIRTUAL_8086 ? DATA_FLAT : data;
	low->real = mode == MODE_REAL;
	low->cr0 = CR0_PE_NE | (paged || pae ? CR0_PG : 0);
	low->cr3 = pae ? TABLES_PAE : TABLES_32;
	low->cr4 = pae ? CR4_PAE : CR4_PSE;
	low->idt_limit = 256 * 8 - 1;
	low->idt_base = LEGACY_IDT;
	*(volatile u32 *)(u64)(OTHER_TASK + 28) = low->cr3;
	run_low();
	trial_vector = low->vector;
	trial_registers[RAX] = low->gpr[RAX];
	trial_registers[RCX] = low->gpr[RCX];
	trial_registers[RDX] = low->gpr[RDX];
	trial_registers[RBX] = low->gpr[RBX];
}

void note_progress(void) {
	low->progress++;
}

u32 trial_run(enum mode mode, u32 offset, struct trial *t) {
	u32 vector;

	note_progress();
	t->rip = CODE_WINDOW + offset;
	if (mode <= MODE_COMPAT_16_3)
		run_in_long_mode(mode, t);
	else
		run_in_legacy_mode(mode, t);
	vector = trial_vector;
	if (vector >= FIRST_INTERRUPT && vector != END_VECTOR &&
	    read_msr(X2APIC_ISR + vector / 32) >> vector % 32 & 1)
		write_msr(X2APIC_EOI, 0);
	return vector;
}

u32 trial_do(enum mode mode, const u8 *bytes, u32 count, struct trial *t) {
	trial_code(CODE_USUAL, bytes, count);
	return trial_run(mode, CODE_USUAL, t);
}

/* In 64-bit mode, without interrupts, so that nothing but the instruction ends it. */
static u32 try_one(const u8 *bytes, u32 count, u64 rax, u64 rcx, u64 rdx) {
	struct trial t = trial_usual();

	t.flags &= ~(u64)FLAG_IF;
	t.gpr[RAX] = rax;
	t.gpr[RCX] = rcx;
	t.gpr[RDX] = rdx;
	return trial_do(MODE_64_0, bytes, count, &t);
}

u32 try_read_msr(u32 index, u64 *value) {
	u32 vector = try_one((const u8[]){0x0f, 0x32}, 2, 0, index, 0);

	*value = trial_registers[RDX] << 32 | (u32)trial_registers[RAX];
	return vector;
}

u32 try_write_msr(u32 index, u64 value) {
	return try_one((const u8[]){0x0f, 0x30}, 2, (u32)value, index, value >> 32);
}

u32 apic_id(void) {
	u64 id;

	return try_read_msr(X2APIC_ID, &id) == END_VECTOR ? (u32)id : 0;
}
