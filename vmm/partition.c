/* SPDX-License-Identifier: Apache-2.0 */
#include "partition_internal.h"

/* Partitions are created once, before any of them runs: memory, tables, virtual processors and devices. */

static bool collect_groups(struct partition *p, struct arena *arena) {
	u32 count = p->plan->function_count;

	p->groups = arena_alloc(arena, count, sizeof(*p->groups));
	if (count && !p->groups)
		return false;
	for (u32 i = 0; i < count; i++) {
		u32 known = 0, group = boot.inventory.functions[p->plan->functions[i]].group;

		while (known < p->group_count && p->groups[known] != group)
			known++;
		if (known == p->group_count)
			p->groups[p->group_count++] = group;
	}
	return true;
}

static bool create_vcpus(struct partition *p, struct arena *arena) {
	p->vcpu_count = p->plan->cpu_count;
	p->vcpus = arena_alloc(arena, p->vcpu_count, sizeof(*p->vcpus));
	for (u32 i = 0; p->vcpus && i < p->vcpu_count; i++) {
		struct vcpu *vcpu = &p->vcpus[i];

		vcpu->partition = p;
		vcpu->number = i;
		vcpu->cpu = cpu_by_index(p->plan->cpus[i]);
		vcpu->cpu->vcpu = vcpu;
		p->vcpus_running += vcpu->cpu->online;
		if (!boot.vcpu_ops->create(vcpu, &boot.pool, (uintptr_t)p->nested.root))
			return false;
	}
	return p->vcpus != NULL;
}

static bool create_domain(struct partition *p) {
	const struct partition_plan *plan = p->plan;

	return !p->group_count || domain_create(&boot.iommu, &p->domain, p->index + 1,
						plan->functions, plan->function_count);
}

/* The last that the hypervisor shows there is that. */
static void give_screen(const struct partition *p) {
	say("screen: its device is partition %s's: the hypervisor shows nothing more here",
	    p->plan->name);
	boot.frame.rows = 0;
}

/* What virtual PCI reads and writes on the guest's behalf; and what the hypervisor itself used until now. */
static bool take_registers(const struct partition *p) {
	for (u32 i = 0; i < p->vpci.function_count; i++) {
		const struct vpci_function *f = &p->vpci.functions[i];

		for (u32 b = 0; b < PCI_BARS; b++) {
			const struct vpci_bar *bar = &f->bars[b];

			if (boot.frame.rows && (uintptr_t)boot.frame.pixels - bar->host < bar->size)
				give_screen(p);
			if (vpci_is_trapped(f, b) && !map_registers(bar->host, bar->size))
				return false;
		}
	}
	return true;
}

/* Nested tables: RAM and its edges and holes, registers, and some for BARs that move. */
static u64 nested_pages(const struct partition_plan *plan) {
	bool small = boot.vcpu_ops->nested_format->small_code;

	return 16 + plan->memory_bytes / (small ? LARGE_PAGE_SIZE : GIB / 2) +
	       16 * plan->function_count + 4 * plan->reserved_pieces;
}

/* Virtual processors, and what virtual PCI keeps of each function: its registers and MSI-X table. */
static u64 state_pages(const struct partition_plan *plan) {
	return 2 + plan->cpu_count + 17 * plan->function_count;
}

/* Virtual processors, and tables of registers that are trapped, besides. */
u64 partition_pages(const struct partition_plan *plan) {
	return PORT_MAP_PAGES + nested_pages(plan) + state_pages(plan) + 8 * plan->function_count +
	       2 * plan->cpu_count +
	       domain_pages(&boot.iommu, plan->memory_bytes, plan->reserved_pieces);
}

static bool create_nested(struct partition *p) {
	u64 pages = nested_pages(p->plan);
	void *base = page_pool_take(&boot.pool, pages);

	if (!base)
		return false;
	page_pool_init(&p->nested_pool, base, pages);
	return page_tables_init(&p->nested, boot.vcpu_ops->nested_format, &p->nested_pool, 4,
				boot.vcpu_ops->nested_leaf_level());
}

