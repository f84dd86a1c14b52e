/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../pci/quirks.h"
#include "../../vmm/config_internal.h"
#include "guest.h"

#define ARENA_BYTES (4 * MIB)
#define CLASS_BRIDGE 0x060400
#define CLASS_HOST_BRIDGE 0x060000
#define CLASS_NETWORK 0x020000
#define CLASS_STORAGE 0x010802

/*
 * 00:00.0 host bridge, 00:1c.0 port -> 01:00.0 network, 00:1c.4 port without ACS -> switch-like pair
 * 05:00.0 and 06:00.0 (one group), 00:1f.2 storage alone, 02:00.0 and 02:00.1 the same model.
 */
enum { HOST_BRIDGE, PORT_A, PORT_B, STORAGE, NETWORK, TWIN_0, TWIN_1, SPLIT_A, SPLIT_B, FUNCTIONS };

struct machine {
	struct inventory inventory;
	struct pci_function functions[FUNCTIONS];
	struct group groups[6];
	struct group_reason reason;
	u32 members[FUNCTIONS];
	struct cpu_info cpus[8];
	struct unit_info unit;
	struct memory_range memory[5];
	struct reserved_region region;
	struct arena arena;
	struct plan plan;
	struct diagnostics diagnostics;
	struct image_lookup lookup;
};

static bool find_image(const struct image_lookup *lookup, const char *name, u64 *bytes) {
	(void)lookup;
	*bytes = strcmp(name, "huge") == 0 ? 1 * GIB : strcmp(name, "empty") == 0 ? 0 : 8 * MIB;
	return strcmp(name, "absent") != 0;
}

static void add(struct machine *m, u32 index, u8 bus, u8 devfn, u32 class_code, u32 parent,
		u32 group) {
	m->functions[index] = (struct pci_function){
		.address = {0, bus, devfn},
		.vendor = 0x8086,
		.device = (u16)(index == TWIN_1 ? 0x1000 + TWIN_0 : 0x1000 + index),
		.class_code = class_code,
		.header_type = class_code == CLASS_BRIDGE,
		.pcie_type = class_code == CLASS_BRIDGE ? PCIE_ROOT_PORT : PCIE_ENDPOINT,
		.parent = parent,
		.physical = NONE,
		.group = group,
		.table_alias = (u16)(bus << 8 | devfn),
	};
	m->members[index] = index;
}

static void set_group(struct machine *m, u32 group, u32 first, u32 count) {
	m->groups[group].members = &m->members[first];
	m->groups[group].member_count = count;
}

static struct machine *new_machine(void) {
	struct machine *m = calloc(1, sizeof(*m));

	add(m, HOST_BRIDGE, 0, 0x00, CLASS_HOST_BRIDGE, NONE, 0);
	add(m, PORT_A, 0, PCI_DEVFN(0x1c, 0), CLASS_BRIDGE, NONE, 1);
	add(m, PORT_B, 0, PCI_DEVFN(0x1c, 4), CLASS_BRIDGE, NONE, 5);
	add(m, STORAGE, 0, PCI_DEVFN(0x1f, 2), CLASS_STORAGE, NONE, 2);
	m->functions[STORAGE].pm = 0x40;
	add(m, NETWORK, 1, 0, CLASS_NETWORK, PORT_A, 3);
	add(m, TWIN_0, 2, 0, CLASS_NETWORK, NONE, 4);
	add(m, TWIN_1, 2, 1, CLASS_NETWORK, NONE, 4);
	m->functions[TWIN_0].pm = m->functions[TWIN_1].pm = 0x40;
	add(m, SPLIT_A, 5, 0, CLASS_NETWORK, PORT_B, 5);
	add(m, SPLIT_B, 6, 0, CLASS_NETWORK, PORT_B, 5);
	m->functions[PORT_A].secondary_bus = m->functions[PORT_A].subordinate_bus = 1;
	m->functions[PORT_B].secondary_bus = 5;
	m->functions[PORT_B].subordinate_bus = 6;
	set_group(m, 0, HOST_BRIDGE, 1);
	set_group(m, 1, PORT_A, 1);
	set_group(m, 2, STORAGE, 1);
	set_group(m, 3, NETWORK, 1);
	set_group(m, 4, TWIN_0, 2);
	set_group(m, 5, SPLIT_A, 2);
	m->reason = (struct group_reason){GROUP_ACS_MISSING, PORT_B, SPLIT_A, SPLIT_B};
	m->groups[5].reasons = &m->reason;
	m->groups[5].reason_count = 1;
	m->memory[0] = (struct memory_range){0, 640 * KIB, MEMORY_FREE};
	m->memory[1] = (struct memory_range){1 * MIB, 511 * MIB, MEMORY_FREE};
	m->memory[2] = (struct memory_range){512 * MIB, 16 * MIB, MEMORY_RESERVED};
	m->memory[3] = (struct memory_range){1 * GIB, 1 * GIB, MEMORY_FREE};
	m->memory[4] = (struct memory_range){4 * GIB + 4096, 3 * GIB, MEMORY_FREE};
	m->arena = (struct arena){malloc(ARENA_BYTES), ARENA_BYTES, 0};
	m->lookup.find = find_image;
	m->inventory = (struct inventory){
		.arena = &m->arena,
		.cpus = m->cpus,
		.cpu_count = ARRAY_SIZE(m->cpus),
		.memory = m->memory,
		.memory_count = ARRAY_SIZE(m->memory),
		.units = &m->unit,
		.unit_count = 1,
		.interrupt_remapping = true,
		.functions = m->functions,
		.function_count = FUNCTIONS,
		.groups = m->groups,
		.group_count = ARRAY_SIZE(m->groups),
	};
	return m;
}

static void free_machine(struct machine *m) {
	free(m->arena.base);
	free(m);
}

static int set_up(void **state) {
	*state = new_machine();
	return 0;
}

static int tear_down(void **state) {
	free_machine(*state);
	return 0;
}

static const char *seen_rules[64]; /* that any test has met */

static void note_rule(const char *rule) {
	u32 i = 0;

	while (seen_rules[i] && strcmp(seen_rules[i], rule) != 0)
		assert_true(++i < ARRAY_SIZE(seen_rules));
	seen_rules[i] = rule;
}

