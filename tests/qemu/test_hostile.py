# SPDX-License-Identifier: Apache-2.0
"""A partition that does through its processor what it must not: everything of a kind, and random steps from a seed.

fuzzer/ is the guest, fuzz_guest.py the machine with its victim; `make fuzz-guest` runs as many steps as one likes. Campaign
itself tells whether hypervisor or victim came to harm; here is what the attacker must have seen.
"""
import re

import pytest

from fuzz_guest import SWEEP, Campaign, fuzz_words

STEPS = 8000
COMPLETED, NOT_TRIED = 254, 1000
UD, GP = 6, 13

# Registers that docs/security.md lets a guest read; of x2APIC's, all that there are.
READABLE = {0x10, 0x1b, 0x8b, 0xfe, 0x174, 0x175, 0x176, 0x179, 0x17a, 0x1a0, 0x277, 0x2ff, 0x4b564d01, *range(0x800, 0x840),
            0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103,
            0xc0010010, 0xc0010015, 0xc001001f, 0xc0010055, 0xc0011020, 0xc0011029}
# Passed only where the processor has them; 0x48 is readable, 0x49 only written.
OPTIONAL = {0x48, 0x49}
WRITE_ONLY = {0x82f, 0x83f, 0x4b564d00}
# What is answered by the hypervisor reads like this and nothing else, whatever the machine's own register holds.
ANSWERED = {0x8b: 0, 0xfe: 0x400, 0x179: 0, 0x17a: 0, 0x1a0: 1, 0x2ff: 0x806, 0x4b564d01: 0, 0xc0000080: 0x501, 0xc0010010: 0,
            0xc0010015: 1 << 24, 0xc001001f: 0, 0xc0010055: 0, 0xc0011020: 0, 0xc0011029: 2}


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Two seeds and everything of each kind at once, on one machine."""
    guests = {"one": (fuzz_words(1, STEPS, deadly=5000), "on-failure"), "two": (fuzz_words(2, STEPS, deadly=5000), "on-failure"),
              "sweep": (SWEEP.format(values=1, step=251), "never")}
    run = Campaign("amd", tmp_path_factory.mktemp("hostile"), guests).run()
    run.check_done()
    print("\n".join(run.report()))
    return run


def sweep(campaign, pattern):
    found = re.findall(rf"^\[sweep\] sweep: {pattern}$", campaign.text, re.MULTILINE)
    assert found, f"no {pattern!r}"
    return found


def rows(campaign):
    """For each instruction the vector that ended it, by mode."""
    modes = sweep(campaign, r"mode (\S+)")
    return {name: dict(zip(modes, map(int, vectors.split()))) for name, vectors in sweep(campaign, r"instruction (\S+): (.*)")}


def test_random_steps_harm_nobody(campaign):
    """Each of the steps was made; most did something; the partitions ended by themselves."""
    for guest in campaign.guests[:2]:
        seed, step, completed, faulted = map(int, guest.last(
            campaign.text, r"fuzzer: seed (\d+) step (\d+) completed (\d+) faulted (\d+) .*"))
        assert step == STEPS and completed > STEPS // 3 and faulted > STEPS // 8, f"seed {seed}"
        kinds = dict(re.findall(rf"^\[{guest.name}\] fuzzer: kind (\w+) (\d+)$", campaign.text, re.MULTILINE))
        assert len(kinds) == 15 and all(int(count) for name, count in kinds.items() if name != "deadly")
        assert int(guest.last(campaign.text, r"fuzzer: resets taken (\d+)")) > 0
        exits = guest.exits(campaign.text)
        assert all(exits[reason] for reason in ("io", "msr", "cpuid", "npf", "nmi", "icr", "apic", "xsetbv", "instruction",
                                                "exception")), exits


def test_terminals_are_not_told_what_to_do(campaign):
    """Neither escape nor its forms of 8 bits reach the console: they could overwrite other lines."""
    assert len(re.findall(r"^\[\w+\] fuzzer: bytes \? \? .\? \? end$", campaign.text, re.MULTILINE)) >= 3


def test_registers_are_an_allow_list(campaign):
    """All of both ranges: what is not on the list raises #GP, read or written; what is answered has its one value."""
    readable, taken, values = set(), set(), {}
    for index, word, value, taking in sweep(campaign, r"msr (0x\w+) (readable|hidden) reads (0x\w+) takes (0x\w+)"):
        index = int(index, 16)
        if word == "readable":
            readable.add(index)
            values[index] = int(value, 16)
        if int(taking, 16):
            taken.add(index)
    assert readable <= READABLE | OPTIONAL, [hex(index) for index in readable - READABLE - OPTIONAL]
    assert readable >= {index for index in READABLE if index >> 8 != 8}
    assert taken <= READABLE | OPTIONAL | WRITE_ONLY, [hex(index) for index in taken]
    assert {index: values[index] for index in ANSWERED} == ANSWERED
    # What hidden registers hold after a write is nothing, and what is answered stays as it is.
    for index, _, after in sweep(campaign, r"msr (0x\w+) written (0x\w+) reads (0x\w+)"):
        assert int(index, 16) not in ANSWERED, (index, after)
    assert int(sweep(campaign, r"msrs tried (\d+) .*")[0]) > 0x6000


