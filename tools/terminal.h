/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

/* What standard output can show. */
struct terminal {
	bool colour; /* a terminal that can, and nobody said NO_COLOR */
	bool lines; /* box drawing: the locale's characters are UTF-8 */
	unsigned int width; /* columns; 0: no limit */
};

struct terminal terminal_probe(void);
bool terminal_is(FILE *file);
/* The escape sequence of a colour (SGR parameters such as "1;31") or, for NULL, back to none; "" without colours. */
const char *terminal_colour(const struct terminal *terminal, const char *parameters, char text[16]);
/* TEXT in lines that fit, each but the first with INDENT blanks in front; the first begins there. */
void terminal_wrap(const struct terminal *terminal, unsigned int indent, const char *text);
