/* SPDX-License-Identifier: Apache-2.0 */
#include "vtd.h"

/*
 * Intel VT-d: what a unit can do, what each requester may reach, and how the unit is taken over. In legacy mode,
 * or in scalable mode where firmware left translation on in that, or the unit knows no other.
 */

/* Waits until the bits MASK of a 32-bit register read VALUE; false when they never do. */
static bool vtd_wait(struct iommu_unit *unit, enum vtd_register reg, u32 mask, u32 value) {
	return POLL((mmio_read32(unit->registers + reg) & mask) == value, UNIT_POLLS);
}

/* What is on, of what may be on or off. */
static u32 vtd_states(const struct iommu_unit *unit) {
	return mmio_read32(unit->registers + VTD_GSTS) & VTD_G_STATES;
}

bool vtd_command(struct iommu_unit *unit, u32 bit, bool on) {
	mmio_write32(unit->registers + VTD_GCMD, (vtd_states(unit) & ~bit) | (on ? bit : 0));
	return vtd_wait(unit, VTD_GSTS, bit, on ? bit : 0);
}

static void vtd_written(const u64 *entries, u64 count) {
	const u8 *end = (const u8 *)(entries + count);

	for (const u8 *line = (const u8 *)ALIGN_DOWN((uintptr_t)entries, CACHE_LINE); line < end;
	     line += CACHE_LINE)
		cpu_flush_line(line);
	cpu_fence();
}

/*
 * Writes BYTES back from the processor's caches, where this unit does not look into them, then the
 * unit's own write buffer (section 6.8).
 */
static bool vtd_publish(struct iommu_unit *unit, const void *data, u64 bytes) {
	if (!unit->coherent && bytes)
		vtd_written(data, bytes / sizeof(u64));
	cpu_fence();
	if (!(unit->features & VTD_CAP_RWBF))
		return true;
	mmio_write32(unit->registers + VTD_GCMD, vtd_states(unit) | VTD_G_WBF);
	return vtd_wait(unit, VTD_GSTS, VTD_G_WBF, 0);
}

/* Scalable mode with the page tables of legacy mode. */
static bool can_scale(const struct iommu_unit *unit) {
	return !(~mmio_read64(unit->registers + VTD_ECAP) & (VTD_ECAP_SMTS | VTD_ECAP_SSTS));
}

static const char *vtd_probe(struct iommu_unit *unit) {
	u64 cap = mmio_read64(unit->registers + VTD_CAP);
	u64 ecap = mmio_read64(unit->registers + VTD_ECAP);

	unit->features = cap;
	unit->levels = VTD_CAP_LEVELS(cap);
	unit->domain_ids = VTD_CAP_DOMAIN_IDS(cap);
	unit->leaf_level = !(cap & VTD_CAP_SLLPS_2M) ? 1 : cap & VTD_CAP_SLLPS_1G ? 3 : 2;
	unit->coherent = ecap & VTD_ECAP_C;
	/* Remapping that firmware left on keeps its form of entries, which may change only while it is off. */
	unit->x2apic =
		ecap & VTD_ECAP_EIM && (!(vtd_states(unit) & VTD_G_IRE) ||
					mmio_read64(unit->registers + VTD_IRTA) & VTD_IRTA_EIME);
	if (cap == UINT64_MAX && ecap == UINT64_MAX)
		return "its registers do not answer";
	if (!unit->levels)
		return "it walks page tables of no known depth";
	if (!(ecap & VTD_ECAP_QI))
		return "it has no queued invalidation";
	if (!(ecap & VTD_ECAP_IR))
		return "it cannot remap interrupts";
	if (VTD_CAP_FRO(cap) + VTD_CAP_NFR(cap) * sizeof(struct pair) > unit->info->register_bytes)
		return "its fault records lie outside of the registers that its table describes";
	return NULL;
}

/* DMA remapping structures (specification, sections 9.1 to 9.6 and 9.8). */

/* Memory types and execute rights mean nothing here; a page without R and W is not present. */
static const struct table_format vtd_second_level_format = {
	.present = VTD_SL_R | VTD_SL_W,
	.read = VTD_SL_R,
	.write = VTD_SL_W,
	.large = VTD_SL_PS,
	.extra = 2, /* scalable mode: PASID directory and PASID table, of one entry each */
};

