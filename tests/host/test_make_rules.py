# SPDX-License-Identifier: Apache-2.0
"""The table of the file's rules: what the generator refuses, and that it says so with the line."""
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "build" / "make-rules.py"


def run(tmp_path, text):
    source, out = tmp_path / "rules.txt", tmp_path / "gen" / "rules.h"
    source.write_text(text)
    done = subprocess.run([TOOL, source, out], capture_output=True, text=True)
    return done.returncode, done.stderr.replace(str(source), "rules"), out.read_text() if out.exists() else None


def test_rules_become_macros(tmp_path):
    status, errors, header = run(tmp_path, '# words\n\ncore-shared\n\tprocessor %u, "%s"\n\tbecause\n\tfix\n')
    assert (status, errors) == (0, "")
    assert '#define CORE_SHARED "core-shared", "processor %u, \\"%s\\"\\nbecause\\nfix"\n' in header


def test_every_error_in_one_pass(tmp_path):
    status, errors, header = run(tmp_path, "\ttext of nobody\nSome-Rule\nrule\n\tmessage alone\nrule\n")
    assert status == 1 and header is None
    assert re.findall(r"^rules:(\d): (.*)$", errors, re.MULTILINE) == [
        ("1", "neither a rule's name in kebab-case nor indented text of one"),
        ("2", "neither a rule's name in kebab-case nor indented text of one"),
        ("5", "rule stands a second time"), ("0", "rule needs a message and a way to mend it")]
