# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests under Bochs. Everything is built once, before the first test."""
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "qemu"))
import bochs  # noqa: E402
import machine as machines  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def built():
    if bochs.USUAL.missing():
        pytest.skip(bochs.USUAL.missing())
    made = subprocess.run(["make", "--no-print-directory", "-s", "image", "guest"], cwd=bochs.ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        pytest.exit(f"make failed:\n{made.stdout}", returncode=1)


@pytest.fixture
def boot(tmp_path):
    """Starts machines (arguments of bochs.Bochs) and ends them with the test."""
    running = []

    def start(**arguments):
        running.append(bochs.Bochs(tmp_path / f"machine{len(running)}", **arguments).start())
        return running[-1]

    yield start
    for machine in running:
        machine.stop()


LINUX = """\
[hypervisor]
when-idle = poweroff
[partition linux]
cpus = 1-2
memory = 256M
kernel = vmlinuz
initrd = initrd.img
cmdline = "console=ttyS0 quiet"
"""


@pytest.fixture(scope="session", autouse=True)
def linux(request, built, tmp_path_factory):
    """A machine that takes minutes: it starts before the other tests and runs beside them; None when it cannot or need not."""
    machine = None
    if machines.VMLINUZ.exists() and any("linux" in item.fixturenames and item.name == "test_linux"
                                         for item in request.session.items):
        machine = bochs.Bochs(tmp_path_factory.mktemp("linux"), conf=LINUX,
                              files=[machines.VMLINUZ, machines.INITRD]).start()
    yield machine
    if machine:
        machine.stop()
