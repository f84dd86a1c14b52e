/* SPDX-License-Identifier: Apache-2.0 */
#include "quirks.h"
#include "scan.h"
#include "text.h"

/* Made of reasons.txt. */
static const struct wording {
	const char *name, *words;
} wordings[] = {
#include "reasons.h"
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
