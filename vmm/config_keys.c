/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"

#define UART_LAST_PORT (UINT16_MAX - 7) /* a 16550 has eight registers */

struct key {
	const char *name;
	enum section_kind section;
	enum { ONCE, REQUIRED, SEVERAL } times;
	bool (*read)(const struct entry *entry); /* false when the value has not the form */
	const char *form; /* what the value has to be */
	const char *example;
	u32 target; /* offset in the section's plan, of a text or an enumeration */
	const char *const *words; /* that it knows; indexes are the enumeration's values */
	u32 least, most; /* bytes of text */
};

static const char *const consoles[] = {"none", "com1", "com2", "com3", "com4", NULL};
static const u16 console_ports[] = {0, 0x3f8, 0x2f8, 0x3e8, 0x2e8};

static const char *const idle_actions[] = {"halt", "reboot", "poweroff", NULL};
static const char *const restarts[] = {"never", "on-failure", "always", NULL};
static const char *const fault_policies[] = {"report", "stop", NULL};
static const char *const reset_policies[] = {"refuse", "accept", NULL};
_Static_assert(IDLE_EXIT == 3 && RESTART_ALWAYS == 2 && FAULT_STOP == 1 && NO_RESET_ACCEPT == 1,
	       "order of the words");

static void *target_of(const struct entry *e) {
	struct config *config = e->config;

	return (u8 *)(config->partition ? (void *)config->partition : config->plan) +
	       e->kind->target;
}

static bool read_word(const struct entry *e) {
	u32 word = value_find(e->value, e->kind->words);

	*(u32 *)target_of(e) = word; /* an enumeration is as wide as an int */
	return word != NONE;
}

static bool read_text(const struct entry *e) {
	size_t length = strlen(e->value);

	*(const char **)target_of(e) = e->value;
	return length >= e->kind->least && length <= e->kind->most;
}

static bool read_image(const struct entry *e) {
	const struct image_lookup *lookup = e->config->lookup;
	struct partition_plan *plan = e->config->partition;
	u64 bytes = 0;

	if (!read_text(e))
		return false;
	if (lookup && (!lookup->find(lookup, e->value, &bytes) || bytes == 0))
		config_report(e->config, e->at, IMAGE_MISSING, plan->name, SHOWN(e->value));
	if (__builtin_add_overflow(plan->image_bytes, bytes, &plan->image_bytes))
		plan->image_bytes = UINT64_MAX;
	return true;
}

static bool read_console(const struct entry *e) {
	u32 word = value_find(e->value, consoles);
	u64 port = word == NONE ? 0 : console_ports[word];
	bool good = word != NONE ||
		    (value_scan(e->value, "N$", &(u64){UART_LAST_PORT}, &port) && port != 0);

	e->config->plan->console_port = (u16)port;
	return good;
}

static bool read_idle(const struct entry *e) {
	u64 port;

	if (!value_scan(e->value, "exit:N$", &(u64){UINT16_MAX}, &port))
		return read_word(e);
	e->config->plan->when_idle = IDLE_EXIT;
	e->config->plan->exit_port = (u16)port;
	return true;
}

/* Both of them given away, to different partitions. */
static void check_core(const struct entry *e, struct place at, u32 cpu) {
	const struct inventory *inventory = e->config->inventory;
	const struct cpu_info *cpus = inventory->cpus;

	for (u32 i = 0; inventory->thread_bits && i < inventory->cpu_count; i++) {
		const struct owner *owner = &e->config->cpu_owners[i];

		if (owner->plan && owner->plan != e->config->partition &&
		    !((cpus[i].apic_id ^ cpus[cpu].apic_id) >> inventory->thread_bits))
			config_report(e->config, at, CORE_SHARED, cpu, i, owner->plan->name,
				      owner->at.line);
	}
}

static void add_cpus(const struct entry *e, struct place at, u32 first, u32 last) {
	struct config *config = e->config;
	struct partition_plan *plan = config->partition;
	u32 count = config->inventory->cpu_count; /* 0: not known */

	if (count && last >= count)
		config_report(config, at, CPU_UNKNOWN, plan->name, last, count, count - 1);
	for (u32 i = first; i <= last; i++) {
		struct owner *owner = &config->cpu_owners[i];

		if (owner->plan) {
			config_report(config, at, CPU_SHARED, i, owner->plan->name, owner->at.line);
			return;
		}
		*owner = (struct owner){plan, at};
		*config->cpus++ = i;
		plan->cpu_count++;
		if (i < count)
			check_core(e, at, i);
	}
}

static bool read_cpus(const struct entry *e) {
	static const u64 limit = CPU_INDEX_LIMIT - 1;
	const char *p = e->value;

	for (;;) {
		struct place at = e->at;
		u64 first, last;

		at.column += (u32)(p - e->value); /* all before it was ASCII */
		p = value_scan(p, "D", &limit, &first);
		last = first;
		if (p && *p == '-')
			p = value_scan(p, "-D", &limit, &last);
		if (!p || last < first)
			return false;
		add_cpus(e, at, (u32)first, (u32)last);
		p += value_blanks(p);
		if (*p != ',')
			return *p == '\0';
		p += 1 + value_blanks(p + 1);
	}
}

