"""The keeper of deadlines, in what the tests of deadlines do not see: which look is planned, and what a look leaves
alone.
"""

from __future__ import annotations

import selectors
import socket
from typing import Any

import pytest

from reactor import Reason
from reactor.net.deadlines.agenda import NEVER
from reactor.net.deadlines.keeper import INITIAL_WINDOW, loses_nothing, note_acked
from reactor.testing import ManualClock, settle
from tests.support import wire
from tests.support.scene import Scenes

SO_DETACH_FILTER = 27  # asm-generic/socket.h; the socket module does not name it


def test_a_look_is_planned_for_the_next_deadline_and_an_earlier_one_stays(scene: Scenes) -> None:
    one = scene(idle_timeout=60)
    planned = one.conn._look_at
    assert planned == one.clock() + 60
    one.clock.advance(20)
    one.peer_says(b"x")
    one.server._keeper.plan(one.conn)
    assert one.conn._look_at == planned, "that look will find out"


@pytest.mark.parametrize("timeout", [None, 0.01])
def test_after_our_fin_a_first_look_comes_or_a_shorter_timeout_of_the_ending(
    scene: Scenes, timeout: float | None
) -> None:
    one = scene(linger_timeout=30)
    one.conn.end(timeout=timeout)
    one.turns()
    assert one.conn._look_at == one.clock() + (timeout or one.conn._settings.first_look)


def test_a_deadline_that_is_switched_off_is_looked_at_no_more_and_has_no_timer(scene: Scenes) -> None:
    one = scene(idle_timeout=60)
    one.conn.idle_timeout = None
    one.jump(60)
    keeper = one.server._keeper
    assert (one.names(), one.conn._look_at, one.loop.statistics().timers) == ([], NEVER, 0)
    keeper.enter(one.conn, one.clock() + 1)
    keeper.enter(one.conn, NEVER)
    assert (one.conn._look_at, len(keeper)) == (NEVER, 0)


def test_the_earliest_moment_has_the_one_timer_that_there_is(harness: Any, clock: ManualClock) -> None:
    h = harness()
    conns = []
    for seconds in (60, 40, 50):
        h.server.idle_timeout = seconds
        conns.append(h.connect()[1])
    assert h.loop.statistics().timers == 1
    clock.advance(40)
    settle(h.loop)
    assert [h.record.names(conn) for conn in conns] == [[], ["timeout", "close"], []]


@pytest.mark.parametrize("each_loop", [selectors.SelectSelector], indirect=True)
def test_after_both_fins_a_look_finds_the_acknowledgement_that_no_event_told(each_scene: Scenes) -> None:
    one = each_scene(allow_half_open=True, linger_timeout=30)
    one.peer_ends()
    wire.vanish(one.peer)
    one.conn.end(b"x")
    one.turns()
    assert one.conn.state == "closing"
    one.peer.sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
    one.arrived()
    assert one.lives_for(29) < 29
    assert one.closed().reason is Reason.PEER_ENDED


def test_kept_from_the_one_deadline_it_may_be_too_old_and_ends_in_order_without_a_linger_timeout_too(
    scene: Scenes,
) -> None:
    one = scene(idle_timeout=59, max_lifetime=60, linger_timeout=None)
    one.server.on("timeout", lambda conn, kind: conn.touch())
    one.jump(60)
    assert one.kinds() == [Reason.IDLE]
    assert one.peer_reads() == b""
    one.peer_ends()
    assert one.closed().reason is Reason.MAX_LIFETIME


def test_what_waits_in_our_own_buffer_alone_would_be_lost(scene: Scenes) -> None:
    one = scene()
    assert loses_nothing(one.conn)
    with one.conn.corked():
        one.conn.write(b"x")
        assert not loses_nothing(one.conn)


@pytest.mark.parametrize("size", [0, 5, INITIAL_WINDOW, INITIAL_WINDOW + 1])
def test_an_unseen_acknowledgement_counts_as_of_the_write_or_as_of_now_where_only_a_reader_gives_so_much(
    scene: Scenes, size: int
) -> None:
    one = scene()
    opened_at = one.conn._acked_at
    one.clock.advance(10)
    one.turns()
    one.conn.write(bytes(size))
    one.arrived()
    one.jump(40)
    assert not note_acked(one.conn, one.clock())
    acked_at = opened_at if not size else one.clock() - (40 if size <= INITIAL_WINDOW else 0)
    assert (one.conn._acked, one.conn._acked_at) == (size, acked_at)


@pytest.mark.parametrize("under_way", ["a byte", "our FIN"])
def test_a_fin_is_no_byte_and_what_was_acknowledged_of_more_counts_as_of_now(scene: Scenes, under_way: str) -> None:
    one = scene()
    one.conn.write(b"12345")
    one.arrived()
    wire.vanish(one.peer)
    if under_way == "a byte":
        one.conn.write(b"6")
    else:
        one.conn.end()
    one.jump(40)
    assert note_acked(one.conn, one.clock())
    assert (one.conn._acked, one.conn._acked_at) == (5, one.clock())
