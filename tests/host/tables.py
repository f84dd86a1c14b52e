# SPDX-License-Identifier: Apache-2.0
"""ACPI tables from pieces, and configuration space as `lspci -xxxx` prints it."""
import struct


def fixed(table):
    """The same with its length and checksum right."""
    table = bytearray(table)
    table[4:8] = struct.pack("<I", len(table))
    table[9] = 0
    table[9] = -sum(table) & 0xff
    return bytes(table)


def dmar(*structures, flags=1):
    return fixed(b"DMAR" + bytes(4) + b"\1" + bytes(27) + bytes([45, flags]) + bytes(10) + b"".join(structures))


def ivrs(*blocks):
    return fixed(b"IVRS" + bytes(4) + b"\2" + bytes(27) + struct.pack("<IQ", 0x203040, 0) + b"".join(blocks))


def mcfg(*windows):
    return fixed(b"MCFG" + bytes(4) + b"\1" + bytes(35) + b"".join(struct.pack("<QHBBI", *w, 0) for w in windows))


def structure(kind, body):
    return struct.pack("<HH", kind, 4 + len(body)) + body


def scope(kind, bus, *path, enumeration=0):
    return bytes([kind, 6 + len(path), 0, 0, enumeration, bus, *path])


def drhd(base, *scopes, flags=0, segment=0):
    return structure(0, struct.pack("<BBHQ", flags, 0, segment, base) + b"".join(scopes))


def rmrr(base, limit, *scopes):
    return structure(1, struct.pack("<HHQQ", 0, 0, base, limit) + b"".join(scopes))


def ivhd(kind, *entries):
    body = struct.pack("<HHQHHI", 2, 0x40, 0xfd000000, 0, 0, 0) + (bytes(16) if kind != 0x10 else b"") + b"".join(entries)
    return struct.pack("<BBH", kind, 0, 4 + len(body)) + body


def madt(cpus, ioapics):
    """Processors with the APIC IDs 0 and so on; I/O APICs: by their IDs."""
    body = struct.pack("<II", 0xFEE00000, 0)
    body += b"".join(struct.pack("<BBBBI", 0, 8, n, n, 1) for n in range(cpus))
    body += b"".join(struct.pack("<BBBBII", 1, 12, i, 0, 0xFEC00000 + 0x1000 * n, 24 * n) for n, i in enumerate(ioapics))
    return fixed(b"APIC" + bytes(4) + b"\3" + bytes(27) + body)


# Port types of PCI Express
ENDPOINT, ROOT_PORT, INTEGRATED = 0, 4, 9
ACS_ALL = 0x1D


def function(device_class, device=0x1234, kind=INTEGRATED, buses=None, vendor=0x8086):
    """A function's configuration space: PCI Express with ACS, MSI, and (BUSES: those below it) a header of a bridge."""
    space = bytearray(4096)
    struct.pack_into("<HHHHI", space, 0, vendor, device, 0, 0x10, device_class << 8)
    space[0x34] = 0x40
    struct.pack_into("<HH", space, 0x40, 0x5010, kind << 4 | 2)
    struct.pack_into("<H", space, 0x50, 0x0005)
    struct.pack_into("<IHH", space, 0x100, 0x1000D, ACS_ALL, ACS_ALL)
    if buses:
        space[0x0E] = 1
        space[0x18:0x1B] = bytes([0, *buses])
    return bytes(space)


def dump(functions):
    """FUNCTIONS: (bus, device, function) -> configuration space."""
    parts = []
    for (bus, device, number), space in sorted(functions.items()):
        parts.append(f"0000:{bus:02x}:{device:02x}.{number} Class\n")
        parts += [f"{at:02x}: {space[at:at + 16].hex(' ')}\n" for at in range(0, len(space), 16)]
        parts.append("\n")
    return "".join(parts)
