/* SPDX-License-Identifier: Apache-2.0 */
/* `bulkhead groups`: isolation groups with reasons, as the console prints them, as JSON or as a graph. */
#include "command.h"
#include "machine.h"
#include <string.h>

#define TEXT_SIZE 512

static void print_console(const struct inventory *inventory) {
	char text[TEXT_SIZE];

	for (u32 g = 0; g < inventory->group_count; g++) {
		const struct group *group = &inventory->groups[g];

		printf("bulkhead: group %u:", g);
		for (u32 i = 0; i < group->member_count; i++)
			printf(" %s",
			       pci_text(text, inventory->functions[group->members[i]].address));
		printf("\n");
		for (u32 i = 0; i < group->reason_count; i++)
			printf("bulkhead: group %u: because %s\n", g,
			       group_reason_text(inventory, &group->reasons[i], text,
						 sizeof(text)));
	}
}

static void json_string(const char *text) {
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

static void json_address(const struct inventory *inventory, u32 function) {
	char text[PCI_TEXT_SIZE];

	if (function == NONE)
		printf("null");
	else
		json_string(pci_text(text, inventory->functions[function].address));
}

static void json_reason(const struct inventory *inventory, const struct group_reason *reason) {
	char text[TEXT_SIZE];

	printf("{\"rule\":\"%s\",\"at\":", group_rule_name(reason->rule));
	json_address(inventory, reason->at);
	printf(",\"functions\":[");
	json_address(inventory, reason->first);
	putchar(',');
	json_address(inventory, reason->second);
	printf("],\"text\":");
	json_string(group_reason_text(inventory, reason, text, sizeof(text)));
	putchar('}');
}

static void print_json(const struct inventory *inventory) {
	printf("{\"groups\":[");
	for (u32 g = 0; g < inventory->group_count; g++) {
		const struct group *group = &inventory->groups[g];

		printf("%s{\"id\":%u,\"functions\":[", g ? "," : "", g);
		for (u32 i = 0; i < group->member_count; i++) {
			printf("%s", i ? "," : "");
			json_address(inventory, group->members[i]);
		}
		printf("],\"reasons\":[");
		for (u32 i = 0; i < group->reason_count; i++) {
			printf("%s", i ? "," : "");
			json_reason(inventory, &group->reasons[i]);
		}
		printf("]}");
	}
	printf("]}\n");
}

static void print_dot(const struct inventory *inventory) {
	char text[PCI_TEXT_SIZE];

	printf("digraph machine {\n\trankdir=LR;\n\tnode [shape=box, style=filled];\n");
	for (u32 i = 0; i < inventory->function_count; i++) {
		const struct pci_function *f = &inventory->functions[i];

		/* Steps of the golden ratio keep the hues of neighbouring numbers apart. */
		printf("\tf%u [label=\"%s\\n%04x:%04x group %u\", fillcolor=\"0.%03u 0.35 1.0\"];\n",
		       i, pci_text(text, f->address), f->vendor, f->device, f->group,
		       f->group * 618 % 1000);
		if (f->parent != NONE)
			printf("\tf%u -> f%u;\n", f->parent, i);
	}
	printf("}\n");
}

int command_groups(int argc, char **argv) {
	struct machine_options options = {.lspci = NULL};
	void (*print)(const struct inventory *inventory) = print_console;
	struct machine machine;
	int status = COMMAND_FAILED;

	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			print = print_json;
		else if (!strcmp(argv[i], "--dot"))
			print = print_dot;
		else if (!machine_option(&options, argc, argv, &i))
			return COMMAND_WRONG_USE;
	}
	if (machine_load(&machine, &options)) {
		if (groups_derive(&machine.inventory, NULL, 0)) {
			machine_print_warnings(&machine);
			print(&machine.inventory);
			status = fflush(stdout) ? COMMAND_FAILED : COMMAND_FINE;
		} else {
			fprintf(stderr, "bulkhead: no memory\n");
		}
	}
	machine_free(&machine);
	return status;
}
