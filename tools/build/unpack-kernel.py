#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""unpack-kernel.py DEBS DEST MODULE...

From an unpacked linux-image package: DEST/vmlinuz, and the modules named with all that they depend
on as plain DEST/modules/*.ko; DEST/modules/order lists them in the order in which to load them.
"""
import lzma
import re
import shutil
import subprocess
import sys
from pathlib import Path


def module_bytes(path):
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout
    return path.read_bytes()


def info(data, key):
    """Values of a key of the module's .modinfo, which holds `key=value` strings ended by NULs."""
    return [v.decode() for v in re.findall(rb"\0" + key + rb"=([^\0]*)\0", data)]


def main():
    debs, dest, wanted = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    # Debian 12 has /lib beside /usr/lib; a package may use either.
    trees = [t for root in ("lib", "usr/lib") for t in debs.glob(f"{root}/modules/*") if t.is_dir()]
    files = {}
    for tree in trees:
        for path in tree.rglob("*.ko*"):
            files[path.name.split(".ko")[0].replace("-", "_")] = path

    order, loaded = [], {}

    def need(name, soft=False):
        name = name.replace("-", "_")
        if name in loaded:
            return
        if name not in files:
            if soft:
                return  # built into the kernel, or an alias that only a running kernel resolves
            sys.exit(f"unpack-kernel.py: no module {name} in {debs}")
        data = module_bytes(files[name])
        loaded[name] = data
        # Words of "depends=a,b" are hard; "softdep=pre: a b post: c" may be missing.
        for line in info(data, b"softdep"):
            before = re.search(r"pre:([^:]*)(?:post:|$)", line)
            for dependency in before.group(1).split() if before else ():
                need(dependency, soft=True)
        for line in info(data, b"depends"):
            for dependency in filter(None, line.split(",")):
                need(dependency)
        order.append(name)

    for name in wanted:
        need(name)

    part = dest.with_name(dest.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "modules").mkdir(parents=True)
    kernels = list(debs.glob("boot/vmlinuz-*")) + list(debs.glob("usr/lib/modules/*/vmlinuz"))
    if len(kernels) != 1:
        sys.exit(f"unpack-kernel.py: {len(kernels)} kernels in {debs}")
    shutil.copyfile(kernels[0], part / "vmlinuz")
    for name in order:
        (part / "modules" / f"{name}.ko").write_bytes(loaded[name])
    (part / "modules" / "order").write_text("".join(f"{name}\n" for name in order))
    (part / "release").write_text(kernels[0].name.removeprefix("vmlinuz-") + "\n")
    (part / ".complete").touch()
    shutil.rmtree(dest, ignore_errors=True)
    part.rename(dest)


main()
