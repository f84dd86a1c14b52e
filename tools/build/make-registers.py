#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-registers.py REGISTERS.txt OUT

Names and numbers of registers as C enumerations. `[enum NAME]` with words begins one; its rows are the enumerator, its value
in C's notation, and words. Says everything that is wrong, in one pass.
"""
import re
import sys
from pathlib import Path


def compile_enums(text):
    """[(name, words, [(enumerator, value, words)])], and what is wrong, as (line, words)."""
    enums, errors, seen = [], [], {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        head = re.fullmatch(r"\[([a-z0-9_]+)\] (\S.*)", line)
        row = re.fullmatch(r"([A-Z][A-Z0-9_]*) +(0x[0-9a-f]+|[0-9]+)(?: +(\S.*))?", line)
        name = head[1] if head else row[1] if row else None
        if not name or (row and not enums):
            errors.append((number, "neither [enum] and words nor NAME VALUE and words of one"))
        elif name in seen:
            errors.append((number, f"{name} stands in line {seen[name]}"))
        elif head:
            enums.append((name, head[2], []))
        else:
            enums[-1][2].append((name, row[2], row[3]))
        seen.setdefault(name, number)
    errors += [(seen[name], f"{name} has no rows") for name, _, rows in enums if not rows]
    return enums, errors


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, out = map(Path, sys.argv[1:])
    enums, errors = compile_enums(source.read_text(encoding="utf-8"))
    for line, words in errors:
        print(f"{source}:{line}: {words}", file=sys.stderr)
    if errors:
        sys.exit(1)
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8") as header:
        print("/* SPDX-License-Identifier: Apache-2.0 */\n#pragma once", file=header)
        for name, words, rows in enums:
            print(f"\n/* {words} */\nenum {name} {{", file=header)
            for enumerator, value, about in rows:
                print(f"\t{enumerator} = {value}," + (f" /* {about} */" if about else ""), file=header)
            print("};", file=header)


if __name__ == "__main__":
    main()
