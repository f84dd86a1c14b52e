/* SPDX-License-Identifier: Apache-2.0 */
/* All of a kind, one after the other. */
#include "fuzzer.h"

#define SHOWN 8
#define CODE_USUAL 0x100u
#define FLAG_IF 0x200ull
#define OWN_VECTOR 0x45u
#define IOAPIC_BASE 0xfec00000u
#define APIC_BASE 0xfee00000u
#define ALL_PORTS 0x1000u /* below, where chipsets have theirs, none is left out */
#define NOT_TRIED 1000u

/* --- registers --- */

static const struct {
	u32 first, count;
} msr_ranges[] = {
	{0, 0x2000},          {0x40000000, 0x200},  {0x4b564d00, 0x10},
	{0xc0000000, 0x2000}, {0xc0010000, 0x2000}, {0xffffff00, 0x100},
};

/* Writes that would take the ground away: as they are, and not at all. */
static bool is_delicate(u32 index) {
	return index == MSR_EFER || index == MSR_KVM_SYSTEM_TIME || index == MSR_KVM_WALL_CLOCK;
}

static void sweep_msr(u32 index, u32 refusals, u64 *counts) {
	const u64 values[] = {UINT64_MAX, 0, 0x7ff000, 0x1234567890abcdefull};
	u64 value, after = 0;
	bool readable = try_read_msr(index, &value) == END_VECTOR;
	u32 written = 0;

	counts[0]++;
	counts[1] += readable;
	for (u32 i = 0; i < COUNT(values); i++) {
		if (!written && i >= refusals)
			break;
		if (is_delicate(index) && i > 1)
			break;
		if (try_write_msr(index, values[i]) != END_VECTOR)
			continue;
		written |= 1u << i;
		if (readable && try_read_msr(index, &after) == END_VECTOR && after != values[i] &&
		    after != value && index >> 8 != MSR_X2APIC >> 8 && index != 0x10)
			print("sweep: msr %x written %x reads %x", (u64)index, values[i], after);
	}
	counts[2] += written != 0;
	if (readable)
		try_write_msr(index, value);
	if (written)
		trial_normalise_registers();
	if (readable || written)
		print("sweep: msr %x %s reads %x takes %x", (u64)index,
		      readable ? "readable" : "hidden", value, (u64)written);
}

void sweep_msrs(u32 refusals) {
	u64 counts[3] = {0};

	for (u32 range = 0; range < COUNT(msr_ranges); range++)
		for (u32 i = 0; i < msr_ranges[range].count; i++)
			sweep_msr(msr_ranges[range].first + i, refusals, counts);
	trial_normalise();
	print("sweep: msrs tried %u readable %u writable %u", counts[0], counts[1], counts[2]);
}

/* --- ports --- */

static bool is_own_port(u32 port, u32 width) {
	static const struct {
		u16 first, last;
	} own[] = {{0x3f8, 0x3ff}, {0xcf8, 0xcff}, {0x600, 0x605}};

	for (u32 i = 0; i < COUNT(own); i++)
		if (port <= own[i].last && port + width > own[i].first)
			return true;
	return false;
}

/* A value that neither ends the partition nor keeps the console from working. */
static u32 harmless(u32 port) {
	return port == 0x600 || port == 0xcf9 || port == 0x64 || (port >= 0x3f8 && port < 0x400)
		       ? 0
		       : UINT32_MAX;
}

