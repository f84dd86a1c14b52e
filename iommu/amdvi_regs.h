/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "driver.h"

/*
 * What the AMD I/O Virtualization Technology Specification (48882) lays out: registers (section
 * 3.4), device table entries (2.2.2), interrupt tables (2.2.5), commands (2.4), events (2.5).
 */

enum amdvi_register {
	AMDVI_DEVICE_TABLE_BASE = 0x0000,
	AMDVI_COMMAND_BASE = 0x0008,
	AMDVI_EVENT_BASE = 0x0010,
	AMDVI_CONTROL = 0x0018,
	AMDVI_EXCLUSION_BASE = 0x0020,
	AMDVI_EXCLUSION_LIMIT = 0x0028,
	AMDVI_EXTENDED_FEATURES = 0x0030,
	AMDVI_COMMAND_HEAD = 0x2000,
	AMDVI_COMMAND_TAIL = 0x2008,
	AMDVI_EVENT_HEAD = 0x2010,
	AMDVI_EVENT_TAIL = 0x2018,
	AMDVI_STATUS = 0x2020,
};
#define AMDVI_HEAD_TO_TAIL 8

enum amdvi_control {
	AMDVI_CONTROL_IOMMU_EN = BIT(0),
	AMDVI_CONTROL_HT_TUN_EN = BIT(1),
	AMDVI_CONTROL_EVENT_LOG_EN = BIT(2),
	AMDVI_CONTROL_INV_TIMEOUT_1S = 4ull << 5,
	AMDVI_CONTROL_PASS_PW = BIT(8),
	AMDVI_CONTROL_RES_PASS_PW = BIT(9),
	AMDVI_CONTROL_COHERENT = BIT(10),
	AMDVI_CONTROL_ISOC = BIT(11),
	AMDVI_CONTROL_CMD_BUF_EN = BIT(12),
	AMDVI_CONTROL_GA_EN = BIT(17), /* interrupt table entries of 128 bits */
	AMDVI_CONTROL_GA_MODE = BITS(27, 25),
	AMDVI_CONTROL_NUM_INT_REMAP_MODE = BITS(44, 43),
	AMDVI_CONTROL_XT_EN = BIT(50),
};

enum amdvi_status {
	AMDVI_STATUS_EVENT_OVERFLOW = BIT(0),
	AMDVI_STATUS_EVENT_LOG_RUN = BIT(3),
	AMDVI_STATUS_CMD_BUF_RUN = BIT(4),
	/* Overflows and interrupts of all logs: cleared by writing ones. */
	AMDVI_STATUS_WRITE_CLEAR = BITS(2, 0) | BITS(6, 5) | BITS(10, 9),
};

enum amdvi_feature {
	AMDVI_FEATURE_XT = BIT(2), /* destinations of 32 bits */
	AMDVI_FEATURE_IA = BIT(6), /* INVALIDATE_IOMMU_ALL */
	AMDVI_FEATURE_GA = BIT(7), /* interrupt table entries of 128 bits */
	AMDVI_FEATURE_HATS = BITS(11, 10), /* levels - 4; 3: no host tables */
};
#define AMDVI_HATS_NONE AMDVI_FEATURE_HATS

/* What the unit reads and writes in one piece is a pair: half of a device table entry, for example. */
struct amdvi_device_entry {
	struct pair dma, interrupt;
};
_Static_assert(sizeof(struct amdvi_device_entry) == 32, "AMD-Vi: device table entry");

#define AMDVI_DEVICE_ENTRIES 65536
#define AMDVI_DEVICE_TABLE_PAGES                                                                   \
	(AMDVI_DEVICE_ENTRIES * sizeof(struct amdvi_device_entry) / PAGE_SIZE)

enum amdvi_dma_low {
	AMDVI_DMA_V = BIT(0),
	AMDVI_DMA_TV = BIT(1),
	AMDVI_DMA_MODE_SHIFT = 9, /* levels of the table, in bits 11:9 */
	AMDVI_DMA_IR = BIT(61),
	AMDVI_DMA_IW = BIT(62),
};

enum amdvi_dma_high { AMDVI_DMA_DOMAIN = BITS(15, 0), AMDVI_DMA_SA = BIT(34) /* no events */ };

enum amdvi_interrupt_low {
	AMDVI_INTERRUPT_IV = BIT(0),
	AMDVI_INTERRUPT_LENGTH_SHIFT = 1, /* log2 of the entries, in bits 4:1 */
	AMDVI_INTERRUPT_ROOT = BITS(51, 6),
	AMDVI_INTERRUPT_CTL_REMAP = 2ull << 60, /* 0: target abort */
};

/* Host page tables of version 1: section 2.2.3. */
enum amdvi_page_entry {
	AMDVI_PAGE_PR = BIT(0),
	AMDVI_PAGE_NEXT_LEVEL_SHIFT = 9, /* bits 11:9 */
	AMDVI_PAGE_IR = BIT(61),
	AMDVI_PAGE_IW = BIT(62),
};

/* Interrupt table entries; the control bits are the same in both sizes. */
enum amdvi_irte {
	AMDVI_IRTE_REMAP_EN = BIT(0),
	AMDVI_IRTE_DESTINATION_SHIFT = 8, /* 8 bits, or the low 24 of 32 */
	AMDVI_IRTE32_VECTOR_SHIFT = 16,
	AMDVI_IRTE128_DESTINATION_HIGH_SHIFT = 56, /* in the high half */
};
#define AMDVI_IRTE_BLOCKED 0

enum amdvi_command_low {
	AMDVI_COMPLETION_WAIT = 1ull << 60,
	AMDVI_INVALIDATE_DEVTAB_ENTRY = 2ull << 60,
	AMDVI_INVALIDATE_IOMMU_PAGES = 3ull << 60,
	AMDVI_INVALIDATE_INTERRUPT_TABLE = 5ull << 60,
	AMDVI_INVALIDATE_IOMMU_ALL = 8ull << 60,
	AMDVI_WAIT_STORE = BIT(0),
	AMDVI_PAGES_DOMAIN_SHIFT = 32,
};
/* Every address (size coded by the run of ones), tables as well as pages. */
#define AMDVI_PAGES_ALL (BITS(62, 12) | BIT(1) | BIT(0))

/* The high half is the address. */
enum amdvi_event_low {
	AMDVI_EVENT_DEVICE = BITS(15, 0),
	AMDVI_EVENT_GN = BIT(48),
	AMDVI_EVENT_NX = BIT(49),
	AMDVI_EVENT_I = BIT(51), /* an interrupt request */
	AMDVI_EVENT_PR = BIT(52), /* an entry was present */
	AMDVI_EVENT_RW = BIT(53), /* a write */
	AMDVI_EVENT_RZ = BIT(55), /* a reserved bit was set */
	AMDVI_EVENT_TYPE_SHIFT = 60,
};

/* Event types that are more than words. */
enum amdvi_event_type {
	AMDVI_EVENT_NONE = 0,
	AMDVI_EVENT_IO_PAGE_FAULT = 2,
	AMDVI_EVENT_ILLEGAL_COMMAND_ERROR = 5,
	AMDVI_EVENT_COMMAND_HARDWARE_ERROR = 6,
};

/* Rings of both kinds: log2 of the entries in bits 59:56 of the base register. */
#define AMDVI_RING_LENGTH_SHIFT 56
