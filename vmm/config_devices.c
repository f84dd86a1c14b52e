/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"
#include "reset.h"

#define ID_LENGTH (sizeof("vvvv:dddd") - 1)
#define LIST_SIZE 512
#define REASON_SIZE 256
#define BECAUSE_SIZE 2048

#define NAME(config, index) ADDRESS((config)->inventory->functions[index].address)

/* ---- who gets a function ---- */

/* Gives the partition FUNCTION, or all that can be given away of its group, as the line says. */
static void claim(const struct entry *e, u32 function) {
	struct config *config = e->config;
	const struct inventory *inventory = config->inventory;
	const struct pci_function *f = &inventory->functions[function];
	const struct group *group = &inventory->groups[f->group];
	bool whole = strcmp(e->key, "group") == 0, given = false;
	const u32 *members = whole ? group->members : &function;
	u32 count = whole ? group->member_count : 1;

	for (u32 i = 0; i < count; i++) {
		const struct owner *owner = &config->owners[members[i]];

		given |= pci_assignable(inventory, members[i]);
		if (!owner->plan || owner->plan == config->partition)
			continue;
		config_report(config, e->at, DEVICE_SHARED, NAME(config, members[i]),
			      owner->plan->name, owner->at.line);
		return; /* once a line, which may name a whole group */
	}
	if (!given)
		config_report(config, e->at, DEVICE_NOT_ASSIGNABLE, ADDRESS(f->address),
			      f->class_code, pci_refusal(inventory, function));
	for (u32 i = 0; i < count; i++) {
		u32 member = members[i];

		if (config->owners[member].plan || !pci_assignable(inventory, member))
			continue;
		config->owners[member] = (struct owner){config->partition, e->at};
		if (inventory->unit_count &&
		    inventory->functions[member].unit >= inventory->unit_count)
			config_report(config, e->at, DEVICE_UNCOVERED, NAME(config, member),
				      inventory->functions[member].uncovered);
	}
}

/* ---- what a line names ---- */

/*
 * Follows a path from bridge to bridge; AT is where it ends or breaks off, FUNCTION what it leads
 * to. False when it is malformed.
 */
static bool follow_path(const struct inventory *inventory, const char *text, struct pci_address *at,
			u32 *function) {
	static const u64 root_limits[] = {UINT16_MAX, UINT8_MAX}, step_limits[] = {0x1f, 7};
	u64 n[2] = {0};
	const char *p = value_scan(text, "/X:X", root_limits, n);
	bool open = p && *p; /* a bus that the next step looks at */

	*at = (struct pci_address){(u16)n[0], (u8)n[1], 0};
	if (!open)
		return false;
	while (p && *p) {
		p = value_scan(p, "/X.X", step_limits, n);
		if (open)
			at->devfn = PCI_DEVFN(n[0], n[1]);
		*function = open ? inventory_find(inventory, *at) : NONE;
		open = *function != NONE && pci_is_bridge(&inventory->functions[*function]);
		if (open)
			at->bus = inventory->functions[*function].secondary_bus;
	}
	return p;
}

bool read_device(const struct entry *e) {
	static const u64 id_limits[] = {UINT16_MAX, UINT16_MAX};
	struct config *config = e->config;
	const struct inventory *inventory = config->inventory;
	struct pci_address address;
	const char *end = value_address(e->value, &address);
	bool by_address = end && *end == '\0', by_path = e->value[0] == '/';
	u32 function = NONE, count = 0;
	u64 id[2];
	bool by_id = value_scan(e->value, "X:X$", id_limits, id) && strlen(e->value) == ID_LENGTH;

	if (by_path ? !follow_path(inventory, e->value, &address, &function)
		    : !by_address && !by_id)
		return false;
	if (by_address)
		function = inventory_find(inventory, address);
	for (u32 i = 0; by_id && i < inventory->function_count; i++) {
		const struct pci_function *f = &inventory->functions[i];

		if (f->vendor == id[0] && f->device == id[1]) {
			function = i;
			count++;
		}
	}
	if (!config->first_device.line)
		config->first_device = e->at;
	if (function == NONE)
		config_report(config, e->at, DEVICE_UNKNOWN, SHOWN(e->value),
			      by_path ? ": the path breaks off at " : "",
			      by_path ? ADDRESS(address) : "");
	else if (count > 1)
		config_report(config, e->at, DEVICE_AMBIGUOUS, count, e->value,
			      NAME(config, function));
	else
		claim(e, function);
	return true;
}

