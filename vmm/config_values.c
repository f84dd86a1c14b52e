/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"

bool value_is_blank(char c) {
	return c == ' ' || c == '\t';
}

size_t value_blanks(const char *text) {
	size_t count = 0;

	while (value_is_blank(text[count]))
		count++;
	return count;
}

static char lower(char c) {
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static u64 digit_of(char c) {
	c = lower(c);
	return c >= '0' && c <= '9'   ? (u64)(c - '0')
	       : c >= 'a' && c <= 'f' ? (u64)(c - 'a' + 10)
				      : NONE;
}

/* At least one digit of BASE. */
static const char *scan_number(const char *text, u64 base, u64 limit, u64 *number) {
	const char *p = text;

	for (*number = 0; digit_of(*p) < base; p++)
		if (__builtin_mul_overflow(*number, base, number) ||
		    __builtin_add_overflow(*number, digit_of(*p), number) || *number > limit)
			return NULL;
	return p > text ? p : NULL;
}

const char *value_scan(const char *text, const char *form, const u64 *limits, u64 *numbers) {
	for (; text && *form; form++) {
		bool hex = *form == 'N' && text[0] == '0' && lower(text[1]) == 'x';

		if (*form == 'X' || *form == 'D' || *form == 'N')
			text = scan_number(hex ? text + 2 : text, hex || *form == 'X' ? 16 : 10,
					   *limits++, numbers++);
		else if (*form == '$')
			text = *text ? NULL : text;
		else if (*form == ' ')
			text = value_is_blank(*text) ? text + value_blanks(text) : NULL;
		else
			text = *text == *form ? text + 1 : NULL;
	}
	return text;
}

const char *value_address(const char *text, struct pci_address *address) {
	static const u64 limits[] = {UINT16_MAX, UINT8_MAX, 0x1f, 7};
	u64 n[ARRAY_SIZE(limits)] = {0};

	text = value_scan(text, "X:X:X.X", limits, n);
	*address = (struct pci_address){(u16)n[0], (u8)n[1], PCI_DEVFN(n[2], n[3])};
	return text;
}

bool value_size(const char *text, u64 *bytes) {
	static const char *const units[] = {"", "K", "M", "G", NULL};
	const char *rest = value_scan(text, "N", &(u64){UINT64_MAX}, bytes);
	u32 unit = rest ? value_find(rest, units) : NONE;

	return unit != NONE && !__builtin_mul_overflow(*bytes, BIT(10 * unit), bytes);
}

u32 value_find(const char *word, const char *const *words) {
	for (u32 i = 0; words[i]; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	return NONE;
}
