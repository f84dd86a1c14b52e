/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu.h"
#include "firmware.h"

#define SAMPLES 5
#define SAMPLE_MICROSECONDS 20000u

void clock_stall(u32 milliseconds) {
	firmware.services->Stall((UINTN)milliseconds * 1000);
}

/* The median of what firmware's own timer says, because a sample that was interrupted is far off. */
u64 clock_tsc_khz(void) {
	u64 samples[SAMPLES];

	for (u32 i = 0, j; i < SAMPLES; i++) {
		u64 begin = cpu_tsc();

		firmware.services->Stall(SAMPLE_MICROSECONDS);
		u64 sample = (cpu_tsc() - begin) * 1000 / SAMPLE_MICROSECONDS;

		for (j = i; j && samples[j - 1] > sample; j--)
			samples[j] = samples[j - 1];
		samples[j] = sample;
	}
	return samples[SAMPLES / 2];
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
