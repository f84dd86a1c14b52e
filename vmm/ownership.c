/* SPDX-License-Identifier: Apache-2.0 */
#include "partition_internal.h"
#include "reset.h"

/* Groups and interrupt entries change hands here; outside of these functions every member is blocked. */

static bool reset_functions(struct partition *p) {
	const struct inventory *inventory = &boot.inventory;

	for (u32 i = 0; i < p->plan->function_count; i++) {
		u32 function = p->plan->functions[i];

		if (pci_reset_method(inventory, function) == RESET_NONE)
			say("no-reset: partition %s: nothing resets device %s", p->plan->name,
			    ADDRESS(inventory->functions[function].address));
		pci_open_path(inventory, function, boot.config);
		if (!pci_reset_function(inventory, function, boot.config, cpu_delay))
			return partition_fail(p, "device %s did not come back from its reset",
					      ADDRESS(inventory->functions[function].address));
	}
	return true;
}

/* Claim, reset, attach. What was done is counted, so that it can be undone. */
bool take_groups(struct partition *p) {
	u32 *claimed = &p->groups_claimed, *attached = &p->groups_attached;
	u16 owner = (u16)p->index;

	spin_lock(&machine.iommu_lock);
	while (*claimed < p->group_count &&
	       domain_claim_group(&boot.iommu, p->groups[*claimed], owner))
		++*claimed;
	spin_unlock(&machine.iommu_lock);
	if (*claimed < p->group_count)
		return partition_fail(p, "isolation group %u is not free", p->groups[*claimed]);
	if (!reset_functions(p))
		return false;
	spin_lock(&machine.iommu_lock);
	while (*attached < p->group_count &&
	       domain_attach_group(&boot.iommu, &p->domain, p->groups[*attached], owner))
		++*attached;
	spin_unlock(&machine.iommu_lock);
	return *attached == p->group_count ||
	       partition_fail(p, "isolation group %u cannot be attached", p->groups[*attached]);
}

/* A group that could not be blocked stays claimed: nobody gets it. */
void give_groups_back(struct partition *p) {
	u16 owner = (u16)p->index;

	spin_lock(&machine.iommu_lock);
	while (p->groups_attached && domain_detach_group(&boot.iommu, &p->domain,
							 p->groups[p->groups_attached - 1], owner))
		p->groups_attached--;
	spin_unlock(&machine.iommu_lock);
	if (p->groups_attached) {
		say("warning: partition %s: isolation group %u could not be detached",
		    p->plan->name, p->groups[p->groups_attached - 1]);
		return;
	}
	reset_functions(p);
	/* What its devices have done is still said with its name. */
	faults_drain();
	spin_lock(&machine.iommu_lock);
	while (p->groups_claimed)
		domain_release_group(&boot.iommu, p->groups[--p->groups_claimed], owner);
	spin_unlock(&machine.iommu_lock);
}

/* Takes the entries of the next function, all blocked until the guest programs its device, or gives the last one's back. */
static bool move_interrupts(struct partition *p, bool take) {
	struct vpci_function *f = &p->vpci.functions[p->interrupts_taken - !take];
	struct iommu_unit *unit = &boot.iommu.units[f->info->unit];
	u16 requester = pci_interrupt_requester(&boot.inventory, f->function);

	return take ? interrupts_alloc(unit, requester, f->entry_count, &f->first_entry)
		    : interrupts_free(unit, requester, f->first_entry, f->entry_count);
}

bool take_interrupts(struct partition *p) {
	u32 count = p->plan->function_count;

	spin_lock(&machine.iommu_lock);
	while (p->interrupts_taken < count && move_interrupts(p, true))
		p->interrupts_taken++;
	spin_unlock(&machine.iommu_lock);
	return p->interrupts_taken == count ||
	       partition_fail(p, "no interrupt remapping entries left");
}

void give_interrupts_back(struct partition *p) {
	spin_lock(&machine.iommu_lock);
	for (; p->interrupts_taken; p->interrupts_taken--)
		move_interrupts(p, false);
	spin_unlock(&machine.iommu_lock);
}
