/* SPDX-License-Identifier: Apache-2.0 */
#include "../../pci/quirks.h"
#include "model/vpci_model.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct model m;

static int setup(void **state) {
	(void)state;
	model_init(&m);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	model_check(&m);
	model_free(&m);
	return 0;
}

/* Configuration registers of function F, as its guest sees them. */
static u32 get(u32 f, u16 offset, u8 width) {
	return vpci_config_read(&m.vpci, 0, PCI_DEVFN(f + 1, 0), offset, width);
}

static void set(u32 f, u16 offset, u8 width, u32 value) {
	vpci_config_write(&m.vpci, 0, PCI_DEVFN(f + 1, 0), offset, width, value);
	model_check(&m);
}

static u32 real(u32 f, u32 offset, u32 width) {
	return model_get(&m.functions[f], offset, width);
}

static u64 load(u64 guest, u8 width) {
	u64 value = 0;

	assert_true(vpci_mmio(&m.vpci, guest, width, false, &value));
	return value;
}

static void store(u64 guest, u8 width, u64 value) {
	assert_true(vpci_mmio(&m.vpci, guest, width, true, &(u64){value}));
	model_check(&m);
}

/* Whether the guest's list of standard capabilities has ID; its offset. */
static u32 capability(u32 f, u8 id) {
	u32 offset = get(f, 0x34, 1), hops = 0;

	while (offset && get(f, (u16)offset, 1) != id) {
		offset = get(f, (u16)offset + 1, 1);
		assert_true(++hops < 48);
	}
	return offset;
}

static u32 extended(u32 f, u16 id) {
	u32 offset = 0x100;

	while (offset && (get(f, (u16)offset, 4) & 0xffff) != id)
		offset = get(f, (u16)offset, 4) >> 20;
	return offset;
}

#define NVME_BAR 0x380000000000ull
#define NVME_TABLE_AT (NVME_BAR + NVME_TABLE)
#define DECODE 2
#define MASTER 4

static void test_bus(void **state) {
	(void)state;
	assert_int_equal(vpci_config_read(&m.vpci, 0, 0, 0, 4), 0x00081b36);
	assert_int_equal(vpci_config_read(&m.vpci, 0, 0, 8, 4), 0x06000000);
	assert_int_equal(vpci_config_read(&m.vpci, 0, 0, 4, 4), 0);
	assert_int_equal(vpci_config_read(&m.vpci, 0, 1, 0, 4), UINT32_MAX);
	assert_int_equal(vpci_config_read(&m.vpci, 0, PCI_DEVFN(1, 1), 0, 2), 0xffff);
	assert_int_equal(vpci_config_read(&m.vpci, 0, PCI_DEVFN(4, 0), 0, 1), 0xff);
	assert_int_equal(vpci_config_read(&m.vpci, 1, PCI_DEVFN(1, 0), 0, 4), UINT32_MAX);
	assert_int_equal(get(0, 0, 4), 0x00101b36);
	assert_int_equal(get(1, 2, 2), 0x10d3);
	/* wrong widths and accesses across double words */
	assert_int_equal(get(0, 3, 2), 0xffff);
	assert_int_equal(get(0, 1, 4), UINT32_MAX);
	assert_int_equal(get(0, 4096, 4), UINT32_MAX);
	assert_int_equal(get(0, 65535, 1), 0xff);
	assert_int_equal(get(0, 0, 3), 0xffffff);
}

static u32 port_in(u16 port, u8 width) {
	u32 value = 0;

	vpci_port(&m.vpci, port, width, false, &value);
	return value;
}

static void port_out(u16 port, u8 width, u32 value) {
	vpci_port(&m.vpci, port, width, true, &value);
}

static void test_ways_to_config(void **state) {
	u64 value;

	(void)state;
	port_out(0xcf8, 4, 0x80000000 | 1 << 11 | 0x08);
	assert_int_equal(port_in(0xcf8, 4), 0x80000808);
	assert_int_equal(port_in(0xcfc, 4), 0x01080202);
	assert_int_equal(port_in(0xcfe, 2), 0x0108);
	assert_int_equal(port_in(0xcfe, 4), UINT32_MAX);
	port_out(0xcf8, 4, 1 << 11);
	assert_int_equal(port_in(0xcfc, 4), UINT32_MAX);
	assert_int_equal(load(MODEL_ECAM + (1 << 15) + 8, 4), 0x01080202);
	assert_int_equal(load(MODEL_ECAM + (1 << 15) + 0x1a4, 4), 0x12345678);
	store(MODEL_ECAM + (1 << 15) + 0x3c, 1, 0x2a);
	assert_int_equal(get(0, 0x3c, 1), 0x2a);
	assert_true(load(MODEL_ECAM, 8) == UINT64_MAX);
	assert_false(vpci_mmio(&m.vpci, MODEL_ECAM + MIB, 4, false, &value));
	assert_false(vpci_mmio(&m.vpci, MODEL_ECAM - 1, 4, true, &(u64){0}));
}

