# SPDX-License-Identifier: Apache-2.0
"""What the command says to --help, to wrong use, and to files that are none of those it knows."""
import subprocess

import pytest

from conftest import COMMAND, ORACLE

DUMP = ORACLE / "q35-4" / "lspci.txt"
COMMANDS = ("groups", "acpi", "check", "draft")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]] + [[c, "--help"] for c in COMMANDS])
def test_help(bulkhead, arguments):
    done = bulkhead(*arguments)
    assert all(f"use: bulkhead {c} " in done.stdout for c in COMMANDS) and done.stderr == ""
    assert "lspci -xxxx" in done.stdout and "acpidump" in done.stdout


@pytest.mark.parametrize("arguments", [
    [], ["grups"], ["--json"], ["groups", "--xml"], ["groups", "--lspci"], ["groups", "--json", "--dot"], ["groups", "stray"],
    ["groups", "--linux"], ["groups", "--trust"], ["groups", "--trust", "rubbish"], ["groups", "--lspci", DUMP, "--compare"], ["groups", "--compare", "--dot"], ["acpi"], ["acpi", "--json"],
    ["acpi", "--yaml", DUMP], ["check"], ["check", "a", "b"], ["draft", "--json"], ["draft", "--acpi"]])
def test_wrong_use_is_status_2(bulkhead, arguments):
    done = bulkhead(*arguments, status=2)
    assert "use: bulkhead " in done.stderr and done.stdout == ""


def test_files_that_are_no_dump(bulkhead, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("no dump\n")
    (tmp_path / "plain").write_text("00:00.0 Host bridge: Intel Corporation\n")  # lspci without -xxxx
    (tmp_path / "zeros").write_bytes(bytes(4096))
    (tmp_path / "twice").write_text(2 * "00:02.0 VGA\n00: 34 12 11 11 07 00 00 00 02 00 00 03 00 00 00 00\n\n")
    (tmp_path / "beyond").write_text("00:02.0 VGA\n00: 34 12\n1000: 11\n")
    (tmp_path / "negative").write_text("00:02.0 VGA\n00: 34 12\ne0020000: 88\n")  # libpci's parser would write there
    with open(tmp_path / "huge", "wb") as huge:
        huge.truncate(1 << 34)
    for name, words in (("empty", "lspci -xxxx"), ("text", "lspci -xxxx"), ("plain", "lspci -xxxx"), ("zeros", "unterminated"),
                        ("twice", "stands twice"), ("huge", "unterminated"), ("beyond", "line 3"), ("negative", "line 3 "), ("absent", "No such file"), (".", "lspci -xxxx")):
        for command in ("groups", "draft"):
            done = bulkhead(command, "--lspci", tmp_path / name, status=1)
            assert words in done.stderr and done.stdout == "", (name, done.stderr)


def test_tables_that_cannot_be_used(bulkhead, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "cut").write_bytes((ORACLE / "q35-4" / "dmar.bin").read_bytes()[:60])
    assert "empty" in bulkhead("groups", "--lspci", DUMP, "--acpi", tmp_path / "empty", status=1).stderr
    assert "No such file" in bulkhead("groups", "--lspci", DUMP, "--acpi", tmp_path / "absent", status=1).stderr
    done = bulkhead("groups", "--lspci", DUMP, "--acpi", tmp_path / "cut")
    assert "table DMAR cannot be used" in done.stderr and "bulkhead: group 0:" in done.stdout


def test_output_that_cannot_be_written_is_an_error():
    with open("/dev/full", "w") as full:
        for arguments in (["groups", "--lspci", DUMP], ["acpi", ORACLE / "q35-4" / "dmar.bin"], ["draft", "--lspci", DUMP]):
            assert subprocess.run([COMMAND, *arguments], stdout=full, stderr=subprocess.DEVNULL).returncode == 1
