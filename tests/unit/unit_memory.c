/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four */
#include <cmocka.h>

#include "model/cpu.h"
#include "unit_memory.h"

#define LINES_MAX 65536

struct unit_memory unit_memory;

/* Behind the processor's caches, and behind the chipset's buffer; each as large as the memory itself. */
static u8 *behind_caches, *behind_buffer;
static u64 copies;
/* Lines that were flushed since the last fence, as they were at that moment. */
static struct {
	u64 offset;
	u8 bytes[CACHE_LINE];
} lines[LINES_MAX];
static u32 line_count;

static void grow(u64 bytes) {
	if (copies >= bytes)
		return;
	free(behind_caches);
	free(behind_buffer);
	behind_caches = malloc(bytes);
	behind_buffer = malloc(bytes);
	assert_non_null(behind_caches);
	assert_non_null(behind_buffer);
	copies = bytes;
}

void unit_memory_init(void *base, u64 bytes, bool coherent, bool buffered) {
	unit_memory = (struct unit_memory){
		.base = base, .bytes = bytes, .coherent = coherent, .buffered = buffered};
	line_count = 0;
	if (coherent && !buffered)
		return;
	grow(bytes);
	memcpy(behind_caches, base, bytes);
	memcpy(behind_buffer, base, bytes);
}

void *unit_memory_at(u64 address, u64 count) {
	u64 offset = address - (u64)(uintptr_t)unit_memory.base;

	if (offset >= unit_memory.bytes || count > unit_memory.bytes - offset)
		fail_msg("the unit reads 0x%lx, where there is nothing for it", (long)address);
	return unit_memory.base + offset;
}

u64 unit_memory_read(u64 address) {
	const u64 *now = unit_memory_at(address, sizeof(u64));
	u64 offset = address - (u64)(uintptr_t)unit_memory.base, arrived = *now;

	if (unit_memory.buffered)
		memcpy(&arrived, behind_buffer + offset, sizeof(arrived));
	else if (!unit_memory.coherent)
		memcpy(&arrived, behind_caches + offset, sizeof(arrived));
	if (arrived != *now && !unit_memory.probing)
		fail_msg("0x%lx at offset 0x%lx is not where the unit reads", (long)*now,
			 (long)offset);
	return arrived;
}

u64 unit_memory_snoop(u64 address) {
	if (unit_memory.buffered)
		return unit_memory_read(address);
	return *(const u64 *)unit_memory_at(address, sizeof(u64));
}

void unit_memory_drain(void) {
	if (unit_memory.buffered)
		memcpy(behind_buffer, unit_memory.coherent ? unit_memory.base : behind_caches,
		       unit_memory.bytes);
}

void unit_memory_check_ring(u32 from, u32 to, u32 ring_bytes) {
	for (; from != to; from = (from + 16) % ring_bytes)
		if (memcmp(unit_memory.ring + from, unit_memory.ring_fenced + from, 16) != 0)
			fail_msg("the unit is told of a request without a fence behind it");
}

static void call_hook(void) {
	if (unit_memory.hook)
		unit_memory.hook();
}

void model_fence(void) {
	for (u32 i = 0; i < line_count; i++)
		memcpy(behind_caches + lines[i].offset, lines[i].bytes, CACHE_LINE);
	line_count = 0;
	unit_memory.fences++;
	if (unit_memory.ring)
		memcpy(unit_memory.ring_fenced, unit_memory.ring, sizeof(unit_memory.ring_fenced));
	call_hook();
}

void model_flush_line(const volatile void *address) {
	u64 offset = (u64)(uintptr_t)address - (u64)(uintptr_t)unit_memory.base;

	offset -= offset % CACHE_LINE;
	assert_true(offset < unit_memory.bytes);
	if (!unit_memory.coherent) {
		assert_true(line_count < LINES_MAX);
		lines[line_count].offset = offset;
		memcpy(lines[line_count++].bytes, unit_memory.base + offset, CACHE_LINE);
	}
	call_hook();
}