static void test_header(void **state) {
	(void)state;
	assert_int_equal(get(0, 0x0e, 1), 0); /* one function */
	assert_int_equal(get(0, 0x3d, 1), 0); /* no interrupt pin */
	assert_int_equal(get(0, 0x30, 4), 0);
	set(0, 0x30, 4, UINT32_MAX);
	assert_int_equal(get(0, 0x30, 4), 0);
	assert_int_equal(get(0, 0x06, 2), 0x10); /* capability list, no interrupt pending */
	set(0, 0x3c, 4, 0x11223344);
	assert_int_equal(get(0, 0x3c, 2), 0x44);
	assert_int_equal(real(0, 0x3c, 2), 0x010b);
	set(0, 0, 4, 0xdeadbeef);
	set(0, 0x2c, 4, 0xdeadbeef);
	assert_int_equal(get(0, 0x2c, 4), 0x11001af4);
	assert_true(m.vpci.functions[0].ignored_writes >= 2);
}

static void test_command(void **state) {
	(void)state;
	assert_int_equal(get(0, 4, 2), 0);
	assert_int_equal(real(0, 4, 2), 0x400);
	set(0, 4, 2, 0xffff);
	assert_int_equal(get(0, 4, 2), 0x406);
	assert_int_equal(real(0, 4, 2), 0x406);
	set(0, 4, 1, 4); /* memory decode off, one byte */
	assert_int_equal(real(0, 4, 2), 0x404);
	assert_int_equal(get(0, 4, 2), 0x404);
}

/* Shown where the file says what it leads to; the device asserts it when the guest lets it. */
static void test_interrupt_pin(void **state) {
	(void)state;
	vpci_show_pin(&m.vpci.functions[2], 22);
	vpci_reset(&m.vpci);
	assert_int_equal(get(0, 0x3d, 1), 0);
	assert_int_equal(get(2, 0x3d, 1), 3);
	assert_int_equal(real(2, 4, 2), 0x400);
	m.pins[2] = true;
	set(2, 4, 2, DECODE);
	assert_int_equal(real(2, 4, 2), DECODE);
	model_put(&m.functions[2], 6, 2, 0x18);
	assert_int_equal(get(2, 6, 2), 0x18);
	set(2, 4, 2, DECODE | 0x400);
	assert_int_equal(real(2, 4, 2), DECODE | 0x400);
	set(2, 4, 2, MASTER);
	assert_int_equal(real(2, 4, 2), MASTER);
	set(2, 0x3c, 4, 0xffff);
	assert_int_equal(get(2, 0x3c, 4) & 0xffff, 0x03ff);
	vpci_reset(&m.vpci);
	assert_int_equal(real(2, 4, 2), 0x400);
}

static void test_bar_sizes(void **state) {
	(void)state;
	assert_int_equal(get(0, 0x10, 4), 0x00000004);
	assert_int_equal(get(0, 0x14, 4), 0x3800);
	set(0, 0x10, 4, UINT32_MAX);
	set(0, 0x14, 4, UINT32_MAX);
	assert_int_equal(get(0, 0x10, 4), 0xffffc004);
	assert_int_equal(get(0, 0x14, 4), UINT32_MAX);
	set(1, 0x14, 4, UINT32_MAX);
	assert_int_equal(get(1, 0x14, 4), 0xfffe0008);
	set(1, 0x14, 4, 0xfd020000);
	assert_int_equal(get(1, 0x14, 4), 0xfd020008);
	set(2, 0x10, 4, UINT32_MAX);
	assert_int_equal(get(2, 0x10, 4), 0xffffff00);
	set(2, 0x11, 1, 0x12);
	assert_int_equal(get(2, 0x10, 4), 0xffff1200);
	set(2, 0x24, 4, UINT32_MAX);
	assert_int_equal(get(2, 0x24, 4), 0);
}

/* Ports stay where they are, and are decoded when the guest says so. */
static void test_ports(void **state) {
	struct vpci_function *f = &m.vpci.functions[1];

	(void)state;
	assert_true(vpci_has_ports(f, 2));
	assert_false(vpci_has_ports(f, 0));
	assert_int_equal(get(1, 0x18, 4), 0xc001);
	set(1, 0x18, 4, UINT32_MAX);
	assert_int_equal(get(1, 0x18, 4), 0xffffffe1);
	set(1, 0x18, 4, 0x3f8);
	assert_int_equal(real(1, 0x18, 4), 0xc001);
	set(1, 0x18, 4, 0xc000);
	set(1, 4, 2, 0x7);
	assert_int_equal(get(1, 4, 2), 0x7);
	assert_int_equal(real(1, 4, 2), 0x407);
	set(1, 4, 2, 0);
	assert_int_equal(real(1, 4, 2), 0x400);
	set(0, 4, 2, 1); /* it has none */
	assert_int_equal(get(0, 4, 2), 0);
	/* what lies among the machine's own is not shown, nor what was not placed or leads beyond */
	static const u32 wrong[] = {0, 0x60, 0x3e0, 0xcf0, 0xfe0, 0xc010, 0x10000, 0xffffffe0};

	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
		m.infos[1].bars[2].base = wrong[i];
		m.arena.used = 0;
		assert_true(vpci_init(&m.vpci, &m.config, &m.inventory, (const u32[]){0, 1, 2},
				      MODEL_FUNCTIONS, MODEL_ECAM, &m.arena));
		vpci_reset(&m.vpci);
		assert_false(vpci_has_ports(&m.vpci.functions[1], 2));
		assert_int_equal(get(1, 0x18, 4), 0);
		set(1, 4, 2, 0x7);
		assert_int_equal(real(1, 4, 2), 0x406);
	}
	m.infos[1].bars[2].base = 0xc000;
}

