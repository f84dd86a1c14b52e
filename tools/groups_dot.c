/* SPDX-License-Identifier: Apache-2.0 */
/* `bulkhead groups --dot`: a picture for a report. */
#include "groups.h"
#include <stdio.h>
#include <stdlib.h>

#define ALONE "#f2f2f2"
#define LEGEND_MOST 12 /* groups whose reasons are told */

/* Text inside of Graphviz's HTML. */
static void html(const char *text) {
	for (; *text; text++) {
		switch (*text) {
		case '&': printf("&amp;"); break;
		case '<': printf("&lt;"); break;
		case '>': printf("&gt;"); break;
		case '"': printf("&quot;"); break;
		default: putchar((unsigned char)*text < ' ' ? ' ' : *text);
		}
	}
}

struct picture {
	const struct inventory *inventory;
	struct libpci_names *names;
	u32 *hues; /* by group, in 1/1000; NONE: it is alone */
};

/* Steps of the golden ratio keep the hues of groups that follow each other apart. */
static bool choose_hues(struct picture *p) {
	u32 count = p->inventory->group_count, hue = 0;

	p->hues = calloc(count + 1, sizeof(*p->hues));
	for (u32 g = 0; p->hues && g < count; g++) {
		p->hues[g] = NONE;
		if (p->inventory->groups[g].member_count > 1)
			p->hues[g] = (hue += 618) % 1000;
	}
	return p->hues;
}

static void print_colour(const struct picture *p, u32 group) {
	if (p->hues[group] == NONE)
		printf("\"" ALONE "\"");
	else
		printf("\"0.%03u 0.38 1.0\"", p->hues[group]);
}

static void print_function(const struct picture *p, u32 index) {
	const struct inventory *inventory = p->inventory;
	const struct pci_function *f = &inventory->functions[index];
	struct function_words words;
	char text[PCI_TEXT_SIZE];

	function_words(inventory, index, p->names, &words);
	printf("\tf%u [fillcolor=", index);
	print_colour(p, f->group);
	if (words.open)
		printf(", color=\"#c00000\", penwidth=2.5, style=\"filled,dashed\"");
	printf(", label=<<b>%s</b>  group %u<br/>", pci_text(text, f->address), f->group);
	html(words.kind);
	if (words.open)
		printf(", <font color=\"#c00000\"><b>%s</b></font>", words.isolation);
	printf("<br/><font point-size=\"9\">");
	html(words.name);
	printf("</font>>];\n");
	if (f->parent != NONE)
		printf("\tf%u -> f%u;\n", f->parent, index);
	else
		printf("\troot_%04x_%02x -> f%u;\n", f->address.segment, f->address.bus, index);
}

static void print_roots(const struct inventory *inventory) {
	u32 previous = NONE;

	for (u32 i = 0; i < inventory->function_count; i++) {
		const struct pci_function *f = &inventory->functions[i];
		u32 bus = pci_key(f->address) >> 8;

		if (f->parent != NONE || bus == previous)
			continue;
		previous = bus;
		printf("\troot_%04x_%02x [shape=ellipse, fillcolor=white, label=<<b>root bus "
		       "%04x:%02x</b>>];\n",
		       f->address.segment, f->address.bus, f->address.segment, f->address.bus);
	}
}

static void print_legend(const struct picture *p, bool incomplete) {
	const struct inventory *inventory = p->inventory;
	char text[REASON_SIZE];
	u32 told = 0;

	printf("\tlabel=<<table border=\"0\" cellborder=\"0\" cellspacing=\"2\" cellpadding=\"3\">\n");
	groups_summary(inventory, text, sizeof(text));
	printf("\t<tr><td colspan=\"2\" align=\"left\"><b>%s</b></td></tr>\n", text);
	if (incomplete)
		printf("\t<tr><td colspan=\"2\" align=\"left\">An upper bound: not all of "
		       "configuration space was seen.</td></tr>\n");
	printf("\t<tr><td bgcolor=\"" ALONE
	       "\" border=\"1\">alone</td><td align=\"left\">a group of "
	       "one function</td></tr>\n");
	printf("\t<tr><td border=\"2\" color=\"#c00000\" style=\"dashed\">port</td><td "
	       "align=\"left\">does not keep apart what is below it</td></tr>\n");
	for (u32 g = 0; g < inventory->group_count; g++) {
		const struct group *group = &inventory->groups[g];

		if (group->member_count == 1 || ++told > LEGEND_MOST)
			continue;
		printf("\t<tr><td border=\"1\" bgcolor=");
		print_colour(p, g);
		printf(">group %u</td><td align=\"left\" balign=\"left\">%u functions", g,
		       group->member_count);
		for (u32 i = 0; i < group->reason_count && i < 3; i++) {
			printf("<br/>%s", i < 2 || group->reason_count == 3 ? "" : "... ");
			if (i < 2 || group->reason_count == 3)
				html(group_reason_text(inventory, &group->reasons[i], text,
						       sizeof(text)));
			else
				printf("and %u more reasons", group->reason_count - 2);
		}
		printf("</td></tr>\n");
	}
	if (told > LEGEND_MOST)
		printf("\t<tr><td></td><td align=\"left\">and %u more groups</td></tr>\n",
		       told - LEGEND_MOST);
	printf("\t</table>>;\n");
}

void groups_dot(struct machine *machine) {
	struct picture p = {.inventory = &machine->inventory, .names = libpci_names_open()};

	printf("digraph groups {\n\trankdir=LR;\n\tordering=out;\n\tlabelloc=b;\n\tlabeljust=l;\n"
	       "\tfontname=\"Helvetica\";\n\tfontsize=11;\n\tnodesep=0.12;\n\tranksep=0.6;\n"
	       "\tnode [shape=box, style=filled, fontname=\"Helvetica\", fontsize=11];\n"
	       "\tedge [arrowhead=none, color=\"#808080\"];\n");
	if (choose_hues(&p)) {
		print_roots(p.inventory);
		for (u32 i = 0; i < p.inventory->function_count; i++)
			print_function(&p, i);
		print_legend(&p, machine->incomplete);
	}
	printf("}\n");
	libpci_names_close(p.names);
	free(p.hues);
}
