/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"
#include "cpu.h"

/* Odd: no single change is lost; and not the same for neighbours. */
#define WEIGHT(at) (2 * (at) + 1)

/* A reset drops what is in caches only, so each character goes to memory at once. */
void log_put(struct log_ring *log, const char *bytes, size_t count) {
	for (size_t i = 0; i < count; i++) {
		u64 at = __atomic_fetch_add(&log->written, 1, __ATOMIC_RELAXED) % LOG_TEXT;
		u64 more = (u64)(u8)bytes[i] - (u8)log->text[at];

		__atomic_fetch_add(&log->sum, 1 + WEIGHT(at) * more, __ATOMIC_RELAXED);
		log->text[at] = bytes[i];
		cpu_flush_line(&log->text[at]);
	}
	cpu_flush_line(log);
}

void log_show(const struct log_ring *log, u64 most, const char *word, struct text_sink *out) {
	u64 at = log->written - min_u64(log->written, min_u64(most, LOG_TEXT));
	u64 sum = log->written;
	char last = '\n';

	for (u64 i = 0; i < LOG_TEXT; i++)
		sum += WEIGHT(i) * (u8)log->text[i];
	for (; sum == log->sum && at < log->written; at++) {
		char c = log->text[at % LOG_TEXT];

		if (last == '\n')
			text_print(out, "bulkhead: %s: ", word);
		if (c == '\n' || (c >= ' ' && c <= '~'))
			text_print(out, "%.*s", 1, &c);
		last = c;
	}
	if (last != '\n')
		text_print(out, "\n");
}
