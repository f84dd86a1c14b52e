/* SPDX-License-Identifier: Apache-2.0 */
#include "processor.h"

/* AMD64 APM volume 2, section 5.3: entries of long-mode page tables, nested ones included. */
enum page_bit {
	PAGE_PRESENT = BIT(0),
	PAGE_WRITE = BIT(1),
	PAGE_USER = BIT(2),
	PAGE_WRITE_THROUGH = BIT(3),
	PAGE_CACHE_DISABLE = BIT(4),
	PAGE_LARGE = BIT(7),
};
#define PAGE_NO_EXECUTE BIT(63)

/* Far above any physical address that is mapped one to one. */
#define WINDOW_SLOT 255ull /* of the root's */
#define WINDOW_BASE (WINDOW_SLOT << 39)

extern const char __image_start[], __text_start[], __text_end[], __rodata_start[], __rodata_end[],
	__data_start[], __data_end[];

static struct page_tables host_tables;

const struct table_format x86_format = {
	.present = PAGE_PRESENT,
	.always = PAGE_PRESENT,
	.write = PAGE_WRITE,
	.user = PAGE_USER,
	.uncached = PAGE_CACHE_DISABLE | PAGE_WRITE_THROUGH,
	.combining = PAGE_WRITE_THROUGH, /* see PAT_HOST */
	.no_execute = PAGE_NO_EXECUTE,
	.large = PAGE_LARGE,
};

static bool map_range(const void *begin, const void *end, unsigned int access) {
	u64 from = (uintptr_t)begin;
	u64 length = (uintptr_t)end - from;

	return !length || page_tables_map(&host_tables, from, from, length, access);
}

/* The image with each section's own rights, the pool, the trampoline, and what configuration needs. */
bool paging_build(void) {
	const u8 *pool = boot.pool.base;
	struct inventory *inventory = &boot.inventory;
	bool good =
		page_tables_init(&host_tables, &x86_format, &boot.pool, 4, 2) &&
		map_range(__text_start, __text_end, ACCESS_READ | ACCESS_EXECUTE) &&
		map_range(__rodata_start, __rodata_end, ACCESS_READ) &&
		map_range(__data_start, __data_end, ACCESS_READ | ACCESS_WRITE) &&
		map_range(pool, pool + boot.pool.pages * PAGE_SIZE, ACCESS_READ | ACCESS_WRITE) &&
		page_tables_map(&host_tables, boot.trampoline, boot.trampoline, PAGE_SIZE,
				ACCESS_READ | ACCESS_EXECUTE) &&
		map_range(inventory->arena->base,
			  inventory->arena->base + ALIGN_UP(inventory->arena->size, PAGE_SIZE),
			  ACCESS_READ | ACCESS_WRITE);

	good = good && (!boot.logs ||
			map_range(boot.logs, boot.logs + LOG_KINDS, ACCESS_READ | ACCESS_WRITE));
	good = good && (!boot.frame.rows ||
			map_range(boot.frame.pixels, (u8 *)boot.frame.pixels + boot.frame.bytes,
				  ACCESS_READ | ACCESS_WRITE | ACCESS_COMBINING));
	for (u32 i = 0; good && i < inventory->window_count; i++) {
		const struct ecam_window *w = &inventory->windows[i];
		u64 first = w->base + ((u64)w->first_bus << 20);

		good = map_registers(first, ((u64)w->last_bus - w->first_bus + 1) << 20);
	}
	return good;
}

u64 paging_root(void) {
	return (uintptr_t)host_tables.root;
}

/* Page by page where some of it is mapped already: small BARs share pages. */
static bool map_missing(u64 from, u64 end, unsigned int access) {
	u64 to, size, entry;

	for (; from < end; from += PAGE_SIZE)
		if (!page_tables_find(&host_tables, from, &to, &size, &entry) &&
		    !page_tables_map(&host_tables, from, from, PAGE_SIZE, access))
			return false;
	return true;
}

bool map_registers(u64 base, u64 length) {
	unsigned int access = ACCESS_READ | ACCESS_WRITE | ACCESS_UNCACHED;
	u64 first = ALIGN_DOWN(base, PAGE_SIZE);
	u64 end = ALIGN_UP(base + length, PAGE_SIZE);

	return end > first && (page_tables_map(&host_tables, first, first, end - first, access) ||
			       map_missing(first, end, access));
}

bool map_image(const struct image *image) {
	u64 base = (uintptr_t)image->data;

	return !image->size || page_tables_map(&host_tables, base, base,
					       ALIGN_UP(image->size, PAGE_SIZE), ACCESS_READ);
}

/* What is mapped for all, and a window that no other processor has, not even to speculate in. */
void cpu_own_tables(struct cpu *cpu) {
	u64 *root = cpu->tables, *next = root + TABLE_ENTRIES;

	memcpy(root, host_tables.root, PAGE_SIZE);
	root[WINDOW_SLOT] = (uintptr_t)next | PAGE_PRESENT | PAGE_WRITE;
	*next = (uintptr_t)(next + TABLE_ENTRIES) | PAGE_PRESENT | PAGE_WRITE;
	cr3_write((uintptr_t)root);
}

void *cpu_window(struct cpu *cpu, u64 address) {
	u64 entry = ALIGN_DOWN(address, LARGE_PAGE_SIZE) | PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE |
		    PAGE_NO_EXECUTE;
	volatile u64 *at = cpu->tables + 2 * TABLE_ENTRIES;
	u8 *window = (u8 *)WINDOW_BASE;

	if (*at != entry) {
		*at = entry;
		page_invalidate(window);
	}
	return window + address % LARGE_PAGE_SIZE;
}
