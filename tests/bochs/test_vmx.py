# SPDX-License-Identifier: Apache-2.0
"""The image on processors that Bochs emulates, Intel's for the most part: guests that take every way out, and machines that cannot serve."""
import re

import pytest

import bochs
from fuzz_guest import FUZZER, fuzz_words

EXITS = bochs.BUILD / "guest" / "exits.elf"
TASK = bochs.BUILD / "guest" / "task.bin"
WRAP = bochs.BUILD / "guest" / "wrap.bin"
STEPS = 3000  # of the fuzzing guest
END, BOOT = 480, 400  # seconds, many times what each takes on an idle machine


def partition(name, cpus, kernel, cmdline="", memory="32M"):
    return (f"[partition {name}]\ncpus = {cpus}\nmemory = {memory}\nkernel = {kernel.name}\n"
            + (f'cmdline = "{cmdline}"\n' if cmdline else ""))


def conf(*partitions):
    return "[hypervisor]\nwhen-idle = poweroff\n" + "".join(partitions)


def run(boot, *partitions, timeout=END, **arguments):
    machine = boot(conf=conf(*partitions), files=[EXITS, TASK, WRAP, bochs.ATTACKER], **arguments)
    machine.wait_for(r"bulkhead: idle$", timeout)
    machine.wait_exit(60)
    return machine


def counts(line):
    """{"exits": 12, "io": 3, ...} of a phase or stats line."""
    words = line[line.index("exits"):].split()
    return dict(zip(words[::2], map(int, words[1::2])))


def survey(boot, **arguments):
    """What the image says of a machine on which it finds no file, until it returns."""
    machine = boot(**arguments)
    machine.wait_for(r"bulkhead: returning to firmware; nothing was changed$", BOOT)
    return machine


def check_exits(machine, kind, words):
    """Two partitions at once, one with two processors: every exit that a guest survives, timers and interrupts
    between processors without exits but ICR's, processors that are reset wherever they are."""
    for apic in range(4):
        assert machine.lines(rf"^bulkhead: cpu {apic}: apic {apic:#x} {kind}$")
    assert not machine.lines("wrong|unexpected exception|unknown word|failed"), machine.tail()
    for word in words:
        assert machine.lines(rf"^\[one\] exits: {word} ok$"), machine.tail()
    for word in ("timer", "smp", "kick", "ipi"):
        assert machine.lines(rf"^\[two\] exits: {word} ok$"), machine.tail()
    timers = machine.lines(r"^bulkhead: phase (one|two) 1:")
    assert [counts(line)["exits"] for line in timers] == [0, 0]
    ipis = counts(machine.lines(r"^bulkhead: phase two 2:")[0])
    assert ipis["icr"] == ipis["exits"] == 200
    # The last one's end: a kick of a processor that spins with interrupts off.
    assert machine.lines(r"^bulkhead: partition two: stopped$")
    assert counts(machine.lines(r"^bulkhead: stats two cpu 3:")[0])["nmi"] > 50


def run_exits(boot, words, **arguments):
    return run(boot, partition("one", "1", EXITS, " ".join(words)),
               partition("two", "2-3", EXITS, "timer smp=3 kick=3 ipi stop=3"), **arguments)


def test_guest_leaves_and_comes_back(boot):
    words = ["registers", "cpuid", "msrs", "mmio", "xsetbv", "control", "steps", "debug", "timer"]
    check_exits(run_exits(boot, words), "intel-vmx", words)


def test_another_bochs_agrees(boot):
    """A newer processor, firmware's own tables, and no register that is not there: whoever reads one faults."""
    if bochs.NEWER.missing():
        pytest.skip(bochs.NEWER.missing())
    words = ["registers", "cpuid", "msrs", "mmio", "xsetbv", "control", "steps", "debug", "timer"]
    check_exits(run_exits(boot, words, model="corei7_skylake_x", edition=bochs.NEWER), "intel-vmx", words)


def test_svm_agrees(boot):
    """The same guest on SVM that is not QEMU's. (Steps and debug registers are left out: see docs/emulators.md.)"""
    if not bochs.USUAL.has_features:
        pytest.skip("this Bochs has no model with SVM and x2APIC: 3.0 can give one x2APIC")
    words = ["registers", "cpuid", "msrs", "mmio", "xsetbv", "timer"]
    check_exits(run_exits(boot, words, model="ryzen", add=("x2apic",)), "amd-svm", words)


def test_hostile_guest(boot):
    """The instructions, ports, registers and addresses of the attacking guest, beside one that resets the machine."""
    machine = run(boot, partition("attacker", "1", bochs.ATTACKER, "instructions ports msrs memory icr=2"),
                  partition("dies", "2", bochs.ATTACKER, "triple-fault"))
    assert machine.lines(r"^bulkhead: partition dies: failed: triple fault on cpu 2$")
    for word in ("instructions", "ports", "msrs", "memory", "icr"):
        assert machine.lines(rf"^\[attacker\] attacker: {word} ended"), machine.tail()
    for name, vector in (("vmcall", 6), ("vmlaunch", 6), ("vmrun", 6), ("invd", 6), ("rdpmc", 6), ("monitor", 6),
                         ("mwait", 6), ("xsetbv-ones", 13), ("icebp", 1), ("int3", 3), ("ltr-bad", 13)):
        assert machine.lines(rf"^\[attacker\] attacker: {name} faults {vector}$"), name
    assert machine.lines(r"ports ended, strange 0$") and machine.lines(r"memory ended, tried \d+ strange 0$")
    assert machine.lines(r"msrs ended, readable \d+ writable \d+ leaks 0$")
    assert machine.lines(r"^bulkhead: partition attacker: stopped$")


