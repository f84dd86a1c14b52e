/* SPDX-License-Identifier: Apache-2.0 */
#include "iommu.h"

/* Records of one unit in one go: a storm must not keep the caller for ever. */
#define DRAIN_LIMIT 4096

static const struct iommu_ops *const kinds[] = {
	[IOMMU_VTD] = &vtd_ops,
	[IOMMU_AMDVI] = &amdvi_ops,
};

static bool refuse(const struct iommu_unit *unit, struct text_sink *reason, const char *words) {
	text_print(reason, "unit %u, %s at 0x%lx: %s", unit->index, unit->ops->name,
		   unit->info->base, words);
	return false;
}

bool iommu_probe(struct iommu *iommu, const struct inventory *inventory, struct text_sink *reason) {
	struct arena *arena = inventory->arena;

	*iommu = (struct iommu){.inventory = inventory};
	if (inventory->unit_count > IOMMU_UNITS_MAX) {
		text_print(reason, "%u remapping units: at most %u are handled",
			   inventory->unit_count, IOMMU_UNITS_MAX);
		return false;
	}
	if (inventory->unit_count && !inventory->interrupt_remapping) {
		text_print(reason, "firmware's tables say that interrupts cannot be remapped");
		return false;
	}
	iommu->group_state = arena_alloc(arena, inventory->group_count, sizeof(u8));
	iommu->group_owner = arena_alloc(arena, inventory->group_count, sizeof(u16));
	iommu->function_faults = arena_alloc(arena, inventory->function_count, sizeof(u32));
	if (!iommu->group_state || !iommu->group_owner || !iommu->function_faults) {
		text_print(reason, "no memory for the state of groups");
		return false;
	}
	for (u32 i = 0; i < inventory->unit_count; i++) {
		struct iommu_unit *unit = &iommu->units[i];

		*unit = (struct iommu_unit){
			.info = &inventory->units[i],
			.ops = kinds[inventory->units[i].kind],
			.registers = (volatile u8 *)(uintptr_t)inventory->units[i].base,
			.index = i,
		};
		const char *shortcoming = unit->ops->probe(unit);

		if (shortcoming)
			return refuse(unit, reason, shortcoming);
	}
	iommu->unit_count = inventory->unit_count;
	return true;
}

static u64 pages_of(u64 bytes) {
	return ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE;
}

/* For the interrupts of one requester; UNIT may be none. */
static u64 table_pages(const struct iommu *iommu, u32 unit) {
	return unit < iommu->unit_count ? pages_of(iommu->units[unit].ops->table_bytes) : 0;
}

u64 iommu_pages(const struct iommu *iommu) {
	u64 pages = 0;

	for (u32 i = 0; i < iommu->unit_count; i++)
		pages += pages_of(iommu->units[i].ops->bytes);
	for (u32 i = 0; i < iommu->inventory->function_count; i++)
		pages += table_pages(iommu, iommu->inventory->functions[i].unit);
	for (u32 i = 0; i < iommu->inventory->ioapic_count; i++)
		pages += table_pages(iommu, iommu->inventory->ioapics[i].unit);
	return pages;
}

/* Every unit's tables are ready before the first one is switched on. */
bool iommu_start(struct iommu *iommu, struct page_pool *pool, struct text_sink *reason) {
	struct iommu_unit *end = iommu->units + iommu->unit_count;

	iommu->pool = pool;
	for (struct iommu_unit *unit = iommu->units; unit < end; unit++) {
		unit->pool = pool;
		unit->memory = page_pool_take(pool, pages_of(unit->ops->bytes));
		if (!unit->memory)
			return refuse(unit, reason, "no memory for its tables");
		unit->ops->prepare(unit);
	}
	for (struct iommu_unit *unit = iommu->units; unit < end; unit++) {
		const char *failure = unit->ops->enable(unit);

		if (failure)
			return refuse(unit, reason, failure);
	}
	return true;
}

bool iommu_fault_event(struct iommu *iommu, const struct msi_message *message) {
	if (!iommu->unit_count || !iommu->units[0].ops->fault_event)
		return false;
	for (u32 i = 0; i < iommu->unit_count; i++)
		iommu->units[i].ops->fault_event(&iommu->units[i], message);
	return true;
}

u32 iommu_drain_faults(struct iommu *iommu,
		       void (*handler)(void *context, const struct iommu_fault *fault),
		       void *context) {
	u32 drained = 0;

	for (u32 i = 0; i < iommu->unit_count; i++) {
		struct iommu_unit *unit = &iommu->units[i];
		struct iommu_fault fault = {0};

		for (u32 n = 0; n < DRAIN_LIMIT && unit->ops->next_fault(unit, &fault); n++) {
			u32 function = inventory_find(iommu->inventory, fault.requester);

			if (function != NONE && iommu->function_faults[function] != UINT32_MAX)
				iommu->function_faults[function]++;
			handler(context, &fault);
			drained++;
		}
	}
	return drained;
}
