/* SPDX-License-Identifier: Apache-2.0 */
/* Images of every protocol: told apart, refused with words, loaded where they belong. */
#include "guest_ram.h"
#include "x86.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RAM_SIZE (256 * MIB)
#define IMAGE_SIZE 0x8000u

static struct guest_ram ram;
static u8 image[IMAGE_SIZE], initrd[0x12345];
static struct load_request request;
static struct vcpu_state state;
static char reason[256];

static int fresh(void **unused) {
	(void)unused;
	guest_ram_init(&ram, RAM_SIZE);
	memset(image, 0, sizeof(image));
	memset(initrd, 0x5a, sizeof(initrd));
	request = (struct load_request){
		.kernel = {image, sizeof(image)},
		.initrd = {initrd, sizeof(initrd)},
		.cmdline = "console=ttyS0 quiet",
		.map = &ram.map,
		.rsdp = GUEST_ACPI_BASE,
	};
	return 0;
}

static int done(void **unused) {
	(void)unused;
	free(ram.bytes);
	return 0;
}

static void put(u32 offset, u64 value, u32 count) {
	memcpy(image + offset, &value, count);
}

static bool check(void) {
	struct text_buffer buffer;

	buffer = text_buffer(reason, sizeof(reason));
	return image_check(&request, &buffer.sink);
}

static bool load(void) {
	struct text_buffer buffer;

	buffer = text_buffer(reason, sizeof(reason));
	return image_load(&request, &ram.memory, &state, &buffer.sink);
}

static void assert_refused(const char *words) {
	assert_false(check());
	if (!strstr(reason, words))
		fail_msg("\"%s\" does not say \"%s\"", reason, words);
	assert_false(load());
}

static void assert_loaded(void) {
	if (!check() || !load())
		fail_msg("%s", reason);
}

static void assert_initrd_at(u64 address) {
	assert_memory_equal(ram.bytes + address, initrd, sizeof(initrd));
}

/* --- Linux --- */

static void make_linux(void) {
	put(0x1f1, 1, 1);
	put(0x1f4, (IMAGE_SIZE - 1024) / 16, 4);
	put(0x1fe, 0xaa55, 2);
	put(0x200, 0x6aeb, 2); /* the header ends at 0x26c */
	memcpy(image + 0x202, "HdrS", 4);
	put(0x206, 0x020f, 2);
	put(0x211, 1, 1);
	put(0x22c, 0x7fffffff, 4);
	put(0x230, 0x200000, 4);
	put(0x234, 1, 1);
	put(0x236, 1, 2);
	put(0x238, 2047, 4);
	put(0x250, 0xdead, 8);
	put(0x258, 0x1000000, 8);
	put(0x260, 0x100000, 4);
	memset(image + 1024, 0xcc, IMAGE_SIZE - 1024);
}

