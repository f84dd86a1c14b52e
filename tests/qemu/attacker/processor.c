/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest can tell its processor to do: ports, registers, addresses, instructions, messages. */
#include "guest.h"

#define LOCAL_APIC 0xfee00000u
#define MSR_APIC_BASE 0x1b
#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_LAST 0x8ff
#define X2APIC_LVT_FIRST 0x832
#define X2APIC_LVT_LAST 0x837
#define X2APIC_ICR 0x830
#define X2APIC_SELF_IPI 0x83f
#define MSR_EFER 0xc0000080
#define EFER_SVME (1u << 12)
#define EFER_FFXSR (1u << 14)
#define EFER_TCE (1u << 15)
#define MSR_VM_CR 0xc0010114
#define MSR_SMM_BASE 0xc0010111
#define MSR_VM_HSAVE_PA 0xc0010117
#define ATTACK_VECTOR 0x35u
#define OWN_VECTOR 0x45u
#define SHOWN 8 /* of many alike */

static bool is_own_port(uint32_t port) {
	return (port >= 0x3f8 && port <= 0x3ff) || (port >= 0xcf8 && port <= 0xcff) ||
	       (port >= 0x600 && port <= 0x605) || port == 0x64 || port == 0xbb0;
}

void attack_ports(void) {
	uint64_t strange = 0;

	for (uint32_t port = 0; port < 0x10000; port += port < 0x1000 ? 1 : 61) {
		if (is_own_port(port))
			continue;
		if (in8((uint16_t)port) != UINT8_MAX) {
			if (strange++ < SHOWN)
				print("attacker: port %x answers", (uint64_t)port);
		}
		out8((uint16_t)port, port == 0xcf9 ? 0 : 0xff);
		/* Wide accesses that begin before an own port, or run over the end of the space. */
		if (!is_own_port(port + 1) && in16((uint16_t)port) != UINT16_MAX)
			strange++;
		if (!is_own_port(port + 1) && !is_own_port(port + 3) &&
		    in32((uint16_t)port) != UINT32_MAX)
			strange++;
	}
	for (uint32_t port = 0xfff0; port < 0x10000; port++) {
		TRY("outl %%eax, %%dx", : : "a"(0), "d"(port) : "r11", "memory");
		out16((uint16_t)port, 0x1234);
	}
	/* Next to what is the guest's own, with widths that do not fit. */
	for (uint32_t port = 0x3f5; port < 0x400; port++) {
		in32((uint16_t)port);
		in16((uint16_t)port);
	}
	for (uint32_t port = 0xcf5; port < 0xd00; port++) {
		in32((uint16_t)port);
		in16((uint16_t)port);
		out16((uint16_t)port, 0);
	}
	print("attacker: ports ended, strange %u", strange);
}

static void try_msr(uint32_t index, uint64_t *readable, uint64_t *writable) {
	uint64_t value;
	bool read = try_read_msr(index, &value) == NO_FAULT;

	*readable += read;
	if (index == MSR_EFER || (index >= MSR_X2APIC_FIRST && index <= MSR_X2APIC_LAST))
		return;
	*writable += try_write_msr(index, UINT64_MAX) == NO_FAULT;
	*writable += try_write_msr(index, 0x7ff000) == NO_FAULT;
	if (read)
		try_write_msr(index, value);
}

void attack_msrs(void) {
	/* Whole where registers are, samples elsewhere. */
	static const struct {
		uint32_t first, count, step;
	} ranges[] = {
		{0, 0x300, 1},
		{0x300, 0x500, 31},
		{0x800, 0x100, 1},
		{0x900, 0x1800, 61},
		{0xc0000000, 0x200, 1},
		{0xc0000200, 0x1f00, 61},
		{0xc0010000, 0x200, 1},
		{0xc0010200, 0xe00, 61},
		{0xc0011000, 0x100, 1},
		{0xc0011100, 0x1000, 61},
		{0x40000000, 0x110, 5},
		{0x4b564d00, 0x10, 1},
		{0xfffff000, 0x1000, 61},
	};
	static const uint32_t secret[] = {MSR_VM_CR, MSR_SMM_BASE, MSR_VM_HSAVE_PA};
	uint64_t readable = 0, writable = 0, leaks = 0, value;

	for (uint32_t range = 0; range < sizeof(ranges) / sizeof(*ranges); range++)
		for (uint32_t i = 0; i < ranges[range].count; i += ranges[range].step)
			try_msr(ranges[range].first + i, &readable, &writable);
	for (uint32_t i = 0; i < sizeof(secret) / sizeof(*secret); i++)
		leaks += try_read_msr(secret[i], &value) == NO_FAULT;
	try_read_msr(MSR_EFER, &value);
	leaks += (value & EFER_SVME) != 0;
	try_write_msr(MSR_EFER, value | EFER_SVME);
	try_read_msr(MSR_EFER, &value);
	leaks += (value & EFER_SVME) != 0;
	/* Bits that not every processor has, and that are not offered. */
	try_read_msr(MSR_EFER, &value);
	leaks += try_write_msr(MSR_EFER, value | EFER_FFXSR) == NO_FAULT;
	leaks += try_write_msr(MSR_EFER, value | EFER_TCE) == NO_FAULT;
	try_write_msr(MSR_EFER, UINT64_MAX);
	try_write_msr(MSR_APIC_BASE, 0);
	try_write_msr(MSR_APIC_BASE, 0xfee00800);
	print("attacker: msrs ended, readable %u writable %u leaks %u", readable, writable, leaks);
}

