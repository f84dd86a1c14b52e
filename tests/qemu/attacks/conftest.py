# SPDX-License-Identifier: Apache-2.0
import pytest

from report import PATH, Report

REPORT = Report()


@pytest.fixture(scope="session")
def report():
    return REPORT


def pytest_sessionfinish(session):
    """A worker hands its part of the report to whoever gave it its tests."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["attacks"] = [REPORT.rows, REPORT.notes]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    rows, notes = getattr(node, "workeroutput", {}).get("attacks", ([], []))
    REPORT.rows += rows
    REPORT.notes += notes


def pytest_terminal_summary(terminalreporter):
    if REPORT.rows:
        REPORT.write()
        terminalreporter.write_line(f"{REPORT.line()}: {PATH}")
