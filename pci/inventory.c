/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory.h"
#include "text.h"

#define WARNING_SIZE 256

void inventory_warn(struct inventory *inventory, const char *format, ...) {
	struct text_buffer buffer = TEXT_BUFFER(WARNING_SIZE);
	va_list arguments;

	if (!inventory->warnings)
		inventory->warnings = arena_alloc(inventory->arena, INVENTORY_WARNINGS,
						  sizeof(*inventory->warnings));
	if (!inventory->warnings)
		return; /* so full an arena makes whoever builds the inventory fail as well */
	u32 index = inventory->warning_count++;

	if (index >= INVENTORY_WARNINGS)
		return;
	va_start(arguments, format);
	text_print_list(&buffer.sink, format, arguments);
	va_end(arguments);
	const char *kept = arena_text(inventory->arena, buffer.data, buffer.length);

	inventory->warnings[index].text = kept ? kept : "(no memory for text)";
}

u32 inventory_find(const struct inventory *inventory, struct pci_address address) {
	u32 low = 0, high = inventory->function_count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (pci_key(inventory->functions[middle].address) < pci_key(address))
			low = middle + 1;
		else
			high = middle;
	}
	if (low < inventory->function_count &&
	    pci_key(inventory->functions[low].address) == pci_key(address))
		return low;
	return NONE;
}

const struct ioapic_info *inventory_ioapic(const struct inventory *inventory, u32 gsi) {
	const struct ioapic_info *best = NULL;

	for (u32 i = 0; i < inventory->ioapic_count; i++) {
		const struct ioapic_info *ioapic = &inventory->ioapics[i];

		if (ioapic->gsi_base <= gsi && (!best || ioapic->gsi_base > best->gsi_base))
			best = ioapic;
	}
	return best;
}

char *pci_text(char *text, struct pci_address address) {
	return text_format(text, PCI_TEXT_SIZE, "%04x:%02x:%02x.%u", address.segment, address.bus,
			   pci_device(address), pci_function_number(address));
}