def test_random_steps_harm_nobody(boot):
    """The fuzzing guest of tests/qemu on two processors, beside its victim: it comes to its end, and the victim is as it was."""
    machine = boot(conf=partition("victim", "1", FUZZER, "victim", "64M") +
                   partition("fuzz", "2-3", FUZZER, fuzz_words(5, STEPS, deadly=0)), files=[FUZZER])
    end = machine.wait_for(r"bulkhead: (partition fuzz: (stopped|failed: .*)|panic: .*)$", 2 * END)
    assert end[0].endswith("stopped"), machine.tail()
    machine.wait_for(r"^\[victim\] victim: round \d+ .*\n", END, after=end.end())
    step, completed, faulted = map(int, re.findall(
        r"^\[fuzz\] fuzzer: seed 5 step (\d+) completed (\d+) faulted (\d+)", machine.text, re.MULTILINE)[-1])
    assert step == STEPS and completed > STEPS // 3 and faulted > STEPS // 8
    for line in machine.lines(r"^\[victim\] victim: round"):
        assert re.search(r"changed 0 first 0x0 strange 0 registers 0 ticks [1-9]", line), line
    assert not machine.lines("panic|partition victim: (failed|stopped)"), machine.tail()


def test_ways_that_end_a_partition(boot):
    """Each fails its own partition, in words. What anybody in a guest may do at the end of 32-bit addresses does not."""
    machine = run(boot, partition("string", "1", EXITS, "string-io"), partition("wrap", "2", WRAP),
                  partition("task", "3", TASK))
    assert machine.lines(r"^bulkhead: partition string: failed: string access to port 0x3f8 at rip 0x[0-9a-f]+$")
    assert machine.lines(r"^\[wrap\] wrapped$")
    assert machine.lines(r"^bulkhead: partition wrap: stopped$")
    assert machine.lines(r"^bulkhead: partition task: failed: unexpected exit 0x9 \(task switch\) at rip 0x[0-9a-f]+ on cpu 3$")


def test_firmware_has_locked_vmx_off(boot, tmp_path):
    lock = tmp_path / "lock-vmx-off"
    lock.write_text("locked\n")
    machine = survey(boot, conf=conf(partition("one", "1", EXITS)), files=[EXITS, lock], cpus=1)
    assert machine.lines(r"^bulkhead: error: firmware has locked VT-x off \(IA32_FEATURE_CONTROL\): switch on VT-x")
    assert machine.lines(r"^bulkhead: cpu 0: apic 0x0 unsupported$")


@pytest.mark.parametrize("model, add, exclude, words", [
    ("core2_penryn_t9600", ("x2apic",), (), "this processor's VT-x has no EPT"),
    ("corei5_lynnfield_750", ("x2apic",), (), "this processor's VT-x has no unrestricted guest"),
    ("corei5_lynnfield_750", (), (), "this processor has no x2APIC"),
    ("corei7_haswell_4770", (), ("vmx",), "this processor has neither SVM nor VT-x, or firmware hides it"),
])
def test_processor_that_cannot_serve(boot, model, add, exclude, words):
    if (add or exclude) and not bochs.USUAL.has_features:
        pytest.skip("this Bochs cannot give features to a model, nor take them: 3.0 can")
    machine = survey(boot, conf=conf(partition("one", "0", EXITS)), files=[EXITS], cpus=1, model=model, add=add,
                     exclude=exclude)
    assert machine.lines(rf"^bulkhead: error: .*{words}"), machine.tail()
    assert not machine.lines("partition one")


def test_processor_without_newer_features(boot):
    """Neither 1 GiB pages nor APIC virtualisation, VMCS shadowing or INVPCID."""
    machine = run(boot, partition("one", "1", EXITS, "registers cpuid msrs mmio control timer"),
                  model="corei7_ivy_bridge_3770k")
    assert not machine.lines("wrong|failed"), machine.tail()
    assert machine.lines(r"^\[one\] exits: done$")


def test_rules(boot):
    """No IOMMU here: a device cannot be given away. Two cores of two threads, 0 with 1, 2 with 3: they stay together."""
    machine = survey(boot, conf=conf(partition("one", "1", EXITS) + "device = 0000:00:01.1\n", partition("two", "0,2", EXITS)),
                     files=[EXITS], cpus="1:2:2")
    assert machine.lines(r"error\[no-iommu\]: "), machine.tail()
    shared = machine.lines(r"error\[core-shared\]: ")
    assert shared and all("processor 0 is a thread of the core of processor 1, " in line for line in shared), machine.tail()


def test_linux(linux):
    """A stock kernel with two processors comes to its init and switches off. It has run since the first of these tests."""
    if not linux:
        pytest.skip("build/kernel is not there (make deps)")
    linux.wait_for(r"^\[linux\] work: init reached", 600)
    linux.wait_for(r"bulkhead: partition linux: stopped$", 60)
    assert not linux.lines("failed|panic"), linux.tail()
