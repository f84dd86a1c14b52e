/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"

#define MESSAGE_SIZE 4096

static bool stands_before(struct place a, struct place b) {
	return a.line != b.line ? a.line < b.line : a.column < b.column;
}

void config_report(struct config *config, struct place at, const char *rule, const char *text,
		   ...) {
	struct diagnostics *diagnostics = config->diagnostics;
	struct text_buffer buffer = TEXT_BUFFER(MESSAGE_SIZE);
	va_list arguments;

	if (diagnostics->count == diagnostics->capacity) {
		diagnostics->dropped++;
		return;
	}
	va_start(arguments, text);
	text_print_list(&buffer.sink, text, arguments);
	va_end(arguments);
	char *first = arena_text(config->arena, buffer.data, buffer.length);

	config->exhausted |= !first;
	if (!first)
		return;
	struct diagnostic *d = &diagnostics->entries[diagnostics->count++];

	/* Within one place in the order of checks. */
	for (; d > diagnostics->entries && stands_before(at, d[-1].at); d--)
		*d = d[-1];
	*d = (struct diagnostic){at, rule, .message = first};
	char *end = first + buffer.length, *last = end;

	while (first < end && *first != '\n')
		first++;
	while (last > first && *last != '\n')
		last--;
	*first = *last = '\0';
	d->because = first < last ? first + 1 : NULL;
	d->fix = last < end ? last + 1 : NULL;
}

char *config_shown(char *shown, size_t size, const char *text) {
	size_t length = min_u64(strlen(text), size - sizeof("..."));

	while (length > 0 && (text[length] & 0xc0) == 0x80) /* within a character */
		length--;
	return text_format(shown, size, "%.*s%s", (int)length, text, text[length] ? "..." : "");
}

void diagnostics_print(const struct diagnostics *diagnostics, const char *file, const char *prefix,
		       struct text_sink *sink) {
	for (u32 i = 0; i < diagnostics->count; i++) {
		const struct diagnostic *d = &diagnostics->entries[i];
		char place[32];

		text_format(place, sizeof(place), ":%u:%u: ", d->at.line, d->at.column);
		text_print(sink, "%s%s%serror[%s]: %s\n", prefix, file, place, d->rule, d->message);
		for (const char *line = d->because, *end; line; line = *end ? end + 1 : NULL) {
			for (end = line; *end && *end != '\n'; end++)
				;
			text_print(sink, "%s%s%s  because %.*s\n", prefix, file, place,
				   (int)(end - line), line);
		}
		text_print(sink, "%s%s%s  fix: %s\n", prefix, file, place, d->fix);
	}
	if (diagnostics->dropped)
		text_print(sink, "%s%s: %u more errors are not shown: mend these first\n", prefix,
			   file, diagnostics->dropped);
}
