/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "inventory.h"
#include "quirk_names.h" /* enum quirk, made of quirks.txt */

/* Fills the quirks of one function; all of the inventory's must have been found. */
void quirks_find(const struct inventory *inventory, struct pci_function *f);
