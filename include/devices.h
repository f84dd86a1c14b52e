/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "device_registers.h" /* made of vmm/devices.txt */
#include "inventory.h"
#include "iommu.h"
#include "reset.h"
#include "types.h"

/*
 * Virtual devices of a partition. Callers hold the partition's device lock. What a device asks of the
 * machine is in vmm/devices.c; tests bring their own.
 */

/* --- 16550 (vmm/uart.c) --- */

struct uart {
	u8 input[64];
	u32 input_head, input_count;
	u8 registers[UART_REGISTERS]; /* what was written to them */
	bool transmit_pending; /* transmitter-empty interrupt not yet seen */
	bool level;
};

/* The machine's side: one byte of output; the interrupt line changed. */
void uart_output(struct uart *uart, u8 byte);
void uart_line(struct uart *uart, bool level);
void uart_reset(struct uart *uart);
u8 uart_read(struct uart *uart, u8 offset);
void uart_write(struct uart *uart, u8 offset, u8 value);
/* A byte typed for the guest; dropped when the buffer is full. */
void uart_input(struct uart *uart, u8 byte);

/* --- IO-APIC (vmm/ioapic.c) --- */

#define VIRTUAL_IOAPIC_PINS 24
/* INTA to INTD of every device lead to four pins from here on (vmm/tables/dsdt.asl). */
#define VIRTUAL_IOAPIC_PCI 16
#define VIRTUAL_PCI_PINS 4

struct virtual_ioapic {
	u64 redirection[VIRTUAL_IOAPIC_PINS];
	bool pin_level[VIRTUAL_IOAPIC_PINS];
	u32 select;
	u32 id;
};

/* The machine's side: send VECTOR to the partition's processors that match, to one of them if LOWEST. */
void ioapic_deliver(struct virtual_ioapic *ioapic, u32 destination, bool logical, u8 vector,
		    bool lowest);
/*
 * Pins of PCI are pins of the machine's IO-APICs behind remapping: sends them to a processor that matches, or (VECTOR 0)
 * holds them back; and clears what keeps them from being sent again, after the guest has ended one.
 */
void ioapic_route(struct virtual_ioapic *ioapic, u32 pin, u32 destination, bool logical, u8 vector);
void ioapic_rearm(struct virtual_ioapic *ioapic, u32 pin);
/* All pins are masked. */
void ioapic_reset(struct virtual_ioapic *ioapic);
u32 ioapic_read(const struct virtual_ioapic *ioapic, u32 offset);
void ioapic_write(struct virtual_ioapic *ioapic, u32 offset, u32 value);
void ioapic_set_pin(struct virtual_ioapic *ioapic, u32 pin, bool level);

/* --- watchdog (vmm/watchdog.c) --- */

/* All zero after a reset. Times are in milliseconds. */
struct watchdog {
	bool running;
	u64 periods; /* that it waits to be fed */
	u64 deadline;
};

/* The guest's access to the counter, or to the other port, at the time NOW. */
void watchdog_access(struct watchdog *w, bool counter, bool write, u32 *value, u64 now);
bool watchdog_expired(const struct watchdog *w, u64 now);

/* --- virtual PCI (vmm/vpci*.c) --- */

#define VPCI_FUNCTIONS_MAX 31
#define VPCI_CONFIG_SIZE 4096

struct vpci_bar {
	u64 guest; /* where the guest has put it; 0: nowhere, for there is RAM */
	u64 host; /* where it is, and stays */
	u64 size; /* 0: the guest sees no such BAR */
	/* Pages in it that hold the MSI-X table and are never mapped; both SIZE: none. */
	u64 hole, hole_end;
	u64 mapped_at; /* 0: it is not mapped */
};

struct vpci_access;

/* A double word of configuration space. All zero: it comes from the device and cannot be written. */
struct vpci_register {
	u32 hidden; /* bits that do not come from the device */
	u32 writable; /* bits that the guest keeps for itself: they do not come from there either */
	u32 initial; /* VALUE after a reset */
	u32 value; /* what these bits read as */
	/* What else a write causes; NULL: nothing. */
	void (*write)(const struct vpci_access *access);
};

enum vpci_word { VPCI_ADDRESS, VPCI_ADDRESS_HIGH, VPCI_DATA, VPCI_MASK, VPCI_WORDS };

/* An interrupt that the function may send: an MSI-X entry or the MSI message. */
struct vpci_vector {
	u32 words[VPCI_WORDS]; /* of the MSI-X entry, as the guest wrote them */
	bool routed; /* the remapping entry points at a processor */
};

