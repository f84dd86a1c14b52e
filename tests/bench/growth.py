#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""growth.py [--only NAME...]

How Bulkhead's cost grows with partitions, guest memory, processors and functions: instructions from
leaving firmware to each partition's first instruction, and the memory that tables and state take.
Guests do nothing but switch themselves off. Results in build/bench/growth.json."""
import argparse
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import load  # noqa: E402
from bench import INSTRUMENT, difference  # noqa: E402
from contenders import BENCH, devices, root_port  # noqa: E402
from images import pe_entry, symbol_bytes  # noqa: E402
from machine import BUILD, DEBUG_EXIT_0, IMAGE, Machine  # noqa: E402

SMALL = BENCH / "small.bin"
LIMIT = 900
PLAIN = {"partitions": 1, "memory_mib": 64, "processors": 2, "functions": 0}
SERIES = {
    "partitions": [{**PLAIN, "partitions": n, "processors": n + 1} for n in (1, 2, 4, 8)],
    "two-of-a-gib": [{**PLAIN, "partitions": 2, "processors": 5, "memory_mib": 1024, "vcpus": 2, "pass": True}],
    "memory": [{**PLAIN, "memory_mib": 1024 * n} for n in (1, 2, 4, 8)],
    "processors": [{**PLAIN, "processors": n, "vcpus": n - 1} for n in (2, 4, 8, 16)],
    "functions": [{**PLAIN, "functions": n} for n in (10, 20, 40, 60)],
}


def many_functions(count):
    """Half of them root ports, eight to a slot, half network-less devices behind them."""
    arguments = []
    for i in range(count // 2):
        arguments += root_port(f"port{i}", 8 + i // 8, i % 8, ",hotplug=off")
        arguments += ["-device", f"virtio-rng-pci,bus=port{i},disable-legacy=on"]
    return arguments


def configuration(case):
    text = "[hypervisor]\nconsole = com1\nwhen-idle = exit:0xf4\n"
    each = case.get("vcpus", 1)
    for i in range(case["partitions"]):
        first = 1 + i * each
        text += f"[partition p{i}]\ncpus = {first}-{first + each - 1}\nmemory = {case['memory_mib']}M\nkernel = small.bin\n"
    if case.get("pass"):
        text = text.replace("[partition p1]", "device = 1b36:0010\n[partition p1]") + "device = 8086:10d3\n"
    return text


def run(case):
    directory = BENCH / "machine"
    events = directory / "events.json"
    directory.mkdir(parents=True, exist_ok=True)
    events.unlink(missing_ok=True)
    points = {"image": pe_entry(IMAGE), "left": symbol_bytes(BUILD / "bulkhead.elf", "machine_start")}
    plugin = f"{INSTRUMENT},out={events}" + "".join(f",point={name}:{code.hex()}" for name, code in points.items())
    memory = 1024 + case["partitions"] * case["memory_mib"] * 3 // 2
    before = load.idle_check()
    watch = load.Watch()
    with Machine(directory=directory, conf=configuration(case), files=[SMALL], cpus=case["processors"],
                 memory=f"{memory}M", devices=[*devices(), *many_functions(case["functions"])],
                 extra=["-plugin", plugin]) as machine:
        status = machine.wait_end(LIMIT)
    assert status == DEBUG_EXIT_0, machine.tail()
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    image, left = (next(e for e in lines if e["name"] == name) for name in points)
    firsts = [e for e in lines if e["event"] == "first-entry"]
    used, pool = map(int, re.search(r"memory: (\d+) KiB of (\d+) KiB", machine.text).groups())

    def instructions(start, end):
        each = [difference(a, b)["instructions"] for a, b in zip(start["processors"], end["processors"])]
        return {"all": sum(each), "most": max(each)}

    return {**case, "image_to_left": instructions(image, left), "left_to_first": instructions(left, firsts[0]),
            "left_to_last": instructions(left, firsts[-1]), "used_kib": used, "pool_kib": pool,
            "functions_found": len(machine.lines(r"^bulkhead: function ")),
            "host": {**watch.finish(), "others_before": before}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[*SERIES, "tables"], default=[*SERIES, "tables"])
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("growth: ended from outside"))  # and QEMU with it
    out = BENCH / "growth.json"
    results = json.loads(out.read_text()) if out.exists() else {}
    for name in options.only:
        results[name] = []
        for case in SERIES.get(name, ()):
            one = run(case)
            results[name].append(one)
            print(f"growth: {name}: {({k: v for k, v in one.items() if k != 'host'})}", flush=True)
            out.write_text(json.dumps(results))
        if name == "tables":
            results[name] = json.loads(subprocess.run([BENCH / "tables"], check=True, stdout=subprocess.PIPE).stdout)
    out.write_text(json.dumps(results))


if __name__ == "__main__":
    main()