static bool plan_bytes(struct machine *m, const char *text, size_t length) {
	/* An exact copy, so that a read behind the end is seen. */
	char *copy = malloc(length ? length : 1);
	bool good;

	memcpy(copy, text, length);
	m->arena.used = 0;
	good = config_plan(copy, length, &m->inventory, &m->lookup, &m->arena, &m->plan,
			   &m->diagnostics);
	free(copy);
	assert_int_equal(good, m->diagnostics.count == 0);
	for (u32 i = 0; i < m->diagnostics.count; i++) {
		assert_non_null(m->diagnostics.entries[i].fix);
		note_rule(m->diagnostics.entries[i].rule);
	}
	return good;
}

static char printed[65536];

static const char *print(struct machine *m) {
	struct text_buffer buffer;

	buffer = text_buffer(printed, sizeof(printed));
	diagnostics_print(&m->diagnostics, "bulkhead.conf", "", &buffer.sink);
	return printed;
}

/* Runs TEXT and wants these errors, as "rule@line:column rule@line:column". */
static void expect(struct machine *m, const char *text, const char *errors) {
	char got[4096] = "";

	plan_bytes(m, text, strlen(text));
	for (u32 i = 0; i < m->diagnostics.count; i++) {
		const struct diagnostic *d = &m->diagnostics.entries[i];

		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s@%u:%u", i ? " " : "",
			 d->rule, d->at.line, d->at.column);
	}
	if (strcmp(got, errors) != 0)
		print_error("%s%s", text, print(m));
	assert_string_equal(got, errors);
}

#define PARTITION "[partition a]\ncpus = 1\nmemory = 512M\nkernel = vmlinuz\n" /* lines 1 to 4 */
#define SECOND "[partition b]\ncpus = 2\nmemory = 64M\nkernel = vmlinuz\n"

static void a_whole_file_becomes_a_plan(void **state) {
	struct machine *m = *state;

	expect(m,
	       "\xef\xbb\xbf# comment\r\n"
	       "[hypervisor]  ; comment\r\n"
	       "console = 0x2f8\r\nwhen-idle = exit:0xf4\r\ntrust = 0000:00:1c.4 lab only # ok\r\n"
	       "\r\n\t[ partition linux-a ]\r\n"
	       "cpus = 3, 1-2\r\nmemory=1G\r\nkernel = vmlinuz\r\ninitrd = \"init rd.img\" # x\r\n"
	       "cmdline = console=ttyS0 a#b \"q\" ; comment\r\n"
	       "device = 0000:01:00.0\r\ngroup = 0000:05:00.0\r\nrestart = on-failure\r\n"
	       "on-fault = stop\r\n[partition b]\r\ncpus=0\r\nmemory=64M\r\nkernel=k\r\n"
	       "cmdline = \"a # b \\\"c\\\" \\\\ \\d\"",
	       "");
	const struct partition_plan *a = &m->plan.partitions[0], *b = &m->plan.partitions[1];

	assert_int_equal(m->plan.console_port, 0x2f8);
	assert_int_equal(m->plan.when_idle, IDLE_EXIT);
	assert_int_equal(m->plan.exit_port, 0xf4);
	assert_int_equal(m->plan.preview.trust_count, 1);
	assert_int_equal(m->plan.preview.trusts[0].port.devfn, PCI_DEVFN(0x1c, 4));
	assert_string_equal(m->plan.preview.trusts[0].reason, "lab only");
	assert_int_equal(m->plan.partition_count, 2);
	assert_string_equal(a->name, "linux-a");
	assert_int_equal(a->at.line, 7);
	assert_int_equal(a->cpu_count, 3);
	assert_int_equal(a->cpus[0], 3);
	assert_int_equal(a->cpus[1], 1);
	assert_int_equal(a->cpus[2], 2);
	assert_int_equal(a->memory_bytes, 1 * GIB);
	assert_string_equal(a->initrd, "init rd.img");
	assert_string_equal(a->cmdline, "console=ttyS0 a#b \"q\"");
	assert_int_equal(a->function_count, 3);
	assert_int_equal(a->functions[0], NETWORK);
	assert_int_equal(a->functions[1], SPLIT_A);
	assert_int_equal(a->functions[2], SPLIT_B);
	assert_int_equal(a->restart, RESTART_ON_FAILURE);
	assert_int_equal(a->on_fault, FAULT_STOP);
	assert_null(b->initrd);
	assert_string_equal(b->cmdline, "a # b \"c\" \\ \\d");
	assert_int_equal(b->function_count, 0);
}

static void keys_that_are_absent_have_defaults(void **state) {
	struct machine *m = *state;

	expect(m, PARTITION, "");
	assert_int_equal(m->plan.console_port, 0x3f8);
	assert_int_equal(m->plan.when_idle, IDLE_HALT);
	assert_string_equal(m->plan.partitions[0].cmdline, "");
	assert_int_equal(m->plan.partitions[0].restart, RESTART_NEVER);
	assert_int_equal(m->plan.partitions[0].on_fault, FAULT_REPORT);
	expect(m, "[hypervisor]\nconsole = none\nwhen-idle = exit:244\n" PARTITION, "");
	assert_int_equal(m->plan.console_port, 0);
	assert_int_equal(m->plan.exit_port, 244);
}

static void a_split_group_is_explained(void **state) {
	struct machine *m = *state;

	expect(m,
	       "# 1\n# 2\n# 3\n# 4\n# 5\n# 6\n# 7\n"
	       "[partition rt]\ncpus = 1\nmemory = 64M\nkernel = k\ndevice   = 0000:05:00.0\n",
	       "group-split@12:12");
	assert_string_equal(
		print(m),
		"bulkhead.conf:12:12: error[group-split]: 0000:05:00.0 shares isolation group 5 with "
		"0000:06:00.0, which partition \"rt\" does not own\n"
		"bulkhead.conf:12:12:   because port 0000:00:1c.4 has no ACS: requests below it may "
		"turn round there\n"
		"bulkhead.conf:12:12:   fix: add `device = 0000:06:00.0`, or write `group = "
		"0000:05:00.0`\n");
}

static void a_group_that_two_partitions_share_is_split(void **state) {
	struct machine *m = *state;

	expect(m, PARTITION "device = 0000:05:00.0\n" SECOND "device = 0000:06:00.0\n",
	       "group-split@5:10 group-split@10:10");
	assert_non_null(
		strstr(print(m), "5:10:   because partition \"b\" has 0000:06:00.0 (line 10)"));
	assert_non_null(
		strstr(printed, "10:10:   because partition \"a\" has 0000:05:00.0 (line 5)"));
	expect(m, PARTITION "device = 0000:05:00.0\ndevice = 0000:06:00.0\n", "");
	expect(m, PARTITION "group = 0000:06:00.0\n" SECOND "group = 0000:05:00.0\n",
	       "device-shared@10:9");
}

