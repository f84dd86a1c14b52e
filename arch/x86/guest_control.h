/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "machine.h"
#include "x86.h"

/* What any way to run a virtual processor needs. */

#define DR6_DEFAULT 0xffff0ff0ull
#define DR6_SINGLE_STEP BIT(14)
#define DR7_DEFAULT 0x400ull

/* The event to deliver again; one by an instruction comes by itself when that runs again. */
static inline u64 event_again(u64 interrupted) {
	return interrupted & EVENT_VALID && (interrupted & EVENT_TYPE) < EVENT_SOFTWARE
		       ? interrupted
		       : 0;
}