static void test_mapping_follows_decode(void **state) {
	(void)state;
	assert_int_equal(m.mapping_count, 0);
	set(0, 4, 2, DECODE);
	assert_true(model_mapped(&m, NVME_BAR) == NVME_BAR);
	assert_true(model_mapped(&m, NVME_BAR + 0x1fff) == NVME_BAR + 0x1fff);
	assert_false(model_mapped(&m, NVME_TABLE_AT));
	assert_true(model_mapped(&m, NVME_BAR + 0x3000) == NVME_BAR + 0x3000);
	assert_int_equal(m.mapping_count, 2);
	set(0, 4, 2, 0);
	assert_int_equal(m.mapping_count, 0);
	u64 value;

	assert_false(vpci_mmio(&m.vpci, NVME_TABLE_AT, 4, false, &value));
}

static void move_nic(u32 to) {
	set(1, 0x10, 4, to);
}

static void test_moves(void **state) {
	static const u32 forbidden[] = {0xfee00000, 0xfec00000, 0xfeec0000, MODEL_ECAM, 0xe00e0000};

	(void)state;
	set(1, 4, 2, DECODE);
	assert_true(model_mapped(&m, 0xfd000000) == 0xfd000000);
	move_nic(0xc0000000);
	assert_false(model_mapped(&m, 0xfd000000));
	assert_true(model_mapped(&m, 0xc0001000) == 0xfd001000);
	for (u32 i = 0; i < ARRAY_SIZE(forbidden); i++) {
		u64 value;

		move_nic(forbidden[i]);
		assert_false(model_mapped(&m, forbidden[i]));
		if (forbidden[i] >= 0xf0000000)
			assert_false(vpci_mmio(&m.vpci, forbidden[i], 4, false, &value));
	}
	move_nic(0x100000); /* RAM */
	assert_false(model_mapped(&m, 0x100000));
	/* onto the next BAR: who is there stays, and the other gets the place when it leaves */
	move_nic(0xfd020000);
	assert_true(model_mapped(&m, 0xfd020000) == 0xfd020000);
	assert_false(model_mapped(&m, 0xfd000000));
	set(1, 0x14, 4, 0xfd000000);
	assert_true(model_mapped(&m, 0xfd000000) == 0xfd020000);
	assert_true(model_mapped(&m, 0xfd020000) == 0xfd000000);
	set(1, 0x14, 4, 0xc0000000);
	move_nic(0xfd000000);
	set(1, 0x14, 4, 0xfd020000);
	assert_true(model_mapped(&m, 0xfd000000) == 0xfd000000);
	assert_true(model_mapped(&m, 0xfd020000) == 0xfd020000);
	/* beyond what a processor can address */
	set(0, 4, 2, DECODE);
	set(0, 0x14, 4, 0x00400000);
	assert_int_equal(m.mapping_count, 3);
	set(0, 0x14, 4, 0x3800);
	assert_int_equal(m.mapping_count, 5);
}

/* What else lies in a small BAR's page may be another partition's: never mapped. */
static void test_small_bars(void **state) {
	(void)state;
	set(2, 4, 2, DECODE);
	assert_int_equal(m.mapping_count, 0);
	for (u32 b = 0; b < 3; b++)
		assert_true(vpci_is_trapped(&m.vpci.functions[2], b));
	assert_false(vpci_is_trapped(&m.vpci.functions[2], 3)); /* not there */
	store(0xfc000110, 4, 0xcafe);
	assert_int_equal(*(u32 *)(m.functions[2].registers[1] + 0x10), 0xcafe);
	assert_int_equal(load(0xfc000112, 2), 0);
	/* moved, and two in one page */
	set(2, 0x10, 4, 0xc0000000);
	set(2, 0x14, 4, 0xc0000800);
	assert_int_equal(m.mapping_count, 0);
	assert_int_equal(load(0xc0000810, 4), 0xcafe);
	assert_int_equal(load(0xc0000004, 1), 4);
	assert_false(vpci_mmio(&m.vpci, 0xc0000400, 1, false, &(u64){0}));
	assert_false(vpci_mmio(&m.vpci, 0xfc000110, 4, false, &(u64){0}));
}

/* The hypervisor has no way to registers of BARs that are the guest's own to reach. */
static void test_unmapped_registers(void **state) {
	(void)state;
	assert_false(vpci_is_trapped(&m.vpci.functions[1], 0));
	assert_true(vpci_is_trapped(&m.vpci.functions[1], 3));
	assert_true(vpci_is_trapped(&m.vpci.functions[0], 0));
	/* the fault was taken before decode was on */
	set(1, 4, 2, DECODE);
	assert_int_equal(load(0xfd000000, 4), UINT32_MAX);
	store(0xfd000000, 4, 0);
	assert_int_equal(m.vpci.functions[1].ignored_writes, 1);
	/* behind a BAR that was there before */
	set(1, 0x10, 4, 0xfd080000);
	set(0, 4, 2, DECODE);
	set(0, 0x14, 4, 0);
	set(0, 0x10, 4, 0xc0000000);
	set(1, 0x10, 4, 0xc0000000);
	assert_false(model_mapped(&m, 0xc0010000));
	assert_int_equal(load(0xc0010000, 8) & UINT32_MAX, UINT32_MAX);
	/* onto RAM: the mapping fails */
	set(1, 0x10, 4, 0x100000);
	assert_int_equal(load(0x100000, 1), 0xff);
}

