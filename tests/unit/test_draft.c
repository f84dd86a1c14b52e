/* SPDX-License-Identifier: Apache-2.0 */
/* What the survey says of a machine, and the file that it proposes: one that its own rules accept. */
#include "../../tools/machine.h"
#include "config.h"
#include "survey.h"
#include "topology.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ORACLE "tests/data/oracle"
#define REAL_MACHINES "../shared/corpus/pci/full"
#define TEXT_BYTES (4 * MIB)
#define IMAGE_BYTES (16 * MIB)

static struct cpu_info cpus[64];
static struct unit_info unit = {.kind = IOMMU_AMDVI, .base = 0xfed80000, .register_bytes = 0x4000};
/* Pieces that do not begin and end where partitions may. */
static struct memory_range memory[] = {
	{0, 640 * KIB, MEMORY_FREE},
	{MIB, 100 * MIB - 4096, MEMORY_FREE},
	{2 * GIB, 256 * MIB, MEMORY_RESERVED},
	{4 * GIB + 4096, 3 * GIB, MEMORY_FREE},
};

static bool find_image(const struct image_lookup *lookup, const char *name, u64 *bytes) {
	(void)lookup;
	*bytes = IMAGE_BYTES;
	return strcmp(name, "vmlinuz") == 0 || strcmp(name, "initrd.img") == 0;
}

/* The rules' verdict on TEXT; fails with their words when they find anything. */
static void expect_good(const struct inventory *inventory, const char *text, struct plan *plan) {
	static const struct image_lookup lookup = {.find = find_image};
	struct diagnostics diagnostics;
	char words[4096];
	struct text_buffer buffer;

	if (config_plan(text, strlen(text), inventory, &lookup, inventory->arena, plan,
			&diagnostics))
		return;
	buffer = text_buffer(words, sizeof(words));
	diagnostics_print(&diagnostics, "draft.conf", "", &buffer.sink);
	fputs(text, stderr);
	fail_msg("%s", words);
}

static char *print(void (*printer)(struct inventory *inventory, struct text_sink *out),
		   struct inventory *inventory) {
	struct text_buffer buffer;
	char *text = malloc(TEXT_BYTES);
	size_t used = inventory->arena->used;

	buffer = text_buffer(text, TEXT_BYTES);
	printer(inventory, &buffer.sink);
	assert_false(buffer.truncated);
	assert_int_equal(inventory->arena->used, used);
	return text;
}

static const char *find_name(const struct device_names *names, const struct pci_function *f,
			     char *text, size_t size) {
	(void)names;
	return f->vendor == 0x1234 ? text_format(text, size, "model %u", f->device) : NULL;
}

static void print_draft(struct inventory *inventory, struct text_sink *out) {
	static const struct device_names names = {.find = find_name};

	draft_print(inventory, &names, out);
}

static void print_survey(struct inventory *inventory, struct text_sink *out) {
	static const struct survey_facts facts = {.processor = "amd-svm"};

	survey_print(inventory, &facts, true, out);
}

static void furnish(struct inventory *inventory, u32 cpu_count, bool has_unit) {
	inventory->cpus = cpus;
	inventory->cpu_count = cpu_count;
	inventory->memory = memory;
	inventory->memory_count = ARRAY_SIZE(memory);
	inventory->units = &unit;
	inventory->unit_count = inventory->interrupt_remapping = has_unit;
	for (u32 i = 0; i < inventory->function_count; i++)
		inventory->functions[i].unit = has_unit ? 0 : NONE;
	assert_true(groups_derive(inventory, NULL, 0));
}

/* Two network cards and a disk behind ports of their own, a switch whose ports have no ACS, a chipset device. */
static struct topology *a_machine(u32 cpu_count, bool has_unit) {
	struct topology *t = topology_new();
	u32 f;

	topology_endpoint(t, "LPC", PCIE_NONE, 0, 31, 0);
	topology_class(t, 0, 0x060100);
	f = topology_endpoint(t, "SMBUS", PCIE_NONE, 0, 31, 3);
	topology_class(t, f, 0x0c0500);
	topology_port(t, "RP1", PCIE_ROOT_PORT, 0, 1, 0, 1, 1, true);
	f = topology_endpoint(t, "NIC1", PCIE_ENDPOINT, 1, 0, 0);
	topology_capability(t, f, PCI_CAPABILITY_MSIX, 12);
	topology_port(t, "RP2", PCIE_ROOT_PORT, 0, 2, 0, 2, 2, true);
	topology_endpoint(t, "NIC2", PCIE_ENDPOINT, 2, 0, 0);
	topology_port(t, "RP3", PCIE_ROOT_PORT, 0, 3, 0, 3, 7, true);
	topology_port(t, "USP", PCIE_UPSTREAM_PORT, 3, 0, 0, 4, 7, true);
	topology_port(t, "DSP1", PCIE_DOWNSTREAM_PORT, 4, 1, 0, 5, 5, false);
	topology_port(t, "DSP2", PCIE_DOWNSTREAM_PORT, 4, 2, 0, 6, 6, false);
	f = topology_endpoint(t, "DISK", PCIE_ENDPOINT, 5, 0, 0);
	topology_class(t, f, 0x010802);
	f = topology_endpoint(t, "USB", PCIE_ENDPOINT, 6, 0, 0);
	topology_class(t, f, 0x0c0330);
	topology_enumerate(t);
	furnish(&t->inventory, cpu_count, has_unit);
	return t;
}

