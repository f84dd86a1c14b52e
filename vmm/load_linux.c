/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux bzImage, entered by the 32-bit boot protocol (Linux: Documentation/arch/x86/boot.rst), which kernels of both
 * widths have: in the state that every other protocol begins in, without page tables of ours.
 */
#include "load_internal.h"

#define PARAMS_OFFSET(field) offsetof(struct boot_params, field)

bool image_is_linux(struct image image) {
	u16 boot_flag;
	u32 header;

	return image_read(image, PARAMS_OFFSET(boot_flag), &boot_flag, sizeof(boot_flag)) &&
	       image_read(image, PARAMS_OFFSET(header), &header, sizeof(header)) &&
	       boot_flag == BOOT_FLAG && header == LINUX_MAGIC;
}

/* A zero page with the image's header; false when the image is too short, or older than 2.12. */
static bool read_header(struct image image, struct boot_params *params) {
	const u64 start = PARAMS_OFFSET(setup_sects);

	memset(params, 0, sizeof(*params));
	if (!image_read(image, PARAMS_OFFSET(jump_distance), &params->jump_distance, 1))
		return false;
	u64 end = min_u64(PARAMS_OFFSET(header) + params->jump_distance, PARAMS_OFFSET(no_header));

	return end >= PARAMS_OFFSET(later) &&
	       image_read(image, start, (u8 *)params + start, end - start);
}

static bool check_header(struct load *load, const struct boot_params *params) {
	u64 alignment = params->kernel_alignment, cmdline = strlen(load->request->cmdline);

	if (params->version < PROTOCOL_2_12 || !(params->loadflags & LOADFLAGS_LOADED_HIGH))
		return load_refuse(load, "a Linux image of an old boot protocol (%u.%u, not 2.12)",
				   params->version >> 8, params->version & 0xff);
	/* A power of two is aligned to itself. */
	if (alignment < PAGE_SIZE || !IS_ALIGNED(alignment, alignment) ||
	    params->pref_address >= LOAD_LIMIT)
		return load_refuse(load, "the Linux image wants alignment %#lx at %#lx", alignment,
				   params->pref_address);
	if (cmdline > params->cmdline_size)
		return load_refuse(load, "the command line has %lu bytes, this kernel takes %u",
				   cmdline, params->cmdline_size);
	return true;
}

/* The preferred address, or the next one above it that has memory. */
static u64 place_kernel(struct load *load, const struct boot_params *params, u64 size) {
	const struct guest_map *map = load->request->map;

	for (u32 i = 0; params->relocatable_kernel && i < map->count; i++) {
		u64 low = max_u64(map->ranges[i].base, max_u64(params->pref_address, 1 * MIB));
		u64 base = ALIGN_UP(low, params->kernel_alignment);

		if (load_ram_at(load, base) >= size)
			return base;
	}
	return params->pref_address;
}

static void linux_handover(struct load *load, struct vcpu_state *state) {
	const struct load_request *request = load->request;
	struct boot_params params;

	load->failed |= !read_header(request->kernel, &params);
	params.acpi_rsdp_addr = request->rsdp;
	params.e820_entries = (u8)request->map->count;
	params.type_of_loader = LOADER_UNKNOWN;
	params.code32_start = (u32)load->base;
	params.cmd_line_ptr = HANDOVER_CMDLINE;
	params.ramdisk_image = (u32)load->initrd;
	params.ramdisk_size = (u32)request->initrd.size;
	params.setup_data = 0;
	state->gpr[GPR_RSI] = HANDOVER_INFO;
	load_write(load, HANDOVER_INFO, &params, sizeof(params));
	load_write_map(load, HANDOVER_INFO + sizeof(params), LOAD_MAP_WITHOUT_SIZE,
		       E820_ENTRY_SIZE);
}

bool linux_plan(struct load *load) {
	struct image image = load->request->kernel;
	struct load_segment segment = {0};
	struct boot_params params;

	if (!read_header(image, &params))
		return load_refuse(load, "the Linux image has no complete header of protocol 2.12");
	if (!check_header(load, &params))
		return false;
	u32 setup_sectors = params.setup_sects ? params.setup_sects : SETUP_SECTORS_DEFAULT;
	u64 told = (u64)params.syssize * SYSSIZE_UNIT;

	segment.offset = (setup_sectors + 1) * SETUP_SECTOR;
	/* What follows is a signature for firmware. The last unit need not be complete. */
	if (segment.offset < image.size)
		segment.file_size = min_u64(told, image.size - segment.offset);
	if (segment.file_size == 0 || told - segment.file_size >= SYSSIZE_UNIT)
		return load_refuse(load, "the Linux image is cut off at %#lx bytes", image.size);
	/* Room for what the kernel uses before it knows the memory map; it clears that itself. */
	segment.memory_size = max_u64(params.init_size, segment.file_size);
	segment.address = place_kernel(load, &params, segment.memory_size);
	if (!load_add(load, segment))
		return false;
	load->segments[0].memory_size = segment.file_size;
	load->entry = load->base;
	load->handover = linux_handover;
	load->initrd_limit = params.initrd_addr_max + 1ull;
	return true;
}
