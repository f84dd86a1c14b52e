/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cpu.h"
#include "types.h"

/*
 * Radix page tables of 512 eight-byte entries a level. The processor's own tables, its nested
 * tables, VT-d's second-level tables and AMD-Vi's host tables differ only in how an entry is
 * written: struct table_format. Tables live in identity-mapped memory, so that a pointer is a
 * physical address.
 */
#define TABLE_ENTRIES 512

enum table_access {
	ACCESS_READ = 1,
	ACCESS_WRITE = 2,
	ACCESS_EXECUTE = 4,
	ACCESS_UNCACHED = 8, /* device registers; formats without memory types ignore it */
	ACCESS_COMBINING = 32, /* pixels: for the processor's own tables only */
	ACCESS_USER = 16, /* reserved for formats that tell user from supervisor */
};

#define TABLE_ADDRESS BITS(51, 12)

/* Which bits of an entry say what; 0: the format has no such bit. */
struct table_format {
	u64 present; /* any of these: the entry is in use */
	u64 always; /* in every entry */
	u64 read, write, execute, user, uncached,
		combining; /* in pages with that access; all rights in entries above */
	u64 no_execute, cached; /* in pages without ACCESS_EXECUTE, without ACCESS_UNCACHED */
	u64 large; /* in pages above level 1 */
	bool small_code; /* pages with ACCESS_EXECUTE are of 4 KiB */
	u32 extra; /* pages behind the root, for whoever points a unit at it */
	u32 next_level; /* or: the lowest of three bits with the level of the table that is pointed to */
};

/* Zeroed pages for tables, from a region that is set once; any processor may take. */
struct page_pool {
	struct spinlock lock;
	u8 *base;
	u64 pages;
	u64 next; /* so many are in use: nothing is given back */
};

void page_pool_init(struct page_pool *pool, void *base, u64 pages);
/* COUNT contiguous zeroed pages, or NULL when the pool has not so many left. */
void *page_pool_take(struct page_pool *pool, u64 count);

struct page_tables {
	const struct table_format *format;
	struct page_pool *pool;
	u64 *root;
	unsigned int levels; /* 3, 4 or 5 */
	unsigned int leaf_level; /* the largest page: 1, 2 or 3 */
	/* Called for each table entry that was written, where walks are not coherent; may be NULL. */
	void (*written)(const u64 *entries, u64 count);
};

/* Takes a root page, and those behind it, from POOL; false when it is empty. */
bool page_tables_init(struct page_tables *tables, const struct table_format *format,
		      struct page_pool *pool, unsigned int levels, unsigned int leaf_level);
/*
 * Maps FROM..FROM+LENGTH to TO.. with the largest pages that fit. All three are multiples of 4 KiB.
 * False, with nothing changed, when the range does not fit into the width, overlaps an existing
 * mapping, or the pool is empty.
 */
bool page_tables_map(struct page_tables *tables, u64 from, u64 to, u64 length, unsigned int access);
/* Removes every mapping in the range; larger pages that reach out of it are split. False when the pool is empty. */
bool page_tables_unmap(struct page_tables *tables, u64 from, u64 length);
/* The address and size of the page that maps FROM; false when nothing does. */
bool page_tables_find(const struct page_tables *tables, u64 from, u64 *to, u64 *page_size,
		      u64 *entry);
