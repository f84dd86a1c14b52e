#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-rules.py RULES.txt OUT

The rules of vmm/rules.txt as macros for config_report(): `#define GROUP_SPLIT "group-split", "message\\nfix"`. Says everything
that is wrong with the file, in one pass.
"""
import json
import re
import sys
from pathlib import Path


def read_rules(text):
    """(name -> lines of its text), [(line, what is wrong)]"""
    rules, errors, name = {}, [], None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("\t") and name:
            rules[name].append(line[1:])
        elif not re.fullmatch(r"[a-z]+(-[a-z]+)*", line):
            errors.append((number, "neither a rule's name in kebab-case nor indented text of one"))
        elif line in rules:
            errors.append((number, f"{line} stands a second time"))
        else:
            name = line
            rules[name] = []
    errors += [(0, f"{name} needs a message and a way to mend it") for name, lines in rules.items() if len(lines) < 2]
    return rules, errors


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, out = map(Path, sys.argv[1:])
    rules, errors = read_rules(source.read_text(encoding="utf-8"))
    for line, words in errors:
        print(f"{source}:{line}: {words}", file=sys.stderr)
    if errors:
        sys.exit(1)
    macros = (f'#define {name.upper().replace("-", "_")} "{name}", {json.dumps(chr(10).join(lines))}' for name, lines in rules.items())
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("/* SPDX-License-Identifier: Apache-2.0 */\n#pragma once\n" + "\n".join(macros) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
