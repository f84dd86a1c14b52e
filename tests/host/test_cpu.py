# SPDX-License-Identifier: Apache-2.0
"""`bulkhead check --cpu`: what it says of processors and firmware, from dumps written here. Models have the features that
their makers' manuals and public register dumps name; only the leaves and registers that matter are there."""
import os
import random
import re
import struct

import pytest

from conftest import ORACLE

DMAR = ORACLE / "q35-1" / "dmar.bin"

# A Skylake server: VT-x with all that Bulkhead wants. Registers 0x481 to 0x484 and their exact twins 0x48d to 0x490.
INTEL_LEAVES = {
    (0x0, 0): (0x16, 0x756e6547, 0x6c65746e, 0x49656e69),
    (0x1, 0): (0x50654, 0x00200800, 0x7ffefbff, 0xbfebfbff),
    (0x7, 0): (0, 0xd39ffffb, 0, 0),
    (0xb, 0): (1, 2, 0x100, 0),
    (0xb, 1): (5, 4, 0x201, 0),
    (0xd, 1): (0xf, 0, 0, 0),
    (0x80000000, 0): (0x80000008, 0, 0, 0),
    (0x80000001, 0): (0, 0, 0x121, 0x2c100800),
    (0x80000007, 0): (0, 0, 0, 0x100),
}
INTEL_MSRS = {
    0x3a: 0x5, 0x480: 0x00d810000000002b | 1 << 55, 0x481: 0x000000ff00000016, 0x482: 0xfff9fffe0401e172,
    0x483: 0x407fffff00036dff, 0x484: 0x0000ffff000011ff, 0x48b: 0x1257ffff00000000, 0x48c: 0x00000f0106734141,
    0x48d: 0x000000ff00000016, 0x48e: 0xfff9fffe04006172, 0x48f: 0x407fffff00036dfb, 0x490: 0x0000ffff000011fb,
}
# An EPYC of the second generation.
AMD_LEAVES = {
    (0x0, 0): (0x10, 0x68747541, 0x444d4163, 0x69746e65),
    (0x1, 0): (0x830f10, 0x00200800, 0x7ef8320b, 0x178bfbff),
    (0x7, 0): (0, 0x219c91a9, 0x400004, 0),
    (0xb, 0): (1, 2, 0x100, 0),
    (0xd, 1): (0xf, 0, 0, 0),
    (0x80000000, 0): (0x80000020, 0x68747541, 0x444d4163, 0x69746e65),
    (0x80000001, 0): (0x830f10, 0x40000000, 0x75c237ff, 0x2fd3fbff),
    (0x80000007, 0): (0, 0x1b, 0, 0x6799),
    (0x8000000a, 0): (1, 0x8000, 0, 0x113bcff),
}
AMD_MSRS = {0xc0010114: 0x8}


def dump(leaves, msrs=None, cpus=1, each=lambda number, leaves: leaves):
    """The text of it. EACH changes the leaves of one processor."""
    text = ""
    for number in range(cpus):
        text += f"CPU {number}:\n"
        for (leaf, subleaf), values in each(number, leaves).items():
            registers = " ".join(f"{name}=0x{value:08x}" for name, value in zip(("eax", "ebx", "ecx", "edx"), values))
            text += f"   0x{leaf:08x} 0x{subleaf:02x}: {registers}\n"
    # Before the processors: they are true of all.
    return "".join(f"{index:#x} {value:#x}\n" for index, value in (msrs or {}).items()) + text


def ivrs(block_type=0x10):
    body = struct.pack("<BBHHHQHHI", block_type, 0, 24, 2, 0x40, 0xfeb80000, 0, 0, 0)
    table = bytearray(b"IVRS" + struct.pack("<IBB6s8sI4sI", 48 + len(body), 2, 0, b"TEST  ", b"TEST    ", 1, b"TEST", 1)
                      + struct.pack("<I8x", 0x203040) + body)
    table[9] = -sum(table) & 0xff
    return bytes(table)


def threads(number, leaves):
    """Two of a core."""
    return {**leaves, (0xb, 0): (1, 2, 0x100, number), (0xb, 1): (5, 4, 0x201, number)}


@pytest.fixture
def check(bulkhead, tmp_path):
    """Runs it on the text of a dump; {feature: (answer, need)}, verdict, all of the output."""
    def run(text, status, *arguments):
        path = tmp_path / "dump"
        path.write_text(text)
        done = bulkhead("check", "--cpu", "--cpu-dump", path, *arguments, status=status)
        assert done.stderr == "", done.stderr
        rows = re.findall(r"^(yes|no|unknown) +(needed|for devices|better) +(\S+) ", done.stdout, re.MULTILINE)
        return {name: (answer, need) for answer, need, name in rows}, re.search(r"^verdict: (.*)", done.stdout, re.MULTILINE)[1], done.stdout
    return run


