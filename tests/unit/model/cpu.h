/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "../../../include/cpu.h"

/*
 * Stands in for include/cpu.h when a driver is built against a register model: the model sees each
 * fence and each cache line that is written back (unit_memory.h).
 */
void model_fence(void);
void model_flush_line(const volatile void *address);

#define cpu_fence() model_fence()
#define cpu_flush_line(address) model_flush_line(address)
#define cpu_pause() ((void)0)
