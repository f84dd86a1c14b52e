# SPDX-License-Identifier: Apache-2.0
"""Captured machines (tests/data/oracle) from their dumps, against the groups that Linux formed on them."""
import pytest

from comparison import captured_machines, captured_verdict

# QEMU's switches have no ACS. Linux charges a port with what is below it and overlooks its peers.
COARSER = {name: {"switch-peers"} for name in ("q35-1", "q35-2", "q35-8", "q35-11", "q35-23")}


@pytest.mark.parametrize("name", captured_machines())
def test_groups_equal_linux_or_are_coarser_by_a_named_rule(name):
    verdict = captured_verdict(name)
    assert not verdict.finer
    assert not verdict.unexplained
    assert verdict.exact
    assert verdict.rules == COARSER.get(name, set())
    assert bool(verdict.coarser) == (name in COARSER)


def test_there_are_machines():
    assert len(captured_machines()) == 24
