/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSI and MSI-X: what the guest writes is a shadow, the device gets remapped messages only. PCI 3.0,
 * sections 6.8.1 and 6.8.2. A message that names no processor of the partition is blocked; an MSI-X
 * entry then stays masked in the device, too.
 */
#include "vpci_internal.h"

#define MSI_ENABLE BIT(0)
#define MSI_DATA_MASK 0xffffu
#define MSI_SHOWN (PCI_MSI_64BIT | PCI_MSI_VECTOR_MASKING) /* and one message */
#define MSIX_FUNCTION_MASK BIT(14)
#define MSIX_ENABLE BIT(15)
#define MSIX_COUNT_MASK 0x7ffu
#define MSIX_BAR_MASK 7u

/* The control word of the MSI or MSI-X capability at OFFSET, as the guest has written it. */
static u32 control(const struct vpci_function *f, u32 offset) {
	return offset ? f->registers[offset / 4].value >> UPPER_SHIFT : 0;
}

static bool is_64bit(const struct vpci_function *f) {
	return f->msi_data > f->msi / 4u + 2;
}

u32 vpci_interrupt_count(const struct pci_function *function, const struct pci_access *access) {
	u32 count = 1, last = 0;

	if (function->msix)
		last = access->read(access, function->address, function->msix + PCI_MSIX_CONTROL,
				    2);
	while (count <= (last & MSIX_COUNT_MASK))
		count <<= 1;
	return count;
}

static void block(struct vpci *vpci, struct vpci_function *f, u32 index) {
	vpci->host->interrupt_set(vpci->host->context, f->function, index, NULL);
	f->vectors[index].routed = false;
}

/* Points vector INDEX at the processor that ADDRESS and DATA name; false: it is blocked. */
static bool route(struct vpci *vpci, struct vpci_function *f, u32 index, u64 address, u32 data) {
	const struct vpci_host *host = vpci->host;
	struct interrupt_target target;

	if (!host->interrupt_target(host->context, address, data, &target) ||
	    !host->interrupt_set(host->context, f->function, index, &target)) {
		f->refused_interrupts++;
		block(vpci, f, index);
		return false;
	}
	f->vectors[index].routed = true;
	return true;
}

static void msi_route(struct vpci *vpci, struct vpci_function *f) {
	const struct vpci_register *reg = &f->registers[f->msi_data];
	/* The address is one or two double words: the high one comes right before the data. */
	u64 address = reg[-1].value;

	if (is_64bit(f))
		address = address << 32 | reg[-2].value;
	route(vpci, f, 0, address, reg->value);
}

static void msi_start(struct vpci *vpci, struct vpci_function *f) {
	struct msi_message message = vpci->host->message(vpci->host->context, f->function, 0);
	u32 msi = f->msi, data = 4 * f->msi_data;

	msi_route(vpci, f);
	vpci_device_write(vpci, f, msi + PCI_MSI_ADDRESS, 4, (u32)message.address);
	if (is_64bit(f))
		vpci_device_write(vpci, f, data - 4, 4, message.address >> 32);
	vpci_device_write(vpci, f, data, 4, message.data & MSI_DATA_MASK);
	if (f->msi_maskable)
		vpci_device_write(vpci, f, data + 4, 4, f->registers[f->msi_data + 1].value);
	vpci_device_write(vpci, f, msi + PCI_MSI_CONTROL, 2, MSI_ENABLE);
}

/* Brings entry INDEX of the real table up to date. */
static void msix_program(struct vpci *vpci, struct vpci_function *f, u32 index) {
	const struct vpci_host *host = vpci->host;
	const u32 *words = f->vectors[index].words;
	u64 address = words[MSIX_ADDRESS] | (u64)words[MSIX_ADDRESS_HIGH] << 32;
	u64 entry = f->bars[f->msix_bar].host + f->msix_offset + index * MSIX_ENTRY_SIZE;

	host->mmio_write(host->context, entry + 4 * MSIX_CONTROL, 4, MSIX_ENTRY_MASKED);
	if (words[MSIX_CONTROL] & MSIX_ENTRY_MASKED ||
	    !route(vpci, f, index, address, words[MSIX_DATA]))
		return;
	struct msi_message message = host->message(host->context, f->function, index);

	const u32 real[] = {(u32)message.address, message.address >> 32, message.data, 0};

	for (u32 i = 0; i < MSIX_WORDS; i++)
		host->mmio_write(host->context, entry + 4 * i, 4, real[i]);
}

void vpci_interrupts_off(struct vpci *vpci, struct vpci_function *f) {
	if (f->msi)
		vpci_device_write(vpci, f, f->msi + PCI_MSI_CONTROL, 2, 0);
	if (f->msix)
		vpci_device_write(vpci, f, f->msix + PCI_MSIX_CONTROL, 2, MSIX_FUNCTION_MASK);
	for (u32 i = 0; i < f->vector_count; i++) {
		if (f->vectors[i].routed)
			block(vpci, f, i);
	}
	f->live = VPCI_INTERRUPTS_OFF;
}

static enum vpci_interrupts wanted(const struct vpci_function *f) {
	/* Without memory decode the table cannot be written: wait until the guest has it on. */
	bool reachable = f->live == VPCI_MSIX || vpci_command(f) & PCI_COMMAND_MEMORY;

	if (control(f, f->msi) & MSI_ENABLE)
		return VPCI_MSI;
	return control(f, f->msix) & MSIX_ENABLE && reachable ? VPCI_MSIX : VPCI_INTERRUPTS_OFF;
}

