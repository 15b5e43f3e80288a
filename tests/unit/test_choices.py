"""Choices come from a seed or from a record, each stream on its own; shrinking finds the simplest record."""

from __future__ import annotations

from reactor.testing import Choices
from reactor.testing.shrinking import shrink


def drawn(choices: Choices) -> list[object]:
    stream = choices.stream("a")
    letters = list("abcdef")
    stream.shuffle(letters)
    return [stream.below(1000), stream.between(5, 9), stream.chance(50), stream.pick("xyz"), letters]


def test_a_seed_and_its_record_choose_the_same_again() -> None:
    choices = Choices(1)
    first = drawn(choices)
    assert first == drawn(Choices(1)) == drawn(Choices(99, choices.record))
    assert first != drawn(Choices(2))


def test_where_a_record_ends_everything_is_the_simplest_and_a_number_too_large_is_the_largest_there_is() -> None:
    assert drawn(Choices(record={})) == [0, 5, False, "x", list("abcdef")]
    assert Choices(record={"a": [500]}).stream("a").below(10) == 9


def test_streams_do_not_disturb_each_other() -> None:
    alone, beside = Choices(1), Choices(1)
    beside.stream("b").below(10)
    assert drawn(alone) == drawn(beside)


def test_a_chance_is_as_large_as_it_says() -> None:
    stream = Choices(3).stream("a")
    assert 2_700 < sum(stream.chance(30) for _ in range(10_000)) < 3_300


def test_shrinking_leaves_what_the_failure_needs_and_nothing_else() -> None:
    def fails(record: dict[str, list[int]]) -> bool:
        stream = Choices(record=record).stream("b")
        return [stream.below(1000) for _ in range(40)][17] >= 100

    choices = Choices(5)
    for name in "abc":
        for _ in range(100):
            choices.stream(name).below(1000)
    record = {**choices.record, "b": [999] * 100}
    found = shrink(record, fails)
    assert fails(found)
    assert set(found) == {"b"}
    assert found["b"][:17] == [0] * 17
    assert len(found["b"]) == 18
    assert found["b"][17] < 200


def test_shrinking_takes_no_more_tries_than_it_is_given() -> None:
    tries = []
    shrink({"a": [9] * 500}, lambda record: bool(tries.append(1)), tries=20)
    assert len(tries) == 20
