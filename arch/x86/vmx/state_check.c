/* SPDX-License-Identifier: Apache-2.0 */
#include "vmx.h"

#define RFLAGS_RESERVED (BITS(63, 22) | BIT(15) | BIT(5) | BIT(3))
#define RFLAGS_VM BIT(17)
#define SEGMENT_TYPE BITS(3, 0)
#define SEGMENT_GRANULAR BIT(11)
#define TYPE_LDT 2
#define TYPE_TSS_BUSY_16 3
#define TYPE_TSS_BUSY 11

static bool is_canonical(u64 address) {
	return (u64)((s64)(address << 16) >> 16) == address;
}

/* A limit is in pages when it does not fit into 20 bits, and only then may say so. */
static bool limit_is_wrong(const struct segment *s) {
	bool granular = s->attributes & SEGMENT_GRANULAR;

	return s->attributes & SEGMENT_PRESENT &&
	       (granular ? (s->limit & BITS(11, 0)) != BITS(11, 0) : s->limit >> 20 != 0);
}

const char *vmx_state_fault(const struct vcpu_state *state) {
	const struct segment *s = state->segments, *cs = &s[SEG_CS], *tr = &s[SEG_TR];
	bool paging = state->cr0 & CR0_PG, lma = state->efer & EFER_LMA;
	u32 tss = tr->attributes & SEGMENT_TYPE;
	const struct {
		bool wrong;
		const char *words;
	} checks[] = {
		{paging && !(state->cr0 & CR0_PE), "CR0 has paging without protection"},
		{state->cr0 >> 32, "CR0 has reserved bits"},
		{lma && !(paging && state->cr4 & CR4_PAE), "EFER.LMA without paging or CR4.PAE"},
		{lma != (paging && state->efer & EFER_LME), "EFER.LMA is not EFER.LME with paging"},
		{state->efer & ~(guest_efer() | EFER_LMA), "EFER has reserved bits"},
		{state->cr3 & ~BITS(51, 0), "CR3 is beyond physical memory"},
		{state->rflags & RFLAGS_RESERVED || !(state->rflags & RFLAGS_FIXED),
		 "RFLAGS has reserved bits"},
		{state->rflags & RFLAGS_VM && (lma || !(state->cr0 & CR0_PE)),
		 "RFLAGS.VM outside protected mode"},
		{lma && cs->attributes & SEGMENT_LONG && cs->attributes & SEGMENT_DEFAULT_32,
		 "CS is both 64-bit and 32-bit"},
		/* In 64-bit code any RIP may be entered; if it is no address it faults then. */
		{!(lma && cs->attributes & SEGMENT_LONG) && state->rip >> 32, "RIP is not in CS"},
		{!(cs->attributes & SEGMENT_PRESENT), "CS is not present"},
		{!(tr->attributes & SEGMENT_PRESENT) ||
			 (tss != TYPE_TSS_BUSY && (lma || tss != TYPE_TSS_BUSY_16)),
		 "TR is no busy TSS"},
		{s[SEG_LDTR].attributes & SEGMENT_PRESENT &&
			 (s[SEG_LDTR].attributes & SEGMENT_TYPE) != TYPE_LDT,
		 "LDTR is no LDT"},
		{!is_canonical(tr->base) || !is_canonical(state->gdtr.base) ||
			 !is_canonical(state->idtr.base),
		 "a base is not canonical"},
		{(state->gdtr.limit | state->idtr.limit) >> 16,
		 "GDTR or IDTR has a limit of over 16 bits"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(checks); i++)
		if (checks[i].wrong)
			return checks[i].words;
	for (u32 i = 0; i < SEG_COUNT; i++)
		if (limit_is_wrong(&s[i]))
			return "a segment's limit and granularity do not fit";
	return NULL;
}
