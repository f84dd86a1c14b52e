#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""size.py [IMAGE.efi]: lines of code by folder (neither blank nor comment), against the budget of the
image. What runs virtual processors on VT-x stands beside it: the budget is of all else. Status 1 above the
budget."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUDGET = 12000
BESIDE = "arch/x86/vmx"
IMAGE_SUFFIXES = (".c", ".h", ".asm", ".inc")
IMAGE_FOLDERS = ("boot", "arch", "pci", "iommu", "vmm", "lib", "include")
OTHER_FOLDERS = ("tools", "tests")
C_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', re.DOTALL)
COMMENT = {".asm": re.compile(r";.*"), ".inc": re.compile(r";.*"), ".py": re.compile(r"^\s*#.*"), ".sh": re.compile(r"^\s*#.*")}


def code_lines(path):
    text = path.read_text(errors="replace")
    if path.suffix in (".c", ".h"):
        # A comment leaves its line ends; a string stays, so that "//" in it is no comment.
        text = C_TOKEN.sub(lambda m: "\n" * m[0].count("\n") if m[0][0] == "/" else m[0], text)
    else:
        text = "\n".join(COMMENT[path.suffix].sub("", line) for line in text.splitlines())
    return sum(1 for line in text.splitlines() if line.strip())


def count(folder, suffixes):
    files = [p for p in (ROOT / folder).rglob("*") if p.suffix in suffixes and p.is_file()]
    return len(files), sum(map(code_lines, files))


def main():
    total = 0
    beside_files, beside = count(BESIDE, IMAGE_SUFFIXES)
    print(f"{'folder':<14}{'files':>6}{'lines':>8}")
    for folder in IMAGE_FOLDERS:
        files, lines = count(folder, IMAGE_SUFFIXES)
        if BESIDE.startswith(folder):
            files, lines = files - beside_files, lines - beside
        total += lines
        print(f"{folder:<14}{files:>6}{lines:>8}")
    print(f"{'without VT-x':<20}{total:>8}  of {BUDGET}")
    print(f"{BESIDE:<14}{beside_files:>6}{beside:>8}")
    print(f"{'image':<20}{total + beside:>8}")
    for folder in OTHER_FOLDERS:
        files, lines = count(folder, (".c", ".h", ".asm", ".py", ".sh"))
        print(f"{folder:<14}{files:>6}{lines:>8}")
    if len(sys.argv) > 1 and Path(sys.argv[1]).exists():
        print(f"{sys.argv[1]}: {Path(sys.argv[1]).stat().st_size} bytes")
    if total > BUDGET:
        print(f"size: {total - BUDGET} lines above the budget", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
