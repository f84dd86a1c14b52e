/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root ports of Intel's chipsets of the 5 to 9 series, X79 and X99: they have no ACS capability, and keep
 * peers apart when registers of their own say so. Chipset data sheets, sections on chipset configuration
 * registers (BSPR, UPDCR) and on PCI Express configuration registers (MPC).
 */
#include "quirks.h"
#include "scan.h"

#define LPC PCI_DEVFN(31, 0)
#define LPC_CHIPSET_BASE 0xf0
#define CHIPSET_BASE_ENABLE 1u
#define CHIPSET_BASE_MASK 0xffffc000u

enum chipset_register { PEER_DECODE = 0x1014, BACKBONE = 0x1104 };
#define PEER_DECODE_PORTS 0x3fu
#define BACKBONE_NO_PEERS 0x300u /* posted and other requests; set by a strap */

#define PORT_CONTROL 0xd8 /* a dword: a write of 16 bits would miss the bit */
#define PORT_CHECKS_BUS (1u << 26)

#define UNDO_CHECK 0x8000 /* beside peers that were decoded: what was changed, in acs_firmware */

/* 0: it is not enabled. */
static u64 chipset_base(const struct pci_access *access, const struct pci_function *port) {
	struct pci_address lpc = {port->address.segment, port->address.bus, LPC};
	u32 base = config_read(access, lpc, LPC_CHIPSET_BASE, 4);

	return base != PCI_ABSENT && base & CHIPSET_BASE_ENABLE ? base & CHIPSET_BASE_MASK : 0;
}

void rootport_enable(struct inventory *inventory, const struct pci_access *access,
		     struct pci_function *port) {
	u64 base = chipset_base(access, port);
	u32 control = config_read(access, port->address, PORT_CONTROL, 4), decoded = 0;
	bool isolates = base && (access->change_memory || !access->write);

	/* Of a snapshot it counts what would be switched on. */
	if (isolates && access->write) {
		if (~access->change_memory(base + BACKBONE, 0, 0) & BACKBONE_NO_PEERS)
			decoded = access->change_memory(base + PEER_DECODE, 0, 0);
		port->acs_firmware = decoded & PEER_DECODE_PORTS;
		if (decoded & PEER_DECODE_PORTS)
			decoded = access->change_memory(base + PEER_DECODE, PEER_DECODE_PORTS, 0);
		if (!(control & PORT_CHECKS_BUS))
			port->acs_firmware |= UNDO_CHECK;
		config_write(access, port->address, PORT_CONTROL, 4, control | PORT_CHECKS_BUS);
		control = config_read(access, port->address, PORT_CONTROL, 4);
		isolates = !(decoded & PEER_DECODE_PORTS) && control & PORT_CHECKS_BUS;
	}
	if (isolates)
		port->quirks |= QUIRK_ISOLATES;
	else
		inventory_warn(inventory, "%s: the chipset's registers do not keep its peers apart",
			       ADDRESS(port->address));
}

void rootport_restore(const struct pci_access *access, struct pci_function *port) {
	u32 control = config_read(access, port->address, PORT_CONTROL, 4);

	if (port->acs_firmware & PEER_DECODE_PORTS)
		access->change_memory(chipset_base(access, port) + PEER_DECODE, 0,
				      port->acs_firmware & PEER_DECODE_PORTS);
	if (port->acs_firmware & UNDO_CHECK)
		config_write(access, port->address, PORT_CONTROL, 4, control & ~PORT_CHECKS_BUS);
	port->acs_firmware = 0;
	port->quirks &= ~(u32)QUIRK_ISOLATES;
}