static void syntax_errors(void **state) {
	struct machine *m = *state;

	expect(m, "", "no-partition@1:1");
	expect(m, "\n\n# nothing\n", "no-partition@1:1");
	expect(m, "cpus = 1\nmemory = 1\n" PARTITION, "key-outside@1:1");
	expect(m, "cpus = 1\n", "key-outside@1:1");
	expect(m, "rubbish\n" PARTITION, "line-form@1:1");
	expect(m, PARTITION "  initrd initrd.img\n", "line-form@5:3");
	expect(m, PARTITION "= initrd.img\n", "line-form@5:1");
	expect(m, "[partition a\ncpus = 1\n", "section-form@1:1");
	expect(m, "[partition a] x\ncpus = 1\nmemory = 512M\nkernel = k\n", "section-form@1:1");
	expect(m, "[rt]\ncpus = 1\n", "section-unknown@1:1");
	expect(m, "[]\n", "section-unknown@1:1");
	expect(m, "[hypervisor x]\n" PARTITION, "section-unknown@1:1");
	expect(m, "[partiton a]\ncpu = 1\nmemory = 512M\nkernel = k\n", "section-unknown@1:1");
	assert_non_null(strstr(print(m), "fix: write `[hypervisor]` or `[partition NAME]`"));
	expect(m, "[hypervisor]\n[hypervisor]\nconsole = com2\n" PARTITION,
	       "section-duplicate@2:1");
	expect(m, PARTITION "cmdline = \"open # x\n", "quote-open@5:11");
	expect(m, PARTITION "cmdline = \"a\" b\n", "quote-tail@5:15");
	expect(m, PARTITION "memory = 1G\n", "key-duplicate@5:1");
	expect(m, PARTITION "console = com1\n", "key-unknown@5:1");
	assert_non_null(strstr(print(m), "fix: move it to `[hypervisor]`"));
	expect(m, PARTITION "wibble = com1\n", "key-unknown@5:1");
	expect(m, "[partition a]\ncpus = 0\nmemory = 64M\nkernal = vmlinuz\n",
	       "key-missing@1:1 key-unknown@4:1");
	assert_string_equal(m->diagnostics.entries[1].fix,
			    "remove it, or write a key of `[partition NAME]`");
	expect(m, "[partition a]\n", "key-missing@1:1 key-missing@1:1 key-missing@1:1");
	/* What was written badly is not missing as well. */
	expect(m, "[partition a]\ncpus 1\nmemory 1G\nkernel = \"k\n",
	       "line-form@2:1 line-form@3:1 quote-open@4:10");
	expect(m, "[partition a]\ncpus = 1\nmemory: 64M\nkernel = \xc3\x28\n",
	       "line-form@3:1 text-encoding@4:10");
	/* Columns count characters. */
	expect(m, PARTITION "cmdline = \"\xc3\xa4\xe2\x82\xac\" x\n", "quote-tail@5:16");
}

static void value_errors(void **state) {
	static const char *const bad_cpus[] = {"",
					       "x",
					       "1,",
					       "1,,2",
					       ",1",
					       "2-1",
					       "1-",
					       "-1",
					       "1 2",
					       "0x1",
					       "1-2-3",
					       "4096",
					       "99999999999999999999"};
	static const char *const bad_sizes[] = {
		"",     "M",   "12Q",  "-1M",          "1.5G",
		"64 M", "M64", "64MB", "99999999999G", "99999999999999999999"};
	static const char *const bad_devices[] = {"",
						  "01:00",
						  "0000:01:00",
						  "0000:01:00.8",
						  "0000:01:20.0",
						  "0000:100:00.0",
						  "10000:01:00.0",
						  "0000:01:00.0x",
						  "8086:10d",
						  "8086:10d33",
						  "/0000:00",
						  "/0000:00/",
						  "/0000:00/1c",
						  "/0000:00/1c.0/",
						  "/00/1c.0",
						  "8086"};
	struct machine *m = *state;
	char text[512];

	for (u32 i = 0; i < ARRAY_SIZE(bad_cpus); i++) {
		snprintf(text, sizeof(text), "[partition a]\ncpus =%s\nmemory = 64M\nkernel = k\n",
			 bad_cpus[i]);
		expect(m, text, "value-malformed@2:7");
	}
	for (u32 i = 0; i < ARRAY_SIZE(bad_sizes); i++) {
		snprintf(text, sizeof(text), "[partition a]\ncpus = 1\nmemory =%s\nkernel = k\n",
			 bad_sizes[i]);
		expect(m, text, "value-malformed@3:9");
	}
	for (u32 i = 0; i < ARRAY_SIZE(bad_devices); i++) {
		snprintf(text, sizeof(text), PARTITION "device =%s\n", bad_devices[i]);
		expect(m, text, "value-malformed@5:9");
		snprintf(text, sizeof(text), PARTITION "group =%s\n", bad_devices[i]);
		expect(m, text, "value-malformed@5:8");
	}
	expect(m, PARTITION "restart = onfailure\n", "value-malformed@5:11");
	assert_non_null(strstr(print(m), "fix: write for example `restart = never`"));
	expect(m, PARTITION "on-fault =\n", "value-malformed@5:11");
	expect(m, PARTITION "initrd = # none\n", "value-malformed@5:10");
	expect(m, "[hypervisor]\nconsole = com5\n" PARTITION, "value-malformed@2:11");
	expect(m, "[hypervisor]\nconsole = 0\n" PARTITION, "value-malformed@2:11");
	expect(m, "[hypervisor]\nconsole = 0xfff9\n" PARTITION, "value-malformed@2:11");
	expect(m, "[hypervisor]\nwhen-idle = exit:0x10000\n" PARTITION, "value-malformed@2:13");
	expect(m, "[hypervisor]\nwhen-idle = exit:\n" PARTITION, "value-malformed@2:13");
	expect(m, "[hypervisor]\ntrust = 0000:00:1c.4\n" PARTITION, "value-malformed@2:9");
	expect(m, "[hypervisor]\ntrust = port lab\n" PARTITION, "value-malformed@2:9");
}

