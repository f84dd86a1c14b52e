/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt lines of the machine that lead to pins of partitions' virtual IO-APICs, against a model of the IO-APIC and of remapping entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../vmm/lines.c"
#include "x86.h"

#define BASE 0xfec00000ull
#define PINS 24
#define ENTRIES 512
#define SOURCE 0xa0
#define PARTITIONS 3
#define GSI_FIRST 16 /* one line for each partition, two for the first one */
#define REMOTE_IRR BIT(14)

struct boot_info boot;
struct machine machine;

static struct ioapic_info info = {.base = BASE, .unit = 0, .source_id = SOURCE};
static struct partition partitions[PARTITIONS];
static struct vpci_function functions[PARTITIONS + 1];
static struct vcpu vcpus[PARTITIONS][2];
static struct cpu cpus[PARTITIONS][2];

/* ---- the machine ---- */

static u64 pins[PINS];
static bool asserted[PINS];
static u32 owners[ENTRIES];
static struct interrupt_target entries[ENTRIES];
static bool pointed[ENTRIES];
static u32 sent[PINS];
static struct interrupt_target last[PINS];
static bool unit_dead;

static void serve(u32 pin) {
	u32 index = pins[pin] & BITS(10, 0);

	if (!asserted[pin] || pins[pin] & (REDIRECTION_MASKED | REMOTE_IRR))
		return;
	assert_int_equal(pins[pin] & (BIT(15) | BIT(13)), BIT(15) | BIT(13));
	assert_true(index < ENTRIES);
	if (!pointed[index])
		return;
	assert_true(entries[index].level);
	/* The end of it finds the pin by this. */
	assert_int_equal((u8)pins[pin], entries[index].vector);
	pins[pin] |= REMOTE_IRR;
	last[pin] = entries[index];
	sent[pin]++;
}

static void set_line(u32 pin, bool level) {
	asserted[pin] = level;
	serve(pin);
}

void ioapic_write_pin(u64 base, u32 pin, u64 entry) {
	assert_int_equal(base, BASE);
	assert_true(pin < PINS);
	pins[pin] = (entry & ~REMOTE_IRR) | (pins[pin] & REMOTE_IRR);
	serve(pin);
}

void ioapic_end(u64 base, u8 vector) {
	assert_int_equal(base, BASE);
	for (u32 pin = 0; pin < PINS; pin++)
		if ((u8)pins[pin] == vector) {
			pins[pin] &= ~REMOTE_IRR;
			serve(pin);
		}
}

void ioapic_deliver(struct virtual_ioapic *ioapic, u32 destination, bool logical, u8 vector,
		    bool lowest) {
	(void)ioapic, (void)destination, (void)logical, (void)vector, (void)lowest;
	fail_msg("pins of PCI are not sent by the hypervisor");
}

static u32 *owners_of(struct iommu_unit *unit, u16 requester_id) {
	(void)unit;
	assert_int_equal(requester_id, SOURCE);
	return owners;
}

static bool write_entries(struct iommu_unit *unit, u16 requester_id, u32 first, u32 count,
			  const struct interrupt_target *target) {
	(void)unit;
	assert_int_equal(requester_id, SOURCE);
	for (u32 i = first; i < first + count && !unit_dead; i++) {
		pointed[i] = target;
		if (target)
			entries[i] = *target;
	}
	return !unit_dead;
}

static struct msi_message message_of(const struct iommu_unit *unit, u32 index) {
	(void)unit;
	return (struct msi_message){INTERRUPT_WINDOW, index};
}

static const struct iommu_ops ops = {.interrupts = ENTRIES,
				     .interrupt_owners = owners_of,
				     .interrupt_write = write_entries,
				     .message = message_of};

/* ---- the guests ---- */

static u32 apic_of(u32 partition, u32 number) {
	return partition * 2 + number;
}

static int setup(void **state) {
	(void)state;
	memset(lines, 0, sizeof(lines));
	memset(pins, 0, sizeof(pins));
	memset(asserted, 0, sizeof(asserted));
	memset(owners, 0, sizeof(owners));
	memset(pointed, 0, sizeof(pointed));
	memset(sent, 0, sizeof(sent));
	unit_dead = false;
	boot.inventory.ioapics = &info;
	boot.inventory.ioapic_count = 1;
	boot.iommu.units[0] = (struct iommu_unit){.ops = &ops, .x2apic = true};
	for (u32 i = 0; i < PARTITIONS; i++) {
		struct partition *p = &partitions[i];

		for (u32 c = 0; c < 2; c++) {
			cpus[i][c].apic_id = apic_of(i, c);
			vcpus[i][c].cpu = &cpus[i][c];
			vcpus[i][c].apic_logical = (u8)BIT(apic_of(i, c));
		}
		p->vcpus = vcpus[i];
		p->vcpu_count = 2;
		p->vpci.functions = &functions[i];
		p->vpci.function_count = i == PARTITIONS - 1 ? 2 : 1;
	}
	for (u32 i = 0; i <= PARTITIONS; i++)
		functions[i].gsi = GSI_FIRST + i;
	for (u32 i = 0; i < PARTITIONS; i++)
		ioapic_reset(&partitions[i].ioapic);
	return 0;
}