bool read_intx(const struct entry *e) {
	struct config *config = e->config;
	struct interrupt_line *lines = config->plan->lines;
	struct pci_address address;
	u64 gsi;

	if (!value_scan(value_address(e->value, &address), " N$", &(u64){INTERRUPT_LINES - 1},
			&gsi))
		return false;
	u32 function = inventory_find(config->inventory, address);

	if (function == NONE)
		config_report(config, e->at, DEVICE_UNKNOWN, SHOWN(e->value), "", "");
	else if (lines[function].plan)
		config_report(config, e->at, INTX_REFUSED, ADDRESS(address), (u32)gsi,
			      "a line above names it already");
	else
		lines[function] = (struct interrupt_line){config->partition, (u32)gsi, e->at};
	return true;
}

bool read_trust(const struct entry *e) {
	struct config *config = e->config;
	struct config_preview *preview = &config->plan->preview;
	const struct inventory *inventory = config->inventory;
	struct group_trust *trusts, trust;

	trust.reason = value_scan(value_address(e->value, &trust.port), " ", NULL, NULL);
	if (!trust.reason)
		return false;
	u32 port = inventory ? inventory_find(inventory, trust.port) : NONE;
	bool good = !inventory || (port != NONE && pci_is_bridge(&inventory->functions[port]));

	for (u32 i = 0; i < preview->trust_count; i++)
		good &= pci_key(preview->trusts[i].port) != pci_key(trust.port);
	if (!good)
		config_report(config, e->at, TRUST_PORT, ADDRESS(trust.port));
	trusts = arena_grow(config->arena, preview->trusts, preview->trust_count, sizeof(*trusts));
	config->exhausted |= !trusts;
	if (trusts) {
		preview->trusts = trusts;
		trusts[preview->trust_count++] = trust;
	}
	return *trust.reason;
}

bool read_sriov(const struct entry *e) {
	struct config *config = e->config;
	struct config_preview *preview = &config->plan->preview;
	struct sriov_request *requests, request = {0};
	const char *end = value_address(e->value, &request.physical);
	u64 count;

	if (!value_scan(end, " N$", &(u64){UINT16_MAX}, &count))
		return false;
	request.count = (u32)count;
	request.refusal = "this machine has no such function, or it has no SR-IOV capability";
	if (config->inventory && sriov_request(config->inventory, request.physical))
		request = *sriov_request(config->inventory, request.physical);
	for (u32 i = 0; i < preview->request_count; i++)
		if (pci_key(preview->requests[i].physical) == pci_key(request.physical))
			request.refusal = "a line above names it already";
	if (config->inventory && request.refusal)
		config_report(config, e->at, SRIOV_REFUSED, ADDRESS(request.physical), (u32)count,
			      request.refusal, request.limit);
	requests = arena_grow(config->arena, preview->requests, preview->request_count,
			      sizeof(*requests));
	config->exhausted |= !requests;
	if (requests) {
		preview->requests = requests;
		requests[preview->request_count++] = request;
	}
	return true;
}

/* ---- groups and the IOMMU ---- */

static void say_reasons(const struct inventory *inventory, const struct group *group,
			struct text_buffer *text) {
	char reasons[2][REASON_SIZE]; /* the present one and the last one */

	for (u32 i = 0; i < group->reason_count && text->length < BECAUSE_SIZE / 2; i++) {
		const char *reason = group_reason_text(inventory, &group->reasons[i],
						       reasons[i % 2], REASON_SIZE);

		/* One port often joins many. */
		if (i == 0 || strcmp(reasons[0], reasons[1]) != 0)
			text_print(&text->sink, "%s\n", reason);
	}
}

/* PLAN has to have all of GROUP, or nothing. */
static void check_group(struct config *config, const struct partition_plan *plan,
			const struct group *group) {
	const struct owner *owners = config->owners, *first = NULL, *other = NULL;
	struct text_buffer missing = TEXT_BUFFER(LIST_SIZE), text = TEXT_BUFFER(BECAUSE_SIZE);

	for (u32 i = 0; i < group->member_count; i++) {
		u32 member = group->members[i];
		const struct owner *owner = &owners[member];

		if (owner->plan == plan) {
			if (!first || owner->at.line < first->at.line)
				first = owner;
			continue;
		}
		if (!pci_assignable(config->inventory, member))
			continue;
		if (!other && owner->plan)
			other = owner;
		if (missing.size - missing.length >
		    2 * PCI_TEXT_SIZE) /* as long as there is room */
			text_print(&missing.sink, "%s%s", missing.length ? ", " : "",
				   NAME(config, member));
	}
	if (!first || !missing.length)
		return;
	say_reasons(config->inventory, group, &text);
	if (other)
		text_print(&text.sink,
			   "partition \"%s\" has %s (line %u)\n"
			   "give the whole group to one partition: there, ",
			   other->plan->name, NAME(config, other - owners), other->at.line);
	else if (missing.length < PCI_TEXT_SIZE)
		text_print(&text.sink, "add `device = %s`, or ", missing.data);
	config_report(config, first->at, GROUP_SPLIT, NAME(config, first - owners),
		      (u32)(group - config->inventory->groups), missing.data, plan->name, text.data,
		      NAME(config, first - owners));
}

