# SPDX-License-Identifier: Apache-2.0
"""Random PCI Express machines for QEMU's q35: trees of what decides isolation.

    drawn = draw(7)
    drawn.iommu        # "intel" or "amd"
    drawn.devices      # QEMU's arguments
    drawn.vfs          # virtual functions that Linux is asked to switch on, 0 for none

The same seed gives the same machine. Parts: root ports with and without ACS, alone and several to a slot; switches,
also one below another, with a management function beside the upstream port; devices of several functions, with gaps;
PCIe-to-PCI and conventional bridges; devices of the root complex; further root buses; SR-IOV.
"""
import random

FUNCTIONS_MAX, BUSES_MAX, DEPTH_MAX = 48, 34, 3
FIRST_SLOT = 2  # slot 1 of the first root bus is the AMD IOMMU's
EXPRESS = ["virtio-rng-pci", "virtio-serial-pci", "virtio-keyboard-pci", "e1000e,romfile=", "igb,romfile=", "qemu-xhci", "nec-usb-xhci",
           "pvscsi", "vmxnet3,romfile=", "nvme", "edu", "pci-testdev", "ich9-ahci", "megasas-gen2", "mptsas1068"]
CONVENTIONAL = ["e1000,romfile=", "rtl8139,romfile=", "edu", "pci-testdev", "ich9-usb-ehci1", "lsi", "intel-hda", "am53c974"]
NVME_SRIOV = ("sriov_max_vfs={n},sriov_vq_flexible={q},sriov_vi_flexible={n},max_ioqpairs={p},msix_qsize={m}")


