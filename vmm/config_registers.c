/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"

/*
 * A function's registers become part of its partition's memory: they must not lie where anything of
 * somebody else's does. Only firmware's mistakes lead here.
 */

static bool overlap(const struct pci_bar *bar, u64 base, u64 length) {
	return bar->base < base + length && base < bar->base + bar->size;
}

/* Memory, units, IO-APICs and configuration space. */
static const char *machine_clash(const struct inventory *inventory, const struct pci_bar *bar) {
	for (u32 i = 0; i < inventory->memory_count; i++) {
		if (inventory->memory[i].kind == MEMORY_FREE &&
		    overlap(bar, inventory->memory[i].base, inventory->memory[i].length))
			return "memory";
	}
	for (u32 i = 0; i < inventory->unit_count; i++) {
		if (overlap(bar, inventory->units[i].base, inventory->units[i].register_bytes))
			return "an IOMMU's registers";
	}
	for (u32 i = 0; i < inventory->ioapic_count; i++) {
		if (overlap(bar, inventory->ioapics[i].base, PAGE_SIZE))
			return "an IO-APIC's registers";
	}
	for (u32 i = 0; i < inventory->window_count; i++) {
		const struct ecam_window *w = &inventory->windows[i];

		if (overlap(bar, w->base + w->first_bus * MIB,
			    (w->last_bus - w->first_bus + 1) * MIB))
			return "configuration space";
	}
	return NULL;
}

/* A function that another partition has, or nobody. */
static const char *function_clash(const struct config *config, u32 function,
				  const struct pci_bar *bar) {
	for (u32 i = 0; i < config->inventory->function_count; i++) {
		const struct pci_function *f = &config->inventory->functions[i];

		for (u32 b = 0; b < PCI_BARS; b++) {
			if (config->owners[i].draft != config->owners[function].draft &&
			    f->bars[b].base && !f->bars[b].io &&
			    overlap(bar, f->bars[b].base, f->bars[b].size))
				return "registers of a function that is not the partition's";
		}
	}
	return NULL;
}

void config_check_registers(struct config *config, u32 function) {
	const struct pci_function *f = &config->inventory->functions[function];

	for (u32 b = 0; b < PCI_BARS; b++) {
		const struct pci_bar *bar = &f->bars[b];
		const char *what;

		if (bar->io || !bar->base || !bar->size)
			continue;
		what = machine_clash(config->inventory, bar);
		if (!what)
			what = function_clash(config, function, bar);
		if (what)
			config_report(config, config->owners[function].at, DEVICE_REGISTERS,
				      ADDRESS(f->address), bar->base, bar->size, what);
	}
}
