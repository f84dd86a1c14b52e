/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#define BYTES (LOG_KINDS * sizeof(struct log_ring))
#define PAGES (BYTES / 4096)
_Static_assert(BYTES % 4096 == 0, "whole pages");

/* The rings at PLACE, which is ours until it is given back; NULL: firmware has other things there. */
static struct log_ring *take(u64 place) {
	EFI_PHYSICAL_ADDRESS address = place;

	return EFI_ERROR(services->AllocatePages(AllocateAddress, EfiLoaderData, PAGES, &address))
		       ? NULL
		       : (struct log_ring *)(uintptr_t)place;
}

void logs_read(struct text_sink *out) {
	for (u64 place = LOG_FIRST; place >= LOG_LAST; place -= LOG_STEP) {
		struct log_ring *rings = take(place);

		for (u32 i = 0; rings && i < LOG_KINDS; i++) {
			log_show(&rings[i], LOG_TEXT, "before", out);
			memset(&rings[i], 0, sizeof(rings[i]));
		}
		if (rings)
			services->FreePages((uintptr_t)rings, PAGES);
	}
}

bool logs_mark(const char *line) {
	for (u64 place = LOG_FIRST; place >= LOG_LAST; place -= LOG_STEP) {
		struct log_ring *rings = take(place);

		if (!rings)
			continue;
		memset(rings, 0, BYTES);
		log_put(&rings[LOG_OWN], line, strlen(line));
		log_put(&rings[LOG_OWN], "\n", 1);
		return true; /* kept until the reset: some firmware overwrites what it gets back */
	}
	return false;
}
