/* SPDX-License-Identifier: Apache-2.0 */
#include "quirks.h"
#include "scan.h"
#include "text.h"

/*
 * How a reason is told. "@" is the function to blame, "!" the state of its ACS, "<" the first of the two
 * functions that a reason is about, and ">" the second.
 */
static const struct wording {
	const char *name, *words;
} wordings[] = {
	[GROUP_ACS_MISSING] = {"acs-missing", "port @!: requests below it may turn round there"},
	[GROUP_SWITCH_PEERS] = {"switch-peers",
				"switch port @!: requests below it may go straight to the "
				"switch's other ports (Linux overlooks this)"},
	[GROUP_BRIDGE] = {"bridge",
			  "bridge @ hides who sends: what is behind it shares a bus and a "
			  "requester ID"},
	[GROUP_MULTIFUNCTION] = {"multifunction",
				 "< to > are functions of one device: those without ACS may reach "
				 "each other inside it"},
	[GROUP_ALIAS] = {"alias", "< and > send with one requester ID"},
	[GROUP_REAL_DMA] = {"real-dma", "requests from behind controller @ carry its requester ID"},
	[GROUP_RESERVED_MEMORY] = {"reserved-memory",
				   "< and > have memory in common that firmware reserves for them "
				   "(Linux allows this)"},
	[GROUP_VIRTUAL_FUNCTION] = {"virtual-function",
				    "virtual function @!: it may reach its physical function"},
	[GROUP_TRUSTED_PORT] = {"trusted-port",
				"port @!: the file trusts it, so only what is directly below "
				"goes with it"},
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

static const char *words_of(const struct group_reason *reason, const struct pci_function *at,
			    const struct pci_function *second) {
	const char *words = wordings[reason->rule].words;

	/* Of pairs on two buses only a bridge and what it takes along have the first to blame. */
	if (*words == '<' && reason->at == reason->first && at->address.bus != second->address.bus)
		return "> is reached through <, which is in this group";
	if (reason->rule == GROUP_MULTIFUNCTION && acs_controls_fail(at))
		return "@!: it may reach > inside their device";
	if (reason->rule != GROUP_SWITCH_PEERS || at != second)
		return words;
	return at->pcie_type == PCIE_DOWNSTREAM_PORT && pci_is_bridge(at)
		       ? "@ sends inside a switch with other requester IDs, too"
		       : "@ sits inside a switch without being one of its ports";
}

char *group_reason_text(const struct inventory *inventory, const struct group_reason *reason,
			char *text, size_t size) {
	const struct pci_function *functions = inventory->functions;
	const struct pci_function *first = &functions[reason->first];
	const struct pci_function *second = &functions[reason->second];
	/* Whose fault it is, as far as it is anybody's. */
	const struct pci_function *at = reason->at == NONE ? first : &functions[reason->at];
	struct text_buffer buffer = text_buffer(text, size);

	for (const char *words = words_of(reason, at, second); *words; words++)
		switch (*words) {
		case '@': text_print(&buffer.sink, "%s", ADDRESS(at->address)); break;
		case '<': text_print(&buffer.sink, "%s", ADDRESS(first->address)); break;
		case '>': text_print(&buffer.sink, "%s", ADDRESS(second->address)); break;
		case '!': say_acs(at, &buffer.sink); break;
		default: buffer.sink.put(&buffer.sink, words, 1);
		}
	return text;
}
