/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"
#include <string.h>

void json_bytes(FILE *out, const void *bytes, size_t count) {
	const unsigned char *text = bytes;

	putc('"', out);
	for (size_t i = 0; i < count; i++)
		if (text[i] < ' ' || text[i] > '~')
			fprintf(out, "\\u%04x", text[i]);
		else
			fprintf(out, text[i] == '"' || text[i] == '\\' ? "\\%c" : "%c", text[i]);
	putc('"', out);
}

void json_string(FILE *out, const char *text) {
	json_bytes(out, text, strlen(text));
}