static void partition_errors(void **state) {
	struct machine *m = *state;
	char *text = calloc(1, 65536);

	expect(m, PARTITION "[partition a]\ncpus = 2\nmemory = 64M\nkernel = k\n",
	       "partition-duplicate@5:12");
	expect(m, "[partition]\ncpus = 2\nmemory = 64M\nkernel = k\n", "partition-name@1:11");
	expect(m, "[partition a b]\ncpus = 2\nmemory = 64M\nkernel = k\n", "partition-name@1:12");
	expect(m,
	       "[partition abcdefghijabcdefghijabcdefghij12]\ncpus = 2\nmemory = 64M\nkernel = k\n",
	       "partition-name@1:12");
	expect(m,
	       "[partition abcdefghijabcdefghijabcdefghij1]\ncpus = 2\nmemory = 64M\nkernel = k\n",
	       "");
	assert_string_equal(m->plan.partitions[0].name, "abcdefghijabcdefghijabcdefghij1");
	m->inventory.cpu_count = 0;
	for (u32 i = 0; i < 65; i++)
		sprintf(text + strlen(text), "[partition p%u]\ncpus=%u\nmemory=16M\nkernel=k\n", i,
			i);
	expect(m, text, "partition-limit@253:1 partition-limit@257:1");
	*strstr(text, "[partition p63]") = '\0';
	expect(m, text, "");
	assert_int_equal(m->plan.partition_count, 63);
	free(text);
}

static void cpu_errors(void **state) {
	struct machine *m = *state;

	expect(m, "[partition a]\ncpus = 1, 7-8,9\nmemory = 64M\nkernel = k\n",
	       "cpu-unknown@2:11 cpu-unknown@2:15");
	expect(m, "[partition a]\ncpus = \"1, 1\"\nmemory = 64M\nkernel = k\n", "cpu-shared@2:12");
	expect(m, PARTITION "[partition b]\ncpus = 0-3\nmemory = 64M\nkernel = k\n",
	       "cpu-shared@6:8");
	assert_non_null(
		strstr(print(m), "processor 1 belongs to partition \"a\" (line 2) already"));
	m->inventory.thread_bits = 1;
	for (u32 i = 0; i < ARRAY_SIZE(m->cpus); i++)
		m->cpus[i].apic_id = i;
	expect(m, PARTITION "[partition b]\ncpus = 2-4, 0\nmemory = 64M\nkernel = k\n",
	       "core-shared@6:13");
	assert_non_null(strstr(print(m), "processor 0 is a thread of the core of processor 1, "
					 "which belongs to partition \"a\" (line 2)"));
	expect(m, PARTITION "[partition b]\ncpus = 2-4\nmemory = 64M\nkernel = k\n", "");
	m->inventory.cpu_count = 0;
	expect(m, "[partition a]\ncpus = 4000\nmemory = 64M\nkernel = k\n", "");
}

static void memory_errors(void **state) {
	struct machine *m = *state;

	expect(m, "[partition a]\ncpus = 1\nmemory = 0\nkernel = k\n", "memory-size@3:10");
	expect(m, "[partition a]\ncpus = 1\nmemory = 14M\nkernel = k\n", "memory-size@3:10");
	expect(m, "[partition a]\ncpus = 1\nmemory = 65M\nkernel = k\n", "memory-size@3:10");
	assert_non_null(strstr(print(m), "fix: write `memory = 64M`"));
	expect(m, "[partition a]\ncpus = 1\nmemory = 3G\nkernel = k\n", "memory-too-large@3:10");
	assert_non_null(strstr(print(m), "the largest free piece is 3070M"));
	expect(m, "[partition a]\ncpus = 1\nmemory = 17179869183G\nkernel = k\n",
	       "memory-too-large@3:10");
	m->inventory.memory_count = 0;
	expect(m, "[partition a]\ncpus = 1\nmemory = 3G\nkernel = k\n", "");
	assert_int_equal(m->plan.partitions[0].memory_base, 0);
}

static void reserved_memory_goes_with_its_device(void **state) {
	struct machine *m = *state;
	const struct partition_plan *p;

	m->region =
		(struct reserved_region){512 * MIB, 516 * MIB - 1, true, true, NETWORK, 0, 0, 0};
	m->inventory.regions = &m->region;
	m->inventory.region_count = 1;
	expect(m, PARTITION "device = 0000:01:00.0\n" SECOND "device = 0000:00:1f.2\n", "");
	p = m->plan.partitions;
	assert_int_equal(p[0].reserved_pieces, 1);
	assert_int_equal(p[1].reserved_pieces, 0);
	/* Every function of a segment. */
	m->region.function = NONE;
	m->region.last = UINT16_MAX;
	expect(m, PARTITION "device = 0000:01:00.0\n" SECOND "device = 0000:00:1f.2\n", "");
	p = m->plan.partitions;
	assert_int_equal(p[0].reserved_pieces, 1);
	assert_int_equal(p[1].reserved_pieces, 1);
	m->region.segment = 1;
	expect(m, PARTITION "device = 0000:00:1f.2\n", "");
	assert_int_equal(m->plan.partitions[0].reserved_pieces, 0);
	/* Everyone from bus 1 to bus 4. */
	m->region.segment = 0;
	m->region.first = 0x100;
	m->region.last = 0x4ff;
	expect(m, PARTITION "device = 0000:01:00.0\n" SECOND "device = 0000:00:1f.2\n", "");
	assert_int_equal(m->plan.partitions[0].reserved_pieces, 1);
	assert_int_equal(m->plan.partitions[1].reserved_pieces, 0);

	m->region.first = 0;
	m->region.base = 0xe5000;
	m->region.limit = 0xe8fff;
	expect(m, PARTITION "device = 0000:00:1f.2\n", "reserved-memory@5:10");
	assert_non_null(strstr(print(m), "firmware wants 0000:00:1f.2 to reach 0xe5000-0xe8fff, "
					 "over the first MiB, where every partition has"));
	m->region.function = NETWORK;
	expect(m, PARTITION "device = 0000:00:1f.2\n", "");
	expect(m, PARTITION "device = 0000:01:00.0\n", "reserved-memory@5:10");
}

static void reserved_memory_fits_the_guests_map(void **state) {
	struct reserved_region regions[GUEST_RESERVED_MAX + 1];
	struct machine *m = *state;

	for (u32 i = 0; i < ARRAY_SIZE(regions); i++)
		regions[i] =
			(struct reserved_region){.base = 512 * MIB + 2 * i * PAGE_SIZE,
						 .limit = 512 * MIB + (2 * i + 1) * PAGE_SIZE - 1,
						 .read = true,
						 .function = NETWORK};
	m->inventory.regions = regions;
	m->inventory.region_count = GUEST_RESERVED_MAX;
	expect(m, PARTITION "device = 0000:01:00.0\n", "");
	m->inventory.region_count++;
	expect(m, PARTITION "device = 0000:01:00.0\n", "reserved-memory@5:10");
	assert_non_null(strstr(print(m), "memory map has room for"));
}