/* Each half is written in one piece, and seen by the unit before the next one. */
static bool context_store(struct iommu_unit *unit, u64 *half, u64 value) {
	__atomic_store_n(half, value, __ATOMIC_RELEASE);
	return vtd_publish(unit, half, sizeof(*half));
}

static struct pair *context_of(const struct iommu_unit *unit, u16 requester_id) {
	struct vtd *vtd = vtd_of(unit);

	return &vtd->contexts[(u32)requester_id << vtd->scalable];
}

static u64 *pasid_directory(const struct dma_domain *domain) {
	return domain->tables.root + TABLE_ENTRIES;
}

/* 0: it never was in a domain, or the unit has forgotten it. */
static u16 context_did(const struct iommu_unit *unit, const struct pair *entry) {
	const u64 *directory = (const u64 *)(uintptr_t)(entry->low & TABLE_ADDRESS);

	if (!vtd_of(unit)->scalable)
		return VTD_CONTEXT_DID(entry->high);
	return directory ? (u16)directory[TABLE_ENTRIES + 1] : 0;
}

/*
 * Takes the entry's domain away. What tells its id stays in the entry until the unit has forgotten it, so
 * that a block that failed is done again, in full, by the next attempt. Fault suppression stays too.
 */
static bool context_block(struct iommu_unit *unit, u16 requester_id) {
	struct pair *entry = context_of(unit, requester_id);
	u16 did = context_did(unit, entry);

	if (!did)
		return true;
	return context_store(unit, &entry->low, entry->low & ~VTD_CONTEXT_P) &&
	       vtd_invalidate_context(unit, did, requester_id) &&
	       vtd_invalidate_domain(unit, did) &&
	       context_store(unit, &entry->low, entry->low & VTD_CONTEXT_FPD) &&
	       context_store(unit, &entry->high, 0);
}

/*
 * Scalable mode: requests without a PASID are those of PASID 0, and there are no others. The same for all
 * requesters and units; nobody is led here before the first of them is attached.
 */
static bool pasid_store(struct iommu_unit *unit, const struct dma_domain *domain) {
	u64 *directory = pasid_directory(domain), *entry = directory + TABLE_ENTRIES;

	entry[1] = domain->id | (domain->tables.written ? 0 : VTD_PASID_PWSNP);
	entry[0] = (u64)(uintptr_t)domain->tables.root |
		   VTD_CONTEXT_AW(domain->tables.levels) << VTD_PASID_AW_SHIFT |
		   VTD_PASID_SECOND_STAGE | VTD_PASID_P;
	directory[0] = (u64)(uintptr_t)entry | VTD_PASID_P;
	return vtd_publish(unit, entry, 2 * sizeof(u64)) &&
	       vtd_publish(unit, directory, sizeof(u64));
}

static bool context_point(struct iommu_unit *unit, u16 requester_id,
			  const struct dma_domain *domain) {
	struct pair *entry = context_of(unit, requester_id);
	u64 high = VTD_CONTEXT_AW(domain->tables.levels) | (u64)domain->id << VTD_CONTEXT_DID_SHIFT;
	const u64 *below = domain->tables.root;

	if (vtd_of(unit)->scalable) {
		below = pasid_directory(domain);
		high = 0;
		if (!pasid_store(unit, domain))
			return false;
	}
	/* The half with P comes last. */
	if (!context_store(unit, &entry->high, high) ||
	    !context_store(unit, &entry->low, (u64)(uintptr_t)below | VTD_CONTEXT_P))
		return false;
	/* In caching mode the absent entry was cached, with domain id 0. */
	return !(unit->features & VTD_CAP_CM) || (vtd_invalidate_context(unit, 0, requester_id) &&
						  vtd_invalidate_domain(unit, domain->id));
}

static bool vtd_set_domain(struct iommu_unit *unit, u16 requester_id, struct dma_domain *domain) {
	if (!context_block(unit, requester_id))
		return false;
	if (!domain || context_point(unit, requester_id, domain))
		return true;
	context_block(unit, requester_id);
	return false;
}

static bool vtd_flush_domain(struct iommu_unit *unit, struct dma_domain *domain) {
	/* The tables' own lines were written back by vtd_ops.written. */
	return vtd_publish(unit, NULL, 0) && vtd_invalidate_domain(unit, domain->id);
}

