#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stock kernels of Debian as guests: which ones, with how many processors and how much memory.

    guests.py [--write docs/guests.md]      boots the whole matrix; prints it as a table, and puts that into the file
"""
import argparse
import re
import sys
import time
from pathlib import Path

from machine import BUILD, INITRD, VMLINUZ, Machine

# name: where it comes from; tools/build/get-kernels.sh
KERNELS = {"6.1": "Debian 12", "6.1-cloud": "Debian 12, cloud", "6.12": "Debian 12 backports, or 13", "6.12-cloud": "the same, cloud",
           "7": "Debian 13 backports", "7-cloud": "Debian 13 backports, cloud"}
# Each boot has two guests, (kernel, processors, memory); memory beyond 3 GiB reaches above 4 GiB.
MATRIX = [[(kernel, 1, "128M"), (kernel, 4, "8G")] if "cloud" not in kernel else [(kernel, 2, "512M"), (kernel, 3, "4G")]
          for kernel in KERNELS]
CHECKED = [("6.1-cloud", 2, "256M"), ("7-cloud", 1, "128M")]
# What QEMU emulates beside the usual model's features.
PROCESSOR = "EPYC-Milan,+svm,+npt,+x2apic,+la57"
XAPIC = {"6.1-cloud", "6.12"}  # kernels that are told to reach the local APIC in memory
SHOWN = ("pcid", "smep", "smap", "la57", "pku")
PATIENCE = 900  # seconds for a boot
BYTES = {"M": 1 << 20, "G": 1 << 30}


def vmlinuz(kernel):
    return VMLINUZ if kernel == "6.12" else BUILD / "kernels" / kernel / "vmlinuz"


def memory_bytes(memory):
    return int(memory[:-1]) * BYTES[memory[-1]]


def conf(guests):
    text, cpu = "[hypervisor]\nwhen-idle = exit:0xf4\n", 1  # processor 0 is the monitor
    for number, (kernel, cpus, memory) in enumerate(guests):
        text += (f"\n[partition g{number}]\ncpus = {cpu}-{cpu + cpus - 1}\nmemory = {memory}\nkernel = vmlinuz-{kernel}\n"
                 f"initrd = initrd.img\ncmdline = \"console=ttyS0{' nox2apic' if kernel in XAPIC else ''}\"\n")
        cpu += cpus
    return text


def judge(text, number, guest):
    """The guest's own words of itself, and what is wrong with them."""
    kernel, cpus, memory = guest
    said = re.search(rf"^\[g{number}\] work: linux (\S+) processors (\d+) memory (\d+) KiB high (\d+) has(.*)$", text, re.MULTILINE)
    wrong = []
    if not said:
        return None, ["its init was not reached"]
    release, seen_cpus, kib, high, features = said.groups()
    if ("x2apic" in features.split()) != (kernel not in XAPIC):
        wrong.append("it reaches its local APIC another way")
    if int(seen_cpus) != cpus:
        wrong.append(f"{seen_cpus} processors")
    if not 0.6 * memory_bytes(memory) < int(kib) * 1024 < memory_bytes(memory):
        wrong.append(f"{kib} KiB")
    if (int(high) > 0) != (memory_bytes(memory) > 3 << 30):
        wrong.append(f"{high} pieces of memory above 4 GiB")
    if not re.search(rf"^bulkhead: partition g{number}: stopped$", text, re.MULTILINE):
        wrong.append("it did not switch itself off")
    return (release, features.split()), wrong


def machine_of(guests, start=Machine, more="", more_files=(), more_cpus=0):
    """A machine on which GUESTS run side by side, and partitions of MORE lines with the processors that follow."""
    # A partition's memory is one piece, and the machine's is cut in two at 2 GiB.
    total = sum(memory_bytes(memory) for _, _, memory in guests) + (3 << 30)
    files = {f"vmlinuz-{kernel}={vmlinuz(kernel)}" for kernel, _, _ in guests}
    return start(conf=conf(guests) + more, files=[*files, f"initrd.img={INITRD}", *more_files], cpu=PROCESSOR,
                 cpus=1 + sum(cpus for _, cpus, _ in guests) + more_cpus, memory=f"{total >> 20}M")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    rows, failed = [], 0
    for guests in MATRIX:
        began = time.monotonic()
        with machine_of(guests) as machine:
            try:
                machine.wait_end(PATIENCE)
            except AssertionError as error:
                print(error, file=sys.stderr)
            text = machine.text
        for number, guest in enumerate(guests):
            facts, wrong = judge(text, number, guest)
            release, features = facts or ("", [])
            failed += bool(wrong)
            apic = "x2APIC" if "x2apic" in features else "in memory"
            rows.append(f"| {KERNELS[guest[0]]} | {release} | {guest[1]} | {guest[2]} | {apic} | "
                        f"{' '.join(f.upper() for f in SHOWN if f in features)} | {'; '.join(wrong) or 'runs'} |")
            print(rows[-1], f"{time.monotonic() - began:.0f} s", flush=True)
    if arguments.write:
        head, _, rest = arguments.write.read_text().partition("<!-- matrix -->\n")
        arguments.write.write_text(head + "<!-- matrix -->\n" + "\n".join(rows) + "\n" + rest[rest.index("<!-- end -->"):])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