static bool read_memory(const struct entry *e) {
	struct partition_plan *plan = e->config->partition;
	u64 bytes, good;

	if (!value_size(e->value, &bytes))
		return false;
	plan->memory_bytes = bytes;
	good = ALIGN_DOWN(max_u64(bytes, MEMORY_MINIMUM), MEMORY_UNIT);
	if (bytes == good)
		plan->memory_at = e->at;
	else
		config_report(e->config, e->at, MEMORY_SIZE, SHOWN(e->value), plan->name,
			      good / MIB);
	return true;
}

#define SELECTOR "an address, vendor:device or a path such as /0000:00/1c.0/00.0"
#define TARGET(plan, field) .target = offsetof(struct plan, field)

/* clang-format off */
static const struct key keys[] = {
	{"cpus", SECTION_PARTITION, REQUIRED, read_cpus, "a list of processors and ranges", "1-2,4", .words = NULL},
	{"memory", SECTION_PARTITION, REQUIRED, read_memory, "a size in K, M or G", "512M", .words = NULL},
	{"kernel", SECTION_PARTITION, REQUIRED, read_image, "the name of a file", "vmlinuz", TARGET(partition_plan, kernel), .least = 1, .most = 255},
	{"initrd", SECTION_PARTITION, ONCE, read_image, "the name of a file", "initrd.img", TARGET(partition_plan, initrd), .least = 1, .most = 255},
	{"cmdline", SECTION_PARTITION, ONCE, read_text, "at most 2047 bytes of text", "console=ttyS0", TARGET(partition_plan, cmdline), .most = 2047 /* what Linux keeps of it */},
	{"device", SECTION_PARTITION, SEVERAL, read_device, SELECTOR, "0000:01:00.0", .words = NULL},
	{"group", SECTION_PARTITION, SEVERAL, read_device, SELECTOR, "0000:01:00.0", .words = NULL},
	{"intx", SECTION_PARTITION, SEVERAL, read_intx, "a function's address and the number of its interrupt line", "0000:05:01.0 20", .words = NULL},
	{"restart", SECTION_PARTITION, ONCE, read_word, "never, on-failure or always", "never", TARGET(partition_plan, restart), restarts},
	{"on-fault", SECTION_PARTITION, ONCE, read_word, "report or stop", "report", TARGET(partition_plan, on_fault), fault_policies},
	{"no-reset", SECTION_PARTITION, ONCE, read_word, "refuse or accept", "accept", TARGET(partition_plan, no_reset), reset_policies},
	{"console", SECTION_HYPERVISOR, ONCE, read_console, "com1 to com4, a port such as 0x2f8, or none", "com1", .words = NULL},
	{"when-idle", SECTION_HYPERVISOR, ONCE, read_idle, "halt, reboot, poweroff or exit:PORT", "halt", TARGET(plan, when_idle), idle_actions},
	{"trust", SECTION_HYPERVISOR, SEVERAL, read_trust, "a port's address and a reason", "0000:00:1c.4 lab only", .words = NULL},
	{"sriov", SECTION_HYPERVISOR, SEVERAL, read_sriov, "a physical function's address and a number", "0000:01:00.0 4", .words = NULL},
};
/* clang-format on */
_Static_assert(ARRAY_SIZE(keys) <= KEYS_MAX, "a line for each key");

/* By section_kind. */
static const char *const titles[] = {"", "", "[hypervisor]", "[partition NAME]"};

/* ELSEWHERE is the key of that name in another section, or NULL. */
static void report_unknown(const struct entry *e, const struct key *elsewhere) {
	enum section_kind section = e->config->section;

	config_report(e->config, e->key_at, KEY_UNKNOWN, SHOWN(e->key), titles[section],
		      elsewhere ? "move it to" : "remove it, or write a key of",
		      titles[elsewhere ? elsewhere->section : section]);
}

void config_read_entry(struct entry *e) {
	struct config *config = e->config;
	u32 i = 0;

	if (config->section <= SECTION_IGNORED)
		return;
	while (i < ARRAY_SIZE(keys) && strcmp(e->key, keys[i].name) != 0)
		i++;
	e->kind = i < ARRAY_SIZE(keys) ? &keys[i] : NULL;
	if (!e->kind || e->kind->section != config->section) {
		if (e->value)
			report_unknown(e, e->kind);
		return;
	}
	if (config->seen[i] && e->kind->times != SEVERAL) {
		config_report(config, e->key_at, KEY_DUPLICATE, e->key, config->seen[i]);
		return;
	}
	config->seen[i] = e->key_at.line;
	if (e->value && !e->kind->read(e))
		config_report(config, e->at, VALUE_MALFORMED, e->key, e->kind->form,
			      SHOWN(e->value), e->key, e->kind->example);
}

void config_end_section(struct config *config) {
	const struct partition_plan *plan = config->partition;

	for (u32 i = 0; plan && i < ARRAY_SIZE(keys); i++) {
		if (keys[i].times == REQUIRED && !config->seen[i])
			config_report(config, plan->at, KEY_MISSING, plan->name, keys[i].name,
				      keys[i].name, keys[i].example);
		if (keys[i].section == SECTION_PARTITION)
			config->seen[i] = 0;
	}
	config->partition = NULL;
}
