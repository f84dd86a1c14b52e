/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "boot_protocols.h" /* made of boot_protocols.txt */
#include "guest.h"

/* What the loaders of the different boot protocols share (vmm/load.c). */

/*
 * Guest-physical memory that holds what an image is handed: always RAM, never part of an image,
 * zero when a protocol's handover begins.
 */
#define HANDOVER_BASE 0x10000u
#define HANDOVER_INFO 0x10000u /* zero page, start info, Multiboot information */
#define HANDOVER_MEMORY_MAP 0x11000u
#define HANDOVER_GDT 0x13000u
#define HANDOVER_CMDLINE 0x20000u
#define HANDOVER_CMDLINE_SIZE 0x10000u
#define HANDOVER_END 0x30000u

/* Selectors in the table at HANDOVER_GDT: those that Linux asks for. */
#define HANDOVER_CODE 0x10
#define HANDOVER_DATA 0x18

/* Images and what comes with them lie where 32-bit code can reach them. */
#define LOAD_LIMIT (4 * GIB)
#define LOAD_SEGMENTS_MAX 16

/* A part of the image and where it goes; memory behind it is cleared. */
struct load_segment {
	u64 offset, file_size;
	u64 address, memory_size;
};

/* Where things go. What was planned fits: every part is RAM and nothing overlaps. */
struct load {
	const struct load_request *request;
	struct text_sink *reason;
	struct load_segment segments[LOAD_SEGMENTS_MAX];
	u32 segment_count;
	u64 base, end; /* of all segments */
	u64 entry;
	u64 initrd_limit; /* the initial ram disk ends here or below */
	u64 initrd; /* 0: none */
	/* Writes what the image is handed. STATE is 32-bit protected mode at the entry. */
	void (*handover)(struct load *load, struct vcpu_state *state);
	const struct guest_memory *memory; /* when it is loaded */
	bool failed; /* memory could not be written */
};

/*
 * The boot protocols: each adds segments, sets the entry and the handover. False, with words: it cannot be
 * served. What holds for all protocols is checked behind it.
 */
bool image_is_linux(struct image image);
bool linux_plan(struct load *load);
/* PVH where there is its note, else Multiboot. The entry is the header's, made physical. */
bool image_is_elf(struct image image);
bool elf_plan(struct load *load);
/* Of an ELF image, whose segments are planned; or of a flat binary, which is whatever nobody else recognises. */
bool multiboot_plan(struct load *load);

/* Says why not, and is false. */
__attribute__((format(printf, 2, 3))) bool load_refuse(struct load *load, const char *format, ...);
/* COUNT bytes at OFFSET; false when the image does not have them. */
bool image_read(struct image image, u64 offset, void *to, size_t count);
bool image_contains(struct image image, u64 offset, u64 count);
/* How many bytes of memory there are from BASE on; 0: none. */
u64 load_ram_at(const struct load *load, u64 base);
/* Plans SEGMENT when its memory is there and free; says why not. */
bool load_add(struct load *load, struct load_segment segment);
/* To guest memory. */
void load_write(struct load *load, u64 address, const void *from, u64 count);

_Static_assert(RANGE_RAM == 1 && RANGE_RESERVED == 2 && RANGE_ACPI == 3, "e820 types");

/* Writes the entries without their first SKIP bytes, one each STRIDE bytes from TO. */
void load_write_map(struct load *load, u64 to, u32 skip, u32 stride);
