/* SPDX-License-Identifier: Apache-2.0 */
/* The image's own memory functions under other names, against the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define memcpy image_memcpy
#define memset image_memset
#define memcmp image_memcmp
#define strlen image_strlen
#define strcmp image_strcmp
#define strncmp image_strncmp
#include "../../lib/string.c"
#undef memcpy
#undef memset
#undef memcmp
#undef strlen
#undef strcmp
#undef strncmp

#define SIZE 64

static void fill(u8 *bytes) {
	for (int i = 0; i < SIZE; i++)
		bytes[i] = (u8)(i * 7 + 1);
}

static void copies_no_more_than_asked(void **state) {
	u8 ours[SIZE], theirs[SIZE];

	(void)state;
	fill(theirs);
	for (size_t count = 0; count <= SIZE; count++) {
		image_memset(ours, 0, SIZE);
		assert_ptr_equal(image_memcpy(ours, theirs, count), ours);
		assert_memory_equal(ours, theirs, count);
		assert_true(count == SIZE || ours[count] == 0);
	}
}

static void fills_no_more_than_asked(void **state) {
	u8 ours[SIZE], theirs[SIZE];

	(void)state;
	for (size_t count = 0; count < SIZE; count++) {
		fill(ours);
		fill(theirs);
		image_memset(ours, 0x1a5, count);
		memset(theirs, 0x1a5, count);
		assert_memory_equal(ours, theirs, SIZE);
	}
}

static int sign(int value) {
	return (value > 0) - (value < 0);
}

static void compares_as_unsigned_bytes(void **state) {
	static const char *const texts[] = {"", "a", "ab", "abc", "abd", "\x80", "a\xff", "b"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(image_strlen(texts[i]), strlen(texts[i]));
		for (size_t j = 0; j < ARRAY_SIZE(texts); j++) {
			assert_int_equal(image_strcmp(texts[i], texts[j]),
					 sign(strcmp(texts[i], texts[j])));
			assert_int_equal(image_strncmp(texts[i], texts[j], 1),
					 sign(strncmp(texts[i], texts[j], 1)));
			assert_int_equal(image_memcmp(texts[i], texts[j], 1),
					 sign(memcmp(texts[i], texts[j], 1)));
		}
	}
	assert_int_equal(image_memcmp("a", "b", 0), 0);
	assert_int_equal(image_strncmp("a", "b", 0), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_no_more_than_asked),
		cmocka_unit_test(fills_no_more_than_asked),
		cmocka_unit_test(compares_as_unsigned_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