static bool is_own_address(uint64_t address, const uint64_t *own, uint32_t count) {
	if (address >= 0xfec00000 && address < 0xfec01000)
		return true;
	for (uint32_t i = 0; i < count; i++)
		if (own[i] && address >= (own[i] & ~(2 * MIB - 1)) && address < own[i] + 2 * MIB)
			return true;
	return false;
}

/* Its registers in memory are the processor's own; afterwards interrupts arrive again. */
static void attack_local_apic(void) {
	for (uint64_t address = LOCAL_APIC; address < LOCAL_APIC + 0x1000; address += 8) {
		mmio_read32(address);
		mmio_write32(address, 0xdeadbeef);
		mmio_write32(address, 0xffffffff);
	}
	mmio_write32(LOCAL_APIC + 0xf0, 0x1ff);
	mmio_write32(LOCAL_APIC + 0x380, 0);
	mmio_write32(LOCAL_APIC + 0x80, 0);
}

void attack_memory(uint64_t ram_end) {
	uint64_t own[64], strange = 0, tried = 0;
	uint32_t count = 0;

	own[count++] = pci_ecam();
	for (uint32_t devfn = 8; devfn < 256 && count < 58; devfn += 8) {
		if (pci_read(0, devfn, 0) == UINT32_MAX)
			continue;
		for (uint32_t bar = 0; bar < 6; bar++)
			own[count++] = pci_bar(devfn, bar);
	}
	for (uint64_t at = ram_end; at < 512 * GIB; at += at < 4 * GIB ? 2 * MIB : GIB) {
		uint64_t address = at + 0x238;

		if (is_own_address(address, own, count))
			continue;
		tried++;
		if (mmio_read32(address) != UINT32_MAX) {
			if (strange++ < SHOWN)
				print("attacker: %x answers", address);
		}
		mmio_write32(address, 0xdeadbeef);
		if (mmio_read32(address) != UINT32_MAX)
			strange++;
	}
	attack_local_apic();
	/* An access half in memory, half beyond its end. */
	mmio_read32(ram_end - 2);
	print("attacker: memory ended, tried %u strange %u", tried, strange);
}

#define INSTRUCTION(name, text)                                                                    \
	do {                                                                                       \
		uint32_t vector_ = TRY(text,                                                       \
				       :                                                           \
				       : "a"(0x1000), "b"(0), "c"(0), "d"(0)                       \
				       : "r11", "memory", "cc");                                   \
		print("attacker: %s %s %u", name,                                                  \
		      vector_ == NO_FAULT ? "did not fault" : "faults", (uint64_t)vector_);        \
	} while (0)