static void test_failed_mapping(void **state) {
	(void)state;
	m.mappings_max = 1; /* of two parts, around the table */
	set(0, 4, 2, DECODE);
	assert_int_equal(m.mapping_count, 0);
	assert_false(m.vpci.functions[0].bars[0].mapped_at);
	assert_int_equal(load(NVME_BAR + 4, 1), 4);
	m.mappings_max = MODEL_MAPPINGS;
	set(0, 4, 2, DECODE | MASTER);
	assert_int_equal(m.mapping_count, 2);
}

static void test_standard_capabilities(void **state) {
	(void)state;
	assert_int_equal(capability(0, 0x11), 0x40);
	assert_int_equal(capability(0, 0x10), 0x80);
	assert_int_equal(capability(0, 0x01), 0x60);
	assert_int_equal(get(2, 0x34, 1), 0x50);
	assert_int_equal(capability(2, 0x03), 0);
	assert_int_equal(capability(2, 0x09), 0x80);
	assert_int_equal(get(2, 0x81, 1), 0); /* led back to the first one */
	/* the body of a hidden one */
	assert_int_equal(get(2, 0x40, 4), 0);
	assert_int_equal(get(2, 0x44, 4), 0);
	set(2, 0x44, 4, 0xffffffff);
	assert_int_equal(real(2, 0x44, 4), 0x55aa55aa);
	/* vendor specific, and what nobody claims: read-only */
	assert_int_equal(get(2, 0x84, 4), 0xabcd);
	set(2, 0x84, 4, 0);
	assert_int_equal(get(2, 0x84, 4), 0xabcd);
	set(2, 0x34, 1, 0x40);
	assert_int_equal(get(2, 0x34, 1), 0x50);
}

static void test_extended_capabilities(void **state) {
	(void)state;
	assert_int_equal(get(0, 0x100, 4), 0x1a000000); /* error reports stay with the hypervisor */
	assert_int_equal(extended(0, 3), 0x1a0);
	assert_int_equal(extended(0, 0x0f), 0);
	assert_int_equal(get(0, 0x154, 4), 0);
	set(0, 0x156, 2, 0x8000);
	set(0, 0x154, 4, UINT32_MAX);
	assert_int_equal(real(0, 0x156, 2), 0);
	set(0, 0x184, 4, 0);
	assert_int_equal(real(0, 0x186, 2), 0x5d);
	assert_int_equal(get(0, 0x104, 4), 0);
	/* a hidden one at the beginning leaves an empty head */
	assert_int_equal(get(2, 0x100, 4), 0x12000000);
	assert_int_equal(get(2, 0x104, 4), 0);
	assert_int_equal(get(2, 0x120, 4), 0x0001000b);
	set(2, 0x128, 4, 0);
	assert_int_equal(get(2, 0x128, 4), 0xfeedf00d);
}

static void test_pcie(void **state) {
	(void)state;
	assert_int_equal(get(0, 0x82, 2), 0x0092); /* version 2, root complex integrated endpoint */
	assert_int_equal(get(0, 0x84, 4) & 0x18, 0);
	for (u16 at = 0x8c; at < 0xa4; at += 4)
		assert_int_equal(get(0, at, 4), 0);
	assert_int_equal(get(0, 0xa4, 4), 0x11223344 & ~(BIT(11) | BITS(19, 18)));
	/* sizes and error reporting are the guest's only; ordering is passed; phantom functions never */
	set(0, 0x88, 2, 0x52ef);
	assert_int_equal(get(0, 0x88, 2), 0x50ef);
	assert_int_equal(real(0, 0x88, 2), 0x2100);
	set(0, 0x88, 2, 0x0a10);
	assert_int_equal(real(0, 0x88, 2), 0x2910);
	assert_int_equal(real(0, 0x8a, 2), 0x0011);
}

static void store_entry(u64 table, u32 index, u64 address, u32 data, u32 control) {
	store(table + index * 16, 4, (u32)address);
	store(table + index * 16 + 4, 4, address >> 32);
	store(table + index * 16 + 8, 4, data);
	store(table + index * 16 + 12, 4, control);
}

static void test_msix(void **state) {
	struct model_function *f = &m.functions[0];

	(void)state;
	set(0, 4, 2, DECODE | MASTER);
	assert_int_equal(load(NVME_TABLE_AT + 12, 4), 1);
	store_entry(NVME_TABLE_AT, 3, 0xfee01000, 0x41, 0);
	assert_int_equal(*model_entry(&m, 0, 3, 0), 0); /* MSI-X is off */
	set(0, 0x42, 2, 0xc000);
	assert_int_equal(get(0, 0x42, 2), 0xc040);
	assert_int_equal(real(0, 0x42, 2), 0xc040);
	assert_true(f->routed[3]);
	assert_int_equal(f->targets[3].apic_id, 1);
	assert_int_equal(f->targets[3].vector, 0x41);
	assert_int_equal(*model_entry(&m, 0, 3, 0), MODEL_MESSAGE);
	assert_int_equal(*model_entry(&m, 0, 3, 2), 0xc03);
	assert_int_equal(*model_entry(&m, 0, 3, 3), 0);
	assert_int_equal(*model_entry(&m, 0, 4, 3), 1);
	set(0, 0x42, 2, 0x8000);
	assert_int_equal(real(0, 0x42, 2), 0x8040);
	/* the guest reads back its own */
	assert_true(load(NVME_TABLE_AT + 0x30, 8) == 0xfee01000);
	assert_int_equal(load(NVME_TABLE_AT + 0x38, 1), 0x41);
	/* mask, retarget, unmask */
	store(NVME_TABLE_AT + 0x3c, 4, 1);
	assert_int_equal(*model_entry(&m, 0, 3, 3), 1);
	store(NVME_TABLE_AT + 0x30, 8, 0xfee02000);
	assert_int_equal(f->targets[3].apic_id, 1);
	store(NVME_TABLE_AT + 0x38, 8, 0x51); /* data and mask bit in one access */
	assert_int_equal(f->targets[3].apic_id, 2);
	assert_int_equal(f->targets[3].vector, 0x51);
	assert_int_equal(*model_entry(&m, 0, 3, 3), 0);
	/* an unmasked entry may be changed as well */
	store(NVME_TABLE_AT + 0x38, 4, 0x61);
	assert_int_equal(f->targets[3].vector, 0x61);
	set(0, 0x42, 2, 0);
	assert_int_equal(real(0, 0x42, 2) & 0x8000, 0);
	assert_false(f->routed[3]);
}