static void trap_ports(struct partition *p, u64 first, u64 count, bool trapped) {
	for (u64 port = first; port < first + count; port++)
		p->ports[port / 8] =
			(u8)((p->ports[port / 8] & ~(1u << port % 8)) | (u32)trapped << port % 8);
}

/* Ports of BARs are the guest's; what firmware has placed over ours stays ours. Pins lead where the file says. */
static void open_functions(struct partition *p) {
	for (u32 i = 0; i < p->vpci.function_count; i++) {
		struct vpci_function *f = &p->vpci.functions[i];
		const struct interrupt_line *line = &boot.plan.lines[f->function];

		for (u32 b = 0; b < PCI_BARS; b++)
			if (vpci_has_ports(f, b))
				trap_ports(p, f->info->bars[b].base, f->info->bars[b].size, false);
		if (line->plan)
			vpci_show_pin(f, line->gsi);
	}
	trap_ports(p, boot.plan.console_port, sizeof(u64), true); /* of a 16550 */
	trap_ports(p, boot.power_off_port, sizeof(u16), true);
}

static bool create(struct partition *p, const struct partition_plan *plan, u32 index) {
	struct arena *arena = &p->state_arena;
	u64 pages = state_pages(plan);

	p->plan = plan;
	p->index = index;
	p->image_sum = partition_images(p);
	arena->size = pages * PAGE_SIZE;
	arena->base = page_pool_take(&boot.pool, pages);
	if (!arena->base)
		return false;

	guest_memory_plan(p, &boot.inventory, machine.ecam_base);
	p->ports = page_pool_take(&boot.pool, PORT_MAP_PAGES);
	if (!p->ports)
		return false;
	memset(p->ports, 0xff, PORT_MAP_PAGES * PAGE_SIZE);
	if (!collect_groups(p, arena) || !create_nested(p) || !create_domain(p) ||
	    !guest_memory_map(p) || !create_vcpus(p, arena) ||
	    !vpci_init(&p->vpci, boot.config, &boot.inventory, plan->functions,
		       plan->function_count, machine.ecam_base, arena) ||
	    !take_registers(p))
		return false;
	open_functions(p);
	return true;
}

/* A processor that did not start: the others see the stop and finish the partition. */
static void check_processors(struct partition *p) {
	for (u32 i = 0; i < p->vcpu_count; i++)
		if (!p->vcpus[i].cpu->online)
			partition_fail(p, "its processor %u did not start", p->plan->cpus[i]);
	if (!p->vcpus_running)
		partition_finish(p);
}

/* At every start, for everybody to read: what the file trusts, and who depends on it. */
static void report_trust(const struct group_trust *trust) {
	const struct inventory *inventory = &boot.inventory;
	u32 port = inventory_find(inventory, trust->port);

	say("trust: port %s: %s", ADDRESS(trust->port), trust->reason);
	for (u32 i = 0; i < boot.plan.partition_count; i++) {
		const struct partition_plan *p = machine.partitions[i].plan;
		bool below = false;

		for (u32 f = 0; f < p->function_count; f++)
			for (u32 at = p->functions[f]; at != NONE;
			     at = inventory->functions[at].parent)
				below |= at == port;
		if (below)
			say("trust: partition %s is not fully isolated: it relies on port %s",
			    p->name, ADDRESS(trust->port));
	}
}

bool partitions_create(struct text_sink *reason) {
	u32 count = boot.plan.partition_count;

	machine.partitions_left = count;
	machine.partitions = arena_alloc(boot.inventory.arena, count, sizeof(*machine.partitions));
	for (u32 i = 0; i < count; i++) {
		struct partition *p = machine.partitions + i;
		const struct partition_plan *plan = &boot.plan.partitions[i];

		if (!machine.partitions || !create(p, plan, i)) {
			text_print(reason, "partition %s: no memory left for its tables",
				   plan->name);
			return false;
		}
	}
	cpu_own_tables(cpu_here());
	for (u32 i = 0; i < boot.plan.preview.trust_count; i++)
		report_trust(&boot.plan.preview.trusts[i]);
	for (u32 i = 0; i < count; i++)
		check_processors(&machine.partitions[i]);
	return true;
}