def test_ports_of_nobody_are_empty(campaign):
    tried, strange = map(int, sweep(campaign, r"ports tried (\d+) strange (\d+)")[0])
    assert tried > 4096 * 6 and strange == 0, sweep(campaign, r"port .*")


def test_cpuid_is_an_allow_list(campaign):
    """Leaves of virtualisation and of what is not offered are zero, and so are their bits."""
    leaves = {int(leaf, 16): tuple(int(r, 16) for r in registers) for leaf, *registers in
              sweep(campaign, r"cpuid (0x\w+) eax (0x\w+) ebx (0x\w+) ecx (0x\w+) edx (0x\w+)")}
    known = {0, 1, 2, 4, 6, 7, 0xb, 0xd, 0x15, 0x16, 0x1f, *range(0x40000000, 0x40000011), *range(0x80000000, 0x80000009),
             0x80000019, 0x8000001a, 0x8000001d, 0x8000001e, 0x80000021, 0x80000026}
    assert set(leaves) <= known, [hex(leaf) for leaf in set(leaves) - known]
    assert not leaves[1][2] & (1 << 3 | 1 << 5 | 1 << 6), "MONITOR, VMX, SMX"
    assert not leaves[0x80000001][2] & (1 << 2 | 1 << 12 | 1 << 29), "SVM, SKINIT, MWAITX"
    assert leaves[1][1] >> 24 == leaves[0xb][3] == 6, "its own processor's number"


def test_instructions_in_every_mode(campaign):
    """Real, virtual 8086, 16 and 32 bits with and without paging, compatibility and 64-bit mode, at both levels."""
    table = rows(campaign)
    assert len(table["cpuid"]) == 15
    assert set(table["cpuid"].values()) == {COMPLETED}
    for name in ("vmrun", "vmmcall", "vmload", "vmsave", "stgi", "clgi", "skinit", "invlpga", "invlpgb", "tlbsync", "monitor",
                 "mwait", "monitorx", "mwaitx", "vmcall", "vmlaunch", "vmresume", "vmxoff", "vmptrld", "vmxon", "invept",
                 "invvpid", "rsm", "rdpmc", "rdpru", "getsec", "encls", "psmash", "invd"):
        assert set(table[name].values()) <= {UD, GP}, (name, table[name])
    for name in ("rdmsr", "wrmsr", "xsetbv", "insb", "outsb", "lgdt", "lidt"):
        assert set(table[name].values()) <= {UD, GP, NOT_TRIED}, (name, table[name])
    for name in ("in-al", "in-eax", "in-80", "out-al", "out-eax", "out-80"):
        for mode, vector in table[name].items():
            assert vector == (GP if mode.endswith("-3") else COMPLETED), (name, mode, vector)
    # Everything that reaches a device is carried out in all modes that reach it, for programs too.
    first = list(table).index("mov-r8-m")
    for name in list(table)[first:]:
        for mode, vector in table[name].items():
            assert vector == (NOT_TRIED if mode == "virtual-8086-3" else COMPLETED), (name, mode, vector)


def test_edges_of_regions(campaign):
    """Reads and writes over every edge, in four widths: nothing of anybody else is read, nothing ends the partition."""
    tried, faulted, strange = map(int, sweep(campaign, r"edges tried (\d+) faulted (\d+) strange (\d+)")[0])
    assert tried > 2000 and faulted == 0 and strange == 0, sweep(campaign, r"address .*")


def test_interprocessor_interrupts(campaign):
    """All delivery modes, shorthands and destinations: Campaign has looked that the victim got none; its own still come."""
    tried, faulted, own = map(int, sweep(campaign, r"icr tried (\d+) faulted (\d+) own came (\d+)")[0])
    assert tried > 10000 and faulted == 0 and own >= 1


def test_random_steps_beside_the_other_unit(tmp_path):
    """The same processor with VT-d: another map of the machine."""
    run = Campaign("intel", tmp_path, {"fuzz": (fuzz_words(3, STEPS // 3), "on-failure")}).run()
    run.check_done()
