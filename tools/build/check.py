#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py all|unit|NAME...

Everything that can be tested, each step even when one before it failed. A step that is not a set of
tests (a build, the format) counts as one. Ends with `N passed, N failed, N skipped`; status 1 when
anything failed. Needs what `make deps` installs. Steps: """
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import fuzz

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")  # make hands its own on
JOBS = f"-j{os.cpu_count()}"
FUZZ_SECONDS = 60  # a target, beside its corpus
AGAIN = "QEMU was held up: "  # a test that failed by these words is made once more: tests/qemu/machine.py, NO_TIMER
PYTHON = "/usr/bin/python3"  # the one that the package python3-pytest belongs to


class Sums:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def result(self, name, good):
        if good:
            self.passed += 1
        else:
            self.failed.append(name)


def command(sums, name, *arguments):
    sums.result(name, subprocess.run(arguments, cwd=ROOT).returncode == 0)


def make(sums, name, *arguments):
    command(sums, name, "make", "--no-print-directory", "-s", JOBS, *arguments)


def run_unit(sums):
    """cmocka's programs, under AddressSanitizer and UBSan."""
    built = subprocess.run(["make", "--no-print-directory", "-s", "-k", JOBS, "unit-programs"], cwd=ROOT)
    if built.returncode:
        sums.result("unit: build", False)
    for source in sorted((ROOT / "tests" / "unit").glob("test_*.c")):
        program = BUILD / "unit" / source.stem
        if not program.exists():
            continue
        run = subprocess.run([program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             errors="replace", env=dict(os.environ, CMOCKA_MESSAGE_OUTPUT="STDOUT"))
        good = re.findall(r"^\[       OK \] (.*)", run.stdout, re.MULTILINE)
        skipped = re.findall(r"^\[  SKIPPED \] (?!\d+ test)(.*)", run.stdout, re.MULTILINE)
        bad = sorted({n.split(":")[-1].strip() for n in
                      re.findall(r"^\[  (?:FAILED  |ERROR   )\] (?!\d+ test|tests:|---)(.*)", run.stdout, re.MULTILINE)})
        sums.passed += len(good)
        sums.failed += [f"{source.stem}: {name}" for name in bad]
        sums.skipped += [f"{source.stem}: {name}" for name in dict.fromkeys(skipped)]
        if run.returncode and not bad:
            sums.failed.append(f"{source.stem}: ended with status {run.returncode}")
        print(f"unit: {source.stem}: {len(good)} passed" + (f", {len(bad)} failed" if bad else ""))
        if run.returncode:
            print(run.stdout)


def run_fuzz(sums):
    """Every input of the corpus, then new ones for FUZZ_SECONDS a target."""
    make(sums, "fuzz: build", "fuzzers")
    for name, good in fuzz.run(int(os.environ.get("FUZZ_SECONDS") or FUZZ_SECONDS)).items():
        sums.result(f"fuzz_{name}", good)


def run_pytest(sums, *folders, workers=1):
    """Several workers share the files; what they need must have been built, so that none builds under another's eyes."""
    report = BUILD / "pytest.xml"
    report.unlink(missing_ok=True)
    tests = [path for path in (ROOT / "tests" / folder for folder in folders) if any(path.glob("test_*.py"))]
    if not tests:
        return
    status = subprocess.run([PYTHON, "-B", "-m", "pytest", "-q", "-rsR", "--reruns=1", f"--only-rerun={AGAIN}", "--durations=15",
                             "-p", "no:cacheprovider", f"--junitxml={report}",
                             *(["-n", str(workers), "--dist", "loadfile"] if workers > 1 else []), *map(str, tests)], cwd=ROOT).returncode
    if not report.exists():
        sums.failed.append("pytest did not run")
        return
    failures = 0
    for case in xml.parse(report).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skip = case.find("skipped")
        if skip is not None:
            sums.skipped.append(f"{name}: {skip.get('message')}")
        elif case.find("failure") is not None or case.find("error") is not None:
            sums.failed.append(name)
            failures += 1
        else:
            sums.passed += 1
    if status and not failures:
        sums.failed.append(f"pytest ended with status {status}")


def run_machines(sums):
    """Emulated machines, and the host command: half of the time a machine keeps one processor busy, so two at once."""
    make(sums, "build of guests and test programs", "all", "guest", "lister", "instrument", "build/host/inventory", "BUILD=build")
    run_pytest(sums, "qemu", "qemu/attacks", "host", workers=2)  # the second for its report, which is of all workers


STEPS = {
    "gcc": lambda sums: make(sums, "build with gcc", "all", "CC=gcc"),
    "clang": lambda sums: make(sums, "build with clang", "all", "CC=clang", "BUILD=build/clang"),
    "format": lambda sums: make(sums, "format", "format-check"),
    "tidy": lambda sums: make(sums, "clang-tidy", "tidy"),
    "size": lambda sums: make(sums, "size", "size"),
    "unit": run_unit,
    "fuzz": run_fuzz,
    "qemu": run_machines,
    "bochs": lambda sums: run_pytest(sums, "bochs"),
}


def main():
    names = list(STEPS) if sys.argv[1:] == ["all"] else sys.argv[1:]
    if not names or not set(names) <= set(STEPS):
        sys.exit(__doc__ + ", ".join(STEPS))
    sums = Sums()
    for name in names:
        print(f"check: {name}", flush=True)
        began = time.monotonic()
        STEPS[name](sums)
        print(f"check: {name}: {time.monotonic() - began:.0f} s", flush=True)
    for what in sums.skipped:
        print(f"skipped: {what}")
    for what in sums.failed:
        print(f"FAILED: {what}")
    print(f"{sums.passed} passed, {len(sums.failed)} failed, {len(sums.skipped)} skipped")
    return 1 if sums.failed else 0


sys.exit(main())
