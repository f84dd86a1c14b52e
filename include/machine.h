/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "boot_info.h"
#include "devices.h"

/* The running machine: processors, partitions, virtual processors. */

struct partition;
struct vcpu;

/* --- processors (arch/x86) --- */

/* One physical processor; the structure lies at the bottom of its own stack pages. */
struct cpu {
	u32 index; /* into inventory.cpus */
	u32 apic_id;
	struct vcpu *vcpu; /* the virtual processor it serves; NULL: none */
	volatile u32 online;
	volatile u32 wake; /* set by cpu_wake(), cleared by the processor */
	u64 *tables; /* its own: the root, and two that end in its window for guest memory */
	void *descriptors; /* GDT and TSS */
	void *vendor; /* save area of the virtualisation extension */
};

/* Loads our tables on the boot processor, then brings up every other one; each ends in cpu_main(). */
bool cpus_start(struct text_sink *reason);
/* Where every processor arrives, with our tables loaded, interrupts off. */
_Noreturn void cpu_main(struct cpu *cpu);
/* Since the processors were switched on. */
static inline u64 machine_milliseconds(void) {
	return cpu_tsc() / boot.inventory.tsc_khz;
}
struct cpu *cpu_by_index(u32 index);
/* The processor that runs this, by its local APIC. */
struct cpu *cpu_here(void);
/* The boot processor calls this when all others wait in cpu_main(). */
void machine_ready(void);
/* Measures the local APIC timer of the processor that runs this, for cpu_idle_for(). */
void apic_timer_calibrate(void);
/* Interrupts whatever the processor does in a guest, or wakes it from cpu_idle(). */
void cpu_wake(struct cpu *cpu);
/* Sleeps until cpu->wake or an NMI; interrupts stay off. */
void cpu_idle(struct cpu *cpu);
/* Sleeps until an interrupt or NMI, at most about MILLISECONDS, on the monitor processor. */
void cpu_idle_for(struct cpu *cpu, u32 milliseconds);
/* Busy waiting by the time stamp counter. */
void cpu_delay(u32 milliseconds);
/* Brings registers that an entry to a guest leaves alone to their values at reset. */
void cpu_reset_registers(void);
/* Takes away every interrupt that is pending or in service and masks the local APIC's own sources. */
void cpu_drain_apic(void);
/* Sends a fixed interrupt to another processor (or this one). */
void cpu_send_vector(u32 apic_id, u8 vector);
_Noreturn void cpu_stop_forever(void);

/* --- memory (arch/x86/paging.c) --- */

/* Page tables of CPU's own, which is the one that runs this; nothing is mapped for all from now on. */
void cpu_own_tables(struct cpu *cpu);
/* Makes the 2 MiB of host memory that hold ADDRESS visible in CPU's window; returns where ADDRESS is. */
void *cpu_window(struct cpu *cpu, u64 address);
/* Identity-maps device registers, uncached. */
bool map_registers(u64 base, u64 length);
/* Identity-maps an image that firmware read for us, read-only. */
bool map_image(const struct image *image);

/* --- virtual processors --- */

enum exit_reason {
	EXIT_IO,
	EXIT_MSR,
	EXIT_CPUID,
	EXIT_NPF, /* nested page fault */
	EXIT_NMI, /* kick */
	EXIT_ICR,
	EXIT_APIC, /* other trapped local APIC registers */
	EXIT_XSETBV,
	EXIT_INSTRUCTION, /* instructions that are not offered */
	EXIT_EXCEPTION,
	EXIT_CONTROL, /* control registers; the vendor's part has served it */
	EXIT_SHUTDOWN, /* triple fault */
	EXIT_INVALID, /* the processor refused to enter */
	EXIT_OTHER,
	EXIT_NONE, /* did not enter: a request was pending */
	EXIT_REASONS,
};

/* What an exit was, in the same words for both vendors. */
struct vcpu_exit {
	enum exit_reason reason;
	bool write; /* io: out; msr: wrmsr; npf: write access */
	bool string; /* io: ins/outs */
	bool fetch; /* npf: instruction fetch */
	bool walk; /* npf: met in the guest's page tables, not by what they lead to */
	u8 width; /* io: bytes */
	u16 port;
	u64 address; /* npf: guest-physical */
	u64 next_rip; /* 0: the hypervisor must find the length itself */
	u64 code; /* the vendor's own, for messages */
	u8 vector; /* exception */
	bool has_error;
	u32 error;
	const char *why; /* invalid, other: in words */
};

#define REQUEST_STOP BIT(0) /* leave the guest for good */
#define REQUEST_INIT BIT(1)
#define REQUEST_STARTUP BIT(2)
#define REQUEST_FLUSH BIT(3) /* nested tables changed */
#define REQUEST_FAULTS BIT(4) /* a unit may have fault records */

enum vcpu_mode { VCPU_OFF, VCPU_WAIT_STARTUP, VCPU_RUNNING };

