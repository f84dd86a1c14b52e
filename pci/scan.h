/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "enumerate.h"
#include "pci_registers.h"

struct text_sink;

/* What the parts of enumeration and group derivation share; nobody outside pci/ needs it. */

/* A register of a function whose configuration space does not reach that far reads as all ones. */
u32 config_read(const struct pci_access *access, struct pci_address address, u32 offset, u8 width);
void config_write(const struct pci_access *access, struct pci_address address, u32 offset, u8 width,
		  u32 value);

/* Fills the offsets of capabilities and what hangs on them; the header must have been read. */
void capabilities_read(struct inventory *inventory, const struct pci_access *access,
		       struct pci_function *f);
/* Fills the ACS registers of a function that has the capability; its quirks must be known. */
void acs_read(const struct pci_access *access, struct pci_function *f);
/* Fills bars[]: addresses, and sizes where that can be found out (decoding is off for that moment). */
void bars_read(struct inventory *inventory, const struct pci_access *access,
	       struct pci_function *f);
/* The same for COUNT registers at OFFSET, of which the bits DECODE of the register CONTROL are the decoding. */
void bars_read_at(struct inventory *inventory, const struct pci_access *access,
		  const struct pci_function *f, u32 offset, u32 count, struct pci_bar *bars,
		  u32 control, u32 decode);

/*
 * Readies F for REQUEST, so that it tells where its virtual functions will be; false: the request has
 * a refusal. ARI: the port above lets all 256 functions of a bus through.
 */
bool sriov_prepare(const struct pci_access *access, const struct pci_function *f,
		   struct sriov_request *request, bool ari);

static inline bool pci_is_ioapic(const struct pci_function *f) {
	u8 interface = (u8)f->class_code;

	return pci_class(f) == PCI_CLASS_INTERRUPT_CONTROLLER &&
	       (interface == PCI_INTERFACE_IOAPIC || interface == PCI_INTERFACE_IOXAPIC);
}

/* A root port or downstream port: its link leads to one device. */
static inline bool pcie_link_type(u8 type) {
	return type == PCIE_ROOT_PORT || type == PCIE_DOWNSTREAM_PORT;
}

/* A bridge that passes requests on as they are. */
static inline bool pci_is_port(const struct pci_function *f) {
	return pci_is_bridge(f) &&
	       (pcie_link_type(f->pcie_type) || f->pcie_type == PCIE_UPSTREAM_PORT);
}

/* Two functions of one device. Behind a link everything is one device (function numbers above 7: ARI). */
static inline bool same_device(const struct inventory *inventory, const struct pci_function *a,
			       const struct pci_function *b) {
	if (a->address.segment != b->address.segment || a->address.bus != b->address.bus ||
	    a->parent != b->parent)
		return false;
	return pci_device(a->address) == pci_device(b->address) ||
	       (a->parent != NONE && pcie_link_type(inventory->functions[a->parent].pcie_type));
}

/* A bridge has registers of its own in memory. */
bool pci_has_memory_bar(const struct pci_function *f);
/* Where the ACS control register is. */
u32 acs_control_offset(const struct pci_function *f);
/* Root ports with QUIRK_PCH_PORT: makes them isolate, and takes that back. */
void rootport_enable(struct inventory *inventory, const struct pci_access *access,
		     struct pci_function *port);
void rootport_restore(const struct pci_access *access, struct pci_function *port);
/* In words what is wrong with each of CONTROLS, bits of the control register; all fit ACS_WORDS_SIZE. */
void acs_say(u32 controls, struct text_sink *out);
#define ACS_WORDS_SIZE 384
/* The controls that a function would need and does not have: enum acs_bit; egress control counts when it is on. */
u16 acs_missing(const struct pci_function *f);
/* An ACS capability is there, and a control that it offers is off. */
bool acs_controls_fail(const struct pci_function *f);
/* With enhanced ACS: requests below a switch's port may reach registers of its upstream port. */
bool acs_upstream_target_open(const struct pci_function *f);

/* Own ID, what the IVRS table says, all of a bus, and phantom functions. */
#define DMA_ALIASES_OWN 272
/* What a function itself puts into its requests, or firmware says that it does; some may stand twice. */
u32 pci_own_aliases(const struct pci_function *f, u16 *ids);
/* The requester ID that a bridge makes of those from below; false: it leaves them alone. */
bool pci_bridge_alias(const struct pci_function *bridge, u16 *requester_id);
