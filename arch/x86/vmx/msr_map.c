/* SPDX-License-Identifier: Apache-2.0 */
#include "vmx.h"

#define MSRS_PER_RANGE 0x2000
#define WRITES 0x4000 /* bits of reads before those of writes */

/* Section 25.6.9: a set bit leaves the guest, and so does every register that has none. */
u64 vmx_msr_map(struct page_pool *pool) {
	static const u32 first[] = {0, 0xc0000000};
	static u8 *map;

	if (map)
		return (uintptr_t)map;
	map = page_pool_take(pool, 1);
	if (map)
		memset(map, 0xff, PAGE_SIZE);
	for (u32 bit = 0; map && bit < PAGE_SIZE * 8; bit++) {
		u32 index = first[bit / MSRS_PER_RANGE % 2] + bit % MSRS_PER_RANGE;

		if (guest_msr_is_passed(index, bit >= WRITES))
			map[bit / 8] &= (u8) ~(1u << bit % 8);
	}
	return (uintptr_t)map;
}
