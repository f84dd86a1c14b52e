/* SPDX-License-Identifier: Apache-2.0 */
/* AMD-Vi's I/O virtualization reporting structure: AMD IOMMU specification, section 5.2. */
#include "acpi_tables.h"
#include "coverage.h"

#define IVHD_REGISTER_BYTES (16 * (u32)KIB)
#define IVHD_BLOCKS 256 /* that are read: three for each unit, and no machine has so many */

/* An IVHD while its device entries are read. */
struct block {
	struct coverage *coverage;
	bool open; /* a range has begun and waits for its end */
	struct id_range range;
	struct claim claim;
};

/* Bytes before the device entries of an IVHD of TYPE; 0 when it is no IVHD. */
static u32 ivhd_bytes(u16 type) {
	if (type == IVHD_10)
		return offsetof(struct acpi_ivhd, efr);
	return type == IVHD_11 || type == IVHD_40 ? sizeof(struct acpi_ivhd) : 0;
}

/* A later format describes the same IOMMU again, and better. */
static bool is_superseded(const struct coverage *coverage, const struct acpi_ivhd *ivhd) {
	struct acpi_walk walk = coverage->start;

	walk.inventory = NULL;
	while (acpi_next(&walk)) {
		const struct acpi_ivhd *other = (const struct acpi_ivhd *)walk.data;
		u32 needed = ivhd_bytes(walk.type);

		if (needed && walk.length >= needed && other->type > ivhd->type &&
		    other->device_id == ivhd->device_id && other->segment == ivhd->segment)
			return true;
	}
	return false;
}

static void lose_range(const struct block *block, const struct acpi_walk *record) {
	coverage_warn(block->coverage, record, "breaks a range of devices");
	block->coverage->incomplete = true;
}

static void begin_range(struct block *block, const struct acpi_walk *record) {
	const struct acpi_ivhd_entry *entry = (const struct acpi_ivhd_entry *)record->data;

	if (block->open)
		lose_range(block, record);
	block->open = true;
	block->range.first = entry->device_id;
	block->claim.has_alias =
		record->type == IVHD_ALIAS_SELECT || record->type == IVHD_ALIAS_RANGE_START;
	if (block->claim.has_alias) /* else the entry may end before it */
		block->claim.alias = entry->source_id;
}

static void end_range(struct block *block, const struct acpi_walk *record) {
	const struct acpi_ivhd_entry *entry = (const struct acpi_ivhd_entry *)record->data;

	if (!block->open || entry->device_id < block->range.first) {
		lose_range(block, record);
	} else {
		block->range.last = entry->device_id;
		block->claim.span = (u32)(block->range.last - block->range.first) + 1;
		coverage_claim(block->coverage, block->range, block->claim);
	}
	block->open = false;
}

static void read_entry(struct block *block, const struct acpi_walk *record) {
	const struct acpi_ivhd_entry *entry = (const struct acpi_ivhd_entry *)record->data;
	u32 unit = block->claim.unit;

	switch (record->type) {
	case IVHD_ALL:
		coverage_claim(block->coverage, RANGE_ALL(block->range.segment),
			       CLAIM_OTHERS(unit));
		break;
	case IVHD_SELECT:
	case IVHD_ALIAS_SELECT:
	case IVHD_EXTENDED_SELECT:
		begin_range(block, record);
		end_range(block, record);
		break;
	case IVHD_RANGE_START:
	case IVHD_ALIAS_RANGE_START:
	case IVHD_EXTENDED_RANGE_START: begin_range(block, record); break;
	case IVHD_RANGE_END: end_range(block, record); break;
	case IVHD_SPECIAL:
		if (entry->variety == SPECIAL_IOAPIC)
			coverage_claim_ioapic(block->coverage, entry->handle, unit,
					      entry->source_id);
		break;
	}
}

static void read_ivhd(struct coverage *coverage, const struct acpi_walk *record) {
	const struct acpi_ivhd *ivhd = (const struct acpi_ivhd *)record->data;
	struct unit_info info = {
		.kind = IOMMU_AMDVI,
		.base = ivhd->base,
		.register_bytes = IVHD_REGISTER_BYTES,
		.segment = ivhd->segment,
		.device_id = ivhd->device_id,
		.ivhd_flags = ivhd->flags,
		.features = ivhd->type == IVHD_10 ? 0 : ivhd->efr,
	};
	struct acpi_walk entry =
		acpi_open_record(record, ivhd_bytes(record->type), ACPI_IVHD_ENTRIES);
	struct block block = {.coverage = coverage,
			      .range = {ivhd->segment, ivhd->device_id, ivhd->device_id},
			      .claim.unit = CLAIM_REFUSED};

	/* Each is compared with all others. */
	if (++coverage->blocks > IVHD_BLOCKS) {
		coverage->incomplete = true;
		return;
	}
	if (is_superseded(coverage, ivhd))
		return;
	/* The IOMMU's own requests are not translated, whatever its entries say. */
	coverage_claim(coverage, block.range, block.claim);
	if (ivhd->type != IVHD_10 && ivhd->features & IVHD_NO_TRANSLATION)
		coverage_warn(coverage, record, "is a unit that does not translate addresses");
	else
		block.claim.unit = coverage_add_unit(coverage, record, info);
	while (acpi_next(&entry))
		read_entry(&block, &entry);
	coverage->incomplete |= entry.lost;
	if (block.open)
		lose_range(&block, record);
}

static void read_ivmd(struct coverage *coverage, const struct acpi_walk *record) {
	const struct acpi_ivmd *ivmd = (const struct acpi_ivmd *)record->data;
	/* What bypasses translation in hardware is mapped for both ways instead. */
	bool open = ivmd->flags & IVMD_EXCLUSION;
	struct reserved_region region = {
		.base = ivmd->start,
		/* Lengths below a page are met in the field: hardware knows whole pages only. */
		.limit = ALIGN_UP(ivmd->start + ivmd->bytes, PAGE_SIZE) - 1,
		.read = open || ivmd->flags & IVMD_READ,
		.write = open || ivmd->flags & IVMD_WRITE,
		.segment = ivmd->segment,
	};
	struct id_range range = {ivmd->segment, ivmd->device_id, ivmd->device_id};

	if (ivmd->type == IVMD_RANGE)
		range.last = ivmd->end_id;
	if (ivmd->type == IVMD_ALL)
		range = RANGE_ALL(ivmd->segment);
	coverage_add_region(coverage, record, region, range);
}

static void read_block(struct coverage *coverage, const struct acpi_walk *record) {
	bool is_ivmd = record->type >= IVMD_ALL && record->type <= IVMD_RANGE;
	u32 needed = is_ivmd ? (u32)sizeof(struct acpi_ivmd) : ivhd_bytes(record->type);

	if (record->length < needed) {
		coverage_warn(coverage, record, "is too short");
		coverage->incomplete |= !is_ivmd;
	} else if (is_ivmd) {
		read_ivmd(coverage, record);
	} else if (needed) {
		read_ivhd(coverage, record);
	}
}

bool ivrs_parse(struct inventory *inventory, struct acpi_table table) {
	return coverage_parse(inventory, table, "IVRS", ACPI_TYPE8_FLAGS8_LENGTH16, read_block);
}
