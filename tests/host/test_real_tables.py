# SPDX-License-Identifier: Apache-2.0
"""The plan step on real tables (../shared/corpus/acpi, which is no part of this repository): each refusal is one that was read."""
import pytest

from real_tables import CORPUS, JUDGED, KINDS

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no ../shared/corpus/acpi beside the repository")


@pytest.mark.parametrize("kind", KINDS)
def test_every_refusal_was_read_and_judged(kind, tmp_path):
    judged, number = set(), 0
    for name, verdict in KINDS[kind](tmp_path):
        number += 1
        for rule, lines in verdict.errors:
            assert (name, rule) in JUDGED, lines
            judged.add((name, rule))
            assert lines[-1].startswith("fix: "), lines
    assert number >= 7
    if "drawn" in kind:
        ours = {(name, rule) for name, rule in JUDGED if name.startswith(kind[:4].lower()) and " on " not in name}
        assert judged == ours, "what is refused no more needs no judgement"
