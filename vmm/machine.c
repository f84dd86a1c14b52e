/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "x86.h"

/* From firmware's hands to running partitions. */

#define PAGES_FIXED 320 /* our own tables, ECAM windows, shared areas */
#define PAGES_PER_CPU 24 /* stacks, descriptors, save areas, tables */
#define LEGACY_PIC_MASTER_DATA 0x21
#define LEGACY_PIC_SLAVE_DATA 0xa1
#define PIC_ALL_MASKED 0xff
#define RESET_PORT 0xcf9
#define RESET_HARD 0x06
#define REGISTER_PAGE 0x1000

struct boot_info boot;
struct machine machine;

static volatile u32 ready;

u64 machine_pages(void) {
	u64 pages = PAGES_FIXED + iommu_pages(&boot.iommu) +
		    boot.inventory.cpu_count * PAGES_PER_CPU + boot.inventory.window_count * 2;

	for (u32 i = 0; i < boot.plan.partition_count; i++)
		pages += partition_pages(&boot.plan.partitions[i]);
	return pages;
}

bool machine_check(struct text_sink *sink) {
	bool good = true;

	for (u32 i = 0; i < boot.plan.partition_count; i++) {
		const struct partition_plan *p = &boot.plan.partitions[i];
		struct partition sketch = {.plan = p};
		struct load_request request = {.kernel = boot.images[i].kernel,
					       .initrd = boot.images[i].initrd,
					       .cmdline = p->cmdline,
					       .map = &sketch.map};
		struct text_buffer reason = TEXT_BUFFER(256);

		guest_memory_plan(&sketch, &boot.inventory, guest_ecam_base(&boot.inventory));
		if (!image_check(&request, &reason.sink)) {
			text_print(
				sink,
				"bulkhead.conf:%u:1: error[image]: partition \"%s\": %s\n"
				"bulkhead.conf:%u:1:   fix: give it another image, or more memory\n",
				p->at.line, p->name, reason.data, p->at.line);
			good = false;
		}
	}
	return good;
}

static bool map_units(void) {
	const struct inventory *inventory = &boot.inventory;
	bool good = true;

	for (u32 i = 0; i < inventory->unit_count; i++)
		good &= map_registers(inventory->units[i].base, inventory->units[i].register_bytes);
	for (u32 i = 0; i < inventory->ioapic_count; i++)
		good &= map_registers(inventory->ioapics[i].base, REGISTER_PAGE);
	for (u32 i = 0; i < boot.plan.partition_count; i++)
		good &= map_image(&boot.images[i].kernel) && map_image(&boot.images[i].initrd);
	return good;
}

/* No line-based interrupt is anybody's: PIC and IO-APICs stay masked. */
static void mask_lines(void) {
	port_write8(LEGACY_PIC_MASTER_DATA, PIC_ALL_MASKED);
	port_write8(LEGACY_PIC_SLAVE_DATA, PIC_ALL_MASKED);
	for (u32 i = 0; i < boot.inventory.ioapic_count; i++)
		ioapic_mask_all(boot.inventory.ioapics[i].base);
}

static void choose_monitor(void) {
	for (u32 i = 0; i < boot.inventory.cpu_count && !machine.monitor; i++) {
		struct cpu *cpu = cpu_by_index(i);

		if (cpu->online && !cpu->vcpu)
			machine.monitor = cpu;
	}
	if (!machine.monitor && boot.iommu.unit_count && !boot.iommu.units[0].ops->fault_event)
		say("warning: no processor is left over: faults of devices wait for the next exit");
}

void machine_memory_print(void) {
	u64 nested = 0;

	for (u32 i = 0; i < boot.plan.partition_count; i++)
		nested += machine.partitions[i].nested_pool.next;
	say("memory: %llu KiB of %llu KiB for tables and state in use, %llu KiB for guests' own",
	    boot.pool.next * PAGE_SIZE / KIB, boot.pool.pages * PAGE_SIZE / KIB,
	    nested * PAGE_SIZE / KIB);
}

/* On the boot processor, with our own tables; all others wait in cpu_main(). */
void machine_ready(void) {
	struct text_buffer reason = TEXT_BUFFER(256);

	if (!map_units())
		panic("no memory left for tables");
	boot.frame.visible = true;
	mask_lines();
	if (boot.iommu.unit_count && !iommu_start(&boot.iommu, &boot.pool, &reason.sink))
		panic("%s", reason.data);
	cpu_here()->online = 1;
	if (!partitions_create(&reason.sink))
		panic("%s", reason.data);
	choose_monitor();
	machine_memory_print();
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
}

_Noreturn void machine_start(void) {
	struct text_buffer reason = TEXT_BUFFER(256);

	machine.ecam_base = guest_ecam_base(&boot.inventory);
	console_init(boot.plan.console_port);
	cpus_start(&reason.sink);
	panic("%s", reason.data);
}

static _Noreturn void run_partition(struct cpu *cpu) {
	struct vcpu *vcpu = cpu->vcpu;
	struct partition *p = vcpu->partition;

	for (;;) {
		u32 round = p->round;

		cpu_reset_registers();
		cpu_drain_apic();
		if (vcpu->number == 0 && !(vcpu->requests & REQUEST_STOP))
			partition_start(p);
		vcpu_loop(vcpu);
		cpu_drain_apic();
		if (!__atomic_sub_fetch(&p->vcpus_running, 1, __ATOMIC_SEQ_CST))
			partition_finish(p);
		while (p->round == round) {
			faults_event();
			cpu_idle(cpu);
		}
	}
}

_Noreturn void cpu_main(struct cpu *cpu) {
	while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		cpu_pause();
	cpu_own_tables(cpu);
	if (cpu->vcpu) {
		faults_begin(cpu);
		run_partition(cpu);
	} else if (cpu == machine.monitor) {
		monitor_loop(cpu);
	}
	for (;;)
		cpu_idle(cpu);
}

void machine_idle(void) {
	say("idle");
	switch (boot.plan.when_idle) {
	case IDLE_EXIT: port_write32(boot.plan.exit_port, 0); break;
	case IDLE_REBOOT: port_write8(RESET_PORT, RESET_HARD); break;
	case IDLE_POWEROFF:
		if (boot.power_off_port)
			port_write16(boot.power_off_port, boot.power_off_value);
		else
			say("warning: this machine's ACPI tables do not say how to power off");
		break;
	case IDLE_HALT: break;
	}
}