static void guest_writes(u32 partition, u32 pin, u64 entry) {
	struct virtual_ioapic *ioapic = &partitions[partition].ioapic;

	ioapic_write(ioapic, 0, 0x11 + 2 * pin);
	ioapic_write(ioapic, 0x10, entry >> 32);
	ioapic_write(ioapic, 0, 0x10 + 2 * pin);
	ioapic_write(ioapic, 0x10, (u32)entry);
}

static u64 level(u32 apic_id, u8 vector) {
	return (u64)apic_id << 56 | BIT(15) | BIT(13) | vector;
}

static void a_line_reaches_its_guest_until_it_falls(void **state) {
	(void)state;
	set_line(16, true);
	assert_int_equal(sent[16], 0);
	guest_writes(0, 16, level(1, 0x41));
	assert_int_equal(sent[16], 1);
	assert_int_equal(last[16].apic_id, 1);
	assert_int_equal(last[16].vector, 0x41);
	/* The local APIC's end, which nobody sees, brings the next one; the guest's word to its own IO-APIC, too. */
	ioapic_end(BASE, 0x41);
	assert_int_equal(sent[16], 2);
	ioapic_write(&partitions[0].ioapic, 0x40, 0x42);
	assert_int_equal(sent[16], 2);
	ioapic_write(&partitions[0].ioapic, 0x40, 0x41);
	assert_int_equal(sent[16], 3);
	set_line(16, false);
	ioapic_end(BASE, 0x41);
	assert_int_equal(sent[16], 3);
}

static void a_guest_that_moves_it_before_the_end_still_gets_it(void **state) {
	(void)state;
	guest_writes(0, 16, level(0, 0x41));
	set_line(16, true);
	assert_int_equal(sent[16], 1);
	guest_writes(0, 16, level(0, 0x41) | REDIRECTION_MASKED);
	guest_writes(0, 16, level(1, 0x52));
	assert_true(sent[16] > 1);
	assert_int_equal(last[16].vector, 0x52);
	assert_int_equal(last[16].apic_id, 1);
	/* An edge is what it is not. */
	guest_writes(0, 16, 0x53);
	assert_int_equal(last[16].vector, 0x53);
}

static void nobody_else_is_reached(void **state) {
	(void)state;
	set_line(16, true);
	guest_writes(0, 16, level(apic_of(1, 0), 0x41));
	guest_writes(0, 16, level(0xff, 0x41));
	guest_writes(0, 16, level(BIT(apic_of(1, 0)), 0x41) | BIT(11));
	guest_writes(0, 16, level(0, 0x0f));
	guest_writes(0, 16, level(0, 0x41) | DELIVERY_NMI << 8);
	guest_writes(0, 16, level(0, 0x41) | DELIVERY_SMI << 8);
	/* Pins that lead to others' lines, and to none. */
	for (u32 pin = 17; pin < 24; pin++)
		guest_writes(0, pin, level(0, 0x41));
	for (u32 pin = 0; pin < PINS; pin++) {
		assert_true(pin < 16 || pin > 19 || pins[pin] & REDIRECTION_MASKED);
		assert_int_equal(sent[pin], 0);
	}
	guest_writes(0, 16, level(BIT(1), 0x41) | BIT(11) | DELIVERY_LOWEST << 8);
	assert_int_equal(sent[16], 1);
	assert_int_equal(last[16].apic_id, 1);
}

/* Guests choose vectors without asking each other. */
static void lines_of_one_vector_do_not_disturb_each_other(void **state) {
	(void)state;
	guest_writes(0, 16, level(apic_of(0, 0), 0x41));
	guest_writes(1, 17, level(apic_of(1, 0), 0x41));
	guest_writes(2, 18, level(apic_of(2, 0), 0x41)); /* one too many for this unit */
	for (u32 pin = 16; pin < 19; pin++)
		set_line(pin, true);
	assert_int_equal(last[16].apic_id, apic_of(0, 0));
	assert_int_equal(last[17].apic_id, apic_of(1, 0));
	assert_int_equal(sent[18], 0);
	assert_true(pins[18] & REDIRECTION_MASKED);
	guest_writes(0, 16, REDIRECTION_MASKED);
	guest_writes(2, 18, level(apic_of(2, 0), 0x41));
	assert_int_equal(last[18].apic_id, apic_of(2, 0));
}

