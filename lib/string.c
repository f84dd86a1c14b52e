/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler takes for granted of a C library. Image only: a host has its own. */
#include "text.h"

/*
 * Keeps the compiler from recognising a loop as the very function that the loop implements, and
 * calling itself for ever.
 */
#define LOOP_STAYS __asm__ volatile("")

/* String instructions: quick on processors, and eight bytes a step where they are emulated. */
void *memcpy(void *restrict to, const void *restrict from, size_t count) {
	void *destination = to;
	size_t words = count / 8, rest = count % 8;

	__asm__ volatile("rep movsq" : "+D"(destination), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(destination), "+S"(from), "+c"(rest) : : "memory");
	return to;
}

void *memset(void *to, int value, size_t count) {
	void *destination = to;
	size_t words = count / 8, rest = count % 8;
	u64 pattern = (u8)value * 0x0101010101010101ull;

	__asm__ volatile("rep stosq" : "+D"(destination), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(destination), "+c"(rest) : "a"(pattern) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t count) {
	const u8 *x = a, *y = b;

	for (size_t i = 0; i < count; i++) {
		LOOP_STAYS;
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}

size_t strlen(const char *text) {
	size_t length = 0;

	while (text[length] != '\0') {
		LOOP_STAYS;
		length++;
	}
	return length;
}

int strcmp(const char *a, const char *b) {
	return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t count) {
	for (size_t i = 0; i < count; i++) {
		LOOP_STAYS;
		if (a[i] != b[i])
			return (u8)a[i] < (u8)b[i] ? -1 : 1;
		if (a[i] == '\0')
			break;
	}
	return 0;
}
