/* SPDX-License-Identifier: Apache-2.0 */
#include "amdvi.h"

/*
 * AMD-Vi: finding out what a unit can do, what each requester may reach, and switching it on.
 */

/* What the IVRS table wants: bits of the control register by flags of the IVHD. */
static const u64 control_of_flag[] = {AMDVI_CONTROL_HT_TUN_EN, AMDVI_CONTROL_PASS_PW,
				      AMDVI_CONTROL_RES_PASS_PW, AMDVI_CONTROL_ISOC};

/* How interrupt table entries are read; not to be changed under entries in use. */
#define INTERRUPT_FORMAT                                                                           \
	(AMDVI_CONTROL_GA_EN | AMDVI_CONTROL_GA_MODE | AMDVI_CONTROL_NUM_INT_REMAP_MODE |          \
	 AMDVI_CONTROL_XT_EN)

static const char *probe(struct iommu_unit *unit) {
	u64 features = mmio_read64(unit->registers + AMDVI_EXTENDED_FEATURES);

	if (features == ~0ull)
		return "its registers do not answer";
	if ((features & AMDVI_FEATURE_HATS) == AMDVI_HATS_NONE)
		return "it has no host page tables";
	/* Firmware may switch a feature off by leaving it out of the table. */
	if (unit->info->features)
		features &= unit->info->features;
	unit->features = features;
	unit->levels = BIT(AMDVI_LEVELS);
	unit->domain_ids = AMDVI_BLOCKED_DOMAIN;
	unit->leaf_level = 3;
	unit->coherent = true;
	/* Destinations of 32 bits exist only in entries of 128 bits. */
	unit->x2apic = (features & AMDVI_FEATURE_XT) && (features & AMDVI_FEATURE_GA);
	return NULL;
}

/* Host page tables (2.2.3): rights are ANDed on the way down; NextLevel 0 is a page of its level's size. */
static const struct table_format host_format = {
	.present = AMDVI_PAGE_PR,
	.always = AMDVI_PAGE_PR,
	.read = AMDVI_PAGE_IR,
	.write = AMDVI_PAGE_IW,
	.next_level = AMDVI_PAGE_NEXT_LEVEL_SHIFT,
};

static struct pair translated(const u64 *root, unsigned int levels, u64 rights, u16 domain_id) {
	return (struct pair){
		AMDVI_DMA_V | AMDVI_DMA_TV | (u64)levels << AMDVI_DMA_MODE_SHIFT |
			amdvi_physical(root) | rights,
		domain_id,
	};
}

/*
 * The manual's shortest form of "nothing" is Mode 0 without IR and IW (2.2.2.1); an emulator lets that
 * pass. Four levels over a page of zeros, without rights, is blocked everywhere.
 */
static struct pair blocked_dma(const struct amdvi *amdvi) {
	return translated(amdvi->blocked_root, AMDVI_LEVELS, 0, AMDVI_BLOCKED_DOMAIN);
}

/*
 * Replaces the DMA half and drops what the unit cached of it (2.2.2.2): the entry, and the
 * translations of both domains; the interrupt half stays.
 */
static bool swap_dma(const struct iommu_unit *unit, u16 requester_id, struct pair value) {
	struct pair *dma = &amdvi_of(unit)->devices[requester_id].dma;
	u16 old = dma->high & AMDVI_DMA_DOMAIN;

	amdvi_store_half(dma, value);
	return amdvi_command(unit, AMDVI_INVALIDATE_DEVTAB_ENTRY | requester_id, 0) &&
	       amdvi_flush_domain_id(unit, old) &&
	       amdvi_flush_domain_id(unit, (u16)(value.high & AMDVI_DMA_DOMAIN)) &&
	       amdvi_command(unit, AMDVI_INVALIDATE_INTERRUPT_TABLE | requester_id, 0);
}

static bool set_domain(struct iommu_unit *unit, u16 requester_id, struct dma_domain *domain) {
	if (!domain)
		return swap_dma(unit, requester_id, blocked_dma(amdvi_of(unit)));
	return swap_dma(unit, requester_id,
			translated(domain->tables.root, domain->tables.levels,
				   AMDVI_DMA_IR | AMDVI_DMA_IW, domain->id));
}

