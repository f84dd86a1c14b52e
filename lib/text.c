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

void text_buffer_init(struct text_buffer *buffer, char *data, size_t size) {
	*buffer = (struct text_buffer){.sink.put = buffer_put, .data = data, .size = size};
	if (size)
		data[0] = '\0';
}

/* One conversion, between its '%' and its letter. */
struct conversion {
	bool left, zero, prefix;
	bool has_precision;
	int width, precision;
	bool is_long; /* l, ll or z */
};

_Static_assert(sizeof(size_t) == 8 && sizeof(long) == 8, "l, ll and z mean the same");

#define WIDTH_LIMIT 1024

static const char *read_number(const char *format, int *number) {
	for (*number = 0; *format >= '0' && *format <= '9'; format++)
		if (*number < WIDTH_LIMIT)
			*number = *number * 10 + (*format - '0');
	return format;
}

static const char *read_flags(const char *format, struct conversion *c) {
	for (;; format++) {
		if (*format == '-')
			c->left = true;
		else if (*format == '0')
			c->zero = true;
		else if (*format == '#')
			c->prefix = true;
		else
			return format;
	}
}

static void put_repeated(struct text_sink *sink, char byte, int count) {
	while (count-- > 0)
		sink->put(sink, &byte, 1);
}

static void put_text(struct text_sink *sink, const struct conversion *c, const char *text) {
	size_t length = 0;

	if (!text)
		text = "(null)";
	/* Not strlen: with a precision the text need not end. */
	while ((!c->has_precision || length < (size_t)c->precision) && text[length] != '\0')
		length++;
	int padding = length < (size_t)c->width ? c->width - (int)length : 0;

	if (!c->left)
		put_repeated(sink, ' ', padding);
	if (length)
		sink->put(sink, text, length);
	if (c->left)
		put_repeated(sink, ' ', padding);
}

static void put_number(struct text_sink *sink, const struct conversion *c, u64 value, u32 base,
		       const char *sign) {
	char digits[20]; /* of 2^64 - 1 */
	size_t first = sizeof(digits);
	size_t sign_length = strlen(sign);

	do {
		digits[--first] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	int padding = c->width - (int)(sizeof(digits) - first + sign_length);

	if (!c->left && !c->zero)
		put_repeated(sink, ' ', padding);
	if (sign_length)
		sink->put(sink, sign, sign_length);
	if (!c->left && c->zero)
		put_repeated(sink, '0', padding);
	sink->put(sink, digits + first, sizeof(digits) - first);
	if (c->left)
		put_repeated(sink, ' ', padding);
}

static void put_signed(struct text_sink *sink, const struct conversion *c, s64 value) {
	u64 magnitude = value < 0 ? 0 - (u64)value : (u64)value;

	put_number(sink, c, magnitude, 10, value < 0 ? "-" : "");
}

/* Reads what stands between '%' and the letter; a negative precision given by '*' is none. */
static const char *read_conversion(const char *format, struct conversion *c, bool *star) {
	*c = (struct conversion){0};
	*star = false;
	format = read_number(read_flags(format, c), &c->width);
	if (*format == '.') {
		c->has_precision = true;
		*star = format[1] == '*';
		format = *star ? format + 2 : read_number(format + 1, &c->precision);
	}
	for (; *format == 'l' || *format == 'z'; format++)
		c->is_long = true;
	return format;
}

void text_print_list(struct text_sink *sink, const char *format, va_list arguments) {
	for (;;) {
		struct conversion c;
		const char *start = format;
		u64 value;
		bool star;

		while (*format != '\0' && *format != '%')
			format++;
		if (format > start)
			sink->put(sink, start, (size_t)(format - start));
		if (*format == '\0')
			return;
		start = format;
		format = read_conversion(format + 1, &c, &star);
		if (star) {
			c.precision = va_arg(arguments, int);
			c.has_precision = c.precision >= 0;
		}
		switch (*format++) {
		case '%': sink->put(sink, "%", 1); break;
		case 'c': put_text(sink, &c, (char[]){(char)va_arg(arguments, int), '\0'}); break;
		case 's': put_text(sink, &c, va_arg(arguments, const char *)); break;
		case 'd':
			put_signed(sink, &c,
				   c.is_long ? va_arg(arguments, s64) : va_arg(arguments, int));
			break;
		case 'u':
			value = c.is_long ? va_arg(arguments, u64) : va_arg(arguments, u32);
			put_number(sink, &c, value, 10, "");
			break;
		case 'x':
			value = c.is_long ? va_arg(arguments, u64) : va_arg(arguments, u32);
			put_number(sink, &c, value, 16, c.prefix ? "0x" : "");
			break;
		default:
			/* Which arguments belong to the rest is no longer known. */
			sink->put(sink, start, strlen(start));
			return;
		}
	}
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

	text_buffer_init(&buffer, data, size);
	va_start(arguments, format);
	text_print_list(&buffer.sink, format, arguments);
	va_end(arguments);
	return data;
}
