#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""results.py [--write]

The tables of docs/groups.md, section "Results": what the host command makes of every real and captured machine, against
Linux's groups. With --write it puts them into that file, between the two comments that mark the place.
"""
import collections
import sys
import tempfile

from comparison import ROOT, captured_machines, captured_verdict
from real_machines import CORPUS, Bounds, full_machines, full_verdict, listings

DOCUMENT = ROOT / "docs" / "groups.md"
BEGIN, END = "<!-- begin: tests/host/results.py --write -->", "<!-- end -->"
WORDS = ("equal", "coarser", "finer", "not decidable")


def row(*cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def tables():
    rows, details, pairs, decidable, parsed = [], [], 0, 0, 0
    for kind, verdicts in (("captured under QEMU (tests/data/oracle)", ((n, captured_verdict(n)) for n in captured_machines())),
                           ("real, complete (corpus `full`)", ((n, full_verdict(n)[0]) for n in full_machines()))):
        words, machines, functions = collections.Counter(), 0, 0
        for name, verdict in verdicts:
            machines, functions = machines + 1, functions + verdict.functions
            words[verdict.word] += 1
            if verdict.word != "equal":
                details.append(row(name, verdict.functions, verdict.linux_groups, verdict.groups, ", ".join(sorted(verdict.rules))))
        rows.append(row(kind, machines, functions, *(words[w] for w in WORDS)))
    words, machines, functions = collections.Counter(), 0, 0
    with tempfile.TemporaryDirectory() as directory:
        for name in listings("groups", "caps", "basic"):
            bounds = Bounds(name, directory)
            if not bounds.listing.groups:
                parsed += 1
                continue
            machines, functions = machines + 1, functions + len(bounds.listing.functions)
            words[bounds.word] += 1
            if not bounds.listing.orphans:
                pairs, decidable = pairs + bounds.pairs, decidable + bounds.decidable
            if bounds.word in ("finer", "coarser"):
                details.append(row(name, len(bounds.listing.functions), len(bounds.listing.groups), "",
                                   ", ".join(sorted(bounds.coarser.rules))))
    rows.append(row("real, without ACS bits (corpus `groups`)", machines, functions, *(words[w] for w in WORDS)))
    yield row("machines", "number", "functions", *WORDS)
    yield row("---", *["---:"] * 6)
    yield from rows
    yield ""
    yield (f"Of the listings without ACS bits {decidable:,} of {pairs:,} pairs of functions ({100 * decidable // pairs} %) are decidable. "
           f"{parsed} further listings (`caps`, `basic`) come without Linux's groups: they are derived, and every function is in one group.")
    yield ""
    yield row("coarser than Linux", "functions", "Linux's groups", "groups here", "by rule")
    yield row("---", "---:", "---:", "---:", "---")
    yield from details


def main():
    if not CORPUS.is_dir():
        sys.exit(f"results.py: there is no {CORPUS}")
    text = "\n".join(tables())
    if sys.argv[1:] != ["--write"]:
        print(text)
        return
    document = DOCUMENT.read_text()
    before, begun, rest = document.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        sys.exit(f"results.py: {DOCUMENT} does not mark the place")
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
