/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"

/* Registers of configuration space: PCI Local Bus 3.0, chapter 6; PCI Express Base 6.0, chapter 7. */

#define PCI_CONFIG_SIZE 256
#define PCIE_CONFIG_SIZE 4096
/* The way by ports: section 3.2.2.3.2. */
#define PCI_CONFIG_ADDRESS_PORT 0xcf8
#define PCI_CONFIG_DATA_PORT 0xcfc
#define PCI_CONFIG_ENABLE BIT(31)
#define PCI_ABSENT 0xffffffffu /* what a read returns where nobody answers */
#define PCI_RETRY_VENDOR 0x0001u /* vendor that stands for a configuration retry status */

enum pci_register {
	PCI_VENDOR_ID = 0x00,
	PCI_DEVICE_ID = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION = 0x08, /* with the class code in the upper 24 bits */
	PCI_CACHE_LINE = 0x0c, /* and latency timer */
	PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
	PCI_ROM = 0x30,
	PCI_CAPABILITIES = 0x34,
	PCI_INTERRUPT_LINE = 0x3c,
	/* header type 1 */
	PCI_PRIMARY_BUS = 0x18,
	PCI_SECONDARY_BUS = 0x19,
	PCI_SUBORDINATE_BUS = 0x1a,
	PCI_BRIDGE_ROM = 0x38,
	/* header type 2; its bus numbers are where type 1 has them */
	PCI_CARDBUS_CAPABILITIES = 0x14,
};

enum pci_header_type {
	PCI_HEADER_ENDPOINT = 0,
	PCI_HEADER_BRIDGE = 1,
	PCI_HEADER_CARDBUS = 2,
	PCI_HEADER_MASK = 0x7f,
	PCI_HEADER_MULTIFUNCTION = 0x80,
};

enum pci_command_bit {
	PCI_COMMAND_IO = 1 << 0,
	PCI_COMMAND_MEMORY = 1 << 1,
	PCI_COMMAND_BUS_MASTER = 1 << 2,
	PCI_COMMAND_INTX_DISABLE = 1 << 10,
};

enum pci_status_bit { PCI_STATUS_INTX = 1 << 3, PCI_STATUS_CAPABILITIES = 1 << 4 };

/* Base address registers. */
#define PCI_BAR_IO 0x1u
#define PCI_BAR_IO_MASK (~0x3u)
#define PCI_BAR_TYPE_MASK 0x6u
#define PCI_BAR_TYPE_64BIT 0x4u
#define PCI_BAR_PREFETCHABLE 0x8u
#define PCI_BAR_MEMORY_MASK (~0xfu)
#define PCI_ROM_MASK (~0x7ffu)

/* Base and sub class, as pci_class() gives them. */
enum pci_class_code {
	PCI_CLASS_HOST_BRIDGE = 0x0600,
	PCI_CLASS_ISA_BRIDGE = 0x0601,
	PCI_CLASS_INTERRUPT_CONTROLLER = 0x0800,
	PCI_CLASS_IOMMU = 0x0806,
};
/* Interfaces of PCI_CLASS_INTERRUPT_CONTROLLER whose registers are an IO-APIC's. */
#define PCI_INTERFACE_IOAPIC 0x10
#define PCI_INTERFACE_IOXAPIC 0x20

enum pci_capability_id {
	PCI_CAPABILITY_PM = 0x01,
	PCI_CAPABILITY_MSI = 0x05,
	PCI_CAPABILITY_PCIE = 0x10,
	PCI_CAPABILITY_MSIX = 0x11,
	PCI_CAPABILITY_AF = 0x13,
};
/* Walks of the lists stop after as many entries as there is room for. */
#define PCI_CAPABILITY_FIRST 0x40
#define PCI_CAPABILITY_HOPS 48
#define PCI_EXTENDED_FIRST 0x100
#define PCI_EXTENDED_HOPS 480

enum pci_extended_id {
	PCI_EXTENDED_ACS = 0x0d,
	PCI_EXTENDED_ARI = 0x0e,
	PCI_EXTENDED_ATS = 0x0f,
	PCI_EXTENDED_SRIOV = 0x10,
	PCI_EXTENDED_RESIZABLE_BAR = 0x15,
	PCI_EXTENDED_DVSEC = 0x23,
};

/* Offsets from the start of a capability; SIZE: what must fit into configuration space. */
enum pci_pm_register { PCI_PM_CONTROL = 4, PCI_PM_SIZE = 8 };
#define PCI_PM_STATE_MASK 0x3u
#define PCI_PM_D3HOT 3u
#define PCI_PM_NO_SOFT_RESET (1u << 3)
#define PCI_PM_STATUS (1u << 15)

enum pci_msi_register { PCI_MSI_CONTROL = 2, PCI_MSI_ADDRESS = 4, PCI_MSI_SIZE_MIN = 10 };
#define PCI_MSI_ENABLE (1u << 0)
#define PCI_MSI_64BIT (1u << 7)
#define PCI_MSI_VECTOR_MASKING (1u << 8)

