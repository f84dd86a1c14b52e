/* SPDX-License-Identifier: Apache-2.0 */
#include "partition_internal.h"

#define WINDOW_ALIGNMENT MIB
#define FOUR_GIB (4 * GIB)

/* The smallest windows, in whole megabytes, that hold every BAR below and above 4 GiB. */
static void bar_windows(const struct partition *p, struct acpi_window *windows) {
	for (u32 i = 0; i < p->plan->function_count; i++) {
		const struct pci_function *f = &boot.inventory.functions[p->plan->functions[i]];

		for (u32 b = 0; b < PCI_BARS; b++) {
			const struct pci_bar *bar = &f->bars[b];
			struct acpi_window *w = &windows[bar->base >= FOUR_GIB];
			u64 base = ALIGN_DOWN(bar->base, WINDOW_ALIGNMENT);
			u64 end = ALIGN_UP(bar->base + bar->size, WINDOW_ALIGNMENT);

			if (!bar->size || bar->io || !bar->base)
				continue;
			if (w->length) {
				end = max_u64(end, w->base + w->length);
				base = min_u64(base, w->base);
			}
			*w = (struct acpi_window){base, end - base};
		}
	}
}

/*
 * Kernels that find hardware-reduced tables but no firmware end a reset with a jump to the reset vector in
 * real mode: mov dx, 0xcf9; mov al, 6; out dx, al; hlt; jmp back.
 */
static const u8 reset_code[] = {0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xf4, 0xeb, 0xfd};

_Static_assert(GUEST_ACPI_BASE + GUEST_ACPI_SIZE <= LARGE_PAGE_SIZE, "the window shows all of it");

/* Right into the guest's memory, which nobody else can reach yet. */
static bool place_tables(struct partition *p) {
	u8 *tables = (u8 *)cpu_window(cpu_here(), p->plan->memory_base) + GUEST_ACPI_BASE;
	u32 apic_ids[256];
	struct acpi_request request = {
		.apic_ids = apic_ids, .cpu_count = p->vcpu_count, .ecam_base = machine.ecam_base};

	if (p->vcpu_count > ARRAY_SIZE(apic_ids) || p->low_bytes < LARGE_PAGE_SIZE)
		return false;
	for (u32 i = 0; i < p->vcpu_count; i++)
		apic_ids[i] = p->vcpus[i].cpu->apic_id;
	request.watchdog = machine.monitor != NULL;
	bar_windows(p, request.windows);
	if (!acpi_build(&request, tables))
		return false;
	memcpy(tables + (GUEST_RESET_VECTOR - GUEST_ACPI_BASE), reset_code, sizeof(reset_code));
	return true;
}

u64 partition_images(const struct partition *p) {
	const struct boot_images *images = &boot.images[p->index];

	return image_sum(images->kernel) - image_sum(images->initrd);
}

bool partition_load(struct partition *p, struct vcpu_state *state) {
	struct load_request request = {.kernel = boot.images[p->index].kernel,
				       .initrd = boot.images[p->index].initrd,
				       .cmdline = p->plan->cmdline,
				       .map = &p->map,
				       .rsdp = GUEST_ACPI_BASE};
	struct text_buffer reason = TEXT_BUFFER(sizeof(p->failure_text));

	vcpu_reset_state(state);
	if (partition_images(p) != p->image_sum)
		return partition_fail(p, "its images in memory are not what was read at first");
	if (!place_tables(p))
		return partition_fail(p, "its ACPI tables do not fit");
	return image_load(&request, &p->memory, state, &reason.sink) ||
	       partition_fail(p, "%s", reason.data);
}
