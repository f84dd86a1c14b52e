/* SPDX-License-Identifier: Apache-2.0 */
#include "processor.h"

/* Intel SDM volume 3, section 9.4.4: INIT, 10 ms, start-up, and once more when nothing happened. */
#define INIT_WAIT_MS 10
#define STARTUP_TRIES 2
#define ONLINE_WAIT_MS 2000

extern const char trampoline_long[], trampoline_segments[], trampoline_cr3[], trampoline_far[],
	trampoline_gdt_base[], trampoline_entry[];

static struct cpu *cpus;
static u32 cpu_total;

/* Read by trampoline.asm. */
void *volatile ap_stack;
static struct cpu *volatile ap_cpu;
_Noreturn void ap_main(void);

struct cpu *cpu_by_index(u32 index) {
	return &cpus[index];
}

struct cpu *cpu_here(void) {
	u32 apic_id = (u32)msr_read(X2APIC_ID);

	for (u32 i = 0; i < cpu_total; i++)
		if (cpus[i].apic_id == apic_id)
			return &cpus[i];
	return NULL;
}

static u8 *trampoline_field(const char *field) {
	return (u8 *)(uintptr_t)(boot.trampoline + (u64)(field - trampoline_begin));
}

static void store32(const char *field, u64 value) {
	*(u32 *)trampoline_field(field) = (u32)value;
}

/* Before our own tables are loaded, in which the page cannot be written. */
static void trampoline_place(void) {
	memcpy((void *)(uintptr_t)boot.trampoline, trampoline_begin,
	       (size_t)(trampoline_end - trampoline_begin));
	store32(trampoline_gdt_base, (uintptr_t)trampoline_field(trampoline_segments));
	store32(trampoline_far, (uintptr_t)trampoline_field(trampoline_long));
	*(u64 *)trampoline_field(trampoline_cr3) = paging_root();
	*(u64 *)trampoline_field(trampoline_entry) = (uintptr_t)ap_entry;
}

static bool cpus_build(void) {
	const struct inventory *inventory = &boot.inventory;

	cpu_total = inventory->cpu_count;
	cpus = page_pool_take(&boot.pool,
			      ALIGN_UP(cpu_total * sizeof(*cpus), PAGE_SIZE) / PAGE_SIZE);
	for (u32 i = 0; cpus && i < cpu_total; i++) {
		cpus[i].index = i;
		cpus[i].apic_id = inventory->cpus[i].apic_id;
		if (!descriptors_build(&cpus[i]))
			return false;
	}
	return cpus != NULL;
}

static void cpu_load(struct cpu *cpu) {
	msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_NXE);
	cr3_write(paging_root());
	cr0_write((cr0_read() & ~(CR0_CD | CR0_NW)) | CR0_WP | CR0_NE);
	descriptors_load(cpu);
	cr4_write(cr4_read() | CR4_MCE);
	msr_write(MSR_PAT, PAT_HOST);
	apic_enable();
}

static _Noreturn void run(struct cpu *cpu) {
	if (!boot.vcpu_ops->cpu_enable(cpu, &boot.pool))
		panic("cpu %u: virtualisation could not be switched on", cpu->index);
	__atomic_store_n(&cpu->online, 1, __ATOMIC_RELEASE);
	cpu_main(cpu);
}

_Noreturn void ap_main(void) {
	struct cpu *cpu = ap_cpu;

	cpu_load(cpu);
	run(cpu);
}

static bool wait_online(const struct cpu *cpu, u32 milliseconds) {
	for (u32 i = 0; i < milliseconds; i++) {
		if (__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE))
			return true;
		cpu_delay(1);
	}
	return false;
}

/* One after another: they share the trampoline's stack pointer and the page pool. */
static bool cpu_start(struct cpu *cpu) {
	u8 *stack = page_pool_take(&boot.pool, CPU_STACK_PAGES);

	if (!stack)
		return false;
	ap_cpu = cpu;
	ap_stack = stack + CPU_STACK_PAGES * PAGE_SIZE;
	apic_send(cpu->apic_id, DELIVERY_INIT << 8);
	cpu_delay(INIT_WAIT_MS);
	for (u32 attempt = 0; attempt < STARTUP_TRIES; attempt++) {
		apic_send(cpu->apic_id,
			  DELIVERY_STARTUP << 8 | (u32)(boot.trampoline >> PAGE_SHIFT));
		if (wait_online(cpu, attempt ? ONLINE_WAIT_MS : INIT_WAIT_MS))
			return true;
	}
	/* Not to come later, with a stack that is another's by then. */
	apic_send(cpu->apic_id, DELIVERY_INIT << 8);
	return false;
}

static void boot_processor(struct cpu *cpu) {
	cpu_load(cpu);
	for (u32 i = 0; i < cpu_total; i++)
		if (&cpus[i] != cpu && !cpu_start(&cpus[i]))
			say("warning: cpu %u (apic 0x%x) did not start", i, cpus[i].apic_id);
	machine_ready();
	run(cpu);
}

bool cpus_start(struct text_sink *reason) {
	u8 *stack;
	struct cpu *cpu;
	u32 apic_id;

	interrupts_build();
	if (!cpus_build() || !paging_build()) {
		text_print(reason, "no memory left for page tables and stacks");
		return false;
	}
	stack = page_pool_take(&boot.pool, CPU_STACK_PAGES);
	apic_enable();
	apic_id = (u32)msr_read(X2APIC_ID);
	cpu = cpu_here();
	if (!stack || !cpu) {
		text_print(reason, "the processor that runs this (apic 0x%x) is not in the MADT",
			   apic_id);
		return false;
	}
	trampoline_place();
	stack_switch(stack + CPU_STACK_PAGES * PAGE_SIZE, boot_processor, cpu);
}
