/* SPDX-License-Identifier: Apache-2.0 */
#include "sysfs.h"
#include <pci/pci.h>

bool sysfs_visit(bool (*visit)(void *context, uint32_t segment, uint8_t bus, uint8_t devfn,
			       const uint8_t *bytes, uint32_t size),
		 void *context) {
	static const int sizes[] = {4096, 256, 64};
	struct pci_access *access = pci_alloc();
	bool fine = true;

	pci_init(access);
	pci_scan_bus(access);
	for (struct pci_dev *d = access->devices; d && fine; d = d->next) {
		uint8_t bytes[4096];

		for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			if (!pci_read_block(d, 0, bytes, sizes[i]))
				continue;
			fine = visit(context, (uint32_t)d->domain, d->bus,
				     (uint8_t)(d->dev << 3 | d->func), bytes, (uint32_t)sizes[i]);
			break;
		}
	}
	pci_cleanup(access);
	return fine;
}
