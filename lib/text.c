/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

static void buffer_put(struct text_sink *sink, const char *bytes, size_t count) {
	struct text_buffer *buffer = container_of(sink, struct text_buffer, sink);
	size_t room = buffer->size ? buffer->size - 1 - buffer->length : 0;

	if (count > room) {
		buffer->truncated = true;
		count = room;
	}
	if (count == 0)
		return;
	memcpy(buffer->data + buffer->length, bytes, count);
	buffer->length += count;
	buffer->data[buffer->length] = '\0';
}

struct text_buffer text_buffer(char *data, size_t size) {
	if (size)
		data[0] = '\0';
	return (struct text_buffer){.sink.put = buffer_put, .data = data, .size = size};
}

#define WIDTH_LIMIT 64
_Static_assert(sizeof(long) == sizeof(u64), "l and ll mean the same");

static void put_text(struct text_sink *sink, const char *text, int precision) {
	size_t length = 0;

	if (!text)
		text = "(null)";
	/* Not strlen: with a precision the text need not end. */
	while ((precision < 0 || length < (size_t)precision) && text[length] != '\0')
		length++;
	if (length)
		sink->put(sink, text, length);
}

/* At least WIDTH characters, filled up with zeros behind the prefix. */
static void put_number(struct text_sink *sink, u64 value, u32 base, u32 width, bool prefix) {
	char digits[WIDTH_LIMIT];
	size_t first = sizeof(digits);

	width = (u32)min_u64(width, sizeof(digits));
	do {
		digits[--first] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (sizeof(digits) - first + (prefix ? 2 : 0) < width)
		digits[--first] = '0';
	if (prefix)
		sink->put(sink, "0x", 2);
	sink->put(sink, digits + first, sizeof(digits) - first);
}

/* One conversion, from '%' on. Returns what follows, or FORMAT when it is none that is known. */
static const char *convert(struct text_sink *sink, const char *format, va_list *arguments) {
	const char *p = format + 1;
	bool prefix = *p == '#', star = strncmp(p, ".*", 2) == 0, is_long;
	u32 width = 0;
	int precision;

	p += prefix;
	for (bool zeros = *p == '0'; zeros && *p >= '0' && *p <= '9' && width < WIDTH_LIMIT; p++)
		width = width * 10 + (u32)(*p - '0');
	p += star ? 2 : 0;
	precision = star ? va_arg(*arguments, int) : -1;
	for (is_long = *p == 'l'; *p == 'l';)
		p++;
	if (*p == '%')
		sink->put(sink, "%", 1);
	else if (*p == 's')
		put_text(sink, va_arg(*arguments, const char *), precision);
	else if (*p == 'u' || *p == 'x')
		put_number(sink, is_long ? va_arg(*arguments, u64) : va_arg(*arguments, u32),
			   *p == 'x' ? 16 : 10, width, prefix);
	else
		return format;
	return p + 1;
}

void text_print_list(struct text_sink *sink, const char *format, va_list arguments) {
	va_list rest; /* of a type that can be pointed to */

	va_copy(rest, arguments);
	while (*format != '\0') {
		const char *start = format;

		while (*format != '\0' && *format != '%')
			format++;
		if (format > start)
			sink->put(sink, start, (size_t)(format - start));
		start = format;
		if (*format == '%')
			format = convert(sink, format, &rest);
		if (*start == '%' && format == start) {
			/* Which arguments belong to the rest is no longer known. */
			sink->put(sink, start, strlen(start));
			break;
		}
	}
	va_end(rest);
}

void text_print(struct text_sink *sink, const char *format, ...) {
	va_list arguments;

	va_start(arguments, format);
	text_print_list(sink, format, arguments);
	va_end(arguments);
}

char *text_format(char *data, size_t size, const char *format, ...) {
	struct text_buffer buffer;
	va_list arguments;

	buffer = text_buffer(data, size);
	va_start(arguments, format);
	text_print_list(&buffer.sink, format, arguments);
	va_end(arguments);
	return data;
}
