"""Benchmark results: medians, ratios within a group, files, and two of them compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.results import OURS, Results, Run, Spread, compare, load, save, spread


def results(*rates: tuple[str, int, int, float], workload: str = "echo") -> Results:
    """Of (peer, round, group, rate)."""
    return Results({}, [Run(workload, peer, number, group, {"rate": rate}) for peer, number, group, rate in rates])


@pytest.mark.parametrize(
    ("values", "expected"),
    [([5, 1, 3, 2, 4], (3, 2, 4, 5)), ([1, 2, 3, 10], (2.5, 1.75, 4.75, 4)), ([7], (7, 7, 7, 1)), ([], None)],
    ids=["the median and the middle half", "between the middle two", "of one value without a width", "of nothing none"],
)
def test_a_spread(values: list[float], expected: tuple[float, float, float, int] | None) -> None:
    assert spread(values) == (expected and Spread(*expected))


# Of (peer, round, group, rate), and the ratio to the peer that is named.
RATIOS: dict[str, tuple[list[tuple[str, int, int, float]], str, Spread | None]] = {
    "it divides ours by theirs of the same round": (
        [(OURS, 0, 0, 100), ("node", 0, 0, 50), (OURS, 1, 0, 10), ("node", 1, 0, 5)], "node", Spread(2, 2, 2, 2),
    ),
    "the median is that of ratios, 1, 10 and 2, and not the ratio of medians, 3": (
        [
            (OURS, 0, 0, 10.0), (OURS, 1, 0, 100.0), (OURS, 2, 0, 30.0), ("node", 0, 0, 10.0), ("node", 1, 0, 10.0),
            ("node", 2, 0, 15.0),
        ],
        "node", Spread(2, 1.5, 6, 3),
    ),
    "a peer is compared with our run of its own group": (
        [(OURS, 0, 0, 100), ("node", 0, 0, 50), (OURS, 0, 1, 10), ("trio", 0, 1, 5)], "trio", Spread(2, 2, 2, 1),
    ),
    "a peer that counted nothing has none": ([(OURS, 0, 0, 100), ("node", 0, 0, 0)], "node", None),
}  # fmt: skip


@pytest.mark.parametrize("promise", RATIOS)
def test_a_ratio(promise: str) -> None:
    rates, peer, ratio = RATIOS[promise]
    assert results(*rates).ratios("echo", peer, "rate") == ratio


def test_a_failed_run_counts_for_no_median_and_no_ratio() -> None:
    found = results((OURS, 0, 0, 100), ("node", 0, 0, 50), ("node", 1, 0, 40))
    found.runs.append(Run("echo", OURS, 1, 0, failed="it lost a byte"))
    assert found.values("echo", OURS, "rate") == Spread(100, 100, 100, 1)
    assert found.ratios("echo", "node", "rate") == Spread(2, 2, 2, 1)
    assert [run.failed for run in found.failures()] == ["it lost a byte"]


def test_ours_is_the_first_of_the_peers() -> None:
    assert results(("node", 0, 0, 1), (OURS, 0, 0, 1), ("trio", 0, 0, 1)).peers() == [OURS, "node", "trio"]


def test_a_workload_of_ours_alone_is_compared_with_nobody() -> None:
    both = [Run("echo", OURS, 0, 0, {}), Run("echo", "node", 0, 0, {}), Run("limits", OURS, 0, 0, {})]
    assert Results({}, both).compared() == ["echo"]


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    found = results((OURS, 0, 0, 100.5), ("node", 0, 1, 50))
    found.machine["cores"] = 2
    found.runs.append(Run("churn", "node", 4, 1, failed="gone"))
    save(found, tmp_path / "a.json")
    assert load(tmp_path / "a.json") == found


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"machine": {}, "runs": [{"peer": "node"}]}'])
def test_a_file_that_holds_no_results_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json is not a file of results"):
        load(tmp_path / "a.json")


def test_comparing_tells_what_became_of_our_numbers_and_of_our_ratios() -> None:
    before = results((OURS, 0, 0, 100), ("node", 0, 0, 100))
    after = results((OURS, 0, 0, 150), ("node", 0, 0, 50))
    ours, ratio = compare(before, after, ["rate"])
    assert (ours.peer, ours.factor) == (OURS, 1.5)
    assert (ratio.peer, ratio.before.median, ratio.after.median, ratio.factor) == ("node", 1, 3, 3)


@pytest.mark.parametrize(
    ("before", "after", "certain"),
    [([90, 100, 110], [95, 105, 115], False), ([90, 100, 110], [190, 200, 210], True), ([100], [101], False)],
    ids=["within the spread", "beyond it", "of a hundredth"],
)
def test_when_a_change_is_certain(before: list[float], after: list[float], certain: bool) -> None:
    first, second = (results(*((OURS, i, 0, rate) for i, rate in enumerate(rates))) for rates in (before, after))
    assert [change.certain for change in compare(first, second, ["rate"])] == [certain]


def test_comparing_leaves_out_what_only_one_file_has() -> None:
    before = results((OURS, 0, 0, 1), ("node", 0, 0, 1))
    after = results((OURS, 0, 0, 1), ("trio", 0, 0, 1))
    assert [change.peer for change in compare(before, after, ["rate", "p99"])] == [OURS]
    assert compare(before, results((OURS, 0, 0, 1), workload="churn"), ["rate"]) == []
