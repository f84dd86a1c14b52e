/* SPDX-License-Identifier: Apache-2.0 */
#include "driver.h"
#include "enumerate.h"

/*
 * Domains, and the only ways in and out of them: whole groups. A group's state is changed by whoever
 * has claimed it, and by nobody else:
 *
 *     BLOCKED --claim--> CLAIMED --attach--> ATTACHED --detach--> CLAIMED --release--> BLOCKED
 *
 * CLAIMED means that every member is known to be blocked. Where a unit does not answer, that is not
 * known: the group stays ATTACHED, so that nobody else gets it, and detaching may be tried again.
 */

/* The unit that translates a function; NULL: none. */
static struct iommu_unit *unit_of(struct iommu *iommu, u32 function) {
	u32 index = iommu->inventory->functions[function].unit;

	return index < iommu->unit_count ? &iommu->units[index] : NULL;
}

/* What every unit can walk; units that have to be served make less of it. */
static const struct iommu_unit any_shape = {
	.levels = ~0u, .domain_ids = ~0u, .leaf_level = ~0u, .coherent = true};

/*
 * Makes of SHAPE what the units of group INDEX can walk, too.
 * False when there is no such group, or not every member is translated by a unit of that kind.
 */
static bool fit_group(struct iommu *iommu, u32 index, struct iommu_unit *shape) {
	if (index >= iommu->inventory->group_count)
		return false;
	const struct group *group = &iommu->inventory->groups[index];

	for (u32 i = 0; i < group->member_count; i++) {
		const struct iommu_unit *unit = unit_of(iommu, group->members[i]);

		if (!unit || (shape->ops && unit->ops != shape->ops))
			return false;
		shape->ops = unit->ops;
		shape->levels &= unit->levels;
		shape->domain_ids = (u32)min_u64(shape->domain_ids, unit->domain_ids);
		shape->leaf_level = (unsigned int)min_u64(shape->leaf_level, unit->leaf_level);
		shape->coherent &= unit->coherent;
	}
	return shape->ops != NULL;
}

/* Units that remember the absence of a page need a flush after mapping, too; it costs little here. */
static bool flush_everywhere(struct iommu *iommu, struct dma_domain *domain) {
	bool done = true;

	for (u32 i = 0; i < iommu->unit_count; i++) {
		struct iommu_unit *unit = &iommu->units[i];

		if (unit->ops->format == domain->tables.format && domain->id < unit->domain_ids)
			done &= unit->ops->flush_domain(unit, domain);
	}
	return done;
}

bool domain_map(struct iommu *iommu, struct dma_domain *domain, u64 guest, u64 host, u64 length,
		unsigned int access) {
	u64 end;

	if (__builtin_add_overflow(guest, length, &end) ||
	    (guest < INTERRUPT_WINDOW_END && end > INTERRUPT_WINDOW))
		return false;
	return page_tables_map(&domain->tables, guest, host, length, access) &&
	       flush_everywhere(iommu, domain);
}

/*
 * Memory that firmware reserved for FUNCTIONS, at its own address. What is for whoever is on a range of
 * buses stays for as long as the domain, which may have several groups.
 */
enum region_change { REGIONS_SHARED, REGIONS_MAP, REGIONS_UNMAP };

static bool set_regions(struct iommu *iommu, struct dma_domain *domain, const u32 *functions,
			u32 count, enum region_change change) {
	struct reserved_region piece;
	u64 to, size, entry;
	bool done = true;

	for (u64 from = 0; done && reserved_next(iommu->inventory, functions, count, from, &piece);
	     from = piece.limit + 1) {
		u64 length = piece.limit + 1 - piece.base;
		bool is_mapped =
			page_tables_find(&domain->tables, piece.base, &to, &size, &entry) &&
			to == piece.base;

		if ((piece.function == NONE) != (change == REGIONS_SHARED) ||
		    is_mapped != (change == REGIONS_UNMAP))
			continue;
		done = change == REGIONS_UNMAP
			       ? page_tables_unmap(&domain->tables, piece.base, length)
			       : domain_map(iommu, domain, piece.base, piece.base, length,
					    (piece.read ? ACCESS_READ : 0) |
						    (piece.write ? ACCESS_WRITE : 0));
	}
	return done;
}

u64 domain_pages(const struct iommu *iommu, u64 bytes, u32 pieces) {
	u64 per_gib = 2; /* a table of pages of 2 MiB, and one more at an edge */

	for (u32 i = 0; i < iommu->unit_count; i++)
		if (iommu->units[i].leaf_level == 1)
			per_gib = 2 + GIB / LARGE_PAGE_SIZE;
	return 16 + per_gib * (bytes / GIB + 1) + (6 + per_gib) * pieces;
}

