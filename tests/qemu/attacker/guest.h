/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/*
 * A small guest that tries what it must not do. Everything that it prints is one line a fact,
 * "attacker: ..." or "victim: ..."; the tests judge these lines and memory.
 */

#define MIB (1024ull * 1024)
#define GIB (1024 * MIB)

/* --- machine.c: the processor and the console --- */

/* What a trial instruction did. */
#define NO_FAULT 256u
#define TSC_PER_MS 1000000u /* at least; waits may be longer */
#define VECTOR_UD 6u
#define VECTOR_GP 13u
#define VECTOR_REST 0xf1u
#define VECTOR_APIC_SPURIOUS 0xffu

extern volatile uint64_t interrupt_counts[256]; /* without faults of trial instructions */
extern volatile uint64_t trial_resume;
extern volatile uint32_t trial_vector;
extern volatile uint64_t trial_rip; /* where it raised that */

void machine_init(void);
/* A line on the console: %s, %u (64-bit), %x (64-bit). */
void print(const char *format, ...);
_Noreturn void power_off(void);
_Noreturn void triple_fault(void);
uint64_t interrupts_total(void);
void pause_ms(uint32_t milliseconds);
/* Halts meanwhile, which leaves a busy machine to others: about so long, by the local APIC's timer. Its one interrupt is not counted. */
void rest_ms(uint32_t milliseconds);
uint32_t apic_id(void);

/* Runs INSTRUCTION; the vector that it raised, or NO_FAULT. */
#define TRY(instruction, ...)                                                                      \
	({                                                                                         \
		__asm__ volatile("leaq 9f(%%rip), %%r11\n\t"                                       \
				 "movq %%r11, trial_resume(%%rip)\n\t"                             \
				 "movl $256, trial_vector(%%rip)\n\t" instruction "\n"             \
				 "9:\n\t"                                                          \
				 "movq $0, trial_resume(%%rip)\n\t" __VA_ARGS__);                  \
		trial_vector;                                                                      \
	})

static inline uint32_t in32(uint16_t port) {
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t in16(uint16_t port) {
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint8_t in8(uint16_t port) {
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void out32(uint16_t port, uint32_t value) {
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t value) {
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out8(uint16_t port, uint8_t value) {
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint64_t tsc(void) {
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline uint32_t try_read_msr(uint32_t index, uint64_t *value) {
	uint32_t low = 0, high = 0;
	uint32_t vector = TRY("rdmsr", : "+a"(low), "+d"(high) : "c"(index) : "r11", "memory");

	*value = (uint64_t)high << 32 | low;
	return vector;
}

static inline uint32_t try_write_msr(uint32_t index, uint64_t value) {
	return TRY("wrmsr",
		   :
		   : "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(index)
		   : "r11", "memory");
}

static inline uint32_t mmio_read32(uint64_t address) {
	uint32_t value;

	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline void mmio_write32(uint64_t address, uint32_t value) {
	__asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

static inline void mmio_write64(uint64_t address, uint64_t value) {
	__asm__ volatile("movq %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

/* --- pci.c --- */

#define PCI_COMMAND 4u
#define PCI_COMMAND_MEMORY 2u
#define PCI_COMMAND_BUS_MASTER 4u
#define PCI_BAR0 0x10u

uint32_t pci_read(uint32_t bus, uint32_t devfn, uint32_t offset);
void pci_write(uint32_t bus, uint32_t devfn, uint32_t offset, uint32_t value);
/* Device number on bus 0; 0 (the bridge's): not there. */
uint32_t pci_find(uint32_t vendor, uint32_t device);
/* Address in a memory BAR, both halves of it. */
uint64_t pci_bar(uint32_t devfn, uint32_t bar);
uint32_t pci_capability(uint32_t devfn, uint32_t id);
/* The guest's own ECAM window, from its ACPI tables; 0: none. */
uint64_t pci_ecam(void);

/* --- edu.c: QEMU's teaching device as a DMA engine --- */

struct edu {
	uint32_t devfn;
	uint64_t registers;
};

bool edu_find(struct edu *edu);
/* One transfer between the device's buffer and memory at ADDRESS; false: it did not end. */
/* Tells it to write some words of its own to ADDRESS, and looks no more. */
void edu_begin_writing(const struct edu *edu, uint64_t address);
bool edu_transfer(const struct edu *edu, uint64_t address, uint32_t bytes, bool to_memory);
/* Points MSI at this address with this data, and lets the device raise it. */
bool edu_interrupt(const struct edu *edu, uint64_t address, uint32_t data);

/* --- attacks --- */

/* Until the test has written what to do into the memory it shares. */
void wait_for_commands(void);
void attack_dma(void);
/* A write beyond memory of SIZE bytes, after which the guest never leaves its processor again. */
void attack_quietly(uint64_t size);
void attack_interrupts(uint32_t victim);
void attack_config(uint64_t ram_end);
/* The 512 GiB around ADDRESS, once: registers above what is mapped from the start. */
void map_high(uint64_t address);
/* Lets the one with this number on bus 0 send, from own memory and from beyond. */
void use_virtual_function(uint32_t device, uint64_t ram_end);
void attack_ports(void);
void attack_msrs(void);
/* features.c */
void switch_features(void);
void attack_memory(uint64_t ram_end);
void attack_instructions(void);
void attack_icr(uint32_t victim);
_Noreturn void jump_beyond(uint64_t ram_end);
_Noreturn void reserved_bits(void);
_Noreturn void victim_run(uint64_t ram_end);
/* The same for about so long, and one line at the end. */
void victim_run_for(uint64_t ram_end, uint32_t seconds);
/* Counts what answers in configuration space, and changes nothing that is its own. */
void look_at_functions(void);