struct vcpu {
	struct partition *partition;
	struct cpu *cpu;
	u32 number; /* within the partition */
	volatile u32 requests;
	volatile u8 startup_vector;
	volatile enum vcpu_mode mode;
	/* gpr, rip and rflags are current after every exit; the rest after vcpu_ops.load_state(). */
	struct vcpu_state state;
	u64 exits[EXIT_REASONS];
	u64 mark[EXIT_REASONS]; /* counters at the guest's last mark */
	u64 mtrr_default;
	u64 apic_mode; /* as it says: the registers answer both ways whatever it is */
	u32 apic_icr_high;
	u8 apic_logical; /* its logical destination: one bit of eight, or what the guest wrote */
	u64 clock_page; /* guest-physical address of its KVM clock, 0: none */
	u64 event; /* delivered at the next entry: EVENT_VALID and so on */
	void *vendor;
};

struct vcpu_ops {
	const char *name; /* "amd-svm" */
	const struct table_format *nested_format;
	unsigned int (*nested_leaf_level)(void);
	/*
	 * True when this processor can serve, with words when it serves less well. False without words when it
	 * is not of this kind, else with the reason. Touches nothing.
	 */
	bool (*check)(struct text_sink *reason);
	/* Switches the extension on for the processor that runs this. */
	bool (*cpu_enable)(struct cpu *cpu, struct page_pool *pool);
	bool (*create)(struct vcpu *vcpu, struct page_pool *pool, u64 nested_root);
	/* Takes the whole of vcpu->state, and forgets pending events. */
	void (*set_state)(struct vcpu *vcpu);
	/* Fills control and segment registers of vcpu->state. */
	void (*load_state)(struct vcpu *vcpu);
	/* Enters the guest until something happens; returns at once when a request is pending. */
	void (*run)(struct vcpu *vcpu, struct vcpu_exit *exit);
	/* Takes vcpu->state.efer. */
	void (*set_efer)(struct vcpu *vcpu);
	void (*flush)(struct vcpu *vcpu);
};

extern const struct vcpu_ops svm_ops, vmx_ops;

/* --- partitions (vmm) --- */

enum partition_state {
	PARTITION_LOADING,
	PARTITION_RUNNING,
	PARTITION_STOPPING,
	PARTITION_STOPPED, /* it will not be started again */
};

/* What a person wants of it, whatever the file says. */
enum partition_order { ORDER_NONE, ORDER_START, ORDER_STOP, ORDER_RESTART };

/* As SVM has it: 65,536 ports, and what an access to the last one reaches; VT-x takes the first two pages. */
#define PORT_MAP_PAGES 3

struct partition {
	const struct partition_plan *plan;
	u32 index;
	volatile enum partition_state state;
	volatile enum partition_order order;
	const char *volatile failure; /* why it failed; NULL: it did not */
	char failure_text[128];
	volatile u32 vcpus_running;
	volatile u32 round; /* counts starts */
	u64 image_sum; /* of its images, as they were read */
	struct arena state_arena; /* for what lives as long as the partition */
	struct vcpu *vcpus;
	u32 vcpu_count;
	struct guest_map map;
	u64 low_bytes; /* RAM below the PCI hole */
	u8 *ports; /* map of PORT_MAP_PAGES: a set bit takes an access to the port out of the guest */
	struct page_tables nested;
	struct page_pool
		nested_pool; /* of its own: a guest that moves BARs about starves only itself */
	struct dma_domain domain;
	u32 *groups;
	u32 group_count;
	u32 groups_claimed, groups_attached; /* the first so many of them */
	struct spinlock lock; /* devices below */
	struct uart uart;
	struct virtual_ioapic ioapic;
	struct watchdog watchdog;
	struct vpci vpci;
	u32 interrupts_taken; /* functions that have their remapping entries */
	struct guest_memory memory;
	char line[1024]; /* console output until its newline */
	u32 line_length;
	u32 phases; /* that the guest has ended */
};

/* What is made of it. */
struct machine {
	struct spinlock iommu_lock;
	struct partition *partitions; /* one for each of the plan */
	struct cpu *monitor; /* NULL: every processor belongs to a partition */
	struct partition *volatile attached; /* that is typed into; NULL: commands are */
	u64 ecam_base; /* where guests see their configuration space */
	u32 partitions_left; /* that have not stopped */
	volatile u32
		fault_events; /* that units may still send, as NMIs, to a partition's processor */
};

extern struct machine machine;

/* --- exits (arch/x86/guest_*.c, vmm/run.c) --- */

