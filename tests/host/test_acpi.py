# SPDX-License-Identifier: Apache-2.0
"""`bulkhead acpi`: real tables as iasl decodes them, malformed ones with warnings, acpidump's text like bytes."""
import json
import random
import struct

import pytest

from conftest import CORPUS, ORACLE, corpus
from iasl import compare, disassembled
from tables import dmar, drhd, fixed, ivhd, ivrs, mcfg, rmrr, scope, structure

TABLES_MIN = 300  # of the corpus: a broken search must not look like a success


def acpidump(*tables):
    """As `acpidump` prints tables."""
    lines = []
    for table in tables:
        lines.append(f"{table[:4].decode()} @ 0x000000007FFE1000")
        for at in range(0, len(table), 16):
            row = table[at:at + 16]
            text = "".join(chr(c) if 32 <= c < 127 else "." for c in row)
            lines.append(f"    {at:04X}: {' '.join(f'{c:02X}' for c in row):<47}  {text}")
        lines.append("")
    return "\n".join(lines) + "\n"


@pytest.fixture
def decoded(bulkhead_json, tmp_path):
    """What is printed about tables, each in a file of its own."""
    def run(*tables):
        names = []
        for i, table in enumerate(tables):
            names.append(tmp_path / f"{i}.bin")
            names[-1].write_bytes(table)
        return bulkhead_json("acpi", *names)
    return run


def test_real_tables_are_decoded_as_iasl_does(bulkhead_json):
    tables = sorted(corpus("acpi").glob("*.bin"))
    assert len(tables) >= TABLES_MIN
    objects = bulkhead_json("acpi", *tables)
    assert len(objects) == len(tables)
    fields = sum(compare(json.loads(table.with_suffix(".json").read_text()), ours, table.name)
                 for table, ours in zip(tables, objects))
    print(f"{len(tables)} tables, {fields} fields")
    assert fields > 20000


def test_real_tables_as_acpidump_prints_them(bulkhead, tmp_path):
    """Fifty tables in one text give what fifty files give."""
    tables = sorted(corpus("acpi").glob("*.bin"))[::7][:50]
    text = tmp_path / "acpidump.txt"
    text.write_text(acpidump(b"FACP" + bytes(120), *(table.read_bytes() for table in tables)))
    assert bulkhead("acpi", "--json", text).stdout == bulkhead("acpi", "--json", *tables).stdout
    assert bulkhead("acpi", text).stdout == bulkhead("acpi", *tables).stdout


def test_real_tables_for_people(bulkhead):
    """Every structure, scope and entry has a line, every warning another."""
    for table in sorted(corpus("acpi").glob("*.bin"))[::5]:
        whole = json.loads(bulkhead("acpi", table, "--json").stdout)
        lines = bulkhead("acpi", table).stdout.splitlines()
        inner = sum(1 + len(s.get("scopes", s.get("entries", []))) for s in whole["structures"])
        assert len(lines) == 3 + inner + len(whole["warnings"]), table


def test_text_form_of_a_table(bulkhead, tmp_path):
    """Without the corpus, too."""
    tables = [ORACLE / "q35-1" / name for name in ("dmar.bin", "mcfg.bin")]
    text = tmp_path / "acpidump.txt"
    text.write_text(acpidump(*(table.read_bytes() for table in tables)))
    assert bulkhead("acpi", text).stdout == bulkhead("acpi", *tables).stdout
    assert bulkhead("acpi", text).stdout.count("checksum") == 2


