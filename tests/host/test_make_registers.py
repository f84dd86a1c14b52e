# SPDX-License-Identifier: Apache-2.0
"""Names and numbers of registers: what the generator makes of them, refuses, and says."""
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "build" / "make-registers.py"


def run(tmp_path, text):
    source, out = tmp_path / "registers.txt", tmp_path / "gen" / "registers.h"
    source.write_text(text)
    done = subprocess.run([TOOL, source, out], capture_output=True, text=True)
    return done.returncode, done.stderr.replace(str(source), "registers").splitlines(), out.read_text() if out.exists() else None


def test_enumerations(tmp_path):
    status, errors, header = run(tmp_path, "# words\n\n[msr] Registers: 2.1\nMSR_TSC 0x10\nMSR_PAT   631  page attributes\n")
    assert (status, errors) == (0, [])
    assert "/* Registers: 2.1 */\nenum msr {\n\tMSR_TSC = 0x10,\n\tMSR_PAT = 631, /* page attributes */\n};\n" in header


def test_values(tmp_path):
    status, errors, header = run(tmp_path, "[e] words\nA bit63\nB bits63-12 words\nC 2<<60\nD 0x7<<0\n")
    assert (status, errors) == (0, [])
    assert "\tA = BIT(63),\n\tB = BITS(63, 12), /* words */\n\tC = 2ull << 60,\n\tD = 0x7ull << 0,\n" in header
    bad = ["bit64", "bits64-1", "bits1-2", "bits3", "16<<60", "1<<", "-1", "bit", "0xg"]
    assert len(run(tmp_path, "[e] words\nA 1\n" + "".join(f"B{n} {value}\n" for n, value in enumerate(bad)))[1]) == len(bad)


def test_every_error_in_one_pass(tmp_path):
    assert run(tmp_path, "EARLY 1\n[msr]\n[msr] words\nMSR 0xg\nA 1\nA 2\n[none] words\n") == (
        1, [f"registers:{n}: neither [enum] and words nor NAME VALUE and words of one" for n in (1, 2, 4)]
        + ["registers:6: A stands in line 5", "registers:7: none has no rows"], None)
