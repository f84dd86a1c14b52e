# SPDX-License-Identifier: Apache-2.0
"""Tables of instructions and of kinds of devices: what the generator makes of rows, refuses, and says."""
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "build" / "make-rows.py"


def run(tmp_path, text):
    source, out = tmp_path / "rows.txt", tmp_path / "gen" / "rows.h"
    source.write_text(text)
    done = subprocess.run([TOOL, source, out], capture_output=True, text=True)
    return done.returncode, done.stderr.replace(str(source), "rows").splitlines(), out.read_text().splitlines()[1:] if out.exists() else None


def test_rows_by_their_template(tmp_path):
    assert run(tmp_path, '# words\n= {{0x{0}, "{1}"}},\n\n0f gpu | display\n1 disk | more words\n') == (
        0, [], ['{0x0f, "gpu"},', '{0x1, "disk"},'])


def test_every_error_in_one_pass(tmp_path):
    assert run(tmp_path, "0f gpu | x\n= {0} {1}\n0f | x\n0f gpu\n0f gpu x | x\n") == (
        1, ["rows:1: a row in front of the line with = and the template"] + [f"rows:{n}: a row has 2 fields, | and words" for n in (3, 4, 5)], None)
