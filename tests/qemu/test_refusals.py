# SPDX-License-Identifier: Apache-2.0
"""Bad input costs nothing: every error is printed, the image returns to firmware, nothing was started."""
import random
import re
import subprocess

import pytest

from machine import BUILD, DEBUG_EXIT_0, DEBUG_EXIT_PORT, IMAGE, VMLINUZ, root_port
from test_reserved import firmware_tables

BOOT = 300  # seconds, many times what it takes

# Two functions of one device without ACS: one isolation group.
PAIR = root_port("rp1", 4) + ["-device", "edu,bus=rp1,addr=0x0.0,multifunction=on", "-device", "edu,bus=rp1,addr=0x0.1"]
SINGLE = root_port("rp1", 4) + ["-device", "edu,bus=rp1"]

# A file that is accepted by mistake ends the machine soon.
GOOD = f"""\
[hypervisor]
when-idle = exit:{DEBUG_EXIT_PORT:#x}

[partition one]
cpus = 1
memory = 64M
kernel = attacker.elf
device = 0000:01:00.0
"""

ALL = """\
# Everything wrong at once.
[hypervisor]
colour  = blue

[partition one]
cpus    = 1-2
memory  = 64M
kernel  = attacker.elf
device  = 0000:01:00.0

[partition two]
cpus    = 2-3
memory  = 64G
kernel  = absent.elf
"""

ATTACKER = BUILD / "guest" / "attacker.elf"


