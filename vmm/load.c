/* SPDX-License-Identifier: Apache-2.0 */
/* Images of guests: telling them apart, finding room for them, and what all protocols share. */
#include "load_internal.h"
#include "x86.h"

#define TSS_LIMIT_MIN 0x67
#define FNV_OFFSET 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

bool load_refuse(struct load *load, const char *format, ...) {
	va_list arguments;

	va_start(arguments, format);
	text_print_list(load->reason, format, arguments);
	va_end(arguments);
	return false;
}

bool image_contains(struct image image, u64 offset, u64 count) {
	return offset <= image.size && count <= image.size - offset;
}

bool image_read(struct image image, u64 offset, void *to, size_t count) {
	if (!image_contains(image, offset, count))
		return false;
	memcpy(to, image.data + offset, count);
	return true;
}

u64 image_sum(struct image image) {
	u64 sum = FNV_OFFSET;

	for (u64 i = 0; i < image.size; i++)
		sum = (sum ^ image.data[i]) * FNV_PRIME;
	return sum;
}

u64 load_ram_at(const struct load *load, u64 base) {
	const struct guest_map *map = load->request->map;

	for (u32 i = 0; i < map->count; i++) {
		const struct guest_range *range = &map->ranges[i];
		u64 offset = base - range->base;

		if (range->kind == RANGE_RAM && offset < range->length)
			return range->length - offset;
	}
	return 0;
}

static bool overlaps(const struct load *load, u64 base, u64 end) {
	for (u32 i = 0; i < load->segment_count; i++) {
		const struct load_segment *other = &load->segments[i];

		if (base < other->address + other->memory_size && other->address < end)
			return true;
	}
	return false;
}

bool load_add(struct load *load, struct load_segment segment) {
	u64 base = segment.address, size = segment.memory_size, end = base + size;
	const char *fault = NULL;

	if (!image_contains(load->request->kernel, segment.offset, segment.file_size))
		fault = "their content lies outside the image";
	else if (segment.file_size > size)
		fault = "their content is larger";
	else if (load_ram_at(load, base) < size || end > LOAD_LIMIT)
		fault = "the partition has no memory there below 4 GiB";
	else if (base < HANDOVER_END && end > HANDOVER_BASE)
		fault = "that is for the loader";
	else if (overlaps(load, base, end))
		fault = "that overlaps another segment";
	else if (load->segment_count == LOAD_SEGMENTS_MAX)
		fault = "that is one segment too many";
	if (fault)
		return load_refuse(load, "the image wants %#lx bytes at %#lx, but %s", size, base,
				   fault);
	load->segments[load->segment_count++] = segment;
	load->base = min_u64(load->base, base);
	load->end = max_u64(load->end, end);
	return true;
}

/* The initial ram disk right below TOP, when there is free memory. */
static bool place_initrd(struct load *load, u64 top) {
	u64 size = load->request->initrd.size, base = ALIGN_DOWN(top - size, PAGE_SIZE);

	load->initrd = base;
	return base >= 1 * MIB && load_ram_at(load, base) >= size &&
	       (base >= load->end || base + size <= load->base);
}

/* As high as its limit and the kernel's own memory allow. */
static bool plan_initrd(struct load *load) {
	const struct guest_map *map = load->request->map;
	u64 size = load->request->initrd.size, limit = min_u64(load->initrd_limit, LOAD_LIMIT);

	if (size == 0)
		return true;
	for (u32 i = map->count; i-- > 0;) {
		u64 top = min_u64(map->ranges[i].base + map->ranges[i].length, limit);

		if (place_initrd(load, top) || place_initrd(load, min_u64(top, load->base)))
			return true;
	}
	return load_refuse(load, "no room for %#lx bytes of initial ram disk below %#lx", size,
			   limit);
}

static bool plan_kernel(struct load *load) {
	if (image_is_linux(load->request->kernel))
		return linux_plan(load);
	if (image_is_elf(load->request->kernel))
		return elf_plan(load);
	return multiboot_plan(load);
}

