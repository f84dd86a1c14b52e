/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"

/* BASE of a partition that has been placed, or of a reserved region, within the BYTES from PLACE on. */
static bool find_overlap(const struct config *config, u64 place, u64 bytes, u64 *base) {
	struct reserved_region piece;

	for (u32 i = 0; i < config->plan->partition_count; i++) {
		const struct partition_plan *plan = &config->plan->partitions[i];

		*base = plan->memory_base;
		if (*base && *base < place + bytes && place < *base + plan->memory_bytes)
			return true;
	}
	reserved_next(config->inventory, NULL, 0, place, &piece);
	*base = piece.base;
	return piece.base < place + bytes;
}

/* Finds the highest free BYTES aligned to ALIGNMENT. */
static bool find_place(const struct config *config, u64 bytes, u64 alignment, u64 *place) {
	for (u32 i = config->inventory->memory_count; i-- > 0;) {
		const struct memory_range *range = &config->inventory->memory[i];
		u64 base = ALIGN_UP(max_u64(range->base, LOW_MEMORY_END), MEMORY_UNIT), end;

		if (__builtin_add_overflow(range->base, range->length, &end))
			end = UINT64_MAX;
		if (range->kind != MEMORY_FREE || base < range->base)
			continue;
		end = ALIGN_DOWN(end, MEMORY_UNIT);
		while (end > base && end - base >= bytes) {
			*place = ALIGN_DOWN(end - bytes, alignment);
			if (*place < base)
				break;
			if (!find_overlap(config, *place, bytes, &end))
				return true;
		}
	}
	return false;
}

/* The largest of the partitions that are still to be placed; the first one among equals. */
static struct partition_plan *next_plan(const struct plan *all) {
	struct partition_plan *next = NULL;

	for (u32 i = 0; i < all->partition_count; i++) {
		struct partition_plan *plan = &all->partitions[i];

		if (plan->memory_at.line && (!next || plan->memory_bytes > next->memory_bytes))
			next = plan;
	}
	return next;
}

void config_place_memory(struct config *config) {
	/* The largest first, so that small ones do not break up what they need. */
	for (struct partition_plan *plan; (plan = next_plan(config->plan));) {
		u64 bytes = plan->memory_bytes, place, largest = 0;
		struct place at = plan->memory_at;

		plan->memory_at.line = 0;
		if ((bytes >= GIB && find_place(config, bytes, GIB, &place)) ||
		    find_place(config, bytes, MEMORY_UNIT, &place)) {
			plan->memory_base = place;
			continue;
		}
		for (u64 step = BIT(62); step >= MEMORY_UNIT; step >>= 1)
			if (find_place(config, largest + step, MEMORY_UNIT, &place))
				largest += step;
		config_report(config, at, MEMORY_TOO_LARGE, bytes / MIB, plan->name, largest / MIB);
	}
}
