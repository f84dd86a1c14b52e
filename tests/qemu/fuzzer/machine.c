/* SPDX-License-Identifier: Apache-2.0 */
/* Console, tables of the processor, what is below 1 MiB, and what there is on the bus. */
#include "fuzzer.h"
#include <stdarg.h>

#define SERIAL 0x3f8
#define SLEEP_PORT 0x600
#define SLEEP_OFF (0x20 | 5 << 2)
#define RESET_PORT 0xcf9
#define RESET_FULL 6
#define STUB_BYTES 16
#define GATE_INTERRUPT 0x8e
#define GATE_USER 0x60
#define IST 1
#define PAGE_PRESENT 1u
#define PAGE_WRITE 2u
#define PAGE_USER 4u
#define PAGE_LARGE 0x80u
#define TSS_AVAILABLE 0x89ull
#define ACPI_BEGIN 0xe0000u
#define ACPI_END 0x100000u
#define AP_FILL_BEGIN 0x51000u
#define AP_FILL_END 0x100000u
#define PROGRESS_DEVICE 0x11101af4u /* memory that another machine shares */
#define PCI_COMMAND 4u
#define PCI_BAR0 0x10u
#define PCI_BAR2 0x18u
#define PCI_CAPABILITIES 0x34u
#define CAPABILITY_EXPRESS 0x10u
#define DEVICE_CAPABILITIES 4u
#define DEVICE_CAPABILITIES_FLR (1u << 28)
#define DEVICE_CONTROL 8u

struct gate {
	u16 low, selector;
	u8 ist, type;
	u16 middle;
	u32 high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "interrupt gate");

struct __attribute__((packed)) table_pointer {
	u16 limit;
	u64 base;
};

struct __attribute__((packed)) task_64 {
	u32 reserved0;
	u64 rsp[3], reserved1, ist[7], reserved2;
	u16 reserved3, io_map;
};

extern char vector_stubs[], system_call_landing[];
extern u64 gdt[], low_table[], directories[], root[], good_cr0, good_cr3, good_cr4;
extern const u8 low_part[], low_part_end[];
struct gate idt[256];
extern struct table_pointer idt_pointer;
static struct task_64 task;
static u8 vector_stack[8192] __attribute__((aligned(16)));
u64 ram_end, ecam, shared_memory;

/* The compiler calls them. */
void *memset(void *to, int value, size_t count);
void *memcpy(void *to, const void *from, size_t count);

void *memset(void *to, int value, size_t count) {
	for (size_t i = 0; i < count; i++)
		((volatile char *)to)[i] = (char)value;
	return to;
}

