# SPDX-License-Identifier: Apache-2.0
"""The guest of tests/bochs that takes every way out of itself, on QEMU's SVM."""
from machine import ROOT

EXITS = ROOT / "build" / "guest" / "exits.elf"
WORDS = ["registers", "cpuid", "msrs", "mmio", "xsetbv", "steps", "timer"]


def test_a_guest_leaves_and_comes_back(boot):
    """Registers, instructions that are carried out, and single steps over them; timers without exits."""
    machine = boot(conf=f"""
[partition one]
cpus = 1
memory = 32M
kernel = exits.elf
cmdline = {' '.join(WORDS)}
""", files=[EXITS])
    machine.wait_for(r"bulkhead: partition one: stopped\n", 240)
    for word in WORDS:
        assert machine.lines(rf"^\[one\] exits: {word} ok$"), machine.lines("exits")
    assert machine.lines(r"^bulkhead: phase one 1: exits 0 ")
