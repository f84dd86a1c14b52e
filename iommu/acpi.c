/* SPDX-License-Identifier: Apache-2.0 */
#include "acpi_tables.h"
#include "acpi_walk.h"
#include "text.h"

bool acpi_open(struct acpi_walk *walk, struct inventory *inventory, struct acpi_table table,
	       const char *signature, u32 header, enum acpi_layout layout) {
	const struct acpi_header *start = (const struct acpi_header *)table.data;
	u8 sum = 0;

	if (table.size == 0)
		return false; /* the machine has no such table */
	bool good = table.size >= sizeof(*start) && memcmp(start->signature, signature, 4) == 0 &&
		    start->length >= header && start->length <= table.size;

	for (u32 i = 0; good && i < start->length; i++)
		sum += table.data[i];
	if (!good || sum) {
		inventory_warn(inventory, "%s: signature, length or checksum is wrong", signature);
		return false;
	}
	*walk = (struct acpi_walk){
		.inventory = inventory,
		.signature = signature,
		.table = table.data,
		.layout = layout,
		.next = header,
		.end = start->length,
	};
	return true;
}

struct acpi_walk acpi_open_record(const struct acpi_walk *parent, u32 header,
				  enum acpi_layout layout) {
	struct acpi_walk walk = *parent;

	walk.layout = layout;
	walk.next = parent->offset + header;
	walk.end = parent->offset + parent->length;
	return walk;
}

/* Length of the record at DATA, where ROOM bytes may be read; 0 when it is impossible. */
static u32 record_length(enum acpi_layout layout, const u8 *data, u32 room) {
	u32 header = layout == ACPI_TYPE8_LENGTH8 ? 2 : 4;
	u32 length = 0;

	if (layout == ACPI_IVHD_ENTRIES && data[0] == IVHD_ACPI_HID)
		header = IVHD_ACPI_HID_BYTES;
	if (room < header)
		return 0;
	switch (layout) {
	case ACPI_TYPE8_LENGTH8: length = data[1]; break;
	case ACPI_TYPE16_LENGTH16:
	case ACPI_TYPE8_FLAGS8_LENGTH16: length = (u32)(data[2] | data[3] << 8); break;
	case ACPI_MCFG_WINDOWS: length = sizeof(struct acpi_mcfg_window); break;
	case ACPI_IVHD_ENTRIES: /* bits 7:6 of the type tell the size */
		length = header == 4 ? 4u << (data[0] >> 6) : header + data[header - 1];
		break;
	}
	return length < header || length > room ? 0 : length;
}

bool acpi_next(struct acpi_walk *walk) {
	u32 room = walk->end - walk->next;

	if (!room)
		return false;
	walk->data = walk->table + walk->next;
	walk->offset = walk->next;
	walk->length = record_length(walk->layout, walk->data, room);
	walk->next += walk->length ? walk->length : room;
	walk->type = walk->data[0];
	if (walk->layout == ACPI_TYPE16_LENGTH16 && walk->length)
		walk->type |= (u16)(walk->data[1] << 8);
	if (walk->length)
		return true;
	for (u32 i = 0; i < room; i++)
		walk->lost |= walk->data[i] != 0;
	if (walk->inventory)
		inventory_warn(walk->inventory,
			       "%s: record at 0x%x has an impossible length: the rest is not read",
			       walk->signature, walk->offset);
	return false;
}
