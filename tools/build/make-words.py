#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-words.py WORDS.txt OUT [PREFIX]

Rows of `KEY words` as initializers of a C array. A number is its own index: [0x05] = "words". A name in kebab-case stands for
the enumerator PREFIX_NAME: [PREFIX_NAME] = {"name", "words"}. Says everything that is wrong with the rows, in one pass.
"""
import json
import re
import sys
from pathlib import Path


def compile_rows(text, prefix):
    """Initializers, one a line, and what is wrong, as (line, words)."""
    rows, errors, seen = [], [], {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key, _, words = line.partition(" ")
        words = words.strip()
        named = re.fullmatch(r"[a-z]+(-[a-z]+)*", key) if prefix else re.fullmatch(r"0x[0-9a-f]{1,2}", key)
        if not named:
            errors.append((number, f"{key} is no {'name in kebab-case' if prefix else 'number such as 0x05'}"))
        elif not words:
            errors.append((number, f"{key} has no words"))
        elif key in seen:
            errors.append((number, f"{key} stands in line {seen[key]}"))
        seen.setdefault(key, number)
        rows.append(f"[{prefix}_{key.upper().replace('-', '_')}] = {{\"{key}\", {json.dumps(words)}}}," if prefix
                    else f"[{key}] = {json.dumps(words)},")
    return rows, errors


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    source, out = map(Path, sys.argv[1:3])
    rows, errors = compile_rows(source.read_text(encoding="utf-8"), sys.argv[3] if len(sys.argv) == 4 else None)
    for line, words in errors:
        print(f"{source}:{line}: {words}", file=sys.stderr)
    if errors:
        sys.exit(1)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("/* SPDX-License-Identifier: Apache-2.0 */\n" + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
