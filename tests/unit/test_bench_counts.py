"""Counting instructions: what callgrind writes is read right, and a change within the spread is never called one."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import versions
from bench.counting import callgrind, lockstep
from bench.counting.callgrind import Part, between_marks, parse
from bench.counting.judge import METRIC, Judged, judged, percent, width
from bench.counting.workloads import WORKLOADS
from bench.machine import ROOT
from bench.report import against_base, ratio_verdict
from bench.results import BASE, OURS, Results, Run, chance
from bench.stage import Failed
from bench.workloads import every_workload

FILE = """\
# callgrind format
version: 1
creator: callgrind-3.19.0
pid: 14097
cmd:  /usr/bin/python3 -P server.py echo
part: 2


desc: I1 cache:
desc: Timerange: Basic block 26021378 - 26974423
desc: Trigger: --dump-before=getppid

positions: line
events: Ir
summary: 4417180


ob=(1) /usr/bin/python3
fl=(1) ???
fn=(1) f
0 4417180

totals: 4417180
"""

MARKED = "--dump-before=getppid"


def test_a_file_of_callgrind_says_its_part_its_trigger_and_its_instructions() -> None:
    assert parse(FILE) == Part(2, MARKED, 4417180)
    several = FILE.replace("events: Ir", "events: Ir Dr Dw").replace("totals: 4417180", "totals: 4417180 7 8")
    assert parse(several) == Part(2, MARKED, 4417180), "of several events the first is instructions"


@pytest.mark.parametrize(
    "line", ["part: 2\n", "desc: Trigger: --dump-before=getppid\n", "events: Ir\n", "totals: 4417180\n"]
)
def test_a_file_in_which_a_line_is_missing_is_refused_by_its_name(line: str) -> None:
    with pytest.raises(ValueError, match=f"no line '{line.rpartition(':')[0].partition(': --')[0]}'"):
        parse(FILE.replace(line, ""))


def test_a_count_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="callgrind counted Bc"):
        parse(FILE.replace("events: Ir", "events: Bc"))


@pytest.mark.parametrize(
    "parts",
    [
        [Part(3, "Program termination", 5), Part(2, MARKED, 70), Part(1, MARKED, 900)],
        [Part(10, MARKED, 70), Part(9, MARKED, 900)],
    ],
    ids=["and not the end of the program", "the later one and not the one whose file comes later"],
)
def test_what_counts_is_what_the_second_mark_wrote(parts: list[Part]) -> None:
    assert between_marks(parts) == 70


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_program_that_did_not_mark_twice_has_no_count(count: int) -> None:
    with pytest.raises(ValueError, match=f"saw {count} marks"):
        between_marks(Part(number, MARKED, 1) for number in range(count))


def test_without_valgrind_the_message_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="apt install valgrind"):
        callgrind.require()


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `valgrind` that only runs the program."""
    program = tmp_path / "valgrind"
    program.write_text('#!/bin/sh\nshift 4\nexec "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


def test_what_a_library_lacks_is_told_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch)
    (tmp_path / "reactor.py").write_text("class Reactor:\n    def __init__(self, clock): pass\n")
    said = r"did not start; it said: AttributeError: module 'reactor' has no attribute 'Server'"
    with pytest.raises(Failed, match=said):
        callgrind.count(WORKLOADS["echo"], tmp_path, 0)


