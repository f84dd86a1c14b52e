/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <efi.h>

#include "acpi_tables.h"
#include "text.h"

/*
 * A stand-in for firmware that protects memory from devices before it starts a system: it programs the
 * remapping unit, then starts the image, and leaves everything switched on.
 */

extern EFI_BOOT_SERVICES *services;

/* Says "firmware: ..." on the console. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
/* Whether firmware.txt, on the volume that this comes from, has the word. */
bool wanted(const char *word);
/* Zeros below 4 GiB, as firmware has it for its own tables: memory that it takes back at the end. */
void *pages(u64 count);
/* The functions whose DMA is let through: all of them, or (`deny`) those that files are read with. */
bool is_allowed(u16 requester_id);
/* Until 32 bits at ADDRESS, a register or memory, are VALUE in MASK. Ends everything after a second. */
void wait_until(const volatile void *address, u32 mask, u32 value);

/* Programs the unit at BASE and switches it on. */
void vtd_begin(u64 base);
void amdvi_begin(u64 base);
/* A sum over the registers that this changed, and over the tables: whoever touches them changes it. */
u64 vtd_sum(void);
u64 amdvi_sum(void);
