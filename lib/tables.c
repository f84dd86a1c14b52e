/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"
#include "text.h"

void page_pool_init(struct page_pool *pool, void *base, u64 pages) {
	*pool = (struct page_pool){.base = base, .pages = pages};
}

void *page_pool_take(struct page_pool *pool) {
	void *page;

	spin_lock(&pool->lock);
	page = pool->free;
	if (page)
		pool->free = *(void **)page;
	else if (pool->next < pool->pages)
		page = pool->base + pool->next++ * PAGE_SIZE;
	pool->in_use += page != NULL;
	spin_unlock(&pool->lock);
	if (page)
		memset(page, 0, PAGE_SIZE);
	return page;
}

static void give(struct page_pool *pool, void *page) {
	*(void **)page = pool->free;
	pool->free = page;
}

void *page_pool_take_run(struct page_pool *pool, u64 count, u64 alignment) {
	u64 begin = (u64)(uintptr_t)pool->base;
	u8 *run = NULL;
	u64 first;

	spin_lock(&pool->lock);
	first = (ALIGN_UP(begin + pool->next * PAGE_SIZE, alignment) - begin) / PAGE_SIZE;
	if (first <= pool->pages && count <= pool->pages - first) {
		/* What the alignment skips serves single pages. */
		while (pool->next < first)
			give(pool, pool->base + pool->next++ * PAGE_SIZE);
		pool->next = first + count;
		pool->in_use += count;
		run = pool->base + first * PAGE_SIZE;
	}
	spin_unlock(&pool->lock);
	if (run)
		memset(run, 0, count * PAGE_SIZE);
	return run;
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
	       (access & ACCESS_UNCACHED ? f->uncached : 0) |
	       (access & ACCESS_EXECUTE ? 0 : f->no_execute) | (level > 1 ? f->large : 0);
}

/* For a table at LEVEL: pages further down decide about rights. */
static u64 table_entry(const struct page_tables *tables, const u64 *table, unsigned int level) {
	const struct table_format *f = tables->format;

	return (uintptr_t)table | f->always | f->read | f->write | f->user |
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
	u64 *table = page_pool_take(tables->pool);

	if (table && tables->written)
		tables->written(table, TABLE_ENTRIES);
	return table;
}

bool page_tables_init(struct page_tables *tables, const struct table_format *format,
		      struct page_pool *pool, unsigned int levels, unsigned int leaf_level) {
	*tables = (struct page_tables){
		.format = format, .pool = pool, .levels = levels, .leaf_level = leaf_level};
	tables->root = new_table(tables);
	return tables->root != NULL;
}

static bool in_width(const struct page_tables *tables, u64 from, u64 length) {
	u64 end = level_size(tables->levels + 1);

	return from < end && length <= end - from;
}

/* The largest page that begins at FROM and TO and ends within LENGTH. */
static unsigned int fitting_level(const struct page_tables *tables, u64 from, u64 to, u64 length) {
	unsigned int level = tables->leaf_level;

	while (level > 1 &&
	       (!IS_ALIGNED(from | to, level_size(level)) || length < level_size(level)))
		level--;
	return level;
}

static u64 *table_below(struct page_tables *tables, u64 *entry, unsigned int level) {
	u64 *table;

	if (is_present(tables, *entry))
		return table_of(*entry);
	table = new_table(tables);
	if (table)
		set_entry(tables, entry, table_entry(tables, table, level - 1));
	return table;
}

/*
 * Maps one page of LEAF or, where a table of smaller pages is left from an earlier mapping, of a
 * lower level. Returns its level; 0 when something is mapped there or the pool is empty.
 */
static unsigned int map_page(struct page_tables *tables, u64 from, u64 to, unsigned int leaf,
			     unsigned int access) {
	u64 *table = tables->root;

	for (unsigned int level = tables->levels; level && table; level--) {
		u64 *entry = &table[table_index(from, level)];
		bool present = is_present(tables, *entry);

		if (present && is_page(tables, *entry, level))
			return 0;
		if (level <= leaf && !present) {
			set_entry(tables, entry, page_entry(tables, to, level, access));
			return level;
		}
		table = table_below(tables, entry, level);
	}
	return 0;
}

bool page_tables_map(struct page_tables *tables, u64 from, u64 to, u64 length,
		     unsigned int access) {
	u64 begin = from;

	if (!in_width(tables, from, length) || !IS_ALIGNED(from | to | length, PAGE_SIZE))
		return false;
	while (length) {
		unsigned int level =
			map_page(tables, from, to, fitting_level(tables, from, to, length), access);

		if (!level) {
			page_tables_unmap(tables, begin, from - begin);
			return false;
		}
		from += level_size(level);
		to += level_size(level);
		length -= level_size(level);
	}
	return true;
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
	while (level && from < end) {
		u64 *entry = &table[table_index(from, level)];
		u64 next = min_u64(ALIGN_DOWN(from, level_size(level)) + level_size(level), end);

		if (is_present(tables, *entry)) {
			bool leaf = is_page(tables, *entry, level);

			if (leaf && next - from == level_size(level)) {
				set_entry(tables, entry, 0);
			} else {
				if (leaf && !split(tables, entry, level))
					return false;
				if (!unmap_level(tables, table_of(*entry), level - 1, from, next))
					return false;
			}
		}
		from = next;
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
