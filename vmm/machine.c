/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "boot_info.h"
#include "x86.h"

/* From firmware's hands to running partitions. */

#define PAGES_FIXED 320 /* our own tables, ECAM windows, shared areas */
#define PAGES_PER_CPU 24 /* stacks, descriptors, save areas */
#define LEGACY_PIC_MASTER_DATA 0x21
#define LEGACY_PIC_SLAVE_DATA 0xa1
#define PIC_ALL_MASKED 0xff
#define RESET_PORT 0xcf9
#define RESET_HARD 0x06
#define REGISTER_PAGE 0x1000

struct machine machine;

static volatile u32 ready;

u64 machine_pages(const struct boot_info *boot) {
	u64 pages = PAGES_FIXED + iommu_pages(boot->iommu) +
		    boot->inventory->cpu_count * PAGES_PER_CPU + boot->inventory->window_count * 2 +
		    GUEST_ACPI_SIZE / PAGE_SIZE;

	for (u32 i = 0; i < boot->plan.partition_count; i++)
		pages += partition_pages(&boot->plan.partitions[i]);
	return pages;
}

bool machine_check(const struct boot_info *boot, struct text_sink *sink) {
	bool good = true;

	for (u32 i = 0; i < boot->plan.partition_count; i++) {
		const struct partition_plan *p = &boot->plan.partitions[i];
		struct partition sketch = {.plan = p};
		struct load_request request = {.kernel = boot->images[i].kernel,
					       .initrd = boot->images[i].initrd,
					       .cmdline = p->cmdline,
					       .map = &sketch.map};
		char words[256];
		struct text_buffer reason;

		text_buffer_init(&reason, words, sizeof(words));
		guest_memory_plan(&sketch, boot->inventory, guest_ecam_base(boot->inventory));
		if (!image_check(&request, &reason.sink)) {
			text_print(
				sink,
				"bulkhead.conf:%u:1: error[image]: partition \"%s\": %s\n"
				"bulkhead.conf:%u:1:   fix: give it another image, or more memory\n",
				p->line, p->name, words, p->line);
			good = false;
		}
	}
	return good;
}

static bool map_units(void) {
	struct inventory *inventory = machine.inventory;

	for (u32 i = 0; i < inventory->unit_count; i++) {
		if (!map_registers(inventory->units[i].base, inventory->units[i].register_bytes))
			return false;
	}
	for (u32 i = 0; i < inventory->ioapic_count; i++) {
		if (!map_registers(inventory->ioapics[i].base, REGISTER_PAGE))
			return false;
	}
	for (u32 i = 0; i < machine.plan.partition_count; i++) {
		if (!map_image(&machine.images[i].kernel) || !map_image(&machine.images[i].initrd))
			return false;
	}
	return true;
}

/* No line-based interrupt is anybody's: PIC and IO-APICs stay masked. */
static void mask_lines(void) {
	port_write8(LEGACY_PIC_MASTER_DATA, PIC_ALL_MASKED);
	port_write8(LEGACY_PIC_SLAVE_DATA, PIC_ALL_MASKED);
	for (u32 i = 0; i < machine.inventory->ioapic_count; i++)
		ioapic_mask_all(machine.inventory->ioapics[i].base);
}

static void choose_monitor(void) {
	for (u32 i = 0; i < machine.inventory->cpu_count && !machine.monitor; i++) {
		struct cpu *cpu = cpu_by_index(i);

		if (cpu->online && !cpu->vcpu)
			machine.monitor = cpu;
	}
}

/* On the boot processor, with our own tables; all others wait in cpu_main(). */
void machine_ready(void) {
	char words[256];
	struct text_buffer reason;

	text_buffer_init(&reason, words, sizeof(words));
	machine.acpi_scratch =
		page_pool_take_run(&machine.pool, GUEST_ACPI_SIZE / PAGE_SIZE, PAGE_SIZE);
	if (!machine.acpi_scratch || !map_units())
		panic("no memory left for tables");
	mask_lines();
	if (machine.inventory->unit_count &&
	    !iommu_start(&machine.iommu, &machine.pool, &reason.sink))
		panic("%s", words);
	cpu_here()->online = 1;
	if (!partitions_create(&reason.sink))
		panic("%s", words);
	choose_monitor();
	say("memory: %llu KiB of %llu KiB for tables and state in use",
	    (unsigned long long)machine.pool.in_use * PAGE_SIZE / KIB,
	    (unsigned long long)machine.pool.pages * PAGE_SIZE / KIB);
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
}

_Noreturn void machine_start(const struct boot_info *boot) {
	char words[256];
	struct text_buffer reason;

	machine.inventory = boot->inventory;
	machine.plan = boot->plan;
	machine.images = boot->images;
	machine.iommu = *boot->iommu;
	machine.vcpu_ops = boot->vcpu_ops;
	machine.config = boot->config;
	machine.ecam_base = guest_ecam_base(boot->inventory);
	machine.power_off_port = boot->power_off_port;
	machine.power_off_value = boot->power_off_value;
	machine.begin_tsc = boot->begin_tsc;
	machine.tsc_khz = boot->tsc_khz;
	machine.wall_clock_seconds = boot->wall_clock_seconds;
	machine.wall_clock_tsc = boot->wall_clock_tsc;
	machine.trampoline = boot->trampoline;
	console_init(machine.plan.console_port);
	page_pool_init(&machine.pool, boot->pool, boot->pool_pages);
	text_buffer_init(&reason, words, sizeof(words));
	cpus_start(&reason.sink);
	panic("%s", words);
}

static void run_partition(struct cpu *cpu) {
	struct vcpu *vcpu = cpu->vcpu;
	struct partition *p = vcpu->partition;

	while (!p->over) {
		u32 round = p->round;

		cpu_drain_apic(cpu);
		if (vcpu->number == 0 && !(vcpu->requests & REQUEST_STOP))
			partition_start(p);
		vcpu_loop(vcpu);
		cpu_drain_apic(cpu);
		if (!__atomic_sub_fetch(&p->vcpus_running, 1, __ATOMIC_SEQ_CST))
			partition_finish(p);
		while (p->round == round && !p->over)
			cpu_idle(cpu);
	}
}

_Noreturn void cpu_main(struct cpu *cpu) {
	while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		cpu_pause();
	if (cpu->vcpu)
		run_partition(cpu);
	else if (cpu == machine.monitor)
		monitor_loop(cpu);
	for (;;)
		cpu_idle(cpu);
}

void machine_idle(void) {
	say("idle");
	switch (machine.plan.when_idle) {
	case IDLE_EXIT: port_write32(machine.plan.exit_port, 0); break;
	case IDLE_REBOOT: port_write8(RESET_PORT, RESET_HARD); break;
	case IDLE_POWEROFF:
		if (machine.power_off_port)
			port_write16(machine.power_off_port, machine.power_off_value);
		else
			say("warning: this machine's ACPI tables do not say how to power off");
		break;
	case IDLE_HALT: break;
	}
}