void vpci_interrupts_update(struct vpci *vpci, struct vpci_function *f) {
	enum vpci_interrupts next = wanted(f);

	if (next != f->live) {
		vpci_interrupts_off(vpci, f);
		f->live = next;
		if (next == VPCI_MSI)
			msi_start(vpci, f);
		if (next == VPCI_MSIX) /* there are tables that can be reached only then */
			vpci_device_write(vpci, f, f->msix + PCI_MSIX_CONTROL, 2,
					  MSIX_ENABLE | MSIX_FUNCTION_MASK);
		for (u32 i = 0; next == VPCI_MSIX && i < f->msix_count; i++)
			msix_program(vpci, f, i);
	}
	if (next == VPCI_MSIX)
		vpci_device_write(vpci, f, f->msix + PCI_MSIX_CONTROL, 2, control(f, f->msix));
}

static void msix_control_write(const struct vpci_access *access) {
	/* Both on at once is undefined: the second one stays off. */
	if (control(access->f, access->f->msi) & MSI_ENABLE)
		access->reg->value &= ~UPPER(MSIX_ENABLE);
	vpci_interrupts_update(access->vpci, access->f);
}

static void msi_control_write(const struct vpci_access *access) {
	if (control(access->f, access->f->msix) & MSIX_ENABLE)
		access->reg->value &= ~UPPER(MSI_ENABLE);
	vpci_interrupts_update(access->vpci, access->f);
}

static void msi_write(const struct vpci_access *access) {
	struct vpci_function *f = access->f;

	if (f->live != VPCI_MSI)
		return;
	/* Never off and on again: a message that the device sends meanwhile would be lost. */
	if (access->offset > 4 * f->msi_data)
		vpci_device_write(access->vpci, f, access->offset, 4, access->reg->value);
	else
		msi_route(access->vpci, f);
}

bool vpci_msi_init(const struct vpci *vpci, struct vpci_function *f, u32 offset, u32 room) {
	u32 flags = vpci_device_read(vpci, f, offset + PCI_MSI_CONTROL, 2);
	bool maskable = flags & PCI_MSI_VECTOR_MASKING;
	struct vpci_register *regs = &f->registers[offset / 4];
	u32 data = flags & PCI_MSI_64BIT ? 3 : 2; /* after the control word and the address */

	if (room < 4 * (data + 1 + (maskable ? 2 : 0)))
		return false;
	f->msi = (u16)offset;
	f->msi_data = offset / 4 + data;
	f->msi_maskable = maskable;
	f->vector_count = (u32)max_u64(f->vector_count, 1);
	regs[0].hidden = UPPER(~MSI_SHOWN);
	regs[0].writable = UPPER(MSI_ENABLE);
	regs[0].write = msi_control_write;
	for (u32 i = 1; i <= data + maskable; i++)
		regs[i] = (struct vpci_register){ALL_BITS, ALL_BITS, .write = msi_write};
	regs[data].writable = MSI_DATA_MASK;
	if (maskable)
		regs[data + 1].writable = MSIX_ENTRY_MASKED;
	return true;
}

bool vpci_msix_init(const struct vpci *vpci, struct vpci_function *f, u32 offset, u32 room) {
	u32 table = vpci_device_read(vpci, f, offset + PCI_MSIX_TABLE, 4);
	u32 control = vpci_device_read(vpci, f, offset + PCI_MSIX_CONTROL, 2);
	u32 index = table & MSIX_BAR_MASK, count = (control & MSIX_COUNT_MASK) + 1;
	struct vpci_register *regs = &f->registers[offset / 4];
	u64 end = (u64)(table - index) + count * MSIX_ENTRY_SIZE;

	(void)room;
	if (index >= PCI_BARS || end > f->bars[index].size)
		return false;
	f->msix = (u16)offset;
	f->msix_bar = (u8)index;
	f->msix_offset = table - index;
	f->msix_count = count;
	f->vector_count = (u32)max_u64(f->vector_count, count);
	f->bars[index].hole = ALIGN_DOWN(f->msix_offset, PAGE_SIZE);
	f->bars[index].hole_end = ALIGN_UP(end, PAGE_SIZE);
	regs->hidden = UPPER(~MSIX_COUNT_MASK);
	regs->writable = UPPER(MSIX_ENABLE | MSIX_FUNCTION_MASK);
	regs->write = msix_control_write;
	return true;
}

bool vpci_msix_access(struct vpci *vpci, struct vpci_function *f, u64 offset, u8 width, bool write,
		      u64 *value) {
	u64 at = offset - f->msix_offset;

	if (offset < f->msix_offset || at >= f->msix_count * MSIX_ENTRY_SIZE)
		return false;
	u32 index = (u32)(at / MSIX_ENTRY_SIZE), word = at % MSIX_ENTRY_SIZE / 4;
	u32 *words = f->vectors[index].words;
	u64 old = words[word] | (width == 8 ? (u64)words[word + 1] << 32 : 0);

	if (!write) {
		*value = old >> 8 * (at & 3) & vpci_ones(width);
	} else if (width < 4) { /* undefined by the specification */
		f->ignored_writes++;
	} else {
		words[word] = (u32)*value;
		if (width == 8)
			words[word + 1] = *value >> 32;
		words[MSIX_CONTROL] &= MSIX_ENTRY_MASKED;
		if (f->live == VPCI_MSIX)
			msix_program(vpci, f, index);
	}
	return true;
}
