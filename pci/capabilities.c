/* SPDX-License-Identifier: Apache-2.0 */
#include "scan.h"
#include "text.h"

u32 config_read(const struct pci_access *access, struct pci_address address, u32 offset, u8 width) {
	if (offset + width > access->space(access, address))
		return (u32)byte_mask(width);
	return access->read(access, address, (u16)offset, width);
}

void config_write(const struct pci_access *access, struct pci_address address, u32 offset, u8 width,
		  u32 value) {
	if (access->write && offset + width <= access->space(access, address))
		access->write(access, address, (u16)offset, width, value);
}

/* Which capabilities are kept where, and how many bytes of each must fit. */
static const struct {
	bool extended;
	u16 id;
	u16 size;
	u16 member;
} known[] = {
/* clang-format off */
#define STANDARD(id, size, member) {false, id, size, offsetof(struct pci_function, member)}
#define EXTENDED(id, size, member) {true, id, size, offsetof(struct pci_function, member)}
	STANDARD(PCI_CAPABILITY_PM, PCI_PM_SIZE, pm),
	STANDARD(PCI_CAPABILITY_MSI, PCI_MSI_SIZE_MIN, msi),
	STANDARD(PCI_CAPABILITY_PCIE, PCIE_SIZE_MIN, pcie),
	STANDARD(PCI_CAPABILITY_MSIX, PCI_MSIX_SIZE, msix),
	STANDARD(PCI_CAPABILITY_AF, PCI_AF_SIZE, af),
	EXTENDED(PCI_EXTENDED_ACS, ACS_SIZE, acs),
	EXTENDED(PCI_EXTENDED_ARI, ARI_SIZE, ari),
	EXTENDED(PCI_EXTENDED_ATS, ATS_SIZE, ats),
	EXTENDED(PCI_EXTENDED_SRIOV, SRIOV_SIZE, sriov),
	EXTENDED(PCI_EXTENDED_RESIZABLE_BAR, RESIZABLE_BAR_SIZE, resizable_bar),
	/* clang-format on */
};

/* What MSI takes beyond its smallest size: for 64-bit addresses, and for masks. */
static u32 msi_extra(const struct pci_access *access, const struct pci_function *f, u32 at) {
	u32 control = config_read(access, f->address, at + PCI_MSI_CONTROL, 2);

	return (control & PCI_MSI_64BIT ? 4 : 0) + (control & PCI_MSI_VECTOR_MASKING ? 10 : 0);
}

static bool is_cxl_cache(const struct pci_access *access, const struct pci_function *f, u32 at) {
	return config_read(access, f->address, at + DVSEC_VENDOR, 2) == DVSEC_VENDOR_CXL &&
	       config_read(access, f->address, at + DVSEC_ID, 2) == DVSEC_CXL_DEVICE &&
	       config_read(access, f->address, at + CXL_CAPABILITY, 2) & CXL_CACHE_CAPABLE;
}

/*
 * Keeps where the first capability of each kind stands, in one of the two lists from offset NEXT on. Ends
 * at a bad offset, an empty header, and when a list is too long.
 */
static void walk_list(struct inventory *inventory, const struct pci_access *access,
		      struct pci_function *f, bool extended, u32 next) {
	u32 first = extended ? PCI_EXTENDED_FIRST : PCI_CAPABILITY_FIRST;
	u32 limit = extended ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;
	u32 hops = extended ? PCI_EXTENDED_HOPS : PCI_CAPABILITY_HOPS;

	for (; next >= first && hops; hops--) {
		u32 at = next & ~3u, header = config_read(access, f->address, at, 4);
		u32 id = extended ? (u16)header : (u8)header;

		if (!header || header == PCI_ABSENT)
			return;
		next = extended ? header >> 20 : header >> 8 & 0xff;
		if (extended && id == PCI_EXTENDED_DVSEC)
			f->cxl_cache |= is_cxl_cache(access, f, at);
		for (u32 i = 0; i < ARRAY_SIZE(known); i++) {
			u16 *member = (u16 *)((char *)f + known[i].member);
			u32 size = known[i].size;

			if (known[i].extended != extended || known[i].id != id || *member)
				continue;
			if (member == &f->msi)
				size += msi_extra(access, f, at);
			if (at + size <= limit)
				*member = (u16)at;
			else
				inventory_warn(
					inventory,
					"%s: capability 0x%x at 0x%x reaches beyond its space",
					ADDRESS(f->address), id, at);
		}
	}
}

/* The extended list exists on PCI Express only; some bridges repeat the header there instead. */
static u32 config_size(const struct pci_access *access, const struct pci_function *f) {
	u32 first = config_read(access, f->address, PCI_EXTENDED_FIRST, 4);

	if (!f->pcie || first == PCI_ABSENT ||
	    first == config_read(access, f->address, PCI_VENDOR_ID, 4))
		return PCI_CONFIG_SIZE;
	return PCIE_CONFIG_SIZE;
}

static void pcie_read(const struct pci_access *access, struct pci_function *f) {
	u32 flags = config_read(access, f->address, f->pcie + PCIE_FLAGS, 2);

	f->pcie_type = flags >> PCIE_FLAGS_TYPE_SHIFT & PCIE_FLAGS_TYPE_MASK;
	f->device_capabilities =
		config_read(access, f->address, f->pcie + PCIE_DEVICE_CAPABILITIES, 4);
	f->phantom_functions = config_read(access, f->address, f->pcie + PCIE_DEVICE_CONTROL, 2) &
			       PCIE_CONTROL_PHANTOM;
}

void capabilities_read(struct inventory *inventory, const struct pci_access *access,
		       struct pci_function *f) {
	u32 list =
		f->header_type == PCI_HEADER_CARDBUS ? PCI_CARDBUS_CAPABILITIES : PCI_CAPABILITIES;

	f->pcie_type = PCIE_NONE;
	if (config_read(access, f->address, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES)
		walk_list(inventory, access, f, false, config_read(access, f->address, list, 1));
	if (f->pcie)
		pcie_read(access, f);
	if (f->af && ~config_read(access, f->address, f->af + PCI_AF_CAPABILITIES, 1) & PCI_AF_FLR)
		f->af = 0;
	f->pm_keeps_state = f->pm && config_read(access, f->address, f->pm + PCI_PM_CONTROL, 2) &
					     PCI_PM_NO_SOFT_RESET;
	f->config_size = config_size(access, f);
	if (f->config_size == PCIE_CONFIG_SIZE)
		walk_list(inventory, access, f, true, PCI_EXTENDED_FIRST);
}
