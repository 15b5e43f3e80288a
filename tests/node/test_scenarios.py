"""Every scenario on Node and on ours: the outcomes are the same, or those of the table of differences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.node.clients import CLIENTS
from tests.node.differences import CHAPTERS, DIFFERENCES
from tests.node.drivers import HERE, Stages, open_stages
from tests.node.endings import ENDINGS
from tests.node.flow import FLOW
from tests.node.peers import PEERS
from tests.node.stage import Difference, Outcome, Scenario, check, has_ipv6, play

TABLES: list[Mapping[str, Scenario]] = [ENDINGS, FLOW, PEERS, CLIENTS, DIFFERENCES]
SCENARIOS: dict[str, Scenario] = {name: scenario for table in TABLES for name, scenario in table.items()}


@pytest.mark.parametrize("promise", SCENARIOS)
def test_ours_does_as_node_does_or_as_the_table_of_differences_says(stages: Stages, promise: str) -> None:
    scenario = SCENARIOS[promise]
    if stages.node.version < scenario.since:
        pytest.skip(f"Node {'.'.join(map(str, scenario.since))} or newer is needed")
    if scenario.ipv6 and not has_ipv6():
        pytest.skip("there is no ::1 on this machine")
    node, ours = play(stages.node, scenario), play(stages.ours, scenario)
    if not isinstance(scenario, Difference):
        check("ours", ours, "Node", node)
        return
    check("ours", ours, "the table", Outcome.of(scenario.ours))
    if node != Outcome.of(scenario.ours) or stages.node.version < scenario.until:
        check("Node", node, "the table", Outcome.of(scenario.node))


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


def test_every_difference_differs_and_says_why() -> None:
    for name, difference in DIFFERENCES.items():
        assert difference.node != difference.ours, name
        assert difference.better, name


def test_every_difference_names_the_chapter_that_promises_it() -> None:
    pages = [(HERE.parents[1] / "docs" / page).read_text() for page in ("closing.md", "coming-from-node.md")]
    chapters = {title for page in pages for title in re.findall(r"^###? (.+)$", page, re.MULTILINE)}
    assert CHAPTERS.keys() <= chapters


def test_no_two_scenarios_have_one_name_and_both_roles_are_played_in_many() -> None:
    assert len(SCENARIOS) == sum(map(len, TABLES))
    roles = Counter(scenario.role for scenario in SCENARIOS.values())
    assert roles["server"] >= 60
    assert roles["client"] >= 30
