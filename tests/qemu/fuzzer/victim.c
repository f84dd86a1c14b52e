/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills its memory with words that tell their own address and looks for changes, round after round; meanwhile its timer must
 * go on, nothing else may interrupt it, and its registers keep what it has put there.
 */
#include "fuzzer.h"

#define FROM (2 * MIB)
#define FACTOR 0x9e3779b97f4a7c15ull
#define TIMER_VECTOR 0x31u
#define PERIODIC (1u << 17)
#define PERIOD 1000000u /* 16 ms of a bus clock of 1 GHz */

static const u32 kept[] = {0xc0000082, 0xc0000083, MSR_FS_BASE + 2, 0xc0000103, 0x175, X2APIC_SVR};

static u64 usual_value(u32 index) {
	return index == X2APIC_SVR   ? 0x1ff
	       : index == 0xc0000103 ? 0x5a5a5a5a
				     : 0x123456789000ull + index;
}

#define RESTS 12u /* ticks that are slept through after each round */
#define NOP 0x90
#define HLT 0xf4

/* Opens interrupts for the instruction; the one that came, or END_VECTOR. */
static u32 take_one(u8 instruction) {
	struct trial t = trial_usual();

	return trial_do(MODE_64_0, (const u8[]){instruction, NOP, NOP}, 3, &t);
}

/* Whether it was the timer's, as all must be. */
static bool is_tick(u32 vector, u64 *strange) {
	if (vector != TIMER_VECTOR && vector != END_VECTOR) {
		print("victim: vector %u", (u64)vector);
		++*strange;
	}
	return vector == TIMER_VECTOR;
}

void victim_run(void) {
	u64 ticks = 0, strange = 0, lost = 0, last = 0;

	trial_normalise();
	for (volatile u64 *word = (volatile u64 *)FROM; (u64)word < ram_end; word++)
		*word = (u64)word * FACTOR;
	for (u32 i = 0; i < COUNT(kept); i++)
		try_write_msr(kept[i], usual_value(kept[i]));
	try_write_msr(X2APIC_TIMER_INITIAL, 0);
	try_write_msr(X2APIC_LVT_TIMER, PERIODIC | TIMER_VECTOR);
	while (take_one(NOP) != END_VECTOR)
		; /* from before */
	print("victim: filled %x to %x", FROM, ram_end);
	for (u64 round = 1;; round++) {
		u64 changed = 0, began = tsc();
		volatile u64 *first = NULL;

		try_write_msr(X2APIC_TIMER_INITIAL, PERIOD);
		for (volatile u64 *word = (volatile u64 *)FROM; (u64)word < ram_end; word++) {
			if (*word != (u64)word * FACTOR && !changed++)
				first = word;
			/* What has come meanwhile, one after the other. */
			if ((u64)word % (2 * MIB) == 0)
				ticks += is_tick(take_one(NOP), &strange);
		}
		for (u32 i = 0; i < RESTS; i++)
			ticks += is_tick(take_one(HLT), &strange);
		for (u32 i = 0; i < COUNT(kept); i++) {
			u64 value;

			if (try_read_msr(kept[i], &value) == END_VECTOR &&
			    value == usual_value(kept[i]))
				continue;
			lost++;
			print("victim: register %x is %x", (u64)kept[i], value);
		}
		print("victim: round %u changed %u first %x strange %u registers %u ticks %u late %u",
		      round, changed, (u64)first, strange, lost, ticks - last,
		      (tsc() - began) >> 20);
		last = ticks;
	}
}
