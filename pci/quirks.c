/* SPDX-License-Identifier: Apache-2.0 */
#include "quirks.h"
#include "scan.h"

#define VENDOR_ADAPTEC 0x9005
#define CLASS_VGA 0x0300

enum condition {
	ALWAYS,
	IF_LINK_PORT, /* root port or downstream port */
	IF_ROOT_PORT,
	IF_INTEGRATED, /* endpoint of the root complex */
	IF_SOUTHBRIDGE, /* one of several functions on a root bus */
	IF_HIDDEN, /* a bridge without PCI Express capability, below a link of PCI Express */
	IF_OTHER_BRIDGE, /* by its class */
	IF_VGA,
	IF_BOARD, /* of certain subsystem IDs */
	IF_REVISION_1,
};

struct quirk_row {
	u16 vendor;
	u16 first; /* device IDs, both inclusive */
	u16 last;
	u8 condition;
	u16 quirks;
};

static const struct quirk_row rows[] = {
/* clang-format off */
#define ROWS(vendor, first, last, condition, quirk) {vendor, first, last, condition, QUIRK_##quirk}
#define ONE(vendor, device, quirk) ROWS(vendor, device, device, ALWAYS, quirk)
#define INTEL(first, last) ROWS(0x8086, first, last, ALWAYS, ISOLATES)
	/* South bridges of AMD's chipsets: their functions cannot reach each other */
	ROWS(0x1002, 0x4383, 0x4385, IF_SOUTHBRIDGE, ISOLATES),
	ROWS(0x1002, 0x4399, 0x4399, IF_SOUTHBRIDGE, ISOLATES),
	ROWS(0x1002, 0x439c, 0x439d, IF_SOUTHBRIDGE, ISOLATES),
	ROWS(0x1022, 0x7809, 0x7809, IF_SOUTHBRIDGE, ISOLATES),
	ROWS(0x1022, 0x780f, 0x780f, IF_SOUTHBRIDGE, ISOLATES),
	/* VT-d asks that these reach peers by translated addresses only */
	ROWS(0x8086, 0x0000, 0xffff, IF_INTEGRATED, ISOLATES),
	/* Network adapters of several functions whose makers vouch for no traffic among them */
	INTEL(0x105e, 0x1060), INTEL(0x10a7, 0x10a7), INTEL(0x10a9, 0x10a9), INTEL(0x10c6, 0x10c6),
	INTEL(0x10c9, 0x10c9), INTEL(0x10d6, 0x10d6), INTEL(0x10d9, 0x10d9), INTEL(0x10db, 0x10db),
	INTEL(0x10dd, 0x10dd), INTEL(0x10e1, 0x10e1), INTEL(0x10e6, 0x10e8), INTEL(0x10f1, 0x10f1),
	INTEL(0x10f7, 0x10fc), INTEL(0x1507, 0x1507), INTEL(0x1509, 0x150a), INTEL(0x150d, 0x1511),
	INTEL(0x1514, 0x1514), INTEL(0x1516, 0x1516), INTEL(0x1518, 0x1518), INTEL(0x151c, 0x151c),
	INTEL(0x1521, 0x1524), INTEL(0x1526, 0x1527), INTEL(0x1529, 0x152a), INTEL(0x154d, 0x154d),
	INTEL(0x154f, 0x154f), INTEL(0x1551, 0x1551), INTEL(0x1558, 0x1558), INTEL(0x15b7, 0x15b8),
	ONE(0x1924, 0x0903, ISOLATES), ONE(0x1924, 0x0923, ISOLATES), ONE(0x1924, 0x0a03, ISOLATES),
	ONE(0x19a2, 0x0710, ISOLATES), ONE(0x10df, 0x0720, ISOLATES), ONE(0x177d, 0xa026, ISOLATES),
	ONE(0x177d, 0xa059, ISOLATES), ONE(0x177d, 0xa060, ISOLATES), ONE(0x14e4, 0x16d7, ISOLATES),
	ROWS(0x14e4, 0x1750, 0x1752, ALWAYS, ISOLATES), ROWS(0x14e4, 0x1760, 0x1763, ALWAYS, ISOLATES),
	ONE(0x1d17, 0x3038, ISOLATES), ONE(0x1d17, 0x3104, ISOLATES), ONE(0x1d17, 0x9083, ISOLATES),
	/* Zhaoxin ports: these isolate in hardware, the others do not */
	ROWS(0x1d17, 0x0710, 0x071e, IF_LINK_PORT, ISOLATES),
	ROWS(0x1d17, 0x0721, 0x0721, IF_LINK_PORT, ISOLATES),
	ROWS(0x1d17, 0x0723, 0x0752, IF_LINK_PORT, ISOLATES),
	ROWS(0x1d17, 0x0000, 0xffff, IF_LINK_PORT, OPEN),
	/* Wangxun adapters, the same */
	ROWS(0x8088, 0x0100, 0x010f, ALWAYS, ISOLATES), ONE(0x8088, 0x1001, ISOLATES),
	ONE(0x8088, 0x2001, ISOLATES), ONE(0x8088, 0x5010, ISOLATES), ONE(0x8088, 0x5025, ISOLATES),
	ONE(0x8088, 0x5040, ISOLATES), ONE(0x8088, 0x5110, ISOLATES), ONE(0x8088, 0x5125, ISOLATES),
	ONE(0x8088, 0x5140, ISOLATES), ROWS(0x8088, 0x0000, 0xffff, ALWAYS, OPEN),
	/* IDT switches */
	ONE(0x111d, 0x8090, NO_SOURCE_VALIDATION), ONE(0x111d, 0x80b5, NO_SOURCE_VALIDATION),
	/* Intel's chipsets of the 100 to 300 series */
	ROWS(0x8086, 0x9d10, 0x9d1b, IF_ROOT_PORT, ACS_DWORDS),
	ROWS(0x8086, 0xa110, 0xa11f, IF_ROOT_PORT, ACS_DWORDS),
	ROWS(0x8086, 0xa167, 0xa16a, IF_ROOT_PORT, ACS_DWORDS),
	ROWS(0x8086, 0xa290, 0xa29f, IF_ROOT_PORT, ACS_DWORDS),
	ROWS(0x8086, 0xa2e7, 0xa2ee, IF_ROOT_PORT, ACS_DWORDS),
	/* Ricoh multifunction readers, and their copies */
	ONE(0x1180, 0xe476, ALIAS_FUNCTION_0), ONE(0x1180, 0xe832, ALIAS_FUNCTION_0),
	ROWS(0x6766, 0x3d40, 0x3d41, ALWAYS, ALIAS_FUNCTION_0),
	/* Marvell, HighPoint, JMicron storage and copies: they send as function 1, which need not exist */
	ONE(0x1b4b, 0x9120, ALIAS_FUNCTION_1), ONE(0x1b4b, 0x9123, ALIAS_FUNCTION_1),
	ONE(0x1b4b, 0x9125, ALIAS_FUNCTION_1), ONE(0x1b4b, 0x9128, ALIAS_FUNCTION_1),
	ONE(0x1b4b, 0x9130, ALIAS_FUNCTION_1), ONE(0x1b4b, 0x9170, ALIAS_FUNCTION_1),
	ONE(0x1b4b, 0x9172, ALIAS_FUNCTION_1), ONE(0x1b4b, 0x917a, ALIAS_FUNCTION_1),
	ROWS(0x1b4b, 0x9182, 0x9183, ALWAYS, ALIAS_FUNCTION_1), ONE(0x1b4b, 0x91a0, ALIAS_FUNCTION_1),
	ONE(0x1b4b, 0x9215, ALIAS_FUNCTION_1), ONE(0x1b4b, 0x9220, ALIAS_FUNCTION_1),
	ONE(0x1b4b, 0x9230, ALIAS_FUNCTION_1), ONE(0x1b4b, 0x9235, ALIAS_FUNCTION_1),
	ONE(0x1103, 0x0642, ALIAS_FUNCTION_1), ONE(0x1103, 0x0645, ALIAS_FUNCTION_1),
	ONE(0x197b, 0x2392, ALIAS_FUNCTION_1), ONE(0x1c28, 0x0122, ALIAS_FUNCTION_1),
	ROWS(VENDOR_ADAPTEC, 0x0285, 0x0285, IF_BOARD, ALIAS_DEVICE_1),
	/* Intel compute cards */
	ONE(0x8086, 0x2260, ALIAS_PHI_CARD), ONE(0x8086, 0x2264, ALIAS_PHI_CARD),
	ROWS(0x8086, 0x2954, 0x2956, ALWAYS, ALIAS_FIVE_EACH),
	ROWS(0x8086, 0x2958, 0x295a, ALWAYS, ALIAS_FIVE_EACH),
	/* Non-transparent bridges: PLX uses any; Switchtec keeps its list in memory, so take any, too */
	ROWS(0x10b5, 0x87b0, 0x87b1, ALWAYS, ALIAS_BUS),
	ROWS(0x11f8, 0x4000, 0x5fff, IF_OTHER_BRIDGE, ALIAS_BUS),
	ROWS(0x11f8, 0x8531, 0x8576, IF_OTHER_BRIDGE, ALIAS_BUS),
	ROWS(0x1055, 0x1001, 0x1006, IF_OTHER_BRIDGE, ALIAS_BUS),
	/* Bridges to conventional PCI; the last one is ASPEED's, to its graphics */
	ROWS(0x1b21, 0x1080, 0x1080, IF_HIDDEN, HIDDEN_PCIE_BRIDGE),
	ROWS(0x10e3, 0x8113, 0x8113, IF_HIDDEN, HIDDEN_PCIE_BRIDGE),
	ROWS(0x1283, 0x8892, 0x8893, IF_HIDDEN, HIDDEN_PCIE_BRIDGE),
	ROWS(0x8086, 0x244e, 0x244e, IF_HIDDEN, HIDDEN_PCIE_BRIDGE),
	ONE(0x1a03, 0x1150, KEEPS_IDS),
	/* AMD audio, USB, SATA and NPU; Intel 82579; MediaTek MT7922 */
	ONE(0x1022, 0x1487, NO_FLR), ONE(0x1022, 0x148c, NO_FLR), ONE(0x1022, 0x149c, NO_FLR),
	ONE(0x1022, 0x1502, NO_FLR), ONE(0x1022, 0x17f0, NO_FLR), ONE(0x1022, 0x7901, NO_FLR),
	ROWS(0x8086, 0x1502, 0x1503, ALWAYS, NO_FLR), ONE(0x14c3, 0x0616, NO_FLR),
	ROWS(0xd063, 0x1000, 0x1000, IF_REVISION_1, NO_FLR),
	/* ATI's graphics, Mellanox */
	ROWS(0x1002, 0x0000, 0xffff, IF_VGA, NO_POWER_RESET), ONE(0x15b3, 0xcb84, NO_POWER_RESET),
	ONE(0x15b3, 0xcf6c, NO_POWER_RESET), ONE(0x15b3, 0xcf70, NO_POWER_RESET),
	ONE(0x15b3, 0xcf80, NO_POWER_RESET),
	/* clang-format on */
};