def place(text, line_start, word):
    """LINE:COLUMN of WORD in the line that begins with LINE_START, both counted from 1."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(line_start):
            return f"{number}:{line.index(word) + 1}"
    raise AssertionError(line_start)


def refused(boot, conf, **arguments):
    """Boots the file; what was printed, when the image has returned to firmware without starting anything."""
    arguments.setdefault("files", [ATTACKER])
    arguments.setdefault("cpus", 4)
    machine = boot(conf=conf, memory="1G", **arguments)
    assert machine.wait_end(BOOT) is None, "the machine ended, firmware never had it back"
    text = machine.text
    assert re.search(r"^bulkhead: returning to firmware", text, re.MULTILINE), text
    assert not re.search(r"^bulkhead: partition \S+: (loading|started)", text, re.MULTILINE), text
    return text


def errors_of(text):
    """(place, rule) of each error line, in the order of the console."""
    return re.findall(r"^bulkhead\.conf:(\d+:\d+): error\[([a-z0-9-]+)\]: \S.*$", text, re.MULTILINE)


def has_fix(text, where):
    return re.search(rf"^bulkhead\.conf:{where}:   fix: \S", text, re.MULTILINE)


def test_all_errors_of_a_file_are_printed_in_one_pass(boot):
    """Also what the machine lacks: here no interrupt is remapped, by a VT-d without that capability."""
    text = refused(boot, ALL, iommu="intel-no-intremap", devices=PAIR)
    found = errors_of(text)
    split = place(ALL, "device", "0000:01:00.0")
    assert (place(ALL, "colour", "colour"), "key-unknown") in found
    assert (split, "group-split") in found
    assert (split, "no-interrupt-remapping") in found
    assert (place(ALL, "cpus    = 2-3", "2-3"), "cpu-shared") in found
    assert (place(ALL, "memory  = 64G", "64G"), "memory-too-large") in found
    assert (place(ALL, "kernel  = absent", "absent.elf"), "image-missing") in found
    places = [tuple(map(int, where.split(":"))) for where, _ in found]
    assert places == sorted(places), "errors stand in the order of the file"
    for where, _ in found:
        assert has_fix(text, where), f"no fix is offered for {where}"
    assert re.search(rf"^bulkhead\.conf:{split}: error\[group-split\]: 0000:01:00\.0 shares isolation group \d+ with "
                     r"0000:01:00\.1, which partition \"one\" does not own$", text, re.MULTILINE)
    assert re.search(rf"^bulkhead\.conf:{split}:   because .*0000:01:00", text, re.MULTILINE)


@pytest.mark.parametrize("name, change, where, rule", [
    ("split group", {}, ("device", "0000:01:00.0"), "group-split"),
    ("missing image", {"kernel = attacker.elf": "kernel = absent.elf", "device": "group"}, ("kernel", "absent.elf"),
     "image-missing"),
    ("too much memory", {"64M": "2G", "device": "group"}, ("memory", "2G"), "memory-too-large"),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "")
def test_a_single_error_refuses_the_file(boot, name, change, where, rule):
    """One mistake is one error with rule, line and column, and nothing else is complained about."""
    conf = GOOD
    for old, new in change.items():
        conf = conf.replace(old, new)
    text = refused(boot, conf, iommu="amd", devices=PAIR)
    assert errors_of(text) == [(place(conf, *where), rule)]


@pytest.mark.parametrize("iommu, rule", [("none", "no-iommu"), ("amd-no-intremap", "no-interrupt-remapping"),
                                         ("intel-no-intremap", "no-interrupt-remapping")])
def test_no_device_is_given_away_without_protection(boot, iommu, rule):
    """No IOMMU, or one that lets devices send any interrupt: no assignment."""
    text = refused(boot, GOOD, iommu=iommu, devices=SINGLE)
    assert errors_of(text) == [(place(GOOD, "device", "0000:01:00.0"), rule)]


@pytest.mark.parametrize("iommu, lacks", [("intel-no-translation", "it walks page tables of no known depth"),
                                          ("intel-no-intremap", "it cannot remap interrupts")])
def test_a_unit_that_lacks_what_is_needed_is_named(boot, tmp_path, iommu, lacks):
    """Tables of our own promise what the second unit does not have; that is seen in its registers."""
    extra = firmware_tables(tmp_path, 4) if "intremap" in iommu else []
    text = refused(boot, GOOD, iommu=iommu, devices=SINGLE, extra=extra)
    where = place(GOOD, "device", "0000:01:00.0")
    assert errors_of(text) == [(where, "iommu-unusable")]
    assert f"bulkhead.conf:{where}:   because unit 0, vt-d at 0xfed90000: {lacks}\n" in text
    assert has_fix(text, where)


def test_partitions_without_devices_need_no_iommu(boot):
    """One that cannot be used is left alone, and said to be."""
    conf = GOOD.replace("device = 0000:01:00.0\n", "")
    machine = boot(iommu="intel-no-intremap", conf=conf, files=[ATTACKER], cpus=2, memory="512M", devices=SINGLE)
    assert machine.wait_exit(BOOT) == DEBUG_EXIT_0
    assert machine.lines(r"^bulkhead: warning: the IOMMU is left alone: \S")
    assert machine.lines(r"^bulkhead: partition one: stopped$")


def test_threads_of_one_core_stay_together(boot):
    """Two cores of two threads: 0 with 1, 2 with 3."""
    conf = GOOD.replace("device = 0000:01:00.0\n", "") + "[partition two]\ncpus = 2, 0\nmemory = 64M\nkernel = attacker.elf\n"
    text = refused(boot, conf, iommu="none", cpus="4,cores=2,threads=2")
    assert errors_of(text) == [(place(conf, "cpus = 2", "0"), "core-shared")]


def malformed(directory):
    """Kernels that look right at first sight."""
    noise = random.Random("malformed").randbytes(64 << 10)
    kernel = VMLINUZ.read_bytes()
    elf = bytearray(ATTACKER.read_bytes())
    elf[0x20:0x28] = (0x7FFFFFFFFFFFFFF0).to_bytes(8, "little")  # program headers far outside the file
    cases = {"noise.elf": b"\x7fELF\x02\x01\x01" + noise, "cut.bin": kernel[:len(kernel) // 3],
             "tiny.bin": kernel[:0x210], "headers.elf": bytes(elf)}
    for name, content in cases.items():
        (directory / name).write_bytes(content)
    return [directory / name for name in cases]


def test_malformed_kernels_are_found_while_firmware_lives(boot, tmp_path):
    """Random bytes behind ELF's magic, a truncated bzImage, headers outside the file: refused by name, not loaded."""
    files = malformed(tmp_path)
    conf = "".join(f"[partition p{i}]\ncpus = {i}\nmemory = 64M\nkernel = {path.name}\n" for i, path in enumerate(files))
    text = refused(boot, conf, iommu="amd", files=files)
    for i, path in enumerate(files):
        assert re.search(rf'^bulkhead\.conf:\d+:\d+: error\[[a-z-]+\]: partition "p{i}": \S', text, re.MULTILINE), \
            f"nothing is said about {path.name}\n{text}"


