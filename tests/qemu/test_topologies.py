# SPDX-License-Identifier: Apache-2.0
"""Isolation groups of emulated machines with random PCI trees, against those that Linux formed on the same trees."""
import re
import subprocess

import pytest

from machine import IMAGE, ROOT
from survey_files import expect_same_as_console, read_back

ORACLE = ROOT / "tests" / "data" / "oracle"
BOOT = 300  # seconds, many times what it takes
# Chosen for what they have: switches below switches, PCIe-to-PCI and conventional bridges, DMI bridges,
# root ports without ACS, several ports in one slot, extra root buses.
MACHINES = ["q35-1", "q35-2", "q35-3", "q35-4", "q35-5", "q35-6", "q35-7", "q35-8", "q35-9", "q35-10", "q35-11", "q35-12"]


class Sets:
    """Union-find, small."""

    def __init__(self):
        self.parent = {}

    def find(self, item):
        while self.parent.setdefault(item, item) != item:
            item = self.parent[item]
        return item

    def union(self, a, b):
        self.parent[self.find(a)] = self.find(b)


def adapt(argument):
    """The same tree for the QEMU of today. Boot ROMs of network cards only cost time; they do not touch groups. QEMU 11
    cannot leave ACS out of its own root port any more: its model of Intel's root port never had it."""
    if argument.split(",")[0] in ("e1000", "e1000e", "rtl8139"):
        argument += ",romfile="
    if argument.endswith(",disable-acs=on"):
        argument = argument.removesuffix(",disable-acs=on").replace("pcie-root-port,", "ioh3420,", 1)
    return argument


def buses_below(lspci):
    """Bridge -> (secondary, subordinate) bus, from a dump of configuration space."""
    below = {}
    for function, rest in re.findall(r"^([0-9a-f]{4}:[0-9a-f:.]+) Class 0604(.*?)^$", lspci + "\n\n", re.MULTILINE | re.DOTALL):
        row = re.search(r"^10:((?: [0-9a-f]{2}){16})$", rest, re.MULTILINE)[1].split()
        below[function] = (int(row[9], 16), int(row[10], 16))
    return below


def bus_of(function):
    return int(function.split(":")[1], 16)


def connected(reason, members, below):
    """The functions that a reason ties together: those that it names, what is below a port or bridge that it blames,
    and the other ports of a switch."""
    tied = [f for f in re.findall(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", reason) if f in members]
    if re.search(r"\b(?:port|bridge) ", reason):
        for named in list(tied):
            first, last = below.get(named, (1, 0))
            tied += [f for f in members if first <= bus_of(f) <= last]
    if "switch port" in reason:
        tied += [f for f in members if bus_of(f) == bus_of(tied[0])]
    return tied


def printed(text):
    """(groups, reasons): function -> number, and number -> its `because` texts."""
    groups, reasons = {}, {}
    for number, members in re.findall(r"^bulkhead: group (\d+): ((?:[0-9a-f]{4}:[0-9a-f:.]+ ?)+)$", text, re.MULTILINE):
        for member in members.split():
            assert member not in groups, f"{member} is in two groups"
            groups[member] = int(number)
    for number, reason in re.findall(r"^bulkhead: group (\d+): because (.+)$", text, re.MULTILINE):
        reasons.setdefault(int(number), []).append(reason)
    return groups, reasons


@pytest.mark.parametrize("name", MACHINES)
def test_groups_equal_linux_or_are_coarser_by_a_printed_reason(boot, tmp_path, name):
    """Never finer than Linux; where coarser, printed reasons connect what Linux keeps apart."""
    arguments = (ORACLE / name / "arguments.txt").read_text().split()
    linux = [line.split() for line in (ORACLE / name / "groups.txt").read_text().splitlines() if line.strip()]
    esp = tmp_path / "esp.img"
    subprocess.run([ROOT / "tools" / "build" / "make-esp.py", esp, IMAGE, ""], check=True)  # no file: survey mode
    machine = boot(iommu="intel", cpus=1, memory="1G", devices=map(adapt, arguments),
                   extra=["-drive", f"if=none,id=esp,file={esp},format=raw", "-device", "ide-hd,drive=esp,bus=ide.0,bootindex=0"])
    assert machine.wait_end(BOOT) is None, "a survey returns to firmware"
    groups, reasons = printed(machine.text)
    machine.stop()
    expect_same_as_console(machine.text, read_back(esp, "survey.txt"))

    functions = sorted(function for line in linux for function in line)
    assert sorted(groups) == functions, "the boot disk is at the chipset's own controller: the functions are the same"
    numbers = sorted(set(groups.values()))
    lowest = [min(f for f in groups if groups[f] == n) for n in numbers]
    assert numbers == list(range(len(numbers))) and lowest == sorted(lowest), "numbered by their lowest addresses"

    below = buses_below((ORACLE / name / "lspci.txt").read_text())
    linux_number = {function: i for i, line in enumerate(linux) for function in line}
    for line in linux:
        assert len({groups[function] for function in line}) == 1, f"finer than Linux: {line}"
    for number in numbers:
        members = [f for f in groups if groups[f] == number]
        if len({linux_number[f] for f in members}) == 1:
            continue
        # What the reasons name, with Linux's own groups, must connect the whole group.
        sets = Sets()
        for line in linux:
            for function in line:
                sets.union(function, line[0])
        for reason in reasons.get(number, []):
            tied = connected(reason, members, below)
            for function in tied[1:]:
                sets.union(function, tied[0])
        assert len({sets.find(f) for f in members}) == 1, f"group {number} is coarser than Linux's without a reason: {members}"
