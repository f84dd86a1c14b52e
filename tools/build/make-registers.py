#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-registers.py TEXT OUT

What a manual defines, as C: names and numbers, bits, and structures in memory. A head in brackets, with words, begins a section:

    [NAME] words              an enumeration; a row is the enumerator, its value, words. The value is a number, or `bit 5`,
                              `bits 7:4`, `bit 5 u32`, `3<<60`: those become macros of 64 (or 32) bits, since an enumerator is an int.
    [struct NAME BYTES]       a structure; a row is the offset, the type, the name, words. Types are u8 to u64, char, and
                              structures of sections above. Holes become reserved bytes; each offset and the size are asserted.
    [packed struct NAME BYTES]  the same, of which nothing is aligned.
    [given struct NAME BYTES]   is defined in C; its size is asserted. No rows.

Says everything that is wrong, in one pass.
"""
import re
import sys
from pathlib import Path

SIZES = {"char": 1, "u8": 1, "u16": 2, "u32": 4, "u64": 8}
NUMBER = r"0x[0-9a-f]+|[0-9]+"
ENUM_HEAD = re.compile(r"\[([a-z0-9_]+)\] (\S.*)")
LAYOUT_HEAD = re.compile(rf"\[(packed |given |)struct ([a-z0-9_]+) ({NUMBER})\] (\S.*)")
ENUM_ROW = re.compile(rf"([A-Z][A-Z0-9_]*) +({NUMBER}|(?:{NUMBER})<<\d+|bit \d+(?: u32)?|bits \d+:\d+(?: u32)?)(?: +(\S.*))?")
LAYOUT_ROW = re.compile(rf"({NUMBER}) +((?:struct )?[a-z0-9_]+) +([a-z0-9_]+)(?:\[({NUMBER})\])?(?: +(\S.*))?")


def comment(words):
    return f" /* {words} */" if words else ""


class Enum:
    """A section of names and numbers."""

    def __init__(self, name, words):
        self.name, self.words, self.rows = name, words, []

    def read(self, line):
        row = ENUM_ROW.fullmatch(line)
        if not row:
            return "neither [enum] and words nor NAME VALUE and words of one", None
        if not self.exists(row[2]):
            return f"{row[1]}: there are no such bits", None
        self.rows.append((row[1], row[2], row[3]))
        return None, row[1]

    def end(self):
        return None if self.rows else f"{self.name} has no rows"

    @staticmethod
    def exists(value):
        number, _, shift = value.partition("<<")
        if shift:
            return int(number, 0) << int(shift) < 1 << 64
        bits = [int(bit) for bit in re.findall(r"\d+", value.partition(" ")[2].replace(" u32", ""))]
        return not bits or (bits[0] < (32 if value.endswith("u32") else 64) and bits == sorted(bits, reverse=True))

    @staticmethod
    def macro(value):
        if "<<" in value:
            return "({}ull << {})".format(*value.split("<<"))
        kind, where, *narrow = value.split()
        text = f"BIT({where})" if kind == "bit" else "BITS({}, {})".format(*where.split(":"))
        return f"((u32){text})" if narrow else text

    def lines(self):
        numbers = [row for row in self.rows if re.fullmatch(NUMBER, row[1])]
        yield f"\n/* {self.words} */"
        if numbers:
            yield f"enum {self.name} {{"
            for name, value, words in numbers:
                yield f"\t{name} = {value}," + comment(words)
            yield "};"
        for name, value, words in self.rows:
            if not re.fullmatch(NUMBER, value):
                yield f"#define {name} {self.macro(value)}" + comment(words)


class Layout:
    """A section of one structure."""

    def __init__(self, how, name, size, words, sizes):
        self.how, self.name, self.size, self.words = how.strip(), name, int(size, 0), words
        self.sizes, self.at, self.members, self.names = sizes, 0, [], set()

    def read(self, line):
        row = LAYOUT_ROW.fullmatch(line)
        if not row or self.how == "given":
            return "not OFFSET TYPE NAME and words of a structure", None
        at, kind, name, count = int(row[1], 0), row[2], row[3], row[4]
        if kind not in self.sizes:
            return f"{kind} is no type that stands above", None
        if name in self.names:
            return f"{self.name} has {name} already", None
        if at < self.at:
            return f"{name} begins before {self.at:#x}", None
        self.names.add(name)
        self.pad(at)
        self.members.append((at, kind, name + (f"[{count}]" if count else ""), row[5]))
        self.at = at + self.sizes[kind] * int(count or "1", 0)
        return None, None

    def pad(self, at):
        if at > self.at:
            self.members.append((None, "u8", f"reserved_{self.at:x}[{at - self.at}]", None))
        self.at = at

    def end(self):
        if self.at > self.size:
            return f"{self.name} ends at {self.at:#x}"
        if self.how != "given":
            self.pad(self.size)
        return None

    def lines(self):
        yield f"\n/* {self.words} */"
        if self.how != "given":
            yield f"struct {self.name} {{"
            for _, kind, name, words in self.members:
                yield f"\t{kind} {name};" + comment(words)
            yield "} __attribute__((packed));" if self.how else "};"
        yield f'_Static_assert(sizeof(struct {self.name}) == {self.size}, "{self.name}");'
        for at, _, name, _ in self.members:
            if at is not None:
                name = name.partition("[")[0]
                yield f'_Static_assert(offsetof(struct {self.name}, {name}) == {at}, "{self.name}.{name}");'


def compile_text(text):
    """The sections, and what is wrong, as (line, words)."""
    sections, errors, seen, sizes = [], [], {}, dict(SIZES)

    def end():
        if sections and (words := sections[-1].end()):
            errors.append((seen[sections[-1].name], words))

    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        enum, layout, words = ENUM_HEAD.fullmatch(line), LAYOUT_HEAD.fullmatch(line), None
        if enum or layout:
            name = enum[1] if enum else layout[2]
            end()
            section = Enum(name, enum[2]) if enum else Layout(*layout.groups(), sizes)
            sections.append(section)
            if layout:
                sizes[f"struct {name}"] = section.size
        elif sections and not line.startswith("["):
            words, name = sections[-1].read(line)
        else:
            words, name = "neither [enum] and words nor NAME VALUE and words of one", None
        if name in seen:
            words = f"{name} stands in line {seen[name]}"
        if words:
            errors.append((number, words))
        elif name:
            seen[name] = number
    end()
    return sections, sorted(errors)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, out = map(Path, sys.argv[1:])
    sections, errors = compile_text(source.read_text(encoding="utf-8"))
    for line, words in errors:
        print(f"{source}:{line}: {words}", file=sys.stderr)
    if errors:
        sys.exit(1)
    out.parent.mkdir(parents=True, exist_ok=True)
    text = '/* SPDX-License-Identifier: Apache-2.0 */\n#pragma once\n#include "types.h"\n'
    out.write_text(text + "".join(f"{line}\n" for section in sections for line in section.lines()), encoding="utf-8")


if __name__ == "__main__":
    main()
