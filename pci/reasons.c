/* SPDX-License-Identifier: Apache-2.0 */
#include "quirks.h"
#include "scan.h"
#include "text.h"

/*
 * How a reason is told: "WHAT 0000:00:1c.4 CONSEQUENCE" about the function to blame, with the state of
 * its ACS in between where that matters; or "0000:05:00.0 and 0000:06:00.0 CONSEQUENCE".
 */
static const struct wording {
	const char *name;
	bool of_pair;
	bool tells_acs;
	const char *what;
	const char *consequence;
} wordings[] = {
	[GROUP_ACS_MISSING] = {"acs-missing", false, true, "port ",
			       ": requests below it may turn round there"},
	[GROUP_SWITCH_PEERS] = {"switch-peers", false, true, "switch port ",
				": requests below it may go straight to the switch's other ports "
				"(Linux overlooks this)"},
	[GROUP_BRIDGE] = {"bridge", false, false, "bridge ",
			  " hides who sends: what is behind it shares a bus and a requester ID"},
	[GROUP_MULTIFUNCTION] = {"multifunction", true, false, "",
				 " are functions of one device without ACS: they may reach each "
				 "other inside it"},
	[GROUP_ALIAS] = {"alias", true, false, "", " send with one requester ID"},
	[GROUP_REAL_DMA] = {"real-dma", false, false, "requests from behind controller ",
			    " carry its requester ID"},
	[GROUP_RESERVED_MEMORY] = {"reserved-memory", true, false, "",
				   " have memory in common that firmware reserves for them (Linux "
				   "allows this)"},
	[GROUP_VIRTUAL_FUNCTION] = {"virtual-function", false, true, "virtual function ",
				    ": it may reach its physical function"},
	[GROUP_TRUSTED_PORT] = {"trusted-port", false, true, "port ",
				": the file trusts it, so only what is directly below goes with "
				"it"},
};

const char *group_rule_name(enum group_rule rule) {
	return (u32)rule < ARRAY_SIZE(wordings) ? wordings[rule].name : "unknown";
}

/* "has no ACS", or which of its controls are not as they must be. */
static void say_acs(const struct pci_function *f, struct text_sink *out) {
	if (f->quirks & QUIRK_OPEN)
		text_print(out, " is known not to isolate");
	else if (f->pcie_type == PCIE_NONE)
		text_print(out, " is conventional PCI");
	else if (!acs_controls_fail(f))
		text_print(out, " has no ACS%s",
			   f->config_size == PCI_CONFIG_SIZE ? " that can be seen" : "");
	else {
		text_print(out, " has ACS with ");
		acs_say(acs_missing(f), out);
	}
}

static void say(const struct inventory *inventory, const struct group_reason *reason,
		struct text_sink *out) {
	const struct wording *wording = &wordings[reason->rule];
	const struct pci_function *functions = inventory->functions;
	/* Whose fault it is, as far as it is anybody's. */
	const struct pci_function *f = &functions[reason->at == NONE ? reason->first : reason->at];
	char at[PCI_TEXT_SIZE], first[PCI_TEXT_SIZE], second[PCI_TEXT_SIZE];

	pci_text(at, f->address);
	pci_text(first, functions[reason->first].address);
	pci_text(second, functions[reason->second].address);
	/* Of pairs on two buses only a bridge and what it takes along have the first to blame. */
	if (wording->of_pair && reason->at == reason->first &&
	    functions[reason->first].address.bus != functions[reason->second].address.bus) {
		text_print(out, "%s is reached through %s, which is in this group", second, first);
	} else if (reason->rule == GROUP_MULTIFUNCTION && acs_controls_fail(f)) {
		text_print(out, "%s", at);
		say_acs(f, out);
		text_print(out, ": it may reach %s inside their device", second);
	} else if (reason->rule == GROUP_SWITCH_PEERS && reason->at == reason->second) {
		text_print(out, "%s %s", at,
			   f->pcie_type == PCIE_DOWNSTREAM_PORT && pci_is_bridge(f)
				   ? "sends inside a switch with other requester IDs, too"
				   : "sits inside a switch without being one of its ports");
	} else if (wording->of_pair) {
		text_print(out, "%s and %s%s", first, second, wording->consequence);
	} else {
		text_print(out, "%s%s", wording->what, at);
		if (wording->tells_acs)
			say_acs(f, out);
		text_print(out, "%s", wording->consequence);
	}
}

char *group_reason_text(const struct inventory *inventory, const struct group_reason *reason,
			char *text, size_t size) {
	struct text_buffer buffer;

	text_buffer_init(&buffer, text, size);
	say(inventory, reason, &buffer.sink);
	return text;
}
