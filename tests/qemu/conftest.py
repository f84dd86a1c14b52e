# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests under QEMU. Everything is built once, before the first test."""
import subprocess

import pytest

import machine as machines


@pytest.fixture(scope="session", autouse=True)
def built():
    """The image, the host command and the guest, up to date."""
    made = subprocess.run(["make", "--no-print-directory", "-s", "all", "guest"], cwd=machines.ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        pytest.exit(f"make failed:\n{made.stdout}", returncode=1)


@pytest.fixture(scope="session")
def payload_server():
    with machines.PayloadServer() as server:
        yield server


@pytest.fixture
def disk(tmp_path):
    """(path, sha256) of a fresh data disk with known content."""
    path = tmp_path / "nvme.img"
    return path, machines.make_disk(path)


@pytest.fixture
def boot(tmp_path):
    """Starts machines (arguments of machine.Machine) and ends them with the test."""
    running = []

    def start(**arguments):
        arguments.setdefault("directory", tmp_path / f"machine{len(running)}")
        one = machines.Machine(**arguments).start()
        running.append(one)
        return one

    yield start
    for one in running:
        one.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of each console."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for log in sorted(item.funcargs["tmp_path"].rglob("serial.log")) if "tmp_path" in item.funcargs else ():
            report.sections.append((str(log), "\n".join(log.read_text(errors="replace").splitlines()[-60:])))
