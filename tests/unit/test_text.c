/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "inventory.h"
#include "text.h"

/* Both printers get the same format and arguments: what the C library says is right. */
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char ours[256], theirs[256];                                                       \
		snprintf(theirs, sizeof(theirs), __VA_ARGS__);                                     \
		assert_string_equal(text_format(ours, sizeof(ours), __VA_ARGS__), theirs);         \
	} while (0)

static void prints_what_the_c_library_prints(void **state) {
	(void)state;
	SAME("nothing to do");
	SAME("100%%");
	SAME("%u %x", UINT_MAX, UINT_MAX);
	SAME("%u %x %lu %lx", 0u, 0u, 0ul, 0ul);
	SAME("%lu %lx", ULONG_MAX, ULONG_MAX);
	SAME("%llu %llx", ULLONG_MAX, ULLONG_MAX);
	SAME("[%02u] [%01u] [%02x]", 12345u, 12345u, 0xabcdefu);
	SAME("[%08x] [%04x] [%016llx]", 0xabcu, 0xabcdu, 0xfed80000ull);
	SAME("[%#x] [%#010x] [%#018llx]", 1u, 1u, 0xfed80000ull);
	SAME("[%s] [%s]", "abc", "");
	SAME("[%.*s] [%.*s] [%.*s]", 2, "abc", 0, "abc", -1, "abc");
}

static void precision_bounds_an_unterminated_string(void **state) {
	char four[4] = {'A', 'P', 'I', 'C'}, line[16];

	(void)state;
	assert_string_equal(text_format(line, sizeof(line), "%.*s", 4, four), "APIC");
}

static void prefix_stands_before_zero_too(void **state) {
	char line[32];

	(void)state;
	assert_string_equal(text_format(line, sizeof(line), "%#x %#06x", 0u, 0u), "0x0 0x0000");
}

static void an_unknown_conversion_ends_the_arguments(void **state) {
	char line[64];
	const char *format = "%u %p %s";

	(void)state;
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	assert_string_equal(text_format(line, sizeof(line), format, 1u, NULL, NULL), "1 %p %s");
	format = "end %";
	assert_string_equal(text_format(line, sizeof(line), format), "end %");
	format = "end %08";
	assert_string_equal(text_format(line, sizeof(line), format), "end %08");
	format = "end %08l";
	assert_string_equal(text_format(line, sizeof(line), format), "end %08l");
	/* What the C library would fill up with blanks. */
	format = "%5u";
	assert_string_equal(text_format(line, sizeof(line), format, 1u), "%5u");
}

static void a_null_string_is_named(void **state) {
	char line[16];
	const char *volatile nothing = NULL;

	(void)state;
	assert_string_equal(text_format(line, sizeof(line), "%s", nothing), "(null)");
}

static void a_buffer_never_overflows(void **state) {
	char data[8];
	struct text_buffer buffer;

	(void)state;
	for (size_t size = 1; size <= sizeof(data); size++) {
		memset(data, '#', sizeof(data));
		buffer = text_buffer(data, size);
		text_print(&buffer.sink, "%s%03u", "abc", 7u);
		assert_int_equal(buffer.length, size <= 6 ? size - 1 : 6);
		assert_memory_equal(data, "abc007", buffer.length);
		assert_int_equal(data[buffer.length], '\0');
		assert_int_equal(buffer.truncated, size <= 6);
		for (size_t i = size; i < sizeof(data); i++)
			assert_int_equal(data[i], '#');
	}
	buffer = text_buffer(NULL, 0);
	text_print(&buffer.sink, "abc");
	assert_true(buffer.truncated);
}

static void an_arena_aligns_zeroes_and_ends(void **state) {
	static _Alignas(16) u8 memory[256];
	struct arena arena = {.base = memory + 1, .size = sizeof(memory) - 1};

	(void)state;
	memset(memory, 0xff, sizeof(memory));
	u8 *first = arena_alloc(&arena, 3, 1);
	u8 *second = arena_alloc(&arena, 2, 16);

	assert_int_equal((uintptr_t)first % 16, 0);
	assert_ptr_equal(second, first + 16);
	for (int i = 0; i < 32; i++)
		assert_int_equal(second[i], 0);
	assert_int_equal(second[32], 0xff);
	assert_null(arena_alloc(&arena, SIZE_MAX / 2, 4));
	assert_null(arena_alloc(&arena, 1, SIZE_MAX));
	assert_null(arena_text(&arena, "x", SIZE_MAX));
	assert_null(arena_alloc(&arena, 1, 256));
	assert_string_equal(arena_text(&arena, "abcdef", 3), "abc");
	assert_non_null(arena_alloc(&arena, 1, 256 - 80));
	assert_null(arena_alloc(&arena, 1, 1));
	assert_non_null(arena_alloc(&arena, 0, 1));
}