/* Below anything of PCI Express but a bridge to conventional PCI. */
static bool below_link(const struct inventory *inventory, const struct pci_function *f) {
	u8 above = f->parent == NONE ? PCIE_NONE : inventory->functions[f->parent].pcie_type;

	return above != PCIE_NONE && above != PCIE_TO_PCI_BRIDGE;
}

static bool holds(const struct inventory *inventory, const struct pci_function *f, u8 condition) {
	switch (condition) {
	case IF_LINK_PORT: return pcie_link_type(f->pcie_type);
	case IF_ROOT_PORT: return f->pcie_type == PCIE_ROOT_PORT;
	case IF_INTEGRATED: return f->pcie_type == PCIE_RC_ENDPOINT;
	case IF_SOUTHBRIDGE: return f->multifunction && f->parent == NONE;
	case IF_HIDDEN:
		return f->header_type == PCI_HEADER_BRIDGE && f->pcie_type == PCIE_NONE &&
		       below_link(inventory, f);
	case IF_OTHER_BRIDGE: return pci_class(f) == PCI_CLASS_OTHER_BRIDGE;
	case IF_VGA: return pci_class(f) == CLASS_VGA;
	case IF_BOARD:
		return f->subsystem_vendor == VENDOR_ADAPTEC &&
		       (f->subsystem_device == 0x02bb || f->subsystem_device == 0x02bc);
	case IF_REVISION_1: return f->revision == 1;
	default: return true;
	}
}

void quirks_find(const struct inventory *inventory, struct pci_function *f) {
	f->quirks = 0;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct quirk_row *row = &rows[i];

		if (row->vendor == f->vendor && f->device >= row->first && f->device <= row->last &&
		    holds(inventory, f, row->condition))
			f->quirks |= row->quirks;
	}
}
