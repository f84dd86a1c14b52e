/* SPDX-License-Identifier: Apache-2.0 */
#include "vmx.h"

enum need { NEEDED, PREFERRED, WHERE_PRESENT };

/* Sections 25.6 to 25.8. External-interrupt exiting is not among them: interrupts reach the guest's own table. */
static const struct {
	enum control_set set;
	u8 bit;
	enum need need;
	const char *name;
} wishes[] = {
	{CONTROL_PIN, 3, NEEDED, "NMI exiting"},
	{CONTROL_PROCESSOR, 10, WHERE_PRESENT, "MWAIT exiting"},
	{CONTROL_PROCESSOR, 11, NEEDED, "RDPMC exiting"},
	{CONTROL_PROCESSOR, 25, NEEDED, "I/O bitmaps"},
	{CONTROL_PROCESSOR, 28, NEEDED, "MSR bitmaps"},
	{CONTROL_PROCESSOR, 29, WHERE_PRESENT, "MONITOR exiting"},
	{CONTROL_PROCESSOR, 31, NEEDED, "secondary controls"},
	{CONTROL_SECONDARY, 1, NEEDED, "EPT"},
	{CONTROL_SECONDARY, 3, WHERE_PRESENT, "RDTSCP"},
	{CONTROL_SECONDARY, 5, PREFERRED, "VPID"},
	{CONTROL_SECONDARY, 7, NEEDED, "unrestricted guest"},
	{CONTROL_SECONDARY, 12, WHERE_PRESENT, "INVPCID"},
	{CONTROL_SECONDARY, 15, WHERE_PRESENT, "ENCLS exiting"},
	{CONTROL_SECONDARY, 20, WHERE_PRESENT, "XSAVES"},
	{CONTROL_SECONDARY, 28, WHERE_PRESENT, "ENCLV exiting"},
	{CONTROL_EXIT, 2, NEEDED, "save debug controls"},
	{CONTROL_EXIT, 9, NEEDED, "64-bit host"},
	{CONTROL_EXIT, 18, NEEDED, "save IA32_PAT"},
	{CONTROL_EXIT, 19, NEEDED, "load IA32_PAT on exits"},
	{CONTROL_EXIT, 20, NEEDED, "save IA32_EFER"},
	{CONTROL_EXIT, 21, NEEDED, "load IA32_EFER on exits"},
	{CONTROL_ENTRY, 2, NEEDED, "load debug controls"},
	{CONTROL_ENTRY, 14, NEEDED, "load IA32_PAT on entries"},
	{CONTROL_ENTRY, 15, NEEDED, "load IA32_EFER on entries"},
};

/* Sections A.3.1 to A.5: reserved bits that are 1 everywhere. */
static const u32 reserved[CONTROL_SETS] = {0x16, 0x04006172, 0x36dfb, 0x11fb, 0};
static const char *const set_names[] = {"pin", "processor", "exit", "entry", "secondary"};

bool controls_choose(const u64 capabilities[CONTROL_SETS], u32 controls[CONTROL_SETS],
		     struct text_sink *reason) {
	const char *separator = "";
	bool good = true;

	memset(controls, 0, CONTROL_SETS * sizeof(*controls));
	for (u32 i = 0; i < ARRAY_SIZE(wishes); i++) {
		u32 bit = (u32)BIT(wishes[i].bit);

		if (capabilities[wishes[i].set] >> 32 & bit) {
			controls[wishes[i].set] |= bit;
		} else if (wishes[i].need != WHERE_PRESENT) {
			text_print(reason, "%sthis processor's VT-x has no %s%s", separator,
				   wishes[i].name,
				   wishes[i].need == PREFERRED ? ": every exit costs more" : "");
			separator = "; ";
			good &= wishes[i].need != NEEDED;
		}
	}
	for (u32 set = 0; set < CONTROL_SETS; set++) {
		u32 forced = (u32)capabilities[set];

		if (forced & ~(controls[set] | reserved[set])) {
			text_print(reason, "%sthis processor's VT-x forces %s controls 0x%x",
				   separator, set_names[set],
				   forced & ~(controls[set] | reserved[set]));
			separator = "; ";
			good = false;
		}
		controls[set] |= forced;
	}
	return good;
}
