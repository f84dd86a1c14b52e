/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "text.h"
#include "types.h"
#include "x86_registers.h" /* made of arch/x86/registers.txt */

/* What generic code knows of a virtual processor and of guest memory. */

enum gpr { GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI, GPR_COUNT = 16 };

/* Attributes as in a descriptor: type 3:0, S 4, DPL 6:5, P 7, AVL 8, L 9, D/B 10, G 11. */
struct segment {
	u16 selector;
	u16 attributes;
	u32 limit; /* in bytes */
	u64 base;
};

enum segment_name { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_COUNT };

/* Architectural state at which a virtual processor starts, or that an exit left. */
struct vcpu_state {
	u64 gpr[GPR_COUNT];
	u64 rip;
	u64 rflags;
	u64 cr0;
	u64 cr2;
	u64 cr3;
	u64 cr4;
	u64 efer;
	struct segment segments[SEG_COUNT];
	struct segment gdtr; /* base and limit only */
	struct segment idtr;
};

/* Guest-physical memory. Both refuse (false) what is not RAM of the partition, whole or in part. */
struct guest_memory {
	bool (*read)(const struct guest_memory *memory, u64 address, void *to, size_t count);
	bool (*write)(const struct guest_memory *memory, u64 address, const void *from,
		      size_t count);
	void *context;
};

enum guest_range_kind { RANGE_NONE = 0, RANGE_RAM = 1, RANGE_RESERVED = 2, RANGE_ACPI = 3 };

/* The guest's memory map, as e820 tells it. */
struct guest_range {
	u64 base;
	u64 length;
	enum guest_range_kind kind;
};

#define GUEST_RANGES_MAX 64 /* a zero page has room for 128 */
#define GUEST_RESERVED_MAX                                                                         \
	24 /* pieces of reserved memory, each with RAM before it, that surely fit */

struct guest_map {
	struct guest_range ranges[GUEST_RANGES_MAX]; /* sorted */
	u32 count;
};

/* --- images (vmm/load_*.c) --- */

struct image {
	const u8 *data;
	u64 size;
};

struct load_request {
	struct image kernel;
	struct image initrd; /* size 0: none */
	const char *cmdline;
	const struct guest_map *map;
	u64 rsdp; /* guest-physical address of the ACPI root pointer */
};

/*
 * The protocol is told by content: bzImage header, ELF with a PVH note, Multiboot 1 header, else flat.
 * Everything that can be wrong with an image for this partition, found before anything is loaded:
 * sizes, segments outside RAM, overlaps, unsupported protocol. False with words in REASON.
 */
bool image_check(const struct load_request *request, struct text_sink *reason);
/*
 * 64-bit FNV-1a: tells whether IMAGE is still what it was. Each step is one-to-one, so that no change of one byte is lost;
 * others are in 2^-64 of all cases. Against accidents: who could change an image on purpose could change its sum.
 */
u64 image_sum(struct image image);
/* Loads a checked image and fills the boot processor's state. */
bool image_load(const struct load_request *request, const struct guest_memory *memory,
		struct vcpu_state *state, struct text_sink *reason);

/* --- ACPI tables for a guest (vmm/acpi_build.c, vmm/tables) --- */

struct acpi_window {
	u64 base, length; /* length 0: none */
};

struct acpi_request {
	const u32 *apic_ids; /* the partition's processors, boot processor first */
	u32 cpu_count;
	u64 ecam_base; /* of the guest's bus 0; 1 MiB */
	bool watchdog; /* somebody looks at it */
	struct acpi_window windows[2]; /* of PCI memory: below and above 4 GiB */
};

#define GUEST_ACPI_BASE 0xe0000ull /* guest-physical; the root pointer is at its beginning */
#define GUEST_ACPI_SIZE 0x20000ull
#define GUEST_RESET_VECTOR 0xffff0ull /* the tables end below it */

/* Builds all tables into BUFFER of GUEST_ACPI_SIZE bytes, to be placed at GUEST_ACPI_BASE. False: too many processors. */
bool acpi_build(const struct acpi_request *request, u8 *buffer);

