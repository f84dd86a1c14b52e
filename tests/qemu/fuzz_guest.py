#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Guests that execute what they must not, by random numbers or all of a kind, beside a victim that watches itself.

tests/qemu/fuzzer/ makes the steps; what step N of a seed does depends on these two numbers alone. Where its partition ends by
a step (a triple fault, an instruction that nobody carries out), the file lets it begin again and it goes on behind that step:
its numbers are in memory of a device, which outlives it and which this program reads.

Status 1, with words, when anything but the partition itself came to harm: the hypervisor says so, its code or tables have
changed, or the victim finds its memory, its registers or its timer changed, an interrupt that is not its own, or is stopped.
"""
import argparse
import re
import shutil
import signal
import struct
import sys
import time
from collections import Counter

from machine import BUILD, DEBUG_EXIT_PORT, Machine, root_port

FUZZER = BUILD / "guest" / "fuzzer.elf"
KEPT = BUILD / "fuzz-guest"
BOOT, ROUND, STALLED = 300, 300, 600  # seconds, many times what each takes on a quiet machine
STILL, ANSWER = 60, 60  # seconds without a step until QEMU is asked whether it still lives, and until its answer
FIRST_SLOT, FIRST_SLOT2 = 5, 16
SHARED_BYTES = 1 << 20
PAGE = 4096
DEADLY = 40000  # one step of so many may end the partition

HYPERVISOR = """\
[hypervisor]
when-idle = exit:{exit:#x}

[partition victim]
cpus    = {victim}
memory  = 64M
kernel  = fuzzer.elf
cmdline = victim
"""
PARTITION = """
[partition {name}]
cpus    = {first}-{last}
memory  = 32M
kernel  = fuzzer.elf
cmdline = "{words}"
restart = {restart}
device  = /0000:00/{slot:02x}.0/00.0     # memory that outlives the partition
device  = /0000:00/{slot2:02x}.0/00.0     # it has function level reset
"""


class Harm(AssertionError):
    """Somebody else than the fuzzer's partition was hit."""


class Flooded(AssertionError):
    """QEMU's own main thread is busy with what the guest has set up, and answers nobody: docs/emulators.md."""


class Guest:
    """One fuzzing partition of a machine."""

    def __init__(self, name, words, index, directory, restart):
        self.name, self.words, self.restart = name, words, restart
        self.slot, self.slot2, self.first = FIRST_SLOT + index, FIRST_SLOT2 + index, 2 + 2 * index
        self.shared = directory / f"shared-{name}"
        self.shared.write_bytes(bytes(SHARED_BYTES))

    @property
    def conf(self):
        return PARTITION.format(name=self.name, words=self.words, first=self.first, last=self.first + 1, slot=self.slot,
                                slot2=self.slot2, restart=self.restart)

    @property
    def devices(self):
        memory, nothing = f"memory-{self.name}", f"nothing-{self.name}"
        return [*root_port(f"rp{self.slot}", self.slot),
                "-object", f"memory-backend-file,id={memory},share=on,mem-path={self.shared},size={SHARED_BYTES}",
                "-device", f"ivshmem-plain,memdev={memory},bus=rp{self.slot}",
                *root_port(f"rp{self.slot2}", self.slot2), "-blockdev", f"driver=null-co,node-name={nothing},size=1048576",
                "-device", f"nvme,serial={nothing},drive={nothing},bus=rp{self.slot2}"]

    def progress(self):
        """Seed, step and starts, as the guest keeps them."""
        with open(self.shared, "rb") as file:
            _, seed, step, end, starts = struct.unpack("<5Q", file.read(40))
        return {"seed": seed, "step": step, "end": end, "starts": starts}

    def last(self, text, pattern):
        found = re.findall(rf"^\[{self.name}\] {pattern}$", text, re.MULTILINE)
        return found[-1] if found else None

    def exits(self, text):
        """Exits of all its processors by reason, over all its starts."""
        sums, lines = Counter(), {}
        for cpu, counts in re.findall(rf"^bulkhead: stats {self.name} cpu (\d+): (.*)$", text, re.MULTILINE):
            lines[cpu] = counts
        for counts in lines.values():
            sums.update({name: int(number) for name, number in re.findall(r"(\w+) (\d+)", counts)})
        return sums

    def endings(self, text):
        """How often the partition ended in which way; numbers are left out."""
        found = re.findall(rf"^bulkhead: partition {self.name}: (failed: .*|stopped)$", text, re.MULTILINE)
        return Counter(re.sub(r"0x[0-9a-f]+|\b\d+\b", "N", ending) for ending in found)

    def report(self, text):
        kinds = dict(re.findall(rf"^\[{self.name}\] fuzzer: kind (\w+) (\d+)$", text, re.MULTILINE))
        last = self.last(text, r"fuzzer: (seed \d+ step \d+ .*)")
        lines = [f"{self.name}: {last}"] if last else []
        if kinds:
            lines.append(f"{self.name}: steps by kind: " + " ".join(f"{name} {number}" for name, number in kinds.items()))
        lines += [f"{self.name}: {line}" for line in re.findall(rf"^\[{self.name}\] fuzzer: (resets taken .*)$", text, re.MULTILINE)]
        lines += [f"{self.name}: {line}" for line in re.findall(rf"^\[{self.name}\] (sweep: \w+ tried .*)$", text, re.MULTILINE)]
        lines += [f"{self.name}: ended {count} times: {ending}" for ending, count in self.endings(text).most_common()]
        lines.append(f"{self.name}: " + " ".join(f"{name} {count}" for name, count in self.exits(text).items()))
        return lines


class Campaign:
    """Guests by name with their words, on one machine with a victim; run() until all have come to their end."""

    def __init__(self, iommu, directory, guests, live=False):
        self.iommu, self.directory, self.live = iommu, directory, live
        self.guests = [Guest(name, words, index, directory, restart)
                       for index, (name, (words, restart)) in enumerate(guests.items())]
        self.text, self.took = "", 0.0

    def run(self):
        conf = HYPERVISOR.format(exit=DEBUG_EXIT_PORT, victim=1) + "".join(guest.conf for guest in self.guests)
        devices = [argument for guest in self.guests for argument in guest.devices]
        machine = Machine(iommu=self.iommu, devices=devices, conf=conf, files=[FUZZER], cpus=2 + 2 * len(self.guests),
                          memory="1G", directory=self.directory, live=self.live)
        began = time.monotonic()
        try:
            with machine:
                self._attack(machine)
        finally:
            self.text = machine.text
            self.took = time.monotonic() - began
        return self

    def _attack(self, machine):
        machine.wait_for(r"^\[victim\] victim: round 1 ", BOOT)
        places = self._hypervisor_places(machine)
        before = self._read(machine, places)
        for guest in self.guests:
            self._wait_end(machine, guest)
        for _ in range(2):  # a whole round that began after the end of the attack
            self._wait(machine, r"^\[victim\] victim: round .*\n", ROUND, "the victim stands still", after=len(machine.text))
        self.text = machine.text
        self.check_victim()
        if self._read(machine, places) != before:
            raise Harm("the hypervisor's code or tables have changed")

    def _wait(self, machine, pattern, seconds, meaning, after=0):
        """A harm that is printed ends the wait."""
        match = self._try(machine, pattern, seconds, after)
        if not match:
            raise Harm(f"{meaning}: no {pattern!r} within {seconds} s\n{machine.tail()}")
        return match

    def _try(self, machine, pattern, seconds, after=0):
        harm = r"^bulkhead: panic: .*|^\[\S+\] fuzzer: a program wrote.*|^bulkhead: partition victim: (?:failed|stopped|restarting).*|^bulkhead: idle"
        try:
            match = machine.wait_for(f"{pattern}|{harm}", seconds, after=after)
        except AssertionError:
            if machine.process.poll() is not None:
                raise Harm(f"QEMU ended\n{machine.errors}\n{machine.tail()}") from None
            return None
        if re.match(harm, match[0]):
            raise Harm(match[0])
        return match

    def _wait_end(self, machine, guest):
        """The guest's own end; with steps made again and again meanwhile."""
        end = rf"^bulkhead: partition {guest.name}: stopped\n"
        if guest.restart == "never":
            end += rf"|^bulkhead: partition {guest.name}: failed: .*\n"
        step, since = guest.progress()["step"], time.monotonic()
        size = len(machine.text)
        while not self._try(machine, end, 30):
            text = re.sub(r"^\[victim\].*\n", "", machine.text[size:], flags=re.MULTILINE)
            if guest.progress()["step"] != step or text:
                step, since, size = guest.progress()["step"], time.monotonic(), len(machine.text)
            elif time.monotonic() - since > STILL and not self._answers(machine):
                raise Flooded(f"QEMU stands still at step {step}")
            elif time.monotonic() - since > STALLED:
                raise Harm(f"{guest.name} makes no steps any more: {guest.progress()}\n{machine.tail()}")

    @staticmethod
    def _answers(machine):
        try:
            return bool(machine.monitor("info status", ANSWER))
        except OSError:
            return False

    @staticmethod
    def _hypervisor_places(machine):
        """Memory of the hypervisor that never changes: the code that its monitor is in, and what vectors lead to."""
        registers = machine.monitor("info registers -a").split("CPU#1")[0]
        return [int(re.search(name, registers)[1], 16) & -PAGE for name in (r"RIP=([0-9a-f]+)", r"IDT=\s+([0-9a-f]+)")]

    @staticmethod
    def _read(machine, places):
        return [machine.monitor(f"xp /{PAGE // 8}gx {address:#x}") for address in places]

    def check_victim(self, least=3):
        """What it has said in its rounds, of which there were so many at least."""
        rounds = re.findall(r"^\[victim\] victim: round (\d+) changed (\d+) first (\S+) strange (\d+) registers (\d+) ticks (\d+)",
                            self.text, re.MULTILINE)
        if len(rounds) < least:
            raise Harm("the victim did not go on")
        for number, changed, first, strange, registers, ticks in rounds:
            if changed != "0" or strange != "0" or registers != "0" or ticks == "0":
                details = re.findall(r"^\[victim\] victim: (?:vector|register).*", self.text, re.MULTILINE)
                raise Harm(f"victim, round {number}: {changed} words changed, the first at {first}; {strange} interrupts of others; "
                           f"{registers} registers lost; {ticks} ticks of its timer\n" + "\n".join(details))

    @property
    def rounds(self):
        return len(re.findall(r"^\[victim\] victim: round ", self.text, re.MULTILINE))

    def report(self):
        return [line for guest in self.guests for line in guest.report(self.text)]

    def check_done(self):
        """Every fuzzing guest made all its steps, every other one said all that it had to say."""
        for guest in self.guests:
            assert guest.last(self.text, r"fuzzer: ended"), (
                f"{guest.name} came to no end of its own: {guest.progress()}\n"
                + "\n".join(re.findall(rf"^\[{guest.name}\].*|^bulkhead: partition {guest.name}.*", self.text, re.MULTILINE)[-20:]))


def fuzz_words(seed, count, start=0, deadly=DEADLY, trace=False):
    return f"seed={seed} from={start} count={count} deadly={deadly} {'trace' if trace else 'fuzz'}"


SWEEP = "modes edges icr=1 cpuid msrs={values} ports={step}"  # 1 is the victim's processor


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000000, help="steps")
    parser.add_argument("--from", type=int, default=0, dest="start", metavar="STEP", help="the first of them")
    parser.add_argument("--deadly", type=int, default=DEADLY, metavar="N", help="one step of N may end the partition; 0: none")
    parser.add_argument("--iommu", choices=("amd", "intel"), default="amd")
    parser.add_argument("--sweep", action="store_true", help="beside it, a partition that tries all registers, ports, ...")
    parser.add_argument("--trace", action="store_true", help="each step is said before it is made")
    parser.add_argument("--live", action="store_true", help="show the console")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that QEMU is ended, too
    directory = KEPT / f"{options.iommu}-{options.seed}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    start, end, wrong = options.start, options.start + options.count, None
    while start < end and not wrong:
        start, wrong = attack(options, directory, start, end)
    if not wrong:
        print("fuzz-guest: hypervisor and neighbour unharmed")
    return 1 if wrong else 0


