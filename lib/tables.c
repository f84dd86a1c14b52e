/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"
#include "text.h"

void page_pool_init(struct page_pool *pool, void *base, u64 pages) {
	*pool = (struct page_pool){.base = base, .pages = pages};
}

void *page_pool_take(struct page_pool *pool, u64 count) {
	u8 *pages = NULL;

	spin_lock(&pool->lock);
	if (count <= pool->pages - pool->next) {
		pages = pool->base + pool->next * PAGE_SIZE;
		pool->next += count;
	}
	spin_unlock(&pool->lock);
	return pages ? memset(pages, 0, count * PAGE_SIZE) : NULL;
}

static unsigned int level_shift(unsigned int level) {
	return PAGE_SHIFT + 9 * (level - 1);
}

static u64 level_size(unsigned int level) {
	return BIT(level_shift(level));
}

static unsigned int table_index(u64 from, unsigned int level) {
	return (unsigned int)(from >> level_shift(level)) % TABLE_ENTRIES;
}

static bool is_present(const struct page_tables *tables, u64 entry) {
	return entry & tables->format->present;
}

static bool is_page(const struct page_tables *tables, u64 entry, unsigned int level) {
	const struct table_format *f = tables->format;

	return level == 1 ||
	       (f->next_level ? !(entry >> f->next_level & 7) : (entry & f->large) != 0);
}

static u64 page_entry(const struct page_tables *tables, u64 address, unsigned int level,
		      unsigned int access) {
	const struct table_format *f = tables->format;

	return address | f->always | (access & ACCESS_READ ? f->read : 0) |
	       (access & ACCESS_WRITE ? f->write : 0) | (access & ACCESS_USER ? f->user : 0) |
	       (access & ACCESS_UNCACHED ? f->uncached : f->cached) |
	       (access & ACCESS_COMBINING ? f->combining : 0) |
	       (access & ACCESS_EXECUTE ? f->execute : f->no_execute) | (level > 1 ? f->large : 0);
}

/* For a table at LEVEL: pages further down decide about rights. */
static u64 table_entry(const struct page_tables *tables, const u64 *table, unsigned int level) {
	const struct table_format *f = tables->format;

	return (uintptr_t)table | f->always | f->read | f->write | f->user | f->execute |
	       (f->next_level ? (u64)level << f->next_level : 0);
}

static u64 *table_of(u64 entry) {
	return (u64 *)(uintptr_t)(entry & TABLE_ADDRESS);
}

static void set_entry(const struct page_tables *tables, u64 *entry, u64 value) {
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
	if (tables->written)
		tables->written(entry, 1);
}

static u64 *new_table(const struct page_tables *tables) {
	u64 *table = page_pool_take(tables->pool, 1);

	if (table && tables->written)
		tables->written(table, TABLE_ENTRIES);
	return table;
}

bool page_tables_init(struct page_tables *tables, const struct table_format *format,
		      struct page_pool *pool, unsigned int levels, unsigned int leaf_level) {
	*tables = (struct page_tables){
		.format = format, .pool = pool, .levels = levels, .leaf_level = leaf_level};
	tables->root = page_pool_take(pool, 1 + format->extra);
	return tables->root != NULL;
}

static bool in_width(const struct page_tables *tables, u64 from, u64 length) {
	u64 end = level_size(tables->levels + 1);

	return from < end && length <= end - from;
}

/* Where the entry for FROM ends in a table of this level, but not behind END. */
static u64 entry_end(u64 from, u64 end, unsigned int level) {
	return min_u64(ALIGN_DOWN(from, level_size(level)) + level_size(level), end);
}

/*
 * Maps *FROM..END to addresses that lie DISTANCE above, and moves *FROM. Where a table of smaller pages
 * is left from an earlier mapping it is used. False: something is mapped at *FROM, or the pool is empty.
 */
static bool map_level(struct page_tables *tables, u64 *table, unsigned int level, u64 *from,
		      u64 end, u64 distance, unsigned int access) {
	bool small = tables->format->small_code && access & ACCESS_EXECUTE;

	while (*from < end) {
		u64 *entry = &table[table_index(*from, level)], *below = table_of(*entry);
		u64 next = entry_end(*from, end, level), size = level_size(level);
		bool present = is_present(tables, *entry);

		if (present && is_page(tables, *entry, level))
			return false;
		if (!present && level <= (small ? 1 : tables->leaf_level) && next - *from == size &&
		    IS_ALIGNED(*from + distance, size)) {
			set_entry(tables, entry,
				  page_entry(tables, *from + distance, level, access));
			*from = next;
			continue;
		}
		if (!present) {
			below = new_table(tables);
			if (!below)
				return false;
			set_entry(tables, entry, table_entry(tables, below, level - 1));
		}
		if (!map_level(tables, below, level - 1, from, next, distance, access))
			return false;
	}
	return true;
}

bool page_tables_map(struct page_tables *tables, u64 from, u64 to, u64 length,
		     unsigned int access) {
	u64 at = from;

	if (!in_width(tables, from, length) || !IS_ALIGNED(from | to | length, PAGE_SIZE))
		return false;
	if (map_level(tables, tables->root, tables->levels, &at, from + length, to - from, access))
		return true;
	page_tables_unmap(tables, from, at - from);
	return false;
}

/* Replaces a large page by a table of the next smaller ones with the same attributes. */
static bool split(struct page_tables *tables, u64 *entry, unsigned int level) {
	u64 *table = new_table(tables);

	if (!table)
		return false;
	for (u64 i = 0; i < TABLE_ENTRIES; i++)
		table[i] = (level == 2 ? *entry & ~tables->format->large : *entry) +
			   i * level_size(level - 1);
	if (tables->written)
		tables->written(table, TABLE_ENTRIES);
	set_entry(tables, entry, table_entry(tables, table, level - 1));
	return true;
}

static bool unmap_level(struct page_tables *tables, u64 *table, unsigned int level, u64 from,
			u64 end) {
	for (u64 next; from < end; from = next) {
		u64 *entry = &table[table_index(from, level)];
		bool present = is_present(tables, *entry);
		bool leaf = present && is_page(tables, *entry, level);

		next = entry_end(from, end, level);
		if (leaf && next - from == level_size(level))
			set_entry(tables, entry, 0);
		else if (present && ((leaf && !split(tables, entry, level)) ||
				     !unmap_level(tables, table_of(*entry), level - 1, from, next)))
			return false;
	}
	return true;
}

bool page_tables_unmap(struct page_tables *tables, u64 from, u64 length) {
	return in_width(tables, from, length) && IS_ALIGNED(from | length, PAGE_SIZE) &&
	       unmap_level(tables, tables->root, tables->levels, from, from + length);
}

bool page_tables_find(const struct page_tables *tables, u64 from, u64 *to, u64 *page_size,
		      u64 *entry) {
	const u64 *table = tables->root;

	if (!in_width(tables, from, 1))
		return false;
	for (unsigned int level = tables->levels; level; level--) {
		*entry = table[table_index(from, level)];
		if (!is_present(tables, *entry))
			return false;
		if (is_page(tables, *entry, level)) {
			*page_size = level_size(level);
			*to = ALIGN_DOWN(*entry & TABLE_ADDRESS, *page_size) + from % *page_size;
			return true;
		}
		table = table_of(*entry);
	}
	return false;
}