def test_an_intel_machine_that_has_everything(check):
    features, verdict, text = check(dump(INTEL_LEAVES, INTEL_MSRS, 4, threads), 0, "--acpi", DMAR)
    assert set(features.values()) <= {("yes", "needed"), ("yes", "better"), ("yes", "for devices")}, text
    assert verdict == "Bulkhead can run here, and give devices to partitions"
    assert {"x2apic", "vmx-enabled", "ept", "unrestricted-guest", "vpid", "invept-all", "iommu", "interrupt-remapping"} <= set(features)
    assert not any(name.startswith("svm") for name in features)
    assert re.search(r"core-shared.*: 0x0\+0x1 0x2\+0x3$", text, re.MULTILINE) and "fix:" not in text


def test_an_amd_machine_that_has_everything(check, tmp_path):
    (tmp_path / "ivrs").write_bytes(ivrs())
    features, verdict, text = check(dump(AMD_LEAVES, AMD_MSRS, 4), 0, "--acpi", tmp_path / "ivrs")
    assert {answer for answer, _ in features.values()} == {"yes"}, text
    assert verdict == "Bulkhead can run here, and give devices to partitions"
    assert not any(name.startswith(("vmx", "ept")) for name in features)


def without(leaves, leaf, register, bit, subleaf=0):
    values = list(leaves[leaf, subleaf])
    values[register] &= ~(1 << bit)
    return {**leaves, (leaf, subleaf): tuple(values)}


EAX, EBX, ECX, EDX = range(4)


@pytest.mark.parametrize("name,leaves,msrs,words", [
    ("x2apic", without(INTEL_LEAVES, 1, ECX, 21), INTEL_MSRS, "x2APIC"),
    ("x2apic", without(AMD_LEAVES, 1, ECX, 21), AMD_MSRS, "Local APIC Mode"),
    ("no-execute", without(INTEL_LEAVES, 0x80000001, EDX, 20), INTEL_MSRS, "Execute Disable"),
    ("vmx", without(INTEL_LEAVES, 1, ECX, 5), INTEL_MSRS, "Vanderpool"),
    ("vmx-enabled", INTEL_LEAVES, {**INTEL_MSRS, 0x3a: 0x1}, "Intel Virtualization Technology"),
    ("vmx-enabled", INTEL_LEAVES, {**INTEL_MSRS, 0x3a: 0x3}, "Intel Virtualization Technology"),
    ("nmi-exiting", INTEL_LEAVES, {**INTEL_MSRS, 0x48d: 0x000000f700000016}, ""),
    ("msr-bitmaps", INTEL_LEAVES, {**INTEL_MSRS, 0x48e: 0xeff9fffe04006172}, ""),
    ("ept", INTEL_LEAVES, {**INTEL_MSRS, 0x48b: 0x1257fffd00000000}, ""),
    ("unrestricted-guest", INTEL_LEAVES, {**INTEL_MSRS, 0x48b: 0x1257ff7f00000000}, ""),
    ("save-efer", INTEL_LEAVES, {**INTEL_MSRS, 0x48f: 0x406fffff00036dfb}, ""),
    ("load-pat-on-entries", INTEL_LEAVES, {**INTEL_MSRS, 0x490: 0x0000bfff000011fb}, ""),
    ("vmx-forces-nothing", INTEL_LEAVES, {**INTEL_MSRS, 0x48d: 0x000000ff00000017}, ""),
    ("ept-4-levels", INTEL_LEAVES, {**INTEL_MSRS, 0x48c: 0x00000f0106734101}, ""),
    ("invept-all", INTEL_LEAVES, {**INTEL_MSRS, 0x48c: 0x00000f0102734141}, ""),
    ("svm", without(AMD_LEAVES, 0x80000001, ECX, 2), AMD_MSRS, "SVM Mode"),
    ("svm-enabled", AMD_LEAVES, {0xc0010114: 0x18}, "SVM Mode"),
    ("nested-paging", without(AMD_LEAVES, 0x8000000a, EDX, 0), AMD_MSRS, ""),
    ("asids", {**AMD_LEAVES, (0x8000000a, 0): (1, 1, 0, 0x113bcff)}, AMD_MSRS, ""),
])
def test_one_thing_that_is_needed_is_missing(check, name, leaves, msrs, words):
    features, verdict, text = check(dump(leaves, msrs), 1)
    assert features[name] == ("no", "needed")
    assert [n for n, (answer, need) in features.items() if answer == "no" and need == "needed"] == [name]
    assert verdict == f"Bulkhead cannot run here: {name}"
    assert re.search(rf"^no .* {name} .*\n +fix: .*{words}", text, re.MULTILINE), text


