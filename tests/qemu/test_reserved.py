# SPDX-License-Identifier: Apache-2.0
"""Memory that firmware reserved for a device (RMRR), on the real image.

QEMU's own DMAR table has no such region. So its tables are left out (acpi=off), and firmware gets ours, by the way on which it
gets QEMU's: the files that its table loader reads.
"""
import struct

from machine import INITRD, VMLINUZ, disk_has_pattern, make_disk, nvme, root_port

BASE, LIMIT = 0x10000000, 0x100FFFFF  # free memory of the machine, and within the guest's
FILE_NAME = 56
TABLES = "etc/acpi/tables"
CONF = """
[partition linux]
cpus    = 1
memory  = 512M
kernel  = vmlinuz
initrd  = initrd.img
cmdline = "console=ttyS0 bulkhead.work=nvme"
device  = 1b36:0010
"""


def table(signature, body, revision=1):
    data = struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body), revision, 0, b"BULKHD", b"RESERVED", 1, b"BLKH", 1) + body
    return data[:9] + bytes([-sum(data) % 256]) + data[10:]


def dmar():
    def scope(kind, enumeration, bus, *path):
        steps = b"".join(bytes(step) for step in path)
        return struct.pack("<BBHBB", kind, 6 + len(steps), 0, enumeration, bus) + steps

    scopes = scope(3, 0, 0xFF, (0, 0))  # the IO-APIC
    unit = struct.pack("<HHBBHQ", 0, 16 + len(scopes), 1, 0, 0, 0xFED90000) + scopes
    scopes = scope(1, 0, 0, (4, 0), (0, 0))  # what is behind the port at 00:04.0
    region = struct.pack("<HHHHQQ", 1, 24 + len(scopes), 0, 0, BASE, LIMIT) + scopes
    return table(b"DMAR", struct.pack("<BB10x", 38, 1) + unit + region)


def firmware_tables(directory, cpus):
    """QEMU's arguments for files with a MADT, an MCFG, a FADT that knows the timer, and the DMAR."""
    processors = b"".join(struct.pack("<BBBBI", 0, 8, n, n, 1) for n in range(cpus))
    fadt = bytearray(276 - 36)
    struct.pack_into("<I", fadt, 76 - 36, 0x608)
    fadt[91 - 36] = 4
    tables = [table(b"FACP", bytes(fadt), 6),
              table(b"APIC", struct.pack("<II", 0xFEE00000, 0) + processors + struct.pack("<BBBBII", 1, 12, 0, 0, 0xFEC00000, 0), 3),
              table(b"MCFG", struct.pack("<8xQHBB4x", 0xB0000000, 0, 0, 0xFF)), dmar()]
    name = TABLES.encode().ljust(FILE_NAME, b"\0")
    script = [struct.pack("<I56sIB", 1, name, 64, 1)]
    place, root, body = 36 + 4 * len(tables), b"", b""
    for n, data in enumerate(tables):
        root += struct.pack("<I", place + len(body))
        body += data
        script.append(struct.pack("<I56s56sIB", 2, name, name, 36 + 4 * n, 4))
    files = {TABLES: table(b"RSDT", root) + body, "etc/table-loader": b"".join(entry.ljust(128, b"\0") for entry in script)}
    arguments = ["-machine", "acpi=off"]
    for name, data in files.items():
        path = directory / name.replace("/", "-")
        path.write_bytes(data)
        arguments += ["-fw_cfg", f"name={name},file={path}"]
    return arguments


def test_a_device_with_reserved_memory_works_and_its_guest_has_a_hole(boot, tmp_path):
    disk = tmp_path / "disk.img"
    make_disk(disk)
    machine = boot(iommu="intel", conf=CONF, files=[VMLINUZ, INITRD], cpus=2, devices=root_port("rp1", 4) + nvme(disk, "rp1"),
                   extra=firmware_tables(tmp_path, 2))
    machine.wait_for(rf"bulkhead: warning: reserved region {BASE:#x}-{LIMIT:#x} is not reserved in the memory map", 300)
    machine.wait_for(r"bulkhead: partition linux: started\n", 300)
    machine.wait_for(rf"\[linux\] .*\[mem {BASE:#018x}-{LIMIT:#018x}\] reserved\n", 300)
    machine.wait_for(rf"\[linux\] .*\[mem {LIMIT + 1:#018x}-0x[0-9a-f]*\] usable\n", 300)
    # 64 MiB are read and 16 MiB written, through the domain that has the region.
    machine.wait_for(r"\[linux\] work: nvme pattern ok\n", 300)
    assert disk_has_pattern(disk)
    assert not machine.lines(r"bulkhead: (fault|panic|partition linux: failed)")
