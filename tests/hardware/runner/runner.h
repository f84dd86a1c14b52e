/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <efi.h>

#include "log.h"
#include "text.h"

/*
 * The program on the stick that `make hardware-test` writes: it starts the image for one step after the
 * other, over resets, and writes what came of it into report.txt.
 */

#define FOLDER "\\bulkhead\\" /* of the image and all that it reads and writes */

extern EFI_HANDLE self;
extern EFI_SYSTEM_TABLE *system;
extern EFI_BOOT_SERVICES *services;
extern EFI_HANDLE volume;

/* main.c: a line on the screen. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
void *memory_take(u64 bytes); /* zeroed, for good; the machine powers off when there is none */
/* Text that grows no further than BYTES. */
struct text_buffer *text_take(u64 bytes);

/* files.c: of the stick, by path. All of it, zero-terminated, for good; NULL: it cannot be read. */
char *file_read(const char *path);
/* Replaces the file, or adds to its end. False: the stick does not take it. */
bool file_write(const char *path, const char *text);
bool file_append(const char *path, const char *text);

/* machine.c */
/* The processors as `cpuid -r` prints them, and their registers: for `bulkhead check --cpu --cpu-dump`. */
void processor_dump(struct text_sink *out);
/* Firmware starts this stick again after the next reset. */
void boot_again(void);
_Noreturn void reset(void);
_Noreturn void power_off(void);
/* Starts the image beside report.txt; OPTIONS may be NULL. It comes back when it refuses its file or surveys. */
EFI_STATUS image_start(CHAR16 *options);

/* capture.c: keeps what the image says while firmware is alive. */
void capture_begin(struct text_sink *sink);
void capture_end(void);

/* logs.c: what the image left in memory, and nobody will find there again. */
void logs_read(struct text_sink *out);
/* Puts a line there, in the image's place. */
bool logs_mark(const char *line);

/* steps.c */
struct plan {
	struct text_buffer *file; /* the bulkhead.conf of this step */
	struct text_buffer *expected; /* lines that have to come; `*` stands for anything */
	const char *skip; /* why this machine cannot do it; NULL: it can */
};
enum step { STEP_SURVEY, STEP_RESET, STEP_EXITS, STEP_NEIGHBOURS, STEP_DEVICES, STEPS };
extern const char *const step_names[STEPS];
/* From what the survey wrote; the same before and after a reset. */
struct plan step_plan(enum step step);
/* The first of PLAN's lines that is not in TEXT; NULL: all are. */
const char *lines_missing(const char *expected, const char *text);
#define RESET_MARK "the machine was reset"
