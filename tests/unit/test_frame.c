/* SPDX-License-Identifier: Apache-2.0 */
/* Text on a frame buffer, judged by its pixels. */
#include "frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COLUMNS 12
#define ROWS 3
#define WIDTH (COLUMNS * 8 + 5) /* what is left beside the last column is not drawn */
#define HEIGHT (ROWS * 16 + 7)
#define STRIDE (WIDTH + 11)
#define UNTOUCHED 0x12345678u
#define INK 0xaaaaaau

static const char *const letter_g[16] = {
	"........", "........", "........", "........", "........", "........",
	"..###.#.", ".#...#..", ".#...#..", "..###...", ".#......", "..####..",
	".#....#.", "..####..", "........", "........",
};
static const char *const question_mark[16] = {
	"........", "........", "........", "..####..", ".#....#.", ".#....#.",
	"......#.", ".....#..", "....#...", "....#...", "........", "....#...",
	"........", "........", "........", "........",
};
static const char *const space[16] = {
	"........", "........", "........", "........", "........", "........",
	"........", "........", "........", "........", "........", "........",
	"........", "........", "........", "........",
};

static struct frame frame;
static u32 *pixels;

static void start(u32 width, u32 height, u32 stride) {
	u64 bytes = ALIGN_UP((u64)stride * height * sizeof(u32), PAGE_SIZE);

	pixels = aligned_alloc(PAGE_SIZE, bytes);
	for (u64 i = 0; i < bytes / sizeof(u32); i++)
		pixels[i] = UNTOUCHED;
	memset(&frame, 0, sizeof(frame));
	assert_true(frame_init(&frame, (uintptr_t)pixels, bytes, width, height, stride));
	frame.visible = true;
}

static int setup(void **state) {
	(void)state;
	start(WIDTH, HEIGHT, STRIDE);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	free(pixels);
	return 0;
}

static void show(const char *text) {
	frame_put(&frame, text, strlen(text));
	while (frame_draw(&frame))
		;
}

static u32 *cell(u32 row, u32 column) {
	return pixels + row * 16 * frame.scale * frame.stride + column * 8 * frame.scale;
}

static void expect_glyph(u32 row, u32 column, const char *const lines[16]) {
	u32 scale = frame.scale;

	for (u32 y = 0; y < 16 * scale; y++)
		for (u32 x = 0; x < 8 * scale; x++)
			assert_int_equal(cell(row, column)[y * frame.stride + x],
					 lines[y / scale][x / scale] == '#' ? INK : 0);
}

/* Cells of TEXT look as the same characters do one by one, and no two of these look alike. */
static void expect_row(u32 row, const char *text) {
	static struct frame one;
	static u32 sample[PAGE_SIZE] __attribute__((aligned(4096)));

	assert_int_equal(strlen(text), COLUMNS);
	for (u32 i = 0; i < COLUMNS; i++)
		for (char c = ' '; c <= '~'; c++) {
			bool same = true;

			memset(&one, 0, sizeof(one));
			assert_true(frame_init(&one, (uintptr_t)sample, sizeof(sample), 8, 16, 8));
			one.visible = true;
			frame_put(&one, &c, 1);
			assert_false(frame_draw(&one));
			for (u32 y = 0; y < 16; y++)
				same &= !memcmp(cell(row, i) + y * frame.stride, sample + y * 8,
						8 * sizeof(u32));
			assert_int_equal(same, c == text[i]);
		}
}

static void test_each_dot_is_where_the_font_has_it(void **state) {
	(void)state;
	show(" g?");
	expect_glyph(ROWS - 1, 0, space);
	expect_glyph(ROWS - 1, 1, letter_g);
	expect_glyph(ROWS - 1, 2, question_mark);
	for (u32 i = 3; i < COLUMNS; i++)
		expect_glyph(ROWS - 1, i, space);
	expect_glyph(0, 0, space);
	for (u32 y = 0; y < HEIGHT; y++)
		for (u32 x = 0; x < STRIDE; x++)
			if (y >= ROWS * 16 || x >= COLUMNS * 8)
				assert_int_equal(pixels[y * STRIDE + x], UNTOUCHED);
}

static void test_large_screens_have_large_dots(void **state) {
	teardown(state);
	start(3840, 64, 3840);
	assert_int_equal(frame.columns, 240);
	assert_int_equal(frame.rows, 2);
	show("g\ng");
	expect_glyph(0, 0, letter_g);
	expect_glyph(1, 0, letter_g);
	expect_glyph(1, 1, space);
}

static void test_lines_scroll_upwards(void **state) {
	(void)state;
	show("one\ntwo\nthree\nfour");
	expect_row(0, "two         ");
	expect_row(1, "three       ");
	expect_row(2, "four        ");
	show("\n");
	show("5\n");
	expect_row(0, "four        ");
	expect_row(1, "5           ");
	expect_row(2, "            ");
}