static void vtd_silence(struct iommu_unit *unit, u16 requester_id) {
	struct pair *entry = context_of(unit, requester_id);
	u16 did = context_did(unit, entry);

	/* What is cached of a domain may have been made with this bit. */
	if (context_store(unit, &entry->low, entry->low | VTD_CONTEXT_FPD) &&
	    vtd_invalidate_context(unit, did, requester_id))
		vtd_invalidate_domain(unit, did);
}

/*
 * Interrupt remapping (specification, sections 5.1 and 9.10). An entry's high half names the
 * requester that owns it and changes only while the entry is blocked. So an update is one 64-bit
 * store: the unit sees the old entry or the new one, and a retarget loses no interrupt.
 */

static u32 *vtd_interrupt_owners(struct iommu_unit *unit, u16 requester_id) {
	(void)requester_id;
	return vtd_of(unit)->owners;
}

/* Fixed, physical. */
static bool vtd_interrupt_write(struct iommu_unit *unit, u16 requester_id, u32 first, u32 count,
				const struct interrupt_target *target) {
	struct pair *entries = &vtd_of(unit)->interrupts[first];
	u32 shift = unit->x2apic ? VTD_IRTE_DESTINATION_SHIFT : VTD_IRTE_XAPIC_SHIFT;
	u64 low = 0, order = (u64)__builtin_ctz(count), forget = VTD_INV_IEC;

	if (order <= VTD_ECAP_MHMV(mmio_read64(unit->registers + VTD_ECAP)))
		forget |= VTD_INV_IEC_INDEX | order << VTD_INV_IEC_IM_SHIFT |
			  (u64)first << VTD_INV_IEC_IIDX_SHIFT;
	if (target)
		low = VTD_IRTE_P | (target->level ? VTD_IRTE_LEVEL : 0) |
		      (u64)target->vector << VTD_IRTE_VECTOR_SHIFT | (u64)target->apic_id << shift;
	for (u32 i = 0; i < count; i++) {
		__atomic_store_n(&entries[i].high, VTD_IRTE_SVT_RID | requester_id,
				 __ATOMIC_RELEASE);
		__atomic_store_n(&entries[i].low, low, __ATOMIC_RELEASE);
	}
	return vtd_publish(unit, entries, count * sizeof(*entries)) && vtd_invalidate(unit, forget);
}

static struct msi_message vtd_message(const struct iommu_unit *unit, u32 index) {
	(void)unit;
	return (struct msi_message){
		.address = INTERRUPT_WINDOW | VTD_MSI_REMAPPABLE | VTD_MSI_SUBHANDLE |
			   (index & VTD_MSI_HANDLE_MASK) << VTD_MSI_HANDLE_SHIFT |
			   (index >> 15 & 1) << VTD_MSI_HANDLE_HIGH_SHIFT,
	};
}

static void vtd_prepare(struct iommu_unit *unit) {
	struct vtd *vtd = vtd_of(unit);

	vtd->record = NONE;
	vtd_written((const u64 *)vtd, sizeof(*vtd) / sizeof(u64));
}

/* What RTADDR is to hold. */
static u64 root_pointer(const struct iommu_unit *unit) {
	const struct vtd *vtd = vtd_of(unit);

	return (u64)(uintptr_t)vtd->root | (vtd->scalable ? VTD_RTADDR_SCALABLE : 0);
}

/* Every bus has its context tables from the start: attaching needs no memory, and cannot run out. */
static void fill_root(struct vtd *vtd) {
	for (u32 bus = 0; bus < VTD_BUSES; bus++) {
		u64 tables = (u64)(uintptr_t)&vtd->contexts[bus << (8 + vtd->scalable)];

		vtd->root[bus].low = tables | VTD_ROOT_P;
		vtd->root[bus].high = vtd->scalable ? (tables + PAGE_SIZE) | VTD_ROOT_P : 0;
	}
}

/*
 * Section 6.6: the pointer may change while translation is on, its mode may not; if firmware used another one,
 * no device masters the bus at this moment. Some units need the queue before the root pointer (Intel X58).
 */
