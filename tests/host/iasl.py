# SPDX-License-Identifier: Apache-2.0
"""What iasl, ACPICA's disassembler, makes of a table, against `bulkhead acpi --json`."""
import re
import subprocess

# iasl's name of a field -> ours. What is missing here is a type or a length (implied) or reserved.
HEADER = {"Signature": "signature", "Table Length": "length", "Revision": "revision", "Checksum": "checksum",
          "Oem ID": "oem_id", "Oem Table ID": "oem_table_id", "Oem Revision": "oem_revision",
          "Asl Compiler ID": "creator_id", "Asl Compiler Revision": "creator_revision",
          "Host Address Width": "host_address_width", "Flags": "flags", "Virtualization Info": "info"}
STRUCTURE = {"Flags": "flags", "Size": "size", "PCI Segment Number": "segment", "Register Base Address": "base",
             "Base Address": "base", "End Address (limit)": "limit", "Proximity Domain": "proximity",
             "Device Number": "device", "Device Name": "name", "DeviceId": "device", "Capability Offset": "capability",
             "PCI Segment Group": "segment", "Virtualization Info": "info", "Feature Reporting": "features",
             "Attributes": "features", "EFR Image": "efr", "Auxiliary Data": "aux", "Start Address": "start",
             "Memory Length": "length"}
SCOPE = {"Device Scope Type": "type", "Flags": "flags", "Enumeration ID": "enumeration", "PCI Bus Number": "bus"}
ENTRY = {"Subtable Type": "type", "Device ID": "device", "Data Setting": "data", "Handle": "handle",
         "Source Used Device ID": "source", "Variety": "variety", "Extended Data": "extended_data",
         "ACPI HID": "hid", "ACPI CID": "cid", "UID Format": "uid_format", "UID": "uid"}
IMPLIED = {"Subtable Type", "Length", "Entry Length", "Reserved", "UID Length"}


def printable(value):
    """iasl prints a blank for what cannot be printed."""
    return "".join(c if " " <= c <= "~" else " " for c in value) if isinstance(value, str) else value


class Comparison:
    """Counts the fields that agree."""

    def __init__(self, name):
        self.name, self.fields = name, 0

    def equal(self, ours, theirs, what):
        assert ours == theirs, f"{self.name}: {what}: {ours!r}, and iasl has {theirs!r}"
        self.fields += 1

    def all(self, ours, fields, names, what):
        path = []
        for name, offset, _, value, *_ in fields:
            if name == "PCI Path":
                path.append([int(part, 16) for part in value.split(",")])
            elif name in ("ACPI CID", "ACPI HID") and value == 0:
                self.equal(ours[names[name]], "", f"{what} {name}")
            elif name in names:
                self.equal(printable(ours[names[name]]), value, f"{what} {name} at {offset}")
            else:
                assert name in IMPLIED, f"{self.name}: iasl decodes {name}, and nothing here does"
        if path:
            self.equal(ours["path"], path, f"{what} path")


def compare(theirs, ours, name):
    """Returns the number of equal fields."""
    c = Comparison(name)
    kinds = {"IVHD": "ivhd", "IVMD": "ivmd"}
    c.all(ours, theirs["header"], HEADER, "header")
    known = [s for s in theirs["structures"] if s["kind"] != "unknown"]
    assert len(ours["structures"]) >= len(known)
    if theirs["iasl_covers_all"]:
        c.equal(len(ours["structures"]), len(theirs["structures"]), "number of structures")
    for i, (left, right) in enumerate(zip(ours["structures"], theirs["structures"])):
        what = f"structure {i} ({right['kind']})"
        c.equal(left["type"], right["kind"], what)
        if right["kind"] == "unknown":
            c.equal(left["id"], right["type"], what)
            continue
        if right["kind"] in kinds:
            c.equal(left[kinds[right["kind"]]], right["type"], f"{what} type")
        c.all(left, right["fields"], STRUCTURE, what)
        for key, names in (("scopes", SCOPE), ("entries", ENTRY)):
            c.equal(len(left.get(key, [])), len(right.get(key, [])), f"{what} number of {key}")
            for k, (a, b) in enumerate(zip(left.get(key, []), right.get(key, []))):
                c.all(a, b["fields"], names, f"{what} {key} {k}")
    return c.fields


def disassembled(directory, table):
    """(name, value) of each number that `iasl -d` prints."""
    path = directory / "table.bin"
    path.write_bytes(table)
    subprocess.run(["iasl", "-d", "-p", directory / "table", path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    text = (directory / "table.dsl").read_text(errors="replace")
    fields = re.findall(r"^\[\w+ \d+\s+\w+\]\s+(.*?) : ([0-9A-F]+)$", text, re.MULTILINE)
    return [(name, int(value, 16)) for name, value in fields]
