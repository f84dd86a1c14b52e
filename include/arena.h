/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"

/* Memory that is handed out in order and never given back one by one: inventories and plans. */
struct arena {
	u8 *base;
	size_t size;
	size_t used;
};

/* COUNT zeroed objects of SIZE bytes, 16-byte aligned; NULL when the arena is full or the product overflows. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);
/* A zero-terminated copy of LENGTH bytes of TEXT; NULL when the arena is full. */
char *arena_text(struct arena *arena, const char *text, size_t length);
/*
 * An array that holds COUNT objects of SIZE bytes and room for one more: ARRAY itself, or a copy
 * of twice the size when COUNT has reached a power of two. Only for arrays that grow this way from
 * empty. NULL when the arena is full.
 */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t size);
