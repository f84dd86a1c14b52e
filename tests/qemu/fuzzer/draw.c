/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers, and operands that are worth trying. */
#include "fuzz.h"

#define IOAPIC_BASE 0xfec00000u
#define APIC_BASE 0xfee00000u

static u64 state;

/* xorshift64*. */
u64 draw(void) {
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

u64 below(u64 limit) {
	return (draw() >> 16) % limit;
}

bool one_in(u64 n) {
	return below(n) == 0;
}

void seed_step(u64 seed, u64 step) {
	state = (seed + 1) * 0x9e3779b97f4a7c15ull ^ (step + 1) * 0xd1342543de82ef95ull;
	state |= !state;
	for (u32 i = 0; i < 4; i++)
		draw();
}

u64 draw_value(void) {
	u32 bit = (u32)below(64);

	switch (below(10)) {
	case 0: return 0;
	case 1: return UINT64_MAX;
	case 2: return 1ull << bit;
	case 3: return ~(1ull << bit);
	case 4: return draw() & 0xffff;
	case 5: return SANDBOX + below(SANDBOX_BYTES);
	case 6: return draw() >> bit;
	case 7: return UINT64_MAX << bit;
	case 8: return (u32)draw();
	default: return draw();
	}
}

/* Where something begins or ends, or is. */
u64 draw_address(void) {
	const u64 edges[] = {ecam,
			     ecam + MIB,
			     IOAPIC_BASE,
			     IOAPIC_BASE + PAGE,
			     APIC_BASE,
			     APIC_BASE + PAGE,
			     4 * GIB,
			     ram_end,
			     ram_end + MIB,
			     0xc0000000u,
			     1ull << 39,
			     1ull << 40,
			     1ull << 46,
			     1ull << 47,
			     1ull << 48,
			     1ull << 51,
			     shared_memory + MIB,
			     0xfed00000u,
			     0xffff0000u,
			     0xfff00000u};

	switch (below(8)) {
	case 0: return edges[below(COUNT(edges))] - 16 + below(32);
	case 1: return edges[below(COUNT(edges))] - 4 + below(8);
	case 2: return ecam + below(0x20000);
	case 3: return ecam + below(MIB);
	case 4: return IOAPIC_BASE + (one_in(4) ? below(PAGE) : below(8) * 0x10);
	case 5: return APIC_BASE + (one_in(4) ? below(PAGE) : below(64) * 0x10);
	case 6: return ram_end + below(4 * GIB - ram_end);
	default: return (draw() >> (12 + below(20))) + ram_end;
	}
}

u32 draw_msr(void) {
	static const u32 first[] = {0,          0x400,      0x800,      0xc00,
				    0xc0000000, 0xc0000080, 0xc0000100, 0xc0010000,
				    0xc0011000, 0x40000000, 0x4b564d00, 0x1000};
	static const u32 known[] = {
		0x10,       0x1b,       0x3a,       0x48,       0x49,       0x8b,       0xfe,
		0x174,      0x179,      0x1a0,      0x1d9,      0x277,      0x2ff,      0x480,
		0x6e0,      0x808,      0x80b,      0x80f,      0x830,      0x832,      0x835,
		0x837,      0x838,      0x83e,      0x83f,      0xc0000080, 0xc0000081, 0xc0000082,
		0xc0000100, 0xc0000102, 0xc0000103, 0xc0010010, 0xc0010015, 0xc0010058, 0xc0010111,
		0xc0010114, 0xc0010117, 0xc0010130, 0xc0011029, 0x4b564d00, 0x4b564d01, 0xda0};

	switch (below(8)) {
	case 0: return (u32)draw();
	case 1: return first[below(COUNT(first))] + (u32)below(0x2000);
	case 2:
	case 3: return first[below(COUNT(first))] + (u32)below(0x140);
	default: return known[below(COUNT(known))];
	}
}

u16 draw_port(void) {
	static const u16 known[] = {0x20,  0x21,   0x40,  0x43,  0x60,  0x61,  0x64,  0x70,
				    0x71,  0x80,   0x92,  0xa0,  0xb2,  0xcf8, 0xcf9, 0xcfc,
				    0xcff, 0x3f8,  0x3fa, 0x3fd, 0x2f8, 0x600, 0x601, 0x604,
				    0xbb0, 0x5658, 0x1f0, 0xf4,  0x402, 0xffff};

	return one_in(2) ? (u16)draw() : (u16)(known[below(COUNT(known))] + below(3) - below(2));
}

bool is_power(u16 port, u32 value) {
	return (port == 0x600 && value & 0x20) || (port == 0x602 && (value & 3) == 1) ||
	       (port == 0xcf9 && value & 4) || (port == 0x64 && (u8)value == 0xfe);
}

/* A hypervisor writes to the addresses in these: they must not be the fuzzer's own. */
u64 draw_clock(void) {
	if (one_in(4))
		return ram_end - 40 + below(80);
	return one_in(4) ? ram_end + draw() : SANDBOX + below(SANDBOX_BYTES);
}

struct trial draw_registers(void) {
	struct trial t = trial_usual();

	map_page(DATA_WINDOW, DATA_WINDOW, true);
	map_page(DATA_WINDOW + PAGE, DATA_WINDOW + PAGE, true);
	for (u32 i = 0; i < COUNT(t.gpr); i++)
		if (i != RBX && i != RSI && i != RDI)
			t.gpr[i] = draw_value();
	if (one_in(8))
		t.flags ^= draw() & FLAGS_RANDOM & ~(u64)FLAG_DF;
	if (one_in(32))
		t.flags |= FLAG_TF;
	if (one_in(4))
		t.flags &= ~(u64)FLAG_IF;
	return t;
}

enum mode draw_mode(void) {
	return (enum mode)below(MODES);
}

/* Two pages of the data window, each somewhere. */
u64 draw_window(struct trial *t, bool paged) {
	u64 address = draw_address(), second = address + PAGE;
	u32 offset = (u32)address % PAGE;

	if (shared_memory && address - shared_memory < PAGE)
		address += PAGE;
	if (one_in(4))
		offset = PAGE - (u32)below(9);
	if (one_in(4))
		second = one_in(2) ? SANDBOX : draw_address();
	if (paged) {
		map_page(DATA_WINDOW, address, true);
		map_page(DATA_WINDOW + PAGE, second, !one_in(16));
	}
	address = paged ? DATA_WINDOW + offset : (u32)address;
	t->gpr[RBX] = address;
	if (one_in(2))
		t->gpr[RSI] = address;
	else /* from one device to another nothing is moved: that ends the partition */
		t->gpr[RDI] = address;
	if (one_in(4))
		t->flags |= FLAG_DF;
	return address;
}

u32 draw_device_code(enum mode mode, u8 *bytes) {
	const struct instruction *i = &device_instructions[below(device_instruction_count)];
	u8 plain[16];
	u32 count = instruction_bytes(i, mode, plain), at = 0;

	if (one_in(8))
		bytes[at++] = (u8)(one_in(2) ? 0x66 : 0x3e);
	for (u32 n = 0; n < count; n++) {
		bool prefix = plain[n] == 0x66 || plain[n] == 0xf0 || plain[n] == 0xf2 ||
			      plain[n] == 0xf3 || plain[n] == 0x67;

		/* REX.W stands right before the opcode. */
		if ((mode == MODE_64_0 || mode == MODE_64_3) && !prefix && one_in(4)) {
			bytes[at++] = 0x48;
			while (n < count)
				bytes[at++] = plain[n++];
			break;
		}
		bytes[at++] = plain[n];
		if (!prefix)
			while (++n < count)
				bytes[at++] = plain[n];
	}
	return at;
}

bool is_paged(enum mode mode) {
	return mode <= MODE_COMPAT_16_3;
}
