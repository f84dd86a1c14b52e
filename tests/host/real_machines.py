# SPDX-License-Identifier: Apache-2.0
"""Real machines of ../shared/corpus/pci, and what can be decided of them.

`full` machines come with a dump and Linux's groups: the command's result is compared as it is.

The listings of the other kinds lack what decides most groups: port types, ACS. From such a listing two dumps are made
that differ only in what is not known. In the cautious one a bridge of unknown type is conventional, a function of
unknown type is conventional PCI, and a port of unknown ACS has none: no machine that the listing fits has larger groups.
In the hopeful one they are ports with all of ACS, and functions that are kept apart: none has smaller groups. Linux's
partition has to lie in between. A pair of functions is decidable when both dumps say the same of it.

    finer          Linux has a pair together that the cautious dump has apart: wrong
    coarser        Linux has a pair apart that even the hopeful dump has together: only by a named rule
    equal          every pair is decidable, and Linux says the same
    not decidable  the rest: Linux agrees in every pair that is decidable
"""
import collections
import json
import re
from pathlib import Path

from comparison import ROOT, compare, derive, read_groups

CORPUS = ROOT.parent / "shared" / "corpus" / "pci"
ENDPOINT, ROOT_PORT, UPSTREAM, DOWNSTREAM, TO_PCI, INTEGRATED = 0, 4, 5, 6, 7, 9
ACS_ALL = 0x1D
SEGMENTS = 0x10000  # a VMD controller's own segments come above


def full_machines():
    return sorted(p.name.removesuffix(".lspci.txt") for p in (CORPUS / "full").glob("*.lspci.txt"))


def listings(*kinds):
    return sorted(p.stem for kind in kinds for p in CORPUS.glob(f"pci-{kind}-*.json"))


def full_verdict(name, options=()):
    directory = CORPUS / "full"
    machine = derive(directory / f"{name}.lspci.txt", options=options)
    return compare(machine, read_groups(directory / f"{name}.groups.txt")), machine


def put(space, offset, width, value):
    space[offset:offset + width] = value.to_bytes(width, "little")


