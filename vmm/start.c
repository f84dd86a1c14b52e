/* SPDX-License-Identifier: Apache-2.0 */
#include "partition_internal.h"

#define WINDOW_ALIGNMENT MIB
#define FOUR_GIB (4 * GIB)

/* The smallest windows, in whole megabytes, that hold every BAR below and above 4 GiB. */
static void bar_windows(const struct partition *p, struct acpi_request *request) {
	u64 base[2] = {UINT64_MAX, UINT64_MAX}, end[2] = {0, 0};

	for (u32 i = 0; i < p->plan->function_count; i++) {
		const struct pci_function *f = &machine.inventory->functions[p->plan->functions[i]];

		for (u32 b = 0; b < PCI_BARS; b++) {
			const struct pci_bar *bar = &f->bars[b];
			u32 high = bar->base >= FOUR_GIB;

			if (!bar->size || bar->io || !bar->base)
				continue;
			base[high] = min_u64(base[high], ALIGN_DOWN(bar->base, WINDOW_ALIGNMENT));
			end[high] = max_u64(end[high],
					    ALIGN_UP(bar->base + bar->size, WINDOW_ALIGNMENT));
		}
	}
	if (end[0]) {
		request->window_base = base[0];
		request->window_length = end[0] - base[0];
	}
	if (end[1]) {
		request->high_window_base = base[1];
		request->high_window_length = end[1] - base[1];
	}
}

/*
 * Kernels that find hardware-reduced tables but no firmware end a reset with a jump to the reset vector in
 * real mode: mov dx, 0xcf9; mov al, 6; out dx, al; hlt; jmp back.
 */
#define RESET_VECTOR 0xffff0ull

static const u8 reset_code[] = {0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xf4, 0xeb, 0xfd};

static bool place_tables(struct partition *p) {
	u32 apic_ids[256];
	struct acpi_request request = {.apic_ids = apic_ids,
				       .cpu_count = p->vcpu_count,
				       .ecam_base = machine.ecam_base,
				       .ioapic_base = GUEST_IOAPIC_BASE};
	u8 *tables;
	bool good;

	if (p->vcpu_count > ARRAY_SIZE(apic_ids))
		return false;
	for (u32 i = 0; i < p->vcpu_count; i++)
		apic_ids[i] = p->vcpus[i].cpu->apic_id;
	bar_windows(p, &request);
	spin_lock(&machine.scratch_lock);
	tables = machine.acpi_scratch;
	good = acpi_build(&request, tables);
	memcpy(tables + (RESET_VECTOR - GUEST_ACPI_BASE), reset_code, sizeof(reset_code));
	good = good && p->memory.write(&p->memory, GUEST_ACPI_BASE, tables, GUEST_ACPI_SIZE);
	spin_unlock(&machine.scratch_lock);
	return good;
}

bool partition_load(struct partition *p, struct vcpu_state *state) {
	struct load_request request = {.kernel = p->kernel,
				       .initrd = p->initrd,
				       .cmdline = p->plan->cmdline,
				       .map = &p->map,
				       .rsdp = GUEST_ACPI_BASE};
	char words[sizeof(p->failure_text)];
	struct text_buffer reason;

	text_buffer_init(&reason, words, sizeof(words));
	vcpu_reset_state(state);
	if (!place_tables(p)) {
		partition_fail(p, "its ACPI tables do not fit");
		return false;
	}
	if (!image_load(&request, &p->memory, state, &reason.sink)) {
		partition_fail(p, "%s", words);
		return false;
	}
	return true;
}