def test_every_structure_of_dmar(decoded):
    table = dmar(drhd(0xfed90000, scope(1, 0, 2, 0)), drhd(0xfed91000, scope(3, 0xf0, 31, 0, enumeration=2), flags=1),
                 rmrr(0x7d000000, 0x7d0fffff, scope(2, 0, 28, 4, 0, 1)),
                 structure(2, struct.pack("<BBH", 1, 0, 0)), structure(3, struct.pack("<IQI", 0, 0xfed90000, 3)),
                 structure(4, bytes([0, 0, 0, 7]) + b"\\_SB.I2C0\0"), structure(5, struct.pack("<BBH", 1, 0, 0) + scope(1, 0, 8, 0)),
                 structure(6, struct.pack("<HH", 0, 0) + scope(1, 0, 8, 0)), structure(9, b"\1\2\3\4"))
    result, = decoded(table)
    assert (result["signature"], result["length"], result["revision"], result["host_address_width"], result["flags"]) == \
        ("DMAR", len(table), 1, 45, 1)
    ours = result["structures"]
    assert [s["type"] for s in ours] == ["DRHD", "DRHD", "RMRR", "ATSR", "RHSA", "ANDD", "SATC", "SIDP", "unknown"]
    assert ours[1]["scopes"] == [{"type": 3, "flags": 0, "enumeration": 2, "bus": 0xf0, "path": [[31, 0]]}]
    assert ours[2] == {"type": "RMRR", "segment": 0, "base": 0x7d000000, "limit": 0x7d0fffff,
                       "scopes": [{"type": 2, "flags": 0, "enumeration": 0, "bus": 0, "path": [[28, 4], [0, 1]]}]}
    assert ours[4] == {"type": "RHSA", "base": 0xfed90000, "proximity": 3}
    assert ours[5] == {"type": "ANDD", "device": 7, "name": "\\_SB.I2C0"}
    assert ours[8] == {"type": "unknown", "id": 9, "length": 8, "bytes": "0900080001020304"}
    assert [w["offset"] for w in result["warnings"]] == [len(table) - 8]


def test_every_entry_of_ivrs(decoded):
    hid = bytes([0xf0, 0xa5, 0, 0x40]) + b"AMDI0020" + bytes(8)
    entries = [bytes([1, 0, 0, 0]), bytes([2, 8, 0, 0xd7]), bytes([3, 0, 1, 0]), bytes([4, 8, 1, 0]), bytes([0, 0, 0, 0]),
               bytes([0x42, 0, 2, 0, 0, 0xa5, 0, 0]), bytes([0x43, 0, 3, 0, 0, 0xa5, 0, 0]), bytes([4, 8, 3, 0]),
               bytes([0x46, 0, 4, 0, 0, 0, 0, 0x80]), bytes([0x47, 0, 5, 0, 0, 0, 0, 0]), bytes([4, 8, 5, 0]),
               bytes([0x48, 0, 0, 0, 33, 0xa0, 0, 1]), bytes(8).replace(b"\0", b"\x40", 1), bytes([0x50, 1, 2, 3, 4, 5, 6, 7]),
               hid + bytes([2, 3]) + b"UR0", hid + bytes([1, 8]) + struct.pack("<Q", 2 ** 63 + 1), hid + bytes([0, 0])]
    ivmd = struct.pack("<BBHHHQQQ", 0x22, 9, 32, 8, 16, 0, 0x7000000, 0x2000)
    result, = decoded(ivrs(ivhd(0x40, *entries), ivmd, struct.pack("<BBH", 0x51, 0, 6) + b"ab"))
    unit, memory, unknown = result["structures"]
    assert (unit["ivhd"], unit["device"], unit["capability"], unit["base"]) == (0x40, 2, 0x40, 0xfd000000)
    ours = unit["entries"]
    assert [e["type"] for e in ours] == [e[0] for e in entries]
    assert ours[1] == {"type": 2, "device": 8, "data": 0xd7}
    assert ours[5] == {"type": 0x42, "device": 0x200, "data": 0, "source": 0xa5}
    assert ours[8] == {"type": 0x46, "device": 0x400, "data": 0, "extended_data": 0x80000000}
    assert ours[11] == {"type": 0x48, "device": 0, "data": 0, "handle": 33, "source": 0xa0, "variety": 1}
    assert ours[13] == {"type": 0x50, "device": 0x201, "data": 3, "bytes": "04050607"}
    assert (ours[14]["hid"], ours[14]["cid"], ours[14]["uid"]) == ("AMDI0020", "", "UR0")
    assert ours[15]["uid"] == 2 ** 63 + 1 and "uid" not in ours[16]
    assert memory == {"type": "IVMD", "ivmd": 0x22, "flags": 9, "device": 8, "aux": 16, "segment": 0, "start": 0x7000000, "length": 0x2000}
    assert unknown == {"type": "unknown", "id": 0x51, "length": 6, "bytes": "510006006162"}
    assert [w["text"] for w in result["warnings"]] == ["device entry of unknown type 0x50", "block of unknown type 0x51"]


