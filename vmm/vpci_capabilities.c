/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which capabilities the guest sees, and how their registers are treated. What is not in the tables is
 * hidden: its body, up to the next capability, reads as 0. What no capability claims is read-only.
 */
#include "vpci_internal.h"

/* Power states are the guest's alone: they would take away what the device has been told. */
#define PM_SHOWN 0x0007u /* the version: neither PME nor D1 and D2 are offered */

#define PCIE_TYPE_SHIFT (UPPER_SHIFT + PCIE_FLAGS_TYPE_SHIFT)
#define DEVICE_2_LTR_OBFF (BIT(11) | BITS(19, 18))
/* Device control: what reaches the device, what only the guest sees; phantom functions are neither. */
#define CONTROL_PASSED (BIT(4) | BIT(11)) /* relaxed ordering, no snoop */
#define CONTROL_VIRTUAL (BITS(3, 0) | BITS(8, 5) | BITS(14, 12)) /* errors, sizes, tags */
#define CONTROL_DEFAULT 0x2000u /* requests of 512 bytes, payloads of 128 */

/* Upper halves of device control and others hold bits that a written one clears: left alone here. */
static void device_control_write(const struct vpci_access *access) {
	if (access->value & PCIE_CONTROL_FLR && pci_offers_flr(access->f->info)) {
		vpci_flr(access->f);
		return;
	}
	u32 old = vpci_device_read(access->f, access->offset, 2) &
		  (u32) ~(PCIE_CONTROL_PHANTOM | PCIE_CONTROL_FLR);
	u32 changed = access->mask & CONTROL_PASSED & (old ^ access->value);

	if (changed)
		vpci_device_write(access->f, access->offset, 2, old ^ changed);
}

static const struct vpci_register pm_registers[] = {
	{.hidden = UPPER(~PM_SHOWN)},
	{.hidden = ALL_BITS, .writable = PCI_PM_STATE_MASK, .initial = PCI_PM_NO_SOFT_RESET},
};

/* Link, slot and root registers are hidden: a device on a root bus has none. */
static const struct vpci_register pcie_registers[PCIE_SIZE_2 / 4] = {
	[0] = {.hidden = UPPER(PCIE_SLOT)},
	[PCIE_DEVICE_CAPABILITIES / 4] = {.hidden = DEVICE_PHANTOM_FUNCTIONS},
	[PCIE_DEVICE_CONTROL / 4] = {.hidden = 0xffff & ~CONTROL_PASSED,
				     .writable = CONTROL_VIRTUAL,
				     .initial = CONTROL_DEFAULT,
				     .write = device_control_write},
	[PCIE_LINK / 4 ... PCIE_CAPABILITIES_2 / 4 - 1] = {.hidden = ALL_BITS},
	[PCIE_CAPABILITIES_2 / 4] = {.hidden = DEVICE_2_LTR_OBFF},
	[PCIE_LINK_2 / 4 ... PCIE_SIZE_2 / 4 - 1] = {.hidden = ALL_BITS},
};

static bool pcie_init(struct vpci_function *f, u32 offset, u32 room) {
	u32 flags = vpci_device_read(f, offset + PCIE_FLAGS, 2);
	u32 type = flags >> PCIE_FLAGS_TYPE_SHIFT & PCIE_FLAGS_TYPE_MASK;
	u32 length = (flags & PCIE_FLAGS_VERSION_MASK) >= 2 ? PCIE_SIZE_2 : PCIE_LENGTH_1;
	struct vpci_register *regs = &f->registers[offset / 4];

	for (u32 i = 0; i < min_u64(room, length) / 4; i++)
		regs[i] = pcie_registers[i];
	if (!pci_offers_flr(f->info))
		regs[PCIE_DEVICE_CAPABILITIES / 4].hidden |= PCIE_DEVICE_FLR;
	if (type == PCIE_ENDPOINT || type == PCIE_LEGACY_ENDPOINT) {
		regs->hidden |= PCIE_FLAGS_TYPE_MASK << PCIE_TYPE_SHIFT;
		regs->initial = PCIE_RC_ENDPOINT << PCIE_TYPE_SHIFT;
	}
	return true;
}

struct capability {
	u16 id;
	u16 length; /* at least: with less room it is hidden */
	/* Where struct pci_function has the offset of the one that counts: others are hidden. 0: all count. */
	u16 inventory;
	const struct vpci_register *registers; /* at its beginning, LENGTH bytes; NULL: read-only */
	/* Instead: sets up those of the one at OFFSET, which has ROOM bytes; false: it is hidden. */
	bool (*init)(struct vpci_function *f, u32 offset, u32 room);
};

#define PLACE(name) .inventory = offsetof(struct pci_function, name)
#define REGISTERS(name) .length = sizeof(name) / sizeof((name)[0]) * 4, .registers = (name)

