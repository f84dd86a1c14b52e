# SPDX-License-Identifier: Apache-2.0
"""The demonstration: two unmodified Debian kernels at once, each at work on a device of its own."""
import re

import pytest

from machine import (DEBUG_EXIT_0, INITRD, VMLINUZ, demo_conf, demo_devices, guest_failures)

WHOLE_RUN = 420  # seconds; about a minute on an idle machine


@pytest.mark.parametrize("iommu", ["amd", "intel"])
def test_two_linux_partitions_work_with_their_devices_without_exits(boot, disk, payload_server, iommu):
    """Real work through passed-through devices on both IOMMUs; no exits but IPIs and console output meanwhile."""
    path, sha256 = disk
    machine = boot(iommu=iommu, devices=demo_devices(path), conf=demo_conf(payload_server.port), files=(VMLINUZ, INITRD))
    status = machine.wait_end(WHOLE_RUN)
    assert status == DEBUG_EXIT_0, f"ended by when-idle? status {status}\n{machine.tail()}"
    text = machine.text
    assert guest_failures(text, sha256, path, payload_server) == []

    for name in ("linux-a", "linux-b"):
        assert re.search(rf"^bulkhead: partition {name}: started$", text, re.MULTILINE)
        assert re.search(rf"^bulkhead: partition {name}: stopped$", text, re.MULTILINE), "ends by itself, does not fail"
        assert re.search(rf"^\[{name}\] work: clocksource tsc$", text, re.MULTILINE), "a stable time stamp counter"
    assert re.search(r"^\[linux-a\] work: cpus online 2$", text, re.MULTILINE), "partitions are multiprocessor"
    assert re.search(r"^bulkhead: idle$", text, re.MULTILINE)
    assert not re.search(r"^bulkhead: (?:fault|panic)", text, re.MULTILINE), "well-behaved devices cause no faults"
    assert text.index("[linux-b] ") < text.index("bulkhead: partition linux-a: stopped"), "they run side by side"

    # Device interrupts come as MSI-X, to the guest's own vectors.
    for name, device in (("linux-a", "nvme0q"), ("linux-b", "eth0")):
        lines = re.findall(rf"^\[{name}\] work: interrupt \d+: ((?:\d+ )+)PCI-MSIX?-.*{device}.*$", text, re.MULTILINE)
        assert sum(int(count) for line in lines for count in line.split()) > 100, lines

    # Steady state: nothing leaves the guest but IPIs, and what the console needs.
    phases = re.findall(r"^bulkhead: phase (\S+) 1: exits (\d+)((?: [a-z]+ \d+)+)$", text, re.MULTILINE)
    assert sorted(name for name, _, _ in phases) == ["linux-a", "linux-b"], phases
    for name, total, words in phases:
        counts = {key: int(value) for key, value in re.findall(r"([a-z]+) (\d+)", words)}
        assert sum(counts.values()) == int(total)
        unexpected = {key: value for key, value in counts.items() if value and key not in ("icr", "io")}
        assert not unexpected, f"{name}: {unexpected}"
        assert name != "linux-b" or not counts["icr"], "one processor has nobody to send to"
