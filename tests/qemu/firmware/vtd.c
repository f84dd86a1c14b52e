/* SPDX-License-Identifier: Apache-2.0 */
/* VT-d as firmware that uses all of it leaves it behind. */
#include "vtd.h"
#include "firmware.h"

#define LEVELS 4
#define DOMAIN_ID 1ull
#define INTERRUPTS_ORDER 8
#define QUEUE_BYTES PAGE_SIZE
#define TTM_SCALABLE (1ull << 10)
#define IQA_WIDE BIT(11) /* descriptors of 32 bytes */

/* Scalable mode (specification, sections 9.4 to 9.6). */
#define CONTEXT_BYTES 32u
#define PASID_P BIT(0)
#define PASID_SECOND_LEVEL (2ull << 6)
#define PASID_AW_SHIFT 2

static volatile u8 *registers;
static u8 *root, *queue;
static u64 tail;
static volatile u64 *done;

static void command(u32 bit) {
	u32 states = mmio_read32(registers + VTD_GSTS) & VTD_G_STATES;

	mmio_write32(registers + VTD_GCMD, states | bit);
	wait_until(registers + VTD_GSTS, bit, bit);
}

static void put(u64 low, u64 high) {
	u64 bytes = wanted("scalable") ? 2 * sizeof(struct pair) : sizeof(struct pair);
	struct pair *entry = (struct pair *)(queue + tail);

	memset(entry, 0, bytes);
	*entry = (struct pair){low, high};
	tail = (tail + bytes) % QUEUE_BYTES;
}

static void invalidate(u64 low) {
	*done = 0;
	put(low, 0);
	put(VTD_INV_WAIT | VTD_INV_WAIT_SW | 1ull << VTD_INV_WAIT_DATA_SHIFT, (uintptr_t)done);
	mmio_write64(registers + VTD_IQT, tail);
	wait_until(done, 1, 1);
}

/* 512 GiB in place. */
static u64 identity(void) {
	u64 *upper = pages(1), *lower = pages(1);

	upper[0] = (uintptr_t)lower | VTD_SL_R | VTD_SL_W;
	for (u64 i = 0; i < TABLE_ENTRIES; i++)
		lower[i] = i * GIB | VTD_SL_R | VTD_SL_W | VTD_SL_PS;
	return (uintptr_t)upper;
}

/* A directory whose first entry leads to a table whose first entry is for requests without a PASID. */
static u64 pasid_directory(u64 pages_root) {
	u64 *directory = pages(1), *entries = pages(1);

	directory[0] = (uintptr_t)entries | PASID_P;
	entries[0] = pages_root | VTD_CONTEXT_AW(LEVELS) << PASID_AW_SHIFT | PASID_SECOND_LEVEL |
		     PASID_P;
	entries[1] = DOMAIN_ID;
	return (uintptr_t)directory;
}

/* Room for 256 context entries of either form: two pages, of which legacy mode uses the first. */
static void set_context(u16 requester_id, u64 pages_root, u64 directory) {
	struct pair *entry = (struct pair *)root + (requester_id >> 8);
	u8 devfn = (u8)requester_id;

	if (!entry->low) {
		u64 tables = (uintptr_t)pages(2);

		entry->low = tables | VTD_ROOT_P;
		entry->high = wanted("scalable") ? (tables + PAGE_SIZE) | VTD_ROOT_P : 0;
	}
	u8 *contexts = (u8 *)(uintptr_t)(entry->low & ~VTD_ROOT_P);

	if (wanted("scalable"))
		*(u64 *)(contexts + devfn * CONTEXT_BYTES) = directory | VTD_CONTEXT_P;
	else
		((struct pair *)contexts)[devfn] =
			(struct pair){pages_root | VTD_CONTEXT_P,
				      VTD_CONTEXT_AW(LEVELS) | DOMAIN_ID << VTD_CONTEXT_DID_SHIFT};
}

void vtd_begin(u64 base) {
	bool scalable = wanted("scalable");
	u64 pages_root = identity(), directory = pasid_directory(pages_root);

	registers = (volatile u8 *)(uintptr_t)base;
	root = pages(1);
	queue = pages(1);
	done = pages(1);
	for (u32 id = 0; id <= UINT16_MAX; id++)
		if (is_allowed((u16)id))
			set_context((u16)id, pages_root, directory);
	mmio_write64(registers + VTD_IQT, 0);
	mmio_write64(registers + VTD_IQA, (uintptr_t)queue | (scalable ? IQA_WIDE : 0));
	command(VTD_G_QIE);
	mmio_write64(registers + VTD_RTADDR, (uintptr_t)root | (scalable ? TTM_SCALABLE : 0));
	command(VTD_G_SRTP);
	invalidate(VTD_INV_CONTEXT | VTD_INV_GLOBAL);
	invalidate(VTD_INV_IOTLB | VTD_INV_GLOBAL);
	if (wanted("interrupts")) {
		mmio_write64(registers + VTD_IRTA, (uintptr_t)pages(1) | (INTERRUPTS_ORDER - 1) |
							   (wanted("x2apic") ? VTD_IRTA_EIME : 0));
		command(VTD_G_SIRTP);
		invalidate(VTD_INV_IEC);
		command(VTD_G_IRE);
	}
	command(VTD_G_TE);
}

u64 vtd_sum(void) {
	u64 sum = mmio_read32(registers + VTD_GSTS) + mmio_read64(registers + VTD_RTADDR) +
		  mmio_read64(registers + VTD_IRTA) + mmio_read64(registers + VTD_IQA) +
		  mmio_read64(registers + VTD_IQT);

	for (u32 i = 0; i < PAGE_SIZE / sizeof(u64); i++)
		sum = sum * 31 + ((const u64 *)root)[i] + ((const u64 *)queue)[i];
	return sum;
}
