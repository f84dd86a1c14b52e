/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSI and MSI-X: what the guest writes is a shadow, the device gets remapped messages only. PCI 3.0,
 * sections 6.8.1 and 6.8.2. A message that names no processor of the partition is blocked; an MSI-X
 * entry then stays masked in the device, too.
 */
#include "vpci_internal.h"

#define MSI_SHOWN (PCI_MSI_64BIT | PCI_MSI_VECTOR_MASKING)
#define MSIX_ENTRY_SIZE sizeof(((struct vpci_vector *)0)->words)
_Static_assert(MSIX_ENTRY_SIZE == 16, "table entry");
_Static_assert(PCI_MSI_CONTROL == (int)PCI_MSIX_CONTROL, "control words");

/* Of the control word. */
static const u32 enable_bits[] = {[VPCI_MSI] = PCI_MSI_ENABLE, [VPCI_MSIX] = PCI_MSIX_ENABLE};

/* The control word, as the guest has written it. */
static u32 control(const struct vpci_function *f, enum vpci_interrupts kind) {
	u32 at = f->capability[kind];

	return at ? f->registers[at / 4].value >> UPPER_SHIFT : 0;
}

static bool is_enabled(const struct vpci_function *f, enum vpci_interrupts kind) {
	return control(f, kind) & enable_bits[kind];
}

/* The device's control word. */
static void set_control(struct vpci_function *f, enum vpci_interrupts kind, u32 value) {
	if (f->capability[kind])
		vpci_device_write(f, f->capability[kind] + PCI_MSI_CONTROL, 2, value);
}

/* Messages that the guest wants of MSI. */
static u32 messages(const struct vpci_function *f) {
	return 1u << (control(f, VPCI_MSI) >> PCI_MSI_WANTED_SHIFT & PCI_MSI_ORDER);
}

/* What the guest wants of vector INDEX. Of MSI's, the lowest bits of the data tell the message. */
static u32 guest_word(const struct vpci_function *f, u32 index, enum vpci_word word) {
	if (f->live == VPCI_MSIX)
		return f->vectors[index].words[word];
	u32 value = f->msi_words[word] ? f->registers[f->msi_words[word] / 4].value : 0;

	if (word == VPCI_MASK)
		return value >> index;
	return word == VPCI_DATA ? (value & ~(messages(f) - 1)) | index : value;
}

static void device_word_write(struct vpci_function *f, u32 index, enum vpci_word word, u32 value) {
	u64 table = f->bars[f->msix_bar].host + f->msix_offset, wide = value;

	if (f->live == VPCI_MSIX)
		vpci_registers(f, table + index * MSIX_ENTRY_SIZE + word * sizeof(u32), sizeof(u32),
			       true, &wide);
	else if (f->msi_words[word])
		vpci_device_write(f, f->msi_words[word], sizeof(u32), value);
}

/* Points vector INDEX where the guest wants it. False: the device must not send it. */
static bool route(struct vpci_function *f, u32 index) {
	u64 address = guest_word(f, index, VPCI_ADDRESS) |
		      (u64)guest_word(f, index, VPCI_ADDRESS_HIGH) << 32;
	bool masked = guest_word(f, index, VPCI_MASK) & VPCI_MASKED;

	if (!masked) {
		masked = !vpci_interrupt_route(f, index, address, guest_word(f, index, VPCI_DATA));
		f->vectors[index].routed = !masked;
		f->refused_interrupts += masked;
	}
	return !masked;
}

/*
 * Points vector INDEX (MSI: all from INDEX on), then tells the device. What the device sends is always the same, so
 * that a message on its way is not lost.
 */
static void program(struct vpci_function *f, u32 index) {
	struct msi_message message = vpci_interrupt_message(f, index);
	u32 end = f->live == VPCI_MSI ? messages(f) : index + 1, masked = 0;

	for (u32 i = index; i < end; i++)
		masked |= (u32)!route(f, i) << (i - index);
	const u32 words[] = {(u32)message.address, message.address >> 32, message.data, masked};

	for (u32 w = 0; w < VPCI_WORDS; w++)
		device_word_write(f, index, w, words[w]);
}

void vpci_interrupts_off(struct vpci_function *f) {
	set_control(f, VPCI_MSI, 0);
	set_control(f, VPCI_MSIX, PCI_MSIX_FUNCTION_MASK);
	for (u32 i = 0; i < f->vector_count; i++) {
		if (f->vectors[i].routed)
			vpci_interrupt_block(f, i);
		f->vectors[i].routed = false;
	}
	f->live = VPCI_INTERRUPTS_OFF;
}

static enum vpci_interrupts wanted(const struct vpci_function *f) {
	/* Without memory decode the table cannot be written: wait until the guest has it on. */
	bool reachable = f->live == VPCI_MSIX || vpci_command(f) & PCI_COMMAND_MEMORY;

	if (is_enabled(f, VPCI_MSI))
		return VPCI_MSI;
	return is_enabled(f, VPCI_MSIX) && reachable ? VPCI_MSIX : VPCI_INTERRUPTS_OFF;
}

