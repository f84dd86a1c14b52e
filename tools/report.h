/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"
#include <stdio.h>

/*
 * What a table says, told once and printed either as JSON or as lines for people. An object is one
 * line of fields, with words behind them; its lists are further lines, indented. Fields come in order.
 */
struct report {
	FILE *out;
	bool json;
	/* For the report's own use. */
	bool comma; /* JSON: something precedes in this object or list */
	bool line; /* people: a line has begun */
	u32 depth;
	char words[256];
	struct report_warning {
		u32 offset;
		char *text;
	} * warnings;
	u32 warning_count, further_warnings;
};

/* Opens an object: of type NAME, or of type NUMBER where NAME is NULL. People read LABEL. */
void report_open(struct report *r, const char *label, u32 offset, const char *name, u64 number);
void report_close(struct report *r);
/* A list of objects, the last thing in its object. */
void report_open_list(struct report *r, const char *key);
void report_close_list(struct report *r);

/* DIGITS hexadecimal digits for people; 0: decimal. */
void report_number(struct report *r, const char *key, u64 value, int digits);
/* COUNT bytes of text up to the first zero. */
void report_text(struct report *r, const char *key, const u8 *bytes, u32 count);
/* COUNT bytes, in hexadecimal digits. */
void report_bytes(struct report *r, const char *key, const u8 *bytes, u32 count);
/* COUNT pairs of device and function. */
void report_path(struct report *r, const u8 *pairs, u32 count);

struct report_flag {
	u64 bit;
	const char *words;
};
/* Only for people: what a field means. */
__attribute__((format(printf, 2, 3))) void report_words(struct report *r, const char *format, ...);
/* The words of each bit that is set in VALUE; LIST ends with bit 0. */
void report_flags(struct report *r, u64 value, const struct report_flag *list);

/* Keeps a warning about what is at OFFSET of the table. */
__attribute__((format(printf, 3, 4))) void report_warn(struct report *r, u32 offset,
						       const char *format, ...);
/* Prints the warnings, by offset, and forgets them. */
void report_warnings(struct report *r);
