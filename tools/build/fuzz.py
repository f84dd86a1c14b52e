#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fuzz.py [--seconds N] [--jobs N] [TARGET...]

Every fuzz target (tests/fuzz/fuzz_*.c, built by `make fuzzers`): first each input of its corpus, then N seconds of new
ones, as many targets at a time as there are processors. A line a target says what was run and how much was reached. New inputs
stay in build/fuzz-found/TARGET; what is worth keeping is moved into tests/fuzz/corpus by hand (-merge=1 shrinks). An input
that fails, leaks, hangs or grows beyond bounds is kept as build/fuzz-found/TARGET-*; status 1 then.
"""
import argparse
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
FOUND = BUILD / "fuzz-found"
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
INPUT_SECONDS, MEMORY_MB = 20, 1024  # of one input, of one target
GRACE = 300  # seconds that a target may take beyond its time, on a busy machine
OUTPUT = threading.Lock()


def names():
    return sorted(path.stem.removeprefix("fuzz_") for path in (ROOT / "tests" / "fuzz").glob("fuzz_*.c"))


def libfuzzer(name, limit, *arguments):
    """(status, what it printed)"""
    try:
        run = subprocess.run([BUILD / "fuzz" / f"fuzz_{name}", f"-timeout={INPUT_SECONDS}", f"-rss_limit_mb={MEMORY_MB}",
                              f"-artifact_prefix={FOUND}/{name}-", *map(str, arguments)], cwd=BUILD, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", timeout=limit)
    except subprocess.TimeoutExpired:
        return 1, f"fuzz: {name}: did not end within {limit} s"
    except OSError as error:
        return 1, f"fuzz: {name}: {error}"
    return run.returncode, run.stderr


def fuzz(name, seconds):
    """Whether the target is good."""
    inputs = sorted(p for p in (CORPUS / name).rglob("*") if p.is_file())
    (FOUND / name).mkdir(parents=True, exist_ok=True)
    status, output = libfuzzer(name, GRACE, *inputs) if inputs else (1, f"fuzz: {name}: has no corpus")
    line = f"fuzz: {name:12} replays {len(inputs):4}"
    if not status and seconds:
        status, output = libfuzzer(name, seconds + GRACE, f"-max_total_time={seconds}", "-print_final_stats=1", FOUND / name, CORPUS / name)
        last = re.findall(r"^#\d+\s+\S+\s+cov: (\d+) ft: (\d+) corp: (\d+)/\S+", output, re.MULTILINE)[-1:]
        edges, features, kept = last[0] if last else ("?", "?", "?")
        stats = dict(re.findall(r"^stat::(\w+):\s+(\d+)", output, re.MULTILINE))
        line += (f", {int(stats.get('number_of_executed_units', 0)):9,} executions in {seconds} s, {edges} edges, {features} features, "
                 f"{kept} inputs, {stats.get('peak_rss_mb', '?')} MB")
    with OUTPUT:
        print(line + (": FAILED" if status else ""), flush=True)
        if status:
            print(output[-6000:], flush=True)
    return status == 0


def run(seconds, targets=None, jobs=None):
    """Target -> whether it is good."""
    targets = targets or names()
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        return dict(zip(targets, pool.map(lambda name: fuzz(name, seconds), targets)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="a target; 0: the corpus only")
    parser.add_argument("--jobs", type=int, help="targets at a time; as many as processors")
    parser.add_argument("targets", nargs="*", help="without fuzz_; all")
    options = parser.parse_args()
    sys.exit(not all(run(options.seconds, options.targets, options.jobs).values()))


if __name__ == "__main__":
    main()
