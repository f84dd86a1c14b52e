/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "inventory.h"

enum reset_method { RESET_NONE, RESET_FLR, RESET_AF_FLR, RESET_POWER_STATE, RESET_BUS };

/* The first that works, in this order: FLR, AF FLR, power state, and the bus that has nothing else on it. */
enum reset_method pci_reset_method(const struct inventory *inventory, u32 function);
/*
 * Stops bus mastering, waits for pending transactions and resets one function by its method, if any (with
 * its bus: all that is on it); configuration space (BARs, command without bus mastering, PCI Express control,
 * ACS) is restored afterwards. WAIT sleeps for milliseconds. False: a function did not come back.
 */
bool pci_reset_function(const struct inventory *inventory, u32 function,
			const struct pci_access *access, void (*wait)(u32 milliseconds));

/* Its own reset may be left to whoever has it: it says that it has one, and nothing else depends on it. */
bool pci_offers_flr(const struct pci_function *f);
/* Milliseconds that it takes from its function level reset until it may be looked at. */
u32 pci_flr_delay(const struct pci_function *f);
#define PCI_READY_LIMIT 60000 /* milliseconds that it may then take until it answers */
/* It answers, and not with retry status. */
bool pci_is_ready(const struct pci_function *f, const struct pci_access *access);

/* What a reset or a way through D3hot takes away. */
struct pci_saved_register {
	u16 offset;
	u8 width;
	u32 value;
	u32 must_hold; /* bits without which the function is of no use: BARs */
};
#define PCI_SAVED_REGISTERS                                                                        \
	(4 * PCI_BARS + 8) /* sizes and halves of BARs, virtual ones, and single ones */
struct pci_saved {
	u32 count;
	struct pci_saved_register registers[PCI_SAVED_REGISTERS];
};

void pci_config_save(const struct pci_function *f, const struct pci_access *access,
		     struct pci_saved *saved);
/* Writes it all back, save the command register. False: the function does not keep its BARs. */
bool pci_config_restore(const struct pci_function *f, const struct pci_access *access,
			const struct pci_saved *saved);
const char *reset_method_name(enum reset_method method);
