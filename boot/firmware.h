/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <efi.h>

#include "acpi.h"
#include "acpi_tables.h"
#include "boot_info.h"

/* What this room shares while boot services are alive. */
struct firmware {
	EFI_HANDLE image;
	EFI_SYSTEM_TABLE *system;
	EFI_BOOT_SERVICES *services;
	EFI_LOADED_IMAGE *loaded;
	struct acpi_table madt, mcfg, dmar, ivrs, facp; /* by acpi_find(); no data: there is none */
	struct acpi_fadt fadt; /* of facp; zeros where that is shorter */
};

extern struct firmware firmware;
/* NULL: the handle is none, or does not have it. */
void *firmware_protocol(EFI_HANDLE handle, EFI_GUID guid);
/* Calls VISIT with each handle that has this protocol. */
void firmware_each(EFI_GUID guid, void (*visit)(EFI_HANDLE handle));
/* The first node of a device path from NODE on that is of this kind; NULL: there is none. */
EFI_DEVICE_PATH *device_path_find(EFI_DEVICE_PATH *node, u8 type, u8 subtype);

/* boot/screen.c: text on every screen; serial ports are ours alone. */
void screen_start(void);
void screen_stop(void);
/*
 * TEXT to the serial port at once, and to the screen page by page: each waits for a key, until a wait
 * was in vain.
 */
void screen_page(const char *text);

/* boot/memory.c: shows what the start before left in memory; from then on all output is kept there. */
void log_open(void);
void log_close(void);
/* Memory from firmware, remembered until it is released. */
void *firmware_allocate(u64 bytes, u64 highest);
bool firmware_allocate_at(u64 address, u64 bytes);
/* How many pieces are held; releases those that came after the first KEEP. */
u32 firmware_held(void);
void firmware_release(u32 keep);
bool memory_inventory(void);

/* boot/files.c: beside the image first, then at the root of its volume. */
bool file_find(const struct image_lookup *lookup, const char *name, u64 *bytes);
/* Whole, in pages of its own, zero-terminated; NULL: missing, unreadable or no memory. */
void *file_read(const char *name, u64 *bytes);
/* Writes TEXT beside the image, over what was there. NULL: done; else why not. */
const char *file_replace(const char *name, const char *text);
/* The load options hold this word. */
bool load_option(const char *word);

/* boot/survey.c: the survey on the console, and beside the image with a draft of the file. */
struct survey_facts;
void survey_run(const struct survey_facts *facts);

/* boot/tables.c */
#define TABLE_BYTES_MAX (16 * MIB) /* far more than any real one */
void acpi_find(void);

/* boot/clock.c */
u64 clock_tsc_khz(void);
u64 clock_unix_seconds(void);
void clock_stall(u32 milliseconds);

/* boot/power.c: fills power_off_port and power_off_value of boot; unchanged when that is not found. */
void power_off_find(void);

/* boot/leave.c */
void devices_quiesce(void);
bool firmware_leave(void);
