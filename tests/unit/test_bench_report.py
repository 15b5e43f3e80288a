"""What the benchmark tells: numbers with units, bars, who set the pace, and what a comparison means."""

from __future__ import annotations

from typing import Any

import pytest

from bench import report
from bench.bars import BARS, REAPING_BAR, WORK, verdicts
from bench.metrics import METRICS, saturated, shown
from bench.peers import BY_NAME
from bench.results import OURS, Results, Run
from bench.workloads import every_workload

WORKLOADS = every_workload()


def run(peer: str, workload: str = "echo", **metrics: float) -> Run:
    return Run(workload, peer, 0, 0, metrics)


def busy(rate: float, per_cpu: float, share: float = 1.0) -> dict[str, Any]:
    return {"rate": rate, "per_cpu": per_cpu, "server_busy": share, "load_busy": 0.5}


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("rate", 123456.7, "123,457"), ("rate", 12.345, "12.3"), ("p99", 0.0123, "12.3 ms"), ("p99", 2.5, "2.5 s"),
        ("cancel", 1.5e-7, "150 ns"), ("server_busy", 0.984, "98%"), ("reap_factor", 2.345, "2.35"),
    ],
)  # fmt: skip
def test_a_value_is_shown_with_its_unit(metric: str, value: float, text: str) -> None:
    assert shown(metric, value) == text


def test_a_side_sets_the_pace_when_its_core_is_busy_all_the_time() -> None:
    assert saturated(0.99, 0.5) == "server"
    assert saturated(0.6, 1.0) == "load"
    assert saturated(0.97, 0.97) == "server and load"
    assert saturated(0.6, 0.6) == "neither"


@pytest.mark.parametrize(
    ("rate", "share", "expected"), [(90, 1.0, ("rate", 0.9, False)), (100, 0.5, ("per_cpu", 4, True))]
)
def test_work_is_measured_by_the_clock_if_both_set_the_pace_or_by_cpu(
    rate: float, share: float, expected: object
) -> None:
    results = Results({}, [run(OURS, **busy(rate, 400, share)), run("uvloop-protocol", **busy(100, 100))])
    (verdict,) = verdicts(results)
    assert (verdict.metric, verdict.ratio.median, verdict.met) == expected


def test_a_bar_on_memory_is_met_from_below() -> None:
    def met(ours: float) -> bool:
        runs = [run(OURS, "idle-memory", bytes_each=ours), run("asyncio-protocol", "idle-memory", bytes_each=1000)]
        return [verdict.met for verdict in verdicts(Results({}, runs))] == [True]

    assert met(340)
    assert not met(360)


def test_reaping_is_held_to_what_it_is_at_rest() -> None:
    (verdict,) = verdicts(Results({}, [run(OURS, "reaping", reap_factor=3.5)]))
    assert (verdict.limit, verdict.met) == (REAPING_BAR, False)


def test_every_bar_names_a_workload_a_peer_that_takes_part_and_a_metric() -> None:
    for bar in BARS:
        workload = WORKLOADS[bar.workload]
        assert bar.metric == WORK or bar.metric in workload.metrics
        assert set(bar.against) <= set(workload.peers(quick=False))
        assert set(bar.against) <= set(workload.peers(quick=True)), "the quick run shows every bar"


def test_every_workload_shows_known_metrics_and_has_a_server_for_its_role() -> None:
    for workload in WORKLOADS.values():
        assert set(workload.metrics) <= set(METRICS)
        assert OURS in workload.peers(quick=False)
        assert all(workload.role in BY_NAME[name].roles for name in workload.peers(quick=False))


MACHINE = {
    "date": "2026-01-01", "commit": "abc", "python": "3.11.7", "system": "Linux", "cpu": "a CPU", "cores": 2,
    "server_cores": [0], "load_cores": [1], "load_generator": "C", "rounds": 5, "seconds": 1.0, "load_average": 0.1,
    "versions": {OURS: "1"}, "missing": {"node": "no node"},
}  # fmt: skip


def test_the_page_tells_who_was_left_out_what_failed_and_who_set_the_pace() -> None:
    results = Results(MACHINE, [run(OURS, **busy(100, 100)), run("trio", **busy(20, 20))])
    results.runs.append(Run("echo", "gevent", 0, 0, failed="connection 3: byte 7 is 0 and should be 1"))
    page = report.page(results, WORKLOADS)
    assert "Left out: node, no node." in page
    assert "gevent, round 1: connection 3: byte 7 is 0 and should be 1" in page
    assert "server (server 100%, load 50%)" in page
    assert "5.00 (5.00 – 5.00)" in page


def test_numbers_of_a_busy_machine_are_called_doubtful() -> None:
    quiet, noisy = (Results({}, [run(OURS, others_busy=share)]) for share in (0.01, 0.3))
    assert "not to be trusted" in report.noise(noisy)
    assert "not to be trusted" not in report.noise(quiet)


def test_a_comparison_says_better_worse_or_within_the_spread() -> None:
    def told(before: list[float], after: list[float], metric: str, workload: str) -> str:
        first, second = (
            Results({}, [Run(workload, OURS, number, 0, {metric: value}) for number, value in enumerate(values)])
            for values in (before, after)
        )
        return report.comparison(first, second, WORKLOADS).splitlines()[-1]

    assert "better" in told([10, 11], [20, 21], "rate", "echo")
    assert "worse" in told([10, 11], [20, 21], "bytes_each", "idle-memory")
    assert "within the spread" in told([10, 20], [11, 21], "rate", "echo")


def test_the_cells_of_a_table_stand_below_each_other() -> None:
    assert report.table(["a", "b"], [["long", "1"]]) == "| a    | b |\n|------|---|\n| long | 1 |"