void vpci_interrupts_update(struct vpci_function *f) {
	enum vpci_interrupts next = wanted(f);

	if (next != f->live) {
		vpci_interrupts_off(f);
		f->live = next;
		if (next == VPCI_MSIX) /* there are tables that can be reached only then */
			set_control(f, next, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
		for (u32 i = 0; i < (next == VPCI_MSI ? 1 : f->counts[next]); i++)
			program(f, i);
	}
	set_control(f, next, control(f, next));
}

static void control_write(const struct vpci_access *access) {
	struct vpci_function *f = access->f;
	bool msi = access->offset == f->capability[VPCI_MSI];
	u32 *value = &access->reg->value,
	    wanted_order = UPPER(PCI_MSI_ORDER << PCI_MSI_WANTED_SHIFT);
	u32 offered = *value << (PCI_MSI_WANTED_SHIFT - PCI_MSI_OFFERED_SHIFT) & wanted_order;

	/* Both on at once is undefined: the second one stays off. */
	if (is_enabled(f, VPCI_MSI) && is_enabled(f, VPCI_MSIX))
		*value &= ~UPPER(enable_bits[msi ? VPCI_MSI : VPCI_MSIX]);
	if (msi && (*value & wanted_order) > offered)
		*value = (*value & ~wanted_order) | offered;
	if (msi && (*value ^ access->old) & wanted_order)
		vpci_interrupts_off(f);
	vpci_interrupts_update(f);
}

static void msi_write(const struct vpci_access *access) {
	if (access->f->live == VPCI_MSI)
		program(access->f, 0);
}

/* What both kinds have: a control word of which the guest sees SHOWN and writes WRITABLE. */
static void capability_init(struct vpci_function *f, enum vpci_interrupts kind, u32 offset,
			    u32 count, u32 shown, u32 writable) {
	struct vpci_register *reg = &f->registers[offset / 4];

	f->capability[kind] = (u16)offset;
	f->counts[kind] = count;
	reg->hidden = UPPER(~shown);
	reg->writable = UPPER(writable);
	reg->write = control_write;
}

bool vpci_msi_init(struct vpci_function *f, u32 offset, u32 room) {
	u32 flags = vpci_device_read(f, offset + PCI_MSI_CONTROL, 2);
	u32 order = flags >> PCI_MSI_OFFERED_SHIFT & PCI_MSI_ORDER;
	bool wide = flags & PCI_MSI_64BIT, maskable = flags & PCI_MSI_VECTOR_MASKING;
	u32 data = offset + PCI_MSI_ADDRESS + (wide ? 8 : 4);

	/* behind the mask there are pending bits */
	if (data + 4 + (maskable ? 8 : 0) > offset + room)
		return false;
	order = order > PCI_MSI_ORDER_MAX ? 0 : order; /* reserved */
	const u32 writable[] = {ALL_BITS, ALL_BITS, PCI_MSI_DATA_MASK, (u32)(BIT(1u << order) - 1)};

	capability_init(f, VPCI_MSI, offset, 1u << order, MSI_SHOWN,
			PCI_MSI_ENABLE | PCI_MSI_ORDER << PCI_MSI_WANTED_SHIFT);
	f->registers[offset / 4].initial = UPPER(order << PCI_MSI_OFFERED_SHIFT);
	f->msi_words[VPCI_ADDRESS] = (u16)(offset + PCI_MSI_ADDRESS);
	f->msi_words[VPCI_ADDRESS_HIGH] = wide ? (u16)(data - 4) : 0;
	f->msi_words[VPCI_DATA] = (u16)data;
	f->msi_words[VPCI_MASK] = maskable ? (u16)(data + 4) : 0;
	for (u32 w = 0; w < VPCI_WORDS; w++)
		if (f->msi_words[w])
			f->registers[f->msi_words[w] / 4] =
				(struct vpci_register){ALL_BITS, writable[w], .write = msi_write};
	return true;
}

bool vpci_msix_init(struct vpci_function *f, u32 offset, u32 room) {
	u32 table = vpci_device_read(f, offset + PCI_MSIX_TABLE, 4);
	u32 flags = vpci_device_read(f, offset + PCI_MSIX_CONTROL, 2);
	u32 index = table & PCI_MSIX_BAR_MASK, count = (flags & PCI_MSIX_COUNT_MASK) + 1;
	u64 end = (u64)(table - index) + count * MSIX_ENTRY_SIZE;

	(void)room;
	if (index >= PCI_BARS || end > f->bars[index].size)
		return false;
	capability_init(f, VPCI_MSIX, offset, count, PCI_MSIX_COUNT_MASK,
			PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
	f->msix_bar = (u8)index;
	f->msix_offset = table - index;
	f->bars[index].hole = ALIGN_DOWN(f->msix_offset, PAGE_SIZE);
	f->bars[index].hole_end = ALIGN_UP(end, PAGE_SIZE);
	return true;
}

bool vpci_msix_access(struct vpci_function *f, u64 offset, u8 width, bool write, u64 *value) {
	u64 at = offset - f->msix_offset;

	if (offset < f->msix_offset || at >= f->counts[VPCI_MSIX] * MSIX_ENTRY_SIZE)
		return false;
	u32 index = (u32)(at / MSIX_ENTRY_SIZE), word = at % MSIX_ENTRY_SIZE / 4;
	u32 *words = f->vectors[index].words;
	u64 old = words[word] | (width == 8 ? (u64)words[word + 1] << 32 : 0);

	if (!write) {
		*value = old >> 8 * (at & 3) & byte_mask(width);
	} else if (width < 4) { /* undefined by the specification */
		f->ignored_writes++;
	} else {
		words[word] = (u32)*value;
		if (width == 8)
			words[word + 1] = *value >> 32;
		words[VPCI_MASK] &= VPCI_MASKED;
		if (f->live == VPCI_MSIX)
			program(f, index);
	}
	return true;
}
