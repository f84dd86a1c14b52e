/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware.h"
#include "machine.h"

/* Some entries more than the map has now: allocating memory for it may split ranges. */
#define MAP_SLACK 16

/* What we hold, so that all of it goes back when the image returns. */
#define HELD_MAX 256
#define LOG_SHOWN 4096 /* characters of each kind, at the next start */

static struct {
	EFI_PHYSICAL_ADDRESS address;
	u64 pages;
} held[HELD_MAX];
static u32 held_count;

static bool allocate(EFI_ALLOCATE_TYPE type, u64 bytes, EFI_PHYSICAL_ADDRESS *address) {
	u64 pages = bytes / PAGE_SIZE + !IS_ALIGNED(bytes, PAGE_SIZE);

	if (held_count == HELD_MAX ||
	    EFI_ERROR(firmware.services->AllocatePages(type, EfiLoaderData, pages, address)))
		return false;
	held[held_count].address = *address;
	held[held_count++].pages = pages;
	return true;
}

void *firmware_allocate(u64 bytes, u64 highest) {
	EFI_PHYSICAL_ADDRESS address = highest;

	return allocate(AllocateMaxAddress, bytes, &address) ? (void *)(uintptr_t)address : NULL;
}

bool firmware_allocate_at(u64 address, u64 bytes) {
	EFI_PHYSICAL_ADDRESS place = address;

	return allocate(AllocateAddress, bytes, &place);
}

u32 firmware_held(void) {
	return held_count;
}

void firmware_release(u32 keep) {
	while (held_count > keep) {
		held_count--;
		firmware.services->FreePages(held[held_count].address, held[held_count].pages);
	}
}

void log_open(void) {
	struct log_ring *rings = NULL;

	for (u64 place = LOG_FIRST; !rings && place >= LOG_LAST; place -= LOG_STEP)
		if (firmware_allocate_at(place, LOG_KINDS * sizeof(*rings)))
			rings = (struct log_ring *)(uintptr_t)place;
	for (u32 i = 0; rings && i < LOG_KINDS; i++) {
		log_show(&rings[i], LOG_SHOWN, "before", &console);
		memset(&rings[i], 0, sizeof(rings[i]));
	}
	boot.logs = rings;
}

/* Whoever gets the machine back has seen it all: it is not shown again. */
void log_close(void) {
	for (u32 i = 0; boot.logs && i < LOG_KINDS; i++)
		boot.logs[i].sum++;
	boot.logs = NULL;
}

/*
 * Only what nobody uses now is offered to partitions: images, the pool and whatever firmware still
 * needs to leave lie in the other kinds.
 */
static enum memory_kind kind_of(u32 type) {
	switch (type) {
	case EfiConventionalMemory: return MEMORY_FREE;
	case EfiLoaderCode:
	case EfiLoaderData:
	case EfiBootServicesCode:
	case EfiBootServicesData: return MEMORY_USED;
	case EfiACPIReclaimMemory:
	case EfiACPIMemoryNVS: return MEMORY_ACPI;
	case EfiMemoryMappedIO:
	case EfiMemoryMappedIOPortSpace: return MEMORY_DEVICE;
	default: return MEMORY_RESERVED;
	}
}

/* In the order of addresses. */
static void add_range(struct inventory *inventory, struct memory_range range) {
	struct memory_range *ranges = inventory->memory;
	u32 i = inventory->memory_count++;

	for (; i && ranges[i - 1].base > range.base; i--)
		ranges[i] = ranges[i - 1];
	ranges[i] = range;
}

static u32 join_ranges(struct memory_range *ranges, u32 count) {
	u32 kept = 0;

	for (u32 i = 0; i < count; i++) {
		struct memory_range *last = kept ? &ranges[kept - 1] : NULL;

		if (last && last->kind == ranges[i].kind &&
		    last->base + last->length == ranges[i].base)
			last->length += ranges[i].length;
		else
			ranges[kept++] = ranges[i];
	}
	return kept;
}

bool memory_inventory(void) {
	struct inventory *inventory = &boot.inventory;
	struct arena *arena = inventory->arena;
	UINTN size = 0, key, stride = 0;
	UINT32 version;
	size_t used;
	u8 *map;

	firmware.services->GetMemoryMap(&size, NULL, &key, &stride, &version);
	if (!stride)
		return false;
	size += MAP_SLACK * stride;
	inventory->memory = arena_alloc(arena, size / stride, sizeof(*inventory->memory));
	inventory->memory_count = 0;
	used = arena->used;
	map = arena_alloc(arena, size, 1);
	if (!map || !inventory->memory ||
	    EFI_ERROR(firmware.services->GetMemoryMap(&size, (EFI_MEMORY_DESCRIPTOR *)map, &key,
						      &stride, &version)))
		return false;
	for (UINTN offset = 0; offset + stride <= size; offset += stride) {
		const EFI_MEMORY_DESCRIPTOR *range = (const EFI_MEMORY_DESCRIPTOR *)(map + offset);

		add_range(inventory,
			  (struct memory_range){.base = range->PhysicalStart,
						.length = range->NumberOfPages * PAGE_SIZE,
						.kind = kind_of(range->Type)});
	}
	arena->used = used;
	inventory->memory_count = join_ranges(inventory->memory, inventory->memory_count);
	return true;
}
