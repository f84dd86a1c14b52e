/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <efi.h>

#include "boot_info.h"

/* What this room shares while boot services are alive. */
struct firmware {
	EFI_HANDLE image;
	EFI_SYSTEM_TABLE *system;
	EFI_BOOT_SERVICES *services;
	EFI_LOADED_IMAGE *loaded;
};

extern struct firmware firmware;

/* boot/screen.c: text on every screen; serial ports are ours alone. */
void screen_start(void);
void screen_stop(void);
/*
 * TEXT to the serial port at once, and to the screen page by page: each waits for a key, until a wait
 * was in vain.
 */
void screen_page(const char *text);

/* boot/memory.c: memory from firmware, remembered until it is released. */
void *firmware_allocate(u64 bytes, u64 highest);
bool firmware_allocate_at(u64 address, u64 bytes);
/* How many pieces are held; releases those that came after the first KEEP. */
u32 firmware_held(void);
void firmware_release(u32 keep);
bool memory_inventory(struct inventory *inventory);

/* boot/files.c: beside the image first, then at the root of its volume. */
bool file_find(const char *name, u64 *bytes);
/* Whole, in pages of its own, zero-terminated; NULL: missing, unreadable or no memory. */
void *file_read(const char *name, u64 *bytes);
/* Writes TEXT beside the image, over what was there. NULL: done; else why not. */
const char *file_replace(const char *name, const char *text);
/* The load options hold this word. */
bool load_option(const char *word);

/* boot/survey.c: the survey on the console, and beside the image with a draft of the file. */
struct survey_facts;
void survey_run(struct inventory *inventory, const struct survey_facts *facts);

/* boot/tables.c */
#define TABLE_BYTES_MAX (16 * MIB) /* far more than any real one */
u32 table_read32(const u8 *p);
void acpi_find(struct acpi_tables *tables);

/* boot/clock.c */
u64 clock_tsc_khz(void);
u64 clock_unix_seconds(void);
void clock_stall(u32 milliseconds);

/* boot/power.c: where and what to write to switch the machine off; unchanged when that is not found. */
void power_off_find(const struct acpi_tables *tables, u16 *port, u16 *value);

/* boot/leave.c */
void devices_quiesce(const struct inventory *inventory, const struct pci_access *config);
bool firmware_leave(void);
