/* SPDX-License-Identifier: Apache-2.0 */
#include "guest_control.h"

#define MSRS_PER_RANGE 0x2000

u64 guest_msr_map(struct page_pool *pool, const struct msr_map_layout *layout) {
	static const u32 first[] = {0, 0xc0000000, 0xc0010000};
	static u8 *map;

	if (map)
		return (uintptr_t)map;
	map = page_pool_take(pool, layout->pages);
	if (!map)
		return 0;
	memset(map, 0xff, layout->pages * PAGE_SIZE);
	for (u32 i = 0; i < layout->ranges * MSRS_PER_RANGE * 2; i++) {
		u32 range = i / 2 / MSRS_PER_RANGE, offset = i / 2 % MSRS_PER_RANGE, write = i % 2;
		u32 bit = range * layout->range_bits + offset * layout->register_bits +
			  write * layout->write_bits;

		if (guest_msr_is_passed(first[range] + offset, write))
			map[bit / 8] &= (u8) ~(1u << bit % 8);
	}
	return (uintptr_t)map;
}
