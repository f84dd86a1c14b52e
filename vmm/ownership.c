/* SPDX-License-Identifier: Apache-2.0 */
#include "partition_internal.h"
#include "reset.h"

/* Groups and interrupt entries change hands here; outside of these functions every member is blocked. */

static bool reset_functions(struct partition *p) {
	char address[PCI_TEXT_SIZE];

	for (u32 i = 0; i < p->plan->function_count; i++) {
		u32 function = p->plan->functions[i];

		pci_open_path(&boot.inventory, function, boot.config);
		if (!pci_reset_function(&boot.inventory, function, boot.config, cpu_delay)) {
			partition_fail(
				p, "device %s did not come back from its reset",
				pci_text(address, boot.inventory.functions[function].address));
			return false;
		}
	}
	return true;
}

/* Claim, reset, attach. What was done is counted, so that it can be undone. */
bool take_groups(struct partition *p) {
	struct iommu *iommu = &boot.iommu;
	u16 owner = (u16)p->index;

	spin_lock(&machine.iommu_lock);
	while (p->groups_claimed < p->group_count &&
	       domain_claim_group(iommu, p->groups[p->groups_claimed], owner))
		p->groups_claimed++;
	spin_unlock(&machine.iommu_lock);
	if (p->groups_claimed < p->group_count) {
		partition_fail(p, "isolation group %u is not free", p->groups[p->groups_claimed]);
		return false;
	}
	if (!reset_functions(p))
		return false;
	spin_lock(&machine.iommu_lock);
	while (p->groups_attached < p->group_count &&
	       domain_attach_group(iommu, &p->domain, p->groups[p->groups_attached], owner))
		p->groups_attached++;
	spin_unlock(&machine.iommu_lock);
	if (p->groups_attached < p->group_count)
		partition_fail(p, "isolation group %u cannot be attached",
			       p->groups[p->groups_attached]);
	return p->groups_attached == p->group_count;
}

/* A group that could not be blocked stays claimed: nobody gets it. */
void give_groups_back(struct partition *p) {
	struct iommu *iommu = &boot.iommu;
	u16 owner = (u16)p->index;

	spin_lock(&machine.iommu_lock);
	while (p->groups_attached &&
	       domain_detach_group(iommu, &p->domain, p->groups[p->groups_attached - 1], owner))
		p->groups_attached--;
	spin_unlock(&machine.iommu_lock);
	if (p->groups_attached) {
		say("warning: partition %s: isolation group %u could not be detached",
		    p->plan->name, p->groups[p->groups_attached - 1]);
		return;
	}
	reset_functions(p);
	spin_lock(&machine.iommu_lock);
	while (p->groups_claimed)
		domain_release_group(iommu, p->groups[--p->groups_claimed], owner);
	spin_unlock(&machine.iommu_lock);
}

/* One function's entries, all blocked until the guest programs its device. */
static bool allocate(struct partition *p, u32 index) {
	u32 function = p->plan->functions[index];
	struct iommu_unit *unit = &boot.iommu.units[boot.inventory.functions[function].unit];

	return interrupts_alloc(unit, pci_interrupt_requester(&boot.inventory, function),
				p->interrupt_counts[index], &p->first_interrupt[index]);
}

bool take_interrupts(struct partition *p) {
	spin_lock(&machine.iommu_lock);
	while (p->interrupts_taken < p->plan->function_count && allocate(p, p->interrupts_taken))
		p->interrupts_taken++;
	spin_unlock(&machine.iommu_lock);
	if (p->interrupts_taken < p->plan->function_count)
		partition_fail(p, "no interrupt remapping entries left");
	return p->interrupts_taken == p->plan->function_count;
}

void give_interrupts_back(struct partition *p) {
	spin_lock(&machine.iommu_lock);
	while (p->interrupts_taken) {
		u32 index = --p->interrupts_taken;
		u32 function = p->plan->functions[index];
		struct iommu_unit *unit =
			&boot.iommu.units[boot.inventory.functions[function].unit];

		interrupts_free(unit, pci_interrupt_requester(&boot.inventory, function),
				p->first_interrupt[index], p->interrupt_counts[index]);
	}
	spin_unlock(&machine.iommu_lock);
}
