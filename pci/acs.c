/* SPDX-License-Identifier: Apache-2.0 */
/* Access Control Services: PCI Express Base 6.0, sections 6.12 and 7.7.11. */
#include "quirks.h"
#include "scan.h"
#include "text.h"

#define ACS_REQUIRED                                                                               \
	(ACS_SOURCE_VALIDATION | ACS_REQUEST_REDIRECT | ACS_COMPLETION_REDIRECT |                  \
	 ACS_UPSTREAM_FORWARDING)
/*
 * Translated requests are let through for nobody, as ATS is given to nobody. What is not wanted is
 * switched off: egress control lets requests through where its vector says so, and direct translated
 * ones pass by.
 */
#define ACS_WANTED (ACS_REQUIRED | ACS_TRANSLATION_BLOCKING)
#define ACS_TARGETS (ACS_DOWNSTREAM_TARGET | ACS_UPSTREAM_TARGET)

#define ACS_DWORD_CONTROL 8

u32 acs_control_offset(const struct pci_function *f) {
	return f->acs + (f->quirks & QUIRK_ACS_DWORDS ? ACS_DWORD_CONTROL : ACS_CONTROL);
}

void acs_read(const struct pci_access *access, struct pci_function *f) {
	f->acs_capability = (u16)config_read(access, f->address, f->acs + ACS_CAPABILITY, 2);
	if (f->quirks & QUIRK_NO_SOURCE_VALIDATION)
		f->acs_capability &= ~(u32)ACS_SOURCE_VALIDATION;
	f->acs_control = (u16)config_read(access, f->address, acs_control_offset(f), 2);
	f->acs_firmware = f->acs_control;
}

static u16 wanted_control(const struct pci_function *f) {
	u32 wanted = f->acs_capability & ACS_WANTED;

	if (!(f->acs_capability & ACS_ENHANCED) || !pcie_link_type(f->pcie_type))
		return (u16)wanted;
	/* An IOMMU may leave requests for I/O ports alone, and no device needs them. */
	wanted |= ACS_IO_BLOCKING | ACS_DOWNSTREAM_TARGET_REDIRECT;
	if (f->pcie_type == PCIE_DOWNSTREAM_PORT)
		wanted |= ACS_UPSTREAM_TARGET_REDIRECT | ACS_UNCLAIMED_REDIRECT;
	return (u16)wanted;
}

/* Has any port that requests from below PORT could turn round to registers in memory? */
static bool has_targets(const struct inventory *inventory, const struct pci_function *port) {
	for (u32 i = 0; i < inventory->function_count; i++) {
		const struct pci_function *f = &inventory->functions[i];
		bool peer = pcie_link_type(f->pcie_type) && f->parent == port->parent;

		if ((peer || i == port->parent) && pci_has_memory_bar(f))
			return true;
	}
	return false;
}

static void enable(struct inventory *inventory, const struct pci_access *access,
		   struct pci_function *f) {
	u32 wanted = wanted_control(f), refused;
	char words[ACS_WORDS_SIZE];
	struct text_buffer buffer;

	f->acs_control = (u16)wanted;
	if (!access->write)
		return; /* a snapshot: what would be switched on */
	config_write(access, f->address, acs_control_offset(f), 2, wanted);
	f->acs_control = (u16)config_read(access, f->address, acs_control_offset(f), 2);
	refused = f->acs_control ^ wanted;
	if (refused & ACS_TARGETS && !has_targets(inventory, f)) {
		/* Then these fields are reserved: nothing is open. */
		f->acs_control |= wanted & ACS_TARGETS;
		refused &= ~(u32)ACS_TARGETS;
	}
	if (!refused)
		return;
	buffer = text_buffer(words, sizeof(words));
	acs_say(refused, &buffer.sink);
	inventory_warn(inventory, "%s: ACS does not take what was written: %s", ADDRESS(f->address),
		       words);
}

void acs_enable(struct inventory *inventory, const struct pci_access *access) {
	for (u32 i = 0; i < inventory->function_count; i++) {
		struct pci_function *f = &inventory->functions[i];

		if (f->acs)
			enable(inventory, access, f);
		else if (f->quirks & QUIRK_PCH_PORT)
			rootport_enable(inventory, access, f);
	}
}

void acs_restore(struct inventory *inventory, const struct pci_access *access) {
	for (u32 i = 0; i < inventory->function_count; i++) {
		struct pci_function *f = &inventory->functions[i];

		if (f->acs) {
			config_write(access, f->address, acs_control_offset(f), 2, f->acs_firmware);
			f->acs_control = f->acs_firmware;
		} else if (f->quirks & QUIRK_PCH_PORT) {
			rootport_restore(access, f);
		}
	}
}

void acs_say(u32 controls, struct text_sink *out) {
	/* By the bit that should be otherwise. */
	static const char *const names[] = {"source validation off",
					    "translation blocking off",
					    "request redirect off",
					    "completion redirect off",
					    "upstream forwarding off",
					    "egress control on",
					    "direct translated requests on",
					    "requests for I/O ports let through",
					    NULL,
					    "its own registers open to peers",
					    NULL,
					    "the switch's registers open to peers",
					    "unclaimed requests not redirected"};
	const char *glue = "";

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (controls & BIT(i) && names[i]) {
			text_print(out, "%s%s", glue, names[i]);
			glue = ", ";
		}
}

/* A two-bit target field of a port that neither blocks nor redirects: one bit stands for each. */
static bool target_open(const struct pci_function *f, u32 field) {
	u32 value = f->acs_control & field;

	return (f->acs_capability & ACS_ENHANCED) && pcie_link_type(f->pcie_type) &&
	       (value == 0 || value == field);
}

bool acs_upstream_target_open(const struct pci_function *f) {
	return f->pcie_type == PCIE_DOWNSTREAM_PORT && target_open(f, ACS_UPSTREAM_TARGET);
}

u16 acs_missing(const struct pci_function *f) {
	u32 missing = ACS_REQUIRED & f->acs_capability & ~(u32)f->acs_control;

	missing |= f->acs_control & ACS_EGRESS_CONTROL;
	if (target_open(f, ACS_DOWNSTREAM_TARGET))
		missing |= ACS_DOWNSTREAM_TARGET;
	if (acs_upstream_target_open(f))
		missing |= ACS_UPSTREAM_TARGET;
	return (u16)missing;
}

bool acs_controls_fail(const struct pci_function *f) {
	return f->acs && acs_missing(f) && !(f->quirks & (QUIRK_ISOLATES | QUIRK_OPEN));
}

bool acs_isolates(const struct pci_function *f) {
	u32 known = f->quirks & (QUIRK_ISOLATES | QUIRK_OPEN);

	if (known)
		return known & QUIRK_ISOLATES;
	switch (f->pcie_type) {
	case PCIE_ENDPOINT:
	case PCIE_LEGACY_ENDPOINT:
	case PCIE_UPSTREAM_PORT:
	case PCIE_RC_ENDPOINT:
		if (!f->multifunction)
			return true;
		break;
	case PCIE_ROOT_PORT:
	case PCIE_DOWNSTREAM_PORT: break;
	default: return false; /* conventional, bridges to it, event collectors */
	}
	return f->acs && !acs_missing(f);
}
