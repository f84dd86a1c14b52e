# SPDX-License-Identifier: Apache-2.0
"""The table of quirks: what the generator refuses, and that it says so with the line."""
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "build" / "make-quirks.py"
# A declaration and one row for each quirk, so that a test's own rows decide.
NAMES = "* isolates words\n* open words\n* no-flr words\n"
BASE = NAMES + """1000 0001 - isolates   linux:a words
1000 0002 - open       linux:a words
1000 0003 - no-flr     linux:a words
"""


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("make_quirks", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_quirks"] = module
    spec.loader.exec_module(module)
    return module


def errors(tool, rows):
    return tool.compile_rows(BASE + rows)[2]


def test_rows_are_sorted_and_named(tool):
    names, rows, wrong = tool.compile_rows(
        BASE + "# words\n\n"
        "0fff 00ff-0100 class=0300 open linux:b more words\n"
        "1000 any root-port open linux:b words\n2000 0001 subsystem=1234:abcd no-flr spec:b words\n")
    assert not wrong and names == ["isolates", "open", "no-flr"]
    assert rows[0] == "{0x0fff, 0x00ff, 0x0100, IF_CLASS, 0x0300, QUIRK_OPEN},"
    assert rows[1] == "{0x1000, 0x0000, 0xffff, IF_TYPE, PCIE_ROOT_PORT, QUIRK_OPEN},"
    assert rows[-1] == "{0x2000, 0x0001, 0x0001, IF_SUBSYSTEM, 0x1234abcd, QUIRK_NO_FLR},"
    assert len(rows) == 6


@pytest.mark.parametrize("row, words", [
    ("8086 1000 - isolates linux:a", "a row has"),
    ("80860 1000 - isolates linux:a x", "vendor 80860"),
    ("808G 1000 - isolates linux:a x", "vendor 808G"),
    ("8086 10000 - isolates linux:a x", "devices 10000"),
    ("8086 2000-1000 - isolates linux:a x", "end before they begin"),
    ("8086 1000 sometimes isolates linux:a x", "condition sometimes"),
    ("8086 1000 class=03 isolates linux:a x", "condition class=03"),
    ("8086 1000 - hovers linux:a x", "quirk hovers"),
    ("* open words", "declared once"),
    ("* Open words", "declared once"),
    ("* silent", "declared once"),
    ("8086 1000 - isolates hearsay x", "source hearsay"),
])
def test_bad_rows(tool, row, words):
    wrong = errors(tool, row + "\n")
    assert len(wrong) == 1 and wrong[0][0] == 7 and words in wrong[0][1]


def test_rows_that_disagree(tool):
    def pair(a, b):
        return [words for _, words in errors(tool, f"8086 {a} linux:a x\n8086 {b} linux:a x\n")]

    assert "contradicts" in pair("1000-1010 - isolates", "1010-1020 - open")[0]
    assert "contradicts" in pair("1000 root-port open", "any - isolates")[0]
    assert not pair("1000-1010 - isolates", "1011-1020 - open")
    assert not pair("1000 root-port isolates", "1000 downstream-port open")
    assert not pair("1000 class=0300 isolates", "1000 class=0200 open")
    assert not pair("1000 - isolates", "1000 - no-flr")
    # the rule, and its exceptions
    assert not pair("1000-1010 - isolates", "any - open")
    assert "says again" in pair("1000-1010 - isolates", "1010 - isolates")[0]
    assert "says again" in pair("1000-1010 - isolates", "1004-1005 root-port isolates")[0]
    assert not pair("1000 - isolates", "any integrated isolates")


def test_quirk_without_a_row(tool):
    assert tool.compile_rows(NAMES)[2] == [(0, f"no row has quirk {name}") for name in
                                                ("isolates", "no-flr", "open")]


def test_every_error_in_one_pass(tmp_path):
    rows, names, out = tmp_path / "rows.txt", tmp_path / "gen" / "names.h", tmp_path / "gen" / "rows.h"
    rows.write_text(BASE + "8086\n8086 1000 - hovers linux:a x\n")
    run = subprocess.run([TOOL, rows, names, out], capture_output=True, text=True)
    assert run.returncode == 1 and not out.exists() and not names.exists()
    assert f"{rows}:7: a row has" in run.stderr and f"{rows}:8: quirk hovers" in run.stderr


def test_the_table_itself(tool):
    names, rows, wrong = tool.compile_rows((ROOT / "pci" / "quirks.txt").read_text())
    assert not wrong and rows == sorted(rows, key=lambda row: row[:16])  # vendor and first device
    assert f"\tQUIRK_{names[-1].upper().replace('-', '_')} = 1 << {len(names) - 1}," in tool.enumeration(names)
    aliases, = [line for line in tool.enumeration(names) if "QUIRK_ALIASES" in line]
    assert aliases.count("QUIRK_ALIAS_") == sum(name.startswith("alias-") for name in names) > 1
