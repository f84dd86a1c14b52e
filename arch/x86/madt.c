/* SPDX-License-Identifier: Apache-2.0 */
/* Processors and IOAPICs: ACPI specification, section 5.2.12. */
#include "acpi_tables.h"
#include "acpi_walk.h"

#define APIC_ID_BROADCAST 0xff
#define X2APIC_ID_BROADCAST UINT32_MAX

/* False: the arena is full. */
static bool add_cpu(struct inventory *inventory, u32 apic_id, u32 acpi_id, u32 flags) {
	if (!(flags & (MADT_CPU_ENABLED | MADT_CPU_ONLINE_CAPABLE)))
		return true;
	for (u32 i = 0; i < inventory->cpu_count; i++) {
		if (inventory->cpus[i].apic_id != apic_id)
			continue;
		inventory_warn(inventory, "APIC: processor with APIC id 0x%x is there twice",
			       apic_id);
		return true;
	}
	return INVENTORY_ADD(inventory, cpus, cpu_count,
			     ((struct cpu_info){.apic_id = apic_id, .acpi_id = acpi_id}));
}

static bool add_ioapic(struct inventory *inventory, const struct acpi_madt_ioapic *entry) {
	struct ioapic_info ioapic = {entry->id, entry->address, entry->gsi_base, NONE, 0};

	for (u32 i = 0; i < inventory->ioapic_count; i++) {
		if (inventory->ioapics[i].id != ioapic.id &&
		    inventory->ioapics[i].base != ioapic.base)
			continue;
		inventory_warn(inventory, "APIC: IOAPIC %u at 0x%x is there twice", entry->id,
			       entry->address);
		return true;
	}
	return INVENTORY_ADD(inventory, ioapics, ioapic_count, ioapic);
}

static bool read_record(struct inventory *inventory, const struct acpi_walk *record) {
	const struct acpi_madt_local_apic *local = (const void *)record->data;
	const struct acpi_madt_local_x2apic *x2apic = (const void *)record->data;
	const struct acpi_madt_ioapic *ioapic = (const void *)record->data;
	static const u8 sizes[] = {
		[MADT_LOCAL_APIC] = sizeof(*local),
		[MADT_IOAPIC] = sizeof(*ioapic),
		[MADT_LOCAL_X2APIC] = sizeof(*x2apic),
	};

	if (record->type < ARRAY_SIZE(sizes) && record->length < sizes[record->type])
		inventory_warn(inventory, "APIC: record at 0x%x is too short", record->offset);
	else if (record->type == MADT_LOCAL_APIC && local->apic_id != APIC_ID_BROADCAST)
		return add_cpu(inventory, local->apic_id, local->acpi_id, local->flags);
	else if (record->type == MADT_LOCAL_X2APIC && x2apic->apic_id != X2APIC_ID_BROADCAST)
		return add_cpu(inventory, x2apic->apic_id, x2apic->acpi_id, x2apic->flags);
	else if (record->type == MADT_IOAPIC)
		return add_ioapic(inventory, ioapic);
	return true;
}

bool madt_parse(struct inventory *inventory, struct acpi_table table) {
	struct acpi_walk walk;

	if (!acpi_open(&walk, inventory, table, "APIC", sizeof(struct acpi_madt),
		       ACPI_TYPE8_LENGTH8))
		return false;
	inventory->cpu_count = inventory->ioapic_count = 0;
	while (acpi_next(&walk))
		if (!read_record(inventory, &walk))
			return false;
	return true;
}
