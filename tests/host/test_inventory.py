# SPDX-License-Identifier: Apache-2.0
"""What the image's parsers make of every real DMAR and IVRS: units, who is behind them, aliases, reserved regions,
IOAPICs. Expected is what follows from iasl's decoding of the same table by the rules of the two specifications. The
machine is made up: the functions that the table names, one below each bridge that it names, and one that it does not name."""
import json
import subprocess

import pytest

from comparison import ROOT
from conftest import CORPUS

TABLES = CORPUS / "acpi"
PROGRAM = ROOT / "build" / "host" / "inventory"
ENDPOINT_CLASS, BRIDGE_CLASS = 0x020000, 0x060400
ENDPOINT, BRIDGE, IOAPIC = 1, 2, 3
UNNAMED = (0, 0x15 << 3 | 6)  # no table of the corpus names it
IVHD_SELECT, IVHD_RANGE, IVHD_END, ALIAS_SELECT, ALIAS_RANGE, EXT_SELECT, EXT_RANGE, SPECIAL = 2, 3, 4, 0x42, 0x43, 0x46, 0x47, 0x48

pytestmark = pytest.mark.skipif(not TABLES.is_dir(), reason="there are no real tables beside the repository")


@pytest.fixture(scope="module", autouse=True)
def program():
    subprocess.run(["make", "--no-print-directory", "-s", "BUILD=build", "build/host/inventory"], cwd=ROOT, check=True)


def fields(thing):
    return {f[0]: f[3] for f in thing["fields"]}


def names(signature):
    return sorted(p.stem for p in TABLES.glob(f"{signature}-*.json"))


def load(name):
    table = json.loads((TABLES / f"{name}.json").read_text())
    return table, {f[0]: f[3] for f in table["header"]}


class Functions:
    """A made-up machine: (bus, devfn) -> [secondary bus, subordinate bus] of bridges, else None."""

    def __init__(self):
        self.all, self.next_bus = {UNNAMED: None}, 1

    def bridge(self, address, buses_in_use):
        if not self.all.get(address):
            while self.next_bus in buses_in_use or self.next_bus <= address[0]:
                self.next_bus += 1
            self.all[address] = [self.next_bus, self.next_bus]
            self.next_bus += 1
            self.all[(self.all[address][0], 0)] = None
        return self.all[address][0]

    def text(self):
        lines = []
        for (bus, devfn), below in sorted(self.all.items()):
            kind = BRIDGE_CLASS if below else ENDPOINT_CLASS
            lines.append(f"function {bus:x} {devfn:x} {kind:x} {(below or [0, 0])[0]:x} {(below or [0, 0])[1]:x}\n")
        return "".join(lines)