void *memcpy(void *to, const void *from, size_t count) {
	for (size_t i = 0; i < count; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

static void out8(u16 port, u8 value) {
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void out32(u16 port, u32 value) {
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static u32 in32(u16 port) {
	u32 value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void put(char c) {
	out8(SERIAL, (u8)c);
}

static void put_number(u64 value, u32 base) {
	char digits[20];
	u32 count = 0;

	do
		digits[count++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (count)
		put(digits[--count]);
}

/* Whatever a trial has done to the port: no divisor, no loopback. */
static void console_normalise(void) {
	out8(SERIAL + 3, 3);
	out8(SERIAL + 4, 0);
	out8(SERIAL + 1, 0);
	out8(SERIAL + 2, 0);
}

void print(const char *format, ...) {
	va_list arguments;

	console_normalise();
	va_start(arguments, format);
	for (; *format; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		format++;
		if (*format == 's') {
			for (const char *s = va_arg(arguments, const char *); *s; s++)
				put(*s);
		} else if (*format == 'x') {
			put('0');
			put('x');
			put_number(va_arg(arguments, u64), 16);
		} else {
			put_number(va_arg(arguments, u64), 10);
		}
	}
	va_end(arguments);
	put('\n');
}

void print_list(const char *what, const char *name, const u64 *numbers, u32 count) {
	const char *const words[] = {what, name};

	console_normalise();
	for (u32 i = 0; i < COUNT(words); i++) {
		for (const char *s = words[i]; *s; s++)
			put(*s);
		put(i ? ':' : ' ');
	}
	for (u32 i = 0; i < count; i++) {
		put(' ');
		put_number(numbers[i], 10);
	}
	put('\n');
}

void power_off(void) {
	for (;;)
		out8(SLEEP_PORT, SLEEP_OFF);
}

void unexpected_vector(u64 vector) {
	print("\nfuzzer: unexpected vector %u, rax %x", vector, trial_registers[0]);
	for (;;)
		out8(RESET_PORT, RESET_FULL);
}

u64 tsc(void) {
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

void cpuid(u32 leaf, u32 subleaf, u32 *out) {
	__asm__ volatile("cpuid"
			 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
			 : "a"(leaf), "c"(subleaf));
}

/* One of the first 512 pages. */
void map_page(u32 page, u64 physical, bool present) {
	u64 entry = (physical & ~(u64)(PAGE - 1)) | PAGE_WRITE | PAGE_USER | present;

	if (low_table[page / PAGE] == entry)
		return;
	low_table[page / PAGE] = entry;
	__asm__ volatile("invlpg (%0)" : : "r"((u64)page) : "memory");
}

static void tables_init(void) {
	u64 at = (u64)&task, limit = sizeof(task) - 1;

	for (u32 i = 0; i < 256; i++) {
		u64 stub = (u64)vector_stubs + STUB_BYTES * i;

		idt[i] = (struct gate){.low = (u16)stub,
				       .selector = CODE_64,
				       .ist = IST,
				       .type = GATE_INTERRUPT | (i == END_VECTOR ? GATE_USER : 0),
				       .middle = (u16)(stub >> 16),
				       .high = (u32)(stub >> 32)};
	}
	task.ist[IST - 1] = task.rsp[0] = (u64)vector_stack + sizeof(vector_stack);
	task.io_map = sizeof(task);
	gdt[TASK_64 / 8] = limit | (at & 0xffffff) << 16 | TSS_AVAILABLE << 40;
	__asm__ volatile("lidt %0" : : "m"(idt_pointer));
	__asm__ volatile("ltr %w0" : : "r"(TASK_64));
	for (u32 page = DATA_WINDOW; page < CODE_WINDOW + 2 * PAGE; page += PAGE)
		map_page(page, page, true);
	directories[SANDBOX / SANDBOX_BYTES] |= PAGE_USER;
	__asm__ volatile("mov %%cr0, %0" : "=r"(good_cr0));
	__asm__ volatile("mov %%cr4, %0" : "=r"(good_cr4));
	good_cr3 = (u64)root;
	__asm__ volatile("mov %0, %%cr3" : : "r"(good_cr3));
}

/* Every page to which a start-up message may lead begins with a jump to the second processor's code. */
void low_memory_init(void) {
	u32 ap_entry, vectors;

	memcpy((void *)(u64)LOW_BASE, low_part, (size_t)(low_part_end - low_part));
	vectors = ((volatile u32 *)(u64)LOW_BASE)[3];
	ap_entry = ((volatile u32 *)(u64)LOW_BASE)[4];
	for (u32 n = 0; n < 256; n++) {
		u32 ap = *(volatile u16 *)(low_part_end - low_part + (u64)LOW_BASE - 2);

		((volatile u32 *)0)[n] = (vectors / 16 - n) << 16 | n * 16;
		((volatile u32 *)(u64)AP_VECTORS)[n] = ap;
	}
	for (u32 page = AP_FILL_BEGIN; page < AP_FILL_END; page += PAGE) {
		volatile u8 *code = (volatile u8 *)(u64)page;

		code[0] = 0xea; /* jmp 0:ap_entry */
		code[1] = (u8)ap_entry;
		code[2] = (u8)(ap_entry >> 8);
		code[3] = code[4] = 0;
	}
}

u64 find_ecam(void) {
	for (u64 at = ACPI_BEGIN; at < ACPI_END - 60; at += 4) {
		const volatile u32 *table = (const volatile u32 *)at;

		if (table[0] == 0x4746434d /* MCFG */ && table[1] == 60)
			return table[11] | (u64)table[12] << 32;
	}
	return 0;
}

u32 config_read(u32 device, u32 offset) {
	out32(0xcf8, 1u << 31 | device << 11 | offset);
	return in32(0xcfc);
}

static void config_write(u32 device, u32 offset, u32 value) {
	out32(0xcf8, 1u << 31 | device << 11 | offset);
	out32(0xcfc, value);
}

static u32 progress_device;

void restore_progress(void) {
	if (!shared_memory)
		return;
	config_write(progress_device, PCI_COMMAND, 2);
	config_write(progress_device, PCI_BAR2, (u32)shared_memory);
	config_write(progress_device, PCI_BAR2 + 4, shared_memory >> 32);
}

volatile struct progress *find_progress(void) {
	static struct progress own __attribute__((aligned(PAGE)));
	static u64 directory[512] __attribute__((aligned(PAGE)));
	const u64 window = 512 * GIB;
	u64 base;

	for (u32 device = 1; device < 32; device++) {
		if (config_read(device, 0) != PROGRESS_DEVICE)
			continue;
		config_write(device, PCI_COMMAND, 2);
		base = (config_read(device, PCI_BAR2) & ~0xfu) |
		       (u64)config_read(device, PCI_BAR2 + 4) << 32;
		/* Behind all that is mapped one to one. */
		directory[0] = (base & ~(GIB - 1)) | PAGE_LARGE | PAGE_PRESENT | PAGE_WRITE;
		root[1] = (u64)directory | PAGE_PRESENT | PAGE_WRITE;
		shared_memory = base;
		progress_device = device;
		return (volatile struct progress *)(window + base % GIB);
	}
	return &own;
}

/* Offset of a capability; 0: it has none. */
static u32 find_capability(u32 device, u32 id) {
	u32 at = config_read(device, PCI_CAPABILITIES) & 0xfc;

	for (u32 left = 48; at && left && (config_read(device, at) & 0xff) != id; left--)
		at = config_read(device, at) >> 8 & 0xfc;
	return at && (config_read(device, at) & 0xff) == id ? at : 0;
}

struct resettable find_resettable(void) {
	struct resettable r = {0};

	for (r.device = 1; r.device < 32; r.device++) {
		u32 at = config_read(r.device, 0) == UINT32_MAX
				 ? 0
				 : find_capability(r.device, CAPABILITY_EXPRESS);

		if (!at ||
		    !(config_read(r.device, at + DEVICE_CAPABILITIES) & DEVICE_CAPABILITIES_FLR))
			continue;
		r.control = at + DEVICE_CONTROL;
		r.registers = (config_read(r.device, PCI_BAR0) & ~0xfu) |
			      (u64)config_read(r.device, PCI_BAR0 + 4) << 32;
		return r;
	}
	return (struct resettable){0};
}

void machine_init(void) {
	tables_init();
	ecam = find_ecam();
	low_memory_init();
}