def attack(options, directory, start, end):
    """Steps from `start` on, to the end or until QEMU stands still: the first step that is left, and what is wrong."""
    guests = {"fuzz": (fuzz_words(options.seed, end - start, start, options.deadly, options.trace), "on-failure")}
    if options.sweep:
        guests["sweep"] = (SWEEP.format(values=4, step=1), "never")
    campaign = Campaign(options.iommu, directory, guests, options.live)
    wrong = flooded = None
    try:
        try:
            campaign.run()
            campaign.check_done()
        except Flooded as error:
            flooded = error
            campaign.check_victim(0)
    except AssertionError as error:
        wrong = error
    for line in campaign.report():
        print(f"fuzz-guest: {line}")
    last = campaign.guests[0].progress()
    print(f"fuzz-guest: {options.iommu}, steps {start} to {last['step'] - 1}, victim: {campaign.rounds} rounds; {campaign.took:.0f} s", flush=True)
    if wrong:
        print(f"fuzz-guest: {'HARM' if isinstance(wrong, Harm) else 'FAILED'}: {wrong}")
        print(f"fuzz-guest: again: make fuzz-guest SEED={last['seed'] or options.seed} FROM={max(last['step'] - 200, 0)} "
              f"IOMMU={options.iommu}; the console is in {directory / 'serial.log'}")
    elif flooded:
        print(f"fuzz-guest: {flooded}, and is started again behind it", flush=True)
        return last["step"] + 1, None
    return end, wrong


if __name__ == "__main__":
    sys.exit(main())
