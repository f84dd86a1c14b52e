/* SPDX-License-Identifier: Apache-2.0 */
/* VT-d's DMA remapping table: VT-d specification, chapter 8. */
#include "acpi_tables.h"
#include "coverage.h"

#define CLASS_OTHER_BRIDGE 0x0680 /* non-transparent bridges are listed so, with nothing below */

/* A DRHD or RMRR while its scopes are read, and what it gives to their functions. */
struct scoped {
	struct coverage *coverage;
	const struct acpi_walk *record;
	u16 segment;
	u32 unit;
	bool is_region;
	struct reserved_region region; /* zeros: beyond the machine's addresses, and impossible */
};

static bool leads_down(const struct pci_function *f) {
	return pci_is_bridge(f) && f->secondary_bus > f->address.bus &&
	       f->subordinate_bus >= f->secondary_bus;
}

/* Follows the path through the bridges on it. False when it is malformed or one is not there. */
static bool follow_path(const struct scoped *scoped, const struct acpi_walk *scope,
			struct pci_address *address) {
	const struct inventory *inventory = scoped->coverage->inventory;

	*address = (struct pci_address){.segment = scoped->segment};
	if (scope->length > SCOPE_PATH)
		address->bus = scope->data[SCOPE_START_BUS];
	for (u32 at = SCOPE_PATH;; at += 2) {
		const u8 *step = scope->data + at;

		if (at + 2 > scope->length || step[0] > 31 || step[1] > 7) {
			coverage_warn(scoped->coverage, scope, "is a malformed device scope");
			scoped->coverage->incomplete |= !scoped->is_region;
			return false;
		}
		address->devfn = PCI_DEVFN(step[0], step[1]);
		if (at + 2 == scope->length)
			return true;
		u32 bridge = inventory_find(inventory, *address);

		if (bridge == NONE || !leads_down(&inventory->functions[bridge]))
			return false;
		address->bus = inventory->functions[bridge].secondary_bus;
	}
}

static void give(const struct scoped *scoped, u32 unit, u16 first, u16 last) {
	struct id_range range = {scoped->segment, first, last};

	if (scoped->is_region)
		coverage_add_region(scoped->coverage, scoped->record, scoped->region, range);
	else
		coverage_claim(scoped->coverage, range, (struct claim){.unit = unit, .span = 1});
}

static void give_function(const struct scoped *scoped, const struct acpi_walk *scope,
			  const struct pci_function *f) {
	bool may_be_bridge = pci_is_bridge(f) || pci_class(f) == CLASS_OTHER_BRIDGE;
	u16 id = pci_requester_id(f->address);
	u32 unit = scoped->unit;

	if (scope->type == SCOPE_BRIDGE ? !may_be_bridge : pci_is_bridge(f)) {
		coverage_warn(scoped->coverage, scope, "names a function of another kind");
		unit = CLAIM_REFUSED;
	}
	/* A bridge does no DMA of its own to a region: it stands for what is below. */
	if (!scoped->is_region || !leads_down(f))
		give(scoped, unit, id, id);
	if (leads_down(f))
		give(scoped, unit, (u16)(f->secondary_bus << 8),
		     (u16)(f->subordinate_bus << 8 | 0xff));
}

static void read_scope(const struct scoped *scoped, const struct acpi_walk *scope) {
	const struct inventory *inventory = scoped->coverage->inventory;
	struct pci_address address;

	if (!follow_path(scoped, scope, &address))
		return;
	u32 function = inventory_find(inventory, address);

	if (scope->type == SCOPE_IOAPIC && !scoped->is_region)
		coverage_claim_ioapic(scoped->coverage, scope->data[SCOPE_ENUMERATION],
				      scoped->unit, pci_requester_id(address));
	else if ((scope->type == SCOPE_ENDPOINT || scope->type == SCOPE_BRIDGE) && function != NONE)
		give_function(scoped, scope, &inventory->functions[function]);
}

static void read_structure(struct coverage *coverage, const struct acpi_walk *record) {
	const struct acpi_dmar *dmar = (const struct acpi_dmar *)coverage->start.table;
	const struct acpi_dmar_structure *structure = (const void *)record->data;
	bool is_drhd = record->type == DMAR_DRHD;
	u32 header = is_drhd ? DMAR_DRHD_BYTES : sizeof(*structure);
	struct scoped scoped = {.coverage = coverage, .record = record, .is_region = !is_drhd};

	if (record->type > DMAR_RMRR)
		return;
	if (record->length < header) {
		coverage_warn(coverage, record, "is too short");
		coverage->incomplete |= is_drhd;
		return;
	}
	scoped.segment = structure->segment;
	if (is_drhd)
		scoped.unit = coverage_add_unit(
			coverage, record,
			(struct unit_info){.kind = IOMMU_VTD,
					   .base = structure->base,
					   .register_bytes = (u32)PAGE_SIZE
							     << (structure->size & 0xf),
					   .segment = structure->segment});
	if (is_drhd && structure->flags & DRHD_INCLUDE_ALL)
		coverage_claim(coverage, RANGE_ALL(structure->segment), CLAIM_OTHERS(scoped.unit));
	if (!is_drhd && structure->limit <= BITS(min_u64(dmar->host_address_width, 63), 0))
		scoped.region = (struct reserved_region){.base = structure->base,
							 .limit = structure->limit,
							 .read = true,
							 .write = true,
							 .segment = structure->segment};
	struct acpi_walk scope = acpi_open_record(record, header, ACPI_TYPE8_LENGTH8);

	while (acpi_next(&scope))
		read_scope(&scoped, &scope);
	coverage->incomplete |= scope.lost;
}

bool dmar_parse(struct inventory *inventory, struct acpi_table table) {
	const struct acpi_dmar *dmar = (const struct acpi_dmar *)table.data;

	if (!coverage_parse(inventory, table, "DMAR", ACPI_TYPE16_LENGTH16, read_structure))
		return false;
	inventory->no_interrupt_remapping = !(dmar->flags & DMAR_INTERRUPT_REMAPPING);
	inventory->interrupt_remapping &= !inventory->no_interrupt_remapping;
	return true;
}
