/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "machine.h"

void guest_memory_init(struct partition *p);
/* Maps all of it in the nested tables and in the DMA domain. */
bool guest_memory_map(struct partition *p);
/* Zeroes all of it. */
void guest_memory_clear(struct partition *p);
