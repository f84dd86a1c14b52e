# SPDX-License-Identifier: Apache-2.0
"""Partitions end and begin again by the file's policy, each alone."""
import mmap
import re

from machine import ROOT, VMLINUZ

ATTACKER = ROOT / "build" / "guest" / "attacker.elf"


def change_images(memory):
    """Another last byte for every copy of the image in the machine's memory, as if that had forgotten one."""
    image, found = ATTACKER.read_bytes(), -1
    with open(memory, "r+b") as file, mmap.mmap(file.fileno(), 0) as whole:
        while (found := whole.find(image, found + 1)) >= 0:
            whole[found + len(image) - 1] ^= 1


def test_a_partition_that_fails_begins_again_and_others_do_not_notice(boot, tmp_path):
    """restart = on-failure: a triple fault is followed by a fresh start; restart = never stays ended, here by a watchdog that a
    guest has fed for a while and then forgotten. What begins again is the image that was read at first, or nothing."""
    conf = """
[partition again]
cpus = 1
memory = 32M
kernel = attacker.elf
cmdline = triple-fault
restart = on-failure

[partition once]
cpus = 2
memory = 32M
kernel = attacker.elf
cmdline = watchdog

[partition victim]
cpus = 3
memory = 64M
kernel = attacker.elf
cmdline = victim
"""
    ram = tmp_path / "ram"
    machine = boot(conf=conf, files=[ATTACKER], memory="512M", extra=[
        "-object", f"memory-backend-file,id=ram,share=on,mem-path={ram},size=512M", "-machine", "memory-backend=ram"])
    end = 0
    for _ in range(3):
        end = machine.wait_for(r"bulkhead: partition again: restarting\n", 300, after=end).end()
        end = machine.wait_for(r"bulkhead: partition again: started\n", 300, after=end).end()
    fed = machine.wait_for(r"^\[once\] guest: watchdog running 1, fed\n", 300).end()
    machine.wait_for(r"bulkhead: partition once: failed: the guest did not feed its watchdog in time\n", 300, after=fed)
    machine.wait_for(r"^\[victim\] victim: round \d+ changed 0 first 0x0 interrupts 0\n", 300, after=end)
    assert not machine.lines(r"bulkhead: partition once: restarting")
    change_images(ram)
    machine.wait_for(r"bulkhead: partition again: failed: its images in memory are not what was read at first\n", 120)
    found = machine.lines(r"^\[again\] guest: found .* in registers$")
    assert len(found) >= 3 and set(found) == {"[again] guest: found 0x0 0x0 in registers"}, found
    assert not machine.lines(r"bulkhead: (panic|partition victim: (failed|stopped))")


def test_a_reset_by_the_guest_is_seen_and_power_off_ends_the_machine(boot):
    """Linux without a root file system panics and resets: the partition ends with that reason, and
    when-idle = poweroff switches the machine off by its own ACPI tables."""
    conf = """
[hypervisor]
when-idle = poweroff

[partition linux]
cpus = 1
memory = 256M
kernel = vmlinuz
cmdline = "console=ttyS0 panic=-1"
"""
    machine = boot(conf=conf, files=[VMLINUZ])
    machine.wait_for(r"bulkhead: partition linux: failed: the guest asked for a reset\n", 300)
    machine.wait_for(r"bulkhead: idle\n", 300)
    assert machine.wait_exit(300) == 0


def test_trust_is_printed_and_marks_the_partition(boot):
    """A trust line shows at every start, with the partition that depends on it. Of two devices without a reset one is reset with
    its bus, unasked; the other one, on the root bus, is had by accepting that."""
    conf = """
[hypervisor]
trust = 0000:00:06.0 lab machine only

[partition a]
cpus = 1
memory = 32M
kernel = attacker.elf
cmdline = ports
device = /0000:00/06.0/00.0

[partition b]
cpus = 2
memory = 32M
kernel = attacker.elf
cmdline = ports
device = 0000:00:08.0
no-reset = accept
"""
    machine = boot(conf=conf, files=[ATTACKER], devices=[
        "-device", "ioh3420,id=rp6,bus=pcie.0,addr=6.0,chassis=60,slot=60", "-device", "edu,bus=rp6,addr=0.0",
        "-device", "edu,bus=pcie.0,addr=8.0"])
    machine.wait_for(r"bulkhead: trust: port 0000:00:06\.0: lab machine only\n", 300)
    machine.wait_for(r"bulkhead: trust: partition a is not fully isolated: it relies on port 0000:00:06\.0\n", 300)
    machine.wait_for(r"bulkhead: partition a: stopped\n", 300)
    machine.wait_for(r"bulkhead: partition b: stopped\n", 300)
    assert set(machine.lines(r"^bulkhead: no-reset: ")) == {"bulkhead: no-reset: partition b: nothing resets device 0000:00:08.0"}
    group, = re.findall(r"bulkhead: group \d+: (0000:00:06\.0.*)", machine.text)
    assert re.fullmatch(r"0000:00:06\.0 0000:[0-9a-f]{2}:00\.0", group), "the trusted port stays with what is directly below"