static void an_array_grows_by_doubling(void **state) {
	static _Alignas(16) u8 memory[4096];
	struct arena arena = {.base = memory, .size = sizeof(memory)};
	u32 *array = NULL;

	(void)state;
	for (u32 i = 0; i < 100; i++) {
		u32 *old = array;

		array = arena_grow(&arena, array, i, sizeof(*array));
		assert_non_null(array);
		assert_int_equal(array != old, (i & (i - 1)) == 0);
		array[i] = i;
	}
	for (u32 i = 0; i < 100; i++)
		assert_int_equal(array[i], i);
	arena.used = arena.size;
	assert_ptr_equal(arena_grow(&arena, array, 100, sizeof(*array)), array);
	assert_null(arena_grow(&arena, array, 128, sizeof(*array)));
}

static void warnings_beyond_the_limit_are_counted(void **state) {
	static _Alignas(16) u8 memory[16384];
	struct arena arena = {.base = memory, .size = sizeof(memory)};
	struct inventory inventory = {.arena = &arena};

	(void)state;
	for (u32 i = 0; i < INVENTORY_WARNINGS + 5; i++)
		inventory_warn(&inventory, "warning %u", i);
	assert_int_equal(inventory.warning_count, INVENTORY_WARNINGS + 5);
	assert_string_equal(inventory.warnings[0].text, "warning 0");
	assert_string_equal(inventory.warnings[INVENTORY_WARNINGS - 1].text, "warning 63");
}

static void a_warning_without_memory_does_no_harm(void **state) {
	static _Alignas(16) u8 memory[INVENTORY_WARNINGS * sizeof(struct inventory_warning)];
	struct arena arena = {.base = memory, .size = 8};
	struct inventory inventory = {.arena = &arena};

	(void)state;
	inventory_warn(&inventory, "lost");
	assert_int_equal(inventory.warning_count, 0);
	arena.size = sizeof(memory);
	inventory_warn(&inventory, "counted");
	assert_int_equal(inventory.warning_count, 1);
	assert_non_null(inventory.warnings[0].text);
}

static void functions_are_found_by_address(void **state) {
	struct pci_function functions[] = {
		{.address = {0, 0, 0}},     {.address = {0, 0, 8}}, {.address = {0, 1, 0}},
		{.address = {0, 255, 255}}, {.address = {1, 0, 0}}, {.address = {65535, 255, 255}},
	};
	struct inventory inventory = {.functions = functions, .function_count = 6};
	char text[PCI_TEXT_SIZE];

	(void)state;
	for (u32 i = 0; i < 6; i++)
		assert_int_equal(inventory_find(&inventory, functions[i].address), i);
	assert_int_equal(inventory_find(&inventory, (struct pci_address){0, 0, 1}), NONE);
	assert_int_equal(inventory_find(&inventory, (struct pci_address){2, 0, 0}), NONE);
	inventory.function_count = 0;
	assert_int_equal(inventory_find(&inventory, functions[0].address), NONE);
	assert_string_equal(pci_text(text, functions[5].address), "ffff:ff:1f.7");
	assert_string_equal(pci_text(text, functions[2].address), "0000:01:00.0");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_what_the_c_library_prints),
		cmocka_unit_test(precision_bounds_an_unterminated_string),
		cmocka_unit_test(prefix_stands_before_zero_too),
		cmocka_unit_test(an_unknown_conversion_ends_the_arguments),
		cmocka_unit_test(a_null_string_is_named),
		cmocka_unit_test(a_buffer_never_overflows),
		cmocka_unit_test(an_arena_aligns_zeroes_and_ends),
		cmocka_unit_test(an_array_grows_by_doubling),
		cmocka_unit_test(warnings_beyond_the_limit_are_counted),
		cmocka_unit_test(a_warning_without_memory_does_no_harm),
		cmocka_unit_test(functions_are_found_by_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
