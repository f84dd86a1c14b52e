/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual functions that the file asks for. PCI Express 6.0, sections 9.2.1 and 9.3.3. */
#include "scan.h"

#define DISABLE_DELAY 1000

struct sriov_request *sriov_request(const struct inventory *inventory,
				    struct pci_address physical) {
	for (u32 i = 0; i < inventory->request_count; i++)
		if (pci_key(inventory->requests[i].physical) == pci_key(physical))
			return &inventory->requests[i];
	return NULL;
}

bool sriov_prepare(const struct pci_access *access, const struct pci_function *f,
		   struct sriov_request *request, bool ari) {
	u32 at = f->sriov, control = config_read(access, f->address, at + SRIOV_CONTROL, 2);
	u32 initial = config_read(access, f->address, at + SRIOV_INITIAL_VFS, 2);
	u32 total = config_read(access, f->address, at + SRIOV_TOTAL_VFS, 2);

	if (!request->at)
		request->control = (u16)control;
	request->at = f->sriov + SRIOV_CONTROL;
	/* Firmware's own stay as they are. What a snapshot has on, is off when the machine starts. */
	request->limit = access->write && request->control & SRIOV_VF_ENABLE
				 ? config_read(access, f->address, at + SRIOV_NUM_VFS, 2)
				 : (u32)min_u64(initial, total);
	request->refusal = NULL;
	if (!request->count || request->count > request->limit)
		request->refusal = "it does not have that many";
	else if (!(config_read(access, f->address, at + SRIOV_PAGE_SIZES, 4) & SRIOV_PAGE_4K))
		request->refusal = "their registers do not come in pages of 4 KiB";
	/* All of the following decides where they are, and must be written while they are off. */
	if (request->refusal || control & SRIOV_VF_ENABLE)
		return !request->refusal;
	control = (control & ~(u32)SRIOV_ARI_HIERARCHY) | (ari ? SRIOV_ARI_HIERARCHY : 0);
	config_write(access, f->address, at + SRIOV_CONTROL, 2, control);
	config_write(access, f->address, at + SRIOV_PAGE_SIZE, 4, SRIOV_PAGE_4K);
	config_write(access, f->address, at + SRIOV_NUM_VFS, 2, request->count);
	return true;
}

/* The number and the page size stay: they mean nothing while nothing is on. */
void sriov_restore(const struct inventory *inventory, const struct pci_access *access,
		   void (*wait)(u32 milliseconds)) {
	for (u32 i = 0; i < inventory->request_count; i++) {
		const struct sriov_request *request = &inventory->requests[i];

		if (!request->at)
			continue;
		u32 control = config_read(access, request->physical, request->at, 2);

		config_write(access, request->physical, request->at, 2, request->control);
		if (control & ~request->control & SRIOV_VF_ENABLE)
			wait(DISABLE_DELAY);
	}
}
