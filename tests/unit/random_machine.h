/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "enumerate.h"

/*
 * Random machines, as enumeration would leave them in an inventory: ports with and without ACS,
 * switches, bridges of all kinds, devices of several functions, virtual functions, quirks, IVRS
 * aliases and reserved regions.
 */
#define RANDOM_FUNCTIONS 512
#define RANDOM_REGIONS 8
#define RANDOM_ARENA (2 * MIB)

struct random_machine {
	struct inventory inventory;
	struct arena arena;
	struct pci_function functions[RANDOM_FUNCTIONS];
	struct reserved_region regions[RANDOM_REGIONS];
	unsigned int seed;
	u32 limit; /* functions at which no more bridges are added */
	u32 next_bus;
};

struct random_machine *random_machine_new(void);
void random_machine_free(struct random_machine *m);
/* Makes another machine of about SIZE functions; the same for the same SEED. */
void random_machine_make(struct random_machine *m, unsigned int seed, u32 size);
/* A number below COUNT. */
u32 random_below(struct random_machine *m, u32 count);
