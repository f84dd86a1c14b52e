# SPDX-License-Identifier: Apache-2.0
"""`bulkhead draft`: a file that the rules accept, with names that people know."""
import re
import subprocess
from pathlib import Path

import pytest

from comparison import captured_machines
from conftest import COMMAND, ORACLE, corpus


def arguments(name):
    return ["--lspci", ORACLE / name / "lspci.txt", "--acpi", ORACLE / name / "dmar.bin", "--acpi", ORACLE / name / "mcfg.bin"]


def with_images(tmp_path, text):
    """The draft where its images lie beside it."""
    for image in ("vmlinuz", "initrd.img"):
        (tmp_path / image).write_bytes(b"\x7fELF" + bytes(4092))
    path = tmp_path / "bulkhead.conf"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", captured_machines())
def test_drafts_are_accepted(bulkhead, tmp_path, name):
    text = bulkhead("draft", *arguments(name)).stdout
    assert text.count("\n[partition ") >= 1
    done = bulkhead("check", with_images(tmp_path, text), *arguments(name), status=None)
    errors = [line for line in done.stdout.splitlines() if " error[" in line]
    assert not errors


def test_names_come_from_pci_ids(bulkhead):
    text = bulkhead("draft", *arguments("q35-1")).stdout
    assert re.search(r"^# 0000:12:02\.0: nic 8086:100e Intel Corporation 82540EM", text, re.MULTILINE)


LISTS = (Path("/usr/share/misc/pci.ids"), Path("/usr/share/hwdata/pci.ids"))


@pytest.mark.parametrize("command", (("draft",), ("groups", "--dot")), ids=" ".join)
def test_a_malformed_list_of_names_costs_names_only(tmp_path, command):
    """Another list is laid over the machine's, for this one process."""
    own = next((path for path in LISTS if path.exists()), None)
    if not own or subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("no pci.ids, or only root may lay another over it")
    broken = tmp_path / "pci.ids"
    broken.write_text("8086  Intel Corporation\n\t12zz  no number\n")
    script = f'mount --bind "{broken}" "{own}" && exec "$@"'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", COMMAND, *command, *arguments("q35-1")],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "8086:100e" in done.stdout
    assert "82540EM" not in done.stdout


def test_trust_that_would_split_is_offered(bulkhead):
    machine = corpus("pci") / "full" / "pci-full-731e91e004.lspci.txt"
    text = bulkhead("draft", "--lspci", machine).stdout
    for port in ("0000:02:08.0", "0000:02:09.0", "0000:02:0a.0"):
        assert re.search(rf"^# trust = {re.escape(port)} ", text, re.MULTILINE)
    assert "NVIDIA Corporation GA102" in text
