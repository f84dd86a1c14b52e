/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "enumerate.h"
#include "pci_registers.h"

/*
 * Machines that exist in memory only: configuration space with registers that can and cannot be
 * written, functions with names.
 */
#define TOPOLOGY_FUNCTIONS 64
#define TOPOLOGY_ARENA (4 * MIB)

struct topology_function {
	const char *name;
	struct pci_address address;
	u8 space[PCIE_CONFIG_SIZE];
	u8 writable[PCIE_CONFIG_SIZE]; /* bits that a write changes */
	u32 size;
	u16 capability_end; /* where the next capability goes */
	u16 capability_last; /* whose pointer leads there */
	u16 extended_end;
	u16 extended_last;
	u16 sriov; /* of topology_offer_virtual() */
};

struct topology {
	struct pci_access access;
	struct arena arena;
	struct inventory inventory;
	struct topology_function functions[TOPOLOGY_FUNCTIONS];
	u32 count;
	u32 reads;
	u32 writes;
};

struct topology *topology_new(void);
void topology_free(struct topology *t);

/* Sets the multifunction flag of function 0 as well when FUNCTION > 0. Returns an index. */
u32 topology_add(struct topology *t, const char *name, u8 bus, u8 device, u8 function);
void topology_ids(struct topology *t, u32 f, u16 vendor, u16 device);
void topology_class(struct topology *t, u32 f, u32 class_code);
void topology_bridge(struct topology *t, u32 f, u8 secondary, u8 subordinate);
u16 topology_capability(struct topology *t, u32 f, u8 id, u16 size);
u16 topology_extended(struct topology *t, u32 f, u16 id, u16 size);
void topology_pcie(struct topology *t, u32 f, u8 type);
/* ACS capability bits CAPABILITY; those bits of the control register can be set, and are off. */
void topology_acs(struct topology *t, u32 f, u16 capability);
/* A 32-bit memory BAR of SIZE bytes (a power of two) at BASE. */
void topology_memory_bar(struct topology *t, u32 f, u32 index, u32 base, u32 size);
void topology_put(struct topology *t, u32 f, u32 offset, u8 width, u32 value);
u32 topology_get(struct topology *t, u32 f, u32 offset, u8 width);
/* COUNT virtual functions are on, at OFFSET and STRIDE, and answer; named NAMES. */
void topology_virtual(struct topology *t, u32 f, u16 offset, u16 stride, u16 count,
		      const char *const *names);

/*
 * The same, but they are off, and can be switched on: COUNT is what is offered. Each has a 64-bit BAR
 * of 16 KiB; BASE is where firmware has placed the first one.
 */
void topology_offer_virtual(struct topology *t, u32 f, u16 offset, u16 stride, u16 count,
			    const char *const *names, u64 base);
/* Shorthands: PCI Express functions with and without the required ACS. */
u32 topology_port(struct topology *t, const char *name, u8 type, u8 bus, u8 device, u8 function,
		  u8 secondary, u8 subordinate, bool acs);
u32 topology_endpoint(struct topology *t, const char *name, u8 type, u8 bus, u8 device,
		      u8 function);

/* What tests of groups call the types. */
#define RP PCIE_ROOT_PORT
#define USP PCIE_UPSTREAM_PORT
#define DSP PCIE_DOWNSTREAM_PORT
#define EP PCIE_ENDPOINT
#define INTEGRATED PCIE_RC_ENDPOINT
#define PLAIN PCIE_NONE
#define REDIRECT (ACS_REQUEST_REDIRECT | ACS_COMPLETION_REDIRECT)

/* Two root ports in slots or functions of their own, an endpoint below each. */
struct topology *topology_two_ports(u8 device1, u8 function1, bool acs0, bool acs1);

/* Enumerates and switches ACS on; groups are left to the caller. */
void topology_enumerate(struct topology *t);
/* Index in the inventory of the function with this name. */
u32 topology_find(struct topology *t, const char *name);

/*
 * Derives groups with TRUSTS, as the machine is and with other numbers for its buses and devices, which
 * must agree about who is together, and compares with EXPECTED: "RP0,A|RP1|B".
 */
void topology_expect(struct topology *t, const char *expected);
void topology_expect_trusting(struct topology *t, const struct group_trust *trusts, u32 trust_count,
			      const char *expected);
/*
 * With other numbers for its buses and devices, so that functions are found in another order, the same
 * machine has the same groups, each larger one with a reason.
 */
void expect_order_free(const struct inventory *inventory, const struct group_trust *trusts,
		       u32 trust_count);
/* Whether the group of a function has a reason with this rule at the function of that name (NULL: any). */
bool topology_has_reason(struct topology *t, const char *member, enum group_rule rule,
			 const char *at);
