/* SPDX-License-Identifier: Apache-2.0 */
/* `bulkhead groups --json`. */
#include "groups.h"
#include "json.h"
#include <stdio.h>

void groups_json_address(const struct inventory *inventory, u32 function) {
	char text[PCI_TEXT_SIZE];

	if (function == NONE)
		printf("null");
	else
		json_string(stdout, pci_text(text, inventory->functions[function].address));
}

static void addresses(const struct inventory *inventory, const u32 *functions, u32 count) {
	putchar('[');
	for (u32 i = 0; i < count; i++) {
		printf("%s", i ? "," : "");
		groups_json_address(inventory, functions[i]);
	}
	putchar(']');
}

/* Those in between, of a device without ACS: functions are sorted, so only virtual ones get among them. */
static void between(const struct inventory *inventory, const struct group_reason *reason) {
	for (u32 f = reason->first + 1; f < reason->second; f++) {
		const struct pci_function *function = &inventory->functions[f];

		if (reason->rule != GROUP_MULTIFUNCTION || function->physical != NONE ||
		    function->group != inventory->functions[reason->first].group ||
		    function->address.bus != inventory->functions[reason->second].address.bus ||
		    acs_isolates(function))
			continue;
		groups_json_address(inventory, f);
		putchar(',');
	}
}

void groups_json_reason(const struct inventory *inventory, const struct group_reason *reason) {
	char text[REASON_SIZE];

	printf("{\"rule\":\"%s\",\"at\":", group_rule_name(reason->rule));
	groups_json_address(inventory, reason->at);
	printf(",\"functions\":[");
	groups_json_address(inventory, reason->first);
	putchar(',');
	between(inventory, reason);
	groups_json_address(inventory, reason->second);
	printf("],\"text\":");
	json_string(stdout, group_reason_text(inventory, reason, text, sizeof(text)));
	putchar('}');
}

static void print_group(struct machine *machine, u32 index) {
	struct inventory *inventory = &machine->inventory;
	const struct group *group = &inventory->groups[index];
	u32 ports[GROUP_SPLIT_MAX];
	u32 count = group_split(inventory, machine->preview.trusts, machine->preview.trust_count,
				index, ports);

	printf("%s{\"id\":%u,\"functions\":", index ? "," : "", index);
	addresses(inventory, group->members, group->member_count);
	printf(",\"reasons\":[");
	for (u32 i = 0; i < group->reason_count; i++) {
		printf("%s", i ? "," : "");
		groups_json_reason(inventory, &group->reasons[i]);
	}
	putchar(']');
	if (count) {
		printf(",\"trust\":");
		addresses(inventory, ports, count);
	}
	putchar('}');
}

void groups_json(struct machine *machine) {
	printf("{\"groups\":[");
	for (u32 g = 0; g < machine->inventory.group_count; g++)
		print_group(machine, g);
	printf("]%s}\n", machine->incomplete ? ",\"upper_bound\":true" : "");
}