static const struct capability standard_capabilities[] = {
	{PCI_CAPABILITY_PM, PLACE(pm), REGISTERS(pm_registers)},
	{PCI_CAPABILITY_MSI, .length = 12, PLACE(msi), .init = vpci_msi_init},
	{PCI_CAPABILITY_VENDOR, .length = 4},
	{PCI_CAPABILITY_PCIE, .length = PCIE_LENGTH_1, PLACE(pcie), .init = pcie_init},
	{PCI_CAPABILITY_MSIX, .length = PCI_MSIX_SIZE, PLACE(msix), .init = vpci_msix_init},
	{PCI_CAPABILITY_SATA, .length = 8},
	{0},
};

static const struct capability extended_capabilities[] = {
	{PCI_EXTENDED_SERIAL_NUMBER, .length = 12},
	{PCI_EXTENDED_VENDOR, .length = 8},
	{0},
};

/* One of the two lists: how a head is read, and what the device has. */
struct list {
	const struct capability *known; /* ends with an entry without id */
	u32 first, end; /* of the space that it lies in; END is a power of two */
	u32 id_mask, next_shift;
	u32 count;
	u16 offset[PCI_EXTENDED_HOPS];
	u16 id[PCI_EXTENDED_HOPS];
};

/* Reads the list from OFFSET on, until it ends, leads back or leaves its space. All heads are hidden, as a mark. */
static void walk(struct vpci_function *f, struct list *list, u32 offset) {
	while (offset >= list->first && offset < list->end && !f->registers[offset / 4].hidden &&
	       list->count < ARRAY_SIZE(list->offset)) {
		u32 head = vpci_device_read(f, offset, 4);

		if (!head || head == PCI_ABSENT)
			return;
		f->registers[offset / 4].hidden = ALL_BITS;
		list->offset[list->count] = (u16)offset;
		list->id[list->count++] = head & list->id_mask;
		offset = head >> list->next_shift & (list->end - 1) & ~3u;
	}
}

/* Sets up the registers of capability INDEX of LIST; false: it is hidden. */
static bool claim(struct vpci_function *f, const struct list *list, u32 index) {
	const struct capability *c = list->known;
	u32 offset = list->offset[index], end = list->end;
	struct vpci_register *regs = &f->registers[offset / 4];

	while (c->id && c->id != list->id[index])
		c++;
	const u16 *place = (const u16 *)((const char *)f->info + c->inventory);

	regs->hidden = 0;
	for (u32 i = 0; i < list->count; i++)
		if (list->offset[i] > offset)
			end = (u32)min_u64(end, list->offset[i]);
	if (c->id && c->length <= end - offset && (!c->inventory || *place == offset) &&
	    (!c->init || c->init(f, offset, end - offset))) {
		for (u32 i = 0; c->registers && i < c->length / 4u; i++)
			regs[i] = c->registers[i];
		return true;
	}
	for (u32 i = 0; i < (end - offset) / 4; i++)
		regs[i] = (struct vpci_register){.hidden = ALL_BITS};
	return false;
}

/* Chains the visible members of LIST behind the pointer at bit SHIFT of the register at HEAD. */
static void chain(struct vpci_function *f, const struct list *list, u32 head, u32 shift) {
	for (u32 i = 0; i < list->count; i++) {
		u32 offset = list->offset[i];

		if (!claim(f, list, i))
			continue;
		f->registers[offset / 4].hidden |= (list->end - 1) << list->next_shift;
		if (offset != head)
			f->registers[head / 4].initial |= offset << shift;
		head = offset;
		shift = list->next_shift;
	}
}

void vpci_capabilities_init(struct vpci_function *f) {
	struct list list = {.known = standard_capabilities,
			    .first = PCI_CAPABILITY_FIRST,
			    .end = PCI_EXTENDED_FIRST,
			    .id_mask = 0xff,
			    .next_shift = 8};

	if (vpci_device_read(f, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES)
		walk(f, &list, vpci_device_read(f, PCI_CAPABILITIES, 1) & ~3u);
	chain(f, &list, PCI_CAPABILITIES, 0);
	if (f->registers[PCI_CAPABILITIES / 4].initial)
		f->registers[PCI_COMMAND / 4].initial = UPPER(PCI_STATUS_CAPABILITIES);

	list = (struct list){.known = extended_capabilities,
			     .first = PCI_EXTENDED_FIRST,
			     .end = (u32)min_u64(f->info->config_size, VPCI_CONFIG_SIZE),
			     .id_mask = 0xffff,
			     .next_shift = 20};
	walk(f, &list, list.first);
	/* It begins at 0x100 whatever is there: what is hidden leaves an empty head. */
	chain(f, &list, list.first, list.next_shift);
}