def test_mcfg(decoded):
    result, = decoded(mcfg((0xb0000000, 0, 0, 255), (0x4000000000, 1, 16, 31)))
    assert result["structures"] == [{"type": "allocation", "base": 0xb0000000, "segment": 0, "start_bus": 0, "end_bus": 255},
                                    {"type": "allocation", "base": 0x4000000000, "segment": 1, "start_bus": 16, "end_bus": 31}]
    assert result["warnings"] == []


def test_mcfg_is_decoded_as_iasl_does(decoded, tmp_path):
    """Captured tables, and one with segments; iasl is asked now, since the corpus has no MCFG."""
    tables = sorted({path.read_bytes() for path in ORACLE.glob("*/mcfg.bin")})
    tables.append(mcfg((0xb0000000, 0, 0, 255), (0x4000000000, 1, 16, 31), (0xfedcba9876500000, 0xffff, 255, 255)))
    names = {"Base Address": "base", "Segment Group Number": "segment", "Start Bus Number": "start_bus", "End Bus Number": "end_bus"}
    for table, ours in zip(tables, decoded(*tables)):
        theirs = [(name, value) for name, value in disassembled(tmp_path, table) if name in names]
        assert [(name, s[key]) for s in ours["structures"] for name, key in names.items()] == theirs
        assert len(theirs) == 4 * (len(table) - 44) // 16


