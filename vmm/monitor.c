/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "pci_registers.h"

/* Fault records, and the processor that looks after them when the file leaves one free. */

#define MONITOR_PERIOD_MS 5 /* a terminal sends 16 bytes, which fit into its FIFO, in less than 2 */
#define FAULTS_KEPT 32
#define FAULTS_SHOWN 10
#define DRAIN_PERIOD_MS 20
#define EVENTS_MAX 32
#define APIC_ID_LOW 0xffu
#define MSI_APIC_ID_SHIFT 12
#define MSI_DELIVERY_SHIFT 8

static const char *const access_names[] = {"dma-read", "dma-write", "interrupt"};
_Static_assert(FAULT_DMA_READ == 0 && FAULT_INTERRUPT == 2, "order of the names");

/* The last ones, and whose they were. */
static struct kept_fault {
	const struct partition *partition;
	struct iommu_fault fault;
} kept[FAULTS_KEPT];
static u64 kept_count;

static struct partition *owner_of(u32 function) {
	u32 group = boot.inventory.functions[function].group;
	u16 owner = boot.iommu.group_owner[group];

	return owner ? &machine.partitions[owner - 1] : NULL;
}

/* The function that makes requests in this name: itself, or the first one behind a bridge that lends it. */
static u32 requester_of(struct pci_address requester) {
	const struct inventory *inventory = &boot.inventory;
	u32 function = inventory_find(inventory, requester);
	struct pci_address aliases[GROUP_ALIASES];

	for (u32 i = 0; function == NONE && i < inventory->function_count; i++) {
		u64 count = min_u64(pci_dma_aliases(inventory, i, aliases, GROUP_ALIASES),
				    GROUP_ALIASES);

		for (u64 j = 0; j < count && !pci_is_bridge(&inventory->functions[i]); j++)
			if (pci_key(aliases[j]) == pci_key(requester))
				function = i;
	}
	return function;
}

/* Faults of this function so far, those under another name included; of nobody: all together. */
static u32 count_of(u32 function, const struct iommu_fault *fault) {
	static u32 strangers;

	if (function == NONE)
		return ++strangers;
	if (inventory_find(&boot.inventory, fault->requester) == NONE)
		boot.iommu.function_faults[function]++;
	return boot.iommu.function_faults[function];
}

/* Its guest has reset it: until it is over nobody may look at it, and it masters nothing. */
static bool is_away(const struct partition *p, u32 function) {
	for (u32 i = 0; p && i < p->vpci.function_count; i++)
		if (p->vpci.functions[i].function == function && p->vpci.functions[i].back_at)
			return true;
	return false;
}

/* A storm is stopped at its source; the count goes on. */
static void throttle(const struct partition *p, u32 function) {
	const struct pci_access *config = boot.config;
	const struct pci_function *f = &boot.inventory.functions[function];
	struct iommu_unit *unit = f->unit == NONE ? NULL : &boot.iommu.units[f->unit];
	u32 command = is_away(p, function) ? (u16)PCI_ABSENT
					   : config->read(config, f->address, PCI_COMMAND, 2);

	if (command != (u16)PCI_ABSENT)
		config->write(config, f->address, PCI_COMMAND, 2,
			      command & ~(u32)PCI_COMMAND_BUS_MASTER);
	if (unit && unit->ops->silence)
		unit->ops->silence(unit, pci_requester_id(f->address));
	say("fault: device %s: more than %u faults, its bus mastering is now off",
	    ADDRESS(f->address), FAULTS_SHOWN);
}

static void tell(const struct partition *p, const struct iommu_fault *fault) {
	say("fault: partition %s device %s %s 0x%016lx: %s", p ? p->plan->name : "none",
	    ADDRESS(fault->requester), access_names[fault->access], fault->address, fault->reason);
}

static void report(void *context, const struct iommu_fault *fault) {
	u32 function = requester_of(fault->requester);
	struct partition *p = function == NONE ? NULL : owner_of(function);
	u32 count = count_of(function, fault);

	(void)context;
	kept[kept_count++ % FAULTS_KEPT] = (struct kept_fault){p, *fault};
	if (count <= FAULTS_SHOWN)
		tell(p, fault);
	if (count == FAULTS_SHOWN && function == NONE)
		say("fault: further faults of unknown devices are not shown");
	else if (count == FAULTS_SHOWN)
		throttle(p, function);
	if (p && p->plan->on_fault == FAULT_STOP)
		partition_stop(p, "one of its devices was stopped by the IOMMU (on-fault = stop)");
}

void faults_drain(void) {
	spin_lock(&machine.iommu_lock);
	iommu_drain_faults(&boot.iommu, report, NULL);
	spin_unlock(&machine.iommu_lock);
}

void faults_list(struct partition *unused) {
	(void)unused;
	spin_lock(&machine.iommu_lock);
	for (u64 i = kept_count - min_u64(kept_count, FAULTS_KEPT); i < kept_count; i++)
		tell(kept[i % FAULTS_KEPT].partition, &kept[i % FAULTS_KEPT].fault);
	say("%lu faults so far", kept_count);
	spin_unlock(&machine.iommu_lock);
}

void faults_poll(void) {
	static u64 last;
	u64 now = cpu_tsc();

	if (machine.monitor || now - last < boot.inventory.tsc_khz * DRAIN_PERIOD_MS)
		return;
	last = now;
	faults_drain();
}

/* A neighbour's device is no way to take time without end: there are only so many. */
void faults_event(void) {
	if (!machine.fault_events)
		return;
	spin_lock(&machine.iommu_lock);
	if (iommu_drain_faults(&boot.iommu, report, NULL) && machine.fault_events &&
	    !--machine.fault_events) {
		iommu_fault_event(&boot.iommu, NULL);
		say("warning: after %u fault events faults of devices wait for the next exit",
		    EVENTS_MAX);
	}
	spin_unlock(&machine.iommu_lock);
}

void faults_begin(const struct cpu *cpu) {
	/* Bits above the lowest eight of the ID are in the upper half of the address. */
	struct msi_message nmi = {
		INTERRUPT_WINDOW | (cpu->apic_id & APIC_ID_LOW) << MSI_APIC_ID_SHIFT |
			(u64)(cpu->apic_id & ~APIC_ID_LOW) << 32,
		DELIVERY_NMI << MSI_DELIVERY_SHIFT,
	};

	spin_lock(&machine.iommu_lock);
	if (!machine.monitor && !machine.fault_events) {
		machine.fault_events = EVENTS_MAX;
		if (!iommu_fault_event(&boot.iommu, &nmi))
			machine.fault_events = 0;
	}
	spin_unlock(&machine.iommu_lock);
}

/* Wherever the NMI strikes: before the guest is entered again, or the processor sleeps, records are read. */
void faults_signal(void) {
	struct cpu *cpu = machine.fault_events ? cpu_here() : NULL;

	if (!cpu || !cpu->vcpu)
		return;
	__atomic_fetch_or(&cpu->vcpu->requests, REQUEST_FAULTS, __ATOMIC_SEQ_CST);
	cpu->wake = 1;
}

_Noreturn void monitor_loop(struct cpu *cpu) {
	apic_timer_calibrate();
	for (;;) {
		faults_drain();
		partitions_watch();
		commands_poll();
		frame_draw(&boot.frame);
		cpu_idle_for(cpu, MONITOR_PERIOD_MS);
	}
}