/* Also after pages were added: a unit may remember that there was none (NpCache, section 3.2.1). */
static bool flush_domain(struct iommu_unit *unit, struct dma_domain *domain) {
	return amdvi_flush_domain_id(unit, domain->id);
}

static void silence(struct iommu_unit *unit, u16 requester_id) {
	struct pair value = amdvi_of(unit)->devices[requester_id].dma;

	value.high |= AMDVI_DMA_SA;
	swap_dma(unit, requester_id, value);
}

/*
 * Interrupt tables (2.2.5), one per requester ID, taken when its first interrupt is allocated and
 * kept. A requester can only name entries of its own table.
 */
struct interrupt_table {
	union {
		struct pair wide[AMDVI_INTERRUPTS];
		u32 narrow[AMDVI_INTERRUPTS];
	};
	u32 owners[AMDVI_INTERRUPTS]; /* for us */
};

static struct interrupt_table *table_of(const struct iommu_unit *unit, u16 requester_id) {
	u64 low = amdvi_of(unit)->devices[requester_id].interrupt.low;

	return (struct interrupt_table *)(uintptr_t)(low & AMDVI_INTERRUPT_ROOT);
}

/* A new table takes effect with the first entries that are written. */
static u32 *interrupt_owners(struct iommu_unit *unit, u16 requester_id) {
	u64 pages = ALIGN_UP(sizeof(struct interrupt_table), PAGE_SIZE) / PAGE_SIZE;
	struct interrupt_table *table = table_of(unit, requester_id);

	if (!table) {
		table = page_pool_take(unit->pool, pages);
		if (!table)
			return NULL;
		amdvi_store_half(&amdvi_of(unit)->devices[requester_id].interrupt,
				 (struct pair){AMDVI_INTERRUPT_IV | AMDVI_INTERRUPT_CTL_REMAP |
						       AMDVI_INTERRUPTS_LENGTH
							       << AMDVI_INTERRUPT_LENGTH_SHIFT |
						       amdvi_physical(table),
					       0});
	}
	return table->owners;
}

static bool interrupt_write(struct iommu_unit *unit, u16 requester_id, u32 first, u32 count,
			    const struct interrupt_target *target) {
	struct interrupt_table *table = table_of(unit, requester_id);
	struct pair wide = {AMDVI_IRTE_BLOCKED, 0};
	u32 narrow = AMDVI_IRTE_BLOCKED;

	if (target) {
		u64 low = target->apic_id & BITS(23, 0), high = target->apic_id >> 24;

		wide.low = AMDVI_IRTE_REMAP_EN | (target->level ? AMDVI_IRTE_RQ_EOI : 0) |
			   low << AMDVI_IRTE_DESTINATION_SHIFT;
		wide.high = target->vector | high << AMDVI_IRTE128_DESTINATION_HIGH_SHIFT;
		narrow = (u32)wide.low | (u32)target->vector << AMDVI_IRTE32_VECTOR_SHIFT;
	}
	for (u32 i = first; i < first + count; i++)
		if (unit->features & AMDVI_FEATURE_GA)
			amdvi_store_half(&table->wide[i], wide);
		else
			__atomic_store_n(&table->narrow[i], narrow, __ATOMIC_RELEASE);
	return amdvi_command(unit, AMDVI_INVALIDATE_DEVTAB_ENTRY | requester_id, 0) &&
	       amdvi_command(unit, AMDVI_INVALIDATE_INTERRUPT_TABLE | requester_id, 0);
}

/* Data bits 10:0 are the index; the address only has to be one of interrupts (2.2.5.1). */
static struct msi_message message(const struct iommu_unit *unit, u32 index) {
	(void)unit;
	return (struct msi_message){INTERRUPT_WINDOW, index};
}

static void prepare(struct iommu_unit *unit) {
	struct amdvi *amdvi = amdvi_of(unit);

	for (u32 id = 0; id < AMDVI_DEVICE_ENTRIES; id++)
		/* IntCtl 0: target abort */
		amdvi->devices[id] = (struct amdvi_device_entry){
			.dma = blocked_dma(amdvi), .interrupt.low = AMDVI_INTERRUPT_IV};
}

