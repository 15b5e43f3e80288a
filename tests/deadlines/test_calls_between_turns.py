"""A host calls between two turns, maybe long after the last one: deadlines count from the call all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.support.scene import Scene, Scenes
from tests.support.wire import vanish

HOUR = 3600.0  # seconds in which the host's loop saw no reason for a turn


class Case(NamedTuple):
    settings: dict[str, Any]
    quiet: float  # seconds without a turn before the call
    call: Callable[[Scene], object]
    seconds: float  # all of its time, but for a second
    state: str = "open"  # that it still has then
    before: Callable[[Scene], object] = lambda s: None


def write_under_a_cork(s: Scene) -> None:
    with s.conn.corked():
        s.conn.write(b"x")
        s.turns()
    s.turns()
    assert s.conn.bytes_written == 1


def be_written_to(s: Scene) -> None:
    s.conn.write(b"news")
    s.clock.advance(500)


CASES = {
    # The peer vanishes, so that nothing is acknowledged at once, as on any network but loopback.
    "output written": Case(
        {"write_timeout": 60}, HOUR, lambda s: s.conn.write(bytes(8 << 20)), 59, before=lambda s: vanish(s.peer)
    ),
    "output held under a cork": Case({"write_timeout": 60}, HOUR, write_under_a_cork, 59),
    "resumed": Case({"read_timeout": 60}, HOUR, lambda s: s.conn.resume(), 59, before=lambda s: s.conn.pause()),
    "touched": Case({"idle_timeout": 60}, 50, lambda s: s.conn.touch(), 59),
    "ended": Case({"linger_timeout": 30}, HOUR, lambda s: s.end(data=b"bye"), 29, "read_only"),
    "half-closed, and written to": Case(
        {"allow_half_open": True, "half_open_timeout": 600}, 500, be_written_to, 0, "write_only", Scene.peer_ends
    ),
    "paused, and ended": Case(
        {"half_open_timeout": 600}, HOUR, lambda s: s.end(), 599, "read_only", lambda s: s.conn.pause()
    ),
    "ended, and paused": Case(
        {"linger_timeout": None, "half_open_timeout": 600}, HOUR, lambda s: s.conn.pause(), 599, "read_only", Scene.end
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_connection_that_the_host_does_something_to_has_its_whole_time_from_then_on(
    case: Case, scene: Scenes
) -> None:
    s = scene(**case.settings)
    case.before(s)
    s.turns()
    s.clock.advance(case.quiet)
    case.call(s)
    s.turns()
    s.jump(case.seconds)
    assert s.conn.state == case.state
    s.peer.reset()


def test_set_timeout_counts_a_write_of_the_host_as_traffic(scene: Scenes) -> None:
    s = scene()
    s.conn.set_timeout(60)
    s.turns()
    s.clock.advance(50)
    s.conn.write(b"news")
    s.jump(50)
    assert s.names() == []