static void expect_lines(const char *text, const char *const *lines) {
	for (; *lines; lines++)
		if (!strstr(text, *lines)) {
			fputs(text, stderr);
			fail_msg("there is no `%s`", *lines);
		}
}

static void a_partition_for_each_group(void **state) {
	static const char *const lines[] = {
		"\n[partition nic4]\ncpus    = 1\n",
		"\n[partition nic5]\ncpus    = 2\n",
		"\ngroup   = 0000:01:00.0\n",
		"\n# 0000:01:00.0: nic 1234:0103 model 259\n",
		/* The better of two devices gives its name. */
		"\n[partition disk7]\ncpus    = 3\n",
		"\ngroup   = 0000:05:00.0\n",
		"\n# trust = 0000:04:01.0 less isolation: one of 2 ports that hold group 7 together\n",
		/* What the machine may need is offered, not taken. */
		"\n# 0000:00:1f.0: chipset 1234:0100 model 256, which is a bridge, or stays with the "
		"hypervisor\n",
		"\n# Only an offer: the machine itself may need",
		"\n# [partition chipset3]\n",
		NULL,
	};
	struct topology *t = a_machine(8, true);
	char *text = print(print_draft, &t->inventory);
	struct plan plan;

	(void)state;
	expect_lines(text, lines);
	expect_good(&t->inventory, text, &plan);
	assert_int_equal(plan.partition_count, 3);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(plan.partitions[i].memory_bytes, 384 * MIB);
	assert_int_equal(plan.partitions[2].function_count, 2);
	free(text);
	topology_free(t);
}

static void processors_that_lack_leave_offers(void **state) {
	struct plan plan;

	(void)state;
	for (u32 count = 1; count < 4; count++) {
		struct topology *t = a_machine(count, true);
		char *text = print(print_draft, &t->inventory);

		assert_non_null(strstr(text, "no processor or memory is left for it"));
		expect_good(&t->inventory, text, &plan);
		assert_int_equal(plan.partition_count, count == 1 ? 1 : count - 1);
		assert_int_equal(plan.partitions[0].cpus[0], count != 1);
		free(text);
		topology_free(t);
	}
}

static void memory_that_lacks_leaves_offers(void **state) {
	struct topology *t = a_machine(8, true);
	struct memory_range little = {GIB, 256 * MIB, MEMORY_FREE};
	struct plan plan;
	char *text;

	(void)state;
	t->inventory.memory = &little;
	t->inventory.memory_count = 1;
	text = print(print_draft, &t->inventory);
	assert_non_null(strstr(text, "no processor or memory is left for it"));
	expect_good(&t->inventory, text, &plan);
	assert_int_equal(plan.partition_count, 2);
	assert_int_equal(plan.partitions[0].memory_bytes, 84 * MIB);
	free(text);
	topology_free(t);
}

static void without_an_iommu_no_device_is_proposed(void **state) {
	static const char *const lines[] = {
		"# Not offered: firmware describes no IOMMU",
		"\n[partition guest0]\n",
		NULL,
	};
	static const char *const told[] = {"bulkhead: missing: an IOMMU: ", NULL};
	struct topology *t = a_machine(4, false);
	char *text = print(print_draft, &t->inventory);
	struct plan plan;

	(void)state;
	expect_lines(text, lines);
	assert_null(strstr(text, "\ngroup"));
	expect_good(&t->inventory, text, &plan);
	free(text);
	text = print(print_survey, &t->inventory);
	expect_lines(text, told);
	free(text);
	topology_free(t);
}

/* A function that the rules refuse takes its group out, with the rule's own words. */
static void what_the_rules_refuse_is_not_proposed(void **state) {
	struct topology *t = a_machine(8, true);
	struct plan plan;
	char *text;

	(void)state;
	t->inventory.functions[topology_find(t, "NIC1")].unit = NONE;
	text = print(print_draft, &t->inventory);
	assert_non_null(
		strstr(text, "# Not offered: no IOMMU translates the requests of 0000:01:00.0.\n"));
	assert_null(strstr(text, "group   = 0000:01:00.0"));
	expect_good(&t->inventory, text, &plan);
	assert_int_equal(plan.partition_count, 2);
	free(text);
	topology_free(t);
}

