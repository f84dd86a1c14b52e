/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"
#include "json.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_WIDTH 24
#define WARNINGS_MAX 1000 /* beyond: counted */

static void key_json(struct report *r, const char *key) {
	if (r->comma)
		putc(',', r->out);
	r->comma = true;
	json_string(r->out, key);
	putc(':', r->out);
}

static void end_line(struct report *r) {
	if (!r->line)
		return;
	fprintf(r->out, "%s%s\n", r->words[0] ? "  " : "", r->words);
	r->words[0] = '\0';
	r->line = false;
}

void report_open(struct report *r, const char *label, u32 offset, const char *name, u64 number) {
	if (r->json) {
		fprintf(r->out, "%s{", r->comma ? "," : "");
		r->comma = false;
		key_json(r, "type");
		if (name)
			json_string(r->out, name);
		else
			fprintf(r->out, "%llu", (unsigned long long)number);
		return;
	}
	end_line(r);
	fprintf(r->out, "  0x%04x  %*s%-*s", offset, 2 * (int)r->depth, "",
		LABEL_WIDTH - 2 * (int)r->depth, label);
	r->line = true;
}

void report_close(struct report *r) {
	if (r->json)
		putc('}', r->out);
	end_line(r);
	r->comma = true;
}

void report_open_list(struct report *r, const char *key) {
	end_line(r);
	r->depth++;
	if (!r->json)
		return;
	key_json(r, key);
	putc('[', r->out);
	r->comma = false;
}

void report_close_list(struct report *r) {
	r->depth--;
	if (r->json)
		putc(']', r->out);
	r->comma = true;
}

/* For people: " a key ". */
static void key_text(struct report *r, const char *key) {
	putc(' ', r->out);
	for (; *key; key++)
		putc(*key == '_' ? ' ' : *key, r->out);
	putc(' ', r->out);
}

void report_number(struct report *r, const char *key, u64 value, int digits) {
	unsigned long long number = value;

	if (r->json)
		key_json(r, key);
	else
		key_text(r, key);
	if (digits && !r->json)
		fprintf(r->out, "0x%0*llx", digits, number);
	else
		fprintf(r->out, "%llu", number);
}

void report_text(struct report *r, const char *key, const u8 *bytes, u32 count) {
	count = (u32)strnlen((const char *)bytes, count);
	if (r->json) {
		key_json(r, key);
		json_bytes(r->out, bytes, count);
		return;
	}
	key_text(r, key);
	for (u32 i = 0; i < count; i++)
		putc(isprint(bytes[i]) ? bytes[i] : '?', r->out);
}

void report_bytes(struct report *r, const char *key, const u8 *bytes, u32 count) {
	if (r->json) {
		key_json(r, key);
		putc('"', r->out);
	} else {
		key_text(r, key);
	}
	for (u32 i = 0; i < count; i++)
		fprintf(r->out, "%02x", bytes[i]);
	if (r->json)
		putc('"', r->out);
}

void report_path(struct report *r, const u8 *pairs, u32 count) {
	if (r->json) {
		key_json(r, "path");
		putc('[', r->out);
	} else {
		fputs(" path ", r->out);
	}
	for (u32 i = 0; i < count; i++)
		fprintf(r->out, r->json ? "%s[%u,%u]" : "%s%02x.%x",
			i == 0    ? ""
			: r->json ? ","
				  : "/",
			pairs[2 * i], pairs[2 * i + 1]);
	if (r->json)
		putc(']', r->out);
}

void report_words(struct report *r, const char *format, ...) {
	size_t length = strlen(r->words);
	va_list arguments;

	if (length && length + 3 < sizeof(r->words)) {
		memcpy(r->words + length, ", ", 3);
		length += 2;
	}
	va_start(arguments, format);
	vsnprintf(r->words + length, sizeof(r->words) - length, format, arguments);
	va_end(arguments);
}

void report_flags(struct report *r, u64 value, const struct report_flag *list) {
	for (; list->bit; list++)
		if (value & list->bit)
			report_words(r, "%s", list->words);
}

void report_warn(struct report *r, u32 offset, const char *format, ...) {
	struct report_warning *larger;
	va_list arguments;
	char *text;

	if (r->warning_count >= WARNINGS_MAX) {
		r->further_warnings++;
		return;
	}
	larger = realloc(r->warnings, (r->warning_count + 1) * sizeof(*larger));
	va_start(arguments, format);
	if (!larger || vasprintf(&text, format, arguments) < 0) {
		perror("bulkhead");
		exit(EXIT_FAILURE);
	}
	va_end(arguments);
	r->warnings = larger;
	r->warnings[r->warning_count++] = (struct report_warning){offset, text};
}

static int by_offset(const void *a, const void *b) {
	const struct report_warning *left = a, *right = b;

	return (left->offset > right->offset) - (left->offset < right->offset);
}

void report_warnings(struct report *r) {
	if (r->further_warnings) {
		u32 count = r->further_warnings + 1;

		free(r->warnings[--r->warning_count].text);
		report_warn(r, r->warnings[r->warning_count].offset, "%u warnings from here on",
			    count);
		r->further_warnings = 0;
	}
	if (r->warnings)
		qsort(r->warnings, r->warning_count, sizeof(*r->warnings), by_offset);
	if (r->json)
		key_json(r, "warnings");
	if (r->json)
		putc('[', r->out);
	for (u32 i = 0; r->warnings && i < r->warning_count; i++) {
		const struct report_warning *w = &r->warnings[i];

		if (r->json) {
			fprintf(r->out, "%s{\"offset\":%u,\"text\":", i ? "," : "", w->offset);
			json_string(r->out, w->text);
			putc('}', r->out);
		} else {
			fprintf(r->out, "  warning at 0x%04x: %s\n", w->offset, w->text);
		}
		free(w->text);
	}
	if (r->json)
		putc(']', r->out);
	free(r->warnings);
	r->warnings = NULL;
	r->warning_count = 0;
}
