# SPDX-License-Identifier: Apache-2.0
"""What the host command makes of a machine, against the isolation groups that Linux formed on it.

    machine = derive(dump="lspci.txt", tables=["dmar.bin"])
    verdict = compare(machine, [["0000:00:01.0", "0000:01:00.0"], ["0000:00:02.0"]])
    verdict.word, verdict.rules        # "coarser", {"switch-peers"}

A verdict is about the functions that Linux put into a group. "finer": two of them are apart that Linux has
together. "coarser": two are together that Linux has apart, and `rules` names the rules whose reasons connect
them; `unexplained` holds groups that the printed reasons do not connect.
"""
import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / "build" / "bulkhead"
ORACLE = ROOT / "tests" / "data" / "oracle"
ADDRESS = re.compile(r"\b[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b")

UPSTREAM, DOWNSTREAM = 5, 6  # port types

# Rules by which the result may be coarser than Linux's: docs/groups.md has an example of each.
COARSER_RULES = {"switch-peers", "reserved-memory"}


class Sets:
    """Union-find, small."""

    def __init__(self):
        self.parent = {}

    def find(self, item):
        while self.parent.setdefault(item, item) != item:
            item = self.parent[item]
        return item

    def union(self, items):
        """Whether that brought anything together."""
        leaders = {self.find(item) for item in items}
        first = min(leaders, default=None)
        for leader in leaders:
            self.parent[leader] = first
        return len(leaders) > 1


class Derived:
    """Groups and reasons as `bulkhead groups --json` prints them, and the buses below each bridge of the dump."""

    def __init__(self, groups, warnings, spaces):
        self.groups, self.warnings, self.spaces, self.below = groups, warnings, spaces, buses_below(spaces)
        self.number = {}
        for group in groups:
            for function in group["functions"]:
                assert function not in self.number, f"{function} is in two groups"
                self.number[function] = group["id"]

    def tied(self, reason, members):
        """The functions of a group that one reason connects: those that it names, what is below them where it blames
        a port or bridge, and for peers in a switch all that is below the switch's upstream port."""
        tied = {f for f in [reason["at"], *reason["functions"], *ADDRESS.findall(reason["text"])] if f in members}
        if reason["rule"] == "switch-peers":
            tied |= {f for f in members if f[:8] == reason["at"][:8]}
        for function in list(tied):
            first, last = self.below.get(function, (1, 0))
            tied |= {f for f in members if f[:5] == function[:5] and first <= bus_of(f) <= last}
        return tied


def bus_of(function):
    return int(function.split(":")[1], 16)


def read_dump(text):
    """Function -> configuration space, of a dump as `lspci -xxxx` prints it."""
    spaces, current = {}, None
    for line in text.splitlines():
        head = re.match(r"((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\s", line)
        row = re.match(r"([0-9a-f]{2,3}):((?: [0-9a-f]{2})+)\s*$", line)
        if head:
            current = head[1] if head[1].count(":") == 2 else f"0000:{head[1]}"
            spaces[current] = bytearray()
        elif row and current:
            offset, data = int(row[1], 16), bytes.fromhex(row[2])
            space = spaces[current]
            space.extend(bytes(max(0, offset + len(data) - len(space))))
            space[offset:offset + len(data)] = data
    return spaces


def buses_below(spaces):
    """Bridge -> (secondary, subordinate)."""
    return {f: (s[0x19], s[0x1A]) for f, s in spaces.items() if len(s) >= 64 and s[0x0E] & 0x7F == 1 and s[0x19]}


def pcie_type(space):
    """Port type of the PCI Express capability; None: there is none."""
    at = space[0x34] & 0xFC if space[6] & 0x10 else 0
    for _ in range(48):
        if at < 0x40:
            break
        if space[at] == 0x10:
            return space[at + 2] >> 4
        at = space[at + 1] & 0xFC
    return None


