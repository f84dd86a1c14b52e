/* SPDX-License-Identifier: Apache-2.0 */
#include "iommu.h"
#include "text.h"

/*
 * Who has which interrupt entries. An entry keeps its owner until the unit has forgotten it: what may
 * still be cached is not handed out again.
 */

#define VECTOR_FIRST_LEGAL 16 /* below are exceptions */
#define VECTORS 256
#define APIC_ID_NARROW_LIMIT 0xff /* and wide: all ones; broadcasts */

/* Whether COUNT entries from FIRST are a block, and all of it belongs to OWNER (0: they are free). */
static bool belongs(const struct iommu_unit *unit, const u32 *owners, u32 owner, u32 first,
		    u32 count) {
	bool good = owners && count && !(count & (count - 1)) && IS_ALIGNED(first, count) &&
		    count <= unit->ops->interrupts && first < unit->ops->interrupts;

	for (u32 i = 0; good && i < count; i++)
		good = owners[first + i] == owner;
	return good;
}

/* The first free block of those that begin STEP entries apart. */
static bool take(struct iommu_unit *unit, u16 requester_id, u32 at, u32 step, u32 count,
		 u32 *first) {
	u32 *owners = unit->ops->interrupt_owners(unit, requester_id);

	while (at < unit->ops->interrupts && !belongs(unit, owners, 0, at, count))
		at += step;
	*first = at;
	if (at >= unit->ops->interrupts ||
	    !unit->ops->interrupt_write(unit, requester_id, at, count, NULL))
		return false;
	for (u32 i = 0; i < count; i++)
		owners[at + i] = requester_id + 1u;
	return true;
}

bool interrupts_alloc(struct iommu_unit *unit, u16 requester_id, u32 count, u32 *first) {
	return count && take(unit, requester_id, 0, count, count, first);
}

bool interrupts_alloc_pin(struct iommu_unit *unit, u16 requester_id, u8 vector, u32 *first) {
	return take(unit, requester_id, vector, VECTORS, 1, first);
}

bool interrupts_free(struct iommu_unit *unit, u16 requester_id, u32 first, u32 count) {
	u32 *owners = unit->ops->interrupt_owners(unit, requester_id);

	if (!belongs(unit, owners, requester_id + 1u, first, count) ||
	    !unit->ops->interrupt_write(unit, requester_id, first, count, NULL))
		return false;
	memset(owners + first, 0, count * sizeof(*owners));
	return true;
}

bool interrupts_set(struct iommu_unit *unit, u16 requester_id, u32 index,
		    const struct interrupt_target *target) {
	const u32 *owners = unit->ops->interrupt_owners(unit, requester_id);
	u32 limit = unit->x2apic ? UINT32_MAX : APIC_ID_NARROW_LIMIT;

	return belongs(unit, owners, requester_id + 1u, index, 1) &&
	       (!target || (target->vector >= VECTOR_FIRST_LEGAL && target->apic_id < limit)) &&
	       unit->ops->interrupt_write(unit, requester_id, index, 1, target);
}
