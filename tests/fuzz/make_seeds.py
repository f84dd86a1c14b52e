#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_seeds.py: writes the first inputs of the fuzzers from the captured machines (tests/data/oracle).

tests/fuzz/corpus/groups/NAME: the machine's configuration space in fuzz_groups' form, with a trust line for each of its
first ports; tests/fuzz/corpus/acpi/KIND-NAME: its tables. Only machines that differ in kind: one of each is enough.
"""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ORACLE, CORPUS = ROOT / "tests" / "data" / "oracle", ROOT / "tests" / "fuzz" / "corpus"
MACHINES = ("q35-7", "q35-15", "q35-20", "q35-22", "q35-18", "q35-8")
TABLES = ("q35-7", "q35-8")
ACPI_CHOICE = {"mcfg": 1, "dmar": 2, "ivrs": 3}
TRUSTS = 3


def groups_input(text):
    out, ports = bytearray([0]), []
    for head, rows in re.findall(r"^(\S+) Class.*\n((?:[0-9a-f]{2,3}: .*\n)+)", text, re.MULTILINE):
        segment, bus, device, function = (int(x, 16) for x in re.split("[:.]", head))
        lines = re.findall(r"^([0-9a-f]+): (.*)$", rows, re.MULTILINE)
        devfn = device << 3 | function
        out += bytes([len(lines) > 16, segment & 1, bus, devfn])
        for offset, data in lines:
            row, at = bytes.fromhex(data), int(offset, 16)
            if any(row):
                used = len(row.rstrip(b"\0"))
                out += bytes([0x40 | used - 1, at & 255, at >> 8]) + row[:used]
            if at == 0 and row[14] & 0x7F == 1:
                ports.append(bytes([0xC0, segment & 1, bus, devfn]))
    return bytes(out + b"".join(ports[:TRUSTS]))


def main():
    for name in MACHINES:
        text = (ORACLE / name / "lspci.txt").read_text()
        path = CORPUS / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(groups_input(text))
    for name in TABLES:
        for kind, choice in ACPI_CHOICE.items():
            source = ORACLE / name / f"{kind}.bin"
            if source.exists():
                (CORPUS / "acpi" / f"{kind}-{name}").write_bytes(bytes([choice]) + source.read_bytes())


if __name__ == "__main__":
    main()
