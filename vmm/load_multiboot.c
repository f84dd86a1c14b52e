/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot 0.6.96, of ELF images. And flat binaries. */
#include "load_internal.h"

#define FLAT_BASE (1 * MIB) /* where every protocol leaves room */

static bool find_header(struct image image, struct multiboot_header *header) {
	for (u32 offset = 0; offset + sizeof(*header) <= HEADER_SEARCH; offset += HEADER_ALIGNMENT)
		if (image_read(image, offset, header, sizeof(*header)) &&
		    header->magic == HEADER_MAGIC &&
		    header->magic + header->flags + header->checksum == 0)
			return true;
	return false;
}

static void multiboot_handover(struct load *load, struct vcpu_state *state) {
	const struct multiboot_info info = {
		.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MEMORY_MAP,
		.mem_lower = (u32)(load_ram_at(load, 0) / KIB),
		.mem_upper = (u32)(load_ram_at(load, 1 * MIB) / KIB),
		.cmdline = HANDOVER_CMDLINE,
		.mods_count = load->initrd ? 1 : 0,
		.mods_addr = HANDOVER_INFO + offsetof(struct multiboot_info, module),
		.mmap_length = load->request->map->count * (u32)sizeof(struct load_map_entry),
		.mmap_addr = HANDOVER_MEMORY_MAP,
		.module = {(u32)load->initrd, (u32)(load->initrd + load->request->initrd.size),
			   HANDOVER_CMDLINE, 0},
	};

	state->gpr[GPR_RAX] = BOOTLOADER_MAGIC;
	state->gpr[GPR_RBX] = HANDOVER_INFO;
	load_write(load, HANDOVER_INFO, &info, sizeof(info));
	load_write_map(load, HANDOVER_MEMORY_MAP, 0, sizeof(struct load_map_entry));
}

/*
 * A flat binary is loaded at 1 MiB and entered at its first byte, with the registers and the
 * information structure of Multiboot.
 */
bool multiboot_plan(struct load *load) {
	struct image image = load->request->kernel;
	struct multiboot_header header;
	bool is_elf = image_is_elf(image), has_header = find_header(image, &header);

	load->handover = multiboot_handover;
	if (has_header && header.flags & HEADER_FLAGS_REQUIRED_UNKNOWN)
		return load_refuse(load, "the Multiboot header asks for what is not known");
	if (has_header && !is_elf)
		return load_refuse(load, "a Multiboot image that is not ELF");
	if (is_elf && !has_header)
		return load_refuse(load, "an ELF image with neither a PVH entry note nor a "
					 "Multiboot header");
	if (is_elf)
		return true;
	load->entry = FLAT_BASE;
	return load_add(load, (struct load_segment){0, image.size, FLAT_BASE, image.size});
}