/* Its identity, BARs and memory decoding exist for the guest only. */
static void test_virtual_function(void **state) {
	(void)state;
	model_become_virtual(&m, 0, 1);
	m.arena.used = 0;
	assert_true(vpci_init(&m.vpci, &m.config, &m.inventory, (const u32[]){0, 1, 2},
			      MODEL_FUNCTIONS, MODEL_ECAM, &m.arena));
	vpci_reset(&m.vpci);
	assert_int_equal(get(0, 0, 4), 0x00101b36);
	assert_int_equal(get(0, 0x3d, 1), 0);
	set(0, 0x10, 4, UINT32_MAX);
	set(0, 0x14, 4, UINT32_MAX);
	assert_int_equal(get(0, 0x10, 4), 0xffffc004);
	set(0, 0x10, 4, (u32)NVME_BAR);
	set(0, 0x14, 4, NVME_BAR >> 32);
	set(0, 4, 2, DECODE | MASTER);
	assert_int_equal(get(0, 4, 2), DECODE | MASTER);
	assert_int_equal(real(0, 4, 2), MASTER);
	assert_true(model_mapped(&m, NVME_BAR) == NVME_BAR);
	set(0, 0x42, 2, 0x8000);
	store_entry(NVME_TABLE_AT, 3, 0xfee01000, 0x41, 0);
	assert_true(m.functions[0].routed[3]);
	assert_int_equal(*model_entry(&m, 0, 3, 2), 0xc03);
	set(0, 4, 2, 0);
	assert_int_equal(m.mapping_count, 0);
}

/* Its owner could switch virtual functions off: it does not see how. */
static void test_physical_function(void **state) {
	(void)state;
	assert_int_equal(extended(0, 3), 0x1a0);
	model_put(&m.functions[0], 0x1a0, 4, 0x00010010); /* SR-IOV in the place of the last one */
	model_register(&m.functions[0], 0x1a8, 4, 9, 0xffff);
	m.arena.used = 0;
	assert_true(vpci_init(&m.vpci, &m.config, &m.inventory, (const u32[]){0, 1, 2},
			      MODEL_FUNCTIONS, MODEL_ECAM, &m.arena));
	vpci_reset(&m.vpci);
	assert_int_equal(extended(0, 0x10), 0);
	assert_int_equal(get(0, 0x1a8, 4), 0);
	set(0, 0x1a8, 4, 0);
	assert_int_equal(real(0, 0x1a8, 4), 9);
}

static void test_msix_foreign_target(void **state) {
	(void)state;
	set(0, 4, 2, DECODE);
	set(0, 0x42, 2, 0x8000);
	store_entry(NVME_TABLE_AT, 64, 0xfee07000, 0x41, 0);
	assert_false(m.functions[0].routed[64]);
	assert_int_equal(*model_entry(&m, 0, 64, 3), 1);
	assert_int_equal(load(NVME_TABLE_AT + 64 * 16 + 12, 4), 0);
	assert_int_equal(m.vpci.functions[0].refused_interrupts, 1);
	store(NVME_TABLE_AT + 64 * 16, 4, 0xfee03000);
	assert_true(m.functions[0].routed[64]);
	assert_int_equal(*model_entry(&m, 0, 64, 3), 0);
	store(NVME_TABLE_AT + 64 * 16 + 4, 4, 1);
	assert_false(m.functions[0].routed[64]);
	assert_int_equal(*model_entry(&m, 0, 64, 3), 1);
}

static void test_msix_waits_for_decode(void **state) {
	(void)state;
	set(0, 4, 2, DECODE);
	store_entry(NVME_TABLE_AT, 0, 0xfee00000, 0x30, 0);
	set(0, 4, 2, 0);
	set(0, 0x42, 2, 0x8000);
	assert_int_equal(real(0, 0x42, 2) & 0x8000, 0);
	set(0, 4, 2, DECODE);
	assert_int_equal(real(0, 0x42, 2), 0x8040);
	assert_true(m.functions[0].routed[0]);
}