static void reserved_memory_is_not_somebody_elses(void **state) {
	struct machine *m = *state;

	m->region =
		(struct reserved_region){512 * MIB, 516 * MIB - 1, true, true, NETWORK, 0, 0, 0};
	m->inventory.regions = &m->region;
	m->inventory.region_count = 1;
	m->memory[2].kind = MEMORY_USED;
	expect(m, PARTITION "device = 0000:01:00.0\n", "reserved-memory@5:10");
	assert_non_null(strstr(print(m), "over memory of the machine"));
	m->memory[2].kind = MEMORY_RESERVED;
	m->unit.base = 514 * MIB;
	m->unit.register_bytes = 0x1000;
	expect(m, PARTITION "device = 0000:01:00.0\n", "reserved-memory@5:10");
	m->unit.base = 0;
	m->functions[STORAGE].bars[5] = (struct pci_bar){.base = 515 * MIB, .size = 0x1000};
	expect(m, PARTITION "device = 0000:01:00.0\n", "reserved-memory@5:10");
	expect(m, PARTITION "device = 0000:01:00.0\ndevice = 0000:00:1f.2\n", "");
}

/* What the memory map calls free all the same is no partition's memory, whoever has the device. */
static void nothing_is_placed_in_reserved_memory(void **state) {
	struct machine *m = *state;
	u64 base;

	m->inventory.regions = &m->region;
	m->inventory.region_count = 1;
	m->region = (struct reserved_region){
		6 * GIB + 0x5000, 6 * GIB + 0x7fff, true, true, NETWORK, 0, 0, 0};
	expect(m, "[partition a]\ncpus = 1\nmemory = 1G\nkernel = k\n", "");
	assert_int_equal(m->plan.partitions[0].memory_base, 5 * GIB);
	m->region.limit = 7 * GIB - 1;
	expect(m, "[partition a]\ncpus = 1\nmemory = 1G\nkernel = k\n", "");
	assert_int_equal(m->plan.partitions[0].memory_base, 5 * GIB);
	m->region.base = 4 * GIB;
	expect(m, "[partition a]\ncpus = 1\nmemory = 1G\nkernel = k\n", "");
	assert_int_equal(m->plan.partitions[0].memory_base, 1 * GIB);
	m->region.base = GIB + MIB;
	expect(m, "[partition a]\ncpus = 1\nmemory = 512M\nkernel = k\n", "memory-too-large@3:10");
	assert_non_null(strstr(print(m), "the largest free piece is 510M"));
	for (base = GIB; base < 2 * GIB; base += 64 * MIB) {
		m->region.base = base;
		m->region.limit = base + PAGE_SIZE - 1;
		expect(m, "[partition a]\ncpus = 1\nmemory = 510M\nkernel = k\n", "");
	}
}

static void memory_is_placed_from_the_top(void **state) {
	struct machine *m = *state;
	const struct partition_plan *p;

	expect(m,
	       "[partition a]\ncpus = 1\nmemory = 64M\nkernel = k\n"
	       "[partition b]\ncpus = 2\nmemory = 1G\nkernel = k\n"
	       "[partition c]\ncpus = 3\nmemory = 1G\nkernel = k\n"
	       "[partition d]\ncpus = 4\nmemory = 1G\nkernel = k\n"
	       "[partition e]\ncpus = 5\nmemory = 510M\nkernel = k\n",
	       "");
	p = m->plan.partitions;
	/* Aligned to 1 GiB as long as there is such a place. */
	assert_int_equal(p[1].memory_base, 6 * GIB);
	assert_int_equal(p[2].memory_base, 5 * GIB);
	assert_int_equal(p[3].memory_base, 1 * GIB);
	assert_int_equal(p[4].memory_base, 4 * GIB + 514 * MIB);
	assert_int_equal(p[0].memory_base, 4 * GIB + 450 * MIB);
	expect(m, "[partition a]\ncpus = 1\nmemory = 3070M\nkernel = k\n", "");
	assert_int_equal(m->plan.partitions[0].memory_base, 4 * GIB + 2 * MIB);
	m->memory[1].length = UINT64_MAX - 3; /* a hostile table */
	m->inventory.memory_count = 2;
	expect(m, "[partition a]\ncpus = 1\nmemory = 1G\nkernel = k\n", "");
}

static void image_errors(void **state) {
	struct machine *m = *state;

	expect(m, PARTITION "initrd = absent\n", "image-missing@5:10");
	expect(m, "[partition a]\ncpus = 1\nmemory = 64M\nkernel = empty\n", "image-missing@4:10");
	expect(m, PARTITION "initrd = huge\n", "image-too-large@3:10");
	m->lookup.find = find_image;
	assert_true(config_plan(PARTITION "initrd = absent\n",
				strlen(PARTITION "initrd = absent\n"), &m->inventory, NULL,
				&m->arena, &m->plan, &m->diagnostics));
}

