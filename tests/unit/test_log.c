/* SPDX-License-Identifier: Apache-2.0 */
/* The log that survives a reset: its end is shown once it is whole, and nothing in it is trusted. */
#include "log.h"
#include "unit_memory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PREFIX "bulkhead: before: "

static struct log_ring ring;
static char shown[256 * KIB];

static const char *show(u64 most) {
	struct text_buffer buffer = text_buffer(shown, sizeof(shown));

	log_show(&ring, most, "before", &buffer.sink);
	assert_false(buffer.truncated);
	return shown;
}

static void put(const char *text) {
	/* Lines of it are written back, and no others. */
	unit_memory_init(&ring, sizeof(ring), true, false);
	log_put(&ring, text, strlen(text));
}

/* Makes the sum right, as whoever wants to be believed would. */
static void seal(void) {
	ring.sum = ring.written;
	for (u64 i = 0; i < LOG_TEXT; i++)
		ring.sum += (2 * i + 1) * (u8)ring.text[i];
}

static int fresh(void **state) {
	(void)state;
	memset(&ring, 0, sizeof(ring));
	return 0;
}

static void test_lines(void **state) {
	(void)state;
	assert_string_equal(show(4096), "");
	put("bulkhead: one\n");
	put("bulkhead: t");
	put("wo\n");
	assert_string_equal(show(4096), PREFIX "bulkhead: one\n" PREFIX "bulkhead: two\n");
	/* The processor died in the middle of a line. */
	put("half");
	assert_string_equal(show(4096),
			    PREFIX "bulkhead: one\n" PREFIX "bulkhead: two\n" PREFIX "half\n");
}

static void test_the_end_is_kept(void **state) {
	char line[64];

	(void)state;
	for (u32 i = 0; i < 20000; i++) {
		snprintf(line, sizeof(line), "line %u\n", i);
		put(line);
	}
	assert_non_null(strstr(show(100), PREFIX "line 19999\n"));
	assert_in_range(strlen(shown), 100, 400);
	/* More than there is room for, asked for whole. */
	assert_non_null(strstr(show(UINT64_MAX), PREFIX "line 19999\n"));
	assert_null(strstr(shown, PREFIX "line 100\n"));
	assert_non_null(strstr(shown, PREFIX "line 18000\n"));
}

static void test_whatever_is_wrong_shows_nothing(void **state) {
	u8 *bytes = (u8 *)&ring;

	(void)state;
	for (u32 i = 0; i < 3000; i++)
		put("some text\n");
	assert_int_not_equal(*show(4096), 0);
	for (u64 i = 0; i < sizeof(ring); i += i < 64 ? 1 : 61) {
		bytes[i] ^= 0x10;
		assert_string_equal(show(4096), "");
		bytes[i] ^= 0x10;
	}
	memset(ring.text + 4096, 0xff, 4096);
	assert_string_equal(show(4096), "");
	memset(&ring, 0xff, sizeof(ring));
	assert_string_equal(show(4096), "");
	for (u64 i = 0; i < sizeof(ring); i++)
		bytes[i] = (u8)(i * 2654435761u >> 13);
	assert_string_equal(show(4096), "");
}

static void test_hostile_text_with_the_right_sum(void **state) {
	static const u64 counts[] = {1,          LOG_TEXT - 1,   LOG_TEXT,  LOG_TEXT + 1,
				     1ull << 63, UINT64_MAX - 1, UINT64_MAX};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(counts); i++) {
		for (u64 k = 0; k < LOG_TEXT; k++)
			ring.text[k] = (char)(k * 7);
		ring.written = counts[i];
		seal();
		show(4096);
		/* Each character may begin a line of its own. */
		assert_in_range(strlen(shown), 1, 4096 * (sizeof(PREFIX) + 1));
		for (const char *c = shown; *c; c++)
			assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	}
	memset(ring.text, '\n', sizeof(ring.text));
	seal();
	assert_in_range(strlen(show(4096)), 4096, 4096 * (sizeof(PREFIX) + 1));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_lines, fresh),
		cmocka_unit_test_setup(test_the_end_is_kept, fresh),
		cmocka_unit_test_setup(test_whatever_is_wrong_shows_nothing, fresh),
		cmocka_unit_test_setup(test_hostile_text_with_the_right_sum, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
