/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A partition's PCI bus: a host bridge of our own at 00.0, then the partition's functions, each a
 * device of its own. Every access of the guest is split into one double word of one function, and
 * that double word's struct vpci_register says what happens.
 */
#include "vpci_internal.h"

#define BRIDGE_VENDOR 0x1b36u
#define BRIDGE_DEVICE 0x0008u
#define BRIDGE_CLASS 0x06000000u

static bool function_init(struct vpci_function *f, struct arena *arena) {
	if (pci_is_bridge(f->info))
		return false;
	vpci_header_init(f);
	vpci_capabilities_init(f);
	f->vector_count = (u32)max_u64(f->counts[VPCI_MSI], f->counts[VPCI_MSIX]);
	for (f->entry_count = 1; f->entry_count < f->vector_count;)
		f->entry_count <<= 1;
	f->vectors = arena_alloc(arena, f->vector_count, sizeof(*f->vectors));
	return f->vectors || !f->vector_count;
}

bool vpci_init(struct vpci *vpci, const struct pci_access *config,
	       const struct inventory *inventory, const u32 *functions, u32 count, u64 ecam_base,
	       struct arena *arena) {
	*vpci = (struct vpci){.config = config, .ecam_base = ecam_base};
	if (count > VPCI_FUNCTIONS_MAX)
		return false;
	vpci->functions = arena_alloc(arena, count, sizeof(*vpci->functions));
	if (!vpci->functions && count)
		return false;
	for (; vpci->function_count < count; vpci->function_count++) {
		struct vpci_function *f = &vpci->functions[vpci->function_count];

		f->vpci = vpci;
		f->function = functions[vpci->function_count];
		f->gsi = NONE;
		if (f->function >= inventory->function_count)
			return false;
		f->info = &inventory->functions[f->function];
		if (!function_init(f, arena))
			return false;
	}
	return true;
}

static void function_reset(struct vpci_function *f) {
	vpci_interrupts_off(f);
	for (u32 v = 0; v < f->vector_count; v++)
		f->vectors[v] = (struct vpci_vector){.words[VPCI_MASK] = VPCI_MASKED};
	for (u32 r = 0; r < ARRAY_SIZE(f->registers); r++)
		f->registers[r].value = f->registers[r].initial;
	vpci_follow(f);
}

void vpci_flr(struct vpci_function *f) {
	u32 control = f->info->pcie + PCIE_DEVICE_CONTROL;

	f->back_at = UINT64_MAX; /* from now on nobody else touches it */
	function_reset(f);
	pci_config_save(f->info, f->vpci->config, &f->saved);
	f->saved_command = (u16)vpci_device_read(f, PCI_COMMAND, 2);
	vpci_device_write(f, control, 2, vpci_device_read(f, control, 2) | PCIE_CONTROL_FLR);
	f->back_at = vpci_milliseconds() + pci_flr_delay(f->info) + 1;
}

/* One that does not come back as it was stays away. */
static bool is_here(struct vpci_function *f) {
	if (f->back_at && vpci_milliseconds() >= f->back_at &&
	    pci_is_ready(f->info, f->vpci->config) &&
	    pci_config_restore(f->info, f->vpci->config, &f->saved)) {
		vpci_device_write(f, PCI_COMMAND, 2, f->saved_command);
		f->back_at = 0;
		vpci_follow(f);
	}
	return !f->back_at;
}

bool vpci_is_away(const struct vpci *vpci) {
	u64 now = vpci_milliseconds();

	for (u32 i = 0; i < vpci->function_count; i++) {
		const struct vpci_function *f = &vpci->functions[i];

		if (now < f->back_at || (f->back_at && now < f->back_at + PCI_READY_LIMIT &&
					 !pci_is_ready(f->info, vpci->config)))
			return true;
	}
	return false;
}

void vpci_reset(struct vpci *vpci) {
	vpci->config_address = 0;
	for (u32 i = 0; i < vpci->function_count; i++) {
		struct vpci_function *f = &vpci->functions[i];

		is_here(f);
		f->back_at = 0;
		function_reset(f);
	}
}

/* The function at this place of the bus; NULL: none. */
static struct vpci_function *find_function(const struct vpci *vpci, u8 bus, u8 devfn) {
	u32 index = (devfn >> 3) - 1u;

	if (bus || devfn & 7 || index >= vpci->function_count)
		return NULL;
	return &vpci->functions[index];
}

/* One, two or four bytes within one double word of configuration space. */
static bool is_config_access(u16 offset, u8 width) {
	return (width == 1 || width == 2 || width == 4) && (offset & 3) + width <= 4 &&
	       offset < VPCI_CONFIG_SIZE;
}

