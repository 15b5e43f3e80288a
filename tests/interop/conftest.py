"""Tests with other programs, and as root: `make interop` runs them, and `make test` does not.

A test that cannot run here is left out, and the end of the run says which and why.
"""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder has the marker, before tests are chosen by markers."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    here = [report for report in skipped if "tests/interop/" in report.nodeid]
    for report in here:
        terminalreporter.write_line(f"left out: {report.nodeid.rpartition('/')[2]}: {report.longrepr[2]}")
    if terminalreporter.config.option.markexpr == "interop" and not here:
        terminalreporter.write_line("nothing was left out")
