# SPDX-License-Identifier: Apache-2.0
"""Survey mode: what the image says of a machine, on the console, on the screen and in files on the volume that it came from."""
import re
import time

import pytest

from machine import DEBUG_EXIT_0, IMAGE, INITRD, IOMMUS, ROOT, VMLINUZ, demo_devices, e1000e, make_esp, root_port
from survey_files import FOLDER, PARTITION, expect_same_as_console, mtools, read_back
from test_topologies import ORACLE, adapt

BOOT = 300  # seconds, many times what it takes
PATIENCE = 20  # of the image for the first key


def volume(tmp_path, name="esp.img", **files):
    """A boot disk without bulkhead.conf, and with FILES (name -> content) beside the image."""
    disk = tmp_path / name
    make_esp(disk, "")
    for base, content in files.items():
        source = tmp_path / base
        source.write_bytes(content)
        mtools("mcopy", "-i", f"{disk}{PARTITION}", source, FOLDER + base.replace("_", "."))
    return disk


def drive(disk):
    return ["-drive", f"if=none,id=esp,file={disk},format=raw", "-device", "ide-hd,drive=esp,bus=ide.0,bootindex=0"]


def survey(boot, disk, timeout=BOOT, **arguments):
    """Boots without a file until firmware has the machine back; (console, survey.txt, draft.conf)."""
    machine = boot(extra=drive(disk), **arguments)
    assert machine.wait_end(timeout) is None, "a survey returns to firmware"
    text = machine.text
    machine.stop()
    assert re.search(r"^bulkhead: returning to firmware", text, re.MULTILINE), text
    return text, read_back(disk, "survey.txt"), read_back(disk, "draft.conf")


def devices_of(name, iommu):
    arguments = (ORACLE / name / "arguments.txt").read_text().split()
    # Last, so that it takes a place that the tree leaves free.
    return [adapt(argument) for argument in arguments] + IOMMUS[iommu]


@pytest.mark.parametrize("name, iommu", [("q35-1", "amd"), ("q35-7", "amd"), ("q35-12", "amd"), ("q35-7", "intel"), ("q35-12", "none")])
def test_files_are_what_the_console_shows_and_the_draft_is_accepted(boot, tmp_path, name, iommu):
    """survey.txt equals the console (all machines with VT-d: test_topologies.py); the draft, as bulkhead.conf, breaks no rule: only its
    images are none."""
    machine = {"iommu": "none", "cpus": 4, "memory": "1G", "devices": devices_of(name, iommu)}
    disk = volume(tmp_path)
    text, file, draft = survey(boot, disk, **machine)
    expect_same_as_console(text, file)
    assert re.search(r"^bulkhead: memory: \d+ MiB free, the largest piece \d+ MiB$", file, re.MULTILINE)
    assert bool(re.search(r"^bulkhead: missing: an IOMMU: ", file, re.MULTILINE)) == (iommu == "none")
    given = re.findall(r"^bulkhead: group (\d+): can be given away$", file, re.MULTILINE)
    proposed = re.findall(r"^\[partition ([a-z-]+\d+)\]$", draft, re.MULTILINE)
    if iommu == "none":
        assert proposed == ["guest0"] and not given and not re.search(r"^group ", draft, re.MULTILINE)
    else:
        assert given and proposed
        assert len(re.findall(r"^group   = 0", draft, re.MULTILINE)) == len(proposed)

    junk = tmp_path / "junk"
    junk.write_bytes(b"\x7fELF".ljust(4096, b"\0"))
    again = boot(conf=draft, files=[f"vmlinuz={junk}", f"initrd.img={junk}"], **machine)
    assert again.wait_end(BOOT) is None
    rules = re.findall(r"^bulkhead\.conf:\d+:\d+: error\[([a-z-]+)\]", again.text, re.MULTILINE)
    assert rules == ["image"] * len(proposed), again.text


def test_the_draft_starts_its_partitions_as_it_is(boot, tmp_path, disk):
    """On the demonstration's machine, with a kernel and an initial RAM disk under the names that the draft has."""
    machine = {"iommu": "amd", "cpus": 4, "memory": "2G", "devices": demo_devices(disk[0])}
    _, file, draft = survey(boot, volume(tmp_path), **machine)
    assert re.search(r"^bulkhead: device 0000:01:00\.0: disk, reset flr$", file, re.MULTILINE)
    assert re.search(r"^bulkhead: device 0000:02:00\.0: nic, reset [a-z-]+$", file, re.MULTILINE)
    running = boot(conf=draft, files=[f"vmlinuz={VMLINUZ}", f"initrd.img={INITRD}"], **machine)
    for device, name in {"1b36:0010": "disk", "8086:10d3": "nic"}.items():
        name = re.search(rf"^# 0000:.*: {name} {device}\n\[partition (\w+)\]$", draft, re.MULTILINE)[1]
        running.wait_for(rf"^bulkhead: partition {name}: started", BOOT)
        running.wait_for(rf"^\[{name}\] .*pci 0000:00:\S+ \[{device}\]", 2 * BOOT)
        running.wait_for(rf"^\[{name}\] work: init reached", 2 * BOOT)
    assert not re.search(r"error\[", running.text)