/* The first one never ends what it got. */
static void a_guest_that_ends_nothing_holds_up_nobody(void **state) {
	(void)state;
	guest_writes(0, 16, level(0, 0x41));
	guest_writes(1, 17, level(apic_of(1, 1), 0x42));
	set_line(16, true);
	for (u32 i = 1; i <= 1000; i++) {
		set_line(17, true);
		assert_int_equal(sent[17], i);
		set_line(17, false);
		ioapic_end(BASE, 0x42);
	}
	assert_int_equal(sent[16], 1);
}

static void a_partition_that_has_ended_is_not_reached_and_begins_anew(void **state) {
	(void)state;
	guest_writes(0, 16, level(0, 0x41));
	set_line(16, true);
	ioapic_reset(&partitions[0].ioapic);
	assert_true(pins[16] & REDIRECTION_MASKED);
	assert_false(pins[16] & REMOTE_IRR);
	for (u32 i = 0; i < ENTRIES; i++) {
		assert_false(owners[i]);
		assert_false(pointed[i]);
	}
	set_line(16, false);
	set_line(16, true);
	assert_int_equal(sent[16], 1);
	guest_writes(0, 16, level(1, 0x33));
	assert_int_equal(sent[16], 2);
	assert_int_equal(last[16].vector, 0x33);
}

/* What may still be cached is not handed out. */
static void a_unit_that_does_not_answer_leaves_the_line_masked(void **state) {
	(void)state;
	guest_writes(0, 16, level(0, 0x41));
	unit_dead = true;
	guest_writes(0, 16, level(1, 0x42));
	assert_true(pins[16] & REDIRECTION_MASKED);
	ioapic_reset(&partitions[0].ioapic);
	unit_dead = false;
	guest_writes(1, 17, level(apic_of(1, 0), 0x41));
	assert_int_equal(owners[0x41], SOURCE + 1);
	assert_int_equal(lines[17].entry, 0x141);
	guest_writes(0, 16, level(1, 0x42));
	assert_int_equal(owners[0x41], 0);
	assert_false(pins[16] & REDIRECTION_MASKED);
}

static void two_lines_behind_one_pin(void **state) {
	(void)state;
	functions[PARTITIONS].gsi = 22; /* the last partition's: pin 18, as 18 */
	guest_writes(2, 18, level(apic_of(2, 0), 0x61));
	set_line(18, true);
	set_line(22, true);
	assert_int_equal(sent[18] + sent[22], 2);
	ioapic_write(&partitions[2].ioapic, 0x40, 0x61);
	assert_true(sent[18] > 1 && sent[22] > 1);
	/* And two functions on one line. */
	functions[PARTITIONS].gsi = 18;
	guest_writes(2, 18, level(apic_of(2, 1), 0x62));
	assert_int_equal(last[18].vector, 0x62);
	guest_writes(2, 18, REDIRECTION_MASKED);
	assert_true(pins[18] & REDIRECTION_MASKED);
}

static void random_writes_reach_own_processors_only(void **state) {
	u64 random = 0x9e3779b97f4a7c15;

	(void)state;
	guest_writes(1, 17, level(apic_of(1, 0), 0x41));
	for (u32 i = 0; i < 100000; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		ioapic_write(&partitions[0].ioapic, 0, (u32)(random >> 8) % 0x40);
		ioapic_write(&partitions[0].ioapic, random & 1 ? 0x10 : 0x40, (u32)(random >> 32));
		set_line(16, random & 2);
		for (u32 pin = 18; pin < 24; pin++)
			assert_true(pin > 19 || pins[pin] & REDIRECTION_MASKED);
		assert_false(pins[17] & REDIRECTION_MASKED);
		assert_true(!sent[16] || last[16].apic_id < 2);
		assert_true(!sent[16] || last[16].vector >= 16);
	}
	assert_true(sent[16]);
	set_line(17, true);
	assert_int_equal(last[17].apic_id, apic_of(1, 0));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_line_reaches_its_guest_until_it_falls, setup),
		cmocka_unit_test_setup(a_guest_that_moves_it_before_the_end_still_gets_it, setup),
		cmocka_unit_test_setup(nobody_else_is_reached, setup),
		cmocka_unit_test_setup(lines_of_one_vector_do_not_disturb_each_other, setup),
		cmocka_unit_test_setup(a_guest_that_ends_nothing_holds_up_nobody, setup),
		cmocka_unit_test_setup(a_partition_that_has_ended_is_not_reached_and_begins_anew,
				       setup),
		cmocka_unit_test_setup(a_unit_that_does_not_answer_leaves_the_line_masked, setup),
		cmocka_unit_test_setup(two_lines_behind_one_pin, setup),
		cmocka_unit_test_setup(random_writes_reach_own_processors_only, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
