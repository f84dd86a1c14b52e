/* SPDX-License-Identifier: Apache-2.0 */
/* Which ports a partition reaches without an exit: those of its functions' BARs, and none that is the hypervisor's. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../vmm/partition.c"
#include "pci_registers.h"

#define PORTS 0x10000u
#define FIRST 0xc000u
#define COUNT 0x20u

struct boot_info boot;
struct machine machine;

static struct partition_plan plan;
static struct pci_function info = {.bars[1] = {.base = FIRST, .size = COUNT, .io = true}};
static struct vpci_function function;
static struct interrupt_line no_line;
static u8 map[PORT_MAP_PAGES * PAGE_SIZE];
static struct partition partition;

/* What the partition's creation asks of others, and this does not come to. */
#define NOT_ASKED(name, type, result, ...)                                                         \
	type name(__VA_ARGS__) {                                                                   \
		fail_msg("%s", #name);                                                             \
		return result;                                                                     \
	}
#define NOTHING
#pragma GCC diagnostic ignored "-Wunused-parameter"
NOT_ASKED(cpu_by_index, struct cpu *, NULL, u32 index)
NOT_ASKED(cpu_window, void *, NULL, struct cpu *cpu, u64 address)
NOT_ASKED(vcpu_reset_state, void, NOTHING, struct vcpu_state *state)
NOT_ASKED(cpu_here, struct cpu *, NULL, void)
NOT_ASKED(cpu_own_tables, void, NOTHING, struct cpu *cpu)
NOT_ASKED(map_registers, bool, false, u64 base, u64 length)
NOT_ASKED(guest_memory_map, bool, false, struct partition *p)
NOT_ASKED(guest_memory_plan, void, NOTHING, struct partition *p, const struct inventory *inventory,
	  u64 ecam)
NOT_ASKED(partition_finish, void, NOTHING, struct partition *p)
NOT_ASKED(partition_fail, bool, false, struct partition *p, const char *format, ...)
NOT_ASKED(say, void, NOTHING, const char *format, ...)
NOT_ASKED(vpci_is_trapped, bool, false, const struct vpci_function *f, u32 bar)
NOT_ASKED(vpci_show_pin, void, NOTHING, struct vpci_function *f, u32 gsi)
NOT_ASKED(vpci_init, bool, false, struct vpci *vpci, const struct pci_access *config,
	  const struct inventory *inventory, const u32 *functions, u32 count, u64 ecam_base,
	  struct arena *arena)

bool vpci_has_ports(const struct vpci_function *f, u32 bar) {
	return f->registers[PCI_BAR0 / 4 + bar].initial == (FIRST | PCI_BAR_IO);
}

static int setup(void **state) {
	(void)state;
	memset(map, 0xff, sizeof(map));
	memset(&function, 0, sizeof(function));
	function.info = &info;
	function.registers[PCI_BAR0 / 4 + 1].initial = FIRST | PCI_BAR_IO;
	function.registers[PCI_BAR0 / 4 + 2].initial = 1; /* the upper half of an address */
	boot.plan.lines = &no_line;
	boot.plan.console_port = 0x3f8;
	boot.power_off_port = 0x604;
	partition = (struct partition){.plan = &plan, .ports = map};
	partition.vpci = (struct vpci){.functions = &function, .function_count = 1};
	return 0;
}

static bool is_trapped(u32 port) {
	return map[port / 8] >> port % 8 & 1;
}

static void only_its_own_ports_are_open(void **state) {
	(void)state;
	open_functions(&partition);
	for (u32 port = 0; port < 8 * sizeof(map); port++)
		assert_int_equal(is_trapped(port), port - FIRST >= COUNT);
}

static void what_is_ours_stays_ours(void **state) {
	(void)state;
	boot.plan.console_port = FIRST + 8;
	boot.power_off_port = FIRST + COUNT - 1;
	open_functions(&partition);
	for (u32 port = 0; port < PORTS; port++)
		assert_int_equal(is_trapped(port), port - FIRST >= COUNT ||
							   port == FIRST + COUNT - 1 ||
							   port - (FIRST + 8) < 8);
}

static void what_is_not_shown_stays_closed(void **state) {
	(void)state;
	function.registers[PCI_BAR0 / 4 + 1].initial = 0;
	open_functions(&partition);
	for (u32 port = 0; port < PORTS; port++)
		assert_true(is_trapped(port));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(only_its_own_ports_are_open, setup),
		cmocka_unit_test_setup(what_is_ours_stays_ours, setup),
		cmocka_unit_test_setup(what_is_not_shown_stays_closed, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
