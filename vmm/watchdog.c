/* SPDX-License-Identifier: Apache-2.0 */
#include "devices.h"

/* The watchdog as vmm/tables/wdat.asl describes it. */

#define PERIOD_MS 100
#define CONTROL_RUN BIT(0)
#define CONTROL_FEED BIT(1)

void watchdog_access(struct watchdog *w, bool counter, bool write, u32 *value, u64 now) {
	if (!write) {
		*value = !counter            ? w->running
			 : w->deadline > now ? (u32)((w->deadline - now) / PERIOD_MS)
					     : 0;
		return;
	}
	if (counter)
		w->periods = *value;
	else if (!(*value & CONTROL_FEED))
		w->running = *value & CONTROL_RUN;
	w->deadline = now + w->periods * PERIOD_MS;
}

bool watchdog_expired(const struct watchdog *w, u64 now) {
	return w->running && now >= w->deadline;
}
