/* SPDX-License-Identifier: Apache-2.0 */
#include "svm.h"

/* AMD64 APM volume 2, sections 15.10.1 and 15.11: a set bit intercepts. */
#define IO_PERMISSION_PAGES 3
#define MSR_PERMISSION_PAGES 2
#define MSRS_PER_RANGE 0x2000
#define BITS_PER_MSR 2

static const u32 msr_ranges[] = {0, 0xc0000000, 0xc0010000};

static u8 *io_permissions;
static u8 *msr_permissions;

static void pass(u32 range, u32 offset, bool write) {
	u32 bit = (range * MSRS_PER_RANGE + offset) * BITS_PER_MSR + write;

	msr_permissions[bit / 8] &= (u8) ~(1u << bit % 8);
}

bool svm_permissions_build(struct page_pool *pool) {
	if (io_permissions)
		return true;
	msr_permissions = page_pool_take_run(pool, MSR_PERMISSION_PAGES, PAGE_SIZE);
	io_permissions = page_pool_take_run(pool, IO_PERMISSION_PAGES, PAGE_SIZE);
	if (!io_permissions || !msr_permissions)
		return false;
	memset(io_permissions, 0xff, IO_PERMISSION_PAGES * PAGE_SIZE);
	memset(msr_permissions, 0xff, MSR_PERMISSION_PAGES * PAGE_SIZE);
	for (u32 range = 0; range < ARRAY_SIZE(msr_ranges); range++) {
		for (u32 offset = 0; offset < MSRS_PER_RANGE; offset++) {
			for (u32 write = 0; write < BITS_PER_MSR; write++) {
				if (guest_msr_is_passed(msr_ranges[range] + offset, write))
					pass(range, offset, write);
			}
		}
	}
	return true;
}

u64 svm_io_permissions(void) {
	return (uintptr_t)io_permissions;
}

u64 svm_msr_permissions(void) {
	return (uintptr_t)msr_permissions;
}
