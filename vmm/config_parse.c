/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"

/* Column = characters before it + 1: every byte but the continuations of UTF-8. */
static struct place place_of(const struct config *config, const char *at) {
	struct place place = {config->line_number, 1};

	for (const char *p = config->line; p < at; p++)
		place.column += ((u8)*p & 0xc0) != 0x80;
	return place;
}

static bool is_comment(const struct config *config, const char *at) {
	return (*at == '#' || *at == ';') && (at == config->line || value_is_blank(at[-1]));
}

/* The first C from START on; where there is none, the comment or the end of the line. */
static char *find(const struct config *config, char *start, char c) {
	while (*start && *start != c && !is_comment(config, start))
		start++;
	return start;
}

/* Ends the text from START in front of END, and of the blanks there. */
static char *cut(char *start, char *end) {
	while (end > start && value_is_blank(end[-1]))
		end--;
	*end = '\0';
	return end;
}

/* Bytes of the character at P: 0 when it is no UTF-8, or a control character other than a tab. */
static u32 character_bytes(const char *p) {
	static const u32 smallest[] = {0, 0, 0xa0, 0x800, 0x10000}; /* U+0080 to 9F: controls */
	u8 lead = (u8)*p;
	u32 bytes = lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 0;

	if (lead < 0x80)
		return lead == '\t' || (lead >= 0x20 && lead != 0x7f);
	u32 code = lead & (0x7f >> bytes);

	for (u32 i = 1; i < bytes; i++) {
		if (((u8)p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((u8)p[i] & 0x3f);
	}
	bool surrogate = code >= 0xd800 && code <= 0xdfff;

	return code < smallest[bytes] || code > 0x10ffff || surrogate ? 0 : bytes;
}

/* A line is read up to its first bad byte. */
static void check_encoding(struct config *config, const char *end) {
	char *p = config->line;

	for (u32 bytes; p < end && (bytes = character_bytes(p)); p += bytes)
		;
	config->line_bad = p < end;
	if (config->line_bad)
		config_report(config, place_of(config, p), TEXT_ENCODING, (u8)*p);
	*p = '\0';
}

static bool name_is_good(const char *name) {
	size_t length = strlen(name);
	bool good = length > 0 && length <= PARTITION_NAME_MAX;

	for (; *name; name++)
		good &= (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
			(*name >= '0' && *name <= '9') || *name == '-' || *name == '_';
	return good;
}

static void begin_partition(struct config *config, struct place at, const char *name) {
	struct plan *all = config->plan;
	struct partition_plan *plan = &all->partitions[all->partition_count];
	const struct partition_plan *other = all->partitions;
	struct place name_at = place_of(config, name);

	if (all->partition_count == PARTITIONS_MAX) {
		config_report(config, at, PARTITION_LIMIT, SHOWN(name), PARTITIONS_MAX);
		return;
	}
	while (other < plan && strcmp(other->name, name) != 0)
		other++;
	if (!name_is_good(name))
		config_report(config, name_at, PARTITION_NAME, SHOWN(name), PARTITION_NAME_MAX);
	else if (other < plan)
		config_report(config, name_at, PARTITION_DUPLICATE, other->at.line, name);
	*plan = (struct partition_plan){.cpus = config->cpus, .cmdline = "", .at = at};
	text_format(plan->name, sizeof(plan->name), "%s", name);
	config->partition = plan;
	config->section = SECTION_PARTITION;
	all->partition_count++;
}

/* HEADER is what stands between the brackets. */
static void begin_section(struct config *config, struct place at, char *header) {
	const char *shown = SHOWN(header);
	char *end = header;

	while (*end && !value_is_blank(*end))
		end++;
	const char *name = end + value_blanks(end);

	*end = '\0';
	if (strcmp(header, "hypervisor") == 0 && !*name) {
		if (config->hypervisor_line)
			config_report(config, at, SECTION_DUPLICATE, config->hypervisor_line);
		config->hypervisor_line = at.line;
		config->section = SECTION_HYPERVISOR;
	} else if (strcmp(header, "partition") != 0) {
		config_report(config, at, SECTION_UNKNOWN, shown);
	} else if (config->inventory) {
		begin_partition(config, at, name);
	}
}

static void parse_header(struct config *config, char *bracket) {
	struct place at = place_of(config, bracket);
	char *end = cut(bracket, find(config, bracket, '\0'));
	char *close = find(config, bracket, ']');

	config_end_section(config);
	config->section = SECTION_IGNORED;
	if (close + 1 != end && !config->line_bad)
		config_report(config, at, SECTION_FORM);
	if (close != end) {
		cut(bracket + 1, close);
		begin_section(config, at, bracket + 1 + value_blanks(bracket + 1));
	}
	config->section_lost |= config->section == SECTION_IGNORED;
}

/* The value from QUOTE to the next one, with \" and \\ replaced; NULL when that is not all. */
static const char *parse_quoted(struct config *config, const char *quote) {
	char *text = config_alloc(config, strlen(quote), 1);
	const char *p = quote + 1;

	for (char *to = text; to && *p && *p != '"'; p++) {
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		*to++ = *p;
	}
	const char *tail = *p ? p + 1 + value_blanks(p + 1) : p;

	if (*p && (*tail == '\0' || is_comment(config, tail)))
		return text;
	if (*p)
		config_report(config, place_of(config, tail), QUOTE_TAIL);
	else
		config_report(config, place_of(config, quote), QUOTE_OPEN);
	return NULL;
}

static void parse_value(struct entry *entry, char *value) {
	struct config *config = entry->config;

	value += value_blanks(value);
	bool quoted = *value == '"';

	entry->at = place_of(config, value + quoted);
	if (!quoted)
		cut(value, find(config, value, '\0'));
	entry->value = quoted ? parse_quoted(config, value) : value;
}

static void parse_entry(struct config *config, char *start) {
	struct entry entry = {.config = config, .key = start, .key_at = place_of(config, start)};
	char *end = find(config, start, '=');
	bool whole = *end == '=' && end > start, outside = config->section == SECTION_NONE;

	if (!whole) {
		if (!config->line_bad)
			config_report(config, entry.key_at, LINE_FORM, SHOWN(start));
		/* Its first word still counts as a key that is present. */
		for (end = start; *end && *end != ':' && !value_is_blank(*end);)
			end++;
	} else if (!config->line_bad) {
		parse_value(&entry, end + 1);
	}
	cut(start, end);
	config->section_lost |= outside;
	if (outside && whole) {
		config_report(config, entry.key_at, KEY_OUTSIDE, SHOWN(entry.key));
		config->section = SECTION_IGNORED;
	}
	config_read_entry(&entry);
}

static void parse_line(struct config *config, char *line, char *end) {
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	config->line = line;
	config->line_number++;
	check_encoding(config, end);
	line += value_blanks(line);
	if (*line == '[')
		parse_header(config, line);
	else if (*line && !is_comment(config, line))
		parse_entry(config, line);
}

void config_parse(struct config *config, const char *text, size_t length) {
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	/* Lines are cut to pieces where they stand, and the plan keeps some of them. */
	char *line = arena_text(config->arena, text, length);

	config->exhausted |= !line;
	if (!line)
		return;
	char *end = line + length;

	if (strncmp(line, byte_order_mark, sizeof(byte_order_mark) - 1) == 0)
		line += sizeof(byte_order_mark) - 1;
	for (char *newline; !config->exhausted && line < end; line = newline + 1) {
		for (newline = line; newline < end && *newline != '\n';)
			newline++;
		parse_line(config, line, newline);
	}
	config_end_section(config);
}
