/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "inventory.h"

/*
 * The machine's own configuration space: ECAM where a window of the inventory covers the bus,
 * ports CF8/CFC for segment 0 elsewhere. The result is one static object.
 */
const struct pci_access *machine_config_access(const struct inventory *inventory);

/*
 * Finds every function behind the windows of the inventory (segment 0, all buses, when there is
 * none), with capabilities and BARs: their sizes only where ACCESS can write. Starts at the first bus
 * of each window, follows bridges by their bus numbers, and then looks at buses that no bridge leads
 * to (further host bridges). Virtual functions that the inventory's requests ask for are switched on;
 * in a snapshot they are made up from their physical function. WAIT sleeps for milliseconds; it may be
 * NULL without requests or write. Fills functions, sorted. False when the arena is full.
 */
bool pci_enumerate(struct inventory *inventory, const struct pci_access *access,
		   void (*wait)(u32 milliseconds));
/* Switches off the virtual functions that pci_enumerate() has switched on. */
void sriov_restore(const struct inventory *inventory, const struct pci_access *access,
		   void (*wait)(u32 milliseconds));
/* The first request for virtual functions of PHYSICAL; NULL: none. */
struct sriov_request *sriov_request(const struct inventory *inventory, struct pci_address physical);

/* Switches on every ACS control that isolation asks for, on every function that has ACS; keeps the firmware's. */
void acs_enable(struct inventory *inventory, const struct pci_access *access);
/* Writes back what acs_enable() found. */
void acs_restore(struct inventory *inventory, const struct pci_access *access);
/* Does a function keep peer requests apart? Trust in the file is not looked at. */
bool acs_isolates(const struct pci_function *f);

/* A port that the file trusts although it does not isolate. */
struct group_trust {
	struct pci_address port;
	const char *reason;
};

/*
 * Forms isolation groups from the functions (sorted), their ACS state, aliases and reserved regions:
 * fills groups and function.group. What is together does not depend on which bus or device comes first.
 * False when the arena is full.
 */
bool groups_derive(struct inventory *inventory, const struct group_trust *trusts, u32 trust_count);

/*
 * The smallest set of ports that, were the file to trust them as well, would put the assignable
 * functions of GROUP into more than one group: their indexes, ascending, into PORTS, which has room for
 * GROUP_SPLIT_MAX. Returns their number; 0 when no trust does that (bridges, aliases and reserved memory
 * hold whatever is trusted), when more than GROUP_SPLIT_MAX ports of the group fail, or when the arena is
 * full. TRUSTS are those that the groups were derived with. Changes neither the groups nor the arena.
 */
#define GROUP_SPLIT_MAX 63
u32 group_split(struct inventory *inventory, const struct group_trust *trusts, u32 trust_count,
		u32 group, u32 *ports);

/*
 * Arena that pci_enumerate() and groups_derive() take together at most: the array of functions with
 * the smaller ones that it grew out of, and derivation's scratch memory with an equal share for its
 * results. Reserved regions come on top.
 */
#define INVENTORY_BYTES_PER_FUNCTION 1376
#define INVENTORY_BYTES_FIXED (640 * KIB)

/* Short kebab-case name of a rule: "acs-missing". */
const char *group_rule_name(enum group_rule rule);
/* One sentence for a reason, without a final stop, into TEXT of SIZE bytes. */
char *group_reason_text(const struct inventory *inventory, const struct group_reason *reason,
			char *text, size_t size);
/*
 * Every requester ID that a function's requests may carry (its own first): bridges, quirks, IVRS.
 * Returns the number, at most LIMIT (GROUP_ALIASES is enough for what is handled here).
 */
#define GROUP_ALIASES 16
u32 pci_dma_aliases(const struct inventory *inventory, u32 function, struct pci_address *aliases,
		    u32 limit);
/*
 * The requester ID that a function's interrupt messages carry: the one that the topmost renaming
 * bridge above puts in, its own (or what the IVRS table says) where there is none.
 */
u16 pci_interrupt_requester(const struct inventory *inventory, u32 function);
/*
 * Switches memory decoding and bus mastering on in every bridge above a function: a port without
 * bus mastering refuses requests from below (PCI Express 6.0, section 7.5.1.1.3).
 */
void pci_open_path(const struct inventory *inventory, u32 function,
		   const struct pci_access *access);
/*
 * Why a function cannot be given to a partition, in words that follow its address; NULL: it can. Refused
 * are what the hypervisor keeps (bridges, IOMMUs, chipset LPC) and what no IOMMU holds.
 */
const char *pci_refusal(const struct inventory *inventory, u32 function);
static inline bool pci_assignable(const struct inventory *inventory, u32 function) {
	return !pci_refusal(inventory, function);
}
