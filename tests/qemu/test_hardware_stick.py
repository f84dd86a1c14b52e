# SPDX-License-Identifier: Apache-2.0
"""The stick of `make hardware-test`, on an emulated machine that stands for a real one: from a USB port, over resets, without a
hand, until the machine switches itself off; and what it makes of a machine that did not come back or cannot run partitions."""
import os
import re
import subprocess

import pytest

from machine import BUILD, IMAGE, ROOT, e1000e, make_esp, root_port

RUN = 900  # seconds: several boots, and guests that wait
PARTITION = "@@1048576"  # where make-esp.py puts the volume
STEPS = ["survey", "reset", "exits", "neighbours", "devices"]


def on_usb(stick):
    return ["-device", "qemu-xhci,id=xhci", "-drive", f"if=none,id=stick,file={stick},format=raw",
            "-device", "usb-storage,bus=xhci.0,drive=stick,bootindex=0"]


def read_back(stick, path):
    return subprocess.run(["mcopy", "-n", "-i", f"{stick}{PARTITION}", path, "-"], check=True, capture_output=True,
                          stdin=subprocess.DEVNULL, env=dict(os.environ, MTOOLS_SKIP_CHECK="1")).stdout.decode()


def results(report):
    """[(step, outcome and words)], in the order of the report."""
    return re.findall(r"^step ([a-z]+): (.*)$", report, re.MULTILINE)


def test_every_step_passes_and_the_report_is_on_the_stick(boot, tmp_path):
    """With two devices that can be given away beside the stick's own controller."""
    stick = tmp_path / "stick.img"
    subprocess.run(["make", "--no-print-directory", "-s", "hardware-test", f"OUT={stick}"], cwd=ROOT, check=True)
    machine = boot(iommu="amd", reboot=True, extra=on_usb(stick),
                   devices=root_port("rp1", 4) + ["-device", "virtio-net-pci,bus=rp1"] + root_port("rp2", 5) + e1000e("rp2"))
    assert machine.wait_exit(RUN) == 0
    report = read_back(stick, "::/report.txt")
    assert results(report) == [(step, "passed") for step in STEPS], report
    assert report.endswith("5 passed, 0 failed, 0 skipped\n")
    # What each step rests on is in it: the survey, lines of the hypervisor and of guests from behind a reset.
    assert re.search(r"^bulkhead: device 0000:01:00\.0: nic, reset flr$", report, re.MULTILINE)
    for line in (r"bulkhead: partition falls: failed: triple fault on cpu 3", r"\[exits\] exits: ipi ok",
                 r"\[victim\] victim: ended, changed 0 interrupts 0", r"\[nic\d+\] attacker: config functions \d+ strange 0"):
        assert re.search(rf"^bulkhead: before: {line}$", report, re.MULTILINE), line
    assert "bulkhead: before: bulkhead: before:" not in report
    # And the host command reads the processor out of it.
    (tmp_path / "report.txt").write_text(report)
    checked = subprocess.run([BUILD / "bulkhead", "check", "--cpu", "--cpu-dump", tmp_path / "report.txt"], capture_output=True, text=True)
    assert checked.returncode == 0 and re.search(r"^yes +needed +svm-enabled ", checked.stdout, re.MULTILINE), checked.stdout


def test_a_step_that_did_not_come_back_and_those_that_are_refused(boot, tmp_path):
    """The power was switched off in the third step; and this machine's processor has no SVM."""
    files = {"state.txt": "2 1 2 0 0\n", "report.txt": "Begun.\n",
             "survey.txt": "".join(f"bulkhead: cpu {i}: apic {i:#x} unsupported\n" for i in range(4)), "draft.conf": "[hypervisor]\n"}
    specs = []
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        specs.append(("" if name in ("state.txt", "report.txt") else "bulkhead/") + f"{name}={tmp_path / name}")
    stick = tmp_path / "stick.img"
    guests = [f"bulkhead/{name}={BUILD / 'guest' / name}" for name in ("attacker.elf", "exits.elf")]
    make_esp(stick, "", [f"bulkhead/bulkhead.efi={IMAGE}", *guests, *specs], image=BUILD / "guest" / "runner.efi")
    machine = boot(iommu="none", reboot=True, memory="512M", cpu="EPYC-Milan,-svm,+x2apic", extra=on_usb(stick))
    assert machine.wait_exit(RUN) == 0
    report = read_back(stick, "::/report.txt")
    assert report.startswith("Begun.\n")
    assert results(report) == [("exits", "failed: did not come back by itself, or this machine clears its memory at a reset"),
                               ("neighbours", "failed: the image gave the machine back: it says why"),
                               ("devices", "skipped: no device of this machine can be given away: survey.txt says why")], report
    assert re.search(r"^bulkhead: error: this processor has neither SVM nor VT-x", report, re.MULTILINE)
    assert report.endswith("2 passed, 2 failed, 1 skipped\n")


@pytest.mark.parametrize("arguments", [[], ["OUT="]])
def test_without_a_name_for_the_image_it_says_how_to_use_it(arguments):
    done = subprocess.run(["make", "--no-print-directory", "-s", "hardware-test", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode and "usage: make hardware-test OUT=stick.img" in done.stderr
