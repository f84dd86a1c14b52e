/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What building a partition's page tables costs (the processor's and the IOMMU's are built by the same
 * code): time on one processor and memory, by the guest's memory and the largest page. One line of JSON.
 */
#include "tables.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LEVELS 4
#define SMALL_PAGES_MAX (1024 * GIB) /* its tables take 2 GiB */
#define ROUNDS 3

static const struct table_format format = {
	.present = 1, .always = 1, .read = 2, .write = 4, .large = BIT(7)};

static double now(void) {
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Pages that tables for BYTES need when leaves are of LEVEL, and a few. */
static u64 pages_for(u64 bytes, unsigned int level) {
	u64 pages = 8;

	for (; level < LEVELS; level++)
		pages += bytes / (PAGE_SIZE << 9 * level) + 1;
	return pages;
}

static double build(u8 *memory, u64 pages, u64 bytes, unsigned int level, u64 *used) {
	struct page_pool pool;
	struct page_tables tables;
	double began = now();

	page_pool_init(&pool, memory, pages);
	if (!page_tables_init(&tables, &format, &pool, LEVELS, level) ||
	    !page_tables_map(&tables, 0, GIB, bytes, ACCESS_READ | ACCESS_WRITE))
		exit(1);
	*used = pool.next;
	return now() - began;
}

static void measure(u64 bytes, unsigned int level, bool last) {
	u64 pages = pages_for(bytes, level), used = 0;
	u8 *memory = aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);
	double best = 1e9;

	if (!memory)
		exit(1);
	memset(memory, 0xff, pages * PAGE_SIZE); /* not the first touch is measured */
	for (unsigned int round = 0; round < ROUNDS; round++) {
		double took = build(memory, pages, bytes, level, &used);

		best = took < best ? took : best;
	}
	printf("{\"gib\":%llu,\"page_kib\":%llu,\"microseconds\":%.1f,\"kib\":%llu}%s", bytes / GIB,
	       (PAGE_SIZE << 9 * (level - 1)) / KIB, best * 1e6, used * PAGE_SIZE / KIB,
	       last ? "" : ",");
	free(memory);
}

int main(void) {
	printf("[");
	for (unsigned int level = 3; level; level--)
		for (u64 bytes = GIB; bytes <= SMALL_PAGES_MAX; bytes *= 4)
			measure(bytes, level, level == 1 && bytes == SMALL_PAGES_MAX);
	printf("]\n");
	return 0;
}