static void linux_goes_to_its_preferred_address(void **unused) {
	(void)unused;
	make_linux();
	assert_loaded();
	assert_int_equal(state.rip, 0x1000000);
	assert_memory_equal(ram.bytes + 0x1000000, image + 1024, IMAGE_SIZE - 1024);
	u64 zero_page = state.gpr[GPR_RSI];

	assert_int_equal(guest_ram_number(&ram, zero_page + 0x70, 8), GUEST_ACPI_BASE);
	assert_int_equal(guest_ram_number(&ram, zero_page + 0x1e8, 1), 3);
	assert_int_equal(guest_ram_number(&ram, zero_page + 0x1ef, 1), 0); /* sentinel */
	assert_int_equal(guest_ram_number(&ram, zero_page + 0x210, 1), 0xff);
	assert_int_equal(guest_ram_number(&ram, zero_page + 0x250, 8), 0);
	assert_int_equal(guest_ram_number(&ram, zero_page + 0x26c, 4), 0); /* behind the header */
	assert_int_equal(guest_ram_number(&ram, zero_page + 0x2d0 + 40, 8), 1 * MIB);
	assert_int_equal(guest_ram_number(&ram, zero_page + 0x2d0 + 48, 8), RAM_SIZE - 1 * MIB);
	assert_int_equal(guest_ram_number(&ram, zero_page + 0x2d0 + 36, 4), RANGE_ACPI);
	assert_string_equal((char *)ram.bytes + guest_ram_number(&ram, zero_page + 0x228, 4),
			    request.cmdline);
	assert_int_equal(guest_ram_number(&ram, zero_page + 0x218, 4), RAM_SIZE - 0x13000);
	assert_int_equal(guest_ram_number(&ram, zero_page + 0x21c, 4), sizeof(initrd));
	assert_initrd_at(RAM_SIZE - 0x13000);

	assert_int_equal(guest_code_mode(&state), CODE_32);
	assert_int_equal(state.cr0 & (CR0_PE | CR0_PG), CR0_PE);
	assert_int_equal(state.segments[SEG_CS].selector, 0x10);
	assert_int_equal(state.segments[SEG_DS].selector, 0x18);
	assert_int_equal(guest_ram_number(&ram, state.gdtr.base + 0x10, 8), 0x00cf9b000000ffff);
	assert_int_equal(guest_ram_number(&ram, state.gdtr.base + 0x18, 8), 0x00cf93000000ffff);
	assert_int_equal(state.rflags, 2);
}

static void linux_moves_when_its_address_is_not_there(void **unused) {
	(void)unused;
	make_linux();
	ram.map.ranges[2] = (struct guest_range){0x1100000, 0x1000000, RANGE_RAM};
	assert_loaded();
	assert_int_equal(state.rip, 0x1200000);
	put(0x234, 0, 1);
	assert_refused("no memory");
}

static void linux_initrd_keeps_clear_of_the_kernel(void **unused) {
	(void)unused;
	make_linux();
	put(0x22c, 0x1080000, 4); /* the limit lies within the kernel's memory */
	assert_loaded();
	assert_initrd_at(0x1000000 - 0x13000);
	put(0x22c, 0x100fff, 4);
	assert_refused("no room");
	request.initrd.size = 0;
	assert_loaded();
	assert_int_equal(guest_ram_number(&ram, state.gpr[GPR_RSI] + 0x218, 4), 0);
}

static void linux_that_cannot_be_served_is_refused(void **unused) {
	static char cmdline[4096];

	(void)unused;
	make_linux();
	put(0x206, 0x020b, 2);
	assert_refused("2.12");
	make_linux();
	put(0x211, 0, 1);
	assert_refused("2.12");
	make_linux();
	put(0x201, 0x20, 1);
	assert_refused("header");
	make_linux();
	request.kernel.size = 0x230;
	assert_refused("header");
	request.kernel.size = IMAGE_SIZE - 16;
	assert_refused("cut off");
	request.kernel.size = IMAGE_SIZE - 15;
	assert_loaded();
	request.kernel.size = IMAGE_SIZE;
	put(0x1f1, 200, 1);
	assert_refused("cut off");
	make_linux();
	put(0x230, 0x300000, 4);
	assert_refused("alignment");
	put(0x230, 0, 4);
	assert_refused("alignment");
	make_linux();
	put(0x258, ~0ull, 8);
	assert_refused("alignment");
	make_linux();
	put(0x260, 0xffffffff, 4);
	assert_refused("wants");
	make_linux();
	memset(cmdline, 'x', 2047);
	request.cmdline = cmdline;
	assert_loaded();
	cmdline[2047] = 'x';
	assert_refused("command line");
}

static void debian_kernel_is_loaded(void **unused) {
	FILE *file = fopen("build/kernel/vmlinuz", "rb");
	u64 capacity = 64 * MIB;

	(void)unused;
	if (!file) {
		print_message("build/kernel/vmlinuz is not there: skipped\n");
		skip();
	}
	u8 *bytes = malloc(capacity);

	request.kernel = (struct image){bytes, fread(bytes, 1, capacity, file)};
	fclose(file);
	assert_loaded();
	assert_int_equal(state.rip, 0x1000000);
	/* Signatures behind the kernel are not loaded. */
	u32 setup = (bytes[0x1f1] + 1u) * 512;

	assert_memory_equal(ram.bytes + 0x1000000, bytes + setup, 0x1000);
	free(bytes);
}