def boot_volume(tmp_path, entries):
    """A volume with just these files (path on it: file)."""
    out = tmp_path / "volume.img"
    with open(out, "wb") as disk:
        disk.truncate(48 << 20)
    subprocess.run(["mformat", "-i", out, "-F", "-v", "TEST", "::"], check=True)
    subprocess.run(["mmd", "-i", out, "::/EFI", "::/EFI/BOOT"], check=True)
    for name, source in entries.items():
        subprocess.run(["mcopy", "-i", out, source, f"::/{name}"], check=True)
    return ["-drive", f"if=none,id=volume,file={out},format=raw", "-device", "ide-hd,drive=volume,bus=ide.0,bootindex=0"]


def test_without_a_file_the_inventory_is_printed(boot, tmp_path):
    """Survey mode: processors, units, functions and groups are shown, and firmware gets the machine back."""
    machine = boot(iommu="amd", cpus=2, memory="512M", extra=boot_volume(tmp_path, {"EFI/BOOT/BOOTX64.EFI": IMAGE}),
                   devices=SINGLE)
    assert machine.wait_end(BOOT) is None
    for pattern in (r"bulkhead: version \d+\.\d+\.\d+", r"bulkhead: cpu 0: apic 0x0 amd-svm", r"bulkhead: cpu 1: apic 0x1 amd-svm",
                    r"bulkhead: unit 0: amd-vi 0x[0-9a-f]{16} segment 0x0000",
                    r"bulkhead: function 0000:01:00\.0: 1234:11e8 class 0x00ff00 group \d+", r"bulkhead: group \d+: 0000:01:00\.0"):
        assert re.search(rf"^{pattern}$", machine.text, re.MULTILINE), f"{pattern}\n{machine.text}"
    assert not re.search(r"error", machine.text), machine.text


def test_the_uefi_shell_starts_it_by_name(boot, tmp_path):
    """`bulkhead.efi` typed (here: in startup.nsh) in the UEFI shell finds its file beside itself and returns to the shell."""
    script, conf = tmp_path / "startup.nsh", tmp_path / "bulkhead.conf"
    script.write_bytes(b"@echo -off\r\nfs0:\r\ncd tools\r\nbulkhead.efi\r\necho shell-again %lasterror%\r\nbulkhead.efi survey\r\n"
                       b"echo shell-after-survey\r\n")
    conf.write_text(GOOD.replace("64M", "63M"))
    extra = boot_volume(tmp_path, {"startup.nsh": script})
    volume = tmp_path / "volume.img"
    subprocess.run(["mmd", "-i", volume, "::/tools"], check=True)
    for name, source in {"bulkhead.efi": IMAGE, "bulkhead.conf": conf, "attacker.elf": ATTACKER}.items():
        subprocess.run(["mcopy", "-i", volume, source, f"::/tools/{name}"], check=True)
    machine = boot(iommu="amd", cpus=2, memory="512M", extra=extra, devices=SINGLE)
    try:
        machine.wait_for(r"UEFI Interactive Shell|Shell>|Press ESC|bulkhead: version", BOOT)
    except AssertionError:
        pytest.skip("this OVMF has no UEFI shell")
    machine.wait_for(r"^shell-again", BOOT)
    assert errors_of(machine.text) == [(place(conf.read_text(), "memory", "63M"), "memory-size")]
    machine.wait_for(r"^shell-after-survey", BOOT)
    survey = machine.text[machine.text.index("shell-again"):]
    assert re.search(r"^bulkhead: group \d+: 0000:01:00\.0$", survey, re.MULTILINE)
    assert not errors_of(survey), "the word `survey` is stronger than the file"
