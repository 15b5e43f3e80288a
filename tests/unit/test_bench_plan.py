"""Who runs when, in the benchmark: ours next to its peers, in every round."""

from __future__ import annotations

from bench.plan import GROUP, Step, groups, plan
from bench.results import OURS

OTHERS = [f"peer-{number}" for number in range(10)]


def test_every_peer_is_at_most_two_runs_from_one_of_ours() -> None:
    for group in groups([OURS, *OTHERS]):
        ours = group.index(OURS)
        assert max(abs(place - ours) for place in range(len(group))) <= GROUP // 2


def test_every_peer_runs_once_in_a_round_and_ours_once_in_a_group() -> None:
    steps = list(plan([("echo", [OURS, *OTHERS])], 1))
    assert sorted(step.peer for step in steps if step.peer != OURS) == OTHERS
    assert [step.group for step in steps if step.peer == OURS] == [0, 1, 2]


def test_rounds_turn_the_order_around() -> None:
    steps = list(plan([("echo", [OURS, "node", "trio"])], 2))
    first, second = ([step.peer for step in steps if step.round == number] for number in (0, 1))
    assert first == second[::-1] == ["node", OURS, "trio"]


def test_ours_alone_runs_alone_and_peers_alone_without_ours() -> None:
    assert list(plan([("echo", [OURS])], 1)) == [Step("echo", OURS, 0, 0)]
    assert groups(["node", "trio"]) == [["node", "trio"]]


def test_a_workload_is_done_before_the_next_begins() -> None:
    steps = [step.workload for step in plan([("echo", [OURS, "node"]), ("churn", [OURS])], 2)]
    assert steps == ["echo"] * 4 + ["churn"] * 2