void attack_instructions(void) {
	uint64_t cr4;

	INSTRUCTION("vmrun", ".byte 0x0f, 0x01, 0xd8");
	INSTRUCTION("vmmcall", ".byte 0x0f, 0x01, 0xd9");
	INSTRUCTION("vmload", ".byte 0x0f, 0x01, 0xda");
	INSTRUCTION("vmsave", ".byte 0x0f, 0x01, 0xdb");
	INSTRUCTION("stgi", ".byte 0x0f, 0x01, 0xdc");
	INSTRUCTION("clgi", ".byte 0x0f, 0x01, 0xdd");
	INSTRUCTION("skinit", ".byte 0x0f, 0x01, 0xde");
	INSTRUCTION("invlpga", ".byte 0x0f, 0x01, 0xdf");
	INSTRUCTION("monitor", ".byte 0x0f, 0x01, 0xc8");
	INSTRUCTION("mwait", ".byte 0x0f, 0x01, 0xc9");
	INSTRUCTION("vmcall", ".byte 0x0f, 0x01, 0xc1");
	INSTRUCTION("vmlaunch", ".byte 0x0f, 0x01, 0xc2");
	INSTRUCTION("invd", ".byte 0x0f, 0x08");
	INSTRUCTION("wbinvd", ".byte 0x0f, 0x09");
	INSTRUCTION("rsm", ".byte 0x0f, 0xaa");
	INSTRUCTION("rdpmc", ".byte 0x0f, 0x33");
	INSTRUCTION("xsetbv", ".byte 0x0f, 0x01, 0xd1");
	INSTRUCTION("ud2", "ud2");
	INSTRUCTION("int3", "int3");
	INSTRUCTION("icebp", ".byte 0xf1");
	INSTRUCTION("cr8", "movq $0, %%rax\n\tmovq %%rax, %%cr8");
	INSTRUCTION("ltr-bad", "movw $0x7f8, %%ax\n\tltr %%ax");
	/* XSETBV once more, with the bit on that lets it come to the hypervisor. */
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 1u << 18));
	INSTRUCTION("xsetbv-zero", "xorl %%eax, %%eax\n\t.byte 0x0f, 0x01, 0xd1");
	INSTRUCTION("xsetbv-ones", "movl $-1, %%eax\n\tmovl $-1, %%edx\n\t.byte 0x0f, 0x01, 0xd1");
	INSTRUCTION("xsetbv-index", "movl $1, %%eax\n\tmovl $1, %%ecx\n\t.byte 0x0f, 0x01, 0xd1");
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	print("attacker: instructions ended");
}

static void send(uint32_t destination, uint32_t command) {
	try_write_msr(X2APIC_ICR, (uint64_t)destination << 32 | command);
}

void attack_icr(uint32_t victim) {
	const uint32_t destinations[] = {victim, 0, 1u << victim, UINT32_MAX, 0xff, 0xffff, 0xff01};
	uint64_t before;

	for (uint32_t delivery = 0; delivery < 8; delivery++) {
		/* Start-up and INIT to oneself are refused; the other modes strike only the partition. */
		for (uint32_t flags = 0; flags < 32; flags++) {
			uint32_t command = delivery << 8 | (flags & 1 ? 1u << 11 : 0) |
					   (flags & 2 ? 1u << 14 : 0) | (flags & 4 ? 1u << 15 : 0) |
					   (flags >> 3) << 18 | ATTACK_VECTOR;

			for (uint32_t i = 0; i < sizeof(destinations) / sizeof(*destinations); i++)
				send(destinations[i], command);
		}
	}
	for (uint32_t vector = 0; vector < 256; vector++)
		send(victim, 1u << 14 | vector);
	for (uint32_t i = 0; i < 32; i++)
		try_write_msr(X2APIC_ICR, UINT64_MAX << i);
	for (uint32_t lvt = X2APIC_LVT_FIRST; lvt <= X2APIC_LVT_LAST; lvt++) {
		for (uint32_t delivery = 0; delivery < 8; delivery++)
			try_write_msr(lvt, delivery << 8 | ATTACK_VECTOR);
		try_write_msr(lvt, UINT64_MAX);
		try_write_msr(lvt, 1u << 16 | ATTACK_VECTOR);
	}
	before = interrupt_counts[OWN_VECTOR];
	send(apic_id(), 1u << 14 | OWN_VECTOR);
	try_write_msr(X2APIC_SELF_IPI, OWN_VECTOR);
	for (uint32_t i = 0; i < 5000 && interrupt_counts[OWN_VECTOR] == before; i++)
		pause_ms(1);
	print("attacker: icr ended, own message came %u times",
	      interrupt_counts[OWN_VECTOR] - before);
}

/* Ends the partition: nothing is there to be executed. */
_Noreturn void jump_beyond(uint64_t ram_end) {
	((void (*)(void))(ram_end + GIB))();
	print("guest: came back");
	power_off();
}

/* Ends the partition where the emulated processor takes reserved bits; a real one refuses by #GP. */
_Noreturn void reserved_bits(void) {
	uint32_t vector = TRY("movq $-1, %%rax\n\tmovq %%rax, %%cr4", : : : "rax", "r11", "memory");

	print("guest: reserved bits fault %u", (uint64_t)vector);
	power_off();
}