static void device_errors(void **state) {
	struct machine *m = *state;

	expect(m, PARTITION "device = 0000:09:00.0\n", "device-unknown@5:10");
	expect(m, PARTITION "device = 8086:ffff\n", "device-unknown@5:10");
	expect(m, PARTITION "device = 8086:1004\n", "");
	assert_int_equal(m->plan.partitions[0].functions[0], NETWORK);
	expect(m, PARTITION "device = /0000:00/1c.0/00.0\n", "");
	assert_int_equal(m->plan.partitions[0].functions[0], NETWORK);
	expect(m, PARTITION "device = /0000:00/1c.0/01.0\n", "device-unknown@5:10");
	assert_non_null(strstr(
		print(m), "no function /0000:00/1c.0/01.0: the path breaks off at 0000:01:01.0"));
	expect(m, PARTITION "device = /0000:00/1f.2/00.0\n", "device-unknown@5:10");
	assert_non_null(strstr(
		print(m), "no function /0000:00/1f.2/00.0: the path breaks off at 0000:00:1f.2"));
	expect(m, PARTITION "device = 8086:1005\n", "device-ambiguous@5:10");
	assert_non_null(strstr(print(m), "2 functions 8086:1005, the last of them 0000:02:00.1"));
	expect(m, PARTITION "group = 8086:1005\n", "device-ambiguous@5:9");
	expect(m, PARTITION "device = 0000:00:1c.0\n", "device-not-assignable@5:10");
	expect(m, PARTITION "group = 0000:00:00.0\n", "device-not-assignable@5:9");
	expect(m, PARTITION "group = 0000:00:1c.4\n", "");
	assert_int_equal(m->plan.partitions[0].function_count, 2);
	expect(m, PARTITION "device = 0000:01:00.0\n" SECOND "device = 0000:01:00.0\n",
	       "device-shared@10:10");
	expect(m, PARTITION "device = 0000:01:00.0\ndevice = 0000:01:00.0\n", "");
	assert_int_equal(m->plan.partitions[0].function_count, 1);
	m->functions[NETWORK].unit = NONE;
	m->functions[NETWORK].uncovered = "gives it to two units";
	expect(m, PARTITION "device = 0000:01:00.0\n", "device-uncovered@5:10");
	assert_non_null(
		strstr(print(m), "because firmware's DMAR or IVRS table gives it to two units\n"));
	m->functions[NETWORK].unit = 0;
	m->functions[NETWORK].bars[0] = (struct pci_bar){.base = 0xfebc0000, .size = 0x20000};
	expect(m, PARTITION "device = 0000:01:00.0\n", "");
	m->functions[NETWORK].bars[0].base = 0x100000;
	expect(m, PARTITION "device = 0000:01:00.0\n", "device-registers@5:10");
	m->functions[NETWORK].bars[0].base = 0xfeee0000; /* there a write is an interrupt */
	expect(m, PARTITION "device = 0000:01:00.0\n", "device-registers@5:10");
	m->functions[NETWORK].bars[0].base = 0xfed90000;
	m->unit.base = 0xfed9f000;
	m->unit.register_bytes = 0x1000;
	expect(m, PARTITION "device = 0000:01:00.0\n", "device-registers@5:10");
	m->functions[NETWORK].bars[0].base = 0xe0000000;
	m->functions[NETWORK + 1].bars[2] = (struct pci_bar){.base = 0xe0010100, .size = 0x100};
	expect(m, PARTITION "device = 0000:01:00.0\n", "device-registers@5:10");
	m->functions[NETWORK + 1].bars[2].io = true;
	expect(m, PARTITION "device = 0000:01:00.0\n", "");
	m->functions[NETWORK].bars[1] = (struct pci_bar){.base = 0xc000, .size = 0x40, .io = true};
	expect(m, PARTITION "device = 0000:01:00.0\n", "");
	m->functions[NETWORK + 1].bars[2].base = 0xc020;
	expect(m, PARTITION "device = 0000:01:00.0\n", "device-registers@5:10");
	m->functions[NETWORK].bars[1].size = 0;
	m->inventory.iommu_fault = "unit 3, vt-d at 0xfed90000: it cannot";
	expect(m, PARTITION "device = 0000:00:1f.2\n", "iommu-unusable@5:10");
	assert_non_null(strstr(print(m), "because unit 3, vt-d at 0xfed90000: it cannot\n"));
	expect(m, PARTITION, "");
	m->inventory.interrupt_remapping = false;
	m->inventory.ioapics = &(struct ioapic_info){.id = 9, .base = 0xfec01000, .unit = NONE};
	m->inventory.ioapic_count = 1;
	expect(m, PARTITION "device = 0000:00:1f.2\n", "no-interrupt-remapping@5:10");
	assert_non_null(strstr(print(m), "gives IO-APIC 9 at 0xfec01000 to no unit\n"));
	m->inventory.no_interrupt_remapping = true;
	expect(m, PARTITION "device = 0000:00:1f.2\n", "no-interrupt-remapping@5:10");
	assert_non_null(strstr(print(m), "because firmware's DMAR table says that units cannot"));
	m->inventory.unit_count = 0;
	expect(m, PARTITION "device = 0000:00:1f.2\n" SECOND "device = 0000:01:00.0\n",
	       "no-iommu@5:10");
	expect(m, PARTITION, "");
	m->inventory.cpu_count = 0; /* a dump without tables */
	expect(m, PARTITION "device = 0000:00:1f.2\n", "");
}

/* What nothing resets is given away when the file says so, and whoever reads the refusal knows what to write. */
static void what_nothing_resets_wants_a_word(void **state) {
	struct machine *m = *state;

	m->functions[STORAGE].pm = 0;
	m->functions[TWIN_1].pm_keeps_state = true;
	expect(m, PARTITION "group = 0000:00:1f.2\n", "no-reset@5:9");
	assert_non_null(strstr(print(m), "error[no-reset]: nothing resets 0000:00:1f.2, so"));
	assert_non_null(strstr(print(m),
			       "fix: write `no-reset = accept` in the section of partition \"a\""));
	expect(m, PARTITION "no-reset = refuse\ngroup = 0000:00:1f.2\n", "no-reset@6:9");
	expect(m, PARTITION "no-reset = maybe\n", "value-malformed@5:12");
	expect(m, PARTITION "group = 0000:00:1f.2\nno-reset = accept\n", "");
	/* it is said for one partition, and each function is asked */
	expect(m,
	       PARTITION "group = 0000:00:1f.2\nno-reset = accept\n" SECOND
			 "group = 0000:02:00.0\n",
	       "no-reset@11:9");
	assert_non_null(strstr(print(m), "nothing resets 0000:02:00.1, so"));
	/* a bus of its own is enough */
	expect(m, PARTITION "device = 0000:01:00.0\n", "");
	m->functions[NETWORK].quirks = QUIRK_NO_BUS_RESET;
	expect(m, PARTITION "device = 0000:01:00.0\n", "no-reset@5:10");
}

static void trust_errors(void **state) {
	struct machine *m = *state;

	expect(m, "[hypervisor]\ntrust = 0000:00:1d.0 lab\n" PARTITION, "trust-port@2:9");
	expect(m, "[hypervisor]\ntrust = 0000:01:00.0 lab\n" PARTITION, "trust-port@2:9");
	expect(m, "[hypervisor]\ntrust = 0000:00:1c.4 a\ntrust = 0000:00:1c.4 b\n" PARTITION,
	       "trust-port@3:9");
}

#define ASK(text) "[hypervisor]\nsriov = " text "\n" PARTITION

