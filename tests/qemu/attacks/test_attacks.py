# SPDX-License-Identifier: Apache-2.0
"""Attacks by devices that a partition owns: none harms the victim, the hypervisor or the machine.

One machine for each kind of unit; every test is one more group of attacks on it, with a control that the weapon works
where it may. Victim, memory and the unit's tables are looked at after each. What these emulators cannot show:
- intel-iommu passes messages of the old format, and checks no source of messages that a device writes by DMA (its own
  MSI it checks): such writes are tried with iommu-testdev only, whose source is wrong for every entry. What the
  hypervisor has programmed is judged by its tables.
- amd-iommu takes messages written by DMA for the IO-APIC's, and names devices behind ports wrongly in its records.
"""
import os
import re
import time

import pytest

from hostile import ATTACKER_MEMORY, BLOCK, BOOT, GIB, LOW_MEMORY, MEMORY, MIB, ROUND, Attacker, Field
from instruments import END_POWER_OFF
from machine import DEBUG_EXIT_0

INTERRUPT_RANGE, INTERRUPT_RANGE_END = 0xFEE00000, 0xFEF00000
IOAPIC, HPET = 0xFEC00000, 0xFED00000
UNIT = {"amd": 0xFED80000, "intel": 0xFED90000}
TOP = 4 * GIB + MEMORY - LOW_MEMORY
STORM = 100_000
WEAPONS = ["edu", "testdev", "nvme", "e1000e", "xhci"]
# Of the configuration registers of attacked functions, by double word.
COMMAND, COMMAND_GUESTS = 1, 0xFFFF0406 | 1 << 10


@pytest.fixture(scope="module", params=["amd", "intel"])
def field(request, tmp_path_factory, report):
    with Field(request.param, tmp_path_factory.mktemp("attacks"), [Attacker("attacker", 1, WEAPONS)], report) as one:
        yield one


def places(field):
    """Pages that an attacker would like to write or read, by name."""
    victim, tables = field.bases["victim"], field.tables
    found = {"the victim's first page": victim, "the victim's middle": victim + 24 * MIB, "the victim's last page": victim + 64 * MIB - 4096,
             "the unit's registers": UNIT[field.iommu], "the unit's root": tables.root, "the IO-APIC": IOAPIC, "the HPET": HPET,
             "the ECAM": field.ecam(), "the victim's ECAM": field.ecam() + (6 << 20), "below 4 GiB": 4 * GIB - 4096, "4 GiB": 4 * GIB,
             "the last page": TOP - 4096, "beyond the last page": TOP, "far beyond": 0x1234567000}
    found |= {f"tables of {requester:#06x}": root for requester, root in tables.attached().items()}
    found |= {f"the hypervisor's {i}": place for i, place in enumerate(field.processor_places())}
    found |= {f"the victim's registers {i}": place for i, place in enumerate(field.bars("victim"))}
    if field.iommu == "intel":
        found["the interrupt table"] = field.tables.interrupts & ~0xFFF
    assert min(found.values()) >= ATTACKER_MEMORY
    return found


def test_harm_is_seen(field):
    """The victim's own device is let loose on it: victim, scan of memory and rules of the tables all notice."""
    assert field.harm() == []
    field.order("victim", "hurt-memory")
    field.order("victim", "hurt-interrupts")
    field.wait_rounds()
    shown, traces = field.mailboxes["victim"].shown(), field.traces()
    assert shown["changed"] and shown["interrupts"] and traces, (shown, traces)
    victim = field.bases["victim"]
    assert all(victim <= field.physical(at) < victim + 64 * MIB for at in traces)
    with open(field.disks["attacker"], "r+b") as disk:
        disk.seek(2048 * BLOCK)
        disk.write(b"leak")
        disk.flush()
        assert field.leaked() == 4
        disk.seek(2048 * BLOCK)
        disk.write(bytes(4))
    requester = next(r for r, owner in field.functions.items() if owner == "attacker")
    field.functions[requester] = "victim"
    assert field.tables.wrong()
    del field.functions[requester]
    assert field.tables.wrong()
    field.functions[requester] = "attacker"
    field.order("victim", "forget")
    assert field.harm() == []


