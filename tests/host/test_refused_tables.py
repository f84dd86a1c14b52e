# SPDX-License-Identifier: Apache-2.0
"""What a partition cannot have because of firmware's tables: refused by a rule, with words that tell whose fault it is.

The machine: a host bridge, a graphics controller, USB, and a disk behind a root port; one I/O APIC, with ID 2.
"""
import re
import struct

import pytest

from tables import ENDPOINT, ROOT_PORT, dmar, drhd, dump, fixed, function, ivhd, ivrs, madt, rmrr, scope

MACHINE = {(0, 0, 0): function(0x060000), (0, 2, 0): function(0x030000), (0, 0x14, 0): function(0x0C0330),
           (0, 0x1C, 0): function(0x060400, kind=ROOT_PORT, buses=(1, 1)), (1, 0, 0): function(0x010802, kind=ENDPOINT)}
DISK, USB = "0000:01:00.0", "0000:00:14.0"
IOAPIC, OTHERS = scope(3, 0xF0, 0x1F, 0, enumeration=2), 1
IOAPIC_ENTRY = bytes([0x48, 0, 0, 0, 2, 0xA0, 0, 1])
ALL = bytes([1, 0, 0, 0])


def two_units(*scopes):
    return dmar(drhd(0xFED90000, *scopes), drhd(0xFED91000, IOAPIC, flags=OTHERS))


def cut(table, record_at):
    """The record says that it is longer than the table."""
    table = bytearray(table)
    table[record_at + 2:record_at + 4] = struct.pack("<H", 0x1000)
    return fixed(table)


# name -> (table, device, rule, a reason, what the fix speaks of); no rule: it is accepted
CASES = {
    "a good DMAR": (two_units(scope(1, 0, 2, 0)), DISK, None, None, None),
    "a good IVRS": (ivrs(ivhd(0x11, ALL, IOAPIC_ENTRY)), DISK, None, None, None),
    "no table": (b"", DISK, "no-iommu", None, "VT-d, AMD-Vi or IOMMU"),
    "a table without units": (dmar(), DISK, "no-iommu", None, "VT-d, AMD-Vi or IOMMU"),
    "a unit at no place": (dmar(drhd(0, IOAPIC, flags=OTHERS)), DISK, "no-iommu", None, "VT-d, AMD-Vi or IOMMU"),
    "a checksum that is wrong": (two_units()[:-1] + b"\x77", DISK, "no-iommu", None, "VT-d, AMD-Vi or IOMMU"),
    "nobody includes all": (dmar(drhd(0xFED90000, IOAPIC, scope(1, 0, 2, 0))), DISK, "device-uncovered", "gives it to no unit",
                            "update the firmware"),
    "an IVRS that lists others": (ivrs(ivhd(0x11, bytes([2, 0x10, 0, 0]), IOAPIC_ENTRY)), DISK, "device-uncovered",
                                  "gives it to no unit", "update the firmware"),
    "the others' unit at no place": (dmar(drhd(0xFED90000, IOAPIC, scope(1, 0, 2, 0)), drhd(0, flags=OTHERS)), DISK,
                                     "device-uncovered", "says of it, or of its unit, what cannot be true", "update the firmware"),
    "two units by name": (dmar(drhd(0xFED90000, IOAPIC, scope(1, 0, 0x14, 0)), drhd(0xFED91000, scope(1, 0, 0x14, 0))), USB,
                          "device-uncovered", "gives it to two units", "update the firmware"),
    "a port called an endpoint": (two_units(scope(1, 0, 0x1C, 0)), DISK, "device-uncovered",
                                  "says of it, or of its unit, what cannot be true", "update the firmware"),
    "a hole in DMAR": (cut(dmar(drhd(0xFED90000, IOAPIC, flags=OTHERS), rmrr(0, 0xFFF)), 72), DISK, "device-uncovered", "cannot be read in full", "update the firmware"),
    "a hole in a scope": (two_units(scope(1, 0, 2, 0), b"\1\x70\0\0\0\0\x14\0"), DISK, "device-uncovered", "cannot be read in full",
                          "update the firmware"),
    "a hole in IVRS": (ivrs(ivhd(0x11, IOAPIC_ENTRY, ALL, bytes([3, 0, 2, 0]))), DISK, "device-uncovered", "cannot be read in full",
                       "update the firmware"),
    "an I/O APIC that DMAR forgets": (dmar(drhd(0xFED90000, flags=OTHERS)), DISK, "no-interrupt-remapping",
                                      "gives IO-APIC 2 at 0xfec00000 to no unit", "interrupt remapping"),
    "an I/O APIC that IVRS forgets": (ivrs(ivhd(0x11, ALL)), DISK, "no-interrupt-remapping",
                                      "gives IO-APIC 2 at 0xfec00000 to no unit", "interrupt remapping"),
    "an I/O APIC of another number": (dmar(drhd(0xFED90000, scope(3, 0xF0, 0x1F, 0, enumeration=8), flags=OTHERS)), DISK,
                                      "no-interrupt-remapping", "gives IO-APIC 2 at 0xfec00000 to no unit", "interrupt remapping"),
    "units that remap nothing": (dmar(drhd(0xFED90000, IOAPIC, flags=OTHERS), flags=0), DISK, "no-interrupt-remapping",
                                 "units cannot remap interrupts", "interrupt remapping"),
    "a region below 1 MiB": (dmar(drhd(0xFED90000, IOAPIC, flags=OTHERS), rmrr(0xED000, 0xEFFFF, scope(1, 0, 0x14, 0))), USB,
                             "reserved-memory", None, "end this use of the device in the firmware's setup"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_table_and_what_is_said_of_it(bulkhead, tmp_path, name):
    table, device, rule, reason, fix = CASES[name]
    files = {"lspci.txt": dump(MACHINE).encode(), "apic.bin": madt(2, [2]), "table.bin": table, "k": bytes(4096),
             "bulkhead.conf": f"[partition p]\ncpus = 1\nmemory = 64M\nkernel = k\ndevice = {device}\nno-reset = accept\n".encode()}
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    acpi = [word for file in ("apic.bin", "table.bin") if files[file] for word in ("--acpi", tmp_path / file)]
    done = bulkhead("check", tmp_path / "bulkhead.conf", "--lspci", tmp_path / "lspci.txt", *acpi, status=1 if rule else 0)
    lines = done.stdout.splitlines()
    if not rule:
        assert not lines
        return
    errors = [line for line in lines if ": error[" in line]
    assert len(errors) == 1 and re.match(rf"bulkhead\.conf:5:10: error\[{rule}\]: \S", errors[0]), lines
    if rule in ("device-uncovered", "reserved-memory"):
        assert device in errors[0]
    if reason:
        assert any("because" in line and reason in line for line in lines), lines
    assert len(lines) >= 2 and re.match(r"bulkhead\.conf:5:10:   fix: ", lines[-1]) and fix in lines[-1], lines
