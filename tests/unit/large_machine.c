/* SPDX-License-Identifier: Apache-2.0 */
#include "large_machine.h"
#include "pci_registers.h"

#define REQUIRED 0x1d
#define DOWNSTREAM_PORTS 8
#define CONVENTIONAL_DEVICES 8

/* One segment while it is filled: first all root ports, then bus after bus. */
struct filler {
	struct pci_function *functions;
	u32 next; /* index */
	u32 end;
	u16 segment;
	u8 bus;
};

static u32 add(struct filler *fill, u32 devfn, u32 parent, u8 type, bool acs) {
	struct pci_function *f = &fill->functions[fill->next];

	if (fill->next == fill->end)
		return NONE;
	*f = (struct pci_function){.address = {fill->segment, fill->bus, (u8)devfn},
				   .vendor = 0x1234,
				   .class_code = 0x020000,
				   .pcie_type = type,
				   .parent = parent,
				   .physical = NONE,
				   .group = NONE,
				   .unit = NONE,
				   .acs = acs ? PCI_EXTENDED_FIRST : 0,
				   .acs_capability = acs ? REQUIRED : 0,
				   .acs_control = acs ? REQUIRED : 0};
	f->table_alias = pci_requester_id(f->address);
	return fill->next++;
}

static u32 add_bridge(struct filler *fill, u32 devfn, u32 parent, u8 type, bool acs) {
	u32 f = add(fill, devfn, parent, type, acs);

	if (f != NONE) {
		fill->functions[f].header_type = PCI_HEADER_BRIDGE;
		fill->functions[f].class_code = 0x060400;
	}
	return f;
}

/* FUNCTIONS of one device, the first of them with VIRTUAL_FUNCTIONS. */
static void device(struct filler *fill, u32 parent, u32 functions, u32 virtual_functions) {
	u32 first = fill->next;

	for (u32 i = 0; i < functions; i++) {
		u32 f = add(fill, i, parent, PCIE_ENDPOINT, i % 2);

		if (f != NONE)
			fill->functions[f].multifunction = functions > 1;
	}
	for (u32 i = 0; i < virtual_functions; i++) {
		u32 f = add(fill, 0x80 + i, parent, PCIE_ENDPOINT, false);

		if (f != NONE)
			fill->functions[f].physical = first;
	}
}

static void a_switch(struct filler *fill, u32 above, u32 virtual_functions) {
	u32 upstream = add_bridge(fill, 0, above, PCIE_UPSTREAM_PORT, false);
	u32 first;

	fill->bus++;
	first = fill->next;
	for (u32 i = 0; i < DOWNSTREAM_PORTS; i++)
		add_bridge(fill, i << 3, upstream, PCIE_DOWNSTREAM_PORT, i != 5);
	for (u32 i = 0; i < DOWNSTREAM_PORTS; i++) {
		fill->bus++;
		device(fill, first + i, 2, virtual_functions);
	}
}

static void conventional_bus(struct filler *fill, u32 above) {
	u32 bridge = add_bridge(fill, 0, above, PCIE_TO_PCI_BRIDGE, false);

	fill->bus++;
	for (u32 i = 0; i < CONVENTIONAL_DEVICES; i++)
		for (u32 k = 0; k < 2; k++)
			add(fill, i << 3 | k, bridge, PCIE_NONE, false);
}

static void segment(struct filler *fill) {
	u32 size = fill->end - fill->next, first = fill->next;
	u32 many = size / 64, few = size / 192; /* virtual functions: there are but 256 buses */
	u32 each = (3 + many) + (2 + DOWNSTREAM_PORTS * (3 + few)) +
		   (2 + 2 * CONVENTIONAL_DEVICES) + 9;
	u32 ports = 4 * (size / each + 1);

	for (u32 i = 0; i < ports; i++)
		add_bridge(fill, i, NONE, PCIE_ROOT_PORT, i % 4 != 3);
	for (u32 i = 0; i < ports; i++) {
		fill->bus++;
		switch (i % 4) {
		case 0: device(fill, first + i, 2, many); break;
		case 1: a_switch(fill, first + i, few); break;
		case 2: conventional_bus(fill, first + i); break;
		default: device(fill, first + i, 8, 0); break;
		}
	}
}

void large_machine(struct pci_function *functions, u32 count) {
	for (u16 i = 0; i < LARGE_SEGMENTS; i++) {
		struct filler fill = {.functions = functions,
				      .next = count / LARGE_SEGMENTS * i,
				      .end = count / LARGE_SEGMENTS * (i + 1),
				      .segment = i};

		segment(&fill);
		/* What is left over sits on a root bus of its own. */
		for (fill.bus++; fill.next < fill.end;)
			add(&fill, (fill.end - fill.next) & 0xff, NONE, PCIE_RC_ENDPOINT, true);
	}
}
