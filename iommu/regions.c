/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory.h"

/* Memory that firmware wants devices to reach (RMRR, IVMD), in pieces that do not overlap. */

static bool concerns(const struct inventory *inventory, const struct reserved_region *region,
		     const u32 *functions, u32 count) {
	for (u32 i = 0; i < count; i++) {
		const struct pci_function *f = &inventory->functions[functions[i]];
		u16 id = pci_requester_id(f->address);

		if (region->function != NONE
			    ? inventory->functions[region->function].group == f->group
			    : region->segment == f->address.segment && region->first <= id &&
				      id <= region->last)
			return true;
	}
	return !functions;
}

bool reserved_next(const struct inventory *inventory, const u32 *functions, u32 count, u64 from,
		   struct reserved_region *piece) {
	*piece = (struct reserved_region){.base = UINT64_MAX, .limit = UINT64_MAX};
	for (u32 i = 0; i < inventory->region_count; i++) {
		const struct reserved_region *r = &inventory->regions[i];
		u64 base = max_u64(r->base, from);

		if (r->limit < from || !concerns(inventory, r, functions, count))
			continue;
		if (base > piece->base) { /* it ends there at the latest */
			piece->limit = min_u64(piece->limit, base - 1);
			continue;
		}
		if (base < piece->base)
			*piece = (struct reserved_region){.base = base, .limit = piece->base - 1};
		piece->limit = min_u64(piece->limit, r->limit);
		piece->read |= r->read;
		piece->write |= r->write;
		piece->function = (u32)max_u64(piece->function, r->function);
	}
	return piece->base != UINT64_MAX;
}

/* How many bytes of PIECE the firmware's map keeps from everybody. */
static u64 bytes_kept(const struct inventory *inventory, const struct reserved_region *piece) {
	u64 kept = 0;

	for (u32 i = 0; i < inventory->memory_count; i++) {
		const struct memory_range *m = &inventory->memory[i];
		u64 base = max_u64(m->base, piece->base);
		u64 end = min_u64(m->base + m->length, piece->limit + 1);

		if ((m->kind == MEMORY_RESERVED || m->kind == MEMORY_ACPI) && base < end)
			kept += end - base;
	}
	return kept;
}

void reserved_check(struct inventory *inventory) {
	struct reserved_region piece;

	for (u64 from = 0; reserved_next(inventory, NULL, 0, from, &piece); from = piece.limit + 1)
		if (bytes_kept(inventory, &piece) < piece.limit + 1 - piece.base)
			inventory_warn(inventory,
				       "reserved region 0x%lx-0x%lx is not reserved in the memory "
				       "map: no partition's memory is placed there",
				       piece.base, piece.limit);
}
