#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mutants.py [--write] [WORD]... -- COMPILER FLAGS...

Breaks the IOMMU drivers as mutants.txt says, one break at a time, and runs the test programs of the register models. A break that
no test notices is said, and makes the status 1. WORD: only those whose words have it. --write: into docs/iommu.md.
"""
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
LIST, PAGE = ROOT / "tests/unit/mutants.txt", ROOT / "docs/iommu.md"
PROGRAMS = {"vtd": ["test_vtd"], "amdvi": ["test_amdvi"], "queue": ["test_vtd", "test_amdvi"]}
SECONDS = 300  # one that waits for ever is noticed, too
BEGIN, END = "<!-- begin: make mutants -->", "<!-- end: make mutants -->"


def read_list(text):
    """[(file, words, old, new, why it is none)]"""
    mutants = []
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if lines:
            path, words = lines[0].split(": ", 1)
            part = {mark: " ".join(line[1:].strip() for line in lines[1:] if line[0] == mark) for mark in "-+="}
            mutants.append((path, words, part["-"], part["+"], part["="]))
    return mutants


def broken(path, old, new):
    text = (ROOT / path).read_text(encoding="utf-8")
    pieces = re.findall(r"\w+|[^\w\s]", old)
    found = list(re.finditer(r"\s*".join(map(re.escape, pieces)), text))
    if len(found) != 1:
        sys.exit(f"{path}: stands there {len(found)} times: {old}")
    return text[:found[0].start()] + new + text[found[0].end():]


def attempt(number, mutant, compiler):
    """The test that notices it first, or None; the rest is not run."""
    path, _, old, new, _ = mutant
    place = BUILD / "mutants" / str(number)
    place.mkdir(parents=True, exist_ok=True)
    source, thing = place / Path(path).name, place / "mutant.o"
    source.write_text(broken(path, old, new), encoding="utf-8")
    includes = ["-Itests/unit/model", "-Itests/unit", "-Iiommu"]
    subprocess.run([*compiler[:1], *includes, *compiler[1:], "-Wno-error", "-w", "-c", "-o", thing, source], cwd=ROOT, check=True)
    noticed = None
    for name in PROGRAMS[re.match(r"[a-z]+", Path(path).name)[0]]:
        program = place / name
        subprocess.run([*compiler, "-o", program, BUILD / f"san/tests/unit/{name}.o", thing, BUILD / "libsanitized.a", "-lcmocka", "-lpci"],
                       cwd=ROOT, check=True)
        try:
            run = subprocess.run([program], capture_output=True, text=True, timeout=SECONDS, errors="replace", check=False,
                                 env=os.environ | {"CMOCKA_TEST_ABORT": "1"})
            output, failed = run.stdout + run.stderr, run.returncode
        except subprocess.TimeoutExpired as late:
            output, failed = (late.stdout or b"").decode(errors="replace"), True
        begun = re.findall(r"^\[ RUN      \] (\w+)$", output, re.M)
        if failed and not noticed:
            noticed = begun[-1] if begun else "its beginning"
        program.unlink()
    print(f"{mutant[0]}: {mutant[1]}: {noticed}", file=sys.stderr, flush=True)
    return noticed


def table(rows):
    yield "| file | what is wrong | noticed first by |\n| --- | --- | --- |"
    for (path, words, _, _, why), test in rows:
        yield f"| {Path(path).name} | {words} | " + (f"`{test}`" if test else f"nobody: {why or 'MISSING'}") + " |"


def main():
    arguments = sys.argv[1:]
    if "--" not in arguments:
        sys.exit(__doc__)
    words, compiler = arguments[:arguments.index("--")], arguments[arguments.index("--") + 1:]
    write = "--write" in words
    words = [word for word in words if word != "--write"]
    chosen = [m for m in read_list(LIST.read_text(encoding="utf-8")) if not words or any(word in " ".join(m) for word in words)]
    with ThreadPoolExecutor(2) as pool:
        rows = list(zip(chosen, pool.map(lambda numbered: attempt(*numbered, compiler), enumerate(chosen))))
    text = "\n".join([f"{len(rows)} breaks, {sum(not test for _, test in rows)} of them noticed by nobody.\n", *table(rows)])
    print(text)
    if write:
        page = PAGE.read_text(encoding="utf-8")
        head, _, tail = page.partition(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail.partition(END)[2]}", encoding="utf-8")
    sys.exit(any(not test and not mutant[4] for mutant, test in rows))


if __name__ == "__main__":
    main()
