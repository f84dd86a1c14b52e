# SPDX-License-Identifier: Apache-2.0
"""The screen when firmware has gone: what a machine without a serial port shows."""
import re
import time

import screen
from machine import ROOT

ATTACKER = ROOT / "build" / "guest" / "attacker.elf"
CONF = """
[hypervisor]
console = {console}

[partition lister]
cpus = {cpus}
memory = 64M
kernel = attacker.elf
cmdline = functions
{device}
"""


def wait_for_screen(machine, picture, pattern, timeout=120):
    """The lines on the screen as soon as one of them matches."""
    deadline = time.monotonic() + timeout
    while True:
        lines = screen.read(machine, picture)
        if any(re.search(pattern, line) for line in lines):
            return lines
        assert time.monotonic() < deadline, f"no {pattern!r}:\n" + "\n".join(lines)
        time.sleep(1)


def test_a_machine_that_only_has_a_screen_shows_everything_there(boot, tmp_path):
    """No processor is left for a monitor, so each line is drawn by whoever says it. A second screen has no linear frame buffer."""
    machine = boot(conf=CONF.format(console="none", cpus="0-3", device=""), files=[ATTACKER],
                   extra=["-device", "VGA", "-device", "virtio-gpu-pci"])
    machine.wait_for(r"^bulkhead: version ", 120)
    lines = wait_for_screen(machine, tmp_path / "screen.ppm", r"^bulkhead: idle$")
    text = "\n".join(lines)
    assert "\ufffd" not in text, text
    for pattern in (r"^bulkhead: function 0000:00:01\.0: [0-9a-f:]{9} class 0x0[0-9a-f]+ group 1$", r"^bulkhead: group 1: 0000:00:01\.0$",
                    r"^bulkhead: partition lister: loading$", r"^bulkhead: partition lister: started$", r"^\[lister\] \S",
                    r"^bulkhead: partition lister: stopped$", r"^bulkhead: idle$"):
        assert re.search(pattern, text, re.MULTILINE), f"{pattern}\n{text}"
    assert "partition lister" not in machine.text, "nothing of that is on the serial port"
    assert lines[-1] == "" and lines[-2] == "bulkhead: idle", "the last line stands at the bottom"


def test_a_partition_that_gets_the_screens_device_has_it_alone(boot, tmp_path):
    """Both consoles say so before it starts."""
    machine = boot(conf=CONF.format(console="com1", cpus="2", device="device = 1234:1111\nno-reset = accept"), files=[ATTACKER], extra=["-device", "VGA"])
    words = r"^bulkhead: screen: its device is partition lister's: the hypervisor shows nothing more here$"
    said = machine.wait_for(words, 120)
    machine.wait_for(r"^bulkhead: partition lister: started$", 120, after=said.end())
    machine.wait_for(r"^bulkhead: idle$", 120)
    # This device has no reset, and its owner does not draw: the last picture stays.
    lines = [line for line in screen.read(machine, tmp_path / "screen.ppm") if line]
    assert re.search(words, lines[-1]), lines
    assert not any("partition lister:" in line or line.startswith("[lister]") for line in lines), lines
