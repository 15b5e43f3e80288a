"""Several connections are read before the first of them hears of it; whose turn it is not any more is left in peace.

Two peers have spoken, and one turn reads for both. The listener of the first does something to the second, whose bytes
have left the kernel already.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reason
from tests.support.scene import Scene, Scenes


class Two:
    """Two connections with small messages; `act(other)` is called by the first that hears something."""

    def __init__(self, scene: Scenes, **settings: Any) -> None:
        self.ones: dict[Connection, Scene] = {
            one.conn: one for one in (scene(data=False, **settings) for _ in range(2))
        }
        self.heard: list[tuple[Connection, bytes]] = []
        self.act: Callable[[Connection], object] | None = None
        for conn, one in self.ones.items():
            conn.on("data", self.on_data)
            one.peer_says(b"hello")  # from now on its messages are known to be small
        self.heard.clear()

    def on_data(self, conn: Connection, data: bytes) -> None:
        self.heard.append((conn, data))
        if self.act is not None:
            act, self.act = self.act, None
            act(self.other(conn))

    def other(self, conn: Connection) -> Connection:
        return next(one for one in self.ones if one is not conn)

    def both_speak(self, act: Callable[[Connection], object]) -> Scene:
        """One turn reads for both, and the first that hears acts on the other: that one."""
        self.act = act
        for one in self.ones.values():
            one.peer.send(b"word")
        one.loop.run_once(1)
        return self.ones[self.other(self.heard[0][0])]

    def heard_by(self, conn: Connection) -> bytes:
        return b"".join(data for who, data in self.heard if who is conn)


@pytest.fixture
def two(scene: Scenes) -> Two:
    return Two(scene)


@pytest.mark.parametrize("at_once", [True, False], ids=["resumed right before the next event", "resumed later"])
@pytest.mark.parametrize("what", ["nothing", "more", "FIN", "more, FIN", "RST", "more, RST"])
def test_who_is_paused_by_another_hears_after_resume_what_was_held_back_before_whatever_came_later(
    two: Two, what: str, at_once: bool
) -> None:
    one = two.both_speak(Connection.pause)
    ended: list[bytes] = []
    one.conn.on("end", lambda conn: ended.append(two.heard_by(conn)))
    if "more" in what:
        one.peer.send(b"more")
    if "FIN" in what:
        one.peer.end()
    if "RST" in what:
        one.peer.reset()
    if at_once:  # by a ready call: nothing has been flushed when the loop hears of the peer
        one.loop.call_soon(one.conn.resume)
    else:
        one.turns()
        assert (two.heard_by(one.conn), one.conn.report) == (b"", None)
        one.conn.resume()
    said = b"wordmore" if "more" in what else b"word"
    one.until(lambda: two.heard_by(one.conn) == said)
    if "FIN" in what or "RST" in what:
        report = one.closed()
        assert report.reason is (Reason.PEER_ENDED if "FIN" in what else Reason.PEER_RESET)
        assert (report.bytes_discarded, report.bytes_read, report.clean) == (0, 5 + len(said), "FIN" in what)
    assert ended == ([said] if "FIN" in what else [])


@pytest.mark.parametrize("end", [Connection.destroy, Connection.reset])
def test_a_listener_of_what_was_held_back_may_end_the_connection_that_is_being_lost(two: Two, end: Any) -> None:
    one = two.both_speak(Connection.pause)
    one.conn.once("data", lambda conn, data: end(conn))

    def fail() -> None:
        """A read fails right after the program has resumed."""
        one.conn.resume()
        one.conn._on_read_error(ConnectionResetError(errno.ECONNRESET, ""))

    one.loop.call_soon(fail)
    report = one.closed()
    assert two.heard_by(one.conn) == b"word"
    assert report.reason in (Reason.DESTROYED, Reason.RESET)


@pytest.mark.parametrize(
    "end",
    [
        Connection.destroy,
        Connection.reset,
        Connection.destroy_soon,
        lambda conn: (conn.pause(), conn.server.loop.call_soon(conn.destroy)),
    ],
    ids=["destroy", "reset", "destroy_soon", "pause, then destroy"],
)
def test_who_is_ended_by_another_hears_nothing_and_its_bytes_are_counted(two: Two, end: Any) -> None:
    one = two.both_speak(end)
    one.peer.close()
    report = one.closed()
    assert two.heard_by(one.conn) == b""
    assert (report.bytes_read, report.bytes_discarded) == (9, 4)


def test_bytes_that_were_held_back_are_no_silence_of_the_peer(scene: Scenes) -> None:
    two = Two(scene, idle_timeout=10)
    one = two.both_speak(Connection.pause)
    for _ in range(5):
        one.jump(6)
    assert one.conn.state == "open"


def test_a_listener_that_leaves_run_takes_nothing_from_the_others(two: Two) -> None:
    def leave(other: Connection) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        two.both_speak(leave)
    next(iter(two.ones.values())).turns()
    assert sorted(data for _, data in two.heard) == [b"word", b"word"]
    assert len({conn for conn, _ in two.heard}) == 2


def test_a_connection_with_large_messages_is_not_read_ahead(two: Two) -> None:
    """Its bytes stay in the processor's caches between receiving and sending."""
    first, second = two.ones
    one = two.ones[second]
    one.peer.send(bytes(100_000))
    one.until(lambda: len(two.heard_by(second)) == 100_000)
    assert second._read_size > first._read_size