def run(name, machine, ioapics):
    """What the program prints, by first words."""
    text = machine.text() + "".join(f"ioapic {i:x}\n" for i in sorted(ioapics))
    done = subprocess.run([PROGRAM, TABLES / f"{name}.bin"], input=text, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    found = {}
    for line in done.stdout.splitlines():
        key, _, rest = line.partition(" ")
        found.setdefault(key, []).append(rest if key == "warning" else rest.split())
    assert found["parsed"] == [["1"]]
    return found


def requester(address):
    return address[0] << 8 | address[1]


# ---- DMAR ------------------------------------------------------------------------------------------


def path(scope):
    """A number for each hop."""
    hops = [f[3].split(",") for f in scope["fields"] if f[0] == "PCI Path"]
    return [int(device, 16) << 3 | int(function, 16) for device, function in hops]


def place(machine, scope, in_use):
    """The address at the end of a scope's path; bridges on the way are made."""
    bus, steps = fields(scope)["PCI Bus Number"], path(scope)
    for devfn in steps[:-1]:
        bus = machine.bridge((bus, devfn), in_use)
    return bus, steps[-1]


def expect_dmar(table, header):
    """(machine, IOAPIC ids, expected)"""
    machine, units, everyone, explicit, ioapics, regions = Functions(), [], None, {}, {}, []
    scoped = [s for s in table["structures"] if s["kind"] in ("DRHD", "RMRR")]
    in_use = {fields(scope)["PCI Bus Number"] for s in table["structures"] for scope in s.get("scopes", [])}
    addresses = {id(scope): place(machine, scope, in_use) for s in scoped for scope in s.get("scopes", [])}
    for s in scoped:
        for scope in s.get("scopes", []):
            if scope["type"] == BRIDGE:
                machine.bridge(addresses[id(scope)], in_use)
            elif scope["type"] == ENDPOINT:
                machine.all.setdefault(addresses[id(scope)], None)
    for s in scoped:
        values = fields(s)
        reach = []
        for scope in s.get("scopes", []):
            address, below = addresses[id(scope)], None
            if scope["type"] in (ENDPOINT, BRIDGE):
                below = machine.all[address]
                assert (scope["type"] == BRIDGE) == bool(below), "the corpus has no scope of the wrong kind"
                reach.append((address, below))
        if s["kind"] == "DRHD":
            unit = len(units)
            if values["Register Base Address"]:
                units.append([f"{values['Register Base Address']:x}", f"{4096 << (values.get('Size', 0) & 15):x}",
                              f"{values['PCI Segment Number']:x}", "0"])
            else:
                unit = None  # firmware that left it out: whoever is behind it stays uncovered
            for address, below in reach:
                explicit.setdefault(address, set()).add((1, unit))
                for other in machine.all:
                    if below and below[0] <= other[0] <= below[1]:
                        explicit.setdefault(other, set()).add((2, unit))
            for scope in s.get("scopes", []):
                if scope["type"] == IOAPIC and unit is not None:
                    ioapics.setdefault(fields(scope)["Enumeration ID"], (unit, requester(addresses[id(scope)])))
            if values["Flags"] & 1 and unit is not None:
                everyone = unit
        else:
            base, limit = values["Base Address"], values["End Address (limit)"]
            owners = set()
            for address, below in reach:
                owners |= {o for o in machine.all if below and below[0] <= o[0] <= below[1]} or {address}
            if base < limit + 1 and base % 4096 == 0 and (limit + 1) % 4096 == 0 and limit >> header["Host Address Width"] + 1 == 0:
                regions += [[f"{base:x}", f"{limit:x}", "11", str(requester(o))] for o in owners]
    functions = {}
    for address in machine.all:
        claims = explicit.get(address, set())
        narrowest = {unit for span, unit in claims if span == min(s for s, _ in claims)}
        assert len(narrowest) < 2, "the corpus has no function that two units claim"
        unit = narrowest.pop() if narrowest else everyone
        functions[requester(address)] = -1 if unit is None else unit
    return machine, ioapics, units, functions, regions, bool(units) and header["Flags"] & 1


@pytest.mark.parametrize("name", names("dmar"))
def test_dmar(name):
    machine, ioapics, units, functions, regions, remapping = expect_dmar(*load(name))
    found = run(name, machine, ioapics)
    assert found.get("unit", []) == units
    assert {int(rid, 16): int(unit) for rid, unit, _ in found["function"]} == functions
    assert sorted(found.get("region", [])) == sorted(regions)
    assert {int(i, 16): (int(unit), int(source, 16)) for i, unit, source in found.get("ioapic", [])} == ioapics
    assert found["remapping"] == [[str(int(remapping))]]


# ---- IVRS ------------------------------------------------------------------------------------------


def ranges(block):
    """(first, last, alias or None) of an IVHD's entries, in order."""
    begun = None
    for entry in block["entries"]:
        values, kind = fields(entry), entry["type"]
        alias = values["Source Used Device ID"] if kind in (ALIAS_SELECT, ALIAS_RANGE) else None
        if kind in (IVHD_SELECT, ALIAS_SELECT, EXT_SELECT):
            yield values["Device ID"], values["Device ID"], alias
        elif kind in (IVHD_RANGE, ALIAS_RANGE, EXT_RANGE):
            begun = values["Device ID"], alias
        elif kind == IVHD_END:
            yield begun[0], values["Device ID"], begun[1]


def blocks_that_count(table):
    best = {}
    for block in table["structures"]:
        if block["kind"] == "IVHD":
            values = fields(block)
            key = values["DeviceId"], values["PCI Segment Group"]
            best[key] = max(best.get(key, 0), block["type"])
    return [b for b in table["structures"] if b["kind"] == "IVHD" and
            b["type"] == best[fields(b)["DeviceId"], fields(b)["PCI Segment Group"]]]


def expect_ivrs(table):
    machine, units, ioapics, regions, claims, order = Functions(), [], {}, [], [], {}
    for block in blocks_that_count(table):
        values = fields(block)
        key = values["DeviceId"], values["Base Address"]
        if key not in order:
            order[key] = len(units)
            units.append([f"{values['Base Address']:x}", f"{0x4000:x}", f"{values['PCI Segment Group']:x}", f"{values['DeviceId']:x}"])
        unit = order[key]
        claims.append((1, None, values["DeviceId"], values["DeviceId"], None))
        for first, last, alias in ranges(block):
            claims.append((last - first + 1, unit, first, last, alias))
        for entry in block["entries"]:
            if entry["type"] == 1:
                claims.append((0x10001, unit, 0, 0xFFFF, None))
            if entry["type"] == SPECIAL and fields(entry)["Variety"] == 1:
                ioapics.setdefault(fields(entry)["Handle"], (unit, fields(entry)["Source Used Device ID"]))
    for _, _, first, last, alias in claims:
        for rid in {first, last, (first + last) // 2, alias}:
            if rid is not None:
                machine.all[rid >> 8, rid & 255] = None
    for block in table["structures"]:
        if block["kind"] != "IVMD":
            continue
        values = fields(block)
        start, length, flags = values["Start Address"], values["Memory Length"], values["Flags"]
        limit = (start + length + 4095) // 4096 * 4096 - 1
        rights = f"{int(bool(flags & 0xA))}{int(bool(flags & 0xC))}"
        first = values["DeviceId"]
        last = values["Auxiliary Data"] if block["type"] == 0x22 else first
        machine.all[first >> 8, first & 255] = None
        if block["type"] == 0x20:
            first, last = 0, 0xFFFF
        if length and start % 4096 == 0:
            regions.append((start, limit, rights, first, last))
    functions = {}
    for address in machine.all:
        rid = requester(address)
        mine = [c for c in claims if c[2] <= rid <= c[3]]
        unit, alias = None, rid
        if mine:
            narrow = {c[1] for c in mine if c[0] == min(c[0] for c in mine)}
            unit = narrow.pop() if len(narrow) == 1 else None  # claimed twice: nobody's
            named = [c for c in mine if c[4] is not None]
            if named:
                alias = [c for c in named if c[0] == min(c[0] for c in named)][-1][4]
        functions[rid] = -1 if unit is None else unit, alias
    lines = []
    for start, limit, rights, first, last in regions:
        if first >> 8 != last >> 8:
            lines.append([f"{start:x}", f"{limit:x}", rights, f"{first}-{last}"])
        else:
            lines += [[f"{start:x}", f"{limit:x}", rights, str(rid)] for rid in functions if first <= rid <= last]
    return machine, ioapics, units, functions, lines


@pytest.mark.parametrize("name", names("ivrs"))
def test_ivrs(name):
    table, _ = load(name)
    machine, ioapics, units, functions, regions = expect_ivrs(table)
    found = run(name, machine, ioapics)
    assert found.get("unit", []) == units
    assert {int(rid, 16): (int(unit), int(alias, 16)) for rid, unit, alias in found["function"]} == functions
    assert sorted(found.get("region", [])) == sorted(regions)
    assert {int(i, 16): (int(unit), int(source, 16)) for i, unit, source in found.get("ioapic", [])} == ioapics
