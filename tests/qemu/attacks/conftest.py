# SPDX-License-Identifier: Apache-2.0
import pytest

from report import PATH, Report

REPORT = Report()


@pytest.fixture(scope="session")
def report():
    return REPORT


def pytest_terminal_summary(terminalreporter):
    if REPORT.rows:
        REPORT.write()
        terminalreporter.write_line(f"{REPORT.line()}: {PATH}")