class Draw:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.devices, self.names, self.functions, self.buses = [], 0, 0, 1
        self.vfs = 0
        self.iommu = self.random.choice(("intel", "amd"))
        self.acs = self.random.choice((0.4, 0.8, 1.0))  # share of root ports with ACS
        self.several = self.random.choice((0.1, 0.35))  # share of slots with several functions
        self.first_root_bus()
        for number in range(self.random.choice((0, 0, 0, 1, 2))):
            self.further_root_bus(0x60 + 0x40 * number, 0x1A + number)

    # ---- parts --------------------------------------------------------------------------------------

    def chance(self, share):
        return self.random.random() < share

    def name(self):
        self.names += 1
        return f"d{self.names}"

    def full(self):
        return self.functions >= FUNCTIONS_MAX or self.buses >= BUSES_MAX

    def add(self, model, bus, slot, function=0, several=False):
        flag = ",multifunction=on" if several else ""
        self.devices += ["-device", f"{model},bus={bus},addr={slot:#x}.{function}{flag}"]
        self.functions += 1

    def add_bridge(self, model, bus, slot, function=0, several=False):
        name = self.name()
        self.buses += 1
        self.add(f"{model},id={name}", bus, slot, function, several)
        return name

    def chassis(self, model):
        """Firmware would keep 4 KiB of I/O ports free below each slot for hot plugging, and run out of them."""
        return f"{model},chassis={self.buses},slot={self.buses},hotplug=off"

    def endpoint(self, models, bus, slot, function=0, several=False):
        model = self.random.choice(models)
        if model.startswith("igb") and (function or several):
            model = "e1000e,romfile="  # igb's virtual functions take the numbers of the others
        if model == "nvme":
            model += f",serial={self.name()}"
        self.add(model, bus, slot, function, several)

    def device(self, models, bus, slot):
        """One function, or several with gaps; a lone function may still say that it is one of several."""
        if self.chance(self.several):
            numbers = sorted(self.random.sample(range(1, 8), self.random.randint(1, 3)))
            self.endpoint(models, bus, slot, 0, several=True)
            for number in numbers:
                self.endpoint(models, bus, slot, number, several=self.chance(0.5))
        else:
            self.endpoint(models, bus, slot, 0, several=self.chance(0.1))

    # ---- buses --------------------------------------------------------------------------------------

    def root_port(self, bus, slot, function=0, several=False):
        model = "pcie-root-port" if self.chance(self.acs) else "ioh3420"
        return self.add_bridge(self.chassis(model), bus, slot, function, several)

    def root_ports(self, bus, slot, depth, only_ports=False):
        count = self.random.randint(2, 4) if self.chance(self.several) else 1
        numbers = [0, *sorted(self.random.sample(range(1, 8), count - 1))]
        for number in numbers:
            if number and not only_ports and self.chance(0.15):
                self.endpoint(EXPRESS, bus, slot, number)  # beside the ports
            else:
                self.below_port(self.root_port(bus, slot, number, several=count > 1 and not number), depth)

    def below_port(self, bus, depth):
        kind = self.random.random()
        if kind < 0.08:
            return  # nothing is plugged in
        if kind < 0.50 or depth >= DEPTH_MAX or self.full():
            self.device(EXPRESS, bus, 0)
        elif kind < 0.56 and not depth and not self.vfs:
            self.sriov(bus)
        elif kind < 0.80:
            self.switch(bus, depth)
        elif kind < 0.92:
            self.conventional_bus(self.add_bridge("pcie-pci-bridge", bus, 0), depth)
        else:
            self.device(CONVENTIONAL, bus, 0)  # QEMU lets conventional devices into these slots

    def sriov(self, bus):
        self.vfs = self.random.randint(1, 3)
        subsystem = self.name()
        options = NVME_SRIOV.format(n=self.vfs, q=2 * self.vfs, p=2 + 2 * self.vfs, m=2 + self.vfs)
        self.devices += ["-device", f"nvme-subsys,id={subsystem}"]
        self.add(f"nvme,serial={self.name()},subsys={subsystem},{options}", bus, 0)
        self.functions += self.vfs

    def switch(self, bus, depth):
        managed = self.chance(0.2)
        upstream = self.add_bridge("x3130-upstream", bus, 0, several=managed)
        if managed:
            self.endpoint(EXPRESS, bus, 0, 1)
        for slot in range(self.random.randint(1, 4)):
            down = self.add_bridge(self.chassis("xio3130-downstream"), upstream, slot)
            self.below_port(down, depth + 1)

    def conventional_bus(self, bus, depth):
        for slot in sorted(self.random.sample(range(1, 8), self.random.randint(1, 3))):
            if depth < DEPTH_MAX and not self.full() and self.chance(0.3):
                model = self.random.choice((f"pci-bridge,chassis_nr={self.buses}", "i82801b11-bridge"))
                self.conventional_bus(self.add_bridge(model, bus, slot), depth + 1)
            else:
                self.device(CONVENTIONAL, bus, slot)

    def first_root_bus(self):
        for slot in range(FIRST_SLOT, FIRST_SLOT + self.random.randint(3, 8)):
            kind = self.random.random()
            if self.full():
                break
            if kind < 0.22:
                self.device(EXPRESS, "pcie.0", slot)  # of the root complex, where it is PCI Express
            elif kind < 0.30:
                self.device(CONVENTIONAL, "pcie.0", slot)
            elif kind < 0.40:
                model = self.random.choice((f"pci-bridge,chassis_nr={self.buses}", "i82801b11-bridge", "pcie-pci-bridge"))
                self.conventional_bus(self.add_bridge(model, "pcie.0", slot), 1)
            else:
                self.root_ports("pcie.0", slot, 0)

    def further_root_bus(self, number, slot):
        if self.full():
            return
        name = self.name()
        self.devices += ["-device", f"pxb-pcie,id={name},bus=pcie.0,addr={slot:#x},bus_nr={number:#x}"]
        self.functions += 1
        for slot in range(self.random.randint(1, 3)):
            self.root_ports(name, slot, 1, only_ports=True)  # QEMU takes nothing else there


def draw(seed):
    return Draw(seed)