static void test_neighbours(void **state) {
	u64 after = NVME_TABLE_AT + NVME_VECTORS * 16;

	(void)state;
	set(0, 4, 2, DECODE);
	for (u8 width = 1; width <= 8; width *= 2) {
		u64 expected = 0;

		memcpy(&expected, m.functions[0].registers[0] + 0x2800, width);
		assert_true(load(NVME_BAR + 0x2800, width) == expected);
		store(NVME_BAR + 0x2900, width, 0x1122334455667788);
		assert_true(load(NVME_BAR + 0x2900, width) ==
			    (0x1122334455667788 & (width < 8 ? BIT(8 * width) - 1 : ~0ull)));
	}
	assert_int_equal(load(NVME_BAR + 0x2801, 4), UINT32_MAX);
	assert_int_equal(load(NVME_BAR + 0x2800, 3), 0xffffff);
	store(NVME_BAR + 0x2903, 2, 0);
	/* across the end of the table, and narrow writes into it */
	store(after - 4, 8, 0);
	store(NVME_TABLE_AT + 8, 2, 0x1234);
	assert_int_equal(load(NVME_TABLE_AT + 8, 4), 0);
	store(after, 4, 7);
	assert_int_equal(*(u32 *)(m.functions[0].registers[0] + NVME_TABLE + NVME_VECTORS * 16), 7);
	/* the other device: table at the beginning of its own BAR, pending bits in a mapped page */
	set(1, 4, 2, DECODE);
	assert_false(model_mapped(&m, 0xfd040000));
	assert_true(model_mapped(&m, 0xfd042000) == 0xfd042000);
	assert_int_equal(load(0xfd040000 + 4 * 16 + 12, 4), 1);
	assert_int_equal(load(0xfd040000 + 5 * 16 + 12, 1), 0x5c);
}

static void test_msi(void **state) {
	struct model_function *f = &m.functions[2];

	(void)state;
	assert_int_equal(m.vpci.functions[2].entry_count, 8);
	assert_int_equal(m.vpci.functions[0].entry_count, 128);
	assert_int_equal(get(2, 0x52, 2), 0x0186);
	set(2, 0x54, 4, 0xfee02000);
	set(2, 0x58, 4, 0);
	set(2, 0x5c, 2, 0x47);
	set(2, 0x60, 4, 0xffff);
	assert_int_equal(get(2, 0x60, 4), 0xff);
	set(2, 0x52, 2, 0x0001);
	assert_int_equal(get(2, 0x52, 2), 0x0187);
	assert_int_equal(real(2, 0x52, 2) & 0x71, 1);
	assert_int_equal(real(2, 0x54, 4), MODEL_MESSAGE | 2 << 5);
	assert_int_equal(real(2, 0x60, 4), 1);
	assert_int_equal(get(2, 0x64, 4), 0x5a);
	assert_int_equal(get(2, 0x54, 4), 0xfee02000);
	assert_false(f->routed[0]); /* not while it is masked */
	set(2, 0x60, 4, 0);
	assert_int_equal(real(2, 0x60, 4), 0);
	assert_true(f->routed[0]);
	assert_int_equal(f->targets[0].vector, 0x47);
	assert_int_equal(f->targets[0].apic_id, 2);
	/* another processor, then one of somebody else */
	set(2, 0x54, 4, 0xfee01000);
	assert_int_equal(f->targets[0].apic_id, 1);
	set(2, 0x54, 4, 0xfee55000);
	assert_false(f->routed[0]);
	assert_int_equal(m.vpci.functions[2].refused_interrupts, 1);
	set(2, 0x54, 4, 0xfee01000);
	assert_true(f->routed[0]);
	set(2, 0x52, 1, 0);
	assert_int_equal(real(2, 0x52, 2) & 1, 0);
	assert_false(f->routed[0]);
}

static void test_several_messages(void **state) {
	struct model_function *f = &m.functions[2];

	(void)state;
	set(2, 0x54, 4, 0xfee02000);
	set(2, 0x5c, 2, 0x4d); /* its lowest bits tell the message */
	set(2, 0x60, 4, 0x04);
	set(2, 0x52, 2, 0x0071); /* more than there are */
	assert_int_equal(get(2, 0x52, 2), 0x01b7);
	assert_int_equal(real(2, 0x52, 2) & 0x71, 0x31);
	assert_int_equal(real(2, 0x54, 4), MODEL_MESSAGE | 2 << 5);
	assert_int_equal(real(2, 0x5c, 2), 0xc00);
	assert_int_equal(real(2, 0x60, 4), 0x04);
	for (u32 i = 0; i < 8; i++) {
		assert_int_equal(f->routed[i], i != 2);
		assert_int_equal(f->targets[i].vector, i == 2 ? 0 : 0x48 + i);
	}
	set(2, 0x60, 4, 0x01);
	assert_true(f->routed[2]);
	assert_int_equal(real(2, 0x60, 4), 0x01);
	/* fewer, while they are on: the others are blocked */
	set(2, 0x52, 2, 0x0011);
	assert_int_equal(real(2, 0x52, 2) & 0x71, 0x11);
	assert_true(f->routed[1]);
	assert_int_equal(f->targets[1].vector, 0x4d);
	for (u32 i = 2; i < 8; i++)
		assert_false(f->routed[i]);
	/* vectors of exceptions, somebody else's processor: none of them */
	set(2, 0x52, 2, 0x0031);
	set(2, 0x5c, 2, 0x08);
	for (u32 i = 0; i < 8; i++)
		assert_false(f->routed[i]);
	assert_int_equal(real(2, 0x60, 4), 0xff);
	set(2, 0x5c, 2, 0x50);
	set(2, 0x54, 4, 0xfee55000);
	assert_int_equal(real(2, 0x60, 4), 0xff);
	set(2, 0x54, 4, 0xfee01000);
	assert_int_equal(real(2, 0x60, 4), 0x01);
	vpci_reset(&m.vpci);
	assert_int_equal(get(2, 0x52, 2), 0x0186);
	for (u32 i = 0; i < 8; i++)
		assert_false(f->routed[i]);
	/* a number that is reserved */
	model_register(f, 0x50, 4, 0x05 | 0x70 << 8 | 0x018cu << 16, 0x00710000);
	m.arena.used = 0;
	assert_true(vpci_init(&m.vpci, &m.config, &m.inventory, (const u32[]){0, 1, 2},
			      MODEL_FUNCTIONS, MODEL_ECAM, &m.arena));
	vpci_reset(&m.vpci);
	assert_int_equal(get(2, 0x52, 2), 0x0180);
	set(2, 0x52, 2, 0x0071);
	assert_int_equal(get(2, 0x52, 2), 0x0181);
}

