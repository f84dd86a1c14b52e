/* SPDX-License-Identifier: Apache-2.0 */
#include "reset.h"
#include "survey.h"

#define MEMORY_LEAST (64 * MIB)
#define MEMORY_MOST (512 * MIB)
#define WORDS_SIZE 512

/* Made of kinds.txt; the last row is all else. */
static const struct device_kind kinds[] = {
#include "kinds.h"
};

const struct device_kind *device_kind(const struct pci_function *f) {
	const struct device_kind *kind = kinds;

	while ((pci_class(f) & kind->mask) != kind->class)
		kind++;
	return kind;
}

struct proposal {
	struct inventory *inventory;
	const struct device_names *names;
	struct text_sink *out;
	u64 memory; /* for each partition */
	u32 first_cpu, next_cpu;
	u32 left; /* partitions that there is room for */
};

/* The next processor, of a core that none from FIRST on has had (rule core-shared). */
static u32 next_core(const struct inventory *inventory, u32 first, u32 cpu) {
	const struct cpu_info *cpus = inventory->cpus;

	for (bool had = true; had && ++cpu < inventory->cpu_count;) {
		had = false;
		for (u32 i = first; inventory->thread_bits && i < cpu; i++)
			had |= !((cpus[i].apic_id ^ cpus[cpu].apic_id) >> inventory->thread_bits);
	}
	return cpu;
}

/* MARK makes its lines comments. */
static void print_partition(struct proposal *p, const char *kind, u32 number, const char *mark) {
	text_print(p->out,
		   "%s[partition %s%u]\n%scpus    = %u\n%smemory  = %lluM\n%skernel  = vmlinuz\n"
		   "%sinitrd  = initrd.img\n%scmdline = console=ttyS0\n",
		   mark, kind, number, mark, p->next_cpu, mark, p->memory / MIB, mark, mark, mark);
	if (*mark)
		return;
	p->next_cpu = next_core(p->inventory, p->first_cpu, p->next_cpu);
	p->left--;
}

static void print_member(const struct proposal *p, u32 index) {
	const struct pci_function *f = &p->inventory->functions[index];
	const char *refusal = pci_refusal(p->inventory, index), *name = NULL;
	char text[WORDS_SIZE];

	if (p->names)
		name = p->names->find(p->names, f, text, sizeof(text));
	text_print(p->out, "# %s: %s %04x:%04x%s%s%s%s\n", ADDRESS(f->address),
		   device_kind(f)->name, f->vendor, f->device, name ? " " : "", name ? name : "",
		   refusal ? ", which " : "", refusal ? refusal : "");
}

static void print_group(struct proposal *p, u32 index) {
	const struct group *group = &p->inventory->groups[index];
	const struct pci_function *functions = p->inventory->functions;
	const char *doubt = NULL, *mark, *no_reset = "";
	char obstacle[WORDS_SIZE];
	u32 best = survey_obstacle(p->inventory, index, obstacle, sizeof(obstacle));

	if (best == NONE)
		return;
	if (!p->left)
		doubt = "no processor or memory is left for it: take some from another partition";
	text_print(p->out, "\n# Group %u\n", index);
	for (u32 i = 0; i < group->member_count; i++) {
		u32 member = group->members[i];

		if (pci_is_bridge(&functions[member]))
			continue;
		print_member(p, member);
		if (pci_assignable(p->inventory, member) &&
		    pci_reset_method(p->inventory, member) == RESET_NONE) {
			doubt = "nothing resets all of it: what was left in it before stays there";
			no_reset = "# no-reset = accept\n";
		}
		if (device_kind(&functions[member])->chipset)
			doubt = "the machine itself may need what this group holds, and a guest "
				"could disturb it";
	}
	if (*obstacle) {
		text_print(p->out, "# Not offered: %s.\n", obstacle);
		return;
	}
	if (doubt)
		text_print(p->out, "# Only an offer: %s.\n", doubt);
	mark = doubt ? "# " : "";
	print_partition(p, device_kind(&functions[best])->name, index, mark);
	text_print(p->out, "%sgroup   = %s\n%s", mark, ADDRESS(functions[best].address), no_reset);
}

static void print_hypervisor(struct inventory *inventory, struct text_sink *out) {
	u32 ports[GROUP_SPLIT_MAX];

	text_print(out,
		   "# A file to start from. Lay it beside the image as bulkhead.conf, with the "
		   "kernel and\n# the initial RAM disk that it names. What is behind # is an "
		   "offer, or words.\n\n[hypervisor]\nconsole   = com1\nwhen-idle = halt\n");
	for (u32 g = 0; g < inventory->group_count; g++) {
		u32 count = group_split(inventory, NULL, 0, g, ports);

		for (u32 i = 0; i < count; i++)
			text_print(
				out,
				"# trust = %s less isolation: one of %u ports that hold group %u together\n",
				ADDRESS(inventory->functions[ports[i]].address), count, g);
	}
	for (u32 i = 0; i < inventory->function_count; i++)
		if (inventory->functions[i].sriov)
			text_print(out,
				   "# Virtual functions, for example 4 of them:\n# sriov = %s 4\n",
				   ADDRESS(inventory->functions[i].address));
}

void draft_print(struct inventory *inventory, const struct device_names *names,
		 struct text_sink *out) {
	u32 cpus = inventory->cpu_count;
	/* Processor 0 is left to watch over faults, where there is another one. */
	u32 first = cpus != 1, cores = 0;
	u64 largest, most = min_u64(inventory->group_count, PARTITIONS_MAX);

	for (u32 i = first; i < cpus; i = next_core(inventory, first, i))
		cores++;
	if (cpus)
		most = min_u64(most, cores);
	if (!survey_memory(inventory, &largest))
		largest = GIB * PARTITIONS_MAX; /* not known */
	most = max_u64(min_u64(most, largest / (2 * MEMORY_LEAST)), 1);
	/* As much as each partition has is left for images and tables. */
	struct proposal p = {
		.inventory = inventory,
		.names = names,
		.out = out,
		.memory = ALIGN_DOWN(min_u64(largest / (most + 1), MEMORY_MOST), MEMORY_UNIT),
		.first_cpu = first,
		.next_cpu = first,
		.left = (u32)most};

	print_hypervisor(inventory, out);
	for (u32 i = 0; i < inventory->group_count; i++)
		print_group(&p, i);
	if (p.left == most) {
		text_print(out, "\n# No device can be given away without a look: a partition "
				"without any.\n");
		print_partition(&p, "guest", 0, "");
	}
}
