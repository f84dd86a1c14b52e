# SPDX-License-Identifier: Apache-2.0
"""Where programs begin: the first bytes of what firmware starts, and of the kernel proper."""
import lzma
import struct
import subprocess
from pathlib import Path

PATTERN_BYTES = 24
SETUP_SECTORS, PAYLOAD_OFFSET, PAYLOAD_LENGTH = 0x1F1, 0x248, 0x24C  # Linux's boot protocol
XZ, ZSTD = b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"


def pe_entry(path):
    """Bytes at the entry of a PE image: bulkhead.efi, xen.efi, a kernel with EFI stub."""
    image = Path(path).read_bytes()
    header = struct.unpack_from("<I", image, 0x3C)[0]
    assert image[header:header + 4] == b"PE\0\0", path
    sections, optional_size = struct.unpack_from("<H12xH", image, header + 6)
    entry = struct.unpack_from("<I", image, header + 24 + 16)[0]
    table = header + 24 + optional_size
    for i in range(sections):
        size, address, raw_size, raw = struct.unpack_from("<4I", image, table + 40 * i + 8)
        if address <= entry < address + max(size, raw_size):
            at = raw + entry - address
            return image[at:at + PATTERN_BYTES]
    raise ValueError(f"{path}: entry outside of all sections")


def kernel_entry(bzimage):
    """Bytes at the entry of the kernel that a bzImage holds: where its own unpacking is over."""
    image = Path(bzimage).read_bytes()
    offset, length = struct.unpack_from("<II", image, PAYLOAD_OFFSET)
    start = (image[SETUP_SECTORS] + 1) * 512 + offset
    payload = image[start:start + length]
    if payload.startswith(XZ):
        kernel = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(ZSTD):
        # Behind the frame lies its length: zstd has unpacked everything when it complains about that.
        kernel = subprocess.run(["zstd", "-dcq"], input=payload, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, check=False).stdout
    else:
        raise ValueError(f"{bzimage}: packed in a way that is not known here")
    entry, headers = struct.unpack_from("<QQ", kernel, 24)
    size, count = struct.unpack_from("<HH", kernel, 54)
    for i in range(count):
        kind, _, offset, virtual, physical, length = struct.unpack_from("<IIQQQQ", kernel, headers + i * size)
        for address in (physical, virtual):
            if kind == 1 and address <= entry < address + length:
                at = offset + entry - address
                return kernel[at:at + PATTERN_BYTES]
    raise ValueError(f"{bzimage}: entry outside of all segments")


def symbol_bytes(elf, name):
    """Bytes at a symbol of our own image."""
    address = next(int(line.split()[0], 16) for line in
                   subprocess.run(["nm", elf], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
                   if line.endswith(f" {name}"))
    image = Path(elf).read_bytes()
    headers, = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for i in range(count):
        kind, _, offset, virtual, _, length = struct.unpack_from("<IIQQQQ", image, headers + i * size)
        if kind == 1 and virtual <= address < virtual + length:
            return image[offset + address - virtual:][:PATTERN_BYTES]
    raise ValueError(f"{elf}: {name} outside of all segments")