/* Whoever controls virtual functions could take them away from others. */
static void check_virtual(struct config *config, u32 physical) {
	const struct owner *owner = &config->owners[physical];

	for (u32 i = 0; i < config->inventory->function_count; i++) {
		if (config->inventory->functions[i].physical != physical ||
		    config->owners[i].plan == owner->plan)
			continue;
		config_report(config, owner->at, SRIOV_OWNER, owner->plan->name,
			      NAME(config, physical), NAME(config, i), NAME(config, i));
		return;
	}
}

/* TEXT has REASON_SIZE bytes. */
static const char *why_not_remapped(const struct inventory *inventory, char *text) {
	for (u32 i = 0; i < inventory->ioapic_count; i++)
		if (!inventory->no_interrupt_remapping && inventory->ioapics[i].unit == NONE)
			return text_format(
				text, REASON_SIZE,
				"firmware's DMAR or IVRS table gives IO-APIC %u at 0x%lx "
				"to no unit",
				inventory->ioapics[i].id, inventory->ioapics[i].base);
	return "firmware's DMAR table says that units cannot remap interrupts";
}

/* Whoever holds a line that others use holds them up. */
static void check_line(struct config *config, u32 function) {
	const struct inventory *inventory = config->inventory;
	const struct interrupt_line *lines = config->plan->lines, *line = &lines[function];
	const char *why = config->owners[function].plan != line->plan ? "it is not this partition's"
			  : !inventory->functions[function].interrupt_pin
				  ? "it has no interrupt pin"
			  : inventory->ioapic_count && !inventory_ioapic(inventory, line->gsi)
				  ? "no IO-APIC of this machine has that line"
				  : NULL;

	if (why)
		config_report(config, line->at, INTX_REFUSED, NAME(config, function), line->gsi,
			      why);
	for (u32 i = 0; i < function; i++)
		if (lines[i].plan && lines[i].plan != line->plan && lines[i].gsi == line->gsi)
			config_report(config, line->at, INTX_SHARED, NAME(config, function),
				      line->gsi, NAME(config, i), lines[i].plan->name,
				      lines[i].at.line);
}

void config_check_devices(struct config *config) {
	const struct inventory *inventory = config->inventory;
	struct place at = config->first_device;
	struct plan *plan = config->plan;

	for (u32 p = 0; p < plan->partition_count; p++) {
		for (u32 i = 0; i < inventory->group_count; i++)
			check_group(config, &plan->partitions[p], &inventory->groups[i]);
		config_check_reserved(config, &plan->partitions[p]);
	}
	for (u32 i = 0; i < inventory->function_count; i++) {
		if (plan->lines[i].plan)
			check_line(config, i);
		if (!config->owners[i].plan)
			continue;
		config_check_registers(config, i);
		if (config->owners[i].plan->no_reset == NO_RESET_REFUSE &&
		    pci_reset_method(inventory, i) == RESET_NONE)
			config_report(config, config->owners[i].at, NO_RESET, NAME(config, i),
				      config->owners[i].plan->name);
		if (inventory->functions[i].sriov)
			check_virtual(config, i);
	}
	/* A dump of PCI functions alone, without firmware's tables, does not tell. */
	if (at.line && inventory->unit_count == 0 && inventory->cpu_count != 0)
		config_report(config, at, NO_IOMMU);
	if (!at.line || inventory->unit_count == 0)
		return;
	if (!inventory->interrupt_remapping)
		config_report(config, at, NO_INTERRUPT_REMAPPING,
			      why_not_remapped(inventory, (char[REASON_SIZE]){0}));
	else if (inventory->iommu_fault)
		config_report(config, at, IOMMU_UNUSABLE, inventory->iommu_fault);
}