def has_acs(space):
    at = 0x100 if len(space) == 4096 else 0
    for _ in range(480):
        if at < 0x100:
            break
        header = int.from_bytes(space[at:at + 4], "little")
        if header & 0xFFFF == 0xD:
            return True
        at = header >> 20 & 0xFFC
    return False


def linux_and_switches(spaces, linux):
    """Linux's groups with the hole closed that it has: where one downstream port of a switch has no ACS, all that is
    below the switch's upstream port is one. As sets of the functions that Linux has in a group."""
    sets, below = Sets(), buses_below(spaces)
    for line in linux:
        sets.union(line)
    for upstream, (first, last) in below.items():
        if pcie_type(spaces[upstream]) != UPSTREAM:
            continue
        reach = [f for f in spaces if f[:5] == upstream[:5] and first <= bus_of(f) <= last]
        if any(bus_of(f) == first and pcie_type(spaces[f]) == DOWNSTREAM and not has_acs(spaces[f]) for f in reach):
            sets.union(reach)
    return partition(sets.find, [f for line in linux for f in line])


def partition(key, functions):
    found = {}
    for function in functions:
        found.setdefault(key(function), set()).add(function)
    return sorted(map(sorted, found.values()))


def derive(dump, tables=(), options=(), spaces=None):
    """Runs the command on a dump (a path)."""
    arguments = [COMMAND, "groups", "--json", "--lspci", dump, *options]
    for table in tables:
        arguments += ["--acpi", table]
    run = subprocess.run(list(map(str, arguments)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    assert run.returncode == 0, f"{arguments}: status {run.returncode}\n{run.stderr}"
    spaces = spaces or read_dump(Path(dump).read_text(errors="replace"))
    return Derived(json.loads(run.stdout)["groups"], run.stderr.splitlines(), spaces)


def read_groups(path):
    """Linux's groups, a line each; functions without one stand behind "none:" and are left out."""
    lines = Path(path).read_text().splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith("none:")]


class Verdict:
    def __init__(self):
        self.finer, self.coarser, self.unexplained, self.rules = [], [], [], set()
        self.functions = self.linux_groups = self.groups = 0
        self.exact = False  # what Linux has with its switches put right, and not one pair more

    @property
    def word(self):
        return "finer" if self.finer else "coarser" if self.coarser else "equal"

    def __str__(self):
        return self.word + (f" by {', '.join(sorted(self.rules))}" if self.rules else "")


def compare(machine, linux):
    verdict = Verdict()
    linux_number = {function: i for i, line in enumerate(linux) for function in line}
    missing = set(linux_number) - set(machine.number)
    assert not missing, f"in no group: {sorted(missing)}"
    verdict.functions, verdict.linux_groups = len(linux_number), len(linux)
    verdict.groups = len({machine.number[f] for f in linux_number})
    verdict.exact = partition(machine.number.get, linux_number) == linux_and_switches(machine.spaces, linux)
    verdict.finer = [line for line in linux if len({machine.number[f] for f in line}) > 1]
    for group in machine.groups:
        known = [f for f in group["functions"] if f in linux_number]
        if len({linux_number[f] for f in known}) < 2:
            continue
        verdict.coarser.append(known)
        sets = Sets()
        for line in linux:
            sets.union(line)
        # What Linux has too comes first, so that a rule is named only for what the others leave apart.
        reasons = sorted(group["reasons"], key=lambda r: r["rule"] in COARSER_RULES)
        for reason in reasons:
            if sets.union(machine.tied(reason, group["functions"])):
                verdict.rules.add(reason["rule"])
        if len({sets.find(f) for f in group["functions"]}) > 1:
            verdict.unexplained.append(group["functions"])
    return verdict


def captured_machines():
    """Machines under QEMU as Linux saw them: tests/data/oracle."""
    return sorted((path.name for path in ORACLE.iterdir()), key=lambda name: int(name.rpartition("-")[2]))


def captured_verdict(name):
    directory = ORACLE / name
    machine = derive(directory / "lspci.txt", [directory / "dmar.bin", directory / "mcfg.bin"])
    return compare(machine, read_groups(directory / "groups.txt"))
