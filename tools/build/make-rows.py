#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-rows.py ROWS.txt OUT

Rows of text as initializers of a C array. The line `= TEMPLATE` says how: {0}, {1} and so on stand for the fields of a row, {{ and }}
for braces. Behind the fields of a row stand | and words for its reader. Says everything that is wrong, in one pass.
"""
import string
import sys
from pathlib import Path


def compile_rows(text):
    """Initializers, one a line, and what is wrong, as (line, words)."""
    template, count, rows, errors = None, 0, [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("= ") and template is None:
            template = line[2:]
            count = len({name for _, name, _, _ in string.Formatter().parse(template) if name is not None})
            continue
        content, _, words = line.partition(" | ")
        fields = content.split()
        if template is None:
            errors.append((number, "a row in front of the line with = and the template"))
        elif len(fields) != count or not words.strip():
            errors.append((number, f"a row has {count} fields, | and words"))
        else:
            rows.append(template.format(*fields))
    return rows, errors


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, out = map(Path, sys.argv[1:])
    rows, errors = compile_rows(source.read_text(encoding="utf-8"))
    for line, words in errors:
        print(f"{source}:{line}: {words}", file=sys.stderr)
    if errors:
        sys.exit(1)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("/* SPDX-License-Identifier: Apache-2.0 */\n" + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
