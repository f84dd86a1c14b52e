# SPDX-License-Identifier: Apache-2.0
"""Devices of every kind at once, each driven by the stock kernel's own driver, and what they transfer is compared.

One partition has all groups: what it takes to give each away stands in its file. The conventional e1000 behind a PCIe-to-PCI bridge
knows no messages: it interrupts by a line, and has registers behind ports. A virtual function of igb transfers as well: what igb does
not do for it, because it does not know of it, a program of the guest does through igb's registers (`iomem=relaxed` lets it).
Another partition drives its watchdog, and then does not.
"""
import hashlib
import re
import subprocess

import pytest

import machine as machines
from machine import (BUILD, DEBUG_EXIT_0, DEBUG_EXIT_PORT, DISK_READ, MIB, PAYLOAD_NAME, PayloadServer, disk_has_pattern, known_bytes,
                     make_disk, nvme, root_port)

KERNEL = BUILD / "kernel-devices" / "vmlinuz"
INITRD = BUILD / "guest" / "devices.img"
WHOLE_RUN = 420  # seconds; about a minute on an idle machine
DISK = 17 * MIB

CONF = """\
[hypervisor]
when-idle = exit:{exit:#x}
sriov     = 0000:01:00.0 3

[partition all]
cpus    = 1-2
memory  = 512M
kernel  = vmlinuz
initrd  = devices.img
cmdline = "console=ttyS0 loglevel=5 bulkhead.port={port} bulkhead.use={use} iomem=relaxed"
group   = 0000:01:00.0        # igb, and its virtual functions
device  = 0000:01:10.0
device  = 0000:01:10.2
device  = 0000:01:10.4
group   = 0000:02:00.0        # xhci
group   = 0000:04:01.0        # e1000 behind the bridge
group   = 0000:00:03.0        # virtio-blk
group   = 0000:00:06.0        # virtio-net
group   = 0000:00:07.0        # hda
group   = 0000:00:1f.2        # ahci, with what else of the chipset can be given away
no-reset = accept             # hda and the chipset have none
intx    = 0000:04:01.0 {line}

[partition starved]
cpus    = 3
memory  = 256M
kernel  = vmlinuz
initrd  = devices.img
cmdline = "console=ttyS0 loglevel=5 bulkhead.use=watchdog"
"""


@pytest.fixture(scope="module")
def server():
    with PayloadServer(2 * MIB) as one:
        yield one