static void test_a_long_line_goes_on_in_the_next(void **state) {
	(void)state;
	show("abcdefghijklmnopqrstuvwx");
	expect_row(1, "abcdefghijkl");
	expect_row(2, "mnopqrstuvwx");
	/* A full line and its newline are one row. */
	show("\n!");
	expect_row(1, "mnopqrstuvwx");
	expect_row(2, "!           ");
}

static void test_tabs_and_backspaces(void **state) {
	(void)state;
	show("a\tb\n12345678\tc\nabc\b\b\b\b\bA\tB\t\tC");
	expect_row(0, "c           ");
	expect_row(1, "Abc     B   ");
	expect_row(2, "        C   ");
}

static void test_other_bytes_are_question_marks(void **state) {
	(void)state;
	show("\x1b\x7f\xe4\x01g\r[\x9b");
	expect_row(2, "????g?[?    ");
}

static void test_a_slice_is_bounded_and_begins_with_the_newest_line(void **state) {
	teardown(state);
	start(128 * 8, 16 * 16, 128 * 8); /* cells of four slices */
	frame_put(&frame, "g", 1);
	assert_true(frame_draw(&frame));
	expect_glyph(15, 0, letter_g);
	for (u32 i = 0; i < 1024u * (256 - FRAME_SLICE / 128 * 16); i++)
		assert_int_equal(pixels[i], UNTOUCHED);
	while (frame_draw(&frame))
		;
	expect_glyph(0, 0, space);
	/* What does not change is not drawn again. */
	cell(14, 0)[0] = UNTOUCHED;
	show("g");
	assert_int_equal(cell(14, 0)[0], UNTOUCHED);
	expect_glyph(15, 1, letter_g);
}

static void test_nothing_is_drawn_before_pixels_are_mapped(void **state) {
	(void)state;
	frame.visible = false;
	show("g");
	for (u32 i = 0; i < STRIDE * HEIGHT; i++)
		assert_int_equal(pixels[i], UNTOUCHED);
	frame.visible = true;
	show("");
	expect_glyph(ROWS - 1, 0, letter_g);
}

static void test_without_a_frame_text_goes_nowhere(void **state) {
	(void)state;
	memset(&frame, 0, sizeof(frame));
	frame.visible = true;
	frame_put(&frame, "g\n", 2);
	assert_false(frame_draw(&frame));
}

/* What a firmware may say that is not so. */
static void test_impossible_modes_are_refused(void **state) {
	static const struct {
		u64 base, bytes;
		u32 width, height, stride;
		bool good;
	} modes[] = {
		{0x80000000, 4 * 800 * 600, 800, 600, 800, true},
		{0x80000000, 4 * 800 * 600 - 1, 800, 600, 800, false},
		{0, 4 * 800 * 600, 800, 600, 800, false},
		{0x80000010, 4 * 800 * 600, 800, 600, 800, false},
		{0x80000000, 4 * 800 * 600, 801, 600, 800, false},
		{0x80000000, 4 * 800 * 600, 7, 600, 800, false},
		{0x80000000, 4 * 800 * 600, 800, 15, 800, false},
		{0x80000000, 4 * 800 * 600, 0, 0, 0, false},
		{0xfffffffffffff000, 4 * 800 * 600, 800, 600, 800, false},
		{0x80000000, UINT64_MAX - 0x80000000, UINT32_MAX, UINT32_MAX, UINT32_MAX, false},
		{0x80000000, 4 * 65536, 0x80000000, 0x80000000, 0x80000000, false},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		memset(&frame, 0, sizeof(frame));
		assert_int_equal(frame_init(&frame, modes[i].base, modes[i].bytes, modes[i].width,
					    modes[i].height, modes[i].stride),
				 modes[i].good);
		assert_int_equal(frame.rows > 0, modes[i].good);
	}
	/* More characters than are kept: the rest of the screen stays as it is. */
	assert_true(frame_init(&frame, 0x80000000, 4ull * 2000 * 16000, 2000, 16000, 2000));
	assert_in_range(frame.rows * frame.columns, FRAME_CELLS - frame.columns, FRAME_CELLS);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_dot_is_where_the_font_has_it),
		TEST(test_large_screens_have_large_dots),
		TEST(test_lines_scroll_upwards),
		TEST(test_a_long_line_goes_on_in_the_next),
		TEST(test_tabs_and_backspaces),
		TEST(test_other_bytes_are_question_marks),
		TEST(test_a_slice_is_bounded_and_begins_with_the_newest_line),
		TEST(test_nothing_is_drawn_before_pixels_are_mapped),
		TEST(test_without_a_frame_text_goes_nowhere),
		TEST(test_impossible_modes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
