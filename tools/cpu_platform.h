/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cpu_features.h"

/* What firmware's tables say of the machine around its processors. */
struct platform_facts {
	enum cpu_answer iommu, interrupt_remapping;
	enum cpu_answer x2apic_wanted; /* firmware does not ask to leave it off */
	enum cpu_maker maker; /* of the IOMMU */
	u32 processors; /* by the MADT; 0: not seen */
};

/* From these files, or where there are none and LIVE is set from this machine. False with words on stderr. */
bool platform_read(struct platform_facts *platform, const char *const *files, u32 count, bool live);
