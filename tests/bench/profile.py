#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""profile.py RUN.json [LINES]

Where Bulkhead's instructions go: a run made with `bench.py bulkhead --profile FROM:TO`, by function of the image."""
import bisect
import json
import re
import subprocess
import sys
from pathlib import Path

ELF = Path(__file__).resolve().parents[2] / "build" / "bulkhead.elf"


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main():
    profile = json.loads(Path(sys.argv[1]).read_text())["profile"]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    symbols = sorted((int(address, 16), name) for address, kind, name in
                     (line.split() for line in output("nm", "--defined-only", str(ELF)).splitlines()) if kind in "tT")
    starts = [address for address, _ in symbols]
    # The image was moved: by as much as the instruction behind VMRUN was.
    landing = int(re.search(r"vmrun.*\n\s*([0-9a-f]+):", output("objdump", "-d", str(ELF)))[1], 16)
    moved = next(a - landing for a in profile["landings"] if (a - landing) % 4096 == 0)
    by_name, total = {}, 0
    for address, instructions in profile["blocks"]:
        at = bisect.bisect_right(starts, address - moved) - 1
        inside = at >= 0 and address - moved < starts[-1] + 4096
        name = symbols[at][1] if inside else "(not the image)"
        by_name[name] = by_name.get(name, 0) + instructions
        total += instructions
    for name, instructions in sorted(by_name.items(), key=lambda item: -item[1])[:count]:
        print(f"{instructions:>12} {100 * instructions / total:5.1f} %  {name}")


main()
