/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cpu.h"
#include "iommu.h"
#include "mmio.h"

/* What the drivers of both vendors share. */

#define VECTOR_FIRST_LEGAL 16 /* below are exceptions */

/* A number of interrupt entries that multi-message MSI can ask for. */
static inline bool is_block_size(u32 count, u32 entries) {
	return count && count <= entries && !(count & (count - 1));
}

static inline struct pci_address requester_address(const struct iommu_unit *unit,
						   u16 requester_id) {
	return (struct pci_address){unit->info->segment, (u8)(requester_id >> 8), (u8)requester_id};
}

/* Whether UNIT can walk TABLES. */
bool domain_fits_unit(const struct page_tables *tables, const struct iommu_unit *unit);
