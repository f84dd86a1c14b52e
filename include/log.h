/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "text.h"

/*
 * The end of what went to the console, in memory that a warm reset leaves as it is, for the next start to show.
 * What is found there may be anything.
 */
#define LOG_TEXT (32 * KIB - 16)

/* Empty when all of it is zero. */
struct log_ring {
	u64 written; /* characters so far: number N stands at N % LOG_TEXT */
	u64 sum; /* of all that is here */
	char text[LOG_TEXT];
};

/* Guests cannot push out what the hypervisor says. */
enum log_kind { LOG_OWN, LOG_PARTITIONS, LOG_KINDS };

/*
 * A ring of each kind lies at the first of these places where firmware has free memory: low, where it works
 * little, and where no partition's memory is cut in two.
 */
#define LOG_FIRST (64 * MIB)
#define LOG_STEP (8 * MIB)
#define LOG_LAST (32 * MIB)

/* Nobody is kept out: a processor that fails takes no lock. */
void log_put(struct log_ring *log, const char *bytes, size_t count);
/* Prints what is in the last MOST characters, if it is printable, with WORD before each line; nothing when the sum is wrong. */
void log_show(const struct log_ring *log, u64 most, const char *word, struct text_sink *out);