@pytest.mark.parametrize("name,leaves,msrs", [
    ("invariant-tsc", without(INTEL_LEAVES, 0x80000007, EDX, 8), INTEL_MSRS),
    ("pages-1g", without(AMD_LEAVES, 0x80000001, EDX, 26), AMD_MSRS),
    ("xsaves", without(AMD_LEAVES, 0xd, EAX, 3, 1), AMD_MSRS),
    ("vpid", INTEL_LEAVES, {**INTEL_MSRS, 0x48b: 0x1257ffdf00000000}),
    ("ept-pages-1g", INTEL_LEAVES, {**INTEL_MSRS, 0x48c: 0x00000f0106714141}),
    ("preemption-timer", INTEL_LEAVES, {**INTEL_MSRS, 0x48d: 0x000000bf00000016}),
    ("nrip-save", without(AMD_LEAVES, 0x8000000a, EDX, 3), AMD_MSRS),
])
def test_what_is_only_better_does_not_stop_it(check, name, leaves, msrs):
    features, verdict, _ = check(dump(leaves, msrs), 0)
    assert features[name] == ("no", "better") and verdict.startswith("Bulkhead can run here")


def test_registers_that_were_not_seen_are_unknown(check):
    """Nothing is made up: neither fine nor missing."""
    features, verdict, _ = check(dump(AMD_LEAVES), 1)
    assert features["svm-enabled"] == ("unknown", "needed") and verdict.endswith("not known whether Bulkhead can run here: svm-enabled")
    features, verdict, _ = check(dump(INTEL_LEAVES), 1)
    assert features["vmx"][0] == "yes" and features["ept"] == features["vmx-enabled"] == ("unknown", "needed")
    assert verdict.startswith("not known")
    # An unlocked register is fine: the image locks it itself.
    assert check(dump(INTEL_LEAVES, {**INTEL_MSRS, 0x3a: 0}), 0)[0]["vmx-enabled"][0] == "yes"
    # Only the basic registers, as on the first processors with VT-x.
    old = {index: value for index, value in INTEL_MSRS.items() if index < 0x48d}
    assert check(dump(INTEL_LEAVES, {**old, 0x480: 0x00581000_0000002b}), 1)[0]["vmx-forces-nothing"][0] == "no"


def test_the_flags_that_linux_shows_everybody_are_taken(check):
    """Without registers: VMX flags stand in /proc/cpuinfo where Linux could switch VMX on."""
    info = "flags\t\t: fpu vmx\nvmx flags\t: vnmi preemption_timer invvpid ept_x_only ept_ad ept_1gb tsc_offset ept vpid unrestricted_guest\nmicrocode\t: 0x2007006\n"
    features, verdict, text = check(dump(INTEL_LEAVES) + info, 1)
    assert features["vmx-enabled"][0] == features["ept"][0] == features["unrestricted-guest"][0] == features["vpid"][0] == "yes"
    assert features["msr-bitmaps"][0] == "unknown" and "microcode: 0x2007006" in text
    assert check(dump(INTEL_LEAVES) + info.replace(" unrestricted_guest", ""), 1)[0]["unrestricted-guest"][0] == "no"


def test_processors_that_differ(check):
    """What one lacks, the machine lacks; and efficient cores are counted."""
    def one_without(number, leaves):
        kind = (0x20000001 if number else 0x40000001, 0, 0, 0)
        leaves = {**leaves, (0x7, 0): (0, 0, 0, 1 << 15), (0x1a, 0): kind, (0x0, 0): (0x1a, *leaves[0, 0][1:])}
        return without(threads(2 * number, leaves), 1, ECX, 21) if number == 2 else threads(2 * number, leaves)
    features, _, text = check(dump(INTEL_LEAVES, INTEL_MSRS, 3, one_without), 1)
    assert features["x2apic"][0] == "no" and re.search(r"x2apic .*missing on processors 2$", text, re.MULTILINE)
    assert re.search(r"2 of 3 processors efficient ones; by APIC ID: 0x2 0x4$", text, re.MULTILINE)


