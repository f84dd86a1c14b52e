# SPDX-License-Identifier: Apache-2.0
"""The host command, built once, and the data that it is tried on."""
import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / "build" / "bulkhead"
ORACLE = ROOT / "tests" / "data" / "oracle"
CORPUS = ROOT.parent / "shared" / "corpus"  # real machines; not part of the repository
SECONDS = 60


@pytest.fixture(scope="session", autouse=True)
def built():
    subprocess.run(["make", "--no-print-directory", "-s", "BUILD=build", "command"], cwd=ROOT, check=True)


@pytest.fixture
def bulkhead():
    """Runs the command; the result has returncode, stdout and stderr. STATUS: what it must end with."""
    def run(*arguments, status=0, **options):
        done = subprocess.run([COMMAND, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=SECONDS, **options)
        assert status is None or done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
        return done
    return run


@pytest.fixture
def bulkhead_json(bulkhead):
    """The objects that it prints, one a line."""
    def run(*arguments, **options):
        return [json.loads(line) for line in bulkhead(*arguments, "--json", **options).stdout.splitlines()]
    return run


def corpus(folder):
    """A folder of the corpus; the test is skipped where there is none."""
    path = CORPUS / folder
    if not path.is_dir():
        pytest.skip(f"no real machines in {path}")
    return path
