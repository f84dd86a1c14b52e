/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu.h"
#include "firmware.h"
#include "x86.h"

/* ACPI 6.5, section 4.8.2.1: the power management timer runs at 3.579545 MHz. */
#define PM_TIMER_HZ 3579545ull
#define PM_TIMER_MASK 0xffffffu
#define FADT_PM_TIMER_BLOCK 76
#define FADT_PM_TIMER_LENGTH 91
#define SAMPLE_TICKS (PM_TIMER_HZ / 50) /* 20 ms */
#define SAMPLES 5
#define SAMPLE_READS_MAX 50000000u
#define STALL_MICROSECONDS 50000

static u32 pm_timer_port(const struct acpi_tables *tables) {
	const u8 *fadt = tables->fadt.data;

	if (!fadt || tables->fadt.size <= FADT_PM_TIMER_LENGTH || fadt[FADT_PM_TIMER_LENGTH] != 4)
		return 0;
	return fadt[FADT_PM_TIMER_BLOCK] | (u32)fadt[FADT_PM_TIMER_BLOCK + 1] << 8;
}

void clock_stall(u32 milliseconds) {
	firmware.services->Stall((UINTN)milliseconds * 1000);
}

/* kHz over one sample; 0 when the timer stands still. */
static u64 sample_pm_timer(u16 port) {
	u32 begin = port_read32(port) & PM_TIMER_MASK;
	u64 tsc = cpu_tsc();

	for (u32 reads = 0; reads < SAMPLE_READS_MAX; reads++) {
		u64 ticks = (port_read32(port) - begin) & PM_TIMER_MASK;

		if (ticks >= SAMPLE_TICKS)
			return (cpu_tsc() - tsc) * PM_TIMER_HZ / ticks / 1000;
	}
	return 0;
}

static u64 sample_firmware(void) {
	u64 tsc = cpu_tsc();

	firmware.services->Stall(STALL_MICROSECONDS);
	return (cpu_tsc() - tsc) / (STALL_MICROSECONDS / 1000);
}

/* The median, because a sample that was interrupted is far off. */
u64 clock_tsc_khz(const struct acpi_tables *tables) {
	u32 port = pm_timer_port(tables);
	u64 samples[SAMPLES];

	for (u32 i = 0; i < SAMPLES; i++) {
		u64 sample = port ? sample_pm_timer((u16)port) : sample_firmware();
		u32 j = i;

		for (; j && samples[j - 1] > sample; j--)
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
