/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"
#include <stdarg.h>

/* Where text goes: a console, a buffer, a file. */
struct text_sink {
	void (*put)(struct text_sink *sink, const char *bytes, size_t count);
};

/* A sink that fills memory, always zero-terminated; what does not fit is dropped and noted. */
struct text_buffer {
	struct text_sink sink;
	char *data;
	size_t size;
	size_t length;
	bool truncated;
};

struct text_buffer text_buffer(char *data, size_t size);
/* One with memory of its own, which lasts as long as the block it stands in. */
#define TEXT_BUFFER(bytes) text_buffer((char[bytes]){0}, bytes)

/*
 * Formats %s %.*s %% and %u %x: these with l or ll, '#' for 0x, and a width that is filled up with
 * zeros (%04x). Nothing else: the rest of the format is printed as it is.
 */
__attribute__((format(printf, 2, 3))) void text_print(struct text_sink *sink, const char *format,
						      ...);
void text_print_list(struct text_sink *sink, const char *format, va_list arguments);
/* The same into DATA of SIZE bytes, zero-terminated; returns DATA. */
__attribute__((format(printf, 3, 4))) char *text_format(char *data, size_t size, const char *format,
							...);

/* What the compiler itself may call, and what the rooms use; the hosted build takes the C library's. */
void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t count);