enum vpci_interrupts { VPCI_INTERRUPTS_OFF, VPCI_MSI, VPCI_MSIX, VPCI_INTERRUPTS };

struct vpci_function {
	struct vpci *vpci;
	u32 function; /* index into the inventory */
	const struct pci_function *info;
	struct vpci_bar bars[PCI_BARS];
	struct vpci_register registers[VPCI_CONFIG_SIZE / 4];
	enum vpci_interrupts live; /* what is on in the device */
	u16 capability[VPCI_INTERRUPTS]; /* where those are that are shown; 0: it is not */
	u32 counts[VPCI_INTERRUPTS]; /* vectors of each */
	u16 msi_words
		[VPCI_WORDS]; /* where MSI's are in configuration space; 0: it lacks this one */
	u8 msix_bar;
	u32 msix_offset;
	u32 vector_count;
	struct vpci_vector *vectors;
	/* Its remapping entries: a power of two that is enough. Their owner says where they begin. */
	u32 entry_count, first_entry;
	u32 gsi; /* of its interrupt pin; NONE: that is hidden */
	u64 back_at; /* the guest has reset it, and may look at it from then on; 0: it has not */
	struct pci_saved saved; /* to be restored then, and */
	u16 saved_command;
	u64 ignored_writes;
	u64 refused_interrupts; /* messages that named no processor of the partition */
};

struct vpci {
	const struct pci_access *config; /* the real configuration space */
	struct vpci_function *functions; /* function_count of them */
	u32 function_count;
	u64 ecam_base;
	u32 config_address; /* CF8 */
};

/*
 * The machine's side: maps or unmaps device registers in the guest's nested tables. Lengths are
 * multiples of 4 KiB, or 0. False: RAM or another BAR is there, or tables are exhausted. What one call
 * has mapped another one unmaps, which cannot fail.
 */
bool vpci_map(struct vpci *vpci, u64 guest, u64 host, u64 length);
void vpci_unmap(struct vpci *vpci, u64 guest, u64 length);
u64 vpci_milliseconds(void); /* since long ago */
/* Registers of BARs that vpci_is_trapped() names, and no others. WIDTH 1, 2, 4, 8. */
void vpci_registers(const struct vpci_function *f, u64 host, u8 width, bool write, u64 *value);
/*
 * Points vector INDEX of F where the message that the guest wrote goes. False: that is no processor
 * of the partition, and the vector is blocked.
 */
bool vpci_interrupt_route(const struct vpci_function *f, u32 index, u64 address, u32 data);
void vpci_interrupt_block(const struct vpci_function *f, u32 index);
/* What the device must send for it. Always the same while the partition runs. */
struct msi_message vpci_interrupt_message(const struct vpci_function *f, u32 index);

/*
 * Sets up the guest's view of FUNCTIONS (indexes) in order: devices 1, 2, 3... on its bus 0; device 0
 * is a host bridge of our own. All memory comes from ARENA. False: too many functions, or the arena is full.
 */
bool vpci_init(struct vpci *vpci, const struct pci_access *config,
	       const struct inventory *inventory, const u32 *functions, u32 count, u64 ecam_base,
	       struct arena *arena);
/* Shows F's interrupt pin, which leads to interrupt GSI of the machine. Comes before vpci_reset(). */
void vpci_show_pin(struct vpci_function *f, u32 gsi);
/*
 * Comes before the guest's first access. As after power-on: guest registers at their defaults, MSI off,
 * nothing mapped, real devices' MSI and bus mastering off.
 */
void vpci_reset(struct vpci *vpci);
/* The guest has reset a function that may not be looked at yet, or is not ready but may get so. */
bool vpci_is_away(const struct vpci *vpci);
u32 vpci_config_read(struct vpci *vpci, u8 bus, u8 devfn, u16 offset, u8 width);
void vpci_config_write(struct vpci *vpci, u8 bus, u8 devfn, u16 offset, u8 width, u32 value);
/*
 * The guest sees this BAR and reaches it through mmio_read and mmio_write, wholly or in part: smaller
 * than a page, or with an MSI-X table in it.
 */
bool vpci_is_trapped(const struct vpci_function *f, u32 bar);
/* The guest sees this BAR, and its ports are where the machine has them. */
bool vpci_has_ports(const struct vpci_function *f, u32 bar);
/* Ports 0xcf8-0xcff. */
void vpci_port(struct vpci *vpci, u16 port, u8 width, bool write, u32 *value);
/*
 * A nested fault at GUEST; WRITE: of *VALUE. True when it lies in the ECAM or in an unmapped page of
 * a BAR.
 */
bool vpci_mmio(struct vpci *vpci, u64 guest, u8 width, bool write, u64 *value);