static void out(u16 port, u32 width, u32 value) {
	if (width == 1)
		__asm__ volatile("outb %b0, %1" : : "a"(value), "Nd"(port));
	else if (width == 2)
		__asm__ volatile("outw %w0, %1" : : "a"(value), "Nd"(port));
	else
		__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static u32 in(u16 port, u32 width) {
	u32 value = 0;

	if (width == 1)
		__asm__ volatile("inb %1, %b0" : "+a"(value) : "Nd"(port));
	else if (width == 2)
		__asm__ volatile("inw %1, %w0" : "+a"(value) : "Nd"(port));
	else
		__asm__ volatile("inl %1, %0" : "+a"(value) : "Nd"(port));
	return value;
}

void sweep_ports(u32 step) {
	u64 tried = 0, strange = 0;
	u32 value;

	for (u32 port = 0; port < 0x10000;
	     port += port < ALL_PORTS || port >= 0x10000 - step ? 1 : step) {
		note_progress();
		for (u32 width = 1; width <= 4; width *= 2) {
			u32 ones = width == 4 ? UINT32_MAX : (1u << 8 * width) - 1;

			tried += 2;
			out((u16)port, width, harmless(port));
			value = in((u16)port, width);
			if (!is_own_port(port, width) && value != ones && strange++ < SHOWN)
				print("sweep: port %x width %u reads %x", (u64)port, (u64)width,
				      (u64)value);
		}
	}
	print("\nsweep: ports tried %u strange %u", tried, strange);
}

/* --- CPUID --- */

void sweep_cpuid(void) {
	static const struct {
		u32 first, count;
	} ranges[] = {{0, 0x100},          {0x20000000, 0x10},  {0x40000000, 0x200},
		      {0x80000000, 0x100}, {0x8fffff00, 0x100}, {0xc0000000, 0x100}};
	u64 tried = 0, shown = 0;
	u32 r[4];

	for (u32 range = 0; range < COUNT(ranges); range++) {
		for (u32 i = 0; i < ranges[range].count; i++) {
			u32 leaf = ranges[range].first + i;
			bool any = false;

			for (u32 subleaf = 0; subleaf < 16; subleaf++) {
				tried++;
				cpuid(leaf, subleaf, r);
				any |= r[0] || r[1] || r[2] || r[3];
			}
			tried += 2;
			cpuid(leaf, UINT32_MAX, r);
			any |= r[0] || r[1] || r[2] || r[3];
			cpuid(leaf, 0, r);
			note_progress();
			shown += any;
			if (any)
				print("sweep: cpuid %x eax %x ebx %x ecx %x edx %x", (u64)leaf,
				      (u64)r[0], (u64)r[1], (u64)r[2], (u64)r[3]);
		}
	}
	print("sweep: cpuid tried %u leaves %u", tried, shown);
}

/* --- instructions in all modes --- */

/* The vector that ended it, or NOT_TRIED. */
static u32 sweep_instruction(enum mode mode, const struct instruction *i) {
	bool device = i->flags & DEVICE, low = mode == MODE_VIRTUAL_8086 || mode == MODE_REAL;
	struct trial t = trial_usual();
	u8 bytes[24];
	u32 vector, count = instruction_bytes(i, mode, bytes);

	/* It would end the partition where its level of privilege does not refuse it. */
	if (i->flags & STOPS && (!mode_is_user(mode) || mode == MODE_VIRTUAL_8086))
		return NOT_TRIED;
	/* An emulator carries it out there, and goes on with 32-bit code. */
	if (mode == MODE_REAL && i->bytes[1] == SYSCALL)
		return NOT_TRIED;
	/* Segments of 64 KiB there. */
	if (device && mode == MODE_VIRTUAL_8086)
		return NOT_TRIED;
	/* Nothing but the instruction is to end it, save where that waits. */
	if (i->bytes[0] != HLT)
		t.flags &= ~FLAG_IF;
	t.gpr[RDX] = 0x80;
	if (i->bytes[1] == SYSRET ||
	    i->bytes[1] == SYSEXIT) /* sysret, sysexit: back into the code */
		t.gpr[RCX] = t.gpr[RDX] = CODE_WINDOW + 2 * CODE_USUAL;
	t.gpr[RBX] = low ? 0x40000 : t.gpr[RBX];
	if (device) {
		/* The version register of the IO-APIC. */
		*(volatile u32 *)(u64)IOAPIC_BASE = 1;
		t.gpr[RBX] = mode <= MODE_COMPAT_16_3 ? DATA_WINDOW + 0x10 : IOAPIC_BASE + 0x10;
		map_page(DATA_WINDOW, IOAPIC_BASE, true);
		t.gpr[RDI] = t.gpr[RBX];
		t.gpr[RCX] = 2;
		if (mode == MODE_REAL)
			t.gpr[RSI] = 0x40000;
	}
	vector = trial_do(mode, bytes, count, &t);
	trial_normalise_registers();
	return vector;
}

static void sweep_in_modes(const struct instruction *i, u64 *counts) {
	u64 vectors[MODES];

	for (enum mode mode = 0; mode < MODES; mode++) {
		u32 vector = sweep_instruction(mode, i);

		vectors[mode] = vector;
		counts[0] += vector != NOT_TRIED;
		counts[1] += vector == END_VECTOR;
		counts[2] += vector < 32;
	}
	print_list("sweep: instruction", i->name, vectors, MODES);
}

/* The modes in their order; then for each instruction the vector that ended it in each; 254: none, 1000: not tried. */
void sweep_modes(void) {
	u64 counts[3] = {0};

	for (enum mode mode = 0; mode < MODES; mode++)
		print("sweep: mode %s", mode_names[mode]);
	for (u32 i = 0; i < instruction_count; i++)
		sweep_in_modes(&instructions[i], counts);
	for (u32 i = 0; i < device_instruction_count; i++)
		sweep_in_modes(&device_instructions[i], counts);
	trial_normalise();
	print("sweep: modes tried %u completed %u faulted %u", counts[0], counts[1], counts[2]);
}

/* --- where regions begin and end --- */

/* Reads or writes; an edge is at the end of the first page, or within it. */
static u32 touch(u64 address, u32 width, bool write, u64 *value) {
	static const u8 codes[2][4][3] = {
		{{0x8a, 0x03}, {0x66, 0x8b, 0x03}, {0x8b, 0x03}, {0x48, 0x8b, 0x03}},
		{{0x88, 0x03}, {0x66, 0x89, 0x03}, {0x89, 0x03}, {0x48, 0x89, 0x03}},
	};
	static const u8 lengths[] = {2, 3, 2, 3};
	struct trial t = trial_usual();
	u32 which = width == 8 ? 3 : width / 2, vector;

	t.flags &= ~FLAG_IF;
	t.gpr[RBX] = DATA_WINDOW + address % PAGE;
	t.gpr[RAX] = *value;
	map_page(DATA_WINDOW, address, true);
	map_page(DATA_WINDOW + PAGE, address + PAGE, true);
	vector = trial_do(MODE_64_0, codes[write][which], lengths[which], &t);
	*value = trial_registers[RAX];
	return vector;
}

/* Addresses in 32-bit BARs. */
static u64 own_bars[32 * 6];
static u32 own_bar_count;

static void find_own_bars(void) {
	own_bar_count = 0;
	for (u32 device = 1; device < 32; device++) {
		for (u32 bar = 0; bar < 6 && config_read(device, 0) != UINT32_MAX; bar++) {
			u64 base = config_read(device, 0x10 + 4 * bar) & ~0xfu;

			if (base)
				own_bars[own_bar_count++] = base;
		}
	}
}

static bool is_own_bar(u64 address) {
	for (u32 i = 0; i < own_bar_count; i++)
		if (address + 16 > own_bars[i] && address < own_bars[i] + PAGE)
			return true;
	return false;
}

static bool is_own(u64 address) {
	return address < ram_end || (address >= IOAPIC_BASE && address < IOAPIC_BASE + PAGE) ||
	       (address >= APIC_BASE && address < APIC_BASE + PAGE) ||
	       (address >= ecam && address < ecam + MIB) ||
	       (shared_memory && address >= shared_memory - PAGE &&
		address < shared_memory + 2 * MIB);
}

void sweep_edges(void) {
	const u64 edges[] = {ram_end,
			     ecam,
			     ecam + MIB,
			     IOAPIC_BASE,
			     IOAPIC_BASE + PAGE,
			     APIC_BASE,
			     APIC_BASE + PAGE,
			     0x80000000,
			     0xc0000000,
			     0xe0000000,
			     0xfed00000,
			     0xfed80000,
			     0xfed90000,
			     0xff000000,
			     4 * GIB,
			     8 * GIB,
			     1ull << 36,
			     1ull << 38,
			     1ull << 39,
			     (1ull << 40) - PAGE,
			     shared_memory + MIB};
	u64 tried = 0, strange = 0, faulted = 0;

	find_own_bars();
	for (u32 e = 0; e < COUNT(edges); e++) {
		bool own_bar = is_own_bar(edges[e]);

		for (u64 address = edges[e] - 8; address <= edges[e] + 8; address++) {
			for (u32 width = 1; width <= 8; width *= 2) {
				u64 ones = width == 8 ? UINT64_MAX : (1ull << 8 * width) - 1,
				    value = 0;
				bool own =
					is_own(address) || is_own(address + width - 1) || own_bar;

				tried += 2;
				faulted += touch(address, width, false, &value) != END_VECTOR;
				if (!own && (value & ones) != ones && strange++ < SHOWN)
					print("sweep: address %x width %u reads %x", address,
					      (u64)width, value);
				if (!shared_memory || address >> 12 != shared_memory >> 12)
					faulted +=
						touch(address, width, true, &value) != END_VECTOR;
			}
		}
		restore_progress();
	}
	/* From the end of memory to 4 GiB, where something might be: the first word of some pages. */
	for (u64 address = ram_end; address < 4 * GIB; address += 1021 * PAGE) {
		u64 value = 0;

		if (is_own(address) || is_own_bar(address))
			continue;
		tried++;
		touch(address, 4, false, &value);
		strange += (u32)value != UINT32_MAX;
	}
	trial_normalise();
	print("sweep: edges tried %u faulted %u strange %u", tried, faulted, strange);
}

/* --- interprocessor interrupts --- */

/* What is pending is taken, until nothing comes any more. */
static u64 drain(u32 wanted) {
	u64 came = 0;

	for (u32 i = 0; i < 300; i++) {
		struct trial t = trial_usual();
		u32 vector = trial_do(MODE_64_0, (const u8[]){0x90, 0x90}, 2, &t);

		came += vector == wanted;
		if (vector == END_VECTOR)
			break;
	}
	return came;
}

void sweep_icr(u32 victim) {
	const u32 destinations[] = {victim,       apic_id(),  apic_id() + 1, 0,
				    1u << victim, UINT32_MAX, 0xff,          0xffff,
				    0x10000,      1000,       0xfffffffe};
	const u32 vectors[] = {0, 15, 16, 0x60, 0xff};
	u64 tried = 0, faulted = 0, came;

	for (u32 command = 0; command < 8 * 4 * 8; command++) {
		u32 delivery = command & 7,
		    low = delivery << 8 | (command >> 3 & 3) << 18 | (command >> 5 & 1) << 11 |
			  (command >> 6 & 1) << 14 | (command >> 7 & 1) << 15;

		for (u32 d = 0; d < COUNT(destinations); d++) {
			for (u32 v = 0; v < COUNT(vectors); v++) {
				/* Start-up goes to the second processor's code. */
				u32 vector = delivery == 6 ? 0x60 + v : vectors[v];

				tried++;
				faulted +=
					try_write_msr(X2APIC_ICR, (u64)destinations[d] << 32 | low |
									  vector) != END_VECTOR;
			}
		}
		drain(0);
	}
	for (u32 bit = 0; bit < 64; bit++) {
		/* Nothing with a start-up message. */
		u64 value = 1ull << bit;

		tried++;
		faulted += try_write_msr(X2APIC_ICR, value) != END_VECTOR;
	}
	drain(0);
	try_write_msr(X2APIC_ICR, (u64)apic_id() << 32 | 0x4000 | OWN_VECTOR);
	came = drain(OWN_VECTOR);
	try_write_msr(X2APIC_ICR, 0xc4500);
	try_write_msr(X2APIC_ICR, 0xc4660);
	print("sweep: icr tried %u faulted %u own came %u", tried, faulted, came);
}