bool domain_create(struct iommu *iommu, struct dma_domain *domain, u16 id, const u32 *functions,
		   u32 count) {
	struct iommu_unit shape = any_shape;

	for (u32 i = 0; i < count; i++)
		if (functions[i] >= iommu->inventory->function_count ||
		    !fit_group(iommu, iommu->inventory->functions[functions[i]].group, &shape))
			return false;
	/* The smallest number of levels that covers 48 bits, else the most that there is. */
	unsigned int levels = shape.levels & BIT(4) ? 4 : shape.levels & BIT(5) ? 5 : 3;

	if (!id || !shape.ops || id >= shape.domain_ids || !(shape.levels & BIT(levels)) ||
	    !page_tables_init(&domain->tables, shape.ops->format, iommu->pool, levels,
			      shape.leaf_level))
		return false;
	domain->id = id;
	if (!shape.coherent && shape.ops->written) {
		domain->tables.written = shape.ops->written;
		shape.ops->written(domain->tables.root, TABLE_ENTRIES);
	}
	return set_regions(iommu, domain, functions, count, REGIONS_SHARED);
}

static bool owns(const struct iommu *iommu, u32 group, u16 owner, enum group_state state) {
	return group < iommu->inventory->group_count && iommu->group_state[group] == state &&
	       iommu->group_owner[group] == owner + 1;
}

bool domain_claim_group(struct iommu *iommu, u32 group, u16 owner) {
	struct iommu_unit shape = any_shape;

	if (owner == UINT16_MAX || !fit_group(iommu, group, &shape) || iommu->group_owner[group])
		return false;
	iommu->group_owner[group] = (u16)(owner + 1);
	iommu->group_state[group] = GROUP_CLAIMED;
	return true;
}

void domain_release_group(struct iommu *iommu, u32 group, u16 owner) {
	if (!owns(iommu, group, owner, GROUP_CLAIMED))
		return;
	iommu->group_state[group] = GROUP_BLOCKED;
	iommu->group_owner[group] = 0;
}

/*
 * Every requester ID that a member's requests may carry: its own, those of bridges and quirks, and
 * the one that the IVRS table names. Attaching stops at the first failure; blocking (DOMAIN NULL)
 * does what it can.
 */
static bool set_members(struct iommu *iommu, u32 index, struct dma_domain *domain) {
	const struct group *group = &iommu->inventory->groups[index];
	struct pci_address aliases[GROUP_ALIASES];
	bool done = true;

	for (u32 i = 0; i < group->member_count; i++) {
		struct iommu_unit *unit = unit_of(iommu, group->members[i]);
		u32 count = pci_dma_aliases(iommu->inventory, group->members[i], aliases,
					    GROUP_ALIASES);

		if (domain)
			iommu->function_faults[group->members[i]] = 0;
		for (u32 j = 0; j < count && (done || !domain); j++)
			done &= unit->ops->set_domain(unit, pci_requester_id(aliases[j]), domain);
	}
	return done;
}

static bool can_walk(const struct iommu_unit *shape, const struct dma_domain *domain) {
	const struct page_tables *tables = &domain->tables;

	return tables->format == shape->ops->format && shape->levels & BIT(tables->levels) &&
	       shape->leaf_level >= tables->leaf_level && domain->id < shape->domain_ids &&
	       (shape->coherent || tables->written);
}

bool domain_attach_group(struct iommu *iommu, struct dma_domain *domain, u32 group, u16 owner) {
	struct iommu_unit shape = any_shape;

	if (!owns(iommu, group, owner, GROUP_CLAIMED) || !fit_group(iommu, group, &shape) ||
	    !can_walk(&shape, domain))
		return false;
	const struct group *g = &iommu->inventory->groups[group];

	iommu->group_state[group] = GROUP_ATTACHED;
	if (set_regions(iommu, domain, g->members, g->member_count, REGIONS_MAP) &&
	    set_members(iommu, group, domain))
		return true;
	domain_detach_group(iommu, domain, group, owner);
	return false;
}

bool domain_detach_group(struct iommu *iommu, struct dma_domain *domain, u32 group, u16 owner) {
	if (!owns(iommu, group, owner, GROUP_ATTACHED) || !set_members(iommu, group, NULL))
		return false;
	const struct group *g = &iommu->inventory->groups[group];

	if (!set_regions(iommu, domain, g->members, g->member_count, REGIONS_UNMAP) ||
	    !flush_everywhere(iommu, domain))
		return false;
	iommu->group_state[group] = GROUP_CLAIMED;
	return true;
}