static u64 wanted_control(const struct iommu_unit *unit) {
	u64 control = AMDVI_CONTROL_COHERENT | AMDVI_CONTROL_INV_TIMEOUT_1S;

	for (u32 i = 0; i < ARRAY_SIZE(control_of_flag); i++)
		if (unit->info->ivhd_flags & BIT(i))
			control |= control_of_flag[i];
	if (unit->features & AMDVI_FEATURE_GA)
		control |= AMDVI_CONTROL_GA_EN;
	return control | (unit->x2apic ? AMDVI_CONTROL_XT_EN : 0);
}

static void write_bases(const struct iommu_unit *unit) {
	const struct amdvi *amdvi = amdvi_of(unit);
	volatile u8 *registers = unit->registers;
	u64 length = (u64)QUEUE_ENTRIES_ORDER << AMDVI_RING_LENGTH_SHIFT;

	mmio_write64(registers + AMDVI_EXCLUSION_BASE, 0);
	mmio_write64(registers + AMDVI_EXCLUSION_LIMIT, 0);
	/* A pending interrupt bit makes an emulator ignore the event log's base. */
	mmio_write64(registers + AMDVI_STATUS, AMDVI_STATUS_WRITE_CLEAR);
	mmio_write64(registers + AMDVI_DEVICE_TABLE_BASE,
		     amdvi_physical(amdvi->devices) | (AMDVI_DEVICE_TABLE_PAGES - 1));
	mmio_write64(registers + AMDVI_COMMAND_BASE,
		     amdvi_physical(amdvi->commands.entries) | length);
	mmio_write64(registers + AMDVI_COMMAND_HEAD, 0);
	mmio_write64(registers + AMDVI_COMMAND_TAIL, 0);
	mmio_write64(registers + AMDVI_EVENT_BASE, amdvi_physical(amdvi->events) | length);
	mmio_write64(registers + AMDVI_EVENT_HEAD, 0);
	mmio_write64(registers + AMDVI_EVENT_TAIL, 0);
}

/*
 * Translation that firmware left on stays on (IommuEn is never cleared):
 *   1. stop command buffer and logs, whose bases may change only then (3.4.2, 3.4.3); segments of
 *      the device table, an exclusion range and the like end here, too;
 *   2. one write of 64 bits puts the new device table in place of the old one (3.4.1);
 *   3. start our command buffer and drop everything that was cached of the old table (2.2.2.2);
 *   4. only now, with every requester's interrupts blocked, change the format of interrupt table
 *      entries (3.4.4), and drop everything again.
 * A unit that was off goes the same way, but without step 3: its formats are set before IommuEn.
 */
static const char *enable(struct iommu_unit *unit) {
	static const char no_answer[] = "it does not carry out commands";
	u64 firmware = mmio_read64(unit->registers + AMDVI_CONTROL);
	bool was_on = firmware & AMDVI_CONTROL_IOMMU_EN;

	amdvi_of(unit)->control =
		was_on ? firmware & (AMDVI_CONTROL_IOMMU_EN | INTERRUPT_FORMAT) : 0;
	amdvi_control(unit, 0, 0);
	if (!amdvi_wait_stopped(unit, AMDVI_STATUS_CMD_BUF_RUN | AMDVI_STATUS_EVENT_LOG_RUN))
		return "its rings do not stop";
	write_bases(unit);
	if (was_on) {
		amdvi_control(unit, 0, AMDVI_CONTROL_COHERENT | AMDVI_CONTROL_CMD_BUF_EN);
		if (!amdvi_flush_all(unit))
			return no_answer;
	}
	amdvi_control(unit, INTERRUPT_FORMAT, wanted_control(unit));
	amdvi_control(unit, 0, AMDVI_CONTROL_IOMMU_EN);
	amdvi_control(unit, 0, AMDVI_CONTROL_CMD_BUF_EN);
	if (!amdvi_flush_all(unit))
		return no_answer;
	amdvi_control(unit, 0, AMDVI_CONTROL_EVENT_LOG_EN);
	return NULL;
}

const struct iommu_ops amdvi_ops = {
	.name = "amd-vi",
	.format = &host_format,
	.bytes = sizeof(struct amdvi),
	.probe = probe,
	.prepare = prepare,
	.enable = enable,
	.set_domain = set_domain,
	.flush_domain = flush_domain,
	.interrupts = AMDVI_INTERRUPTS,
	.table_bytes = sizeof(struct interrupt_table),
	.interrupt_owners = interrupt_owners,
	.interrupt_write = interrupt_write,
	.message = message,
	.next_fault = amdvi_next_fault,
	.silence = silence,
};