/* --- PVH and ELF --- */

#define NOTES 0x200u

static void make_elf64(void) {
	memcpy(image, "\177ELF\2\1\1", 7);
	put(24, 0xffffffff81000040, 8);
	put(32, 64, 8);
	put(54, 56, 2);
	put(56, 2, 2);
	put(64, 1, 4); /* PT_LOAD */
	put(64 + 8, 0x1000, 8);
	put(64 + 16, 0xffffffff81000000, 8);
	put(64 + 24, 0x1000000, 8);
	put(64 + 32, 0x2000, 8);
	put(64 + 40, 0x9000, 8);
	put(120, 4, 4); /* PT_NOTE */
	put(120 + 8, NOTES, 8);
	put(120 + 32, 0x28, 8);
	put(NOTES, 4, 4); /* another note of Xen, then the entry */
	put(NOTES + 4, 5, 4);
	put(NOTES + 8, 6, 4);
	memcpy(image + NOTES + 12, "Xen", 4);
	put(NOTES + 24, 4, 4);
	put(NOTES + 28, 4, 4);
	put(NOTES + 32, 18, 4);
	memcpy(image + NOTES + 36, "Xen", 4);
	put(NOTES + 40, 0x1000080, 4);
	put(120 + 32, 44, 8);
	memset(image + 0x1000, 0xcc, 0x2000);
}

static void pvh_gets_its_start_info(void **unused) {
	(void)unused;
	make_elf64();
	memset(ram.bytes + 0x1000000, 0xff, 0x10000);
	assert_loaded();
	assert_int_equal(state.rip, 0x1000080);
	assert_int_equal(guest_code_mode(&state), CODE_32);
	assert_int_equal(state.cr0 & (CR0_PE | CR0_PG), CR0_PE);
	assert_memory_equal(ram.bytes + 0x1000000, image + 0x1000, 0x2000);
	for (u32 i = 0x2000; i < 0x9000; i++)
		assert_int_equal(ram.bytes[0x1000000 + i], 0);
	assert_int_equal(ram.bytes[0x1009000], 0xff);
	u64 info = state.gpr[GPR_RBX];

	assert_int_equal(guest_ram_number(&ram, info, 4), 0x336ec578);
	assert_int_equal(guest_ram_number(&ram, info + 12, 4), 1);
	u64 module = guest_ram_number(&ram, info + 16, 8);

	assert_initrd_at(guest_ram_number(&ram, module, 8));
	assert_int_equal(guest_ram_number(&ram, module + 8, 8), sizeof(initrd));
	assert_string_equal((char *)ram.bytes + guest_ram_number(&ram, info + 24, 8),
			    request.cmdline);
	assert_int_equal(guest_ram_number(&ram, info + 32, 8), GUEST_ACPI_BASE);
	assert_int_equal(guest_ram_number(&ram, info + 48, 4), 3);
	u64 map = guest_ram_number(&ram, info + 40, 8);

	assert_int_equal(guest_ram_number(&ram, map + 48, 8), 1 * MIB);
	assert_int_equal(guest_ram_number(&ram, map + 64, 4), RANGE_RAM);
}

