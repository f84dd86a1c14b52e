#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-quirks.py QUIRKS.txt NAMES.h ROWS.h

The quirks of pci/quirks.txt as `enum quirk`, with QUIRK_ALIASES for all whose name begins with alias-; and its rows as
initializers for pci/quirks.c, sorted by vendor and device. Says everything that is wrong with them, in one pass.
"""
import re
import sys
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

PCIE_TYPES = {"root-port": "PCIE_ROOT_PORT", "downstream-port": "PCIE_DOWNSTREAM_PORT",
              "integrated": "PCIE_RC_ENDPOINT"}
PLAIN = {"-": "IF_ALWAYS", "southbridge": "IF_SOUTHBRIDGE", "hidden": "IF_HIDDEN"}
VALUES = {"class": ("IF_CLASS", r"[0-9a-f]{4}"), "revision": ("IF_REVISION", r"[0-9a-f]{2}"),
          "subsystem": ("IF_SUBSYSTEM", r"[0-9a-f]{4}:[0-9a-f]{4}")}
# One function cannot have both.
CONTRADICTIONS = [{"isolates", "open"}, {"isolates", "pch-port"}, {"isolates", "acs-dwords"},
                  {"open", "pch-port"}, {"open", "acs-dwords"}, {"acs-dwords", "pch-port"},
                  {"hidden-pcie-bridge", "keeps-ids"}, {"no-flr", "unsaid-flr"},
                  {"no-flr", "slow-after-flr"}]
COLUMNS = 5  # and words after them
ANY = (0x0000, 0xffff)


class Row(NamedTuple):
    line: int
    vendor: int
    first: int
    last: int
    condition: str
    quirk: str

    def devices(self):
        return self.first, self.last


def condition_code(text):
    """The two initializers of a condition, or None."""
    if text in PLAIN:
        return PLAIN[text], "0"
    if text in PCIE_TYPES:
        return "IF_TYPE", PCIE_TYPES[text]
    key, _, value = text.partition("=")
    if key not in VALUES or not re.fullmatch(VALUES[key][1], value):
        return None
    return VALUES[key][0], "0x" + value.replace(":", "")


def read_row(number, line, names, complain):
    fields = line.split(None, COLUMNS)
    if len(fields) <= COLUMNS:
        complain(number, "a row has vendor, devices, condition, quirk, source and words")
        return None
    vendor, devices, condition, quirk, source, _ = fields
    good = True

    def check(right, text):
        nonlocal good
        if not right:
            complain(number, text)
            good = False

    check(re.fullmatch(r"[0-9a-f]{4}", vendor), f"vendor {vendor} is not four digits in lower case")
    match = re.fullmatch(r"([0-9a-f]{4})(?:-([0-9a-f]{4}))?", devices)
    check(match or devices == "any", f"devices {devices} are neither DDDD, DDDD-DDDD nor any")
    first, last = ANY if not match else (int(match[1], 16), int(match[2] or match[1], 16))
    check(first <= last, f"devices {devices} end before they begin")
    check(condition_code(condition), f"condition {condition} is not known")
    check(quirk in names, f"quirk {quirk} is not declared")
    check(re.fullmatch(r"[a-z0-9-]+:\S+", source), f"source {source} is not KIND:NAME")
    return Row(number, int(vendor, 16), first, last, condition, quirk) if good else None


def may_meet(a, b):
    """Can both rows hold for one function?"""
    if a.vendor != b.vendor or a.first > b.last or b.first > a.last:
        return False
    if a.condition in PCIE_TYPES and b.condition in PCIE_TYPES:
        return a.condition == b.condition
    a_key, _, a_value = a.condition.partition("=")
    b_key, _, b_value = b.condition.partition("=")
    return not a_value or a_key != b_key or a_value == b_value


def check_pair(a, b, complain):
    if not may_meet(a, b):
        return
    quirks = {a.quirk, b.quirk}
    same = a.condition == b.condition or any(
        wide.condition == "-" and wide.first <= narrow.first and narrow.last <= wide.last
        for wide, narrow in ((a, b), (b, a)))
    rest = next((r for r in (a, b) if r.quirk == "open"), None)
    if a.quirk == b.quirk and same:
        complain(b.line, f"says again what line {a.line} says")
    elif quirks in CONTRADICTIONS and not (rest and rest.devices() == ANY and "isolates" in quirks):
        complain(b.line, f"{b.quirk} contradicts {a.quirk} in line {a.line}")


def macro(name):
    return "QUIRK_" + name.upper().replace("-", "_")


def compile_rows(text):
    """Names, initializers, one a line, and what is wrong, as (line, words)."""
    errors, rows, names = [], [], []

    def complain(line, words):
        errors.append((line, words))

    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("*"):
            match = re.fullmatch(r"\* ([a-z0-9]+(?:-[a-z0-9]+)*) +\S.*", line)
            if not match or match[1] in names:
                complain(number, "a quirk is declared once, as `* NAME words`")
            else:
                names.append(match[1])
            continue
        row = read_row(number, line, names, complain)
        if row:
            rows.append(row)
    for name in sorted(set(names) - {row.quirk for row in rows}):
        complain(0, f"no row has quirk {name}")
    for a, b in combinations(rows, 2):
        check_pair(a, b, complain)
    rows.sort(key=lambda row: (row.vendor, row.first, row.last))
    return names, [f"{{0x{r.vendor:04x}, 0x{r.first:04x}, 0x{r.last:04x}, {', '.join(condition_code(r.condition))}, {macro(r.quirk)}}},"
                   for r in rows], sorted(errors)


def enumeration(names):
    aliases = " | ".join(macro(name) for name in names if name.startswith("alias-")) or "0"
    return ["#pragma once", "enum quirk {", *(f"\t{macro(name)} = 1 << {bit}," for bit, name in enumerate(names)),
            f"\tQUIRK_ALIASES = {aliases},", "};"]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    source, *outs = map(Path, sys.argv[1:])
    names, rows, errors = compile_rows(source.read_text(encoding="utf-8"))
    for line, words in errors:
        print(f"{source}:{line}: {words}", file=sys.stderr)
    if errors:
        sys.exit(1)
    for out, lines in zip(outs, (enumeration(names), rows)):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("\n".join(["/* SPDX-License-Identifier: Apache-2.0 */", *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
