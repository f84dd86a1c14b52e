/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of large machines: within the memory that the header states, and at once. */
#include "large_machine.h"
#include "pci_registers.h"
#include "random_machine.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What enumeration takes of an arena at most: the array has grown by doubling up to now. */
static size_t array_bytes(u32 count) {
	return 4 * sizeof(struct pci_function) * count;
}

static size_t stated_bytes(u32 count) {
	return (size_t)INVENTORY_BYTES_PER_FUNCTION * count + INVENTORY_BYTES_FIXED;
}

/* Derives in what the header says is enough, less what enumeration may have taken. Returns bytes kept. */
static size_t derive_in_stated_memory(struct inventory *inventory) {
	struct arena *before = inventory->arena;
	struct arena arena = {.size = stated_bytes(inventory->function_count) -
				      array_bytes(inventory->function_count)};

	arena.size += inventory->region_count * 2 * sizeof(u32);
	arena.base = malloc(arena.size);
	assert_non_null(arena.base);
	inventory->arena = &arena;
	assert_true(groups_derive(inventory, NULL, 0));
	inventory->arena = before;
	free(arena.base);
	inventory->groups = NULL;
	return arena.used;
}

static void stated_memory_is_enough_for_any_machine(void **state) {
	struct random_machine *m = random_machine_new();

	(void)state;
	for (u32 seed = 0; seed < 1000; seed++) {
		random_machine_make(m, seed, 8 + seed % 200);
		derive_in_stated_memory(&m->inventory);
	}
	random_machine_free(m);
}

/*
 * There is no clock here: whatever looks at all pairs of functions takes minutes with 65,536 of them,
 * under the sanitizers, and the kept memory would show what grows with more than their number.
 */
static void memory_and_time_grow_with_the_number_of_functions(void **state) {
	struct pci_function *functions = calloc(LARGE_MAX, sizeof(*functions));

	(void)state;
	assert_non_null(functions);
	for (u32 count = 1024; count <= LARGE_MAX; count *= 4) {
		struct inventory inventory = {.functions = functions, .function_count = count};

		large_machine(functions, count);
		assert_true(derive_in_stated_memory(&inventory) < 24 * (size_t)count);
	}
	free(functions);
}

/* The shapes that cost most: all functions in one device, behind one chain of bridges, in one region. */
static void worst_shapes_cost_no_more(void **state) {
	u32 count = 16384;
	struct pci_function *functions = calloc(count, sizeof(*functions));
	struct reserved_region *regions = calloc(count, sizeof(*regions));
	struct inventory inventory = {.functions = functions, .function_count = count};

	(void)state;
	assert_non_null(functions);
	assert_non_null(regions);
	for (u32 f = 0; f < count; f++) {
		functions[f] = (struct pci_function){.address = {0, (u8)(f >> 8), (u8)f},
						     .pcie_type = f % 256 == 255 ? PCIE_ROOT_PORT
										 : PCIE_ENDPOINT,
						     .header_type = f % 256 == 255,
						     .multifunction = true,
						     .parent = f < 256 ? NONE : (f & ~255u) - 1,
						     .physical = NONE,
						     .table_alias = 0xffff};
		regions[f] = (struct reserved_region){.base = (u64)(count - f) * 16,
						      .limit = (u64)(count - f) * 16 + 64,
						      .function = f};
	}
	inventory.regions = regions;
	inventory.region_count = count;
	derive_in_stated_memory(&inventory);
	assert_int_equal(inventory.group_count, 1);
	free(functions);
	free(regions);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stated_memory_is_enough_for_any_machine),
		cmocka_unit_test(memory_and_time_grow_with_the_number_of_functions),
		cmocka_unit_test(worst_shapes_cost_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
