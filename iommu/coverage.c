/* SPDX-License-Identifier: Apache-2.0 */
#include "coverage.h"
#include "acpi_tables.h"
#include "text.h"

void coverage_warn(struct coverage *coverage, const struct acpi_walk *record, const char *words) {
	inventory_warn(coverage->inventory, "%s: what is at 0x%x %s", record->signature,
		       record->offset, words);
}

static bool in_range(struct id_range range, struct pci_address address) {
	u16 id = pci_requester_id(address);

	return address.segment == range.segment && id >= range.first && id <= range.last;
}

void coverage_claim(struct coverage *coverage, struct id_range range, struct claim claim) {
	/* A unit that cannot be used leaves what nobody names to others. */
	claim.span += claim.span == SPAN_ALL && claim.unit == CLAIM_REFUSED;
	for (u32 i = 0; i < coverage->inventory->function_count; i++) {
		struct claim *best = &coverage->claims[i];

		if (!in_range(range, coverage->inventory->functions[i].address))
			continue;
		if (claim.has_alias && claim.span <= best->alias_span) {
			best->alias = claim.alias;
			best->alias_span = claim.span;
		}
		if (claim.span > best->span)
			continue;
		if (claim.span == best->span && claim.unit != best->unit)
			claim.unit = CLAIM_CONFLICT;
		best->unit = claim.unit;
		best->span = claim.span;
	}
}

void coverage_claim_ioapic(struct coverage *coverage, u32 id, u32 unit, u16 source_id) {
	for (u32 i = 0; i < coverage->inventory->ioapic_count; i++) {
		struct ioapic_info *ioapic = &coverage->inventory->ioapics[i];

		if (ioapic->id == id && ioapic->unit == NONE && unit != CLAIM_REFUSED) {
			ioapic->unit = unit;
			ioapic->source_id = source_id;
		}
	}
}

u32 coverage_add_unit(struct coverage *coverage, const struct acpi_walk *record,
		      struct unit_info unit) {
	struct inventory *inventory = coverage->inventory;
	bool impossible = !unit.base || !IS_ALIGNED(unit.base, PAGE_SIZE) ||
			  unit.base + unit.register_bytes <= unit.base;

	for (u32 i = 0; i < inventory->unit_count; i++) {
		const struct unit_info *other = &inventory->units[i];

		/* Several IVHDs of one type may describe one IOMMU. */
		if (unit.kind == IOMMU_AMDVI && other->base == unit.base &&
		    other->device_id == unit.device_id && other->segment == unit.segment)
			return i;
		impossible |= other->base == unit.base;
	}
	if (impossible)
		coverage_warn(coverage, record, "is a unit with an impossible register base");
	else if (INVENTORY_ADD(inventory, units, unit_count, unit))
		return inventory->unit_count - 1;
	coverage->full |= !impossible;
	return CLAIM_REFUSED;
}

void coverage_add_region(struct coverage *coverage, const struct acpi_walk *record,
			 struct reserved_region region, struct id_range range) {
	struct inventory *inventory = coverage->inventory;

	/* A limit that wraps is below the base. */
	if (region.limit + 1 <= region.base || range.first > range.last ||
	    !IS_ALIGNED(region.base | (region.limit + 1), PAGE_SIZE) ||
	    (region.base < INTERRUPT_WINDOW_END && region.limit >= INTERRUPT_WINDOW)) {
		coverage_warn(coverage, record, "is an impossible region of memory");
		return;
	}
	if (range.first >> 8 != range.last >> 8) { /* whoever is on these buses, also later */
		region.function = NONE;
		region.first = range.first;
		region.last = range.last;
		coverage->full |= !INVENTORY_ADD(inventory, regions, region_count, region);
		return;
	}
	for (u32 i = 0; i < inventory->function_count; i++) {
		if (!in_range(range, inventory->functions[i].address) ||
		    coverage->claims[i].region == record->offset)
			continue;
		coverage->claims[i].region = record->offset;
		region.function = i;
		coverage->full |= !INVENTORY_ADD(inventory, regions, region_count, region);
	}
}

/* Everything that is said of units, but for functions. */
static void forget(struct inventory *inventory) {
	inventory->interrupt_remapping = false;
	inventory->unit_count = 0;
	inventory->region_count = 0;
	for (u32 i = 0; i < inventory->ioapic_count; i++)
		inventory->ioapics[i].unit = NONE;
}

static void settle(struct coverage *coverage) {
	struct inventory *inventory = coverage->inventory;
	const char *signature = coverage->start.signature;

	for (u32 i = 0; i < inventory->function_count; i++) {
		struct pci_function *f = &inventory->functions[i];
		/* A virtual function's requests take the way of its physical function. */
		u32 claimant = f->physical < inventory->function_count ? f->physical : i;
		const struct claim *claim = &coverage->claims[claimant];
		bool is_void = coverage->incomplete && claim->span >= SPAN_ALL;

		f->unit = is_void || claim->unit >= inventory->unit_count ? NONE : claim->unit;
		f->uncovered = is_void                         ? "cannot be read in full"
			       : claim->unit == CLAIM_CONFLICT ? "gives it to two units"
			       : claim->unit == CLAIM_REFUSED
				       ? "says of it, or of its unit, what cannot be true"
				       : "gives it to no unit";
		f->table_alias = coverage->claims[i].alias;
		if (claim->unit == CLAIM_CONFLICT)
			inventory_warn(inventory, "%s: %s is claimed by more than one unit",
				       signature, ADDRESS(f->address));
	}
	/* An IOAPIC that no unit knows could raise any vector: then interrupts are not remapped at all. */
	inventory->interrupt_remapping = inventory->unit_count != 0;
	for (u32 i = 0; inventory->unit_count && i < inventory->ioapic_count; i++) {
		if (inventory->ioapics[i].unit != NONE)
			continue;
		inventory_warn(inventory, "%s: no unit remaps IOAPIC %u", signature,
			       inventory->ioapics[i].id);
		inventory->interrupt_remapping = false;
	}
}

bool coverage_parse(struct inventory *inventory, struct acpi_table table, const char *signature,
		    enum acpi_layout layout,
		    void (*read)(struct coverage *coverage, const struct acpi_walk *record)) {
	struct coverage coverage = {.inventory = inventory};
	u32 count = inventory->function_count;
	struct acpi_walk walk;

	if (!acpi_open(&walk, inventory, table, signature, sizeof(struct acpi_dmar), layout))
		return false;
	coverage.start = walk;
	coverage.claims = arena_alloc(inventory->arena, count, sizeof(struct claim));
	if (!coverage.claims)
		return false;
	for (u32 i = 0; i < count; i++)
		coverage.claims[i] =
			(struct claim){NONE, NONE, .alias_span = NONE,
				       .alias = pci_requester_id(inventory->functions[i].address)};
	forget(inventory);
	while (acpi_next(&walk))
		read(&coverage, &walk);
	coverage.incomplete |= walk.lost;
	if (coverage.full)
		forget(inventory);
	settle(&coverage);
	return !coverage.full;
}
