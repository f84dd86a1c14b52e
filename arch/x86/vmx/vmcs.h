/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "guest.h"
#include "vmcs_fields.h" /* made of vmcs.txt */

/* Virtual-machine control structure: Intel SDM volume 3, chapter 25 and appendix B. */

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

/* Section 25.6.11: write-back tables of four levels. */
#define EPT_POINTER_FLAGS (6 | 3 << 3)

/* Section 28.2.1: exit qualifications. */
#define EVENT_BITS (EVENT_VALID | BITS(11, 0)) /* others may be undefined */
#define DEBUG_DR6 (BITS(3, 0) | BITS(14, 13))