class Listing:
    def __init__(self, name):
        self.data = json.loads((CORPUS / f"{name}.json").read_text())
        self.notes = set(self.data["notes"] or ())
        seen = {f["addr"]: f for f in self.data["functions"]}
        self.hidden = {a: f for a, f in seen.items() if int(a.split(":")[0], 16) >= SEGMENTS}
        self.functions = {a: f for a, f in seen.items() if a not in self.hidden}
        self.children = collections.defaultdict(list)
        self.buses()
        groups = collections.defaultdict(list)
        for address, f in self.functions.items():
            if f.get("group") is not None:
                groups[f["group"]].append(address)
        self.groups = list(groups.values())

    def buses(self):
        """Buses below bridges, by printed numbers or, where there are none, by the functions that name their parent."""
        self.secondary, leads = {}, {}
        for address, f in self.functions.items():
            if f.get("header_type") == 1 and f.get("secondary"):
                self.secondary[address] = f["secondary"]
        for address, f in self.functions.items():
            if f.get("parent") in self.functions and f["parent"] not in self.secondary and f["parent"][:4] == address[:4]:
                self.secondary[f["parent"]] = int(address[5:7], 16)
        for address, bus in self.secondary.items():
            leads.setdefault((address[:4], bus), address)
        self.orphans = set()
        for address, f in self.functions.items():
            above = leads.get((address[:4], int(address[5:7], 16)))
            if above:
                self.children[above].append(address)
            elif f.get("parent") or any(f.get("header_type") == 1 and a not in self.secondary and a[:4] == address[:4]
                                        and a[5:7] < address[5:7] for a, f in self.functions.items()):
                self.orphans.add(address)
        self.above = {child: bridge for bridge, children in self.children.items() for child in children}

    def last_bus(self, bridge, depth=0):
        known = self.functions[bridge].get("subordinate")
        below = [self.last_bus(c, depth + 1) for c in self.children[bridge] if c in self.secondary and depth < 64]
        return max([self.secondary[bridge], *below, known or 0])

    def is_bridge(self, address):
        return address in self.secondary or self.functions[address].get("header_type") == 1

    def pcie_type(self, address, hopeful):
        """None: conventional PCI."""
        f = self.functions[address]
        if "pcie_type" in f:
            return f["pcie_type"]
        if not hopeful:
            return None
        if not self.is_bridge(address):
            return ENDPOINT if address in self.above else INTEGRATED
        if address not in self.above:
            return ROOT_PORT
        children = self.children[address]
        below_switch = self.pcie_type(self.above[address], hopeful) == UPSTREAM
        switch = not below_switch and children and all(map(self.is_bridge, children))
        return UPSTREAM if switch else DOWNSTREAM

    def space(self, address, hopeful):
        f = self.functions[address]
        kind, acs = self.pcie_type(address, hopeful), f.get("acs")
        space = bytearray(256 if kind is None else 4096)
        if "config" in f and (f["config_len"] == 4096 or kind is None):
            raw = bytes.fromhex(f["config"])
            space[:len(raw)] = raw
            return space
        put(space, 0x00, 2, int(f.get("vendor") or "1234", 16))
        put(space, 0x02, 2, int(f.get("device") or "5678", 16))
        put(space, 0x08, 4, int(f.get("class") or "ff0000", 16) << 8)
        space[0x0E] = (f.get("header_type") or 0) | (0x80 if f.get("multifunction") else 0)
        if address in self.secondary:
            space[0x0E] = space[0x0E] & 0x80 | 1
            space[0x18:0x1B] = bytes([int(address[5:7], 16), self.secondary[address], self.last_bus(address)])
        if kind is not None:
            put(space, 0x06, 2, 0x10)
            space[0x34] = 0x40
            put(space, 0x40, 4, 0x10 | kind << 20 | 2 << 16)
            if acs and "cap" in acs:
                control = int(acs.get("ctl", "0"), 16)
            elif hopeful and (acs is not None or "acs" not in f):  # there, but its bits were not printed; or not known
                acs, control = {"cap": f"{ACS_ALL:x}"}, ACS_ALL
            else:
                acs = None
            if acs:
                put(space, 0x100, 4, 0x1000D)
                put(space, 0x104, 2, int(acs["cap"], 16))
                put(space, 0x106, 2, control)
        return space

    def dump(self, hopeful):
        parts = []
        for address in sorted(self.functions):
            space = self.space(address, hopeful)
            parts.append(f"{address} Class\n")
            parts += [f"{at:02x}: {space[at:at + 16].hex(' ')}\n" for at in range(0, len(space), 16)]
            parts.append("\n")
        return "".join(parts)


class Bounds:
    """What is decidable of a listing; DIRECTORY takes its two dumps."""

    def __init__(self, name, directory):
        self.listing = listing = Listing(name)
        machines = []
        for hopeful in (False, True):
            path = Path(directory) / f"{name}.{'hopeful' if hopeful else 'cautious'}.txt"
            path.write_text(listing.dump(hopeful))
            machines.append(derive(path))
            path.unlink()
        self.cautious, self.hopeful = machines
        self.pairs = self.decidable = 0
        self.finer, self.coarser = [], None
        for machine in machines:  # a partition: `derive` has seen that nothing stands in two groups
            assert set(machine.number) == set(listing.functions), set(machine.number) ^ set(listing.functions)
        if not listing.groups:
            return
        self.finer = compare(self.cautious, listing.groups).finer
        self.coarser = compare(self.hopeful, listing.groups)
        known = sorted(f for group in listing.groups for f in group)
        for i, a in enumerate(known):
            for b in known[:i]:
                together = [m.number[a] == m.number[b] for m in machines]
                self.pairs += 1
                self.decidable += together[0] == together[1]

    @property
    def word(self):
        if not self.listing.groups:
            return "no groups"
        if self.listing.orphans:
            return "not decidable"  # a bridge's bus is not known: what is below it could be anywhere
        if self.finer:
            return "finer"
        if self.coarser.coarser:
            return "coarser"
        return "equal" if self.decidable == self.pairs else "not decidable"
