/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal.h"
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_LEAST 40 /* below, lines are left to the terminal */

bool terminal_is(FILE *file) {
	return isatty(fileno(file));
}

struct terminal terminal_probe(void) {
	const char *kind = getenv("TERM"), *off = getenv("NO_COLOR");
	struct terminal terminal = {0};
	struct winsize size;

	setlocale(LC_CTYPE, "");
	terminal.lines = !strcmp(nl_langinfo(CODESET), "UTF-8");
	if (!terminal_is(stdout))
		return terminal;
	terminal.colour = kind && *kind && strcmp(kind, "dumb") != 0 && !(off && *off);
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col >= WIDTH_LEAST)
		terminal.width = size.ws_col;
	return terminal;
}

const char *terminal_colour(const struct terminal *terminal, const char *parameters,
			    char text[16]) {
	text[0] = '\0';
	if (terminal->colour)
		snprintf(text, 16, "\033[%sm", parameters ? parameters : "");
	return text;
}

void terminal_wrap(const struct terminal *terminal, unsigned int indent, const char *text) {
	size_t room = terminal->width > indent + WIDTH_LEAST / 2 ? terminal->width - indent
								 : strlen(text) + 1;

	while (strlen(text) > room) {
		size_t cut = room;

		while (cut && text[cut] != ' ')
			cut--;
		if (!cut)
			cut = strcspn(text, " ");
		printf("%.*s\n%*s", (int)cut, text, (int)indent, "");
		text += cut + strspn(text + cut, " ");
	}
	printf("%s\n", text);
}