static void elf_that_lies_is_refused(void **unused) {
	(void)unused;
	make_elf64();
	put(64 + 32, 0x9001, 8);
	assert_refused("outside");
	make_elf64();
	put(64 + 8, ~0ull - 0x100, 8);
	assert_refused("outside");
	make_elf64();
	put(64 + 40, 0x1fff, 8);
	assert_refused("larger");
	make_elf64();
	put(64 + 40, ~0ull, 8);
	assert_refused("4 GiB");
	make_elf64();
	put(64 + 24, RAM_SIZE - 0x8000, 8);
	assert_refused("no memory");
	make_elf64();
	put(64 + 24, 0x2f000, 8);
	put(NOTES + 40, 0x2f000, 4);
	assert_refused("for the loader");
	make_elf64();
	put(NOTES + 40, 0x1009000, 4);
	assert_refused("entry");
	make_elf64();
	put(120, 1, 4);
	put(120 + 24, 0x1008fff, 8);
	put(120 + 40, 44, 8);
	put(56, 3, 2);
	memcpy(image + 176, image + 120, 56);
	put(176, 4, 4);
	assert_refused("overlaps");
	/* Apart from each other, with the entry where neither is. */
	put(120 + 24, 0x100b000, 8);
	assert_loaded();
	put(NOTES + 40, 0x100a000, 4);
	assert_refused("entry");
	make_elf64();
	put(120 + 32, 43, 8); /* the note is cut off */
	assert_refused("neither");
}

/* --- Multiboot and flat --- */

static void make_multiboot(u32 at, u32 flags) {
	put(at, 0x1badb002, 4);
	put(at + 4, flags, 4);
	put(at + 8, 0u - 0x1badb002 - flags, 4);
}

static void assert_multiboot_information(void) {
	u64 info = state.gpr[GPR_RBX];

	assert_int_equal(state.gpr[GPR_RAX], 0x2badb002);
	assert_int_equal(guest_code_mode(&state), CODE_32);
	assert_int_equal(guest_ram_number(&ram, info + 4, 4), 640);
	assert_int_equal(guest_ram_number(&ram, info + 8, 4), (RAM_SIZE - 1 * MIB) / KIB);
	assert_string_equal((char *)ram.bytes + guest_ram_number(&ram, info + 16, 4),
			    request.cmdline);
	assert_int_equal(guest_ram_number(&ram, info + 20, 4), 1);
	u64 module = guest_ram_number(&ram, info + 24, 4);

	assert_initrd_at(guest_ram_number(&ram, module, 4));
	assert_int_equal(guest_ram_number(&ram, info + 44, 4), 3 * 24);
	u64 map = guest_ram_number(&ram, info + 48, 4);

	assert_int_equal(guest_ram_number(&ram, map + 48, 4), 20);
	assert_int_equal(guest_ram_number(&ram, map + 52, 8), 1 * MIB);
}

static void multiboot_elf_of_32_bits(void **unused) {
	(void)unused;
	memcpy(image, "\177ELF\1\1\1", 7);
	put(24, 0xc0100010, 4);
	put(28, 52, 4);
	put(42, 32, 2);
	put(44, 1, 2);
	put(52, 1, 4);
	put(52 + 4, 0x1000, 4);
	put(52 + 8, 0xc0100000, 4);
	put(52 + 12, 0x100000, 4);
	put(52 + 16, 0x100, 4);
	put(52 + 20, 0x200, 4);
	make_multiboot(0x1000, 3);
	assert_loaded();
	assert_int_equal(state.rip, 0x100010);
	assert_multiboot_information();
	put(24, 0x5000, 4);
	assert_refused("entry");
	make_multiboot(0x1000, 0x13);
	assert_refused("not known");
}

static void flat_binary_is_entered_at_its_beginning(void **unused) {
	(void)unused;
	image[0] = 0xf4;
	assert_loaded();
	assert_int_equal(state.rip, 1 * MIB);
	assert_memory_equal(ram.bytes + 1 * MIB, image, sizeof(image));
	assert_multiboot_information();
	ram.map.ranges[2].length = sizeof(image) - 1;
	assert_refused("no memory");
	request.kernel.size = 0;
	assert_refused("empty");
}

/* --- memory that firmware reserved --- */

#define HOLE 0x4000000ull

/* Address, length and kind of the hole, in an entry whose address is at ENTRY. */
static void assert_hole(u64 entry) {
	assert_int_equal(guest_ram_number(&ram, entry, 8), HOLE);
	assert_int_equal(guest_ram_number(&ram, entry + 8, 8), MIB);
	assert_int_equal(guest_ram_number(&ram, entry + 16, 4), RANGE_RESERVED);
}

