/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "guest.h"

/* Virtual-machine control structure: Intel SDM volume 3, chapter 25 and appendix B. */

/* Selectors, limits, access rights and bases follow each other in steps of 2, in the order of enum segment_name. */
enum vmcs_field {
	VMCS_VPID = 0x0000,
	VMCS_GUEST_SELECTOR = 0x0800,
	VMCS_HOST_CS = 0x0c02,
	VMCS_HOST_TR = 0x0c0c,
	VMCS_MSR_MAP = 0x2004,
	VMCS_EPT_POINTER = 0x201a,
	VMCS_XSS_EXITING = 0x202c,
	VMCS_ENCLS_EXITING = 0x202e,
	VMCS_ENCLV_EXITING = 0x2036,
	VMCS_GUEST_PHYSICAL = 0x2400,
	VMCS_LINK = 0x2800,
	VMCS_GUEST_PAT = 0x2804,
	VMCS_GUEST_EFER = 0x2806,
	VMCS_HOST_PAT = 0x2c00,
	VMCS_HOST_EFER = 0x2c02,
	VMCS_PIN = 0x4000,
	VMCS_PROCESSOR = 0x4002,
	VMCS_EXCEPTIONS = 0x4004,
	VMCS_EXIT = 0x400c,
	VMCS_ENTRY = 0x4012,
	VMCS_ENTRY_EVENT = 0x4016,
	VMCS_ENTRY_ERROR = 0x4018,
	VMCS_SECONDARY = 0x401e,
	VMCS_INSTRUCTION_ERROR = 0x4400,
	VMCS_EXIT_REASON = 0x4402,
	VMCS_EXIT_EVENT = 0x4404,
	VMCS_EXIT_ERROR = 0x4406,
	VMCS_INTERRUPTED_EVENT = 0x4408,
	VMCS_INTERRUPTED_ERROR = 0x440a,
	VMCS_EXIT_LENGTH = 0x440c,
	VMCS_GUEST_LIMIT = 0x4800, /* GDTR and IDTR after the segments */
	VMCS_GUEST_RIGHTS = 0x4814,
	VMCS_GUEST_SHADOW = 0x4824,
	VMCS_CR0_MASK = 0x6000,
	VMCS_CR4_MASK = 0x6002,
	VMCS_CR0_SHADOW = 0x6004,
	VMCS_CR4_SHADOW = 0x6006,
	VMCS_QUALIFICATION = 0x6400,
	VMCS_GUEST_CR0 = 0x6800,
	VMCS_GUEST_CR3 = 0x6802,
	VMCS_GUEST_CR4 = 0x6804,
	VMCS_GUEST_BASE = 0x6806, /* GDTR and IDTR after the segments */
	VMCS_GUEST_DR7 = 0x681a,
	VMCS_GUEST_RSP = 0x681c,
	VMCS_GUEST_RIP = 0x681e,
	VMCS_GUEST_RFLAGS = 0x6820,
	VMCS_PENDING_DEBUG = 0x6822,
	VMCS_HOST_CR0 = 0x6c00,
	VMCS_HOST_CR3 = 0x6c02,
	VMCS_HOST_CR4 = 0x6c04,
	VMCS_HOST_TR_BASE = 0x6c0a,
	VMCS_HOST_GDTR_BASE = 0x6c0c,
	VMCS_HOST_IDTR_BASE = 0x6c0e,
	VMCS_HOST_RIP = 0x6c16,
};
#define VMCS_STEP 2

