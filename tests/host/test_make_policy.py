# SPDX-License-Identifier: Apache-2.0
"""What a guest is told of its processor: what the generator makes of its rows, refuses, and says."""
import importlib.util
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "build" / "make-policy.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("make_policy", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rows(tool):
    assert tool.compile_rows("cpuid", "# words\n\n7 0 ebx=~1,30-31 edx=0-3,8 | words\n15-16 any eax=all | words\n") == (
        ["{0x7, 0x7, 0x0, 0x0, 0x3ffffffd, 0x0, 0x10f},", "{0x15, 0x16, 0xffffffff, 0xffffffff, 0x0, 0x0, 0x0},"], [])
    assert tool.compile_rows("msr", "c0000081-c0000084 both | words\n10 read | words\n") == (
        ["{0xc0000081, 0xc0000084, PASS_READ | PASS_WRITE},", "{0x10, 0x10, PASS_READ},"], [])


@pytest.mark.parametrize("kind, row, words", [
    ("cpuid", "1 any eax=all", "a row has its fields, | and words"),
    ("cpuid", "1 any eax=all |", "a row has its fields, | and words"),
    ("cpuid", "1 any eax=32 | x", "32 is no bit"),
    ("cpuid", "1 any eax=5-3 | x", "5-3 is no bit"),
    ("cpuid", "1 any eax=0,x | x", "x is no bit"),
    ("cpuid", "1 any eax | x", " is no bit"),
    ("cpuid", "1 any esi=all | x", "REGISTER=BITS"),
    ("cpuid", "1 any eax=0 eax=1 | x", "each register once"),
    ("cpuid", "g any eax=0 | x", "g is neither"),
    ("cpuid", "2-1 any eax=0 | x", "2-1 is neither"),
    ("cpuid", "123456789 any eax=0 | x", "123456789 is neither"),
    ("cpuid", "9 0 eax=0 | x", "says it already"),
    ("msr", "10 some | x", "some is none of"),
    ("msr", "10 | x", "a row has its fields"),
    ("msr", "9 read | x", "says it already"),
])
def test_bad_rows(tool, kind, row, words):
    first = "9 any eax=all | x" if kind == "cpuid" else "9 read | x"
    errors = tool.compile_rows(kind, f"{first}\n{row}\n")[1]
    assert len(errors) == 1 and errors[0][0] == 2 and words in errors[0][1]


def test_every_error_in_one_pass(tmp_path):
    source, out = tmp_path / "rows.txt", tmp_path / "gen" / "rows.h"
    source.write_text("10\n11 some | x\n")
    run = subprocess.run([TOOL, "msr", source, out], capture_output=True, text=True)
    assert run.returncode == 1 and not out.exists()
    assert f"{source}:1: " in run.stderr and f"{source}:2: some" in run.stderr


@pytest.mark.parametrize("kind", ["cpuid", "msr"])
def test_the_tables_themselves(tool, kind):
    rows, errors = tool.compile_rows(kind, (ROOT / "arch" / "x86" / f"guest_{kind}.txt").read_text())
    assert rows and not errors
