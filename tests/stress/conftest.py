"""`account`: a test under stress says what it did and what it cost; `make stress` ends with the table of all of them.

While `make stress` runs, one line says what is being done and since when. A test that takes long tells how far it is by
`account.progress`.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest

from tests.stress.accounts import Account, Row, table

ROWS = pytest.StashKey[list[Row]]()
WIDTH = 110  # columns of the progress line
SELDOM = 5.0  # seconds between two lines of how far a test is, where each is a line of its own


@pytest.fixture
def account(request: pytest.FixtureRequest) -> Account:
    config, name = request.config, _spoken(request.node.name)
    rows = config.stash.setdefault(ROWS, [])
    return Account(rows, lambda text: _progress(config, f"{name}: {text}"))


def _spoken(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def _is_stress(config: pytest.Config) -> bool:
    return bool(config.getoption("markexpr") == "slow")


def _is_on_terminal() -> bool:
    return sys.__stdout__ is not None and sys.__stdout__.isatty()


class Progress:
    """The line: where we are, since when, and what is being done."""

    begun = time.monotonic()
    done = total = 0
    shown_at = 0.0


def _progress(config: pytest.Config, text: str, seldom: float = SELDOM) -> None:
    now = time.monotonic()
    if not _is_stress(config) or (now < Progress.shown_at + seldom and not _is_on_terminal()):
        return
    Progress.shown_at = now
    seconds = int(now - Progress.begun)
    line = f"[{Progress.done}/{Progress.total}] {seconds // 60}:{seconds % 60:02} {text}"
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        if _is_on_terminal():
            reporter.write("\r" + line[:WIDTH].ljust(WIDTH))
        else:
            reporter.write(line + "\n")
        reporter._tw.flush()


def pytest_collection_finish(session: pytest.Session) -> None:
    Progress.begun, Progress.total = time.monotonic(), len(session.items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    Progress.done += 1
    _progress(item.config, _spoken(item.name), seldom=0)


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> Any:
    """No dots: the line says it."""
    if _is_stress(config) and report.passed:
        return ("passed" if report.when == "call" else ""), "", "PASSED"
    return None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = config.stash.get(ROWS, [])
    if rows and _is_stress(config):
        terminalreporter.write_line("")
        for line in table(rows):
            terminalreporter.write_line(line)
