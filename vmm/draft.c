/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "enumerate.h"
#include "survey.h"

#define PARTITIONS_MOST 63
#define MEMORY_MOST (512 * MIB)
#define NAME_SIZE 256
#define OBSTACLE_SIZE 512
#define ADDRESS(address) pci_text((char[PCI_TEXT_SIZE]){0}, address)

/* By rank: a partition is called after the first that its group has. */
static const struct kind {
	u16 class, mask; /* base and sub class */
	const char *name;
	bool chipset; /* the machine itself may depend on it */
} kinds[] = {
	{0x0300, 0xff00, "gpu", false},
	{0x0100, 0xff00, "disk", false},
	{0x0200, 0xff00, "nic", false},
	{0x0d00, 0xff00, "wireless", false},
	{0x0c03, 0xffff, "usb", false},
	{0x0403, 0xffff, "audio", false},
	{0x0400, 0xff00, "media", false},
	{0x0780, 0xffff, "management", true},
	{0x0700, 0xff00, "serial", false},
	{0x0c05, 0xffff, "smbus", true},
	{0x0c80, 0xffff, "flash", true},
	{0x0601, 0xffff, "isa-bridge", true},
	{0x0500, 0xff00, "memory", true},
	{0x0800, 0xff00, "system", true},
	{0, 0, "device", false}, /* whatever else */
	{0, 0, "guest", false}, /* a partition without devices */
};

struct proposal {
	const struct inventory *inventory;
	const struct device_names *names;
	struct text_sink *out;
	u64 memory;
	u32 next_cpu;
	u32 count; /* of partitions that stand without a mark */
	u32 named[ARRAY_SIZE(kinds)];
};

/* 0xff00 and the like: the last kind matches everything. */
static u32 kind_of(const struct pci_function *f) {
	u32 i = 0;

	while ((pci_class(f) & kinds[i].mask) != kinds[i].class)
		i++;
	return i;
}

const char *survey_kind(const struct pci_function *f) {
	return kinds[kind_of(f)].name;
}

/* Bytes for each of COUNT partitions; as much is left for images and tables. */
static u64 memory_each(const struct inventory *inventory, u64 count) {
	u64 bytes, wanted = MEMORY_MOST;
	const struct memory_range *largest = survey_memory(inventory, &bytes);

	if (largest)
		wanted = min_u64(wanted, largest->length / (count + 1));
	return ALIGN_DOWN(wanted, MEMORY_UNIT);
}

/* MARK makes its lines comments; GROUP_MARK that of its device. */
static void print_partition(struct proposal *p, u32 kind, const char *mark, const char *group_mark,
			    const char *address) {
	text_print(p->out,
		   "%s[partition %s%u]\n%scpus    = %u\n%smemory  = %lluM\n%skernel  = vmlinuz\n"
		   "%sinitrd  = initrd.img\n%scmdline = console=ttyS0\n%sgroup   = %s\n",
		   mark, kinds[kind].name, p->named[kind]++, mark, p->next_cpu, mark,
		   p->memory / MIB, mark, mark, mark, group_mark, address);
	p->next_cpu += !*mark;
	p->count += !*mark;
}

/* As a comment, unless it is a mere bridge. */
static void print_member(struct proposal *p, const struct pci_function *f, bool given) {
	const struct kind *kind = &kinds[kind_of(f)];
	const char *known = NULL;
	char text[NAME_SIZE];

	if (!given && !kind->chipset)
		return;
	if (p->names)
		known = p->names->find(p->names, f, text, sizeof(text));
	text_print(p->out, "# %s: %s %04x:%04x%s%s%s%s\n", ADDRESS(f->address), kind->name,
		   f->vendor, f->device, known ? " " : "", known ? known : "",
		   kind->chipset ? ", part of the chipset" : "",
		   given ? "" : ", stays with the hypervisor");
}

static void print_group(struct proposal *p, u32 index) {
	const struct inventory *inventory = p->inventory;
	const struct group *group = &inventory->groups[index];
	const struct pci_function *best = NULL;
	const char *words = NULL;
	char obstacle[OBSTACLE_SIZE];
	bool chipset = false;

	if (!survey_obstacle(inventory, index, obstacle, sizeof(obstacle)))
		return;
	text_print(p->out, "\n# Group %u\n", index);
	for (u32 i = 0; i < group->member_count; i++) {
		const struct pci_function *f = &inventory->functions[group->members[i]];
		bool given = pci_assignable(inventory, group->members[i]);

		print_member(p, f, given);
		chipset |= kinds[kind_of(f)].chipset;
		if (given && (!best || kind_of(f) < kind_of(best)))
			best = f;
	}
	if (*obstacle || !best) {
		text_print(p->out, "# Not offered: %s.\n", obstacle);
		return;
	}
	if (chipset)
		words = "the machine itself may need what this group holds, and a guest could "
			"disturb it";
	else if (inventory->cpu_count && p->next_cpu >= inventory->cpu_count)
		words = "no processor is left for it: take one from another partition";
	else if (p->count == PARTITIONS_MOST)
		words = "there are as many partitions as there can be";
	if (words)
		text_print(p->out, "# Only an offer: %s.\n", words);
	words = words ? "# " : "";
	print_partition(p, kind_of(best), words, words, ADDRESS(best->address));
}

static void print_hypervisor(struct inventory *inventory, struct text_sink *out) {
	u32 ports[GROUP_SPLIT_MAX];

	text_print(out,
		   "# A file to start from. Lay it beside the image as bulkhead.conf, with the "
		   "kernel and\n# the initial RAM disk that it names. What is behind # is an "
		   "offer, or words.\n\n[hypervisor]\nconsole   = com1\nwhen-idle = halt\n");
	for (u32 g = 0; g < inventory->group_count; g++) {
		u32 count = survey_split(inventory, NULL, 0, g, ports);

		if (count)
			text_print(
				out,
				"# Group %u would be split, if it may be less than fully isolated, by:\n",
				g);
		for (u32 i = 0; i < count; i++)
			text_print(out, "# trust = %s its neighbours may be reached\n",
				   ADDRESS(inventory->functions[ports[i]].address));
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
	u64 most =
		min_u64(min_u64(inventory->group_count, PARTITIONS_MOST), cpus ? cpus - 1 : NONE);
	struct proposal proposal = {
		.inventory = inventory,
		.names = names,
		.out = out,
		.memory = memory_each(inventory, max_u64(most, 1)),
		/* Processor 0 is left to watch over faults, where there is another one. */
		.next_cpu = cpus != 1,
	};

	print_hypervisor(inventory, out);
	for (u32 i = 0; i < inventory->group_count; i++)
		print_group(&proposal, i);
	if (!proposal.count) {
		text_print(
			out,
			"\n# No device can be given away without a look: a partition without any.\n");
		print_partition(&proposal, ARRAY_SIZE(kinds) - 1, "", "# ", "ADDRESS");
	}
}
