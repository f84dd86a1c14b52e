/* SPDX-License-Identifier: Apache-2.0 */
/* IO-APIC of 24 pins (82093AA, with the EOI register of version 0x20). */
#include "devices.h"
#include "x86.h"

#define VERSION (0x20 | (VIRTUAL_IOAPIC_PINS - 1) << 16)
#define ID_MASK 0x0f000000u

#define REDIRECTION_DELIVERY(entry) ((entry) >> 8 & 7) /* enum apic_delivery */
#define REDIRECTION_WRITABLE (BITS(63, 56) | BITS(16, 15) | BIT(13) | BITS(11, 0))
#define VECTOR_FIRST 16 /* lower ones are no interrupts to a local APIC */

static bool is_pci(u32 pin) {
	return pin >= VIRTUAL_IOAPIC_PCI && pin < VIRTUAL_IOAPIC_PCI + VIRTUAL_PCI_PINS;
}

/* Only interrupts with a vector are sent: SMI, NMI, INIT and ExtINT have no source here. */
static bool is_sent(u64 entry) {
	return !(entry & REDIRECTION_MASKED) && (u8)entry >= VECTOR_FIRST &&
	       REDIRECTION_DELIVERY(entry) <= DELIVERY_LOWEST;
}

/* Whatever the guest says of a pin of PCI, it is a level. */
static void route(struct virtual_ioapic *ioapic, u32 pin) {
	u64 entry = ioapic->redirection[pin];

	ioapic_route(ioapic, pin, (u32)(entry >> REDIRECTION_DESTINATION_SHIFT),
		     entry & REDIRECTION_LOGICAL, is_sent(entry) ? (u8)entry : 0);
}

void ioapic_reset(struct virtual_ioapic *ioapic) {
	*ioapic = (struct virtual_ioapic){0};
	for (u32 pin = 0; pin < VIRTUAL_IOAPIC_PINS; pin++) {
		ioapic->redirection[pin] = REDIRECTION_MASKED;
		if (is_pci(pin))
			route(ioapic, pin);
	}
}

/* The pin's polarity is taken as asserted or not by whoever drives it, whatever the entry says. */
static void send(struct virtual_ioapic *ioapic, u32 pin) {
	u64 entry = ioapic->redirection[pin];

	if (entry & REDIRECTION_REMOTE_IRR || !is_sent(entry))
		return;
	if (entry & REDIRECTION_LEVEL)
		ioapic->redirection[pin] |= REDIRECTION_REMOTE_IRR;
	ioapic_deliver(ioapic, entry >> REDIRECTION_DESTINATION_SHIFT, entry & REDIRECTION_LOGICAL,
		       (u8)entry, REDIRECTION_DELIVERY(entry) == DELIVERY_LOWEST);
}

/*
 * The local APIC's EOI is not seen here: guests write it without an exit. So a level interrupt is
 * over when its pin falls, when it is masked, or when the guest writes the EOI register here.
 */
void ioapic_set_pin(struct virtual_ioapic *ioapic, u32 pin, bool level) {
	if (pin >= VIRTUAL_IOAPIC_PINS || ioapic->pin_level[pin] == level)
		return;
	ioapic->pin_level[pin] = level;
	if (level)
		send(ioapic, pin);
	else
		ioapic->redirection[pin] &= ~REDIRECTION_REMOTE_IRR;
}

/* ENTRY is what the guest wants. An edge that came while it was masked is lost, a level is not. */
static void set_redirection(struct virtual_ioapic *ioapic, u32 pin, u64 entry) {
	u64 pending = ioapic->redirection[pin] & REDIRECTION_REMOTE_IRR;

	entry &= REDIRECTION_WRITABLE;
	if ((entry & REDIRECTION_LEVEL) && !(entry & REDIRECTION_MASKED))
		entry |= pending;
	ioapic->redirection[pin] = entry;
	if (is_pci(pin))
		route(ioapic, pin);
	else if ((entry & REDIRECTION_LEVEL) && ioapic->pin_level[pin])
		send(ioapic, pin);
}

static void end_of_interrupt(struct virtual_ioapic *ioapic, u8 vector) {
	for (u32 pin = 0; pin < VIRTUAL_IOAPIC_PINS; pin++) {
		u64 *entry = &ioapic->redirection[pin];

		if ((*entry & REDIRECTION_VECTOR) != vector)
			continue;
		if (is_pci(pin))
			ioapic_rearm(ioapic, pin);
		if (!(*entry & REDIRECTION_REMOTE_IRR))
			continue;
		*entry &= ~REDIRECTION_REMOTE_IRR;
		if (ioapic->pin_level[pin])
			send(ioapic, pin);
	}
}

u32 ioapic_read(const struct virtual_ioapic *ioapic, u32 offset) {
	u32 entry = ioapic->select - IOREDTBL;

	if (offset == IOREGSEL)
		return ioapic->select;
	if (offset != IOWIN)
		return 0;
	if (entry < 2 * VIRTUAL_IOAPIC_PINS)
		return (u32)(ioapic->redirection[entry / 2] >> (entry % 2 ? 32 : 0));
	if (ioapic->select == IOAPICVER)
		return VERSION;
	return ioapic->select == IOAPICID ? ioapic->id : 0;
}

void ioapic_write(struct virtual_ioapic *ioapic, u32 offset, u32 value) {
	u32 entry = ioapic->select - IOREDTBL, shift = entry % 2 ? 32 : 0;

	if (offset == IOREGSEL) {
		ioapic->select = value & 0xff;
	} else if (offset == IOEOI) {
		end_of_interrupt(ioapic, (u8)value);
	} else if (offset == IOWIN && ioapic->select == IOAPICID) {
		ioapic->id = value & ID_MASK;
	} else if (offset == IOWIN && entry < 2 * VIRTUAL_IOAPIC_PINS) {
		u64 other_half = ioapic->redirection[entry / 2] & ~((u64)UINT32_MAX << shift);

		set_redirection(ioapic, entry / 2, other_half | (u64)value << shift);
	}
}
