/* SPDX-License-Identifier: Apache-2.0 */
/* ELF images of both classes, and PVH: Xen's direct entry, in 32-bit protected mode without paging. */
#include "load_internal.h"

#define ELF_MAGIC "\177ELF"
#define ELF_SEGMENTS_MAX 64

/* Where the classes have the fields of their headers, and how many bytes an address takes. */
static const struct elf_class {
	u8 address, entry, phoff, phentsize, phnum;
	/* in a program header, whose type comes first */
	u8 p_size, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz;
} elf_classes[] = {
	[1] = {4, 24, 28, 42, 44, 32, 4, 8, 12, 16, 20},
	[2] = {8, 24, 32, 54, 56, 56, 8, 16, 24, 32, 40},
};

/* A number; 0 where the image ends before it. */
static u64 number_at(struct image image, u64 offset, u32 width) {
	u64 value = 0;

	(void)image_read(image, offset, &value, width);
	return value;
}

/* With room for a header. */
bool image_is_elf(struct image image) {
	return image_contains(image, 0, ELF_HEADER_SIZE) &&
	       memcmp(image.data, ELF_MAGIC, strlen(ELF_MAGIC)) == 0;
}

/* --- PVH (Xen: docs/misc/pvh.pandoc, public/arch-x86/hvm/start_info.h) --- */

/* Looks for the entry note in one segment of notes. */
static bool find_entry_note(struct image image, const struct load_segment *notes, u64 *entry) {
	static const char owner[4] = "Xen";
	u64 offset = notes->offset, end = offset + notes->file_size;
	struct elf_note note;

	/* END may have wrapped: then it ends the loop, as does the end of the image. */
	while (offset < end && image_read(image, offset, &note, sizeof(note))) {
		u64 name = offset + sizeof(note);
		u64 value = name + ALIGN_UP(note.name_size, NOTE_ALIGNMENT);

		offset = value + ALIGN_UP(note.value_size, NOTE_ALIGNMENT);
		if (offset > end || !image_contains(image, name, offset - name))
			return false;
		if (note.type != NOTE_PHYS32_ENTRY || note.name_size != sizeof(owner) ||
		    memcmp(image.data + name, owner, sizeof(owner)) != 0)
			continue;
		*entry = number_at(image, value, note.value_size == 8 ? 8 : 4);
		return note.value_size == 4 || note.value_size == 8;
	}
	return false;
}

static void pvh_handover(struct load *load, struct vcpu_state *state) {
	const struct hvm_start_info info = {
		.magic = START_INFO_MAGIC,
		.version = START_INFO_VERSION,
		.nr_modules = load->initrd ? 1 : 0,
		.modlist_paddr = HANDOVER_INFO + offsetof(struct hvm_start_info, module),
		.cmdline_paddr = HANDOVER_CMDLINE,
		.rsdp_paddr = load->request->rsdp,
		.memmap_paddr = HANDOVER_MEMORY_MAP,
		.memmap_entries = load->request->map->count,
		.module = {.paddr = load->initrd, .size = load->request->initrd.size},
	};

	state->gpr[GPR_RBX] = HANDOVER_INFO;
	load_write(load, HANDOVER_INFO, &info, sizeof(info));
	load_write_map(load, HANDOVER_MEMORY_MAP, LOAD_MAP_WITHOUT_SIZE, MEMMAP_ENTRY_SIZE);
}

/* What the program header at AT describes. */
static struct load_segment read_segment(struct image image, const struct elf_class *class, u64 at) {
	return (struct load_segment){
		.offset = number_at(image, at + class->p_offset, class->address),
		.file_size = number_at(image, at + class->p_filesz, class->address),
		.address = number_at(image, at + class->p_paddr, class->address),
		.memory_size = number_at(image, at + class->p_memsz, class->address),
	};
}

bool elf_plan(struct load *load) {
	struct image image = load->request->kernel;
	u8 kind = image.data[EI_CLASS];
	const struct elf_class *class = &elf_classes[kind < ARRAY_SIZE(elf_classes) ? kind : 0];
	u64 entry = number_at(image, class->entry, class->address);
	u64 headers = number_at(image, class->phoff, class->address), pvh_entry = 0;
	u64 header_size = number_at(image, class->phentsize, sizeof(u16));
	u64 count = number_at(image, class->phnum, sizeof(u16));
	bool is_pvh = false;

	if (image.data[EI_DATA] != ELF_LITTLE_ENDIAN || !class->address ||
	    count > ELF_SEGMENTS_MAX || headers > image.size)
		return load_refuse(load, "the ELF header is malformed");
	load->entry = entry;
	for (u32 i = 0; i < count; i++) {
		u64 at = headers + i * header_size, type = number_at(image, at, sizeof(u32));
		u64 offset = entry - number_at(image, at + class->p_vaddr, class->address);
		struct load_segment segment = read_segment(image, class, at);

		if (!image_contains(image, at, class->p_size))
			return load_refuse(load, "ELF segment %u lies outside the image", i);
		if (type == PT_NOTE)
			is_pvh = is_pvh || find_entry_note(image, &segment, &pvh_entry);
		if (type != PT_LOAD || segment.memory_size == 0)
			continue;
		if (!load_add(load, segment))
			return false;
		/* The header's entry is virtual. */
		if (offset < segment.memory_size)
			load->entry = segment.address + offset;
	}
	if (!is_pvh)
		return multiboot_plan(load);
	load->entry = pvh_entry;
	load->handover = pvh_handover;
	return true;
}