static u32 bridge_read(u16 offset) {
	if (offset == PCI_VENDOR_ID)
		return BRIDGE_VENDOR | UPPER(BRIDGE_DEVICE);
	return offset == PCI_REVISION ? BRIDGE_CLASS : 0;
}

static u32 function_read(const struct vpci_function *f, u16 offset) {
	const struct vpci_register *reg = &f->registers[offset / 4];
	u32 passed = ~(reg->hidden | reg->writable);

	if (offset >= f->info->config_size)
		return PCI_ABSENT;
	return reg->value | (passed ? vpci_device_read(f, offset, 4) & passed : 0);
}

u32 vpci_config_read(struct vpci *vpci, u8 bus, u8 devfn, u16 offset, u8 width) {
	struct vpci_function *f = find_function(vpci, bus, devfn);
	u32 value = PCI_ABSENT;

	if (!is_config_access(offset, width))
		return (u32)byte_mask(width);
	if (f && is_here(f))
		value = function_read(f, offset & ~3u);
	else if (!f && !bus && !devfn)
		value = bridge_read(offset & ~3u);
	return (u32)(value >> 8 * (offset & 3) & byte_mask(width));
}

void vpci_config_write(struct vpci *vpci, u8 bus, u8 devfn, u16 offset, u8 width, u32 value) {
	struct vpci_function *f = find_function(vpci, bus, devfn);

	if (!f || !is_config_access(offset, width) || offset >= f->info->config_size || !is_here(f))
		return;
	struct vpci_register *reg = &f->registers[offset / 4];
	u32 shift = 8 * (offset & 3), mask = (u32)byte_mask(width) << shift;
	struct vpci_access access = {f, reg, offset & ~3u, mask, value << shift & mask, reg->value};

	reg->value = (reg->value & ~(mask & reg->writable)) | (access.value & reg->writable);
	if (reg->write)
		reg->write(&access);
	else if (!(mask & reg->writable))
		f->ignored_writes++;
}

void vpci_port(struct vpci *vpci, u16 port, u8 width, bool write, u32 *value) {
	u32 address = vpci->config_address;
	u8 bus = (u8)(address >> 16), devfn = (u8)(address >> 8);
	u16 offset = (address & 0xfc) | (port & 3);
	bool is_address = port == PCI_CONFIG_ADDRESS_PORT && width == 4;
	/* It leads to the register whose address was written before. */
	bool is_data = (port & ~3u) == PCI_CONFIG_DATA_PORT && address & PCI_CONFIG_ENABLE;

	if (is_address && write)
		vpci->config_address = *value & PCI_CONFIG_ADDRESS_BITS;
	else if (is_data && write)
		vpci_config_write(vpci, bus, devfn, offset, width, *value);
	else if (is_data)
		*value = vpci_config_read(vpci, bus, devfn, offset, width);
	else if (!write)
		*value = is_address ? address : (u32)byte_mask(width);
}

static void bar_access(struct vpci_function *f, u32 bar, u64 offset, u8 width, bool write,
		       u64 *value) {
	bool valid =
		(width == 1 || width == 2 || width == 4 || width == 8) && IS_ALIGNED(offset, width);

	/* A BAR that is not trapped is the guest's own to reach; here there is no way to its registers. */
	if (!valid || !vpci_is_trapped(f, bar))
		f->ignored_writes += write;
	else if (bar != f->msix_bar || !vpci_msix_access(f, offset, width, write, value))
		vpci_registers(f, f->bars[bar].host + offset, width, write, value);
}

bool vpci_mmio(struct vpci *vpci, u64 guest, u8 width, bool write, u64 *value) {
	u64 offset = guest - vpci->ecam_base, ones = byte_mask(width);
	bool ecam = vpci->ecam_base && offset < VPCI_ECAM_SIZE;
	u32 bar;
	struct vpci_function *f = ecam ? NULL : vpci_bar_find(vpci, guest, &bar, &offset);
	u8 devfn = (u8)(offset >> PCI_ECAM_FUNCTION_SHIFT);
	u16 reg = offset & (VPCI_CONFIG_SIZE - 1);

	*value = write ? *value & ones : ones;
	if (ecam && write)
		vpci_config_write(vpci, 0, devfn, reg, width, (u32)*value);
	else if (ecam && width <= 4)
		*value = vpci_config_read(vpci, 0, devfn, reg, width);
	else if (f)
		bar_access(f, bar, offset, width, write, value);
	return ecam || f;
}
