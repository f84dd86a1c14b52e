/* SPDX-License-Identifier: Apache-2.0 */
/* Fills its memory with words that tell their own address, then looks for changes, round after round. */
#include "guest.h"

#define BEGIN (16 * MIB)
#define FACTOR 0x9e3779b97f4a7c15ull

void victim_run(uint64_t ram_end) {
	volatile uint64_t *begin = (volatile uint64_t *)BEGIN, *end = (volatile uint64_t *)ram_end;

	for (volatile uint64_t *word = begin; word < end; word++)
		*word = (uint64_t)word * FACTOR;
	print("victim: filled %x to %x", BEGIN, ram_end);
	for (uint64_t round = 1;; round++) {
		uint64_t changed = 0;
		volatile uint64_t *first = 0;

		for (volatile uint64_t *word = begin; word < end; word++) {
			if (*word == (uint64_t)word * FACTOR)
				continue;
			if (!changed++)
				first = word;
		}
		print("victim: round %u changed %u first %x interrupts %u", round, changed,
		      (uint64_t)first, interrupts_total());
		for (uint32_t i = 0; i < 256; i++) {
			if (interrupt_counts[i])
				print("victim: vector %u came %u times", (uint64_t)i,
				      interrupt_counts[i]);
		}
	}
}
