/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "inventory.h"

/* What devices do without saying so in configuration space, or say and do not do; which: quirks.txt. */
enum quirk {
	QUIRK_ISOLATES = 1 << 0, /* keeps peers apart without ACS; decides over QUIRK_OPEN */
	QUIRK_OPEN = 1 << 1, /* does not keep peers apart, whatever ACS says */
	QUIRK_ACS_DWORDS = 1 << 2, /* ACS registers are dwords: control stands at +8 */
	QUIRK_NO_SOURCE_VALIDATION = 1 << 3, /* drops good requests when that is on */
	/* Requester IDs of its own bus that it uses as well */
	QUIRK_ALIAS_FUNCTION_0 = 1 << 4, /* function 0 of the same device */
	QUIRK_ALIAS_FUNCTION_1 = 1 << 5,
	QUIRK_ALIAS_DEVICE_1 = 1 << 6, /* 01.0, wherever it sits */
	QUIRK_ALIAS_PHI_CARD = 1 << 7, /* 10.0, 11.0 and 12.3 */
	QUIRK_ALIAS_FIVE_EACH = 1 << 8, /* functions 0 to 4 of every device */
	QUIRK_ALIAS_BUS = 1 << 9, /* all of the bus */
	QUIRK_ALIASES = 0x3f << 4, /* any of these */
	QUIRK_HIDDEN_PCIE_BRIDGE = 1 << 10, /* a PCIe-to-PCI bridge that does not say so */
	QUIRK_KEEPS_IDS = 1 << 11, /* a PCIe-to-PCI bridge that passes requester IDs */
	QUIRK_NO_FLR = 1 << 12, /* a function level reset hangs it, or is not carried out */
	QUIRK_UNSAID_FLR = 1 << 13, /* has a function level reset and does not say so */
	QUIRK_SLOW_AFTER_FLR = 1 << 14, /* needs more time after it before anybody comes near */
	QUIRK_NO_POWER_RESET = 1 << 15, /* says that D3hot resets it, and it does not */
	QUIRK_PRIVATE_DOMAIN =
		1 << 16, /* devices behind it are on a segment that only it can reach */
	QUIRK_COHERENT = 1 << 17, /* takes part in coherency as CXL.cache does, without saying so */
	QUIRK_PCH_PORT = 1 << 18, /* isolates once registers of the chipset are set: rootports.c */
};

/* Fills the quirks of one function; all of the inventory's must have been found. */
void quirks_find(const struct inventory *inventory, struct pci_function *f);
