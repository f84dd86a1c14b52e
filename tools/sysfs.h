/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/*
 * Calls VISIT for each function of the running machine, with as much of its configuration space as
 * may be read. False when VISIT did not want to go on. (libpci has types of the names that we use:
 * hence the narrow interface.)
 */
bool sysfs_visit(bool (*visit)(void *context, uint32_t segment, uint8_t bus, uint8_t devfn,
			       const uint8_t *bytes, uint32_t size),
		 void *context);
