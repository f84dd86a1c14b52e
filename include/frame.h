/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"

/*
 * Text on a linear frame buffer of 32-bit pixels. What is printed changes cells in memory, at once; drawing those that
 * have changed is a step of its own, for whoever has the time. Lines enter at the bottom.
 */
#define FRAME_CELLS (16 * KIB) /* what is beyond that many is not used */
#define FRAME_SLICE 512 /* a quarter of a MiB of pixels */

struct frame {
	u32 *pixels;
	u64 bytes; /* from there on, in whole pages */
	u32 stride; /* pixels from one line to the next */
	u32 scale; /* pixels of a dot of the font, each way */
	u32 columns, rows; /* 0: there is no frame buffer */
	u32 top, column; /* cell where the uppermost row begins; place in the lowest one */
	bool visible; /* the pixels are mapped: without, nothing is drawn */
	u8 cells[FRAME_CELLS]; /* what is to be seen, in a ring of rows */
	u8 shown[FRAME_CELLS]; /* what is seen, from the uppermost row on; 0: something else */
};

/* Of BYTES at BASE; the rest in pixels. False: that cannot be, or no character fits. */
bool frame_init(struct frame *frame, u64 base, u64 bytes, u32 width, u32 height, u32 stride);
/* Bytes that are neither printable ASCII nor newline, tab or backspace become question marks. */
void frame_put(struct frame *frame, const char *bytes, size_t count);
/* Draws at most FRAME_SLICE cells, the lowest first; false: that was all. Text may change meanwhile; only one may draw. */
bool frame_draw(struct frame *frame);