def test_longer_files_of_an_earlier_survey_are_replaced(boot, tmp_path):
    """Completely; and bulkhead.conf is no business of a survey."""
    disk = volume(tmp_path, survey_txt=b"old\n" * 300000, draft_conf=b"[old\n" * 300000)
    text, file, draft = survey(boot, disk, iommu="none", cpus=1, memory="512M")
    expect_same_as_console(text, file)
    assert "old" not in file and "old" not in draft and draft.endswith("\n")
    assert "BULKHEAD" not in mtools("mdir", "-b", "-i", f"{disk}{PARTITION}", "::/").upper().replace("BULKHEAD.EFI", "")


def test_a_full_volume_is_said_and_leaves_no_half_file(boot, tmp_path):
    """There is room for the beginning."""
    disk = volume(tmp_path)
    free = int(re.search(r"([\d ]+) bytes free", mtools("mdir", "-i", f"{disk}{PARTITION}", "::/"))[1].replace(" ", ""))
    filler = tmp_path / "filler"
    filler.write_bytes(b"\0" * (free - 4096))
    mtools("mcopy", "-i", f"{disk}{PARTITION}", filler, "::/filler")
    machine = boot(iommu="none", cpus=1, memory="512M", extra=drive(disk), devices=devices_of("q35-1", "none"))
    assert machine.wait_end(BOOT) is None
    assert machine.lines(r"^bulkhead: survey: survey\.txt is not written: the volume is full$"), machine.text
    assert machine.lines(r"^bulkhead: cpu 0: "), "the survey itself is shown"
    machine.stop()
    assert "survey" not in mtools("mdir", "-b", "-i", f"{disk}{PARTITION}", FOLDER).lower()


def test_a_volume_that_cannot_be_written_is_said(boot, tmp_path):
    disk = volume(tmp_path)
    machine = boot(iommu="none", cpus=1, memory="512M",
                   extra=["-drive", f"if=none,id=esp,file={disk},format=raw,readonly=on",
                          "-device", "virtio-blk-pci,drive=esp,bootindex=0"])
    assert machine.wait_end(BOOT) is None
    for name in (r"survey\.txt", r"draft\.conf"):
        assert machine.lines(rf"^bulkhead: survey: {name} is not written: the volume is read-only$"), machine.text


def test_a_processor_without_virtualisation_is_surveyed(boot, tmp_path):
    """And the survey says what to look for."""
    _, file, _ = survey(boot, volume(tmp_path), iommu="amd", cpus=1, memory="512M", cpu="EPYC-Milan,-svm,+x2apic")
    assert re.search(r"^bulkhead: cpu 0: apic 0x0 unsupported$", file, re.MULTILINE)
    assert re.search(r"^bulkhead: missing: .*SVM", file, re.MULTILINE)


def with_a_screen(boot, tmp_path):
    machine = boot(iommu="none", cpus=1, memory="512M", extra=drive(volume(tmp_path)) + ["-device", "VGA"],
                   devices=root_port("rp1", 4) + e1000e("rp1"))
    machine.wait_for(r"^bulkhead: missing: an IOMMU", BOOT)  # the last line: the serial port does not wait
    return machine


def screen(machine, tmp_path):
    picture = tmp_path / "screen.ppm"
    machine.monitor(f"screendump {picture}")
    return picture.read_bytes()


def test_the_screen_waits_for_a_key_at_each_page(boot, tmp_path):
    machine = with_a_screen(boot, tmp_path)
    first, before = screen(machine, tmp_path), None
    while first != before:  # until it stands still; the image itself waits no longer than this is allowed to take
        assert "returning to firmware" not in machine.text
        time.sleep(1)
        first, before = screen(machine, tmp_path), first
    machine.monitor("sendkey spc")
    deadline = time.monotonic() + BOOT
    while screen(machine, tmp_path) == first:
        assert time.monotonic() < deadline, "a key shows more"
        time.sleep(0.2)
    while "returning to firmware" not in machine.text:
        assert time.monotonic() < deadline, "keys lead to the end"
        machine.monitor("sendkey spc")
        time.sleep(0.5)


def test_the_screen_goes_on_when_nobody_is_there(boot, tmp_path):
    machine = with_a_screen(boot, tmp_path)
    begin = time.monotonic()
    machine.wait_for(r"^bulkhead: returning to firmware", BOOT)
    assert time.monotonic() - begin > PATIENCE / 4, "it gave a person time"


def test_a_machine_with_many_functions_gets_a_larger_inventory(boot, tmp_path):
    """More than fit into the first piece of memory that the image tries."""
    devices = []
    for bridge in range(5):
        devices += ["-device", f"pci-bridge,id=b{bridge},chassis_nr={bridge + 1},shpc=off,bus=pcie.0,addr={bridge + 4:#x}"]
        devices += [argument for slot in range(1, 32) for function in range(8) for argument in
                    ("-device", f"pvpanic-pci,bus=b{bridge},addr={slot:#x}.{function}" + (",multifunction=on" if not function else ""))]
    text, file, draft = survey(boot, volume(tmp_path), timeout=3 * BOOT, iommu="intel", cpus=4, memory="512M", devices=devices)
    expect_same_as_console(text, file)
    assert len(re.findall(r"^bulkhead: function ", file, re.MULTILINE)) > 1200
    assert len(re.findall(r"^# 0000:", draft, re.MULTILINE)) > 1200
