/* SPDX-License-Identifier: Apache-2.0 */
#include "partition_internal.h"

/*
 * Guest memory: one contiguous piece of the machine, seen by the guest from 0 up to the PCI hole and
 * from 4 GiB on. The hypervisor sees it only through the window of the processor that runs.
 */
#define FOUR_GIB (4 * GIB)
/* Low RAM ends here at the latest, so that there is room for device registers below the IO-APIC. */
#define HOLE_BASE_MAX 0xc0000000ull
#define VGA_BASE 0xa0000ull
#define BIOS_END 0x100000ull
/* Below the IO-APIC, where chipsets keep registers of their own: never a BAR. */
#define ECAM_DEFAULT 0xfe000000ull
#define EBDA_BASE 0x9f000ull

static bool locate(const struct partition *p, u64 guest, u64 *host, u64 *contiguous) {
	u64 high = p->plan->memory_bytes - p->low_bytes;

	if (guest < p->low_bytes) {
		*host = p->plan->memory_base + guest;
		*contiguous = p->low_bytes - guest;
		return true;
	}
	if (guest < FOUR_GIB || guest - FOUR_GIB >= high)
		return false;
	*host = p->plan->memory_base + p->low_bytes + (guest - FOUR_GIB);
	*contiguous = high - (guest - FOUR_GIB);
	return true;
}

/* Copies through the window, one 2 MiB piece after another. */
static bool copy(const struct guest_memory *memory, u64 address, u8 *data, size_t count,
		 bool write) {
	u64 host, contiguous;

	if (!locate(memory->context, address, &host, &contiguous) || count > contiguous)
		return false;
	while (count) {
		size_t part = min_u64(count, LARGE_PAGE_SIZE - host % LARGE_PAGE_SIZE);
		u8 *window = cpu_window(cpu_here(), host);

		memcpy(write ? window : data, write ? data : window, part);
		host += part;
		data += part;
		count -= part;
	}
	return true;
}

static bool memory_read(const struct guest_memory *memory, u64 address, void *to, size_t count) {
	return copy(memory, address, to, count, false);
}

static bool memory_write(const struct guest_memory *memory, u64 address, const void *from,
			 size_t count) {
	return copy(memory, address, (u8 *)(uintptr_t)from, count, true);
}

void guest_memory_clear(struct partition *p) {
	u64 end = p->plan->memory_base + p->plan->memory_bytes;

	for (u64 host = p->plan->memory_base; host < end; host += LARGE_PAGE_SIZE)
		memset(cpu_window(cpu_here(), host), 0, LARGE_PAGE_SIZE);
}

static void add_range(struct guest_map *map, u64 base, u64 end, enum guest_range_kind kind) {
	if (kind && end > base && map->count < GUEST_RANGES_MAX)
		map->ranges[map->count++] =
			(struct guest_range){.base = base, .length = end - base, .kind = kind};
}

/* BASE to END, of KIND (0: nothing is there), save for what firmware reserved for the partition's devices. */
static void add_ranges(struct partition *p, const struct inventory *inventory, u64 base, u64 end,
		       enum guest_range_kind kind) {
	const struct partition_plan *plan = p->plan;
	struct reserved_region hole;

	while (plan->function_count &&
	       reserved_next(inventory, plan->functions, plan->function_count, base, &hole) &&
	       hole.base < end) {
		add_range(&p->map, base, hole.base, kind);
		base = min_u64(hole.limit + 1, end);
		add_range(&p->map, hole.base, base, RANGE_RESERVED);
	}
	add_range(&p->map, base, end, kind);
}

/* The lowest register of the partition's functions below 4 GiB bounds low memory. */
void guest_memory_plan(struct partition *p, const struct inventory *inventory, u64 ecam_base) {
	u64 hole = min_u64(HOLE_BASE_MAX, ecam_base), end;

	for (u32 i = 0; i < p->plan->function_count; i++) {
		const struct pci_function *f = &inventory->functions[p->plan->functions[i]];

		for (u32 b = 0; b < PCI_BARS; b++)
			if (f->bars[b].size && !f->bars[b].io && f->bars[b].base)
				hole = min_u64(hole, f->bars[b].base);
	}
	p->low_bytes = min_u64(p->plan->memory_bytes, ALIGN_DOWN(hole, LARGE_PAGE_SIZE));
	end = FOUR_GIB + p->plan->memory_bytes - p->low_bytes;
	p->memory = (struct guest_memory){.read = memory_read, .write = memory_write, .context = p};
	p->map.count = 0;
	add_range(&p->map, 0, EBDA_BASE, RANGE_RAM);
	add_range(&p->map, EBDA_BASE, VGA_BASE, RANGE_RESERVED);
	add_range(&p->map, GUEST_ACPI_BASE, BIOS_END, RANGE_RESERVED);
	add_ranges(p, inventory, BIOS_END, p->low_bytes, RANGE_RAM);
	add_ranges(p, inventory, p->low_bytes, ecam_base, RANGE_NONE);
	add_range(&p->map, ecam_base, ecam_base + MIB, RANGE_RESERVED);
	add_ranges(p, inventory, ecam_base + MIB, FOUR_GIB, RANGE_NONE);
	add_ranges(p, inventory, FOUR_GIB, end, RANGE_RAM);
	add_ranges(p, inventory, end, UINT64_MAX, RANGE_NONE);
}

/* The real windows are no BAR's; below 4 GiB for kernels that look there only. */
u64 guest_ecam_base(const struct inventory *inventory) {
	for (u32 i = 0; i < inventory->window_count; i++) {
		const struct ecam_window *w = &inventory->windows[i];

		if (w->base + ((u64)w->first_bus << 20) < FOUR_GIB - MIB)
			return w->base + ((u64)w->first_bus << 20);
	}
	return ECAM_DEFAULT;
}

/* The same picture for the processor and for devices, in tables of their own. */
static bool map_both(struct partition *p, u64 guest, u64 host, u64 length) {
	return (page_tables_map(&p->nested, guest, host, length,
				ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE | ACCESS_USER) &&
		(!p->group_count || domain_map(&boot.iommu, &p->domain, guest, host, length,
					       ACCESS_READ | ACCESS_WRITE)));
}

/* The RAM among FROM..TO. */
static bool map_ram(struct partition *p, u64 from, u64 to) {
	u64 base = p->plan->memory_base, high = max_u64(from, FOUR_GIB);
	u64 low_end = min_u64(to, p->low_bytes);
	u64 high_end = min_u64(to, FOUR_GIB + p->plan->memory_bytes - p->low_bytes);

	return (low_end <= from || map_both(p, from, base + from, low_end - from)) &&
	       (high_end <= high ||
		map_both(p, high, base + p->low_bytes + (high - FOUR_GIB), high_end - high));
}

/* All of it but what is reserved: the pages behind that are not used. Below 1 MiB there is RAM everywhere. */
bool guest_memory_map(struct partition *p) {
	bool done = true;
	u64 from = 0;

	for (u32 i = 0; done && i < p->map.count; i++) {
		const struct guest_range *range = &p->map.ranges[i];

		if (range->kind != RANGE_RESERVED || range->base < BIOS_END)
			continue;
		done = map_ram(p, from, range->base);
		from = range->base + range->length;
	}
	return done && map_ram(p, from, UINT64_MAX);
}
