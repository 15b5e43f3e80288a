"""Names that became private work for one more version where a program could sensibly have used them, and say so."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Server, Timer, connect
from reactor.former import Former


def used(loop: Reactor, use: Callable[[Any], Any], thing: Any) -> Any:
    with pytest.warns(DeprecationWarning, match="is no name for programs: ") as caught:
        result = use(thing)
    assert caught[0].filename == __file__
    return result


def test_settings_can_still_be_asked_and_changed_by_name(loop: Reactor) -> None:
    for thing in (Server(loop), connect(loop, "127.0.0.1", 9)):
        used(loop, lambda thing: thing.change_setting("idle_timeout", 5), thing)
        assert used(loop, lambda thing: thing.get_setting("idle_timeout"), thing) == thing.idle_timeout == 5


def test_a_program_can_still_hold_the_loop_and_check_the_thread(loop: Reactor) -> None:
    before = loop.statistics().held
    used(loop, lambda loop: loop.hold(), loop)
    assert loop.statistics().held == before + 1
    used(loop, lambda loop: loop.release(), loop)
    assert loop.statistics().held == before
    used(loop, lambda loop: loop.check_thread(), loop)


def test_these_are_all() -> None:
    former = {
        f"{kind.__name__}.{name}"
        for kind in (Connection, Server, Reactor, Timer)
        for name in dir(kind)
        if isinstance(inspect.getattr_static(kind, name), Former)
    }
    assert former == {
        "Connection.get_setting", "Connection.change_setting", "Server.get_setting", "Server.change_setting",
        "Reactor.hold", "Reactor.release", "Reactor.check_thread",
    }  # fmt: skip