GOOD = dmar(drhd(0xfed90000, scope(1, 0, 2, 0), flags=1))
MALFORMED = {
    "checksum": (GOOD[:20] + b"x" + GOOD[21:], 9, "checksum"),
    "cut off": (GOOD[:-1], 4, f"after {len(GOOD) - 1} of its {len(GOOD)} bytes"),
    "too short for its kind": (fixed(GOOD[:40]), 4, "too short"),
    "only a signature": (b"DMAR", 4, "too short"),
    "followed by more": (GOOD + b"junk", len(GOOD), "4 bytes follow"),
    "reserved flags": (dmar(flags=0x81), 37, "reserved"),
    "structure of length 0": (dmar(struct.pack("<HH", 0, 0) + b"\1" * 16), 48, "length 0"),
    "structure beyond the end": (dmar(struct.pack("<HH", 0, 100) + bytes(12)), 48, "100 bytes, where 16"),
    "structure cut in its length": (dmar(b"\1\0"), 48, "too short"),
    "short DRHD": (dmar(structure(0, bytes(8))), 48, "DRHD of 12 bytes"),
    "scope beyond its structure": (dmar(drhd(0xfed90000, b"\1\x20\0\0\0\0\2\0")), 64, "scope of 32 bytes, where 8"),
    "scope of length 0": (dmar(drhd(0xfed90000, bytes([1, 0, 0, 0, 0, 0, 2, 0]))), 64, "scope of 0 bytes"),
    "scope without a path": (dmar(drhd(0xfed90000, scope(1, 0))), 64, "empty"),
    "half a pair": (dmar(drhd(0xfed90000, scope(1, 0, 2))), 64, "pairs"),
    "impossible device": (dmar(drhd(0xfed90000, scope(1, 0, 2, 9))), 70, "no device 02.9"),
    "unknown scope": (dmar(drhd(0xfed90000, scope(9, 0, 2, 0))), 64, "unknown type 9"),
    "no register base": (dmar(drhd(0)), 56, "cannot be at 0x0"),
    "limit below base": (dmar(rmrr(0x2000, 0x0fff, scope(1, 0, 2, 0))), 64, "below the base"),
    "region off a page": (dmar(rmrr(0x2010, 0x3fff, scope(1, 0, 2, 0))), 56, "page"),
    "region of nobody": (dmar(rmrr(0x2000, 0x3fff)), 48, "no device"),
    "unit after the rest": (dmar(drhd(0xfed90000, flags=1), drhd(0xfed91000)), 64, "last"),
    "name without end": (dmar(structure(4, bytes(4) + b"\\_SB")), 56, "no end"),
    "unit of nobody": (dmar(structure(3, struct.pack("<IQI", 0, 0x1000, 0))), 56, "no unit"),
    "range without end": (ivrs(ivhd(0x11, bytes([3, 8, 0, 0]))), 92, "no end"),
    "end without range": (ivrs(ivhd(0x11, bytes([4, 8, 0, 0]))), 88, "not begun"),
    "range backwards": (ivrs(ivhd(0x11, bytes([3, 8, 0, 0]), bytes([4, 7, 0, 0]))), 93, "before it begins"),
    "half an entry": (ivrs(ivhd(0x11, bytes([0x48, 0, 0, 0]))), 88, "only 4 bytes"),
    "ACPI device beyond its block": (ivrs(ivhd(0x40, bytes([0xf0]) + bytes(20) + b"\x40")), 88, "only 22 bytes"),
    "special of no kind": (ivrs(ivhd(0x11, bytes([0x48, 0, 0, 0, 1, 0xa0, 0, 7]))), 95, "variety 7"),
    "memory of no length": (ivrs(struct.pack("<BBHHHQQQ", 0x20, 1, 32, 0, 0, 0, 0x1000, 0)), 72, "no length"),
    "memory beyond the end": (ivrs(struct.pack("<BBHHHQQQ", 0x20, 1, 32, 0, 0, 0, 2 ** 64 - 4096, 8192)), 72, "beyond"),
    "block of length 0": (ivrs(bytes([0x10, 1, 0, 0, 5, 5])), 48, "length 0"),
    "window off a bus": (mcfg((0xb0000001, 0, 0, 255)), 44, "base"),
    "buses backwards": (mcfg((0xb0000000, 0, 9, 8)), 44, "below the first"),
    "buses twice": (mcfg((0xb0000000, 0, 0, 9), (0xc0000000, 0, 9, 20)), 60, "0x002c"),
    "half a window": (fixed(mcfg() + b"12345678"), 44, "8 bytes"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_tables_are_decoded_with_a_warning(decoded, name):
    table, offset, words = MALFORMED[name]
    result, = decoded(table)
    assert any(w["offset"] == offset and words in w["text"] for w in result["warnings"]), result["warnings"]


def test_damaged_tables_give_valid_json(decoded):
    """Flipped and cut bytes: always one object, always warned of."""
    random.seed(3)
    sources = [(ORACLE / "q35-1" / name).read_bytes() for name in ("dmar.bin", "mcfg.bin")] + \
        [ivrs(ivhd(0x40, bytes([3, 8, 0, 0]), bytes([4, 9, 0, 0]), bytes([0x48, 0, 0, 0, 1, 0xa0, 0, 1])))]
    damaged = []
    for _ in range(300):
        table = bytearray(random.choice(sources))
        for _ in range(random.randrange(1, 4)):
            table[random.randrange(4, len(table))] ^= random.randrange(1, 256)
        damaged.append(bytes(table[:random.randrange(36, len(table) + 1)]))
    results = decoded(*damaged)
    assert len(results) == len(damaged)
    # Up to three flips may cancel out in the checksum, and then a field is simply another.
    assert sum(bool(r["warnings"]) for r in results) > 290


def test_files_without_tables(bulkhead, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "junk").write_bytes(b"hello\n")
    (tmp_path / "other").write_bytes(fixed(b"FACP" + bytes(240)))
    (tmp_path / "headless").write_text("    0000: 44 4D\n RSDT @ 0x00\n")
    (tmp_path / "rows").write_text("DMAR @ 0x0000000000000000\n    0000: 44 4D\n    0010: 41 52\n")
    with open(tmp_path / "huge", "wb") as huge:
        huge.truncate(1 << 32)
    for name, words in (("empty", "empty"), ("junk", "no DMAR"), ("other", "no DMAR"), ("rows", "line 3"), ("headless", "line 1"), ("huge", "too large"),
                        ("absent", "No such file"), (".", "Is a directory")):
        done = bulkhead("acpi", tmp_path / name, status=1)
        assert words in done.stderr and done.stdout == "", name
    good = bulkhead("acpi", tmp_path / "absent", ORACLE / "q35-1" / "dmar.bin", status=1)
    assert good.stdout.startswith("DMAR"), "the other files are decoded all the same"
