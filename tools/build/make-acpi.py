#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-acpi.py IASL BASE WORK OUT TABLE.asl...

A guest's firmware tables, compiled by iasl into the folder WORK, and laid out from the address BASE on: root pointer,
XSDT, and every table but the DSDT named in it (ACPI 6.3, section 5.2.5). OUT is a C header with the bytes, and for each table
where it begins: GUEST_TABLES_FACP and so on. The MADT is the last one: records of processors can be appended.
"""
import struct
import subprocess
import sys
from pathlib import Path

OEM = b"BLKHD ", b"BULKHEAD", 1, b"BLKH", 1  # of the tables made here; iasl writes its own name as creator
HEADER = "<4sIBB6s8sI4sI"
CHECKSUM, LENGTH = 9, struct.calcsize(HEADER)
RSDP = "<8sB6sBIIQB3x"
FADT_DSDT, FADT_X_DSDT = 40, 140
ALIGNMENT = 16


def summed(table, at=CHECKSUM, count=None):
    """With the byte AT such that the first COUNT bytes add up to zero."""
    table = bytearray(table)
    table[at] = 0
    table[at] = -sum(table[:count]) & 0xff
    return bytes(table)


def compile_table(iasl, work, source):
    done = subprocess.run([iasl, "-vs", "-p", work / source.stem, source], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(done.stdout)
    return (work / f"{source.stem}.aml").read_bytes()


def lay_out(base, tables):
    """The bytes of all, and signature -> offset."""
    names = sorted(tables, key=lambda name: name == b"APIC")
    xsdt_at = -(-struct.calcsize(RSDP) // ALIGNMENT) * ALIGNMENT
    end = xsdt_at + LENGTH + 8 * (len(names) - 1)
    places = {}
    for name in names:
        places[name] = -(-end // ALIGNMENT) * ALIGNMENT
        end = places[name] + len(tables[name])
    fadt = bytearray(tables[b"FACP"])
    struct.pack_into("<I", fadt, FADT_DSDT, base + places[b"DSDT"])
    struct.pack_into("<Q", fadt, FADT_X_DSDT, base + places[b"DSDT"])
    listed = [base + places[name] for name in names if name != b"DSDT"]
    xsdt = struct.pack(HEADER, b"XSDT", LENGTH + 8 * len(listed), 1, 0, *OEM) + struct.pack(f"<{len(listed)}Q", *listed)
    rsdp = struct.pack(RSDP, b"RSD PTR ", 0, OEM[0], 2, 0, struct.calcsize(RSDP), base + xsdt_at, 0)
    image = bytearray(end)
    image[0:len(rsdp)] = summed(summed(rsdp, 8, 20), 32)
    image[xsdt_at:xsdt_at + len(xsdt)] = summed(xsdt)
    for name in names:
        image[places[name]:places[name] + len(tables[name])] = summed(fadt) if name == b"FACP" else tables[name]
    return bytes(image), places


def main():
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    iasl, base, work, out = sys.argv[1], int(sys.argv[2], 0), Path(sys.argv[3]), Path(sys.argv[4])
    work.mkdir(parents=True, exist_ok=True)
    tables = {table[:4]: table for table in (compile_table(iasl, work, Path(source)) for source in sys.argv[5:])}
    image, places = lay_out(base, tables)
    with out.open("w", encoding="utf-8") as header:
        print("/* SPDX-License-Identifier: Apache-2.0 */\n#pragma once", file=header)
        print(f"#define GUEST_TABLES_ADDRESS 0x{base:x}", file=header)
        for name, place in places.items():
            print(f"#define GUEST_TABLES_{name.decode()} 0x{place:x}", file=header)
        print("static const unsigned char guest_tables[] = {", file=header)
        for i in range(0, len(image), 16):
            print("\t" + ", ".join(f"0x{byte:02x}" for byte in image[i:i + 16]) + ",", file=header)
        print("};", file=header)


if __name__ == "__main__":
    main()
