/* SPDX-License-Identifier: Apache-2.0 */
/* ELF images of both classes, and PVH: Xen's direct entry, in 32-bit protected mode without paging. */
#include "load_internal.h"

#define ELF_MAGIC "\177ELF"
#define EI_CLASS 4
#define EI_DATA 5
#define ELF_LITTLE_ENDIAN 1
#define ELF_HEADER_SIZE 64 /* of the larger class; no image with a segment is shorter */
#define ELF_SEGMENTS_MAX 64

#define PT_LOAD 1
#define PT_NOTE 4

/* Where the classes have the fields of their headers, and how many bytes an address takes. */
static const struct elf_class {
	u8 address, entry, phoff, phentsize, phnum;
	/* in a program header, whose type comes first */
	u8 p_size, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz;
} elf_classes[] = {
	[1] = {4, 24, 28, 42, 44, 32, 4, 8, 12, 16, 20},
	[2] = {8, 24, 32, 54, 56, 56, 8, 16, 24, 32, 40},
};

struct elf {
	struct image image;
	const struct elf_class *class;
	u64 entry, phoff, phentsize, phnum;
};

struct elf_segment {
	u64 type, vaddr;
	struct load_segment load;
};

/* A number that the image has been found to hold. */
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

static bool elf_open(struct image image, struct elf *elf) {
	const struct elf_class *class;

	if (!image_is_elf(image) || image.data[EI_DATA] != ELF_LITTLE_ENDIAN ||
	    image.data[EI_CLASS] >= ARRAY_SIZE(elf_classes))
		return false;
	class = &elf_classes[image.data[EI_CLASS]];
	*elf = (struct elf){
		.image = image,
		.class = class,
		.entry = number_at(image, class->entry, class->address),
		.phoff = number_at(image, class->phoff, class->address),
		.phentsize = number_at(image, class->phentsize, sizeof(u16)),
		.phnum = number_at(image, class->phnum, sizeof(u16)),
	};
	return class->address && elf->phnum <= ELF_SEGMENTS_MAX && elf->phoff <= image.size;
}

/* Program header INDEX; false when the image ends before it. */
static bool elf_segment(const struct elf *elf, u32 index, struct elf_segment *segment) {
	const struct elf_class *class = elf->class;
	u64 at = elf->phoff + index * elf->phentsize;

	segment->type = number_at(elf->image, at, sizeof(u32));
	segment->vaddr = number_at(elf->image, at + class->p_vaddr, class->address);
	segment->load = (struct load_segment){
		.offset = number_at(elf->image, at + class->p_offset, class->address),
		.file_size = number_at(elf->image, at + class->p_filesz, class->address),
		.address = number_at(elf->image, at + class->p_paddr, class->address),
		.memory_size = number_at(elf->image, at + class->p_memsz, class->address),
	};
	return image_contains(elf->image, at, class->p_size);
}

bool elf_plan(struct load *load) {
	struct elf_segment segment;
	struct elf elf;

	if (!elf_open(load->request->kernel, &elf))
		return load_refuse(load, "the ELF header is malformed");
	load->entry = elf.entry;
	for (u32 i = 0; i < elf.phnum; i++) {
		if (!elf_segment(&elf, i, &segment))
			return load_refuse(load, "ELF segment %u lies outside the image", i);
		if (segment.type != PT_LOAD || segment.load.memory_size == 0)
			continue;
		if (!load_add(load, segment.load))
			return false;
		/* The header's entry is virtual. */
		if (elf.entry - segment.vaddr < segment.load.memory_size)
			load->entry = elf.entry - segment.vaddr + segment.load.address;
	}
	return true;
}

/* --- PVH (Xen: docs/misc/pvh.pandoc, public/arch-x86/hvm/start_info.h) --- */

#define NOTE_PHYS32_ENTRY 18
#define NOTE_ALIGNMENT 4
#define START_INFO_MAGIC 0x336ec578
#define START_INFO_VERSION 1
#define MEMMAP_ENTRY_SIZE 24

struct elf_note {
	u32 name_size, value_size, type;
};
_Static_assert(sizeof(struct elf_note) == 12, "ELF note");

struct hvm_start_info {
	u32 magic, version, flags, nr_modules;
	u64 modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	u32 memmap_entries, reserved;
	/* Not of the structure: the one module that modlist_paddr points to. */
	struct hvm_modlist_entry {
		u64 paddr, size, cmdline_paddr, reserved;
	} module;
};
_Static_assert(offsetof(struct hvm_start_info, module) == 56, "PVH start info");
_Static_assert(sizeof(struct hvm_modlist_entry) == 32, "PVH module");

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

static bool find_pvh_entry(struct image image, u64 *entry) {
	struct elf_segment segment;
	struct elf elf;

	if (!elf_open(image, &elf))
		return false;
	for (u32 i = 0; i < elf.phnum; i++)
		if (elf_segment(&elf, i, &segment) && segment.type == PT_NOTE &&
		    find_entry_note(image, &segment.load, entry))
			return true;
	return false;
}

static bool pvh_plan(struct load *load) {
	bool planned = elf_plan(load);

	load->entry = load->mark;
	return planned;
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

const struct loader loader_pvh = {find_pvh_entry, pvh_plan, pvh_handover};