@pytest.mark.parametrize("name", ["echo", "lines", "connections", "bulk", "timers"])
def test_programs_mark_twice_and_exit_with_their_load(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of it natively: the server meets its load at every gate, and exits with 0 after the last batch."""
    stand_in(tmp_path, monkeypatch)
    with pytest.raises(Failed) as failed:
        callgrind.count(WORKLOADS[name], ROOT, 1)
    assert str(failed.value) == "callgrind saw 0 marks, and not two", "all else went well"


@pytest.mark.parametrize(("answer", "said"), [(b"abx", "answered b'abx', not b'abc'"), (b"ab", "after 2 of 3 bytes")])
def test_an_answer_that_is_wrong_or_cut_off_is_noticed(answer: bytes, said: str) -> None:
    here, there = socket.socketpair()
    with here:
        with there:
            there.sendall(answer)
        with pytest.raises(lockstep.Wrong, match=said):
            lockstep.expect(here, b"abc")


def test_what_a_user_has_set_does_not_reach_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACTOR_DEBUG", "1")
    environment = callgrind.environment(Path("/there"))
    assert "REACTOR_DEBUG" not in environment
    assert (environment["PYTHONPATH"], environment["PYTHONHASHSEED"]) == ("/there", "0")


# The verdict


def test_the_spread_is_that_of_the_library_whose_counts_lie_further_apart() -> None:
    assert width([100, 101, 100]) == pytest.approx(0.01)
    assert Judged("echo", [100, 100], [100, 103]).spread == pytest.approx(0.03)
    assert Judged("echo", [100, 103], [100, 100]).spread == pytest.approx(0.03)
    assert Judged("echo", [100, 100, 160], [110, 110, 50]).change == pytest.approx(0.1), "that of the medians"


@pytest.mark.parametrize(
    ("base", "ours", "verdict"),
    [
        ([1000, 1000], [1000, 1000], "the same"),
        ([10**6, 10**6], [10**6 + 40, 10**6 + 40], "the same"),  # shown as 0.00 %
        ([1000, 1010], [1005, 1015], "within the spread"),
        ([1000, 1001], [1005, 1006], "more"),
        ([1005, 1006], [1000, 1001], "fewer"),
        ([1000, 1000], [1005, 1030], "within the spread"),  # 1.75 % more, and its own runs lie 2.5 % apart
    ],
)
def test_a_change_is_one_only_beyond_the_spread(base: list[float], ours: list[float], verdict: str) -> None:
    assert Judged("echo", base, ours).verdict == verdict


def test_only_a_workload_that_was_counted_with_both_libraries_is_judged() -> None:
    def run(workload: str, library: str, count: float) -> Run:
        return Run(workload, library, 0, 0, {METRIC: count})

    runs = [run("echo", BASE, 10), run("echo", OURS, 11), run("lines", BASE, 10), run("bulk", OURS, 1)]
    runs.append(Run("lines", OURS, 0, 0, failed="it has no lines"))
    assert judged(Results({}, runs)) == [Judged("echo", [10], [11])]


def test_a_share_is_shown_in_per_cent_and_nothing_has_no_sign_of_less() -> None:
    assert [percent(share) for share in (0.0123, -0.005, -0.000001)] == ["+1.23 %", "-0.50 %", "+0.00 %"]


# Two versions by the clock


def told(*pairs: tuple[float, float], metric: str = "rate", workload: str = "echo") -> str:
    runs = []
    for number, (ours, base) in enumerate(pairs):
        runs += [Run(workload, OURS, number, 0, {metric: ours}), Run(workload, BASE, number, 0, {metric: base})]
    return against_base(Results({"base": "abc1234"}, runs), every_workload())


def test_two_versions_are_compared_by_the_median_of_ratios_within_a_round() -> None:
    text = told((10, 10), (100, 10), (30, 15))  # 1, 10, 2; the ratio of medians is 3
    assert "commit abc1234" in text
    assert "2.000 (1.500 – 6.000)" in text


@pytest.mark.parametrize(
    ("metric", "ratios", "verdict"),
    [
        ("rate", [1.02] * 10 + [0.9], "better"),
        ("rate", [1.02] * 9 + [0.9] * 2, "within the spread"),
        ("rate", [0.9] * 6, "worse"),
        ("cancel", [0.9] * 6, "better"),
        ("rate", [0.5] * 5, "within the spread"),  # five rounds agree by chance in one of 16 cases
    ],
)
def test_ratios_say_something_if_nearly_all_lie_on_one_side_of_1(
    metric: str, ratios: list[float], verdict: str
) -> None:
    assert ratio_verdict(metric, ratios) == verdict


def test_the_sign_test_gives_the_probability_of_chance() -> None:
    assert chance([2.0] * 6) == pytest.approx(2 / 64)
    assert chance([2.0] * 10 + [0.5]) == pytest.approx(2 * (1 + 11) / 2**11)
    assert chance([2.0, 0.5]) == chance([1.0, 1.0]) == chance([]) == 1


def test_without_a_base_nothing_is_told_of_it() -> None:
    assert against_base(Results({}, [Run("echo", OURS, 0, 0, {"rate": 1.0})]), every_workload()) == ""


def test_a_commit_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no commit 'nowhere-at-all'"):
        versions.short_name("nowhere-at-all")


def test_the_library_of_the_tree_is_copied_with_bytecode(tmp_path: Path) -> None:
    versions.place_tree(tmp_path)
    assert (tmp_path / "reactor" / "__init__.py").exists()
    tag: Any = sys.implementation.cache_tag
    assert (tmp_path / "reactor" / "__pycache__" / f"__init__.{tag}.pyc").exists()
