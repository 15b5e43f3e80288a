"""When a client counts, and what those cost that wait in the backlog for room: one timer, or none."""

from __future__ import annotations

from typing import Any

import pytest

from reactor.testing import settle


@pytest.mark.parametrize(
    ("limits", "timers"), [({"max_connections": 1}, 0), ({"accept_rate": (10.0, 1)}, 1)], ids=["a place", "a token"]
)
def test_one_timer_at_most_waits_for_room_however_often_it_is_asked(
    harness: Any, limits: dict[str, Any], timers: int
) -> None:
    h = harness(when_full="wait", **limits)
    h.connect()
    h.queue(1)
    for _ in range(3):
        h.queue(1, h.server.listen("127.0.0.1", 0))  # one more acceptor that asks
        settle(h.loop)
    assert h.loop.statistics().timers == timers


def test_a_client_counts_as_inside_and_as_a_connection_before_the_server_hears_of_it(harness: Any) -> None:
    h, told = harness(), []
    h.server.on("connection", lambda conn: told.append((h.server._admission.inside, list(h.server.connections))))
    _, conn = h.connect()
    assert told == [(1, [conn])]
