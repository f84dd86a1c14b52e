/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resetting functions. PCI Express 5.0 sections 6.6.1 (hot reset), 6.6.2 (function level reset) and 2.3.1
 * (retry status), PCI Advanced Features ECN, PCI Bus Power Management 1.2 section 5.4, PCI Local Bus 3.0
 * section 4.3.2.
 */
#include "reset.h"
#include "pci_registers.h"
#include "quirks.h"
#include "scan.h"

#define PM_DELAY 10
#define FLR_DELAY 100
#define FLR_DELAY_SLOW 350
#define PENDING_FIRST 100 /* then twice as long each time */
#define PENDING_LAST 800
#define BUS_PULSE 2
#define BUS_DELAY 100
#define BUS_DELAY_CONVENTIONAL 1000
#define TOGETHER 8 /* functions of one bus, at most */

/* One function and the way to it. Capabilities are within its space: enumeration has seen to that. */
struct target {
	const struct pci_function *info;
	const struct pci_access *access;
	void (*wait)(u32 milliseconds);
	u32 command;
	struct pci_saved saved;
};

static u32 read(const struct target *t, u32 offset, u8 width) {
	return t->access->read(t->access, t->info->address, (u16)offset, width);
}

static void write(const struct target *t, u32 offset, u8 width, u32 value) {
	t->access->write(t->access, t->info->address, (u16)offset, width, value);
}

static void change(const struct target *t, u32 offset, u32 clear, u32 set) {
	write(t, offset, 2, (read(t, offset, 2) & ~clear) | set);
}

/* What a reset of its bus takes along: endpoints of one group, and no bridge. 0: that cannot be reset. */
static u32 find_neighbours(const struct inventory *inventory, u32 function, u32 *members) {
	const struct pci_function *functions = inventory->functions;
	u32 bridge = functions[function].parent, count = 0;

	if (bridge == NONE || functions[bridge].quirks & QUIRK_NO_BUS_RESET)
		return 0;
	for (u32 i = 0; i < inventory->function_count; i++) {
		const struct pci_function *f = &functions[i];

		if (f->parent != bridge)
			continue;
		if (pci_is_bridge(f) || f->group != functions[function].group ||
		    f->quirks & QUIRK_NO_BUS_RESET || count == TOGETHER)
			return 0;
		members[count++] = i;
	}
	return count;
}

static bool has_flr(const struct pci_function *f) {
	return f->pcie && !(f->quirks & QUIRK_NO_FLR) &&
	       (f->quirks & QUIRK_UNSAID_FLR || f->device_capabilities & PCIE_DEVICE_FLR);
}

/* The reset of a physical function takes virtual ones along. */
bool pci_offers_flr(const struct pci_function *f) {
	return has_flr(f) && f->device_capabilities & PCIE_DEVICE_FLR && !f->sriov;
}

u32 pci_flr_delay(const struct pci_function *f) {
	return f->quirks & QUIRK_SLOW_AFTER_FLR ? FLR_DELAY_SLOW : FLR_DELAY;
}

enum reset_method pci_reset_method(const struct inventory *inventory, u32 function) {
	const struct pci_function *f = &inventory->functions[function];
	u32 known = f->quirks, members[TOGETHER];

	if (pci_is_bridge(f))
		return RESET_NONE;
	if (has_flr(f))
		return RESET_FLR;
	if (!(known & QUIRK_NO_FLR) && f->af)
		return RESET_AF_FLR;
	if (!(known & QUIRK_NO_POWER_RESET) && f->pm && !f->pm_keeps_state)
		return RESET_POWER_STATE;
	return find_neighbours(inventory, function, members) ? RESET_BUS : RESET_NONE;
}

const char *reset_method_name(enum reset_method method) {
	/* In the order of the enumeration. */
	static const char *const names[] = {"none (wants `no-reset = accept`)", "flr", "af-flr",
					    "power-state", "secondary-bus"};

	return (u32)method < ARRAY_SIZE(names) ? names[method] : "unknown";
}

static void set_power(const struct target *t, u32 state) {
	change(t, t->info->pm + PCI_PM_CONTROL, PCI_PM_STATE_MASK | PCI_PM_STATUS, state);
	t->wait(PM_DELAY);
}