def test_registers_of_one_processor_stand_for_all_that_were_not_asked(check):
    text = dump(INTEL_LEAVES, cpus=2) + "CPU 0:\n" + "".join(f"{i:#x} {v:#x}\n" for i, v in INTEL_MSRS.items())
    assert check(text, 0)[0]["ept"][0] == "yes"
    text += "CPU 1:\n" + "".join(f"{i:#x} {v:#x}\n" for i, v in {**INTEL_MSRS, 0x3a: 1}.items())
    features, _, text = check(text, 1)
    assert features["vmx-enabled"][0] == "no" and re.search(r"vmx-enabled .*missing on processors 1$", text, re.MULTILINE)


def test_firmware_tables(check, tmp_path):
    """Without an IOMMU partitions run; flags of DMAR; nothing is said of tables that were not given."""
    good = dump(INTEL_LEAVES, INTEL_MSRS, 2)
    assert check(good, 0)[0]["iommu"] == ("unknown", "for devices")
    (tmp_path / "mcfg").write_bytes((ORACLE / "q35-1" / "mcfg.bin").read_bytes())
    features, verdict, text = check(good, 0, "--acpi", tmp_path / "mcfg")
    assert features["iommu"] == ("no", "for devices") and "get no devices: iommu" in verdict and "VT-d" in text
    for flags, remapping, wanted in ((0, "no", "yes"), (1, "yes", "yes"), (3, "yes", "no")):
        table = bytearray(DMAR.read_bytes())
        table[37], table[9] = flags, 0
        table[9] = -sum(table) & 0xff
        (tmp_path / "dmar").write_bytes(table)
        features, verdict, _ = check(good, 0, "--acpi", tmp_path / "dmar")
        assert (features["interrupt-remapping"][0], features["x2apic-wanted"][0]) == (remapping, wanted)
        assert ("get no devices" in verdict) == (flags == 0)
    (tmp_path / "bad").write_bytes(DMAR.read_bytes()[:-1] + b"\x55")  # its sum is wrong
    assert check(good, 0, "--acpi", tmp_path / "bad")[0]["iommu"][0] == "no"
    (tmp_path / "ivrs").write_bytes(ivrs(block_type=0x20))  # no unit in it
    assert check(good, 0, "--acpi", tmp_path / "ivrs")[0]["iommu"][0] == "no"


def test_other_makers_are_refused(check):
    leaves = {**INTEL_LEAVES, (0, 0): (1, 0x20202020, 0x20202020, 0x20202020)}
    assert "maker" in check(dump(leaves), 1)[1]


def test_this_machine(bulkhead):
    """Whatever it is: an answer with a status that fits."""
    done = bulkhead("check", "--cpu", status=None)
    assert done.stderr == "" and re.search(r"^(yes|no) +needed +x2apic ", done.stdout, re.MULTILINE)
    can = re.search(r"^verdict: Bulkhead can run here", done.stdout, re.MULTILINE)
    assert done.returncode == (0 if can else 1)
    assert f"processors: {os.cpu_count()}" in done.stdout or "processors: " in done.stdout


@pytest.mark.parametrize("arguments", [["--cpu", "stray"], ["--cpu", "--cpu-dump"], ["--cpu-dump", "x"], ["--cpu", "--lspci", "x"],
                                       ["file.conf", "--cpu"], ["--cpu", "--acpi"]])
def test_wrong_use_is_status_2(bulkhead, arguments):
    done = bulkhead("check", *arguments, status=2)
    assert "--cpu-dump" in done.stderr and done.stdout == ""


def test_what_is_no_dump(bulkhead, tmp_path):
    for name, content in (("empty", b""), ("text", b"no dump\n"), ("zeros", bytes(65536)), ("long", b"0" * (1 << 20)),
                          ("many", b"".join(b"CPU %d:\n" % i for i in range(5000))), ("header", b"CPU 0:\n" * 10)):
        (tmp_path / name).write_bytes(content)
        done = bulkhead("check", "--cpu", "--cpu-dump", tmp_path / name, status=1)
        assert done.stdout == "" and done.stderr.startswith("bulkhead: "), name
    assert "No such file" in bulkhead("check", "--cpu", "--cpu-dump", tmp_path / "absent", status=1).stderr


def test_changed_dumps_end_with_a_status(bulkhead, tmp_path):
    """Bytes of a good dump replaced at random; control characters never reach the terminal."""
    chance = random.Random(1)
    good = bytearray(dump(AMD_LEAVES, AMD_MSRS, 3).encode())
    for _ in range(100):
        bad = bytearray(good)
        for _ in range(chance.randrange(1, 60)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        (tmp_path / "dump").write_bytes(bad)
        done = bulkhead("check", "--cpu", "--cpu-dump", tmp_path / "dump", status=None, errors="surrogateescape")
        assert done.returncode in (0, 1) and not re.search(r"[^ -~\n]", done.stdout), done.stdout
