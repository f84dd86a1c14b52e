#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""real_tables.py [--write]

What the plan step makes of every DMAR and IVRS table of real machines: the tables of docs/iommu.md, section "Real tables".
With --write it puts them into that file, between the two comments that mark the place.

A table comes without the machine that it describes. So one is drawn from it: every function that it names, with the bridges
on the way and something below each bridge, each IO-APIC that it names, and what every machine has besides. A file gives the
group of every endpoint to a partition; what is refused is counted, a table once for each rule. Tables of machines
whose listing is in the corpus, too, are tried on that listing as well, and captured machines have tables of their own.
Each refusal has been read: JUDGED has what came of that, and the test wants a word on each.
"""
import collections
import csv
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from comparison import COMMAND, ORACLE, ROOT, captured_machines
from iasl import compare
from real_machines import CORPUS as LISTINGS, Listing, listings
from tables import ENDPOINT, INTEGRATED, ROOT_PORT, dump, function, madt

CORPUS = LISTINGS.parent / "acpi"
DOCUMENT = ROOT / "docs" / "iommu.md"
BEGIN, END = "<!-- begin: tests/host/real_tables.py --write -->", "<!-- end -->"
HOST, ISA, PORT, GPU, DISK, NIC, USB, IOMMU = 0x060000, 0x060100, 0x060400, 0x030000, 0x010802, 0x020000, 0x0C0330, 0x080600
BRIDGE_SCOPE, IOAPIC_SCOPE = 2, 3
SELECTS, RANGES, RANGE_END, SPECIAL = (0x02, 0x42, 0x46), (0x03, 0x43, 0x47), 0x04, 0x48
SPECIAL_IOAPIC = 1
GENERIC = {"super server"}  # what many different machines call themselves


def decoded():
    """(name, what `bulkhead acpi --json` makes of it) of each table."""
    paths = sorted(CORPUS.glob("*.bin"))
    text = subprocess.run([COMMAND, "acpi", "--json", *paths], check=True, stdout=subprocess.PIPE, text=True).stdout
    return list(zip((path.stem for path in paths), map(json.loads, text.splitlines())))


class Drawn:
    """A machine that the table fits."""

    def __init__(self, table):
        self.functions = {(0, 0, 0): function(HOST)}
        self.ioapics, self.start_buses = [], set()
        (self.draw_dmar if table["signature"] == "DMAR" else self.draw_ivrs)(table)
        self.add((0, 0x1F, 0), ISA)
        self.bridge((0, 0x1C, 0))  # what nobody names, in most tables
        self.ioapics = self.ioapics or [2]

    def add(self, address, device_class):
        """With function 0 of its device, without which nobody would look for it."""
        for number in {0, address[2]}:
            if (*address[:2], number) not in self.functions:
                self.functions[(*address[:2], number)] = function(
                    device_class, device=0x1000 + len(self.functions), kind=ENDPOINT if address[0] else INTEGRATED)

    def buses(self):
        return {bus for bus, _, _ in self.functions} | self.start_buses

    def bridge(self, address):
        """The bus below it, where there is at least one endpoint. A function that is no bridge yet becomes one."""
        space = self.functions.get(address)
        if space and space[0x0E] == 1:
            return space[0x19]
        below = next(bus for bus in range(address[0] + 1, 256) if bus not in self.buses())
        self.add(address, PORT)
        self.functions[address] = function(PORT, kind=ROOT_PORT, buses=(below, below))
        self.add((below, 0, 0), DISK)
        return below

    def draw_dmar(self, table):
        scopes = [s for entry in table["structures"] for s in entry.get("scopes", ())]
        self.start_buses = {s["bus"] for s in scopes if s["type"] <= BRIDGE_SCOPE}
        for s in scopes:
            if s["type"] == IOAPIC_SCOPE and s["enumeration"] not in self.ioapics:
                self.ioapics.append(s["enumeration"])
            if s["type"] > BRIDGE_SCOPE or not s["path"]:
                continue
            bus = s["bus"]
            for device, number in s["path"][:-1]:
                bus = self.bridge((bus, device, number))
            device, number = s["path"][-1]
            if device > 31 or number > 7:
                continue
            if s["type"] == BRIDGE_SCOPE and (bus, device, number) not in self.functions:
                self.bridge((bus, device, number))
            self.add((bus, device, number), GPU if (device, number) == (2, 0) else USB)

    def draw_ivrs(self, table):
        blocks = [entry for entry in table["structures"] if entry["type"] == "IVHD"]
        for block in blocks:
            self.add(split(block["device"]), IOMMU)
            for entry in block["entries"]:
                if entry["type"] == SPECIAL and entry["variety"] == SPECIAL_IOAPIC and entry["handle"] not in self.ioapics:
                    self.ioapics.append(entry["handle"])
                if entry["type"] in SELECTS:
                    self.add(split(entry["device"]), NIC)
        for device, number in ((1, 1), (8, 1)):
            self.bridge((0, device, number))
        self.add((0, 0x14, 0), 0x0C0500)
        for entry in table["structures"]:
            if entry["type"] == "IVMD":
                self.add(split(entry["device"]), USB)


def split(requester_id):
    return requester_id >> 8, requester_id >> 3 & 31, requester_id & 7


class Verdict:
    """What the plan step says: errors as (rule, lines), without those of functions that nobody ever gets; and warnings."""

    def __init__(self, directory, dump_text, ioapics, table):
        directory = Path(directory)
        lspci, apic, conf = directory / "lspci.txt", directory / "apic.bin", directory / "bulkhead.conf"
        lspci.write_text(dump_text)
        apic.write_bytes(madt(1, ioapics))
        (directory / "k").write_bytes(bytes(4096))
        conf.write_text("[partition p]\ncpus = 0\nmemory = 16M\nkernel = k\nno-reset = accept\n" +
                        "".join(f"group = {address}\n" for address in re.findall(r"^(\S+) Class", dump_text, re.MULTILINE)))
        checked = subprocess.run([COMMAND, "check", conf, "--lspci", lspci, "--acpi", apic, "--acpi", table],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert checked.returncode in (0, 1), checked
        self.warnings = re.findall(r"^bulkhead: warning: (.*)", checked.stderr, re.MULTILINE)
        self.errors = [error for error in errors(checked.stdout) if error[0] != "device-not-assignable"]

    @property
    def rules(self):
        return {rule for rule, _ in self.errors}


def errors(text):
    """[(rule, [lines])] of each error."""
    found = []
    for line in text.splitlines():
        begin = re.match(r"bulkhead\.conf:[\d:]+: error\[([a-z-]+)\]: (.*)", line)
        if begin:
            found.append((begin[1], [begin[2]]))
        elif found:
            found[-1][1].append(re.sub(r"^bulkhead\.conf:[\d:]+:\s+", "", line))
    return found


def same_model():
    """(table, listing) of machines that call themselves the same in both collections."""
    def models(path, column):
        with open(path, newline="", encoding="utf-8") as file:
            return {row["file"].rsplit(".", 1)[0]: row[column].lower() for row in csv.DictReader(file, delimiter="\t") if row[column]}

    tables, known = models(CORPUS / "index.tsv", "model"), set(listings("full", "caps", "basic", "groups"))
    for listing, text in sorted(models(LISTINGS / "index.tsv", "model").items()):
        for table, model in sorted(tables.items()):
            if listing in known and len(model) > 6 and model not in GENERIC and re.search(rf"(?<![a-z0-9]){re.escape(model)}(?![a-z0-9-])", text):
                yield table, listing


def drawn_verdicts(directory, signature):
    for name, table in decoded():
        if table["signature"] == signature:
            machine = Drawn(table)
            yield name, Verdict(directory, dump(machine.functions), machine.ioapics, CORPUS / f"{name}.bin")


def listed_verdicts(directory):
    tables = dict(decoded())
    for name, listing in same_model():
        machine = Drawn(tables[name])
        yield f"{name} on {listing}", Verdict(directory, Listing(listing).dump(hopeful=True), machine.ioapics, CORPUS / f"{name}.bin")


def captured_verdicts(directory):
    for name in captured_machines():
        yield name, Verdict(directory, (ORACLE / name / "lspci.txt").read_text(), [0], ORACLE / name / "dmar.bin")


KINDS = {
    "DMAR, machine drawn from it": lambda directory: drawn_verdicts(directory, "DMAR"),
    "IVRS, machine drawn from it": lambda directory: drawn_verdicts(directory, "IVRS"),
    "listing of the same model": listed_verdicts,
    "captured machine with its own DMAR": captured_verdicts,
}

OLD = "right: hardware from before 2011, or an erratum, without interrupt remapping; the table says so"
LOW_USB = "right: firmware's USB keyboard emulation wants memory below 1 MiB, where a guest has its own tables"
ZERO = "table broken: firmware never filled in the region (0 to 0xfff); nothing may reach that page"
SLOT = "right: the table lists functions one by one, and this one is not listed"
JUDGED = {
    ("dmar-2dfd57ab2d", "no-interrupt-remapping"): OLD,
    ("dmar-2dfd57ab2d", "reserved-memory"): LOW_USB,
    ("dmar-30f4c97f7a", "reserved-memory"): LOW_USB,
    ("dmar-3909e58a6c", "no-interrupt-remapping"): OLD,
    ("dmar-39829edc8f", "no-interrupt-remapping"): OLD,
    ("dmar-4122d60e18", "no-interrupt-remapping"): OLD,
    ("dmar-4d4ed189d1", "reserved-memory"): "right: the management controller reads the server's devices through memory below 1 MiB",
    ("dmar-689c50cdea", "no-interrupt-remapping"): OLD,
    ("dmar-8457940ec9", "no-interrupt-remapping"): OLD,
    ("dmar-8457940ec9", "reserved-memory"): ZERO,
    ("dmar-8ce3f0a50f", "no-interrupt-remapping"): OLD,
    ("dmar-90513e675e", "no-interrupt-remapping"): "right: a laptop of 2020 whose firmware says that interrupts are not remapped",
    ("dmar-90513e675e", "device-uncovered"): "table broken: the unit for all other devices lies at address 0",
    ("dmar-aef2c7fe45", "no-interrupt-remapping"): OLD,
    ("dmar-db0848f58b", "reserved-memory"): LOW_USB,
    ("dmar-ea61dd958a", "no-iommu"): "table broken: a compiler's template, whose only unit lies at address 0",
    ("dmar-ea61dd958a", "reserved-memory"): "table broken: a compiler's template; the region is 0 to 0xfff",
    ("dmar-ef086cc8fe", "no-interrupt-remapping"): OLD,
    ("dmar-ef086cc8fe", "reserved-memory"): ZERO,
    ("dmar-fb08cd2307", "no-interrupt-remapping"): OLD,
    ("ivrs-524ae61a2a", "device-uncovered"): SLOT,
    ("ivrs-65d6069226", "device-uncovered"): SLOT,
    ("ivrs-65d6069226 on pci-groups-f30e7885c7", "device-uncovered"):
        "right: a board of the same model with cards in other slots than the table's; its own table would list them",
    ("ivrs-d999d39730", "no-interrupt-remapping"): "table broken: it has the HPET but no I/O APIC; Linux switches remapping off here, too",
}


def models():
    with open(CORPUS / "index.tsv", newline="", encoding="utf-8") as file:
        return {row["file"].rsplit(".", 1)[0]: " ".join(filter(None, (row["vendor"], row["model"]))) or row["class"]
                for row in csv.DictReader(file, delimiter="\t")}


def row(*cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def lines():
    tables = decoded()
    fields = sum(compare(json.loads((CORPUS / f"{name}.json").read_text()), table, name) for name, table in tables)
    structures = [entry for _, table in tables for entry in table["structures"]]
    inner = sum(len(entry.get("scopes", entry.get("entries", ()))) for entry in structures)
    yield (f"{len(tables)} tables ({sum(t['signature'] == 'DMAR' for _, t in tables)} DMAR) with {len(structures):,} structures and {inner:,} "
           f"scopes and entries: {fields:,} fields, all as iasl has them.")
    yield ""
    details, names = [], models()
    yield row("table and machine", "number", "accepted whole", "refusals", "by rule")
    yield row("---", "---:", "---:", "---:", "---")
    with tempfile.TemporaryDirectory() as directory:
        for kind, verdicts in KINDS.items():
            number, whole, rules = 0, 0, collections.Counter()
            for name, verdict in verdicts(directory):
                number, whole = number + 1, whole + (not verdict.errors)
                rules.update(verdict.rules)
                details += [(name, rule) for rule in sorted(verdict.rules)]
            yield row(kind, number, whole, sum(rules.values()), ", ".join(f"`{rule}` {count}" for rule, count in sorted(rules.items())))
    yield ""
    yield row("table", "of", "rule", "read and judged")
    yield row("---", "---", "---", "---")
    for name, rule in details:
        yield row(name, names.get(name.split()[0], "").replace("|", "/"), f"`{rule}`", JUDGED.get((name, rule), "not judged"))


def main():
    if not CORPUS.is_dir():
        sys.exit(f"real_tables.py: there is no {CORPUS}")
    text = "\n".join(lines())
    if sys.argv[1:] != ["--write"]:
        print(text)
        return
    document = DOCUMENT.read_text()
    before, begun, rest = document.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        sys.exit(f"real_tables.py: {DOCUMENT} does not mark the place")
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
