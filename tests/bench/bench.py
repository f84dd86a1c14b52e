#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench.py [CONTENDER...] [--work NAME,...] [--repeat N] [--profile FROM:TO]

Measures contenders on the emulated machine, each in turns with bare Linux, and keeps every run as
build/bench/runs/TIME-CONTENDER.json. A run that cannot be made is kept with its reason."""
import argparse
import datetime
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import load  # noqa: E402
from contenders import CONTENDERS, VMLINUZ  # noqa: E402
from images import kernel_entry, pe_entry  # noqa: E402
from machine import BUILD, Machine, PayloadServer  # noqa: E402

INSTRUMENT = BUILD / "bench" / "instrument.so"
RUNS = BUILD / "bench" / "runs"
WORK = "hash,walk,faults,sleep,tick,wake,read1,read32,stream,download"
DOWNLOAD = 16 << 20
BASE = "linux"


def difference(before, after):
    """Counters of one processor between two events."""
    exits = {(code, detail): -count for code, detail, count in before["exits"]}
    for code, detail, count in after["exits"]:
        exits[code, detail] = exits.get((code, detail), 0) + count
    counts = {key: after[key] - before[key] for key in before if key != "exits"}
    return {**counts, "exits": sorted([*key, count] for key, count in exits.items() if count)}


def reduce_events(lines):
    """Phases and points of the instrument's file: counters by processor, for each."""
    events = [json.loads(line) for line in lines]
    phases, points, begun, profile = [], [], {}, None
    for event in events:
        if event["event"] == "profile":
            profile = event
        elif event["event"] == "begin":
            begun[event["name"]] = event
        elif event["event"] == "end" and event["name"] in begun:
            start = begun.pop(event["name"])
            phases.append({"name": event["name"], "operations": event["operations"],
                           "seconds": event["seconds"] - start["seconds"],
                           "processors": [difference(a, b) for a, b in zip(start["processors"], event["processors"])]})
        elif event["event"] != "end":
            points.append({key: event[key] for key in ("event", "name", "processor", "in_guest", "seconds")} |
                          {"processors": [{**p, "exits": sum(count for _, _, count in p["exits"])}
                                          for p in event["processors"]]})
    return {"phases": phases, "points": points} | ({"profile": profile} if profile else {})


def measure(contender, work, port, profile):
    """One boot. Returns what is kept of it."""
    directory = BUILD / "bench" / "machine"
    events = directory / "events.json"
    directory.mkdir(parents=True, exist_ok=True)
    events.unlink(missing_ok=True)
    plugin = (f"{INSTRUMENT},out={events},point=image:{pe_entry(contender.image).hex()},"
              f"point=kernel:{kernel_entry(VMLINUZ).hex()}" + (f",profile={profile}" if profile else ""))
    machine = Machine(directory=directory, extra=["-plugin", plugin],
                      **contender.arguments(f"bench.work={work} bench.port={port}"))
    failed = None
    before = load.idle_check()
    watch = load.Watch()
    with machine:
        try:
            machine.wait_end(contender.limit)
        except AssertionError:
            failed = f"still ran after {contender.limit} s"
    during = watch.finish()
    text = machine.text
    failure = re.search(r"bench: failed: .*|bulkhead: .*(?:error|failed).*|.*Kernel panic.*", text)
    if failure or "bench: done" not in text:
        failed = failure[0] if failure else failed or "ended before its work was done: " + machine.tail(3)
    lines = events.read_text().splitlines() if events.exists() else []
    if failed and lines and not lines[-1].endswith("}"):
        lines.pop()
    return {"contender": contender.name, "partition": list(contender.partition), "work": work, "failed": failed,
            "host": {"processors": os.cpu_count(), "others_before": before, **during,
                     "quiet": load.is_quiet(before, during)},
            "said": re.findall(r"^(?:\[guest\] )?(bench: .*|bulkhead: (?:stats|memory).*|host: .*)$", text, re.MULTILINE),
            **reduce_events(lines)}


def summary(run):
    host = run["host"]
    print(f"bench: {run['contender']}: {host['seconds']} s, load {host['load_before']} before and {host['load_after']} "
          f"after, others {host['others']} processors: {'quiet' if host['quiet'] else 'NOT quiet'}"
          + (f"; FAILED: {run['failed']}" if run["failed"] else ""))
    for phase in run["phases"]:
        own = [phase["processors"][i] for i in run["partition"]]
        each = max(1, phase["operations"])
        total, guest = (sum(p[key] for p in own) / each for key in ("instructions", "guest"))
        exits = sum(count for p in own for _, _, count in p["exits"]) / each
        host_part = total - guest if any(p["entries"] for p in own) else 0
        print(f"  {phase['name']:9} x{phase['operations']:<8} instructions {total:14.1f} hypervisor {host_part:10.1f} "
              f"exits {exits:8.3f} seconds {phase['seconds']:7.2f}")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contenders", nargs="*", choices=[*CONTENDERS, []], default=[])
    parser.add_argument("--work", default=WORK)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--profile")
    options = parser.parse_args()
    names = options.contenders or list(CONTENDERS)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended from outside"))  # and QEMU with it
    RUNS.mkdir(parents=True, exist_ok=True)
    with PayloadServer(DOWNLOAD) as server:
        for name in names * options.repeat:
            contender = CONTENDERS[name]()
            reason = contender.missing()
            if reason:
                run = {"contender": name, "failed": reason, "phases": [], "points": [], "work": options.work}
                print(f"bench: {name}: cannot run: {reason}")
            else:
                run = measure(contender, options.work, server.port, options.profile)
                summary(run)
            stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
            (RUNS / f"{stamp}-{name}.json").write_text(json.dumps(run))
            time.sleep(1)


if __name__ == "__main__":
    main()
