/* SPDX-License-Identifier: Apache-2.0 */
/* Fills its memory with words that tell their own address, then looks for changes, round after round. */
#include "guest.h"

#define BEGIN (16 * MIB)
#define REST_MS 50
#define FACTOR 0x9e3779b97f4a7c15ull

static void fill(volatile uint64_t *begin, volatile uint64_t *end) {
	for (volatile uint64_t *word = begin; word < end; word++)
		*word = (uint64_t)word * FACTOR;
}

static uint64_t count_changed(volatile uint64_t *begin, volatile uint64_t *end,
			      volatile uint64_t **first) {
	uint64_t changed = 0;

	for (volatile uint64_t *word = begin; word < end; word++) {
		if (*word == (uint64_t)word * FACTOR)
			continue;
		if (!changed++)
			*first = word;
	}
	return changed;
}

void victim_run(uint64_t ram_end) {
	volatile uint64_t *begin = (volatile uint64_t *)BEGIN, *end = (volatile uint64_t *)ram_end;

	fill(begin, end);
	print("victim: filled %x to %x", BEGIN, ram_end);
	for (uint64_t round = 1;; round++) {
		volatile uint64_t *first = 0;
		uint64_t changed = count_changed(begin, end, &first);

		print("victim: round %u changed %u first %x interrupts %u", round, changed,
		      (uint64_t)first, interrupts_total());
		for (uint32_t i = 0; i < 256; i++) {
			if (interrupt_counts[i])
				print("victim: vector %u came %u times", (uint64_t)i,
				      interrupt_counts[i]);
		}
		rest_ms(REST_MS);
	}
}

void victim_run_for(uint64_t ram_end, uint32_t seconds) {
	volatile uint64_t *begin = (volatile uint64_t *)BEGIN, *end = (volatile uint64_t *)ram_end;
	volatile uint64_t *first = 0;
	uint64_t started = tsc(), changed = 0;

	fill(begin, end);
	while (tsc() - started < seconds * 1000ull * TSC_PER_MS)
		changed += count_changed(begin, end, &first);
	print("victim: ended, changed %u interrupts %u", changed, interrupts_total());
}