/* Fields that are 0 when a guest starts, from the first to the last of neighbours. */
struct vmcs_fields {
	u16 first, last;
};
static const struct vmcs_fields vmcs_zero[] = {
	{0x0c00, 0x0c00}, /* host ES */
	{0x0c04, 0x0c0a}, /* host SS to GS: no selector is needed in 64-bit mode */
	{0x2010, 0x2010}, /* TSC offset */
	{0x2802, 0x2802}, /* guest IA32_DEBUGCTL */
	{0x4006, 0x400a}, /* page-fault mask and match, count of CR3 targets */
	{0x400e, 0x4010}, /* counts of MSRs that exits store and load */
	{0x4014, 0x4014}, /* count of MSRs that entries load */
	{0x4824, 0x4826}, /* guest interrupt shadow, activity */
	{0x482a, 0x482a}, /* guest SYSENTER_CS */
	{0x4c00, 0x4c00}, /* host SYSENTER_CS */
	{0x6822, 0x6826}, /* guest pending debug exceptions, SYSENTER_ESP and EIP */
	{0x6c06, 0x6c08}, /* host FS and GS base */
	{0x6c10, 0x6c12}, /* host SYSENTER_ESP and EIP */
};
_Static_assert(VMCS_GUEST_LIMIT + VMCS_STEP * (SEG_COUNT + 2) == VMCS_GUEST_RIGHTS, "GDTR, IDTR");
_Static_assert(VMCS_GUEST_BASE + VMCS_STEP * (SEG_COUNT + 2) == VMCS_GUEST_DR7, "GDTR, IDTR");

/* Section 25.4.1: access rights; the gap in the middle is closed in struct segment. */
#define RIGHTS_LOW BITS(7, 0)
#define RIGHTS_HIGH BITS(15, 12)
#define RIGHTS_LONG BIT(13)
#define RIGHTS_GAP 4
#define RIGHTS_UNUSABLE BIT(16)

#define SEGMENT_PRESENT BIT(7)

/* Section 25.6.11: write-back tables of four levels. */
#define EPT_POINTER_FLAGS (6 | 3 << 3)

#define ENTRY_IA32E BIT(9)
/* Section 25.4.2: by STI, by MOV SS. */
#define SHADOW_INTERRUPTS BITS(1, 0)
#define PENDING_SINGLE_STEP BIT(14)
#define DR7_GD BIT(13)

/* Appendix C. */
enum vmx_exit_reason {
	VMX_EXIT_EXCEPTION = 0,
	VMX_EXIT_TRIPLE_FAULT = 2,
	VMX_EXIT_TASK_SWITCH = 9,
	VMX_EXIT_CPUID = 10,
	VMX_EXIT_GETSEC = 11,
	VMX_EXIT_INVD = 13,
	VMX_EXIT_RDPMC = 15,
	VMX_EXIT_RSM = 17,
	VMX_EXIT_VMCALL = 18,
	VMX_EXIT_VMXON = 27,
	VMX_EXIT_CONTROL_REGISTER = 28,
	VMX_EXIT_IO = 30,
	VMX_EXIT_RDMSR = 31,
	VMX_EXIT_WRMSR = 32,
	VMX_EXIT_MWAIT = 36,
	VMX_EXIT_MONITOR = 39,
	VMX_EXIT_EPT_VIOLATION = 48,
	VMX_EXIT_INVEPT = 50,
	VMX_EXIT_INVVPID = 53,
	VMX_EXIT_XSETBV = 55,
	VMX_EXIT_ENCLS = 60,
	VMX_EXIT_XSAVES = 63,
	VMX_EXIT_XRSTORS = 64,
	VMX_EXIT_ENCLV = 70,
	VMX_EXIT_SEAMCALL = 76,
	VMX_EXIT_TDCALL = 77,
};
#define EXIT_REASON_CODE BITS(15, 0)
#define EXIT_ENTRY_FAILED BIT(31)

/* Section 28.2.1: exit qualifications. */
#define EVENT_BITS (EVENT_VALID | BITS(11, 0)) /* others may be undefined */
#define EVENT_TYPE_NMI (2ull << 8)
#define DEBUG_HITS BITS(3, 0)
#define DEBUG_DR6 (BITS(3, 0) | BITS(14, 13))
#define IO_WIDTH BITS(2, 0) /* bytes less 1 */
#define IO_IN BIT(3)
#define IO_STRING BIT(4)
#define IO_PORT_SHIFT 16
#define CONTROL_NUMBER BITS(3, 0)
#define CONTROL_GPR_SHIFT 8
#define CONTROL_GPR BITS(3, 0)
#define EPT_WRITE BIT(1)
#define EPT_FETCH BIT(2)
#define EPT_TRANSLATED BIT(8) /* the guest's own tables were left behind */
