/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "inventory.h"

/*
 * The machine's own configuration space: ECAM where a window of the inventory covers the bus,
 * ports CF8/CFC for segment 0 elsewhere. The result is one static object.
 */
const struct pci_access *machine_config_access(const struct inventory *inventory);