@pytest.fixture(scope="module", autouse=True)
def guest():
    made = subprocess.run(["make", "--no-print-directory", "-s", INITRD.relative_to(machines.ROOT)], cwd=machines.ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert made.returncode == 0, made.stdout


def network(number):
    return ["-netdev", f"user,id=net{number},net=10.0.{number}.0/24"]


def disk(path, name):
    path.write_bytes(known_bytes(name, DISK))
    return ["-drive", f"if=none,id={name},file={path},format=raw"]


def devices(directory, xhci=""):
    return [
        *root_port("rp1", 4), *network(4), "-device", "igb,bus=rp1,netdev=net4,romfile=",
        *root_port("rp2", 5), *disk(directory / "usb", "usb"), "-device", f"qemu-xhci,id=xhci,bus=rp2{xhci}",
        "-device", "usb-storage,bus=xhci.0,drive=usb",
        *root_port("rp3", 8), "-device", "pcie-pci-bridge,id=bridge,bus=rp3",
        *network(3), "-device", "e1000,bus=bridge,addr=1,netdev=net3,romfile=",
        *disk(directory / "virtio", "virtio"), "-device", "virtio-blk-pci,drive=virtio,iommu_platform=on,disable-legacy=on,addr=3",
        *network(5), "-device", "virtio-net-pci,netdev=net5,iommu_platform=on,disable-legacy=on,addr=6,romfile=",
        "-device", "intel-hda,addr=7", "-device", "hda-duplex,audiodev=none", "-audiodev", "none,id=none",
        *disk(directory / "ata", "ata"), "-device", "ide-hd,drive=ata,bus=ide.1",
    ]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("iommu", ["amd", "intel"])
def test_every_device_is_driven_by_its_own_driver(iommu, boot, server, tmp_path):
    conf = CONF.format(exit=DEBUG_EXIT_PORT, port=server.port, line=21, use="igb,igbvf,e1000,virtio-net,virtio-blk,usb,ahci,hda")
    machine = boot(iommu=iommu, conf=conf, files=[KERNEL, INITRD], devices=devices(tmp_path, ",msi=on,msix=off" if iommu == "intel" else ""))
    assert machine.wait_end(WHOLE_RUN) == DEBUG_EXIT_0, machine.tail()
    said = {line.partition("work: ")[2] for line in machine.lines(r"^\[all\] work: ")}
    assert not [line for line in said if line.startswith("failed")]
    for driver in "igb", "igbvf", "e1000", "virtio_net":
        assert f"{driver} read {server.sha256}" in said
    for name, word in ("usb", "usb"), ("virtio", "virtio-blk"), ("ata", "ahci"):
        content = known_bytes(name, DISK)
        assert f"{word} read {sha256(content[:4 * MIB])}" in said
        assert f"{word} written" in said
        now = (tmp_path / name).read_bytes()
        assert now == content[:8 * MIB] + content[:MIB] + content[9 * MIB:], "the guest's copy, and nothing else"
    assert "hda Generic 1af4 ID 22" in said or "hda QEMU Generic" in said, "its codec has answered"
    assert "igbvf 3 functions, 02:00:00:00:00:02" in said
    assert "ahci version 0x10000 through ports" in said

    # By which way interrupts have come: messages, several of one function, and the line.
    def interrupts(pattern):
        return [sum(map(int, line.split()[2:4])) for line in said if re.search(rf"^interrupt .*{pattern}", line)]

    assert sum(interrupts("IO-APIC 17-fasteoi eth")) > 50
    assert interrupts("PCI-MSI-.* xhci_hcd" if iommu == "intel" else "PCI-MSIX-.* xhci_hcd")[0] > 50
    assert sum(interrupts(r"PCI-MSIX-\S+ 0-edge eth\d-tx-0")) > 20, "messages of the virtual function: igb has another order"
    assert not machine.lines(r"^bulkhead: fault: ")

    # The watchdog of ACPI, by wdat_wdt: food keeps the partition alive for longer than the time without.
    fed = machine.text.index("[starved] work: wdat_wdt active, 8 s, fed for 10 s\n")
    assert machine.text.find("bulkhead: partition starved: failed: the guest did not feed its watchdog in time\n", fed) > 0
    assert machine.lines("^bulkhead: partition all: stopped$")


@pytest.mark.parametrize("iommu", ["amd", "intel"])
def test_guest_resets_its_device(iommu, boot, tmp_path):
    """The stock driver goes on after a function level reset: BARs, messages and the disk's content are there again. One of
    the two has its local APIC in memory, where messages name processors by bits of a set."""
    disk, conf = tmp_path / "disk", f"""\
[hypervisor]
when-idle = exit:{DEBUG_EXIT_PORT:#x}

[partition one]
cpus    = 1-2
memory  = 256M
kernel  = vmlinuz
initrd  = initrd.img
cmdline = "console=ttyS0 bulkhead.work=reset{' nox2apic' if iommu == 'intel' else ''}"
group   = 0000:01:00.0
"""
    disk_sha256 = make_disk(disk)
    machine = boot(iommu=iommu, conf=conf, files=[BUILD / "kernel" / "vmlinuz", BUILD / "guest" / "initrd.img"],
                   devices=root_port("rp1", 4) + nvme(disk, "rp1"))
    assert machine.wait_end(WHOLE_RUN) == DEBUG_EXIT_0, machine.tail()
    said = [line.partition("work: ")[2] for line in machine.lines(r"^\[one\] work: ")]
    assert said.count(f"nvme read {DISK_READ} bytes sha256 {disk_sha256}") == 2, machine.tail()
    assert said.index("reset by flr") > said.index("nvme pattern ok") and said.count("nvme pattern ok") == 2
    assert disk_has_pattern(disk)
    assert not machine.lines(r"^bulkhead: fault: ")
