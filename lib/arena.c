/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"
#include "text.h"

#define ARENA_ALIGNMENT 16

void *arena_alloc(struct arena *arena, size_t count, size_t size) {
	/* The base itself may be unaligned: what has to be aligned is the address. */
	size_t gap = (size_t)(-((uintptr_t)arena->base + arena->used) % ARENA_ALIGNMENT);
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	if (gap > arena->size - arena->used || bytes > arena->size - arena->used - gap)
		return NULL;
	void *object = arena->base + arena->used + gap;
	arena->used += gap + bytes;
	return memset(object, 0, bytes);
}

char *arena_text(struct arena *arena, const char *text, size_t length) {
	if (length == SIZE_MAX)
		return NULL;
	char *copy = arena_alloc(arena, length + 1, 1);

	if (copy)
		memcpy(copy, text, length);
	return copy;
}

void *arena_grow(struct arena *arena, void *array, size_t count, size_t size) {
	if (count & (count - 1)) /* not a power of two, and not 0 */
		return array;
	void *larger = arena_alloc(arena, count ? 2 * count : 1, size);

	if (larger && count)
		memcpy(larger, array, count * size);
	return larger;
}