static bool make_plan(struct load *load) {
	const struct load_request *request = load->request;

	load->base = UINT64_MAX;
	load->initrd_limit = LOAD_LIMIT;
	if (request->kernel.size == 0)
		return load_refuse(load, "the image is empty");
	if (strlen(request->cmdline) >= HANDOVER_CMDLINE_SIZE)
		return load_refuse(load, "the command line is longer than %u bytes",
				   HANDOVER_CMDLINE_SIZE - 1);
	if (load_ram_at(load, HANDOVER_BASE) < HANDOVER_END - HANDOVER_BASE)
		return load_refuse(load, "the partition has no memory at %#x to %#x for the loader",
				   HANDOVER_BASE, HANDOVER_END - 1);
	if (!plan_kernel(load))
		return false;
	if (!overlaps(load, load->entry, load->entry + 1))
		return load_refuse(load, "the entry %#lx is not in the image", load->entry);
	return plan_initrd(load);
}

bool image_check(const struct load_request *request, struct text_sink *reason) {
	struct load load = {.request = request, .reason = reason};

	return make_plan(&load);
}

void load_write(struct load *load, u64 address, const void *from, u64 count) {
	load->failed |= !load->memory->write(load->memory, address, from, count);
}

static void clear(struct load *load, u64 address, u64 count) {
	static const u8 zeros[PAGE_SIZE];

	for (u64 done = 0; done < count; done += sizeof(zeros))
		load_write(load, address + done, zeros, min_u64(count - done, sizeof(zeros)));
}

static void write_images(struct load *load) {
	const struct image *kernel = &load->request->kernel, *initrd = &load->request->initrd;

	for (u32 i = 0; i < load->segment_count; i++) {
		const struct load_segment *s = &load->segments[i];

		load_write(load, s->address, kernel->data + s->offset, s->file_size);
		clear(load, s->address + s->file_size, s->memory_size - s->file_size);
	}
	if (load->initrd)
		load_write(load, load->initrd, initrd->data, initrd->size);
}

void load_write_map(struct load *load, u64 to, u32 skip, u32 stride) {
	const struct guest_map *map = load->request->map;

	for (u32 i = 0; i < map->count; i++) {
		const struct guest_range *range = &map->ranges[i];
		const struct load_map_entry entry = {sizeof(entry) - sizeof(entry.size),
						     range->base, range->length, range->kind};

		load_write(load, to + i * stride, (const u8 *)&entry + skip, sizeof(entry) - skip);
	}
}

/* Protected mode without paging: flat 32-bit segments, interrupts off. */
static void enter_protected_mode(struct load *load, struct vcpu_state *state) {
	/* Descriptors: base 0, limit 4 GiB, and the attributes that the hidden parts below have. */
	static const u64 gdt[] = {
		[HANDOVER_CODE / 8] = 0x00cf9b000000ffff,
		[HANDOVER_DATA / 8] = 0x00cf93000000ffff,
	};

	*state = (struct vcpu_state){
		.rip = load->entry,
		.rflags = RFLAGS_FIXED,
		.cr0 = CR0_PE | CR0_ET,
		.gdtr = {.base = HANDOVER_GDT, .limit = sizeof(gdt) - 1},
		.segments[SEG_LDTR].attributes = SEGMENT_LDT,
		.segments[SEG_TR] = {.attributes = SEGMENT_TSS_BUSY, .limit = TSS_LIMIT_MIN},
	};
	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		state->segments[i] =
			(struct segment){HANDOVER_DATA, SEGMENT_DATA_32, UINT32_MAX, 0};
	state->segments[SEG_CS].selector = HANDOVER_CODE;
	state->segments[SEG_CS].attributes = SEGMENT_CODE_32;
	load_write(load, HANDOVER_GDT, gdt, sizeof(gdt));
}

bool image_load(const struct load_request *request, const struct guest_memory *memory,
		struct vcpu_state *state, struct text_sink *reason) {
	struct load load = {.request = request, .reason = reason, .memory = memory};

	if (!make_plan(&load))
		return false;
	clear(&load, HANDOVER_BASE, HANDOVER_END - HANDOVER_BASE);
	load_write(&load, HANDOVER_CMDLINE, request->cmdline, strlen(request->cmdline));
	write_images(&load);
	enter_protected_mode(&load, state);
	load.handover(&load, state);
	return !load.failed || load_refuse(&load, "the partition's memory could not be written");
}