def test_writes_to_all_of_memory(field):
    """A line of 64 bytes in every 64 KiB that a processor could reach, RAM, registers and nothing; pages of the two partitions."""
    for title, begin, end in (("dma-sweep-low", ATTACKER_MEMORY, INTERRUPT_RANGE), ("dma-sweep-rom", INTERRUPT_RANGE_END, 4 * GIB),
                              ("dma-sweep-high", 4 * GIB, TOP + 64 * MIB)):
        field.attack(title, "testdev-sweep", begin, end, 64 << 10, 64)
    victim = field.bases["victim"]
    field.attack("dma-sweep-victim", "testdev-sweep", victim + 4032, victim + 64 * MIB, 4096, 64)


def test_writes_at_edges(field):
    """Across the end of the own memory, of RAM, of 4 GiB and of every width that tables may have; and round the end."""
    edges = [ATTACKER_MEMORY - 8, LOW_MEMORY - 8, 4 * GIB - 8, TOP - 8, TOP - 1]
    edges += [(1 << width) + offset for width in (36, 39, 40, 46, 47, 48, 51, 52, 57, 63) for offset in (-8, 0)]
    edges += [(1 << 64) - 16, (1 << 64) - 8, *(place + 8 for place in places(field).values())]
    field.attack("dma-edges", "testdev-list", len(edges), 16, addresses=edges)
    field.attack("dma-last-bytes", "testdev-list", 4, 1, addresses=[LOW_MEMORY - 1, TOP - 1, ATTACKER_MEMORY, (1 << 64) - 1])


def test_a_disk_controller_writes_and_reads_what_is_not_its_own(field):
    """NVMe: pages, lists of pages, and its queues, at every place; a page in every 8 MiB of the machine, in both directions
    (iommu-testdev has been at every 64 KiB)."""
    found = list(places(field).values())
    field.attack("nvme-pages", "nvme-list", len(found), addresses=found)
    halves = [place + 512 for place in found]
    field.attack("nvme-two-pages", "nvme-list", len(halves), addresses=halves)
    field.attack("nvme-queues", "nvme-queues", 6, addresses=[found[1], *found[-5:]])
    for title, verb in (("nvme-writes", "nvme-writes"), ("nvme-reads", "nvme-reads")):
        field.attack(f"{title}-low", verb, ATTACKER_MEMORY, LOW_MEMORY, 8 * MIB)
        field.attack(f"{title}-high", verb, 4 * GIB, TOP, 8 * MIB)


def test_a_device_that_waits_before_it_copies(field):
    """edu: writes and reads, and what was read comes back as zeros, ones or not at all."""
    found = places(field)
    names = ["the victim's middle", "the unit's root", "the hypervisor's 0", "the hypervisor's 1", "the victim's registers 0"]
    field.attack("edu-copies", "edu-list", len(names), addresses=[found[name] for name in names])


def test_messages_written_by_devices(field):
    """Every handle of VT-d with a foreign source; on AMD-Vi every index, vector and delivery mode, in the whole range."""
    field.attack("message-handles", "testdev-messages", 65536 if field.iommu == "intel" else 256)
    if field.iommu == "amd":
        field.attack("message-words", "nvme-messages", 0, 16)
        field.attack("message-addresses", "testdev-sweep", INTERRUPT_RANGE, INTERRUPT_RANGE_END, 4096, 64)
    else:
        field.report.note("intel: messages of the old format and sources of messages written by DMA are judged by the unit's "
                          "registers and interrupt table: this emulator lets them pass.")