static void virtual_functions_are_asked_for(void **state) {
	struct machine *m = *state;
	struct sriov_request request = {.physical = {0, 1, 0}, .count = 4, .limit = 7};

	m->inventory.requests = &request;
	m->inventory.request_count = 1;
	expect(m, ASK("0000:01:00.0 4"), "");
	expect(m, ASK("0000:01:00.0 0x4 # several"), "");
	expect(m, ASK("0000:01:00.0 4\nsriov = 0000:01:00.0 2"), "sriov-refused@3:9");
	assert_non_null(strstr(print(m), "because a line above names it already"));
	expect(m, ASK("0000:02:00.0 4"), "sriov-refused@2:9");
	assert_non_null(strstr(print(m), "no such function"));
	request.refusal = "it does not want to";
	expect(m, ASK("0000:01:00.0 4"), "sriov-refused@2:9");
	assert_non_null(
		strstr(print(m), "error[sriov-refused]: 0000:01:00.0 cannot have 4 virtual"));
	assert_non_null(strstr(print(m), "because it does not want to"));
	assert_non_null(strstr(print(m), "(here 7)"));
	expect(m, ASK("0000:01:00.0"), "value-malformed@2:9");
	expect(m, ASK("0000:01:00.0 four"), "value-malformed@2:9");
	expect(m, ASK("0000:01:00.0 4 5"), "value-malformed@2:9");
	expect(m, ASK("0000:01:00.0 65536"), "value-malformed@2:9");
	expect(m, ASK("8086:1004 4"), "value-malformed@2:9");
	expect(m, PARTITION "sriov = 0000:01:00.0 4\n", "key-unknown@5:1");
}

/* TWIN_0 becomes the virtual function of NETWORK, STORAGE another one. */
static void who_has_a_physical_function_has_its_virtual_ones(void **state) {
	struct machine *m = *state;

	m->functions[NETWORK].sriov = 0x160;
	m->functions[TWIN_0].physical = m->functions[STORAGE].physical = NETWORK;
	set_group(m, 4, TWIN_0, 1);
	m->functions[TWIN_1].group = 5;
	expect(m, PARTITION "device = 0000:01:00.0\ndevice = 0000:02:00.0\ndevice = 0000:00:1f.2\n",
	       "");
	expect(m, PARTITION "device = 0000:02:00.0\n" SECOND "device = 0000:00:1f.2\n", "");
	expect(m, PARTITION "device = 0000:01:00.0\ndevice = 0000:02:00.0\n", "sriov-owner@5:10");
	assert_non_null(strstr(print(m), "fix: add `device = 0000:00:1f.2`"));
	expect(m,
	       PARTITION "device = 0000:01:00.0\ndevice = 0000:00:1f.2\n" SECOND
			 "device = 0000:02:00.0\n",
	       "sriov-owner@5:10");
	expect(m, PARTITION "device = 0000:01:00.0\n", "sriov-owner@5:10");
}

/* The machine's one IO-APIC begins with interrupt 16. */
static void interrupt_lines_are_told_once_and_not_shared(void **state) {
	struct machine *m = *state;
	struct ioapic_info ioapic = {.id = 1, .gsi_base = 16};

	m->inventory.ioapics = &ioapic;
	m->inventory.ioapic_count = 1;
	m->functions[NETWORK].interrupt_pin = m->functions[TWIN_0].interrupt_pin = 1;
	expect(m, PARTITION "intx = 0000:01:00.0 20\ndevice = 0000:01:00.0\n", "");
	assert_ptr_equal(m->plan.lines[NETWORK].plan, &m->plan.partitions[0]);
	assert_int_equal(m->plan.lines[NETWORK].gsi, 20);
	assert_null(m->plan.lines[TWIN_0].plan);
	expect(m,
	       PARTITION "group = 0000:02:00.0\ndevice = 0000:01:00.0\nintx = 0000:01:00.0 20\n"
			 "intx = 0000:02:00.0 0x14\n",
	       "");
	expect(m,
	       PARTITION "device = 0000:01:00.0\nintx = 0000:01:00.0 20\n" SECOND
			 "group = 0000:02:00.0\nintx = 0000:02:00.0 20\n",
	       "intx-shared@12:8");
	assert_non_null(strstr(print(m), "0000:02:00.0 interrupts by line 20, and so does "
					 "0000:01:00.0 of partition \"a\" (line 6)"));
	expect(m, PARTITION "intx = 0000:01:00.0 20\n", "intx-refused@5:8");
	assert_non_null(strstr(print(m), "because it is not this partition's"));
	expect(m, PARTITION "device = 0000:01:00.0\n" SECOND "intx = 0000:01:00.0 20\n",
	       "intx-refused@10:8");
	expect(m, PARTITION "device = 0000:00:1f.2\nintx = 0000:00:1f.2 20\n", "intx-refused@6:8");
	assert_non_null(strstr(print(m), "because it has no interrupt pin"));
	expect(m, PARTITION "device = 0000:01:00.0\nintx = 0000:01:00.0 15\n", "intx-refused@6:8");
	assert_non_null(strstr(print(m), "because no IO-APIC of this machine has that line"));
	expect(m,
	       PARTITION "device = 0000:01:00.0\nintx = 0000:01:00.0 20\nintx = 0000:01:00.0 21\n",
	       "intx-refused@7:8");
	expect(m, PARTITION "intx = 0000:0a:00.0 20\n", "device-unknown@5:8");
	expect(m, PARTITION "intx = 0000:01:00.0 256\n", "value-malformed@5:8");
	expect(m, PARTITION "intx = 0000:01:00.0\n", "value-malformed@5:8");
	expect(m, PARTITION "intx = 20\n", "value-malformed@5:8");
}

static void requests_are_read_before_the_plan(void **state) {
	static const char text[] =
		"[hypervisor]\nsriov = 0000:01:00.0 4\nsriov = bad 1\n"
		"sriov = 0001:02:03.4 0\n[partition a]\nsriov = 0000:01:00.0 2\n";
	struct machine *m = *state;
	struct config_preview preview;

	assert_true(config_preview(text, strlen(text), &m->arena, &preview));
	assert_int_equal(preview.request_count, 2);
	assert_int_equal(preview.requests[0].count, 4);
	assert_int_equal(preview.requests[0].physical.bus, 1);
	assert_int_equal(preview.requests[1].physical.segment, 1);
	assert_non_null(preview.requests[1].refusal); /* until somebody finds the function */
}

static void trusts_are_read_before_the_plan(void **state) {
	static const char text[] =
		"[hypervisor]\ntrust = bad\ntrust = 0000:00:1c.4 lab only\n"
		"trust = 0001:02:03.4 \"x\"\n[partition a]\ntrust = 0000:00:1c.0 no\n";
	struct machine *m = *state;
	struct config_preview preview;

	assert_true(config_preview(text, strlen(text), &m->arena, &preview));
	assert_int_equal(preview.trust_count, 2);
	assert_string_equal(preview.trusts[0].reason, "lab only");
	assert_int_equal(preview.trusts[1].port.segment, 1);
	m->arena.used = m->arena.size;
	assert_false(config_preview(text, strlen(text), &m->arena, &preview));
	assert_int_equal(preview.trust_count, 0);
}

