#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-esp.py OUT IMAGE.efi CONF [FILE | NAME=FILE]...

A bootable disk image: one EFI system partition (MBR, FAT) just large enough for EFI/BOOT/BOOTX64.EFI
and, at its root, bulkhead.conf and the files. Needs mtools; no root, no loop devices.
"""
import os
import struct
import subprocess
import sys
from pathlib import Path

SECTOR = 512
PARTITION_START = 2048  # sectors: 1 MiB, where every partitioning tool begins
MBR_TABLE = 446
MBR_TYPE_ESP = 0xEF
SLACK = 4 << 20  # the tables of the file system, its directories, and room for survey.txt


def make_esp(out, image, conf, files):
    """files: paths, or NAME=PATH. CONF may be None: then the image finds no file (survey mode)."""
    entries = [("EFI/BOOT/BOOTX64.EFI", Path(image))]
    if conf:
        entries.append(("bulkhead.conf", Path(conf)))
    for spec in map(str, files):
        name, equals, path = spec.partition("=")
        entries.append((name, Path(path)) if equals else (Path(spec).name, Path(spec)))
    absent = [str(path) for _, path in entries if not path.is_file()]
    if absent:
        sys.exit(f"make-esp.py: no such file: {' '.join(absent)}")

    payload = sum(path.stat().st_size + 65536 for _, path in entries)
    sectors = (payload + payload // 64 + SLACK + (1 << 20) - 1) >> 20 << 11  # whole MiB
    total = PARTITION_START + sectors

    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    with open(part, "wb") as disk:
        disk.truncate(total * SECTOR)
        entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", MBR_TYPE_ESP, b"\xfe\xff\xff", PARTITION_START, sectors)
        disk.seek(MBR_TABLE)
        disk.write(entry)
        disk.seek(SECTOR - 2)
        disk.write(b"\x55\xaa")

    volume = f"{part}@@{PARTITION_START * SECTOR}"
    environment = dict(os.environ, MTOOLS_SKIP_CHECK="1")

    def mtool(*arguments):
        subprocess.run(arguments, check=True, env=environment, stdin=subprocess.DEVNULL)

    mtool("mformat", "-i", volume, "-T", str(sectors), "-h", "255", "-s", "63", "-H", str(PARTITION_START),
          "-v", "BULKHEAD", "-N", "42554c4b", "::")
    folders = dict.fromkeys(str(parent) for name, _ in entries for parent in reversed(Path(name).parents) if parent.name)
    mtool("mmd", "-i", volume, *(f"::/{folder}" for folder in folders))
    for name, path in entries:
        mtool("mcopy", "-i", volume, str(path), f"::/{name}")
    part.rename(out)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    make_esp(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
