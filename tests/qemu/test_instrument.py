# SPDX-License-Identifier: Apache-2.0
"""The benchmarks' instrument counts what runs, exactly, and for whom it runs."""
import json
import subprocess

import pytest

from machine import BUILD, DEBUG_EXIT_0, DEBUG_EXIT_PORT, QEMU, ROOT

# As in tests/bench/known.asm.
HOST_ROUNDS, GUEST_ROUNDS = 1000000, 300000
MARK = 4  # instructions of a mark; the first one's are done when counting begins
CPUID, RDMSR_EFER, OUT_80, VMMCALL = [0x72, 0], [0x7C, 0xC0000080 << 1], [0x7B, 0x80 << 1 | 1], [0x81, 0]


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """What the instrument wrote about the program, by event and name."""
    subprocess.run(["make", "--no-print-directory", "-s", "instrument"], cwd=ROOT, check=True)
    out = tmp_path_factory.mktemp("instrument") / "events.json"
    program = BUILD / "bench" / "known.bin"
    pattern = program.read_bytes()[32:52].hex()  # behind the header
    run = subprocess.run(
        [QEMU, "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "EPYC-Milan,+svm", "-smp", "2", "-m", "64M", "-nodefaults",
         "-no-user-config", "-display", "none", "-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=0x4",
         "-kernel", program, "-plugin",
         f"{BUILD / 'bench' / 'instrument.so'},out={out},point=start:{pattern},profile=loop:visit"],
        timeout=120, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.returncode == DEBUG_EXIT_0, run.stdout
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    return {(line["event"], line.get("name")): line for line in lines}


def between(events, name, key, processor=0):
    before, after = (events[kind, name]["processors"][processor] for kind in ("begin", "end"))
    return after[key] - before[key]


def test_a_loop_of_known_length_is_counted_to_the_instruction(events):
    assert between(events, "loop", "instructions") == 1 + 2 * HOST_ROUNDS + MARK
    assert between(events, "loop", "guest") == 0
    assert events["end", "loop"]["operations"] == 7


def test_nothing_is_counted_for_a_processor_that_sleeps(events):
    assert between(events, "loop", "instructions", processor=1) == 0


def test_what_a_guest_runs_is_told_from_what_its_host_runs(events):
    guest = 1 + 2 * GUEST_ROUNDS + 5  # CPUID, MOV, RDMSR, OUT and VMMCALL were begun
    assert between(events, "visit", "guest") == guest
    assert between(events, "visit", "instructions") - guest == 1 + 4 + 3 + MARK, "MOV, 4 VMRUNs, 3 ADDs, a mark"


def test_every_exit_has_its_reason(events):
    assert between(events, "visit", "entries") == 4
    exits = events["end", "visit"]["processors"][0]["exits"]
    assert sorted(exits) == sorted([*reason, 1] for reason in (CPUID, RDMSR_EFER, OUT_80, VMMCALL))


def test_code_is_found_by_its_first_bytes(events):
    assert ("point", "start") in events
    assert events["point", "start"]["seconds"] <= events["begin", "loop"]["seconds"]


def test_the_profile_holds_the_hosts_blocks_alone(events):
    profile = dict(events["profile", None]["blocks"])
    assert 2 * HOST_ROUNDS - 4 <= max(profile.values()) <= 2 * HOST_ROUNDS
