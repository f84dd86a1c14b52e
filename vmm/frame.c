/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"
#include "text.h"

#define GLYPH_WIDTH 8
#define GLYPH_HEIGHT 16
#define TAB 8
#define SCALE_WIDTH 2560 /* with each of these the font grows */
#define INK 0xaaaaaau /* grey: the same in both orders of colours */

/* Of each character the dots of the upper and the lower half, line by line, the first one in the highest bit. */
static const u64 font[][2] = {
#include "font.h"
};

bool frame_init(struct frame *f, u64 base, u64 bytes, u32 width, u32 height, u32 stride) {
	if (!base || base % PAGE_SIZE || base + bytes < base || width > stride ||
	    (u64)stride * height > bytes / sizeof(u32))
		return false;
	f->pixels = (u32 *)(uintptr_t)base;
	f->bytes = ALIGN_UP((u64)stride * height * sizeof(u32), PAGE_SIZE);
	f->stride = stride;
	f->scale = 1 + width / SCALE_WIDTH;
	f->columns = width / GLYPH_WIDTH / f->scale;
	f->rows = height / GLYPH_HEIGHT / f->scale;
	f->rows = (u32)min_u64(f->rows, f->columns ? FRAME_CELLS / f->columns : 0);
	memset(f->cells, ' ', sizeof(f->cells));
	return f->rows;
}

/* A new line is the uppermost row, which becomes the lowest. A full one waits for what comes next. */
void frame_put(struct frame *f, const char *bytes, size_t count) {
	u32 total = f->columns * f->rows;

	for (size_t i = 0; total && i < count; i++) {
		u8 c = (u8)bytes[i];

		if (c == '\n' || f->column >= f->columns) {
			memset(f->cells + f->top, ' ', f->columns);
			f->top = (f->top + f->columns) % total;
			f->column = 0;
		}
		if (c == '\b')
			f->column -= f->column > 0;
		else if (c == '\t')
			f->column = (u32)ALIGN_UP(f->column + 1, TAB);
		else if (c != '\n')
			f->cells[(f->top + total - f->columns + f->column++) % total] =
				c < ' ' || c > '~' ? '?' : c;
	}
}

static void draw_cell(const struct frame *f, u32 at, u8 c) {
	u32 *pixels = f->pixels + (u64)(at / f->columns) * GLYPH_HEIGHT * f->scale * f->stride +
		      at % f->columns * GLYPH_WIDTH * f->scale;

	for (u32 y = 0; y < GLYPH_HEIGHT * f->scale; y++, pixels += f->stride)
		for (u32 x = 0; x < GLYPH_WIDTH * f->scale; x++) {
			u32 dot = y / f->scale * GLYPH_WIDTH + x / f->scale;

			pixels[x] = font[c][dot / 64] << dot % 64 & BIT(63) ? INK : 0;
		}
}

bool frame_draw(struct frame *f) {
	u32 total = f->columns * f->rows, top = f->top, left = FRAME_SLICE;

	for (u32 at = total; f->visible && left && at--;) {
		u8 wanted = f->cells[(top + at) % total];

		if (wanted != f->shown[at]) {
			draw_cell(f, at, wanted);
			f->shown[at] = wanted;
			left--;
		}
	}
	return !left;
}