static void all_errors_come_in_the_order_of_the_file(void **state) {
	struct machine *m = *state;

	expect(m,
	       "[hypervisor]\ntrust = 0000:01:00.0 x\nconsole = com9\n[partition a]\ncpus = 1,99\n"
	       "memory = 3M\nkernel = absent\ndevice = 0000:05:00.0\nwibble = 1\n"
	       "[partition a]\ncpus = 1\nmemory = 64M\nkernel = k\ndevice = 0000:77:00.0\n",
	       "trust-port@2:9 value-malformed@3:11 cpu-unknown@5:10 memory-size@6:10 "
	       "image-missing@7:10 group-split@8:10 key-unknown@9:1 partition-duplicate@10:12 "
	       "cpu-shared@11:8 device-unknown@14:10");
}

static void an_error_puts_the_prefix_before_each_line(void **state) {
	struct machine *m = *state;
	struct text_buffer buffer;

	expect(m, "", "no-partition@1:1");
	buffer = text_buffer(printed, sizeof(printed));
	diagnostics_print(&m->diagnostics, "f", "bulkhead: ", &buffer.sink);
	assert_string_equal(printed,
			    "bulkhead: f:1:1: error[no-partition]: the file has no partition, so "
			    "there is nothing to start\nbulkhead: f:1:1:   fix: add a `[partition "
			    "NAME]` with `cpus`, `memory` and `kernel`\n");
}

static void control_characters_do_not_reach_the_console(void **state) {
	static const char nul[] =
		"[partition a]\ncpus = 1\0\nmemory = \x1b[2J\nkernel = \xc2\x9b\n";
	struct machine *m = *state;

	assert_false(plan_bytes(m, nul, sizeof(nul) - 1));
	assert_int_equal(m->diagnostics.count, 3);
	for (const char *p = print(m); *p; p++)
		assert_true(*p == '\n' || (u8)*p >= 0x20);
	expect(m, "\xff\xfe[", "text-encoding@1:1 no-partition@1:1");
}

static void long_lines_are_cut_in_messages(void **state) {
	struct machine *m = *state;
	char *text = malloc(MIB);

	memset(text, 'x', MIB);
	assert_false(plan_bytes(m, text, MIB));
	assert_true(strlen(print(m)) < 300);
	memcpy(text, PARTITION "device = ", strlen(PARTITION "device = "));
	assert_false(plan_bytes(m, text, MIB));
	assert_string_equal(m->diagnostics.entries[0].rule, "value-malformed");
	assert_true(strlen(print(m)) < 400);
	memset(text, '\n', MIB);
	assert_false(plan_bytes(m, text, MIB));
	for (u32 i = 0; i < MIB; i += 2)
		text[i] = 'x';
	assert_false(plan_bytes(m, text, MIB));
	assert_int_equal(m->diagnostics.count, DIAGNOSTICS_MAX);
	assert_int_equal(m->diagnostics.dropped, MIB / 2 - DIAGNOSTICS_MAX);
	free(text);
}

static void random_bytes_are_refused(void **state) {
	struct machine *m = *state;
	char text[4096];

	srand(1);
	for (u32 round = 0; round < 300; round++) {
		for (u32 i = 0; i < sizeof(text); i++)
			text[i] =
				(char)(round & 1 ? rand() : "[]=\"\\# \n\tpartition"[rand() % 18]);
		assert_false(plan_bytes(m, text, (size_t)rand() % sizeof(text)));
	}
}

static void a_full_arena_is_said_and_nothing_else(void **state) {
	static const char text[] = "[hypervisor]\ntrust = 0000:00:1c.4 x\n" PARTITION
				   "group = 0000:05:00.0\ncmdline = \"x\"\n" SECOND;
	struct machine *m = *state;
	size_t needed;

	expect(m, text, "");
	needed = m->arena.used;
	for (size_t size = 0; size < needed; size += size < 20000 ? 997 : 16) {
		m->arena.size = size;
		assert_false(plan_bytes(m, text, strlen(text)));
		assert_int_equal(m->diagnostics.count, 1);
		assert_string_equal(m->diagnostics.entries[0].rule, "out-of-memory");
		assert_int_equal(m->plan.partition_count, 0);
	}
	m->arena.size = needed;
	expect(m, text, "");
}

/* The last test: what the others met, and what the reference lists, are the same rules. */
static void the_reference_has_every_rule(void **state) {
	static const char head[] = "\n| rule | what it asks |\n|---|---|\n";
	char *text = calloc(1, MIB), row[128];
	FILE *file = fopen("docs/configuration.md", "r");
	u32 met = 0, listed = 0;

	(void)state;
	assert_non_null(file);
	assert_true(fread(text, 1, MIB - 1, file) > 0);
	fclose(file);
	char *table = strstr(text, head);

	assert_non_null(table);
	for (; seen_rules[met]; met++) {
		snprintf(row, sizeof(row), "\n| `%s` | ", seen_rules[met]);
		if (!strstr(table, row))
			print_error("docs/configuration.md lacks%s", row);
		assert_non_null(strstr(table, row));
	}
	for (char *line = table; (line = strstr(line, "\n| `")); line++)
		listed++;
	assert_int_equal(met, listed);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_whole_file_becomes_a_plan),
		TEST(keys_that_are_absent_have_defaults),
		TEST(a_split_group_is_explained),
		TEST(a_group_that_two_partitions_share_is_split),
		TEST(syntax_errors),
		TEST(value_errors),
		TEST(partition_errors),
		TEST(cpu_errors),
		TEST(memory_errors),
		TEST(memory_is_placed_from_the_top),
		TEST(reserved_memory_goes_with_its_device),
		TEST(reserved_memory_fits_the_guests_map),
		TEST(reserved_memory_is_not_somebody_elses),
		TEST(nothing_is_placed_in_reserved_memory),
		TEST(image_errors),
		TEST(device_errors),
		TEST(trust_errors),
		TEST(what_nothing_resets_wants_a_word),
		TEST(virtual_functions_are_asked_for),
		TEST(who_has_a_physical_function_has_its_virtual_ones),
		TEST(interrupt_lines_are_told_once_and_not_shared),
		TEST(requests_are_read_before_the_plan),
		TEST(trusts_are_read_before_the_plan),
		TEST(all_errors_come_in_the_order_of_the_file),
		TEST(an_error_puts_the_prefix_before_each_line),
		TEST(control_characters_do_not_reach_the_console),
		TEST(long_lines_are_cut_in_messages),
		TEST(random_bytes_are_refused),
		TEST(a_full_arena_is_said_and_nothing_else),
		TEST(the_reference_has_every_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