static void every_protocol_tells_of_a_hole_and_nothing_lies_in_it(void **unused) {
	(void)unused;
	ram.map.ranges[2].length = HOLE - MIB;
	ram.map.ranges[3] = (struct guest_range){HOLE, MIB, RANGE_RESERVED};
	ram.map.ranges[4] = (struct guest_range){HOLE + MIB, RAM_SIZE - HOLE - MIB, RANGE_RAM};
	ram.map.count = 5;
	make_linux();
	assert_loaded();
	assert_int_equal(guest_ram_number(&ram, state.gpr[GPR_RSI] + 0x1e8, 1), 5);
	assert_hole(state.gpr[GPR_RSI] + 0x2d0 + 3 * 20);
	put(0x22c, HOLE + MIB - 1, 4); /* the highest place for the ram disk ends with the hole */
	assert_loaded();
	assert_true(guest_ram_number(&ram, state.gpr[GPR_RSI] + 0x218, 4) < HOLE - 0x12345);
	put(0x258, HOLE - 0x1000000, 8); /* a kernel that needs 32 MiB there */
	put(0x260, 0x2000000, 4);
	assert_loaded();
	assert_int_equal(state.rip, ALIGN_UP(HOLE + MIB, 0x200000));
	put(0x234, 0, 1);
	assert_refused("no memory");

	memset(image, 0, sizeof(image));
	make_elf64();
	assert_loaded();
	assert_hole(guest_ram_number(&ram, state.gpr[GPR_RBX] + 40, 8) + 3 * 24);
	memset(image, 0, sizeof(image));
	assert_loaded(); /* flat, with Multiboot's structures */
	assert_hole(guest_ram_number(&ram, state.gpr[GPR_RBX] + 48, 4) + 3 * 24 + 4);
	assert_int_equal(guest_ram_number(&ram, state.gpr[GPR_RBX] + 8, 4), (HOLE - MIB) / KIB);
}

/* The sum is FNV-1a of 64 bits, and no flipped bit escapes it. */
static void any_flipped_bit_changes_the_sum(void **unused) {
	const struct image one = {image, 300};

	(void)unused;
	assert_true(image_sum((struct image){image, 0}) == 0xcbf29ce484222325);
	assert_true(image_sum((struct image){(const u8 *)"foobar", 6}) == 0x85944171f73967e8);
	u64 sum = image_sum(one);

	for (u32 bit = 0; bit < 8 * one.size; bit++) {
		image[bit / 8] ^= (u8)(1 << bit % 8);
		assert_true(image_sum(one) != sum);
		image[bit / 8] ^= (u8)(1 << bit % 8);
	}
	assert_true(image_sum(one) == sum);
	assert_true(image_sum((struct image){image, 299}) != sum);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(linux_goes_to_its_preferred_address, fresh, done),
		cmocka_unit_test_setup_teardown(linux_moves_when_its_address_is_not_there, fresh,
						done),
		cmocka_unit_test_setup_teardown(linux_initrd_keeps_clear_of_the_kernel, fresh,
						done),
		cmocka_unit_test_setup_teardown(linux_that_cannot_be_served_is_refused, fresh,
						done),
		cmocka_unit_test_setup_teardown(debian_kernel_is_loaded, fresh, done),
		cmocka_unit_test_setup_teardown(pvh_gets_its_start_info, fresh, done),
		cmocka_unit_test_setup_teardown(elf_that_lies_is_refused, fresh, done),
		cmocka_unit_test(any_flipped_bit_changes_the_sum),
		cmocka_unit_test_setup_teardown(multiboot_elf_of_32_bits, fresh, done),
		cmocka_unit_test_setup_teardown(flat_binary_is_entered_at_its_beginning, fresh,
						done),
		cmocka_unit_test_setup_teardown(
			every_protocol_tells_of_a_hole_and_nothing_lies_in_it, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
