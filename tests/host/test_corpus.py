# SPDX-License-Identifier: Apache-2.0
"""Real machines (../shared/corpus/pci, which is no part of this repository) against the groups that Linux formed on them."""
import re
import subprocess

import pytest

from comparison import COARSER_RULES, COMMAND, derive
from real_machines import CORPUS, Bounds, Listing, full_machines, full_verdict, listings

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no ../shared/corpus/pci beside the repository")

# Both have switches with ports without ACS; on the rest the result is Linux's own.
COARSER = {"pci-full-3626ee9009": {"switch-peers"}, "pci-full-731e91e004": {"switch-peers"}}
# Machines without ACS bits: these are decidable in spite of that, because their switch ports are seen to have no ACS.
COARSER_LISTINGS = {"pci-groups-0bb5d4dde0", "pci-groups-ee56a08f42"}
X570 = "pci-full-731e91e004"
X570_PORTS = ["0000:02:08.0", "0000:02:09.0", "0000:02:0a.0"]
X570_BELOW = {"0000:02:08.0": ["0000:07:00.0", "0000:07:00.1", "0000:07:00.3"], "0000:02:09.0": ["0000:08:00.0"],
              "0000:02:0a.0": ["0000:09:00.0"]}


@pytest.mark.parametrize("name", full_machines())
def test_groups_equal_linux_or_are_coarser_by_a_named_rule(name):
    verdict, _ = full_verdict(name)
    assert not verdict.finer
    assert not verdict.unexplained
    assert verdict.exact
    assert verdict.rules == COARSER.get(name, set())
    assert bool(verdict.coarser) == (name in COARSER)


def test_all_machines_are_there():
    assert len(full_machines()) == 18
    assert len(listings("groups")) == 150 and len(listings("caps", "basic")) == 41


@pytest.mark.parametrize("name", listings("groups", "caps", "basic"))
def test_linux_lies_between_the_bounds_of_a_listing(name, tmp_path):
    """Every function in exactly one group (Bounds sees to that), and no decidable pair otherwise than Linux has it."""
    bounds = Bounds(name, tmp_path)
    assert bounds.word == ("coarser" if name in COARSER_LISTINGS else bounds.word)
    assert bounds.word != "finer", bounds.finer
    if bounds.word == "coarser":
        assert name in COARSER_LISTINGS
        assert bounds.coarser.rules <= COARSER_RULES and not bounds.coarser.unexplained


@pytest.mark.parametrize("name", ["pci-caps-1124a2d90b", "pci-groups-b63e45a7bc", "pci-groups-bcffde8905", "pci-groups-e1e84f2e1a"])
def test_functions_behind_a_vmd_controller_are_left_to_it(name, tmp_path):
    """They have segments from 0x10000 on, which are Linux's invention; the others are grouped as if they were not there."""
    listing = Listing(name)
    path = tmp_path / "dump.txt"
    path.write_text(listing.dump(hopeful=True))
    alone = derive(path)
    space = bytearray(256)
    space[0x00:0x0C] = bytes.fromhex("3412785600000000000000ff")
    rows = "".join(f"{at:02x}: {space[at:at + 16].hex(' ')}\n" for at in range(0, 256, 16))
    with open(path, "a") as out:
        for address in sorted(listing.hidden):
            out.write(f"{address} Class\n{rows}\n")
    both = derive(path)
    assert both.number == alone.number
    assert any(str(len(listing.hidden)) in warning and "VMD" in warning for warning in both.warnings), both.warnings
    by_group = {f["group"] for f in listing.hidden.values()} - {None}
    for group in by_group:  # so does Linux
        assert any(f.get("group") == group and pci_is_vmd(f) for f in listing.functions.values())


def pci_is_vmd(f):
    return (f["vendor"], f["class"][:4]) == ("8086", "0104")


def test_x570_names_the_three_ports_without_acs():
    verdict, machine = full_verdict(X570)
    assert (verdict.linux_groups, verdict.groups) == (31, 21)
    texts = " ".join(r["text"] for group in machine.groups for r in group["reasons"] if r["rule"] in ("switch-peers", "acs-missing"))
    assert set(re.findall(r"0000:02:[0-9a-f]{2}\.0", texts)) == set(X570_PORTS)
    assert "Linux overlooks" in texts


def split_errors(tmp_path, trusts):
    """The groups that a file splits which gives away one function below each of the ports."""
    lines = ["[hypervisor]"] + [f"trust = {port} tested" for port in trusts]
    for index, (port, functions) in enumerate(X570_BELOW.items()):
        lines += [f"[partition p{index}]", f"cpus = {index + 1}", "memory = 64M", "kernel = k"]
        lines += [f"device = {function}" for function in functions]
    path = tmp_path / "x570.conf"
    path.write_text("\n".join(lines) + "\n")
    dump = CORPUS / "full" / f"{X570}.lspci.txt"
    run = subprocess.run([COMMAND, "check", path, "--lspci", dump], stdout=subprocess.PIPE, text=True)
    return set(re.findall(r"error\[group-split\]: (\S+)", run.stdout))


def test_x570_three_trusted_ports_give_linux_groups(bulkhead):
    dump, linux = (CORPUS / "full" / f"{X570}.{kind}" for kind in ("lspci.txt", "groups.txt"))
    trust = [word for port in X570_PORTS for word in ("--trust", port)]
    lines = bulkhead("groups", "--lspci", dump, "--linux", linux, *trust).stdout.splitlines()
    assert lines == ["in none of Linux's groups: 0000:00:00.0 0000:00:00.2",
                     "31 groups equal, 0 coarser than Linux's, 0 finer; 2 functions are in none of Linux's groups, 0 were not seen here"]


def test_x570_three_trust_lines_split_the_switch(tmp_path):
    first_of_each = {functions[0] for functions in X570_BELOW.values()}  # a split is said once a partition
    assert split_errors(tmp_path, []) == first_of_each
    assert split_errors(tmp_path, X570_PORTS[:2]) == first_of_each
    assert split_errors(tmp_path, X570_PORTS) == set()
