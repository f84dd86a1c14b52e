#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-registers.py REGISTERS.txt OUT

Names and numbers of registers as C enumerations. `[enum NAME]` with words begins one; its rows are the enumerator, its value,
and words. A value is a number in C's notation, `bitN`, `bitsHIGH-LOW`, or `NUMBER<<SHIFT`, of 64 bits. Says everything that is
wrong, in one pass.
"""
import re
import sys
from pathlib import Path


NUMBER = "0x[0-9a-f]+|[0-9]+"
WIDTH = 64


def value_of(text):
    """A value as C has it, or None."""
    shifted = re.fullmatch(rf"({NUMBER})<<([0-9]+)", text)
    bits = re.fullmatch(r"bit([0-9]+)|bits([0-9]+)-([0-9]+)", text)
    if shifted and int(shifted[1], 0) << int(shifted[2]) < 1 << WIDTH:
        return f"{shifted[1]}ull << {shifted[2]}"
    if bits and bits[1] and int(bits[1]) < WIDTH:
        return f"BIT({int(bits[1])})"
    if bits and not bits[1] and WIDTH > int(bits[2]) >= int(bits[3]):
        return f"BITS({int(bits[2])}, {int(bits[3])})"
    return text if re.fullmatch(NUMBER, text) else None


def compile_enums(text):
    """[(name, words, [(enumerator, value, words)])], and what is wrong, as (line, words)."""
    enums, errors, seen = [], [], {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        head = re.fullmatch(r"\[([a-z0-9_]+)\] (\S.*)", line)
        row = re.fullmatch(r"([A-Z][A-Z0-9_]*) +(\S+)(?: +(\S.*))?", line)
        row = row if row and value_of(row[2]) else None
        name = head[1] if head else row[1] if row else None
        if not name or (row and not enums):
            errors.append((number, "neither [enum] and words nor NAME VALUE and words of one"))
        elif name in seen:
            errors.append((number, f"{name} stands in line {seen[name]}"))
        elif head:
            enums.append((name, head[2], []))
        else:
            enums[-1][2].append((name, value_of(row[2]), row[3]))
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
        print("/* SPDX-License-Identifier: Apache-2.0 */\n#pragma once\n#include \"types.h\"", file=header)
        for name, words, rows in enums:
            print(f"\n/* {words} */\nenum {name} {{", file=header)
            for enumerator, value, about in rows:
                print(f"\t{enumerator} = {value}," + (f" /* {about} */" if about else ""), file=header)
            print("};", file=header)


if __name__ == "__main__":
    main()