static void quiesce(const struct target *t) {
	const struct pci_function *f = t->info;

	change(t, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER, 0);
	if (f->pm && read(t, f->pm + PCI_PM_CONTROL, 2) & PCI_PM_STATE_MASK)
		set_power(t, 0);
	if (f->msi)
		change(t, f->msi + PCI_MSI_CONTROL, PCI_MSI_ENABLE, 0);
	if (f->msix)
		change(t, f->msix + PCI_MSIX_CONTROL, PCI_MSIX_ENABLE, 0);
	/* Translations that the device has kept must not outlive its owner. */
	if (f->ats)
		change(t, f->ats + ATS_CONTROL, ATS_ENABLE, 0);
}

/* Gives requests under way time to complete; goes on when they do not. */
static void wait_pending(const struct target *t, u32 offset, u8 width, u32 bit) {
	for (u32 delay = PENDING_FIRST; delay <= PENDING_LAST; delay *= 2) {
		if (!(read(t, offset, width) & bit))
			return;
		t->wait(delay);
	}
}

bool pci_is_ready(const struct pci_function *f, const struct pci_access *access) {
	const struct target t = {.info = f, .access = access};

	/* The vendor first: retry status is shown there only. */
	return read(&t, PCI_VENDOR_ID, 2) != PCI_RETRY_VENDOR &&
	       read(&t, PCI_COMMAND, 2) != (u16)PCI_ABSENT;
}

static bool wait_ready(const struct target *t) {
	u32 waited = 0;

	while (!pci_is_ready(t->info, t->access)) {
		/* Twice as long each time: one more than all before. */
		u32 delay = (u32)min_u64(waited + 1, PCI_READY_LIMIT - waited);

		if (!delay)
			return false;
		t->wait(delay);
		waited += delay;
	}
	return true;
}

static void save(struct pci_saved *saved, u32 offset, u8 width, u32 value, u32 must_hold) {
	saved->registers[saved->count++] =
		(struct pci_saved_register){(u16)offset, width, value, must_hold};
}

/* As it is now, less the bits CLEAR. */
static void keep(const struct target *t, struct pci_saved *saved, u32 offset, u8 width, u32 clear) {
	save(saved, offset, width, read(t, offset, width) & ~clear, 0);
}

/* Addresses as the inventory knows them: what a guest has left there does not count. */
static void save_bars(const struct pci_function *f, struct pci_saved *saved) {
	for (u32 i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &f->bars[i];
		u32 mask = bar->io ? PCI_BAR_IO_MASK : PCI_BAR_MEMORY_MASK;
		u32 offset = PCI_BAR0 + 4 * i;

		if (!bar->size || f->physical != NONE) /* a virtual function's are not its own */
			continue;
		save(saved, offset, 4, (u32)bar->base, mask);
		if (bar->is_64bit)
			save(saved, offset + 4, 4, (u32)(bar->base >> 32), ~0u);
	}
}

/* Its own reset switches virtual functions off. In the order in which they are switched on. */
static void save_virtual(const struct target *t, struct pci_saved *saved) {
	u32 at = t->info->sriov;

	if (!at || !(read(t, at + SRIOV_CONTROL, 2) & SRIOV_VF_ENABLE))
		return;
	for (u32 i = 0; i <= PCI_BARS; i++) /* the page size comes before the BARs */
		keep(t, saved, at + SRIOV_PAGE_SIZE + 4 * i, 4, 0);
	keep(t, saved, at + SRIOV_CONTROL, 2, SRIOV_VF_ENABLE);
	save(saved, at + SRIOV_NUM_VFS, 2, read(t, at + SRIOV_NUM_VFS, 2), ~0u);
	save(saved, at + SRIOV_CONTROL, 2, read(t, at + SRIOV_CONTROL, 2), SRIOV_VF_ENABLE);
}