static void test_msi_or_msix(void **state) {
	(void)state;
	set(1, 4, 2, DECODE);
	set(1, 0xa2, 2, 0x8000);
	set(1, 0xd2, 2, 1);
	assert_int_equal(real(1, 0xd2, 2) & 1, 0);
	set(1, 0xa2, 2, 0);
	set(1, 0xd4, 4, 0xfee00000);
	set(1, 0xdc, 4, 0x30);
	set(1, 0xd2, 2, 1);
	assert_int_equal(real(1, 0xd2, 2) & 1, 1);
	set(1, 0xa2, 2, 0x8000);
	assert_int_equal(get(1, 0xa2, 2), 4);
}

static void test_power_state(void **state) {
	(void)state;
	set(0, 4, 2, DECODE | MASTER);
	set(0, 0x64, 2, 0x8103); /* with wake-up enabled */
	assert_int_equal(get(0, 0x64, 2), 0xb);
	assert_int_equal(real(0, 0x64, 2), 0x100);
	set(0, 0x64, 2, 0);
	assert_int_equal(get(0, 0x64, 2), 8);
	assert_int_equal(m.resets, 0);
	assert_int_equal(real(0, 4, 2), 0x406);
}

/* Nothing that the guest writes makes a device reset itself. */
static void test_function_reset(void **state) {
	(void)state;
	/* neither where the device has none, nor where it takes others along, nor the other kind */
	m.infos[0].sriov = 0x200;
	set(0, 0x88, 2, 0xa810);
	m.infos[0].sriov = 0;
	m.infos[0].quirks = QUIRK_NO_FLR;
	set(0, 0x88, 2, 0xa810);
	m.infos[0].quirks = 0;
	assert_int_equal(get(1, 0xe4, 4) & 1u << 28, 0);
	set(1, 0xe8, 2, 0xa810);
	assert_int_equal(capability(2, 0x13), 0);
	set(2, 0x74, 1, 1);
	assert_int_equal(m.resets, 0);
	assert_int_equal(get(0, 0x84, 4) & 1u << 28, 1u << 28);
	/* Linux would not wait for one that says so. */
	model_put(&m.functions[0], 6, 2, 0x0019);
	assert_int_equal(get(0, 6, 2) & 1, 0);
	model_put(&m.functions[0], 4, 2, 0x0540); /* what firmware wants of errors */
	set(0, 4, 2, DECODE | MASTER);
	store_entry(NVME_TABLE_AT, 3, 0xfee01000, 0x41, 0);
	set(0, 0x42, 2, 0x8000);
	set(0, 0x10, 4, 0xc0000000);
	assert_true(m.functions[0].routed[3]);
	set(0, 0x88, 2, 0xa810);
	assert_int_equal(m.resets, 1);
	assert_int_equal(m.mapping_count, 0);
	assert_false(m.functions[0].routed[3]);
	assert_true(vpci_is_away(&m.vpci));
	/* what the guest does meanwhile is nothing */
	set(0, 4, 2, DECODE);
	set(0, 0x88, 2, 0xa810);
	assert_int_equal(get(0, 0, 4), UINT32_MAX);
	assert_false(vpci_mmio(&m.vpci, NVME_TABLE_AT, 4, false, &(u64){0}));
	m.waited += 100;
	assert_int_equal(get(0, 4, 2), 0xffff);
	m.waited++;
	assert_false(vpci_is_away(&m.vpci));
	assert_int_equal(get(0, 0, 4), 0x00101b36);
	assert_int_equal(get(0, 4, 2), 0);
	assert_int_equal(get(0, 0x10, 4), 4);
	assert_int_equal(get(0, 0x14, 4), 0x3800);
	assert_int_equal(get(0, 0x42, 2), 0x0040);
	assert_int_equal(real(0, 4, 2), 0x540);
	assert_int_equal(real(0, 0x10, 4), 4);
	assert_int_equal(real(0, 0x14, 4), 0x3800);
	assert_int_equal(real(0, 0x186, 2), 0x5d);
	assert_int_equal(m.resets, 1);
	set(0, 4, 2, DECODE);
	assert_int_equal(load(NVME_TABLE_AT + 0x30 + 12, 4), 1);
}

