#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-initrd.py OUT WORK MODULES GUEST
make-initrd.py OUT --init PROGRAM MODULES

The guests' initramfs: busybox, WORK as /bin/work, the folder MODULES as /modules, and GUEST/init and (if it is there)
GUEST/udhcpc at the root. With --init: one static program as /init, and MODULES. Written here and not
by cpio, so that device nodes need no root and the same input gives the same bytes.
"""
import os
import sys
from pathlib import Path

DIRECTORY, FILE, DEVICE = 0o040755, 0o100755, 0o020600
BUSYBOX = ("/bin/busybox", "/usr/bin/busybox")


class Archive:
    """cpio's "newc" form: each entry a header of hexadecimal text, name and content padded to 4."""

    def __init__(self):
        self.parts, self.inode = [], 0

    def add(self, name, mode, content=b"", device=(0, 0)):
        self.inode += 1
        raw = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(raw), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields) + raw
        self.parts += [header, bytes(-len(header) % 4), content, bytes(-len(content) % 4)]

    def finish(self):
        self.add("TRAILER!!!", 0)
        return b"".join(self.parts)


def guest_files(archive, work, modules, guest):
    busybox = next((Path(p) for p in BUSYBOX if os.path.exists(p)), None)
    if not busybox:
        sys.exit("make-initrd.py: busybox-static is not installed")
    archive.add("bin", DIRECTORY)
    archive.add("bin/busybox", FILE, busybox.read_bytes())
    archive.add("bin/work", FILE, work.read_bytes())
    for name in ("init", "udhcpc"):
        if (guest / name).exists():
            archive.add(name, FILE, (guest / name).read_bytes())


def main():
    out, *arguments = sys.argv[1:]
    archive = Archive()
    for name in ("dev", "modules", "proc", "sys"):
        archive.add(name, DIRECTORY)
    archive.add("dev/console", DEVICE, device=(5, 1))
    archive.add("dev/null", DEVICE, device=(1, 3))
    if arguments[0] == "--init":
        program, modules = map(Path, arguments[1:])
        archive.add("init", FILE, program.read_bytes())
    else:
        work, modules, guest = map(Path, arguments)
        guest_files(archive, work, modules, guest)
    for path in sorted(modules.iterdir()):
        archive.add(f"modules/{path.name}", FILE, path.read_bytes())
    Path(out).write_bytes(archive.finish())


main()
