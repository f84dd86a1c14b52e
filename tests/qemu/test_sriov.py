# SPDX-License-Identifier: Apache-2.0
"""Virtual functions that the file asks for: switched on before groups are formed, given away, and off again for firmware.

QEMU's network device with VIRTIO works without a driver for its physical function: a guest sends with it. The emulated
82576 (igb) has its virtual functions above number 7, where only ARI leads to.
- amd-iommu's fault records do not tell which device behind a port it was: only VT-d shows the name. intel-iommu has room
  for one record: of two faults at the same moment it may lose one.
"""
import re

import pytest

from machine import BUILD, DEBUG_EXIT_0, DEBUG_EXIT_PORT, root_port

ATTACKER = BUILD / "guest" / "attacker.elf"
BOOT, WORK = 300, 300  # seconds, many times what it takes
COMMAND, BUS_MASTER = 0x04, 4
SRIOV, SRIOV_CONTROL, VF_ENABLE, VF_MEMORY = 0x10, 0x08, 1, 8

VIRTIO = "virtio-net-pci,bus=rp1,disable-legacy=on,iommu_platform=on,romfile="
# The physical function comes last.
NETWORK = [*root_port("rp1", 4), "-device", f"{VIRTIO},addr=0x0.0x1,sriov-pf=pf", "-device",
           f"{VIRTIO},addr=0x0.0x2,sriov-pf=pf", "-device", f"{VIRTIO},addr=0x0.0x0,id=pf"]
IGB = [*root_port("rp1", 4), "-device", "igb,bus=rp1,romfile="]

HEAD = f"""\
[hypervisor]
when-idle = exit:{DEBUG_EXIT_PORT:#x}
sriov     = 0000:01:00.0 2
"""
PARTITION = """
[partition {name}]
cpus    = {cpu}
memory  = 32M
kernel  = attacker.elf
cmdline = "{words}"
"""


def partition(name, cpu, words, devices=()):
    return PARTITION.format(name=name, cpu=cpu, words=words) + "".join(f"device = {device}\n" for device in devices)


def machine_of(iommu, conf, devices):
    return dict(iommu=iommu, conf=conf, devices=devices, files=[ATTACKER], cpus=4, memory="1G")


class PhysicalFunction:
    """Configuration space of 0000:01:00.0, read by QEMU itself."""

    def __init__(self, machine):
        self.machine = machine
        self.base = int(re.search(r"([0-9a-f]+)-.*pcie-mmcfg", machine.monitor("info mtree"))[1], 16) + (1 << 20)
        self.sriov = 0x100
        while (head := self.read(self.sriov)) & 0xFFFF != SRIOV:
            self.sriov = head >> 20
            assert self.sriov

    def read(self, offset):
        return int(self.machine.monitor(f"xp /1wx {self.base + offset:#x}").partition(":")[2], 16)

    def control(self):
        return self.read(self.sriov + SRIOV_CONTROL)


@pytest.mark.parametrize("iommu", ["amd", "intel"])
def test_two_partitions_use_a_virtual_function_each(iommu, boot):
    """Registers, DMA in the partition's own domain, MSI-X by its own requester ID; the physical function stays blocked."""
    conf = HEAD + partition("one", 1, "virtual=1", ["0000:01:00.1"]) + partition("two", 2, "virtual=1", ["0000:01:00.2"])
    machine = boot(**machine_of(iommu, conf, NETWORK))
    machine.wait_for(r"^bulkhead: partition \S+: loading$", BOOT)
    physical = PhysicalFunction(machine)
    for name in "one", "two":
        machine.wait_for(rf"^\[{name}\] guest: virtual function at 0x8, command 0x6, registers at", BOOT)
        machine.wait_for(rf"^\[{name}\] guest: virtual function sent, interrupts 1$", WORK)
        assert not physical.read(COMMAND) & BUS_MASTER
        assert physical.control() & (VF_ENABLE | VF_MEMORY) == VF_ENABLE | VF_MEMORY
        machine.wait_for(rf"^\[{name}\] guest: virtual function has been told to read beyond$", WORK)
    assert machine.wait_exit(WORK) == DEBUG_EXIT_0
    faults = {line.split(": ")[2] for line in machine.lines("^bulkhead: fault: ")}
    assert faults
    if iommu == "intel":
        assert faults <= {
            "partition one device 0000:01:00.1 dma-read 0x0000000012000000",
            "partition two device 0000:01:00.2 dma-read 0x0000000012000000"}
    groups = machine.lines(r"^bulkhead: group \d+: 0000:01:00\.\d$")
    assert [line.split()[-1] for line in groups] == ["0000:01:00.0", "0000:01:00.1", "0000:01:00.2"]


def test_a_partition_has_the_physical_function_and_all_virtual_ones(boot):
    """The reset of the physical function switches its virtual functions off: they are there again before they are used."""
    devices = ["0000:01:00.0", "0000:01:00.1", "0000:01:00.2"]
    machine = boot(**machine_of("intel", HEAD + partition("one", 1, "virtual=3", devices), NETWORK))
    machine.wait_for(r"^\[one\] guest: virtual function sent, interrupts 1$", BOOT)
    assert machine.wait_exit(WORK) == DEBUG_EXIT_0
    assert not machine.lines("did not come back")


def test_nobody_needs_to_have_them(boot):
    """And above function 7, by ARI."""
    machine = boot(**machine_of("amd", HEAD + partition("one", 1, "ports"), IGB))
    assert machine.wait_exit(BOOT) == DEBUG_EXIT_0
    functions = [line.split()[2] for line in machine.lines(r"^bulkhead: function 0000:01:.* 8086:10ca ")]
    assert functions == ["0000:01:10.0:", "0000:01:10.2:"]
    assert machine.lines(r"^\[one\] attacker: done$")


def test_firmware_gets_them_back_switched_off(boot):
    """With every error about them."""
    conf = HEAD + "sriov = 0000:00:04.0 1\n" + partition("one", 1, "ports", ["0000:01:00.0", "0000:01:10.0"])
    machine = boot(**machine_of("intel", conf + partition("two", 2, "ports", ["0000:01:10.2"]), IGB))
    assert machine.wait_end(BOOT) is None
    assert machine.lines(r"^bulkhead: function 0000:01:10\.0: 8086:10ca ")  # they were on
    errors = [re.search(r"error\[([a-z-]+)\]", line)[1] for line in machine.lines(r"^bulkhead\.conf:.* error\[")]
    assert errors == ["sriov-refused", "sriov-owner"]
    assert not PhysicalFunction(machine).control() & (VF_ENABLE | VF_MEMORY)


def test_more_than_there_are_is_refused(boot):
    conf = HEAD.replace("01:00.0 2", "01:00.0 9") + partition("one", 1, "ports", ["0000:01:10.0"])
    machine = boot(**machine_of("amd", conf, IGB))
    assert machine.wait_end(BOOT) is None
    assert machine.lines(r"^bulkhead\.conf:3:13: error\[sriov-refused\]: 0000:01:00\.0 cannot have 9 virtual functions$")
    assert machine.lines(r"^bulkhead\.conf:3:13:   fix: .*\(here 8\)$")
    assert not machine.lines(r"^bulkhead: function 0000:01:10")