static bool enable_root(struct iommu_unit *unit) {
	struct vtd *vtd = vtd_of(unit);
	volatile u8 *rtaddr = unit->registers + VTD_RTADDR;
	u64 root = root_pointer(unit);
	bool gap = vtd_states(unit) & VTD_G_TE && (mmio_read64(rtaddr) ^ root) & VTD_RTADDR_TTM;

	fill_root(vtd);
	if (!vtd_publish(unit, vtd->root, sizeof(vtd->root)) ||
	    (gap && !vtd_command(unit, VTD_G_TE, false)))
		return false;
	mmio_write64(rtaddr, root);
	return vtd_command(unit, VTD_G_SRTP, true) && mmio_read64(rtaddr) == root &&
	       vtd_invalidate(unit, VTD_INV_CONTEXT | VTD_INV_GLOBAL) &&
	       vtd_invalidate_domain(unit, VTD_EVERY_DOMAIN) &&
	       (!gap || vtd_command(unit, VTD_G_TE, true));
}

/* A unit that no longer knows legacy mode does not keep the pointer. */
static bool knows_no_legacy_mode(const struct iommu_unit *unit) {
	return !vtd_of(unit)->scalable && can_scale(unit) &&
	       mmio_read64(unit->registers + VTD_RTADDR) != root_pointer(unit);
}

static bool use_scalable_mode(struct iommu_unit *unit) {
	/* Walks of domains' tables are told apart from those of the tables above them. */
	unit->coherent &= (mmio_read64(unit->registers + VTD_ECAP) & VTD_ECAP_SMPWC) != 0;
	vtd_of(unit)->scalable = true;
	return vtd_queue_start(unit);
}

static bool enable_interrupts(struct iommu_unit *unit) {
	u64 eime = unit->x2apic ? VTD_IRTA_EIME : 0;

	if (vtd_states(unit) & VTD_G_CFI && !vtd_command(unit, VTD_G_CFI, false))
		return false;
	/* The size field is the order less one. */
	mmio_write64(unit->registers + VTD_IRTA,
		     (u64)(uintptr_t)vtd_of(unit)->interrupts | eime | (VTD_INTERRUPTS_ORDER - 1));
	return vtd_command(unit, VTD_G_SIRTP, true) && vtd_invalidate(unit, VTD_INV_IEC) &&
	       (vtd_states(unit) & VTD_G_IRE || vtd_command(unit, VTD_G_IRE, true));
}

/* Once translation is on they are needless, and would block what a domain allows. */
static bool disable_protected_regions(struct iommu_unit *unit) {
	if (!(unit->features & (VTD_CAP_PLMR | VTD_CAP_PHMR)))
		return true;
	mmio_write32(unit->registers + VTD_PMEN,
		     mmio_read32(unit->registers + VTD_PMEN) & ~VTD_PMEN_EPM);
	return vtd_wait(unit, VTD_PMEN, VTD_PMEN_PRS, 0);
}

static const char *vtd_enable(struct iommu_unit *unit) {
	struct iommu_fault stale;

	bool left_on =
		can_scale(unit) && vtd_states(unit) & VTD_G_TE &&
		(mmio_read64(unit->registers + VTD_RTADDR) & VTD_RTADDR_TTM) == VTD_RTADDR_SCALABLE;

	vtd_fault_event(unit, NULL);
	if (left_on ? !use_scalable_mode(unit) : !vtd_queue_start(unit))
		return "its invalidation queue does not start";
	for (u32 i = 0; i < VTD_CAP_NFR(unit->features); i++)
		vtd_next_fault(unit, &stale);
	if (!enable_root(unit) &&
	    !(knows_no_legacy_mode(unit) && use_scalable_mode(unit) && enable_root(unit)))
		return "it takes a root table neither of legacy mode nor of scalable mode";
	if (!enable_interrupts(unit))
		return "it does not take the table of interrupts";
	if (!(vtd_states(unit) & VTD_G_TE) && !vtd_command(unit, VTD_G_TE, true))
		return "its translation does not go on";
	return disable_protected_regions(unit) ? NULL : "its protected memory regions stay";
}

const struct iommu_ops vtd_ops = {
	.name = "vt-d",
	.format = &vtd_second_level_format,
	.probe = vtd_probe,
	.bytes = sizeof(struct vtd),
	.prepare = vtd_prepare,
	.enable = vtd_enable,
	.set_domain = vtd_set_domain,
	.flush_domain = vtd_flush_domain,
	.written = vtd_written,
	.interrupts = VTD_INTERRUPTS,
	.interrupt_owners = vtd_interrupt_owners,
	.interrupt_write = vtd_interrupt_write,
	.message = vtd_message,
	.next_fault = vtd_next_fault,
	.fault_event = vtd_fault_event,
	.silence = vtd_silence,
};
