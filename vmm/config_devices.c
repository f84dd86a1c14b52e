/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"

#define ID_LENGTH (sizeof("vvvv:dddd") - 1)
#define LIST_SIZE 512
#define REASON_SIZE 256
#define BECAUSE_SIZE 2048

#define NAME(config, index) ADDRESS((config)->inventory->functions[index].address)

/* Adds to addresses that are separated by commas, as long as there is room. */
static void list_add(struct text_buffer *list, struct pci_address address) {
	if (list->size - list->length > 2 * PCI_TEXT_SIZE)
		text_print(&list->sink, "%s%s", list->length ? ", " : "", ADDRESS(address));
}

/* ---- who gets a function ---- */

/* Does the line that names FUNCTION, or its group, give INDEX to the partition? */
static bool gives(const struct entry *e, u32 function, u32 index) {
	const struct inventory *inventory = e->config->inventory;
	u32 group = inventory->functions[function].group;
	bool member = group != NONE && inventory->functions[index].group == group;
	bool whole_group = strcmp(e->key, "group") == 0;

	return (index == function || (whole_group && member)) && pci_assignable(inventory, index);
}

static void claim(const struct entry *e, u32 function) {
	struct config *config = e->config;
	const struct pci_function *f = &config->inventory->functions[function];
	u32 count = config->inventory->function_count, units = config->inventory->unit_count;
	u32 given = 0;

	for (u32 i = 0; i < count; i++) {
		const struct owner *owner = &config->owners[i];

		given += gives(e, function, i);
		if (!owner->draft || owner->draft == config->draft || !gives(e, function, i))
			continue;
		config_report(config, e->at, DEVICE_SHARED, NAME(config, i),
			      owner->draft->plan->name, owner->at.line);
		return; /* once a line, which may name a whole group */
	}
	if (!given)
		config_report(config, e->at, DEVICE_NOT_ASSIGNABLE, ADDRESS(f->address),
			      f->class_code, pci_refusal(config->inventory, function));
	for (u32 i = 0; i < count; i++) {
		if (config->owners[i].draft || !gives(e, function, i))
			continue;
		config->owners[i] = (struct owner){config->draft, e->at};
		if (units && config->inventory->functions[i].unit >= units)
			config_report(config, e->at, DEVICE_UNCOVERED, NAME(config, i));
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

bool read_trust(const struct entry *e) {
	struct config *config = e->config;
	const struct inventory *inventory = config->inventory;
	struct plan *plan = config->plan;
	struct group_trust *trusts, trust;
	const char *end = value_address(e->value, &trust.port);

	if (!end || !value_is_blank(*end))
		return false;
	trust.reason = end + value_blanks(end);
	u32 port = inventory ? inventory_find(inventory, trust.port) : NONE;
	bool good = !inventory || (port != NONE && pci_is_bridge(&inventory->functions[port]));

	for (u32 i = 0; i < plan->trust_count; i++)
		good &= pci_key(plan->trusts[i].port) != pci_key(trust.port);
	if (!good)
		config_report(config, e->at, TRUST_PORT, ADDRESS(trust.port));
	trusts = arena_grow(config->arena, plan->trusts, plan->trust_count, sizeof(*trusts));
	config->exhausted |= !trusts;
	if (trusts) {
		plan->trusts = trusts;
		trusts[plan->trust_count++] = trust;
	}
	return *trust.reason;
}

bool read_sriov(const struct entry *e) {
	struct config *config = e->config;
	struct sriov_request *requests, request = {0};
	const char *end = value_address(e->value, &request.physical);
	u64 count;

	if (!end || !value_is_blank(*end) ||
	    !value_scan(end + value_blanks(end), "N$", &(u64){UINT16_MAX}, &count))
		return false;
	request.count = (u32)count;
	request.refusal = "this machine has no such function, or it has no SR-IOV capability";
	if (config->inventory && sriov_request(config->inventory, request.physical))
		request = *sriov_request(config->inventory, request.physical);
	for (u32 i = 0; i < config->request_count; i++)
		if (pci_key(config->requests[i].physical) == pci_key(request.physical))
			request.refusal = "a line above names it already";
	if (config->inventory && request.refusal)
		config_report(config, e->at, SRIOV_REFUSED, ADDRESS(request.physical), (u32)count,
			      request.refusal, request.limit);
	requests = arena_grow(config->arena, config->requests, config->request_count,
			      sizeof(*requests));
	config->exhausted |= !requests;
	if (requests) {
		config->requests = requests;
		requests[config->request_count++] = request;
	}
	return true;
}

/* ---- groups and the IOMMU ---- */

/* DRAFT has FIRST of GROUP, but not MISSING, of which OTHER (or NULL) owns one. */
static void report_split(struct config *config, const struct draft *draft,
			 const struct group *group, u32 first, const char *missing,
			 const struct owner *other) {
	const char *name = NAME(config, first);
	char data[BECAUSE_SIZE], reasons[2][REASON_SIZE]; /* the present one and the last one */
	struct text_buffer text;

	text_buffer_init(&text, data, sizeof(data));
	for (u32 i = 0; i < group->reason_count && text.length < BECAUSE_SIZE / 2; i++) {
		const char *reason = group_reason_text(config->inventory, &group->reasons[i],
						       reasons[i % 2], REASON_SIZE);

		/* One port often joins many. */
		if (i == 0 || strcmp(reasons[0], reasons[1]) != 0)
			text_print(&text.sink, "%s\n", reason);
	}
	if (other)
		text_print(&text.sink,
			   "partition \"%s\" has %s (line %u)\n"
			   "give the whole group to one partition: there, ",
			   other->draft->plan->name, NAME(config, other - config->owners),
			   other->at.line);
	else if (strlen(missing) < PCI_TEXT_SIZE)
		text_print(&text.sink, "add `device = %s`, or ", missing);
	config_report(config, config->owners[first].at, GROUP_SPLIT, name,
		      (u32)(group - config->inventory->groups), missing, draft->plan->name, data,
		      name);
}

static void check_group(struct config *config, const struct draft *draft,
			const struct group *group) {
	const struct owner *other = NULL;
	struct text_buffer missing;
	char data[LIST_SIZE];
	u32 first = NONE;

	text_buffer_init(&missing, data, sizeof(data));
	for (u32 i = 0; i < group->member_count; i++) {
		u32 member = group->members[i];
		const struct owner *owner = &config->owners[member];

		bool mine = owner->draft == draft;

		if (mine && (first == NONE || owner->at.line < config->owners[first].at.line))
			first = member;
		if (mine || !pci_assignable(config->inventory, member))
			continue;
		list_add(&missing, config->inventory->functions[member].address);
		other = !other && owner->draft ? owner : other;
	}
	if (first != NONE && missing.length)
		report_split(config, draft, group, first, data, other);
}

/* Whoever controls virtual functions could take them away from others. */
static void check_virtual(struct config *config, u32 physical) {
	const struct owner *owner = &config->owners[physical];

	for (u32 i = 0; i < config->inventory->function_count; i++) {
		if (config->inventory->functions[i].physical != physical ||
		    config->owners[i].draft == owner->draft)
			continue;
		config_report(config, owner->at, SRIOV_OWNER, owner->draft->plan->name,
			      NAME(config, physical), NAME(config, i), NAME(config, i));
		return;
	}
}

void config_check_devices(struct config *config) {
	const struct inventory *inventory = config->inventory;
	struct place at = config->first_device;

	for (u32 i = 0; i < inventory->group_count; i++)
		for (u32 d = 0; d < config->draft_count; d++)
			check_group(config, &config->drafts[d], &inventory->groups[i]);
	for (u32 i = 0; i < inventory->function_count; i++) {
		if (!config->owners[i].draft)
			continue;
		config_check_registers(config, i);
		if (inventory->functions[i].sriov)
			check_virtual(config, i);
	}
	for (u32 d = 0; d < config->draft_count; d++)
		config_check_reserved(config, config->drafts[d].plan);
	/* A dump of PCI functions alone, without firmware's tables, does not tell. */
	if (at.line && inventory->unit_count == 0 && inventory->cpu_count != 0)
		config_report(config, at, NO_IOMMU);
	if (at.line && inventory->unit_count != 0 && !inventory->interrupt_remapping)
		config_report(config, at, NO_INTERRUPT_REMAPPING);
}