static void test_function_that_stays_away(void **state) {
	(void)state;
	m.reset_time = 300;
	m.infos[0].quirks = QUIRK_SLOW_AFTER_FLR;
	set(0, 0x88, 2, 0x8000);
	m.waited += 350;
	assert_true(vpci_is_away(&m.vpci));
	m.waited++;
	assert_int_equal(get(0, 0, 2), 0x1b36);
	/* without BARs it is of no use, and must decode nothing */
	m.reset_time = 0;
	m.bars_stick = true;
	set(0, 0x88, 2, 0x8000);
	m.waited += 400;
	set(0, 4, 2, DECODE | MASTER);
	assert_int_equal(get(0, 0, 4), UINT32_MAX);
	assert_int_equal(real(0, 4, 2) & 7, 0);
	m.bars_stick = false;
	memset(&m.functions[0].writable[0x10], 0xff, 8);
	m.functions[0].writable[0x10] = m.functions[0].writable[0x11] = 0;
	/* one that nobody has looked at is restored before the next life */
	assert_int_equal(get(0, 0, 2), 0x1b36);
	m.reset_time = 2000;
	set(0, 0x88, 2, 0x8000);
	m.waited += 400;
	assert_true(vpci_is_away(&m.vpci));
	m.waited += 1600;
	assert_false(vpci_is_away(&m.vpci));
	vpci_reset(&m.vpci);
	assert_int_equal(real(0, 0x14, 4), 0x3800);
	assert_int_equal(real(0, 4, 2), 0x400);
	assert_int_equal(get(0, 0, 2), 0x1b36);
	/* somebody waits, but not for ever */
	m.reset_time = UINT32_MAX;
	set(0, 0x88, 2, 0x8000);
	m.waited += 60000;
	assert_true(vpci_is_away(&m.vpci));
	m.waited += 400;
	assert_false(vpci_is_away(&m.vpci));
	m.functions[0].away_until = 0;
	m.reset_time = 0;
	for (u32 i = 0; i < 2; i++)
		model_put(&m.functions[0], 0x10 + 4 * i, 4, i ? 0x3800 : 4);
}

static void test_reset(void **state) {
	(void)state;
	for (u32 f = 0; f < MODEL_FUNCTIONS; f++)
		set(f, 4, 2, DECODE | MASTER);
	move_nic(0xc0000000);
	store_entry(NVME_TABLE_AT, 0, 0xfee00000, 0x30, 0);
	set(0, 0x42, 2, 0x8000);
	set(2, 0x54, 4, 0xfee00000);
	set(2, 0x5c, 2, 0x40);
	set(2, 0x52, 2, 1);
	set(1, 0xcc, 2, 3);
	vpci_reset(&m.vpci);
	assert_int_equal(m.mapping_count, 0);
	for (u32 f = 0; f < MODEL_FUNCTIONS; f++) {
		assert_int_equal(real(f, 4, 2), 0x400);
		assert_int_equal(get(f, 4, 2), 0);
		for (u32 i = 0; i < ARRAY_SIZE(m.functions[f].routed); i++)
			assert_false(m.functions[f].routed[i]);
	}
	assert_int_equal(real(0, 0x42, 2) & 0x8000, 0);
	assert_int_equal(real(2, 0x52, 2) & 1, 0);
	assert_int_equal(real(1, 0xcc, 2) & 3, 0);
	assert_int_equal(get(1, 0x10, 4), 0xfd000000);
	assert_int_equal(get(2, 0x54, 4), 0);
}

static void test_init_limits(void **state) {
	static const u32 wrong[] = {MODEL_FUNCTIONS};
	static const u32 first[] = {0};
	u32 many[VPCI_FUNCTIONS_MAX + 1] = {0};
	struct arena small = {m.memory, 64, 0};
	struct arena full = m.arena;
	struct vpci other;

	(void)state;
	assert_false(vpci_init(&other, &m.config, &m.inventory, first, 1, 0, &small));
	assert_false(vpci_init(&other, &m.config, &m.inventory, wrong, 1, 0, &full));
	assert_false(vpci_init(&other, &m.config, &m.inventory, many, ARRAY_SIZE(many), 0, &full));
	/* a table that does not fit into its BAR is not offered */
	model_put(&m.functions[0], 0x44, 4, 0x3ff8);
	assert_true(vpci_init(&other, &m.config, &m.inventory, first, 1, 0, &full));
	assert_int_equal(other.functions[0].counts[VPCI_MSIX], 0);
	assert_int_equal(vpci_config_read(&other, 0, 8, 0x40, 4), 0);
}

static void test_hostile_sequences(void **state) {
	u64 random = 0x9e3779b97f4a7c15;
	u8 bytes[4096];

	(void)state;
	for (u32 round = 0; round < 50; round++) {
		for (u32 i = 0; i < sizeof(bytes); i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			bytes[i] = (u8)(random >> 24);
		}
		model_run(&m, bytes, sizeof(bytes));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_bus),
		TEST(test_ways_to_config),
		TEST(test_header),
		TEST(test_command),
		TEST(test_interrupt_pin),
		TEST(test_bar_sizes),
		TEST(test_ports),
		TEST(test_mapping_follows_decode),
		TEST(test_moves),
		TEST(test_small_bars),
		TEST(test_unmapped_registers),
		TEST(test_failed_mapping),
		TEST(test_standard_capabilities),
		TEST(test_extended_capabilities),
		TEST(test_pcie),
		TEST(test_msix),
		TEST(test_virtual_function),
		TEST(test_physical_function),
		TEST(test_msix_foreign_target),
		TEST(test_msix_waits_for_decode),
		TEST(test_neighbours),
		TEST(test_msi),
		TEST(test_several_messages),
		TEST(test_msi_or_msix),
		TEST(test_power_state),
		TEST(test_function_reset),
		TEST(test_function_that_stays_away),
		TEST(test_reset),
		TEST(test_init_limits),
		TEST(test_hostile_sequences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
