/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that are carried out for a guest: what programs get, and where string moves lead. */
#include "guest_ram.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../vmm/fault.c"

#define CODE 0x8000u
#define ROOT 0x1000u
#define DEVICE 0xd0000000ull
#define DEVICE_WORD 0x1122334455667788ull

static struct guest_ram ram;
static struct partition partition;
static struct vcpu vcpu;
static struct vcpu_exit exit_at_device;
static u64 written, writes;
static u32 apic_written;
static u8 injected;
static char failure[128];

struct boot_info boot;

static void load_state(struct vcpu *of) {
	(void)of;
}

static const struct vcpu_ops ops = {.load_state = load_state};

void vcpu_inject(struct vcpu *to, u8 vector, bool has_error, u32 error) {
	(void)to;
	assert_true(has_error && !error);
	injected = vector;
}

bool partition_fail(struct partition *p, const char *format, ...) {
	struct text_buffer buffer = text_buffer(failure, sizeof(failure));
	va_list arguments;

	(void)p;
	va_start(arguments, format);
	text_print_list(&buffer.sink, format, arguments);
	va_end(arguments);
	return false;
}

bool vpci_mmio(struct vpci *vpci, u64 address, u8 width, bool write, u64 *value) {
	(void)vpci;
	(void)width;
	assert_true(address >= DEVICE && address < DEVICE + PAGE_SIZE);
	if (write)
		written = *value;
	else
		*value = DEVICE_WORD;
	writes += write;
	return true;
}

void guest_apic_memory(struct vcpu *of, u32 offset, u8 width, bool write, u64 *value) {
	assert_ptr_equal(of, &vcpu);
	assert_true(offset < PAGE_SIZE && width == 4);
	if (write)
		apic_written = (u32)*value;
	else
		*value = offset;
}

u32 ioapic_read(const struct virtual_ioapic *ioapic, u32 offset) {
	(void)ioapic;
	(void)offset;
	fail();
	return 0;
}

void ioapic_write(struct virtual_ioapic *ioapic, u32 offset, u32 value) {
	(void)ioapic;
	(void)offset;
	(void)value;
	fail();
}

/* 64-bit code with four pages at 0x10000, the third read-only, the fourth absent; linear is physical but for these. */
static int fresh(void **unused) {
	static const u64 pages[] = {0x20000 | 3, 0x30000 | 3, 0x40000 | 1, 0};

	(void)unused;
	guest_ram_init(&ram, 2 * MIB);
	partition = (struct partition){.memory = ram.memory};
	vcpu = (struct vcpu){.partition = &partition};
	vcpu.state = (struct vcpu_state){.rip = CODE,
					 .cr0 = CR0_PE | CR0_PG | CR0_WP,
					 .cr4 = CR4_PAE,
					 .cr3 = ROOT,
					 .efer = EFER_LME | EFER_LMA};
	vcpu.state.segments[SEG_CS].attributes = SEGMENT_CODE_64;
	vcpu.state.segments[SEG_SS].attributes = SEGMENT_DATA_32;
	guest_ram_put(&ram, ROOT, 0x2000 | 3, 8);
	guest_ram_put(&ram, 0x2000, 0x3000 | 3, 8);
	guest_ram_put(&ram, 0x3000, 0x4000 | 3, 8);
	for (u32 i = 0; i < TABLE_ENTRIES; i++)
		guest_ram_put(&ram, 0x4000 + 8 * i,
			      i >= 0x10 && i < 0x14 ? pages[i - 0x10] : i * PAGE_SIZE | 3, 8);
	boot.vcpu_ops = &ops;
	written = writes = injected = failure[0] = 0;
	return 0;
}

static int done(void **unused) {
	(void)unused;
	free(ram.bytes);
	return 0;
}

static void run_at(u64 address, const char *bytes, bool write) {
	memcpy(ram.bytes + CODE, bytes, strlen(bytes));
	exit_at_device = (struct vcpu_exit){.reason = EXIT_NPF, .write = write, .address = address};
	guest_memory_fault(&vcpu, &exit_at_device);
}

static void run(const char *bytes, bool write) {
	run_at(DEVICE, bytes, write);
}

static void as_program(void) {
	vcpu.state.segments[SEG_SS].attributes |= SEGMENT_DPL;
}

static void programs_read_and_write_registers(void **unused) {
	(void)unused;
	as_program();
	run("\x48\x8b\x07", false); /* mov (%rdi), %rax */
	assert_int_equal(vcpu.state.gpr[GPR_RAX], DEVICE_WORD);
	assert_int_equal(vcpu.state.rip, CODE + 3);
	assert_int_equal(injected, 0);
	assert_string_equal(failure, "");
}

/* What only the kernel may touch stays its own, and what a program may touch is moved. */
static void programs_move_by_their_own_rights(void **unused) {
	(void)unused;
	as_program();
	vcpu.state.gpr[GPR_RDI] = 0x10000;
	run("\x48\xa5", false); /* movsq */
	assert_int_equal(injected, EXCEPTION_GP);
	assert_int_equal(vcpu.state.rip, CODE);
	assert_int_equal(guest_ram_number(&ram, 0x20000, 8), 0);
	assert_string_equal(failure, "");
	injected = 0;
	for (u32 table = ROOT; table < 0x4000; table += PAGE_SIZE)
		guest_ram_put(&ram, table, (table + PAGE_SIZE) | 7, 8);
	guest_ram_put(&ram, 0x4000 + 8 * 0x10, 0x20000 | 7, 8);
	run("\x48\xa5", false);
	assert_int_equal(injected, 0);
	assert_int_equal(guest_ram_number(&ram, 0x20000, 8), DEVICE_WORD);
}

