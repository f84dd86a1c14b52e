#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-policy.py cpuid|msr ROWS.txt OUT

The rows of arch/x86/guest_cpuid.txt or arch/x86/guest_msr.txt as initializers for the source file of that name. Says everything
that is wrong with the rows, in one pass.
"""
import re
import sys
from pathlib import Path

ALL = 0xffffffff
REGISTERS = ("eax", "ebx", "ecx", "edx")
RIGHTS = {"read": "PASS_READ", "write": "PASS_WRITE", "both": "PASS_READ | PASS_WRITE", "ignored": "IGNORED"}


def numbers(text):
    """(first, last) of 32-bit numbers in hexadecimal."""
    match = re.fullmatch(r"([0-9a-f]{1,8})(?:-([0-9a-f]{1,8}))?", text)
    first, last = (int(match[1], 16), int(match[2] or match[1], 16)) if match else (1, 0)
    if first > last:
        raise ValueError(f"{text} is neither a number nor FIRST-LAST in hexadecimal")
    return first, last


def bits(text):
    if text == "all":
        return ALL
    mask = 0
    for part in text.removeprefix("~").split(","):
        match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last > 31:
            raise ValueError(f"{part} is no bit, nor FIRST-LAST")
        mask |= sum(1 << bit for bit in range(first, last + 1))
    return mask ^ ALL if text.startswith("~") else mask


def cpuid_row(fields):
    leaves, subleaf, *registers = fields
    masks = dict(register.split("=", 1) if "=" in register else (register, "") for register in registers)
    if not registers or len(masks) < len(registers) or not set(masks) <= set(REGISTERS):
        raise ValueError("a row has leaves, a subleaf, and REGISTER=BITS, each register once")
    first, last = numbers(leaves)
    at = ALL if subleaf == "any" else numbers(subleaf)[0]
    return (first, last, at), f"{{{first:#x}, {last:#x}, {at:#x}, " + ", ".join(
        f"{bits(masks[name]) if name in masks else 0:#x}" for name in REGISTERS) + "},"


def msr_row(fields):
    registers, rights = fields
    if rights not in RIGHTS:
        raise ValueError(f"{rights} is none of {', '.join(RIGHTS)}")
    first, last = numbers(registers)
    return (first, last, rights), f"{{{first:#x}, {last:#x}, {RIGHTS[rights]}}},"


KINDS = {"cpuid": (cpuid_row, 3), "msr": (msr_row, 2)}


def covers(kind, a, b):
    """Whether row B is of no effect behind row A."""
    if kind == "msr":
        return a == b
    return a[0] <= b[0] and b[1] <= a[1] and a[2] in (ALL, b[2])


def compile_rows(kind, text):
    """Initializers, one a line, and what is wrong, as (line, words)."""
    parse, least = KINDS[kind]
    rows, errors = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        content, bar, words = line.partition("|")
        fields = content.split()
        try:
            if not bar or not words.strip() or len(fields) < least:
                raise ValueError("a row has its fields, | and words")
            key, code = parse(fields)
            if any(covers(kind, other, key) for other, _ in rows):
                raise ValueError("a row above says it already")
            rows.append((key, code))
        except ValueError as error:
            errors.append((number, str(error)))
    return [code for _, code in rows], errors


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in KINDS:
        sys.exit(__doc__)
    source, out = map(Path, sys.argv[2:])
    rows, errors = compile_rows(sys.argv[1], source.read_text(encoding="utf-8"))
    for line, words in errors:
        print(f"{source}:{line}: {words}", file=sys.stderr)
    if errors:
        sys.exit(1)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("/* SPDX-License-Identifier: Apache-2.0 */\n" + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
