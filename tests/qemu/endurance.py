#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One partition is restarted again and again while another one streams from its NVMe, and a third is killed while it boots.

The restarted one has a device that interrupts and masters the bus; it is reset with its bus in each life. Streaming is counted in
passes of 64 MiB, each with a sum, its exits and its interrupts: before, during and after must be alike. Tables that hold pages
are counted before and after. Status 1, with words, when anything differs, or anybody but those who were told to ends.
"""
import argparse
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from machine import BUILD, DISK_READ, INITRD, VMLINUZ, Machine, make_disk, nvme, root_port

ATTACKER = BUILD / "guest" / "attacker.elf"
KEPT = BUILD / "endurance"
BOOT, PASS, ORDER = 900, 1200, 300  # seconds, many times what each takes on a quiet machine
BOOT_SPAN = 12  # seconds in which the booting partition is killed
BEFORE, AFTER = 2, 1  # passes
NOISE = 1.05  # interrupts and exits of a pass, against those before

CONF = """\
[partition stream]
cpus    = 1
memory  = 256M
kernel  = vmlinuz
initrd  = initrd.img
cmdline = "console=ttyS0 loglevel=5 bulkhead.work=shell"
device  = 1b36:0010

[partition quick]
cpus    = 2
memory  = 32M
kernel  = attacker.elf
cmdline = remains
device  = 1234:11e8        # edu: the reset of its bus is all that it has

[partition boots]
cpus    = 3
memory  = 128M
kernel  = vmlinuz
initrd  = initrd.img
cmdline = "console=ttyS0 loglevel=5 bulkhead.after=stay"
"""
STREAM = ("for m in $(cat /modules/order); do insmod /modules/$m.ko; done; "
          "while work nvme /dev/nvme0n1; do awk '/nvme/ {s+=$2} END {print \"came: \" s}' /proc/interrupts; done\r")
PASS_DONE = (r"^bulkhead: phase stream \d+: exits (?P<exits>\d+) (?:.*\n)*?"
             r"(?:\[stream\] )?work: nvme read (?P<bytes>\d+) bytes sha256 (?P<sum>\w+)\n(?:.*\n)*?(?:\[stream\] )?came: (?P<came>\d+)\n")
WRONG = (r"^bulkhead: (?:panic|fault:|warning: partition|partition (?:stream|quick): failed).*\n|work: failed.*\n|"
         r"^\[quick\] guest: remains (?!0 interrupts 0\n).*\n")


class Endurance:
    def __init__(self, machine, sha256):
        self.machine, self.sha256, self.seen = machine, sha256, 0
        self.passes = []  # (exits, interrupts so far)

    def ask(self, line, answer, seconds=ORDER):
        begin = len(self.machine.text)
        self.machine.send(line + "\r")
        return self.machine.wait_for(answer, seconds, after=begin)

    def look(self):
        """Passes that have ended meanwhile; nothing else may have gone wrong."""
        for found in re.finditer(PASS_DONE, self.machine.text[self.seen:], re.MULTILINE):
            assert found["sum"] == self.sha256 and int(found["bytes"]) == DISK_READ, found[0]
            self.passes.append((int(found["exits"]), int(found["came"])))
            end = found.end()
        self.seen += end if "end" in locals() else 0
        wrong = re.search(WRONG, self.machine.text, re.MULTILINE)
        assert not wrong, wrong[0]

    def wait_passes(self, count):
        deadline = time.monotonic() + PASS * count
        wanted = len(self.passes) + count
        while len(self.passes) < wanted:
            assert time.monotonic() < deadline, f"no pass in {PASS} s\n{self.machine.tail()}"
            time.sleep(1)
            self.look()

    def memory(self):
        return self.ask("list", r"^bulkhead: memory: (.*)\n")[1]

    def restart(self):
        begin = self.ask("restart quick", r"^bulkhead: partition quick: restarting\n").end()
        self.machine.wait_for(r"^\[quick\] guest: remains \d+", ORDER, after=begin)

    def kill(self, seconds):
        """False: it was stopped already, for it does not boot that long."""
        begin = self.ask("start boots", r"^bulkhead: partition boots: (?:started|loading)\n").start()
        time.sleep(seconds)
        self.ask("stop boots", r"^bulkhead: partition boots: stopped\n")
        assert not re.search(r"boots: failed", self.machine.text[begin:])

    def per_pass(self, first, last):
        """Exits and interrupts of each of the passes FIRST to LAST; the first of all has no interrupts to compare with."""
        return [(self.passes[i][0], self.passes[i][1] - self.passes[i - 1][1]) for i in range(max(first, 1), last)]


def run(options, directory):
    sha256, draw = make_disk(directory / "disk"), random.Random(options.seed)
    devices = root_port("rp1", 4) + nvme(directory / "disk", "rp1") + root_port("rp2", 5) + ["-device", "edu,bus=rp2"]
    with Machine(iommu=options.iommu, devices=devices, conf=CONF, files=[VMLINUZ, INITRD, ATTACKER], memory="2G",
                 directory=directory, log=KEPT / "serial.log") as machine:
        e = Endurance(machine, sha256)
        machine.wait_for(r"^\[stream\] .*work: init reached", BOOT)
        machine.wait_for(r"^\[quick\] guest: remains \d+", BOOT)
        e.ask("console stream", r"until Ctrl-\]\n(.*\n)*?.*# ", BOOT)
        machine.send(STREAM + "\x1d")
        machine.wait_for(r"^bulkhead: commands: try help", ORDER)
        e.ask("stop boots", r"^bulkhead: partition boots: stopped\n")
        e.wait_passes(1 + BEFORE)
        before, memory, began = len(e.passes), e.memory(), time.monotonic()
        for number in range(max(options.restarts, options.kills)):
            if number < options.restarts:
                e.restart()
            if number < options.kills:
                e.kill(draw.uniform(0, BOOT_SPAN))
            e.look()
            print(f"\r{number + 1} rounds, {len(e.passes)} passes", end="", flush=True)
        took, during = time.monotonic() - began, len(e.passes)
        e.wait_passes(1 + AFTER)
        left, after = e.memory(), len(e.passes)
    phases = {"before": e.per_pass(0, before), "during": e.per_pass(before + 1, during), "after": e.per_pass(during + 1, after)}
    print(f"\r{options.restarts} restarts and {options.kills} kills (seed {options.seed}) in {took:.0f} s; memory: {left}")
    for name, counts in phases.items():
        print(f"{name}: {len(counts)} passes; exits {[c[0] for c in counts]} interrupts {[c[1] for c in counts]}")
    wrong = [f"memory was: {memory}"] if left != memory else []
    for index, what in enumerate(("exits", "interrupts")):
        usual = [counts[index] for counts in phases["before"]]
        wrong += [f"{what} of a pass {name}: {counts[index]}" for name in ("during", "after") for counts in phases[name]
                  if not min(usual) / NOISE - 50 <= counts[index] <= max(usual) * NOISE + 50]
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--iommu", choices=("amd", "intel"), default="amd")
    parser.add_argument("--restarts", type=int, default=500)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="bh-endurance-") as directory:
        try:
            wrong = run(options, Path(directory))
        except AssertionError as error:
            wrong = [str(error)]
    for line in wrong:
        print(f"endurance: {line}; console: {KEPT / 'serial.log'}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
