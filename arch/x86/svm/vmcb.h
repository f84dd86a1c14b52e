/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "guest.h"

/* Virtual machine control block: AMD64 APM volume 2, appendix B. */

enum vmcb_intercept_1 { /* offset 0x00c */
			INTERCEPT_NMI = BIT(1),
			INTERCEPT_INIT = BIT(3),
			INTERCEPT_RDPMC = BIT(15),
			INTERCEPT_CPUID = BIT(18),
			INTERCEPT_INVD = BIT(22),
			INTERCEPT_INVLPGA = BIT(26),
			INTERCEPT_IOIO = BIT(27),
			INTERCEPT_MSR = BIT(28),
			INTERCEPT_FERR_FREEZE = BIT(30),
};
#define INTERCEPT_SHUTDOWN BIT(31)

enum vmcb_intercept_2 { /* offset 0x010 */
			INTERCEPT_VMRUN = BIT(0),
			INTERCEPT_VMMCALL = BIT(1),
			INTERCEPT_VMLOAD = BIT(2),
			INTERCEPT_VMSAVE = BIT(3),
			INTERCEPT_STGI = BIT(4),
			INTERCEPT_CLGI = BIT(5),
			INTERCEPT_SKINIT = BIT(6),
			INTERCEPT_MONITOR = BIT(10),
			INTERCEPT_MWAIT = BIT(11),
			INTERCEPT_MWAIT_ARMED = BIT(12),
			INTERCEPT_XSETBV = BIT(13),
			INTERCEPT_RDPRU = BIT(14),
};

enum vmcb_intercept_3 { /* offset 0x014 */
			INTERCEPT_INVLPGB = BIT(0),
			INTERCEPT_INVLPGB_ILLEGAL = BIT(1),
			INTERCEPT_MCOMMIT = BIT(3),
			INTERCEPT_TLBSYNC = BIT(4),
};

enum vmcb_tlb_control { TLB_KEEP = 0, TLB_FLUSH_ALL = 1 };

#define VMCB_NESTED_PAGING BIT(0)
#define VMCB_INTERRUPT_SHADOW BIT(0)

/* EXITINFO1 of IOIO, section 15.10.2. */
#define IOIO_IN BIT(0)
#define IOIO_STRING BIT(2)
#define IOIO_WIDTH_SHIFT 4 /* bits 6:4: the width in bytes */
#define IOIO_WIDTH_MASK 7
#define IOIO_PORT_SHIFT 16

/* EXITINFO1 of a nested page fault, section 15.25.6. */
#define NPF_WRITE BIT(1)
#define NPF_FETCH BIT(4)
#define NPF_WALK BIT(33)

enum vmexit_code {
	VMEXIT_EXCEPTION = 0x40,
	VMEXIT_EXCEPTION_LAST = 0x5f,
	VMEXIT_NMI = 0x61,
	VMEXIT_RDPMC = 0x6f,
	VMEXIT_CPUID = 0x72,
	VMEXIT_INVD = 0x76,
	VMEXIT_INVLPGA = 0x7a,
	VMEXIT_IOIO = 0x7b,
	VMEXIT_MSR = 0x7c,
	VMEXIT_SHUTDOWN = 0x7f,
	VMEXIT_VMRUN = 0x80,
	VMEXIT_VMMCALL = 0x81,
	VMEXIT_VMLOAD = 0x82,
	VMEXIT_SKINIT = 0x86,
	VMEXIT_MONITOR = 0x8a,
	VMEXIT_MWAIT_ARMED = 0x8c,
	VMEXIT_XSETBV = 0x8d,
	VMEXIT_RDPRU = 0x8e,
	VMEXIT_INVLPGB = 0xa0,
	VMEXIT_TLBSYNC = 0xa4,
	VMEXIT_NPF = 0x400,
};
#define VMEXIT_INVALID UINT64_MAX

_Static_assert(sizeof(struct segment) == 16 && offsetof(struct segment, base) == 8,
	       "segments are kept as the VMCB has them");

struct vmcb {
	u8 reserved_000[8];
	u32 intercept_exceptions;
	u32 intercept_1;
	u32 intercept_2;
	u32 intercept_3;
	u8 reserved_018[0x40 - 0x18];
	u64 io_permissions;
	u64 msr_permissions;
	u64 tsc_offset;
	u32 asid;
	u32 tlb_control;
	u64 virtual_interrupt;
	u64 interrupt_shadow;
	u64 exit_code;
	u64 exit_info_1;
	u64 exit_info_2;
	u64 exit_interrupt;
	u64 nested_control;
	u8 reserved_098[0xa8 - 0x98];
	u64 event_injection;
	u64 nested_cr3;
	u8 reserved_0b8[0xc8 - 0xb8];
	u64 next_rip;
	u8 reserved_0d0[0x400 - 0xd0];

	/* State save area. */
	struct segment segments[SEG_GS + 1], gdtr, ldtr, idtr, tr;
	u8 reserved_4a0[0x4cb - 0x4a0];
	u8 cpl;
	u32 reserved_4cc;
	u64 efer;
	u8 reserved_4d8[0x548 - 0x4d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved_580[0x5d8 - 0x580];
	u64 rsp;
	u8 reserved_5e0[0x5f8 - 0x5e0];
	u64 rax;
	u64 star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip,
		cr2;
	u8 reserved_648[0x668 - 0x648];
	u64 guest_pat;
	u8 reserved_670[0x6e0 - 0x670];
	u64 spec_ctrl;
	u8 reserved_6e8[0x1000 - 0x6e8];
};
_Static_assert(sizeof(struct vmcb) == 0x1000, "one page");
_Static_assert(offsetof(struct vmcb, io_permissions) == 0x40, "IOPM_BASE_PA");
_Static_assert(offsetof(struct vmcb, event_injection) == 0xa8, "EVENTINJ");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "nRIP");
_Static_assert(offsetof(struct vmcb, segments) == 0x400, "state save area");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "EFER");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "RIP");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "RAX");
_Static_assert(offsetof(struct vmcb, guest_pat) == 0x668, "G_PAT");
_Static_assert(offsetof(struct vmcb, spec_ctrl) == 0x6e0, "SPEC_CTRL");
