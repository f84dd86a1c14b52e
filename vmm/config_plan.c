/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"

#define CONSOLE_DEFAULT 0x3f8

void *config_alloc(struct config *config, size_t count, size_t size) {
	void *object = arena_alloc(config->arena, count, size);

	config->exhausted |= !object;
	return object;
}

/* What needs the whole file. */
static void check_file(struct config *config) {
	const struct plan *all = config->plan;

	if (all->partition_count == 0 && !config->section_lost)
		config_report(config, (struct place){1, 1}, NO_PARTITION);
	for (u32 i = 0; i < all->partition_count; i++) {
		const struct partition_plan *plan = &all->partitions[i];

		if (plan->memory_at.line && plan->image_bytes > plan->memory_bytes)
			config_report(config, plan->memory_at, IMAGE_TOO_LARGE, plan->name,
				      plan->image_bytes, plan->memory_bytes / MIB);
	}
	config_check_devices(config);
	if (config->inventory->memory_count)
		config_place_memory(config);
}

static void fill_functions(struct config *config) {
	u32 count = config->inventory->function_count;
	u32 *next = config_alloc(config, count, sizeof(*next));

	for (u32 p = 0; next && p < config->plan->partition_count; p++) {
		struct partition_plan *plan = &config->plan->partitions[p];

		plan->functions = next;
		for (u32 i = 0; i < count; i++)
			if (config->owners[i].plan == plan)
				*next++ = i;
		plan->function_count = (u32)(next - plan->functions);
	}
}

/* Said instead of all else, where there is no memory to write it. */
static struct diagnostic out_of_memory = {
	{1, 1},
	"out-of-memory",
	"the file needs more working memory than there is: it was not checked",
	NULL,
	"make the file smaller"};

bool config_plan(const char *text, size_t length, const struct inventory *inventory,
		 const struct image_lookup *lookup, struct arena *arena, struct plan *plan,
		 struct diagnostics *diagnostics) {
	struct config config = {.inventory = inventory,
				.lookup = lookup,
				.arena = arena,
				.diagnostics = diagnostics,
				.plan = plan};

	*plan = (struct plan){.console_port = CONSOLE_DEFAULT};
	*diagnostics = (struct diagnostics){.capacity = DIAGNOSTICS_MAX};
	diagnostics->entries = config_alloc(&config, DIAGNOSTICS_MAX, sizeof(struct diagnostic));
	plan->partitions = config_alloc(&config, PARTITIONS_MAX, sizeof(*plan->partitions));
	config.cpus = config_alloc(&config, CPU_INDEX_LIMIT, sizeof(*config.cpus));
	config.cpu_owners = config_alloc(&config, CPU_INDEX_LIMIT, sizeof(struct owner));
	plan->lines = config_alloc(&config, inventory->function_count, sizeof(*plan->lines));
	config.owners = config_alloc(&config, inventory->function_count, sizeof(struct owner));
	if (!config.exhausted)
		config_parse(&config, text, length);
	fill_functions(&config);
	if (!config.exhausted)
		check_file(&config);
	if (config.exhausted)
		*diagnostics = (struct diagnostics){&out_of_memory, 1, 1, 0};
	if (diagnostics->count)
		*plan = (struct plan){0}; /* nobody acts on half a plan */
	return diagnostics->count == 0;
}

bool config_preview(const char *text, size_t length, struct arena *arena,
		    struct config_preview *preview) {
	struct plan plan = {0};
	struct diagnostics nothing = {0}; /* no room, so that nothing is reported */
	struct config config = {.arena = arena, .plan = &plan, .diagnostics = &nothing};

	config_parse(&config, text, length);
	*preview = plan.preview;
	return !config.exhausted;
}