enum pci_msix_register { PCI_MSIX_CONTROL = 2, PCI_MSIX_TABLE = 4, PCI_MSIX_SIZE = 12 };
#define PCI_MSIX_ENABLE (1u << 15)

enum pci_af_register {
	PCI_AF_CAPABILITIES = 3,
	PCI_AF_CONTROL = 4,
	PCI_AF_STATUS = 5,
	PCI_AF_SIZE = 6
};
#define PCI_AF_FLR 0x3u /* of capabilities: both bits, transactions pending and reset */
#define PCI_AF_INITIATE 0x1u
#define PCI_AF_PENDING 0x1u

enum pcie_register {
	PCIE_FLAGS = 0x02,
	PCIE_DEVICE_CAPABILITIES = 0x04,
	PCIE_DEVICE_CONTROL = 0x08,
	PCIE_DEVICE_STATUS = 0x0a,
	PCIE_DEVICE_CONTROL2 = 0x28,
	PCIE_SIZE_MIN = 0x0c, /* version 1, integrated endpoint */
	PCIE_SIZE_2 = 0x3c, /* version 2 and later */
};
#define PCIE_FLAGS_VERSION_MASK 0xfu
#define PCIE_FLAGS_TYPE_SHIFT 4
#define PCIE_FLAGS_TYPE_MASK 0xfu
/* Of capabilities: how many bits of the function number are borrowed. */
#define PCIE_DEVICE_PHANTOM_SHIFT 3
#define PCIE_DEVICE_PHANTOM_MASK 0x3u
#define PCIE_DEVICE_FLR (1u << 28)
#define PCIE_CONTROL_PHANTOM (1u << 9)
#define PCIE_CONTROL_FLR (1u << 15)
#define PCIE_STATUS_PENDING (1u << 5)
#define PCIE_CONTROL2_ARI_FORWARDING (1u << 5)

enum acs_register { ACS_CAPABILITY = 4, ACS_CONTROL = 6, ACS_SIZE = 8 };

/* The low bits stand at the same place in the capability and in the control register. */
enum acs_bit {
	ACS_SOURCE_VALIDATION = 0x01,
	ACS_TRANSLATION_BLOCKING = 0x02,
	ACS_REQUEST_REDIRECT = 0x04,
	ACS_COMPLETION_REDIRECT = 0x08,
	ACS_UPSTREAM_FORWARDING = 0x10,
	ACS_EGRESS_CONTROL = 0x20,
	ACS_ENHANCED = 0x80, /* of the capability */
	ACS_IO_BLOCKING = 0x80, /* of the control */
	/* Control only, where the capability says enhanced; two-bit fields, of which one bit blocks, the other redirects. */
	ACS_DOWNSTREAM_TARGET = 0x300,
	ACS_DOWNSTREAM_TARGET_REDIRECT = 0x200,
	ACS_UPSTREAM_TARGET = 0xc00,
	ACS_UPSTREAM_TARGET_REDIRECT = 0x800,
	ACS_UNCLAIMED_REDIRECT = 0x1000,
};

enum ats_register { ATS_CONTROL = 6, ATS_SIZE = 8 };
#define ATS_ENABLE (1u << 15)

enum sriov_register {
	SRIOV_CONTROL = 0x08,
	SRIOV_INITIAL_VFS = 0x0c,
	SRIOV_TOTAL_VFS = 0x0e,
	SRIOV_NUM_VFS = 0x10,
	SRIOV_OFFSET = 0x14,
	SRIOV_STRIDE = 0x16,
	SRIOV_VF_DEVICE_ID = 0x1a,
	SRIOV_PAGE_SIZES = 0x1c, /* that are supported */
	SRIOV_PAGE_SIZE = 0x20,
	SRIOV_BAR0 = 0x24,
	SRIOV_SIZE = 0x40,
};
#define SRIOV_VF_ENABLE (1u << 0)
#define SRIOV_VF_MEMORY (1u << 3)
#define SRIOV_ARI_HIERARCHY (1u << 4)
#define SRIOV_PAGE_4K (1u << 0)
#define SRIOV_DELAY 100 /* milliseconds from switching on to the first access */

/* One control register for each BAR that can be resized; their number is in the first. */
enum resizable_bar_register {
	RESIZABLE_BAR_CONTROL = 8,
	RESIZABLE_BAR_STRIDE = 8,
	RESIZABLE_BAR_SIZE = 12
};
#define RESIZABLE_BAR_COUNT_SHIFT 5
#define RESIZABLE_BAR_COUNT_MASK 0x7u

/* Designated vendor-specific; that of a CXL device: CXL 3.0, section 8.1.3. */
enum dvsec_register { DVSEC_VENDOR = 4, DVSEC_ID = 8, CXL_CAPABILITY = 10 };
#define DVSEC_VENDOR_CXL 0x1e98
#define DVSEC_CXL_DEVICE 0
#define CXL_CACHE_CAPABLE 0x1u

#define ARI_SIZE 8