static void the_survey_tells_what_can_be_given_away(void **state) {
	static const char *const lines[] = {
		"bulkhead: cpu 3: apic 0x0 amd-svm\n",
		"bulkhead: unit 0: amd-vi 0x00000000fed80000 segment 0x0000\n",
		"bulkhead: memory: 3172 MiB free, the largest piece 3072 MiB\n",
		"bulkhead: group 3: can be given away\n",
		"bulkhead: group 4: can be given away\n",
		"bulkhead: device 0000:00:1f.3: chipset, reset none (wants `no-reset = accept`), interrupts by pin only, "
		"which needs an `intx` line\n",
		"bulkhead: device 0000:01:00.0: nic, reset secondary-bus\n",
		"bulkhead: device 0000:05:00.0: disk, reset secondary-bus, interrupts by pin only, ",
		": trust 0000:04:01.0 0000:04:02.0 would split it\n",
		": cannot be given away: no IOMMU translates the requests of 0000:02:00.0\n",
		"bulkhead: region 0x0000000001000000-0x0000000001000fff: 0000:01:00.0\n",
		NULL,
	};
	struct topology *t = a_machine(4, true);
	struct reserved_region region = {.base = 16 * MIB, .limit = 16 * MIB + 4095};
	char *text;

	(void)state;
	region.function = topology_find(t, "NIC1");
	t->inventory.regions = &region;
	t->inventory.region_count = 1;
	t->inventory.functions[topology_find(t, "NIC2")].unit = NONE;
	text = print(print_survey, &t->inventory);
	expect_lines(text, lines);
	assert_null(strstr(text, "missing"));
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		assert_int_equal(strncmp(line, "bulkhead: ", strlen("bulkhead: ")), 0);
	free(text);
	topology_free(t);
}

/* The draft of a machine read from a dump, with several numbers of processors, and without an IOMMU. */
static void check_machine(const char *folder, const char *name, const char *part) {
	static const u32 counts[] = {1, 2, 5, 64};
	struct machine_options options = {0};
	struct machine machine;
	struct plan plan;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s%s", folder, name, part);
	options.lspci = path;
	assert_true(machine_load(&machine, &options));
	for (u32 i = 0; i < 2 * ARRAY_SIZE(counts); i++) {
		size_t used = machine.arena.used;
		char *text;

		furnish(&machine.inventory, counts[i / 2], i % 2);
		text = print(print_draft, &machine.inventory);
		expect_good(&machine.inventory, text, &plan);
		free(text);
		machine.arena.used = used;
	}
	machine_free(&machine);
}

static void drafts_of_other_machines_are_accepted(void **state) {
	const char *const folders[] = {ORACLE, REAL_MACHINES};
	u32 count = 0;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(folders); i++) {
		DIR *all = opendir(folders[i]);

		if (!all)
			print_message("no %s: not tried\n", folders[i]);
		for (struct dirent *entry; all && (entry = readdir(all));) {
			bool is_dump = i && strstr(entry->d_name, ".lspci.txt");

			if (entry->d_name[0] == '.' || (i && !is_dump))
				continue;
			check_machine(folders[i], entry->d_name, i ? "" : "/lspci.txt");
			count++;
		}
		if (all)
			closedir(all);
	}
	assert_true(count >= 24);
}

/* Each partition gets a core of its own: two threads of one would be refused (rule core-shared). */
static void threads_of_one_core_are_not_parted(void **state) {
	static const char *const lines[] = {
		"\n[partition nic4]\ncpus    = 1\n",
		"\n[partition nic5]\ncpus    = 2\n",
		"\n[partition disk7]\ncpus    = 4\n",
		NULL,
	};
	struct topology *t = a_machine(8, true);
	struct plan plan;
	char *text;

	(void)state;
	for (u32 i = 0; i < 8; i++)
		cpus[i].apic_id = i;
	t->inventory.thread_bits = 1;
	text = print(print_draft, &t->inventory);
	expect_lines(text, lines);
	expect_good(&t->inventory, text, &plan);
	free(text);
	/* Two cores: one partition beside the processor that watches over faults. */
	t->inventory.cpu_count = 4;
	text = print(print_draft, &t->inventory);
	expect_good(&t->inventory, text, &plan);
	assert_int_equal(plan.partition_count, 2);
	free(text);
	memset(cpus, 0, sizeof(cpus));
	topology_free(t);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_of_one_core_are_not_parted),
		cmocka_unit_test(a_partition_for_each_group),
		cmocka_unit_test(processors_that_lack_leave_offers),
		cmocka_unit_test(memory_that_lacks_leaves_offers),
		cmocka_unit_test(without_an_iommu_no_device_is_proposed),
		cmocka_unit_test(what_the_rules_refuse_is_not_proposed),
		cmocka_unit_test(the_survey_tells_what_can_be_given_away),
		cmocka_unit_test(drafts_of_other_machines_are_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
