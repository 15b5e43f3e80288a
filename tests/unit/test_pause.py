"""Who holds reading: the program, or pipes whose destination has enough. Pipes are stand-ins."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reactor.net.connection.pause import Pause


def pipe(**known: bool) -> Any:
    flags = dict.fromkeys(("ends", "waiting", "waits_for_connection", "source_says_no_more"), False)
    return SimpleNamespace(**(flags | known))


def pause(by_program: bool = False, pipes: tuple[Any, ...] = (), fed: tuple[Any, ...] = ()) -> Pause:
    made = Pause()
    made.by_program, made.pipes, made.fed = by_program, pipes, fed
    return made


@pytest.mark.parametrize(
    ("by_program", "waiting", "holds"),
    [
        (False, [], False), (True, [], True), (False, [False, False], False), (False, [False, True], True),
        (True, [False], True),
    ],
)  # fmt: skip
def test_reading_goes_on_when_nobody_holds_it(by_program: bool, waiting: list[bool], holds: bool) -> None:
    assert pause(by_program, tuple(pipe(waiting=one) for one in waiting)).holds is holds


@pytest.mark.parametrize(("ends", "expected"), [([], False), ([False], False), ([False, True], True)])
def test_a_pipe_that_passes_ends_on_ends_our_half(ends: list[bool], expected: bool) -> None:
    assert pause(fed=tuple(pipe(ends=one) for one in ends)).end_comes_by_pipe is expected


@pytest.mark.parametrize(
    ("by_program", "waits", "expected"), [(False, True, True), (False, False, False), (True, True, False)]
)
def test_a_source_that_waits_acts_only_if_the_program_paused_it(by_program: bool, waits: bool, expected: bool) -> None:
    assert pause(by_program, (pipe(waits_for_connection=waits),)).other_end_acts(paused=True) is expected


@pytest.mark.parametrize(
    ("ends", "says_no_more", "expected"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_a_destination_leaves_it_to_a_source_whose_half_is_over(ends: bool, says_no_more: bool, expected: bool) -> None:
    fed = (pipe(ends=ends, source_says_no_more=says_no_more),)
    assert pause(fed=fed).other_end_acts(paused=False) is expected


def test_a_pipe_is_forgotten_once() -> None:
    one, other = pipe(), pipe(waiting=True)
    held = pause(pipes=(one, other))
    assert held.forget(other)
    assert not held.forget(other)
    assert held.pipes == (one,)
    assert not held.holds
