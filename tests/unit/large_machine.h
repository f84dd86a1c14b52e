/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "enumerate.h"

/* A machine of any size, always the same one: devices, switches, conventional buses, virtual functions. */
#define LARGE_SEGMENTS 16
#define LARGE_MAX 65536

/* Fills FUNCTIONS with COUNT of them (a multiple of LARGE_SEGMENTS), as enumeration would. */
void large_machine(struct pci_function *functions, u32 count);
