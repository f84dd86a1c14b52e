/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu.h"
#include "firmware.h"

#define SAMPLES 5
#define SAMPLE_MICROSECONDS 20000u

void clock_stall(u32 milliseconds) {
	firmware.services->Stall((UINTN)milliseconds * 1000);
}

/* The least of what firmware's own timer says: it stalls for long enough, and an interruption only adds to a sample. */
u64 clock_tsc_khz(void) {
	u64 least = UINT64_MAX;

	for (u32 i = 0; i < SAMPLES; i++) {
		u64 begin = cpu_tsc();

		firmware.services->Stall(SAMPLE_MICROSECONDS);
		least = min_u64(least, cpu_tsc() - begin);
	}
	return least * 1000 / SAMPLE_MICROSECONDS;
}

/* Days from civil date, proleptic Gregorian calendar with years that begin in March. */
u64 clock_unix_seconds(void) {
	EFI_TIME now;
	u64 year, month, days;

	if (EFI_ERROR(firmware.system->RuntimeServices->GetTime(&now, NULL)) || now.Year < 1970)
		return 0;
	year = now.Month > 2 ? now.Year : now.Year - 1u;
	month = now.Month > 2 ? now.Month - 3u : now.Month + 9u;
	days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + now.Day -
	       1;
	return (days - 719468) * 86400 + now.Hour * 3600u + now.Minute * 60u + now.Second;
}
