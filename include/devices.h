/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "inventory.h"
#include "iommu.h"
#include "reset.h"
#include "types.h"

/* Virtual devices of a partition. Callers hold the partition's device lock. */

/* --- 16550 (vmm/uart.c) --- */

struct uart {
	/* One byte of output. */
	void (*output)(void *context, u8 byte);
	/* The interrupt line changed. */
	void (*line)(void *context, bool level);
	void *context;
	u8 input[64];
	u32 input_head, input_count;
	u8 interrupt_enable, line_control, modem_control, fifo_control, scratch, divisor_low,
		divisor_high;
	bool transmit_pending; /* transmitter-empty interrupt not yet seen */
	bool level;
};

void uart_reset(struct uart *uart);
u8 uart_read(struct uart *uart, u8 offset);
void uart_write(struct uart *uart, u8 offset, u8 value);
/* A byte typed for the guest; dropped when the buffer is full. */
void uart_input(struct uart *uart, u8 byte);

/* --- IO-APIC (vmm/ioapic.c) --- */

#define VIRTUAL_IOAPIC_PINS 24

struct virtual_ioapic {
	/* Send VECTOR to the partition's processors that match; level: an EOI follows. */
	void (*deliver)(void *context, u32 destination, bool logical, u8 vector, bool lowest);
	void *context;
	u64 redirection[VIRTUAL_IOAPIC_PINS];
	bool pin_level[VIRTUAL_IOAPIC_PINS];
	u32 select;
	u32 id;
};

void ioapic_reset(struct virtual_ioapic *ioapic);
u32 ioapic_read(const struct virtual_ioapic *ioapic, u32 offset);
void ioapic_write(struct virtual_ioapic *ioapic, u32 offset, u32 value);
void ioapic_set_pin(struct virtual_ioapic *ioapic, u32 pin, bool level);

/* --- virtual PCI (vmm/vpci*.c) --- */

/* What virtual PCI asks of the machine. */
struct vpci_host {
	const struct pci_access *config; /* the real configuration space */
	/* Maps or unmaps device registers in the guest's nested tables. Lengths are multiples of 4 KiB. */
	bool (*map)(void *context, u64 guest, u64 host, u64 length);
	bool (*unmap)(void *context, u64 guest, u64 length);
	/* Registers of BARs that vpci_is_trapped() names, and no others. WIDTH 1, 2, 4, 8. */
	u64 (*mmio_read)(void *context, u64 host, u8 width);
	void (*mmio_write)(void *context, u64 host, u8 width, u64 value);
	/* Points vector INDEX (from 0) of FUNCTION at TARGET or blocks it (NULL). */
	bool (*interrupt_set)(void *context, u32 function, u32 index,
			      const struct interrupt_target *target);
	/* Turns what the guest wrote into a target: false when it names no processor of the partition. */
	bool (*interrupt_target)(void *context, u64 address, u32 data,
				 struct interrupt_target *target);
	/* What the device must send for vector INDEX of FUNCTION. */
	struct msi_message (*message)(void *context, u32 function, u32 index);
	void *context;
};

#define VPCI_FUNCTIONS_MAX 31

struct vpci_bar {
	u64 guest; /* where the guest has put it */
	u64 host; /* where it is, and stays */
	u64 size; /* 0: the guest sees no such BAR */
	/* Pages in it that hold the MSI-X table and are never mapped; both SIZE: none. */
	u64 hole, hole_end;
	bool mapped;
	u64 mapped_at;
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

#define VPCI_CONFIG_SIZE 4096

/* An interrupt that the function may send: an MSI-X entry or the MSI message. */
struct vpci_vector {
	u32 words[4]; /* of the MSI-X entry, as the guest wrote them: address (2), data, control */
	bool routed; /* the remapping entry points at a processor */
};

enum vpci_interrupts { VPCI_INTERRUPTS_OFF, VPCI_MSI, VPCI_MSIX };

struct vpci_function {
	u32 function; /* index into the inventory */
	const struct pci_function *info;
	struct vpci_bar bars[PCI_BARS];
	struct vpci_register registers[VPCI_CONFIG_SIZE / 4];
	enum vpci_interrupts live; /* what is on in the device */
	/* Capabilities that are shown; 0: none. */
	u16 msi, msix;
	u32 msi_data; /* index of the register with MSI's data; its mask is in the next one */
	bool msi_maskable;
	u8 msix_bar;
	u32 msix_offset, msix_count;
	u32 vector_count;
	struct vpci_vector *vectors;
	u64 ignored_writes;
	u64 refused_interrupts; /* messages that named no processor of the partition */
};

struct vpci {
	const struct vpci_host *host;
	struct vpci_function *functions; /* function_count of them */
	u32 function_count;
	u64 ecam_base;
	u32 config_address; /* CF8 */
	u64 ignored;
};

/* How many interrupts this function may need: MSI-X table size as a power of two, or 1 for MSI. */
u32 vpci_interrupt_count(const struct pci_function *function, const struct pci_access *access);
/*
 * Sets up the guest's view of FUNCTIONS (indexes) in order: devices 1, 2, 3... on its bus 0; device 0
 * is a host bridge of our own. All memory comes from ARENA. False: too many functions, or the arena is full.
 */
bool vpci_init(struct vpci *vpci, const struct vpci_host *host, const struct inventory *inventory,
	       const u32 *functions, u32 count, u64 ecam_base, struct arena *arena);
/*
 * Comes before the guest's first access. As after power-on: guest registers at their defaults, MSI off,
 * nothing mapped, real devices' MSI and bus mastering off.
 */
void vpci_reset(struct vpci *vpci);
u32 vpci_config_read(struct vpci *vpci, u8 bus, u8 devfn, u16 offset, u8 width);
void vpci_config_write(struct vpci *vpci, u8 bus, u8 devfn, u16 offset, u8 width, u32 value);
/*
 * The guest sees this BAR and reaches it through mmio_read and mmio_write, wholly or in part: smaller
 * than a page, or with an MSI-X table in it.
 */
bool vpci_is_trapped(const struct vpci_function *f, u32 bar);
/* Ports 0xcf8-0xcff. */
u32 vpci_port_read(struct vpci *vpci, u16 port, u8 width);
void vpci_port_write(struct vpci *vpci, u16 port, u8 width, u32 value);
/*
 * A nested fault at GUEST; WRITE: of *VALUE. True when it lies in the ECAM or in an unmapped page of
 * a BAR.
 */
bool vpci_mmio(struct vpci *vpci, u64 guest, u8 width, bool write, u64 *value);
