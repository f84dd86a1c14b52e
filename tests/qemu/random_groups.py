#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Isolation groups of random machines, against those that Linux forms on the same machines.

For each seed: draws a machine, boots Linux on it (QEMU's emulation, one machine at a time), takes its groups and its
configuration space, and lets the host command derive groups from that. They must be Linux's, with one difference: where a
port of a switch has no ACS, all that is below the switch is one group. Every --live-th machine also boots the image, and its
survey must print the same groups. Prints a line a machine and the sums; what failed is kept under build/check-groups/SEED.
"""
import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from machine import BUILD, IMAGE, ROOT, VMLINUZ, Machine
from random_machine import draw

sys.path.insert(0, str(ROOT / "tests" / "host"))
import comparison  # noqa: E402

LISTER = BUILD / "guest" / "lister.img"
KEPT = BUILD / "check-groups"
LINUX_TIME, SURVEY_TIME = 240, 240  # seconds; under emulation, beside other work
APPEND = "console=ttyS0 quiet intel_iommu=on no_timer_check panic=-1"  # emulated time is not checked: the host may be busy


class Listing:
    """What tests/qemu/lister printed."""

    def __init__(self, text):
        self.spaces, self.groups, self.tables, self.failures = {}, {}, {}, []
        name = None
        for line in text.splitlines():
            words = line.partition("list: ")[2].split()
            if not words:
                continue
            if words[0] == "function":
                name = words[1]
                self.spaces[name] = bytearray(int(words[5]))
                self.groups.setdefault(words[3], []).append(name)
            elif words[0] == "table":
                self.tables[words[1]] = bytes.fromhex("".join(words[2:]))
            elif words[0] == "failed:":
                self.failures.append(" ".join(words[1:]))
            elif name and re.fullmatch("[0-9a-f]{3}:", words[0]):
                offset = int(words[0][:-1], 16)
                self.spaces[name][offset:offset + len(words) - 1] = bytes.fromhex("".join(words[1:]))
        self.uncovered = self.groups.pop("none", [])

    def write(self, directory):
        """lspci.txt, groups.txt and the tables; returns the tables' paths."""
        with open(directory / "lspci.txt", "w") as out:
            for name, space in self.spaces.items():
                out.write(f"{name} Class {space[0x0b]:02x}{space[0x0a]:02x}\n")
                for at in range(0, len(space), 16):
                    out.write(f"{at:02x}: {space[at:at + 16].hex(' ')}\n")
                out.write("\n")
        lines = [" ".join(sorted(members)) for members in self.groups.values()]
        lines += ["none: " + " ".join(self.uncovered)] if self.uncovered else []
        (directory / "groups.txt").write_text("".join(line + "\n" for line in sorted(lines)))
        paths = []
        for name, table in self.tables.items():
            paths.append(directory / f"{name.lower()}.bin")
            paths[-1].write_bytes(table)
        return paths


def list_linux(drawn, directory):
    append = APPEND + (f" vfs={drawn.vfs}" if drawn.vfs else "")
    with Machine(iommu=drawn.iommu, devices=drawn.devices, kernel=VMLINUZ, initrd=LISTER, append=append, cpus=1,
                 memory="1G", directory=directory / "linux", extra=["-net", "none"]) as machine:
        machine.wait_for(r"list: end$", LINUX_TIME)
        return Listing(machine.text)


def survey(drawn, directory):
    """The groups that the image prints: function -> number."""
    esp = directory / "esp.img"
    subprocess.run([ROOT / "tools" / "build" / "make-esp.py", esp, IMAGE, ""], check=True)  # no file: survey mode
    with Machine(iommu=drawn.iommu, devices=drawn.devices, cpus=1, memory="1G", directory=directory / "survey",
                 extra=["-drive", f"if=none,id=esp,file={esp},format=raw",
                        "-device", "ide-hd,drive=esp,bus=ide.0,bootindex=0"]) as machine:
        machine.wait_end(SURVEY_TIME)
        lines = re.findall(r"^bulkhead: group (\d+): ((?:[0-9a-f]{4}:[0-9a-f:.]+ ?)+)$", machine.text, re.MULTILINE)
    esp.unlink()
    return {function: int(number) for number, members in lines for function in members.split()}


def is_virtual(listing, function):
    return listing.spaces[function][:2] == b"\xff\xff"


def check_survey(drawn, directory, listing, derived):
    """Words where the image's survey says otherwise. It runs before Linux has switched virtual functions on."""
    printed = survey(drawn, directory)
    expected = {f: n for f, n in derived.number.items() if not is_virtual(listing, f)}
    if set(printed) != set(expected):
        return [f"the survey has other functions: {sorted(set(printed) ^ set(expected))}"]
    sides = [Counter(), Counter()]
    for a in expected:
        sides[0][frozenset(f for f in expected if expected[f] == expected[a])] += 1
        sides[1][frozenset(f for f in printed if printed[f] == printed[a])] += 1
    return [] if sides[0] == sides[1] else ["the survey has other groups than the host command"]


def try_seed(seed, live, directory):
    """(verdict, number of functions, words about what is wrong)"""
    drawn = draw(seed)
    listing = list_linux(drawn, directory)
    tables = listing.write(directory)
    wrong = list(listing.failures)
    derived = comparison.derive(directory / "lspci.txt", tables)
    verdict = comparison.compare(derived, list(listing.groups.values()))
    wrong += [f"finer than Linux: {' '.join(line)}" for line in verdict.finer]
    wrong += [f"coarser without a reason: {' '.join(line)}" for line in verdict.unexplained]
    wrong += [f"coarser by rule {rule}, which Linux has too" for rule in verdict.rules - comparison.COARSER_RULES]
    if not verdict.exact:
        wrong.append("not what Linux has with its switches put right")
    if set(derived.number) != set(listing.spaces):
        wrong.append(f"functions: {sorted(set(derived.number) ^ set(listing.spaces))}")
    if live:
        wrong += check_survey(drawn, directory, listing, derived)
    return drawn, verdict, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5, help="machines")
    parser.add_argument("--seed", type=int, default=1, help="of the first; the others follow")
    parser.add_argument("--live", type=int, default=4, metavar="K", help="every Kth also boots the image; 0: none does")
    parser.add_argument("--keep", action="store_true", help="keep every machine's files, not only those that failed")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that QEMU is ended, too
    words, rules, failed, sizes, live_count = Counter(), Counter(), [], [], 0
    began = time.monotonic()
    for index in range(options.count):
        seed = options.seed + index
        live = bool(options.live) and index % options.live == 0
        directory = KEPT / str(seed)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        try:
            drawn, verdict, wrong = try_seed(seed, live, directory)
            (directory / "arguments.txt").write_text("\n".join(drawn.devices) + "\n")
            word = str(verdict)
            words[verdict.word] += 1
            rules.update(verdict.rules)
            sizes.append(verdict.functions)
            line = (f"{drawn.iommu:5} {verdict.functions:3} functions, Linux {verdict.linux_groups:2} groups, "
                    f"here {verdict.groups:2}: {word}")
        except (AssertionError, subprocess.SubprocessError, OSError) as error:
            wrong, line = [str(error)], "did not come to an end"
        live_count += live
        print(f"seed {seed:4}: {line}{' (and the survey)' if live else ''}", flush=True)
        for what in wrong:
            print(f"seed {seed:4}: WRONG: {what}", flush=True)
        if wrong:
            failed.append(seed)
        elif not options.keep:
            shutil.rmtree(directory)
    print(f"check-groups: {options.count} machines, {sum(sizes)} functions: {words['equal']} equal to Linux, "
          f"{words['coarser']} coarser ({', '.join(f'{n} by {r}' for r, n in sorted(rules.items())) or 'none'}), "
          f"{words['finer']} finer; {live_count} surveyed; {time.monotonic() - began:.0f} s")
    if failed:
        print(f"check-groups: FAILED: seeds {' '.join(map(str, failed))}; their files are in {KEPT}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
