/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "driver.h"

/* Intel VT-d: registers and structures in memory, named as the architecture specification does. */

enum vtd_register {
	VTD_CAP = 0x08, /* 64 bits */
	VTD_ECAP = 0x10, /* 64 bits */
	VTD_GCMD = 0x18, /* 32 bits, write only */
	VTD_GSTS = 0x1c, /* 32 bits */
	VTD_RTADDR = 0x20, /* 64 bits */
	VTD_FSTS = 0x34, /* 32 bits */
	VTD_FECTL = 0x38, /* 32 bits */
	VTD_PMEN = 0x64, /* 32 bits */
	VTD_IQH = 0x80, /* 64 bits */
	VTD_IQT = 0x88, /* 64 bits */
	VTD_IQA = 0x90, /* 64 bits */
	VTD_IRTA = 0xb8, /* 64 bits */
};

/* Capability register */
#define VTD_CAP_DOMAIN_IDS(cap) (1u << (4 + 2 * ((cap)&7))) /* ND */
#define VTD_CAP_RWBF BIT(4) /* write buffers must be flushed by command */
#define VTD_CAP_PLMR BIT(5)
#define VTD_CAP_PHMR BIT(6)
#define VTD_CAP_CM BIT(7) /* entries that are not present may be cached */
#define VTD_CAP_LEVELS(cap) ((u32)((cap) >> 6) & 0x38) /* SAGAW: BIT(n): tables of n levels */
#define VTD_CAP_SLLPS_2M BIT(34)
#define VTD_CAP_SLLPS_1G BIT(35)
#define VTD_CAP_FRO(cap) ((u32)((cap) >> 24 & 0x3ff) * 16) /* offset of the fault records */
#define VTD_CAP_NFR(cap) ((u32)((cap) >> 40 & 0xff) + 1) /* how many there are */
#define VTD_CAP_DWD BIT(54)
#define VTD_CAP_DRD BIT(55)

/* Extended capability register */
#define VTD_ECAP_C BIT(0) /* table walks snoop the processor's caches */
#define VTD_ECAP_QI BIT(1)
#define VTD_ECAP_IR BIT(3)
#define VTD_ECAP_EIM BIT(4)
#define VTD_ECAP_MHMV(ecap) ((ecap) >> 20 & 0xf) /* largest IM of an invalidation by index */

/* Global command and status: the same bit asks and answers. */
#define VTD_G_TE (1u << 31)
#define VTD_G_SRTP (1u << 30)
#define VTD_G_WBF (1u << 27)
#define VTD_G_QIE (1u << 26)
#define VTD_G_IRE (1u << 25)
#define VTD_G_SIRTP (1u << 24)
#define VTD_G_CFI (1u << 23)
/* Status bits that are states. The others are one-shot commands: written back, they start again. */
#define VTD_G_STATES 0x96ffffffu

/* Root table address: translation table mode, 0 is legacy */
#define VTD_RTADDR_TTM BITS(11, 10)

/* Fault status; all but PPF and FRI are cleared by writing 1 */
#define VTD_FSTS_PFO (1u << 0)
#define VTD_FSTS_PPF (1u << 1)
#define VTD_FSTS_IQE (1u << 4)
#define VTD_FSTS_ICE (1u << 5)
#define VTD_FSTS_ITE (1u << 6)
#define VTD_FSTS_QUEUE (VTD_FSTS_IQE | VTD_FSTS_ICE | VTD_FSTS_ITE)
#define VTD_FSTS_FRI(fsts) ((fsts) >> 8 & 0xff)

#define VTD_FECTL_IM (1u << 31)

#define VTD_PMEN_EPM (1u << 31)
#define VTD_PMEN_PRS (1u << 0)

#define VTD_QUEUE_MASK BITS(18, 4) /* of IQH and IQT */

#define VTD_IRTA_EIME BIT(11) /* destinations of 32 bits */

/* Every structure in memory is a pair of words; a fault record is one of registers. */

/* Root table: one entry a bus. */
#define VTD_ROOT_P BIT(0)

/* Context tables: one entry a requester ID. */
#define VTD_CONTEXT_P BIT(0)
#define VTD_CONTEXT_FPD BIT(1) /* its faults are not recorded */
#define VTD_CONTEXT_AW(levels) ((u64)(levels)-2)
#define VTD_CONTEXT_DID(high) ((u16)((high) >> 8))
#define VTD_CONTEXT_DID_SHIFT 8

/* Second-level page tables. */
#define VTD_SL_R BIT(0)
#define VTD_SL_W BIT(1)
#define VTD_SL_PS BIT(7)

/* Interrupt remapping table entry. */
#define VTD_IRTE_P BIT(0)
#define VTD_IRTE_VECTOR_SHIFT 16
#define VTD_IRTE_DESTINATION_SHIFT 32
#define VTD_IRTE_XAPIC_SHIFT 40 /* of an eight-bit destination */
#define VTD_IRTE_SVT_RID BIT(18) /* high: the request's ID must equal SID, all 16 bits of it */

/* Descriptors of the invalidation queue. */
enum vtd_descriptor { VTD_INV_CONTEXT = 1, VTD_INV_IOTLB = 2, VTD_INV_IEC = 4, VTD_INV_WAIT = 5 };
#define VTD_INV_GLOBAL (1u << 4)
#define VTD_INV_DOMAIN (2u << 4)
#define VTD_INV_DEVICE (3u << 4) /* context cache only */
#define VTD_INV_DID_SHIFT 16
#define VTD_INV_SID_SHIFT 32
#define VTD_INV_IOTLB_DW BIT(6) /* drain writes that are on their way */
#define VTD_INV_IOTLB_DR BIT(7)
#define VTD_INV_IEC_INDEX BIT(4)
#define VTD_INV_IEC_IM_SHIFT 27
#define VTD_INV_IEC_IIDX_SHIFT 32
#define VTD_INV_WAIT_SW BIT(5) /* write the status data when all before it is done */
#define VTD_INV_WAIT_DATA_SHIFT 32

/* Fault recording register: the word that holds F frees it. */
#define VTD_FAULT_F_OFFSET 12
#define VTD_FAULT_F (1u << 31)
#define VTD_FAULT_READ BIT(62)
#define VTD_FAULT_REASON(high) ((u8)((high) >> 32))
#define VTD_FAULT_SID(high) ((u16)(high))
#define VTD_FAULT_INFO BITS(63, 12)
#define VTD_FAULT_INDEX(low) ((u16)((low) >> 48))

/* Remappable interrupt message. */
#define VTD_MSI_HANDLE_SHIFT 5
#define VTD_MSI_HANDLE_MASK 0x7fffu
#define VTD_MSI_HANDLE_HIGH_SHIFT 2 /* of the handle's bit 15 */
#define VTD_MSI_REMAPPABLE (1u << 4)
