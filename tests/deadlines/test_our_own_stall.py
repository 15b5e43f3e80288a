"""Time that our own process stood still is not the client's silence."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from reactor import Connection, Reason
from tests.support.scene import Scene, Scenes

LIMIT = 60.0  # seconds
BIG = 20_000_000  # bytes; more than the kernel takes


def stand_still(s: Scene, seconds: float, then: Callable[[Connection], object] = lambda conn: None) -> None:
    """A listener of `data` takes this long, then calls `then`; some turns later."""
    s.conn.once("data", lambda conn, data: (s.clock.advance(seconds), then(conn)))
    s.peer_says(b"request")
    s.turns()


@pytest.mark.parametrize(("name", "reason"), [("idle_timeout", Reason.IDLE), ("read_timeout", Reason.READ_TIMEOUT)])
def test_a_client_that_was_answered_late_is_not_reaped_for_it(name: str, reason: Reason, scene: Scenes) -> None:
    s = scene(**{name: LIMIT})
    stand_still(s, LIMIT + 1, lambda conn: conn.write(b"answer"))
    assert s.peer.receive(6) == b"answer"
    assert s.cut_after(LIMIT).reason is reason


def test_what_was_written_late_has_its_whole_time_to_move(scene: Scenes) -> None:
    s = scene(write_timeout=LIMIT, receive_buffer=4096)
    stand_still(s, LIMIT + 1, lambda conn: conn.write(bytes(BIG)))
    s.jump(LIMIT - 1)
    assert s.conn.state == "open"
    s.clock.advance(LIMIT)
    assert s.closed().reason is Reason.WRITE_TIMEOUT


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
def test_an_ending_with_a_timeout_has_all_of_it_from_the_call_on(ending: str, scene: Scenes) -> None:
    s = scene()
    stand_still(s, LIMIT, lambda conn: (conn.write(b"answer"), getattr(conn, ending)(timeout=5)))
    s.jump(4)
    assert s.conn.state != "closed"
    assert s.peer.receive_all() == (b"answer", "FIN")
    s.clock.advance(1)
    assert s.closed().reason is Reason.END_TIMEOUT


def test_a_shutdown_has_all_of_its_grace_from_the_call_on(scene: Scenes) -> None:
    s = scene()
    stand_still(s, LIMIT, lambda conn: s.server.shutdown(5))
    s.jump(4)
    assert s.peer.outcome() == "FIN"
    s.peer.close()
    assert s.closed().clean


def test_a_silence_that_is_told_begins_after_the_stall(scene: Scenes) -> None:
    s = scene()
    s.conn.set_timeout(LIMIT)
    stand_still(s, LIMIT + 1)
    s.jump(LIMIT - 1)
    assert "timeout" not in s.names()
    s.clock.advance(1)
    s.told("timeout")


def test_a_touch_counts_from_the_call_on(scene: Scenes) -> None:
    s = scene(idle_timeout=LIMIT)
    _, other = s.connect()
    stand_still(s, LIMIT - 1, lambda conn: other.touch())
    s.jump(LIMIT - 1)
    assert other.state == "open"


def test_of_several_stalls_in_a_row_none_is_the_client_s_silence(scene: Scenes) -> None:
    s = scene(idle_timeout=LIMIT)
    second, _ = s.connect()
    s.server.on("data", lambda conn, data: s.clock.advance(LIMIT - 1))
    s.peer_says(b"request")
    second.send(b"request")
    s.turns()
    assert s.conn.state == "open"
    s.jump(2)
    assert s.conn.state == "closed"


def test_a_host_s_own_pause_between_turns_is_silence(scene: Scenes) -> None:
    s = scene(idle_timeout=LIMIT)
    s.peer_says(b"request")
    s.clock.advance(LIMIT)
    s.turns(1)
    assert s.closed().reason is Reason.IDLE


def test_a_sleep_that_a_signal_ends_is_no_stall(scene: Scenes) -> None:
    s = scene(idle_timeout=LIMIT)
    s.peer_says(b"request")
    s.turns()

    def interrupt(*_: object) -> None:
        s.clock.advance(LIMIT - 1)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            s.loop.run_once(30)
    finally:
        signal.signal(signal.SIGALRM, before)
    s.clock.advance(1)
    assert s.closed().reason is Reason.IDLE