void pci_config_save(const struct pci_function *f, const struct pci_access *access,
		     struct pci_saved *saved) {
	const struct target t = {.info = f, .access = access};
	u32 rebar = f->resizable_bar + RESIZABLE_BAR_CONTROL, count = 0;

	saved->count = 0;
	if (f->resizable_bar)
		count = read(&t, rebar, 4) >> RESIZABLE_BAR_COUNT_SHIFT & RESIZABLE_BAR_COUNT_MASK;
	for (u32 i = 0; i < count && i < PCI_BARS; i++, rebar += RESIZABLE_BAR_STRIDE)
		keep(&t, saved, rebar, 4, 0);
	save_bars(f, saved);
	save_virtual(&t, saved);
	keep(&t, saved, PCI_CACHE_LINE, 2, 0);
	if (f->acs)
		save(saved, acs_control_offset(f), 2, f->acs_control,
		     f->acs_control & ~(u32)(ACS_DOWNSTREAM_TARGET | ACS_UPSTREAM_TARGET));
	if (!f->pcie)
		return;
	keep(&t, saved, f->pcie + PCIE_DEVICE_CONTROL, 2, PCIE_CONTROL_PHANTOM);
	if (f->pcie_type == PCIE_ENDPOINT || f->pcie_type == PCIE_LEGACY_ENDPOINT)
		keep(&t, saved, f->pcie + PCIE_LINK_CONTROL, 2, 0);
	if ((read(&t, f->pcie + PCIE_FLAGS, 2) & PCIE_FLAGS_VERSION_MASK) >= 2)
		keep(&t, saved, f->pcie + PCIE_DEVICE_CONTROL2, 2, 0);
}

bool pci_config_restore(const struct pci_function *f, const struct pci_access *access,
			const struct pci_saved *saved) {
	const struct target t = {.info = f, .access = access};
	bool restored = true;

	for (u32 i = 0; i < saved->count; i++) {
		const struct pci_saved_register *r = &saved->registers[i];

		write(&t, r->offset, r->width, r->value);
		if ((read(&t, r->offset, r->width) ^ r->value) & r->must_hold)
			restored = false;
	}
	return restored;
}

static bool prepare(struct target *t) {
	const struct pci_function *f = t->info;

	if (!wait_ready(t))
		return false;
	t->command = read(t, PCI_COMMAND, 2) & ~(u32)PCI_COMMAND_BUS_MASTER;
	pci_config_save(f, t->access, &t->saved);
	quiesce(t);
	if (f->pcie)
		wait_pending(t, f->pcie + PCIE_DEVICE_STATUS, 2, PCIE_STATUS_PENDING);
	return true;
}

static bool finish(const struct target *t) {
	const struct pci_function *f = t->info;

	if (!wait_ready(t) || !pci_config_restore(f, t->access, &t->saved))
		return false;
	write(t, PCI_COMMAND, 2, t->command | PCI_COMMAND_INTX_DISABLE);
	if (f->sriov && read(t, f->sriov + SRIOV_CONTROL, 2) & SRIOV_VF_ENABLE)
		t->wait(SRIOV_DELAY);
	return true;
}

static void reset_bus(const struct target *bridge) {
	u8 type = bridge->info->pcie_type;

	change(bridge, PCI_BRIDGE_CONTROL, 0, PCI_BRIDGE_CONTROL_RESET);
	bridge->wait(BUS_PULSE);
	change(bridge, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CONTROL_RESET, 0);
	bridge->wait(type == PCIE_ROOT_PORT || type == PCIE_DOWNSTREAM_PORT
			     ? BUS_DELAY
			     : BUS_DELAY_CONVENTIONAL);
}

bool pci_reset_function(const struct inventory *inventory, u32 function,
			const struct pci_access *access, void (*wait)(u32 milliseconds)) {
	const struct pci_function *f = &inventory->functions[function];
	enum reset_method method = pci_reset_method(inventory, function);
	struct target targets[TOGETHER], t = {.info = f, .access = access, .wait = wait};
	u32 members[TOGETHER] = {function}, count = 1;
	bool back = true;

	if (method == RESET_BUS)
		count = find_neighbours(inventory, function, members);
	for (u32 i = 0; i < count; i++) {
		targets[i] = t;
		targets[i].info = &inventory->functions[members[i]];
		if (!prepare(&targets[i]))
			return false;
	}
	switch (method) {
	case RESET_FLR:
		change(&t, f->pcie + PCIE_DEVICE_CONTROL, 0, PCIE_CONTROL_FLR);
		wait(pci_flr_delay(f));
		break;
	case RESET_AF_FLR:
		wait_pending(&t, f->af + PCI_AF_STATUS, 1, PCI_AF_PENDING);
		write(&t, f->af + PCI_AF_CONTROL, 1, PCI_AF_INITIATE);
		wait(FLR_DELAY);
		break;
	case RESET_POWER_STATE:
		set_power(&t, PCI_PM_D3HOT);
		set_power(&t, 0);
		break;
	case RESET_BUS:
		t.info = &inventory->functions[f->parent];
		reset_bus(&t);
		break;
	case RESET_NONE: break;
	}
	for (u32 i = 0; i < count; i++)
		back &= finish(&targets[i]);
	return back;
}