/* Runs on the processor that a virtual processor is pinned to; returns when the partition stops. */
void vcpu_loop(struct vcpu *vcpu);
void guest_cpuid(struct vcpu *vcpu);
/* False: #GP for the guest. */
bool guest_msr_read(struct vcpu *vcpu, u32 index, u64 *value);
bool guest_msr_write(struct vcpu *vcpu, u32 index, u64 value);
/* Which register accesses run in the guest without exit (true), for the permission maps. */
bool guest_msr_is_passed(u32 index, bool write);
/* EFER bits that a guest may set. */
u64 guest_efer(void);
bool guest_xsetbv(struct vcpu *vcpu, u32 index, u64 value);
bool guest_icr_write(struct vcpu *vcpu, u64 value);
/* Its logical destination after INIT or a change of mode: Intel SDM volume 3, sections 11.4.7 and 11.12.5. */
void guest_apic_reset(struct vcpu *vcpu);
/* Registers of the local APIC in memory: reads *VALUE, or writes it. */
void guest_apic_memory(struct vcpu *vcpu, u32 offset, u8 width, bool write, u64 *value);
/* Whether a message with a destination of 8 bits is for VCPU. */
static inline bool is_destination(const struct vcpu *vcpu, u32 destination, bool logical) {
	return logical ? destination & vcpu->apic_logical : destination == vcpu->cpu->apic_id;
}
/* What a guest's registers hold at power-on that are kept outside vcpu_state. */
void guest_msr_reset(struct vcpu *vcpu);
/* The state in which a processor comes out of INIT; with a vector, at its start-up address. */
void vcpu_reset_state(struct vcpu_state *state);
void vcpu_startup_state(struct vcpu_state *state, u8 vector);
/* An exception for the guest, in place of whatever was pending. In real mode none has an error code. */
void vcpu_inject(struct vcpu *vcpu, u8 vector, bool has_error, u32 error);
void vcpu_request(struct vcpu *vcpu, u32 request);
bool guest_port_access(struct vcpu *vcpu, const struct vcpu_exit *exit);
void guest_memory_fault(struct vcpu *vcpu, const struct vcpu_exit *exit);

/* --- life cycle (vmm/partition.c) --- */

/* Pages that partitions_create() and what follows take for one partition. */
u64 partition_pages(const struct partition_plan *plan);
/* Prepares all partitions of the plan: structures and tables; nothing runs yet. */
bool partitions_create(struct text_sink *reason);
/* On the boot processor of the partition: claims, resets and attaches its groups, loads, and marks it as running. */
bool partition_start(struct partition *partition);
/* Asks every virtual processor to leave. FAILURE NULL: an orderly stop. */
void partition_stop(struct partition *partition, const char *failure);
/* The last virtual processor that leaves does this; by the file's policy it begins another round. */
void partition_finish(struct partition *partition);
/* Stops it with words; the first ones count. Returns false. */
__attribute__((format(printf, 2, 3))) bool partition_fail(struct partition *partition,
							  const char *format, ...);
/* On the monitor processor: who has not fed its watchdog has failed. */
void partitions_watch(void);
/* On the monitor processor. */
void partition_order(struct partition *partition, enum partition_order order);
/* Takes what was typed at the machine's console (vmm/commands.c). */
void commands_poll(void);
/* The guest's mark: 1 begins a measured phase, 2 ends it. */
void partition_mark(struct vcpu *vcpu, u8 value);
/* Where its memory is, and what it is told of it; changes nothing else. */
void guest_memory_plan(struct partition *p, const struct inventory *inventory, u64 ecam_base);
/* Where every guest finds its configuration space: an address that no BAR of this machine has. */
u64 guest_ecam_base(const struct inventory *inventory);
/*
 * A real IO-APIC, whose registers are mapped. Masks every pin; sets one's redirection entry (what it has not is
 * ignored); clears the remote IRR bits of pins whose entries have VECTOR.
 */
void ioapic_mask_all(u64 base);
void ioapic_write_pin(u64 base, u32 pin, u64 entry);
void ioapic_end(u64 base, u8 vector);
/* Reads and reports every fault record; a command: reports the last ones again. */
void faults_drain(void);
void faults_list(struct partition *unused);
/* On machines without a processor for it: now and then, at an exit; and at once when a unit sends an event. */
void faults_poll(void);
void faults_event(void);
/* Has units send events to CPU, if they can and nobody else gets them. */
void faults_begin(const struct cpu *cpu);
/* An NMI, which may be one. */
void faults_signal(void);
_Noreturn void monitor_loop(struct cpu *cpu);
/* Pages taken, of all that firmware gave, and of those of nested tables. */
void machine_memory_print(void);
/* Every partition has stopped. */
void machine_idle(void);

/* --- console (vmm/console.c) --- */

/* One line, with "bulkhead: " in front and a newline behind. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
/*
 * A piece of a line, and its END, of partition NAME, or (NULL) of the person who types commands. Whoever else
 * has begun a line meanwhile has it ended.
 */
void console_text(const char *name, const char *text, u32 length, bool end);
/* What has been typed; -1: nothing. */
int console_read(void);
/* A command: shows the end of the log. */
void console_log(struct partition *unused);
/* Bytes as they are. */
extern struct text_sink console;
void console_init(u16 port);
/* A further place that output goes to (firmware's screen); NULL when it has gone. */
void console_set_screen(struct text_sink *sink);
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
