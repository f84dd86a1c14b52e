/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* The benchmark's guest: one static program, the first and only process of its kernel. */

#define KIB 1024ul
#define MIB (1024 * KIB)

/* Says what failed and why, and ends the machine. */
_Noreturn void fail(const char *what);

/* Marks the ends of a measured phase for the instrument; without it they are idle instructions.
 * NAME has at most 8 letters or digits. What was written before is out, and the machine is at rest. */
void phase_begin(const char *name, uint64_t operations);
void phase_end(const char *name, uint64_t operations);
/* One point in time. */
void phase_point(const char *name);

/* Memory that is present. */
uint8_t *resident(size_t size);
/* This process runs on processor INDEX alone. */
void stay_on(unsigned index);
void pause_for(unsigned milliseconds);
double seconds(void);
/* Interrupts of the processors so far, by the kernel's name ("LOC", "RES", "nvme0q1"). */
uint64_t interrupts(const char *name);

void work_hash(void);
void work_walk(void);
void work_faults(void);
void work_sleep(void);
void work_tick(void);
void work_wake(void);
void work_read1(void);
void work_read32(void);
void work_stream(void);
void work_download(void);

/* Text after "bench.NAME=" on the kernel's command line; FALLBACK without it. */
const char *setting(const char *name, const char *fallback);
