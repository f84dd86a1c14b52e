/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "scan.h"

/* What derivation keeps of one function: mostly indexes of others, or NONE. */
struct node {
	u32 first_child, last_child; /* by address */
	u32 device; /* the first function of its device: itself for a virtual one */
	u32 peer; /* another function of its device */
	/* Set by each run */
	u32 with; /* what all below is joined with: this bridge, its first child, or NONE */
	u32 carrier; /* the same, as the bridges above have it */
	u32 failing; /* of a device: the first function that does not isolate, or NONE */
	u32 told; /* of a device: the reason that names all of these, or NONE */
	bool open; /* of a device: a function's ACS controls open all of it */
	bool trusted;
};

struct derivation {
	struct inventory *inventory;
	const struct pci_function *functions;
	u32 count;
	struct node *nodes; /* a bridge comes before what is below it, as functions are sorted */
	u32 *leader; /* union-find */
	u32 *cause; /* the same for causes of one kind, so that no pair is named twice */
	u32 *users; /* of each requester ID of a segment */
	u32 *regions; /* those that name a function, by base */
	u32 region_count;
	struct group_reason *reasons;
	u32 reason_count;
	size_t scratch; /* bytes at the arena's end that nobody else gets meanwhile */
};

/* False when the arena is full; derivation_end() must follow in any case. */
bool derivation_begin(struct derivation *d, struct inventory *inventory);
/* NULL, or why trust in this port is void. */
const char *derivation_trust(struct derivation *d, struct pci_address port);
/* Ties what belongs together, with the trust given so far; may be run again with other trust. */
void derivation_run(struct derivation *d);
/* One number for all that are together. */
u32 derivation_leader(struct derivation *d, u32 f);
void derivation_end(struct derivation *d);
