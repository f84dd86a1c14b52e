# SPDX-License-Identifier: Apache-2.0
"""Words of faults and reasons: what the generator makes of its rows, refuses, and says."""
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "build" / "make-words.py"


def run(tmp_path, text, *prefix):
    source, out = tmp_path / "words.txt", tmp_path / "gen" / "words.h"
    source.write_text(text)
    done = subprocess.run([TOOL, source, out, *prefix], capture_output=True, text=True)
    return done.returncode, done.stderr.replace(str(source), "words").splitlines(), out.read_text().splitlines()[1:] if out.exists() else None


def test_numbers_and_names(tmp_path):
    assert run(tmp_path, '# words\n\n0x05  no "write" access\n0x20 x\n') == (
        0, [], ['[0x05] = "no \\"write\\" access",', '[0x20] = "x",'])
    assert run(tmp_path, "acs-missing  port @!\n", "GROUP") == (0, [], ['[GROUP_ACS_MISSING] = {"acs-missing", "port @!"},'])


def test_every_error_in_one_pass(tmp_path):
    assert run(tmp_path, "5 x\n0x05\n0x06 x\n0x06 y\n") == (
        1, ["words:1: 5 is no number such as 0x05", "words:2: 0x05 has no words", "words:4: 0x06 stands in line 3"], None)
    assert run(tmp_path, "Alias x\n", "GROUP") == (1, ["words:1: Alias is no name in kebab-case"], None)
