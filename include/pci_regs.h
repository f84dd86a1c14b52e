/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "pci_registers.h" /* made of pci/registers.txt */
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

enum pci_status_bit { PCI_STATUS_INTX = 1 << 3, PCI_STATUS_CAPABILITIES = 1 << 4 };

/* Base address registers. */
#define PCI_BAR_IO 0x1u
#define PCI_BAR_IO_MASK (~0x3u)
#define PCI_BAR_TYPE_MASK 0x6u
#define PCI_BAR_TYPE_64BIT 0x4u
#define PCI_BAR_PREFETCHABLE 0x8u
#define PCI_BAR_MEMORY_MASK (~0xfu)
#define PCI_ROM_MASK (~0x7ffu)

/* Interfaces of PCI_CLASS_INTERRUPT_CONTROLLER whose registers are an IO-APIC's. */
#define PCI_INTERFACE_IOAPIC 0x10
#define PCI_INTERFACE_IOXAPIC 0x20

/* Walks of the lists stop after as many entries as there is room for. */
#define PCI_CAPABILITY_FIRST 0x40
#define PCI_CAPABILITY_HOPS 48
#define PCI_EXTENDED_FIRST 0x100
#define PCI_EXTENDED_HOPS 480

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

#define PCI_AF_FLR 0x3u /* of capabilities: both bits, transactions pending and reset */
#define PCI_AF_INITIATE 0x1u
#define PCI_AF_PENDING 0x1u

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

enum ats_register { ATS_CONTROL = 6, ATS_SIZE = 8 };
#define ATS_ENABLE (1u << 15)

#define SRIOV_VF_ENABLE (1u << 0)
#define SRIOV_VF_MEMORY (1u << 3)
#define SRIOV_ARI_HIERARCHY (1u << 4)
#define SRIOV_PAGE_4K (1u << 0)
#define SRIOV_DELAY 100 /* milliseconds from switching on to the first access */

#define RESIZABLE_BAR_COUNT_SHIFT 5
#define RESIZABLE_BAR_COUNT_MASK 0x7u

/* Designated vendor-specific; that of a CXL device: CXL 3.0, section 8.1.3. */
enum dvsec_register { DVSEC_VENDOR = 4, DVSEC_ID = 8, CXL_CAPABILITY = 10 };
#define DVSEC_VENDOR_CXL 0x1e98
#define DVSEC_CXL_DEVICE 0
#define CXL_CACHE_CAPABLE 0x1u

#define ARI_SIZE 8
