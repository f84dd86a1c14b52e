# SPDX-License-Identifier: Apache-2.0
"""Guests of many kinds: other kernels than the other tests have, every way into an image, and features that guests switch."""
import re

import pytest

import guests
from machine import BUILD, DEBUG_EXIT_0

GP = 13
OTHER_WAYS = {"multiboot": "attacker.elf", "pvh": "attacker-pvh.elf", "flat": "attacker.flat"}


def partition(name, cpu):
    return f"\n[partition {name}]\ncpus = {cpu}\nmemory = 16M\nkernel = {OTHER_WAYS[name]}\ncmdline = features\n"


def test_kernels_side_by_side_with_guests_of_every_other_form(boot):
    """Two kernels of Debian, of 2022 and of now, on a processor with five levels of page tables; and the same small guest as Multiboot ELF,
    PVH ELF and flat binary, which switches each feature on and off that its processor offers."""
    missing = [kernel for kernel, *_ in guests.CHECKED if not guests.vmlinuz(kernel).exists()]
    if missing:
        pytest.skip(f"kernels {', '.join(missing)} are not there: `make deps` could not fetch them")
    first = 1 + sum(cpus for _, cpus, _ in guests.CHECKED)
    machine = guests.machine_of(guests.CHECKED, start=boot, more_cpus=len(OTHER_WAYS),
                                more="".join(partition(name, first + i) for i, name in enumerate(OTHER_WAYS)),
                                more_files=[BUILD / "guest" / file for file in OTHER_WAYS.values()])
    assert machine.wait_end(guests.PATIENCE) == DEBUG_EXIT_0, machine.tail()
    for number, guest in enumerate(guests.CHECKED):
        facts, wrong = guests.judge(machine.text, number, guest)
        assert not wrong, (guest, wrong)
        assert {"smep", "smap", "la57"} <= set(facts[1]), f"{guest} uses them"
    for name in OTHER_WAYS:
        said = [line.partition("] ")[2] for line in machine.lines(rf"^\[{name}\] features: ")]
        # Vectors: 14 is a page fault, 256 none. Switched off is #UD on a real processor, before there is an exit.
        assert said == ["features: smep before 256 on 14 behind 256",
                        "features: smap on purpose 256",
                        "features: smap before 256 on 14 behind 256",
                        "features: pcid not offered",  # QEMU's emulation has none
                        f"features: xcr0 of 0x7 taken 3 wrong 0, another register {GP}, switched off {GP}"], (name, said)
        assert machine.lines(rf"^bulkhead: partition {name}: stopped$")
    assert not re.search(r"bulkhead: (panic|partition \S+: failed)", machine.text)
