/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A guest that tries instructions: all of a kind one after the other, or random ones from a seed; and its victim. Everything
 * that it prints is one line a fact, "fuzzer: ..." or "victim: ...". It knows nothing of how it is virtualised, and needs
 * nothing but a 16550 and x2APIC mode.
 */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define MIB (1024ull * 1024)
#define GIB (1024 * MIB)
#define PAGE 4096u
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* As in layout.inc. */
#define CODE_64 0x08u
#define DATA_FLAT 0x10u
#define CODE_32 0x18u
#define CODE_16 0x20u
#define DATA_16 0x28u
#define CODE_32_USER 0x33u
#define DATA_USER 0x3bu
#define CODE_64_USER 0x43u
#define CODE_16_USER 0x4bu
#define TASK_32 0x50u
#define TASK_OTHER 0x58u
#define TASK_64 0x60u
#define LOW_BASE 0x8000u
#define AP_VECTORS 0xf000u
#define LEGACY_STACK 0x50000u
#define END_VECTOR 0xfeu /* the end of every trial: INT of this */
#define WATCH_VECTOR 0xfdu /* a trial that takes too long */
#define VECTOR_UD 6u
#define VECTOR_GP 13u

/* Two pages each that are mapped for one trial wherever it wants them. */
#define DATA_WINDOW 0x4000u
#define CODE_WINDOW 0x6000u
/* Memory that trials may write, with rights of level 3. */
#define SANDBOX (16 * MIB)
#define SANDBOX_BYTES (2 * MIB)
/* What is mapped there, for trials that go wrong by it. */
#define NOWHERE 0x70000000u

#define MSR_FS_BASE 0xc0000100u
#define MSR_EFER 0xc0000080u
#define MSR_X2APIC 0x800u
#define X2APIC_ID 0x802u
#define X2APIC_TPR 0x808u
#define X2APIC_EOI 0x80bu
#define X2APIC_SVR 0x80fu
#define X2APIC_ISR 0x810u
#define X2APIC_ICR 0x830u
#define X2APIC_LVT_TIMER 0x832u
#define X2APIC_TIMER_INITIAL 0x838u
#define X2APIC_TIMER_DIVIDE 0x83eu
#define X2APIC_SELF_IPI 0x83fu
#define MSR_KVM_WALL_CLOCK 0x4b564d00u
#define MSR_KVM_SYSTEM_TIME 0x4b564d01u

enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

/* --- machine.c --- */

struct trial {
	u64 gpr[16];
	u64 rip, cs, flags, rsp, ss, data;
};

void machine_init(void);
/* A line on the console: %s, %u (64-bit), %x (64-bit). */
void print(const char *format, ...);
/* "WHAT NAME: 1 2 3" */
void print_list(const char *what, const char *name, const u64 *numbers, u32 count);
_Noreturn void power_off(void);
void unexpected_vector(u64 vector);
void map_page(u32 page, u64 physical, bool present);
/* Where its configuration space is in memory; 0: it has none. */
u64 find_ecam(void);
/* A page that outlives the partition, when there is a device with such memory; else one that does not. */
volatile struct progress *find_progress(void);
void low_memory_init(void);
/* What trials may have written into the configuration of the device with that memory. */
void restore_progress(void);
u32 config_read(u32 device, u32 offset);
/* The first function of its own that offers function level reset; device 0: none. */
struct resettable {
	u32 device;
	u32 control; /* offset of its Device Control register */
	u64 registers;
};
struct resettable find_resettable(void);
void note_progress(void);

extern u64 ram_end;
extern u64 ecam;
extern u64 shared_memory; /* guest-physical address of what find_progress() found; 0: nothing */

/* --- trial.c --- */

enum mode {
	MODE_64_0,
	MODE_64_3,
	MODE_COMPAT_32_0,
	MODE_COMPAT_32_3,
	MODE_COMPAT_16_0,
	MODE_COMPAT_16_3,
	MODE_PROTECTED_0, /* without paging */
	MODE_PROTECTED_3,
	MODE_PROTECTED_16,
	MODE_PAGED_0, /* 32-bit tables */
	MODE_PAGED_3,
	MODE_PAE_0,
	MODE_PAE_3,
	MODE_VIRTUAL_8086,
	MODE_REAL,
	MODES,
};

extern const char *const mode_names[MODES];
extern u8 *const code_pages; /* what the code window shows from the start */

/* Registers and flags of a trial in their usual state. */
struct trial trial_usual(void);
/* Puts COUNT bytes at OFFSET of the two pages of code, and behind them what ends the trial. */
void trial_code(u32 offset, const u8 *bytes, u32 count);
/* Runs what is at OFFSET of the code window; the vector that ended it, if need be that of the timer, which runs all the time. */
u32 trial_run(enum mode mode, u32 offset, struct trial *trial);
/* Both, in the middle of a page, with usual registers. */
u32 trial_do(enum mode mode, const u8 *bytes, u32 count, struct trial *trial);
/* RAX and RDX after the last trial. */
extern u64 trial_registers[4];
/* Brings the processor's registers back into their usual state; or all that trials may have changed. */
void trial_normalise_registers(void);
void trial_normalise(void);
bool mode_is_16(enum mode mode);
bool mode_is_user(enum mode mode);

u32 try_read_msr(u32 index, u64 *value);
u32 try_write_msr(u32 index, u64 value);
void cpuid(u32 leaf, u32 subleaf, u32 *out);
u64 tsc(void);
u32 apic_id(void);

/* --- instructions.c --- */

enum {
	MEMORY = 1, /* has a memory operand [rbx]; in 16-bit code it needs an address prefix */
	DEVICE = 2, /* which may be a device's register */
	STOPS = 4, /* as it stands it ends or hangs the partition */
};

#define SYSCALL 0x05 /* second bytes */
#define SYSRET 0x07
#define SYSEXIT 0x35
#define HLT 0xf4 /* a first one */

struct instruction {
	const char *name;
	u8 length, flags;
	u8 bytes[10];
};

extern const struct instruction instructions[];
extern const u32 instruction_count;
/* Those with DEVICE among their flags. */
extern const struct instruction device_instructions[];
extern const u32 device_instruction_count;
/* BYTES of an instruction as code of this mode; returns how many. */
u32 instruction_bytes(const struct instruction *i, enum mode mode, u8 *bytes);

/* --- what is done --- */

#define KINDS 16

struct progress {
	u64 magic, seed, step, end; /* STEP is being made; at END it is over */
	u64 rounds; /* starts of the partition */
	u64 completed, faulted, interrupted;
	u64 kind; /* of STEP */
	u64 kinds[KINDS];
	u64 resets; /* after which the function was away */
};

/* TRACE: says each step before it is made. */
void fuzz(u64 seed, u64 from, u64 count, u64 deadly, bool trace);
/* REFUSALS: after so many values that a register does not take it is left alone. */
void sweep_msrs(u32 refusals);
/* STEP: every so many of the high ones. */
void sweep_ports(u32 step);
void sweep_cpuid(void);
void sweep_modes(void);
void sweep_edges(void);
void sweep_icr(u32 victim);
_Noreturn void victim_run(void);
