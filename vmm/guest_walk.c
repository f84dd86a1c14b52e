/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's own page tables, walked as its processor does (APM volume 2, chapter 5). */
#include "guest.h"
#include "x86.h"

#define CR4_PSE BIT(4)

#define ENTRY_PRESENT BIT(0)
#define ENTRY_LARGE BIT(7)

/* One shape of tables: INDEX_BITS of the address each. */
struct walk {
	u64 root_mask; /* of CR3 */
	u32 levels;
	u32 index_bits;
	u32 entry_bytes;
	u32 large_levels; /* the highest level whose entries may be pages; 1: none but the last */
};

static struct walk walk_of(const struct vcpu_state *state) {
	if (state->efer & EFER_LMA)
		return (struct walk){BITS(51, 12), state->cr4 & CR4_LA57 ? 5 : 4, 9, 8, 3};
	if (state->cr4 & CR4_PAE)
		return (struct walk){BITS(31, 5), 3, 9, 8, 2}; /* the first table has 4 entries */
	return (struct walk){BITS(31, 12), 2, 10, 4, state->cr4 & CR4_PSE ? 2 : 1};
}

/* Where an entry points. A 4 MiB page of 32-bit tables has bits 39:32 of its address in 20:13. */
static u64 entry_address(const struct walk *walk, u64 entry, u32 page_shift) {
	u64 address = entry & BITS(51, page_shift);

	if (walk->entry_bytes == 4 && page_shift > PAGE_SHIFT)
		address |= (entry >> 13 & 0xff) << 32;
	return address;
}

bool guest_translate(const struct guest_memory *memory, const struct vcpu_state *state, u64 linear,
		     u64 rights, u64 *physical) {
	const struct walk walk = walk_of(state);
	u64 table = state->cr3 & walk.root_mask;
	u32 shift = PAGE_SHIFT + walk.levels * walk.index_bits;

	if (!(state->efer & EFER_LMA))
		linear = (u32)linear;
	*physical = linear;
	if (!(state->cr0 & CR0_PG))
		return true;
	if (walk.levels > 3 && (u64)((s64)(linear << (64 - shift)) >> (64 - shift)) != linear)
		return false; /* not canonical */
	for (u32 level = walk.levels; level > 0; level--) {
		shift -= walk.index_bits;
		u64 index = linear >> shift & (BIT(walk.index_bits) - 1), entry = 0;
		/* The four entries of PAE's first table have no rights. */
		u64 needed = ENTRY_PRESENT | (walk.levels == 3 && level == 3 ? 0 : rights);

		if (!memory->read(memory, table + index * walk.entry_bytes, &entry,
				  walk.entry_bytes) ||
		    (entry & needed) != needed)
			return false;
		if (level == 1 || (level <= walk.large_levels && (entry & ENTRY_LARGE))) {
			*physical =
				entry_address(&walk, entry, shift) | (linear & (BIT(shift) - 1));
			return true;
		}
		table = entry_address(&walk, entry, PAGE_SHIFT);
	}
	return false;
}

enum code_mode guest_code_mode(const struct vcpu_state *state) {
	u16 attributes = state->segments[SEG_CS].attributes;

	if ((state->efer & EFER_LMA) && (attributes & SEGMENT_LONG))
		return CODE_64;
	return attributes & SEGMENT_DEFAULT_32 ? CODE_32 : CODE_16;
}

u64 guest_linear(const struct vcpu_state *state, enum segment_name segment, u64 offset) {
	if (guest_code_mode(state) != CODE_64)
		return (u32)(state->segments[segment].base + offset);
	return (segment < SEG_FS ? 0 : state->segments[segment].base) + offset;
}

size_t guest_fetch(const struct guest_memory *memory, const struct vcpu_state *state, u8 *bytes) {
	size_t count = 0, part;
	u64 physical;

	while (count < INSTRUCTION_BYTES_MAX) {
		u64 at = guest_linear(state, SEG_CS, state->rip + count);

		part = min_u64(INSTRUCTION_BYTES_MAX - count, PAGE_SIZE - at % PAGE_SIZE);
		if (!guest_translate(memory, state, at, 0, &physical) ||
		    !memory->read(memory, physical, bytes + count, part))
			break;
		count += part;
	}
	return count;
}
