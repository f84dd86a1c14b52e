/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"
#include "guest.h"

/*
 * A function's registers become part of its partition's memory, and its device is let into memory that
 * firmware reserved for it: neither may lie where anything of somebody else's does. Only firmware's
 * mistakes lead here.
 */

/* Bytes of the machine's addresses. */
struct span {
	u64 base, length;
};

static bool overlap(struct span span, u64 base, u64 length) {
	return span.base < base + length && base < span.base + span.length;
}

/* What SPAN (IO: of ports) of FUNCTION lies over that is not its partition's, such as memory of KINDS; NULL: nothing. */
static const char *find_clash(const struct config *config, u32 function, struct span span, bool io,
			      u64 kinds) {
	const struct inventory *inventory = config->inventory;

	for (u32 i = 0; i < inventory->function_count * PCI_BARS; i++) {
		const struct pci_bar *bar = &inventory->functions[i / PCI_BARS].bars[i % PCI_BARS];

		if (config->owners[i / PCI_BARS].plan != config->owners[function].plan &&
		    bar->base && bar->io == io && overlap(span, bar->base, bar->size))
			return "registers of a function that is not the partition's";
	}
	if (io)
		return NULL;
	if (overlap(span, INTERRUPT_WINDOW, INTERRUPT_WINDOW_END - INTERRUPT_WINDOW))
		return "the local APICs";
	for (u32 i = 0; i < inventory->memory_count; i++) {
		const struct memory_range *m = &inventory->memory[i];

		if (BIT(m->kind) & kinds && overlap(span, m->base, m->length))
			return "memory of the machine";
	}
	for (u32 i = 0; i < inventory->unit_count; i++)
		if (overlap(span, inventory->units[i].base, inventory->units[i].register_bytes))
			return "an IOMMU's registers";
	for (u32 i = 0; i < inventory->ioapic_count; i++)
		if (overlap(span, inventory->ioapics[i].base, PAGE_SIZE))
			return "an IO-APIC's registers";
	for (u32 i = 0; i < inventory->window_count; i++) {
		const struct ecam_window *w = &inventory->windows[i];

		if (overlap(span, w->base + w->first_bus * MIB,
			    (w->last_bus - w->first_bus + 1) * MIB))
			return "configuration space";
	}
	return NULL;
}

void config_check_registers(struct config *config, u32 function) {
	const struct pci_function *f = &config->inventory->functions[function];

	for (const struct pci_bar *bar = f->bars; bar < f->bars + PCI_BARS; bar++) {
		const char *what = NULL;

		if (bar->base && bar->size)
			what = find_clash(config, function, (struct span){bar->base, bar->size},
					  bar->io, BIT(MEMORY_FREE) | BIT(MEMORY_USED));
		if (what)
			config_report(config, config->owners[function].at, DEVICE_REGISTERS,
				      ADDRESS(f->address), bar->base, bar->size, what);
	}
}

/* Free memory will not be used by anybody else. */
void config_check_reserved(struct config *config, struct partition_plan *plan) {
	struct reserved_region p;

	for (u64 from = 0; plan->function_count && reserved_next(config->inventory, plan->functions,
								 plan->function_count, from, &p);
	     from = p.limit + 1) {
		struct span span = {p.base, p.limit + 1 - p.base};
		bool named = p.function != NONE && config->owners[p.function].plan;
		u32 function = named ? p.function : plan->functions[0];
		const char *what = find_clash(config, function, span, false, BIT(MEMORY_USED));

		if (plan->reserved_pieces++ == GUEST_RESERVED_MAX)
			what = "what the partition's memory map has room for";
		if (p.base < LOW_MEMORY_END)
			what = "the first MiB, where every partition has tables of its own";
		if (what)
			config_report(config, config->owners[function].at, RESERVED_MEMORY,
				      ADDRESS(config->inventory->functions[function].address),
				      p.base, p.limit, what);
	}
}
