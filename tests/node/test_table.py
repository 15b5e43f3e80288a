"""What is played, and what the table of differences says of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.node.differences import DIFFERENCES
from tests.node.drivers import HERE, open_stages

SCENARIO = re.compile(r"^def (test_\w+)\(play: Play\) -> None:$", re.MULTILINE)


def test_without_node_the_reason_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with open_stages() as stages:
        assert stages == "no `node` in PATH: there is nothing to compare with"


def test_a_node_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "node"
    old.write_text('#!/bin/sh\nread names\necho \'{"version": "16.20.2"}\'\n')
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with open_stages() as stages:
        assert stages == "Node 16.20.2 is too old: 18.19 or newer is needed"


def scenarios() -> dict[str, str]:
    """Scenario -> the file that it is in."""
    return {name: path.name for path in HERE.glob("test_*.py") for name in SCENARIO.findall(path.read_text())}


def test_every_difference_is_one_of_a_scenario() -> None:
    differing = {name for name, file in scenarios().items() if file.startswith("test_differences_")}
    assert differing == set(DIFFERENCES)


def test_every_difference_differs_and_says_why() -> None:
    for name, difference in DIFFERENCES.items():
        assert difference.node != difference.ours, name
        assert difference.better, name


def test_every_difference_names_the_chapter_that_promises_it() -> None:
    pages = [(HERE.parents[1] / "docs" / page).read_text() for page in ("closing.md", "coming-from-node.md")]
    chapters = {title for page in pages for title in re.findall(r"^###? (.+)$", page, re.MULTILINE)}
    assert {difference.see for difference in DIFFERENCES.values()} <= chapters


def test_both_roles_are_played_in_sixty_scenarios_or_more() -> None:
    text = "".join(path.read_text() for path in HERE.glob("test_*.py"))
    as_client = len(re.findall(r'role="client"', text))
    assert len(scenarios()) - as_client >= 60
    assert as_client >= 30