/* Ports that the guest's tables name. */
#define GUEST_SLEEP_CONTROL_PORT 0x600 /* ACPI sleep control register: write SLP_EN | type 5 << 2 */
#define GUEST_SLEEP_STATUS_PORT 0x601
#define GUEST_WATCHDOG_PORT 0x602 /* a byte */
#define GUEST_WATCHDOG_COUNTER_PORT 0x604 /* a word */
#define GUEST_RESET_PORT 0xcf9
#define GUEST_RESET_VALUE 0x06
#define GUEST_SLEEP_TYPE_OFF 5
#define GUEST_IOAPIC_BASE 0xfec00000ull
#define GUEST_APIC_BASE 0xfee00000ull
#define GUEST_UART_PORT 0x3f8
#define GUEST_UART_IRQ 4

/* --- instructions (vmm/instruction.c, vmm/guest_walk.c) --- */

#define INSTRUCTION_BYTES_MAX 15

enum memory_operation {
	OPERATION_READ, /* memory to register */
	OPERATION_WRITE, /* register or immediate to memory */
	OPERATION_READ_MODIFY_WRITE, /* and, or, xor, add, sub, xchg */
	OPERATION_TEST, /* reads memory, sets flags only: cmp, test */
};

/* One instruction that touches memory which is not mapped. */
struct memory_instruction {
	u8 length;
	u8 width; /* of the memory operand: 1, 2, 4, 8 */
	enum memory_operation operation;
	u8 opcode; /* arithmetic group for READ_MODIFY_WRITE and TEST, decoder's own numbering */
	u8 reg; /* enum gpr */
	u8 register_width; /* destination of a read: zero- or sign-extended to this */
	bool high_byte; /* AH, CH, DH, BH */
	bool sign_extend;
	bool has_immediate;
	bool string; /* movs, stos: RSI/RDI move, REP counts */
	bool repeat;
	/*
	 * movs: both operands are memory, so OPERATION names neither. MEMORY is what the source
	 * (SOURCE_SEGMENT:RSI) gave, *RESULT goes to ES:RDI; the fault tells which is the device.
	 */
	bool move;
	u8 source_segment; /* enum segment_name */
	u8 address_width; /* of RSI, RDI and of RCX as REP's counter: 2, 4, 8 */
	u64 immediate;
};

/* What decides how bytes are read. */
enum code_mode { CODE_16, CODE_32, CODE_64 };

enum code_mode guest_code_mode(const struct vcpu_state *state);
/* False: not an instruction that this decoder executes. */
bool instruction_decode(const u8 *bytes, size_t count, enum code_mode mode,
			struct memory_instruction *instruction);
/*
 * Carries it out: for a read, MEMORY is what the device gave; *RESULT is what must be written back
 * (for writes and read-modify-write). Updates registers and flags in STATE, not RIP.
 */
void instruction_execute(const struct memory_instruction *instruction, struct vcpu_state *state,
			 u64 memory, u64 *result);
/*
 * Length of CPUID, RDMSR, WRMSR, VMMCALL, VMCALL, XSETBV, INVD, WBINVD, HLT, RDTSC(P), RDPMC, MONITOR, MWAIT, CLTS-class
 * two- and three-byte instructions with any prefixes; 0 when BYTES is none of them.
 */
u8 instruction_length(const u8 *bytes, size_t count, enum code_mode mode);

/* As in entries of page tables. */
#define GUEST_WRITE BIT(1)
#define GUEST_USER BIT(2)
/* Walks the guest's own page tables (none, 32-bit, PAE, 4- and 5-level). False: not mapped, or without these rights. */
bool guest_translate(const struct guest_memory *memory, const struct vcpu_state *state, u64 linear,
		     u64 rights, u64 *physical);
/* What SEGMENT:OFFSET addresses: in 64-bit code only FS and GS have bases, in other code addresses have 32 bits. */
u64 guest_linear(const struct vcpu_state *state, enum segment_name segment, u64 offset);
/* Up to INSTRUCTION_BYTES_MAX bytes at CS:RIP; returns how many could be read. */
size_t guest_fetch(const struct guest_memory *memory, const struct vcpu_state *state, u8 *bytes);
