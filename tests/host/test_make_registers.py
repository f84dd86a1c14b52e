# SPDX-License-Identifier: Apache-2.0
"""Names and numbers of registers: what the generator makes of them, refuses, and says."""
import subprocess
from pathlib import Path

TYPES = "#include <stddef.h>\n#include <stdint.h>\ntypedef uint8_t u8;\ntypedef uint32_t u32;\ntypedef uint64_t u64;\nstruct seg {\n\tu32 a;\n};\n"
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


def test_bits_are_macros_of_their_width(tmp_path):
    status, errors, header = run(tmp_path, "[cr0] CR0\nCR0_PG bit 31\nCR0_ET 0x10\nFIELD bits 7:4 the middle\nNARROW bit 31 u32\nCODE 0x5<<60\n")
    assert (status, errors) == (0, [])
    assert "enum cr0 {\n\tCR0_ET = 0x10,\n};\n" in header
    bad = ["bit 64", "bits 64:1", "bits 1:2", "bits 3", "bit 32 u32", "16<<60", "1<<", "-1", "bit", "0xg"]
    assert len(run(tmp_path, "[e] words\nA 1\n" + "".join(f"B{n} {value}\n" for n, value in enumerate(bad)))[1]) == len(bad)
    assert "#define CR0_PG BIT(31)\n#define FIELD BITS(7, 4) /* the middle */\n#define NARROW ((u32)BIT(31))\n#define CODE (0x5ull << 60)\n" in header


LAYOUT = """[given struct seg 4] seg
[packed struct block 0x20] a block
0x01 u32 word first
0x08 struct seg pair[2]
0x18 u64 last
"""


def test_layouts_assert_every_offset(tmp_path):
    status, errors, header = run(tmp_path, LAYOUT)
    assert (status, errors) == (0, [])
    source = tmp_path / "use.c"
    (tmp_path / "gen" / "types.h").write_text(TYPES)
    source.write_text('#include "registers.h"\n')

    def compiles():
        return subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{tmp_path / 'gen'}", source]).returncode == 0

    assert compiles()
    for offset, name in ((1, "word"), (8, "pair"), (24, "last")):
        assert f'offsetof(struct block, {name}) == {offset}, "block.{name}"' in header
    (tmp_path / "gen" / "registers.h").write_text(header.replace("reserved_0[1]", "reserved_0[2]"))
    assert not compiles()


def test_layouts_that_cannot_be(tmp_path):
    text = "[struct a 8] a\n4 u32 x\n0 u32 y\n8 u9 z\n12 u32 x\n4 u64 w\n[given struct b 4] b\n0 u32 m\n[c] c\nC bit 64\nD bits 3:4\n"
    status, errors, header = run(tmp_path, text)
    assert (status, header) == (1, None)
    assert [line.partition(": ")[2] for line in errors] == [
        "y begins before 0x8", "u9 is no type that stands above", "a has x already", "w begins before 0x8",
        "not OFFSET TYPE NAME and words of a structure", "c has no rows", "C: there are no such bits", "D: there are no such bits"]


def test_every_error_in_one_pass(tmp_path):
    assert run(tmp_path, "EARLY 1\n[msr]\n[msr] words\nMSR 0xg\nA 1\nA 2\n[none] words\n") == (
        1, [f"registers:{n}: neither [enum] and words nor NAME VALUE and words of one" for n in (1, 2, 4)]
        + ["registers:6: A stands in line 5", "registers:7: none has no rows"], None)