def test_msi_with_hostile_values(field):
    """The victim's processor and vectors, all delivery modes, logical names, other addresses; many messages at once."""
    field.attack("msi", "msi", field.victim_cpu)
    field.attack("msi-many", "msi-hold", field.victim_cpu)
    for requester, words in field.registers().items():
        at = words[0x34 // 4] & 0xFC
        while at and field.functions.get(requester) == "attacker":
            if words[at // 4] & 0xFF == 5:
                assert words[at // 4] >> 20 & 7 <= words[at // 4] >> 17 & 7, f"{requester:#06x} sends more messages than it has"
            at = words[at // 4] >> 8 & 0xFC


def test_msix_with_hostile_values_while_messages_fly(field):
    field.attack("msix-flying", "msix", field.victim_cpu, 1500)


def check_registers(field, before, after):
    """What differs, but for what a guest may set: command and interrupt registers of its own functions, and status bits."""
    found = []
    for requester, words in before.items():
        allowed = {COMMAND: 0xFFFF0000}
        if field.functions.get(requester) == "attacker":
            allowed[COMMAND] = COMMAND_GUESTS
            at = words[0x34 // 4] & 0xFC
            while at:
                kind = words[at // 4] & 0xFF
                if kind == 5:
                    allowed |= {at // 4: 0x71 << 16} | {at // 4 + i: 0xFFFFFFFF for i in range(1, 5)}
                    if after[requester][at // 4] >> 20 & 7 > words[at // 4] >> 17 & 7:
                        found.append(f"{requester:#06x}: sends more messages than it has")
                elif kind == 0x11:
                    allowed[at // 4] = 0xC0000000
                elif kind == 0x10:
                    allowed[at // 4 + 2] = 0xFFFF0810
                at = words[at // 4] >> 8 & 0xFC
        for i, (old, new) in enumerate(zip(words, after[requester])):
            if (old ^ new) & ~allowed.get(i, 0):
                found.append(f"{requester:#06x}: register {4 * i:#x} was {old:#x}, is {new:#x}")
    return found


def test_configuration_space(field):
    """Every byte with every walking one, patterns, BARs over everything, bridges and buses that are not there."""
    before = field.registers()
    field.attack("config", "config")
    after = field.registers()
    assert before.keys() == after.keys()
    assert check_registers(field, before, after) == []
    changed = {r: list(words) for r, words in after.items()}
    changed[0x20][4] ^= 1 << 16
    assert check_registers(field, before, changed), "a difference is seen"
    # The devices are as good as before.
    field.attack("after-config", "nvme-list", 1, addresses=[field.bases["victim"]])
    field.attack("after-config-edu", "edu-list", 1, addresses=[field.bases["victim"]])


class Work:
    """How often the victim goes through its memory for each second that its processor's thread runs."""

    def __init__(self, field):
        self.field = field
        cpu = re.search(rf"CPU #{field.victim_cpu}:.*thread_id=(\d+)", field.machine.monitor("info cpus"))[1]
        self.path = f"/proc/{field.machine.process.pid}/task/{cpu}/stat"

    def seconds(self):
        fields = open(self.path, encoding="ascii").read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rounds(self):
        return self.field.mailboxes["victim"].shown()["rounds"]

    def measure(self, during):
        self.field.order("victim", "mark", 1)
        began, rounds = self.seconds(), self.rounds()
        during()
        rate = (self.rounds() - rounds) / (self.seconds() - began)
        self.field.order("victim", "mark", 2)
        return rate


def quiet():
    time.sleep(3)


def test_a_storm_of_faults_costs_others_nothing(field):
    """100,000 faults: said once, throttled; the victim goes on computing (and without exits: see the end). How fast, by its thread's own
    time, is for the report: a busy machine halves that by itself."""
    work = Work(field)
    rates = [work.measure(quiet)]
    rates.append(work.measure(lambda: field.attack("storm", "storm", STORM)))
    rates.append(work.measure(quiet))
    field.report.note(f"{field.iommu}: the victim's rounds in a second of its processor before, during and after a storm of {STORM} "
                      "faults: " + ", ".join(f"{rate:.1f}" for rate in rates))
    assert rates[1] > 0.1 * min(rates[0], rates[2]), rates
    text = field.machine.text
    assert len(re.findall(r"^bulkhead: fault: device 0000:00:02\.0: more than \d+ faults", text, re.M)) == 1
    faults = re.findall(r"^bulkhead: fault: partition (\S+) device 0000:00:02\.0 dma", text, re.M)
    assert set(faults) == {"attacker"} and len(faults) <= 12


def test_armed_devices_of_a_partition_that_stops(field):
    """Everything fires while the partition ends, and nothing is left of it afterwards; the victim reports, and ends, too."""
    field.attack("armed-at-victim", "arm", field.bases["victim"] + 20 * MIB)
    field.order("attacker", "end", END_POWER_OFF)
    field.machine.wait_for(r"^bulkhead: partition attacker: stopped$", ROUND)
    time.sleep(1)  # frames go on
    assert field.harm() == []
    assert not set(field.tables.attached()) & {r for r, owner in field.functions.items() if owner == "attacker"}
    assert not [r for r, *_ in field.tables.messages() if field.functions.get(r) == "attacker"]
    field.order("victim", "end", END_POWER_OFF)
    assert field.machine.wait_exit(BOOT) == DEBUG_EXIT_0
    phases = re.findall(r"^bulkhead: phase victim \d: exits (\d+) ", field.machine.text, re.M)
    assert phases == ["0", "0", "0"], phases
