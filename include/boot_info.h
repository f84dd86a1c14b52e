/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "config.h"
#include "frame.h"
#include "guest.h"
#include "iommu.h"
#include "log.h"

struct vcpu_ops;

/* The images of one partition, as read from the volume; kept for as long as the machine runs. */
struct boot_images {
	struct image kernel;
	struct image initrd;
};

/* All that passes from boot/ to the rest. What it points to lies in memory that firmware gave for good. */
struct boot_info {
	struct inventory inventory;
	struct plan plan;
	struct boot_images *images; /* one for each partition */
	const struct vcpu_ops *vcpu_ops;
	struct iommu iommu; /* probed */
	const struct pci_access *config;
	struct log_ring *logs; /* one of each kind; NULL: none */
	struct frame frame; /* the screen when firmware has gone */
	struct page_pool pool; /* for tables, stacks and state, below 4 GiB */
	u64 trampoline; /* one page below 1 MiB */
	u16 power_off_port, power_off_value; /* ACPI PM1a control; port 0: not known */
	u64 begin_tsc; /* when the image began */
	u64 wall_clock_seconds; /* since 1970, at wall_clock_tsc */
	u64 wall_clock_tsc;
};

extern struct boot_info boot;

/* Takes the machine over: firmware's boot services have ended. */
_Noreturn void machine_start(void);
/* Pages that machine_start() needs for this plan. */
u64 machine_pages(void);
/* Everything that could make a partition of the plan fail to start and that can be known now; all errors are printed. */
bool machine_check(struct text_sink *sink);