static void what_a_program_does_ends_nobody_else(void **unused) {
	(void)unused;
	as_program();
	run("\x0f\x28\x07", false); /* movaps (%rdi), %xmm0 */
	assert_int_equal(injected, EXCEPTION_GP);
	injected = 0;
	exit_at_device.fetch = true;
	guest_memory_fault(&vcpu, &exit_at_device);
	assert_int_equal(injected, EXCEPTION_GP);
	assert_string_equal(failure, "");
	vcpu.state.segments[SEG_SS].attributes = SEGMENT_DATA_32;
	guest_memory_fault(&vcpu, &exit_at_device);
	assert_string_equal(failure, "execution at 0xd0000000, which is no memory (rip 0x8000)");
	run("\x0f\x28\x07", false);
	assert_non_null(strstr(failure, "cannot access"));
}

static void moves_go_where_the_kernel_may_write(void **unused) {
	(void)unused;
	vcpu.state.gpr[GPR_RDI] =
		0x10ffc; /* over the border of two pages that are not neighbours */
	run("\x48\xa5", false);
	assert_int_equal(guest_ram_number(&ram, 0x20ffc, 4), (u32)DEVICE_WORD);
	assert_int_equal(guest_ram_number(&ram, 0x30000, 4), DEVICE_WORD >> 32);
	assert_int_equal(vcpu.state.gpr[GPR_RDI], 0x11004);
	vcpu.state.rip = CODE;
	vcpu.state.gpr[GPR_RDI] = 0x12000;
	run("\x48\xa5", false);
	assert_non_null(strstr(failure, "cannot access"));
	assert_int_equal(guest_ram_number(&ram, 0x40000, 8), 0);
	/* Nor does the device see what could not be read. */
	vcpu.state.gpr[GPR_RSI] = 0x13000;
	run("\x48\xa5", true);
	assert_int_equal(writes, 0);
	vcpu.state.gpr[GPR_RSI] = 0x12000;
	guest_ram_put(&ram, 0x40000, 77, 8);
	run("\x48\xa5", true);
	assert_int_equal(written, 77);
}

static void segments_and_widths_of_addresses_count(void **unused) {
	(void)unused;
	guest_ram_put(&ram, 0x20010, 5, 8);
	vcpu.state.segments[SEG_FS].base = 0x10000;
	vcpu.state.segments[SEG_DS].base = 0x999000; /* none in 64-bit code */
	vcpu.state.gpr[GPR_RSI] = 0x700000010;
	run("\x67\x64\x48\xa5", true); /* addr32 movsq %fs:(%esi), (%edi) */
	assert_int_equal(written, 5);
	assert_int_equal(vcpu.state.gpr[GPR_RSI], 0x18);
	/* The count, too: ECX is 0. */
	vcpu.state.rip = CODE;
	vcpu.state.gpr[GPR_RCX] = 0x100000000;
	run("\xf3\x67\x48\xa5", true);
	assert_int_equal(writes, 1);
	assert_int_equal(vcpu.state.rip, CODE + 4);
	/* In code of 32 bits all bases do. */
	vcpu.state.rip = CODE;
	vcpu.state.segments[SEG_CS].attributes = SEGMENT_CODE_32;
	vcpu.state.segments[SEG_DS].base = 0xfffffff0;
	vcpu.state.gpr[GPR_RSI] = 0x10020;
	run("\xa5", true);
	assert_int_equal(written, 5);
}

/* The instruction at RIP has not made these accesses. */
static void what_no_instruction_asked_for_is_not_carried_out(void **unused) {
	(void)unused;
	vcpu.event = EVENT_VALID | EVENT_TYPE_EXCEPTION | 14;
	run("\x48\x89\x07", true); /* mov %rax, (%rdi) */
	assert_non_null(strstr(failure, "to deliver an event"));
	vcpu.event = 0;
	exit_at_device.walk = true;
	guest_memory_fault(&vcpu, &exit_at_device);
	assert_non_null(strstr(failure, "to translate"));
	assert_int_equal(writes, 0);
	assert_int_equal(vcpu.state.rip, CODE);
}

static void the_local_apic_is_the_processor_s_own(void **unused) {
	(void)unused;
	vcpu.state.gpr[GPR_RAX] = 0x11223344;
	run_at(GUEST_APIC_BASE + 0xb0, "\x89\x07", true); /* mov %eax, (%rdi) */
	assert_int_equal(apic_written, 0x11223344);
	vcpu.state.rip = CODE;
	run_at(GUEST_APIC_BASE + 0xb0, "\x8b\x07", false); /* mov (%rdi), %eax */
	assert_int_equal(vcpu.state.gpr[GPR_RAX], 0xb0);
	assert_int_equal(writes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(programs_read_and_write_registers),
		TEST(programs_move_by_their_own_rights),
		TEST(what_a_program_does_ends_nobody_else),
		TEST(moves_go_where_the_kernel_may_write),
		TEST(segments_and_widths_of_addresses_count),
		TEST(what_no_instruction_asked_for_is_not_carried_out),
		TEST(the_local_apic_is_the_processor_s_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
