/* SPDX-License-Identifier: Apache-2.0 */
#include "vtd.h"

/* Primary fault logging (specification, chapter 7). */

#define FRI(fsts) ((fsts) >> 8 & 0xff)
#define REASON(high) ((u8)((high) >> 32))
#define SOURCE(high) ((u16)(high))
#define INDEX(low) ((u16)((low) >> 48))
#define REASON_INTERRUPT_FIRST 0x20
#define REASON_INTERRUPT_LAST 0x2f

/* Made of vtd_faults.txt. */
static const char *const reasons[] = {
#include "vtd_faults.h"
};

static volatile u8 *record_registers(const struct iommu_unit *unit, u32 index) {
	return unit->registers + VTD_CAP_FRO(unit->features) + index * sizeof(struct pair);
}

static void record_read(const struct iommu_unit *unit, u32 index, struct iommu_fault *fault) {
	u64 low = mmio_read64(record_registers(unit, index));
	u64 high = mmio_read64(record_registers(unit, index) + 8);
	u8 reason = REASON(high);

	fault->requester = requester_address(unit, SOURCE(high));
	fault->access = high & VTD_FAULT_READ ? FAULT_DMA_READ : FAULT_DMA_WRITE;
	fault->address = low & VTD_FAULT_INFO;
	if (reason >= REASON_INTERRUPT_FIRST && reason <= REASON_INTERRUPT_LAST) {
		fault->access = FAULT_INTERRUPT;
		fault->address = INDEX(low);
	}
	fault->reason = reason < ARRAY_SIZE(reasons) && reasons[reason] ? reasons[reason]
									: "unknown reason";
}

/* Records are filled in a ring, and FRI is where this run began. */
bool vtd_next_fault(struct iommu_unit *unit, struct iommu_fault *fault) {
	struct vtd *vtd = vtd_of(unit);
	u32 status = mmio_read32(unit->registers + VTD_FSTS);
	u32 count = VTD_CAP_NFR(unit->features);
	u32 first = vtd->record == NONE ? FRI(status) : vtd->record + 1;

	vtd->record = NONE;
	for (u32 i = 0; status & VTD_FSTS_PPF && i < count && vtd->record == NONE; i++) {
		u32 index = (first + i) % count;
		volatile u8 *last = record_registers(unit, index) + VTD_FAULT_F_OFFSET;

		if (!(mmio_read32(last) & VTD_FAULT_F))
			continue;
		record_read(unit, index, fault);
		mmio_write32(last, VTD_FAULT_F);
		vtd->record = index;
	}
	/* Nothing more is recorded until this is cleared. */
	if (status & VTD_FSTS_PFO)
		mmio_write32(unit->registers + VTD_FSTS, VTD_FSTS_PFO);
	return vtd->record != NONE;
}

/*
 * Section 7.4: data and address may change only while the event is masked. What comes meanwhile is pending, and sent
 * when it is unmasked, unless its record was read. The unit remaps no message of its own.
 */
void vtd_fault_event(struct iommu_unit *unit, const struct msi_message *message) {
	volatile u8 *registers = unit->registers;

	mmio_write32(registers + VTD_FECTL, VTD_FECTL_IM);
	if (message) {
		mmio_write32(registers + VTD_FEDATA, message->data);
		mmio_write32(registers + VTD_FEADDR, (u32)message->address);
		mmio_write32(registers + VTD_FEUADDR, (u32)(message->address >> 32));
		mmio_write32(registers + VTD_FECTL, 0);
	}
	/* The write has arrived. */
	mmio_read32(registers + VTD_FECTL);
}
