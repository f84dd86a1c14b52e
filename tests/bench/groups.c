/* SPDX-License-Identifier: Apache-2.0 */
/* What deriving groups costs: time on one processor, and memory, by the number of functions. */
#include "../unit/large_machine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 9

static double now(void) {
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(void) {
	static const u32 sizes[] = {1024, 4096, 16384, LARGE_MAX};
	size_t size = LARGE_MAX * (size_t)INVENTORY_BYTES_PER_FUNCTION + INVENTORY_BYTES_FIXED;
	struct pci_function *functions = calloc(LARGE_MAX, sizeof(*functions));
	struct arena arena = {.base = malloc(size), .size = size};

	if (!functions || !arena.base)
		return 1;
	memset(arena.base, 0xff, size); /* not the first touch is measured */
	printf("functions  groups  reasons  milliseconds  ns/function  arena bytes/function\n");
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct inventory inventory = {
			.arena = &arena, .functions = functions, .function_count = sizes[i]};
		double best = 1e9;
		u32 reasons = 0;

		large_machine(functions, sizes[i]);
		for (u32 round = 0; round < ROUNDS; round++) {
			double start = now();

			arena.used = 0;
			if (!groups_derive(&inventory, NULL, 0))
				return 1;
			start = now() - start;
			best = start < best ? start : best;
		}
		for (u32 g = 0; g < inventory.group_count; g++)
			reasons += inventory.groups[g].reason_count;
		printf("%9u  %6u  %7u  %12.2f  %11.0f  %20zu\n", sizes[i], inventory.group_count,
		       reasons, best, best * 1e6 / sizes[i], arena.used / sizes[i]);
	}
	free(functions);
	free(arena.base);
	return 0;
}
