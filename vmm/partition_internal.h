/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "machine.h"

/* vmm/memory.c: maps all of it in the nested tables and in the DMA domain. */
bool guest_memory_map(struct partition *p);
/* Zeroes all of it. */
void guest_memory_clear(struct partition *p);

/* vmm/start.c: a sum of the images that are kept for it. */
u64 partition_images(const struct partition *p);
/* Builds the guest's tables and loads its images; failures are the partition's. */
bool partition_load(struct partition *p, struct vcpu_state *state);

/* vmm/statistics.c */
void statistics_print(struct partition *p);

/* vmm/ownership.c: taking is all or a failed partition; giving back undoes what was taken. */
bool take_groups(struct partition *p);
void give_groups_back(struct partition *p);
bool take_interrupts(struct partition *p);
void give_interrupts_back(struct partition *p);
