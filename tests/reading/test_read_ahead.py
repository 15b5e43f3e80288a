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
from reactor.testing import pump, settle


class Two:
    """Two connections with small messages; `act(other)` is called by the first that hears something."""

    def __init__(self, harness: Any, **settings: Any) -> None:
        self.harness = harness(data=False, **settings)
        self.heard: list[tuple[Connection, bytes]] = []
        self.act: Callable[[Connection], object] | None = None
        self.harness.server.on("data", self.on_data)
        self.peers = {}
        for _ in range(2):
            peer, conn = self.harness.connect()
            self.peers[conn] = peer
            peer.send(b"hello")  # from now on its messages are known to be small
        pump(self.harness.loop, lambda: len(self.heard) == 2)
        self.heard.clear()

    def on_data(self, conn: Connection, data: bytes) -> None:
        self.heard.append((conn, data))
        if self.act is not None:
            act, self.act = self.act, None
            act(self.other(conn))

    def other(self, conn: Connection) -> Connection:
        return next(one for one in self.peers if one is not conn)

    def both_speak(self, act: Callable[[Connection], object]) -> tuple[Connection, Connection]:
        """One turn reads for both; who heard first, and the other."""
        self.act = act
        for peer in self.peers.values():
            peer.send(b"word")
        self.harness.loop.run_once(1)
        first = self.heard[0][0]
        return first, self.other(first)

    def heard_by(self, conn: Connection) -> bytes:
        return b"".join(data for who, data in self.heard if who is conn)


@pytest.fixture
def two(harness: Any) -> Two:
    return Two(harness)


@pytest.mark.parametrize("at_once", [True, False], ids=["resumed right before the next event", "resumed later"])
@pytest.mark.parametrize("what", ["nothing", "more", "FIN", "more, FIN", "RST", "more, RST"])
def test_who_is_paused_by_another_hears_after_resume_what_was_held_back_before_whatever_came_later(
    two: Two, what: str, at_once: bool
) -> None:
    _, second = two.both_speak(Connection.pause)
    ended: list[bytes] = []
    second.on("end", lambda conn: ended.append(two.heard_by(conn)))
    if "more" in what:
        two.peers[second].send(b"more")
    if "FIN" in what:
        two.peers[second].end()
    if "RST" in what:
        two.peers[second].reset()
    if at_once:  # by a ready call: nothing has been flushed when the loop hears of the peer
        two.harness.loop.call_soon(second.resume)
    else:
        settle(two.harness.loop)
        assert (two.heard_by(second), second.report) == (b"", None)
        second.resume()
    said = b"wordmore" if "more" in what else b"word"
    pump(two.harness.loop, lambda: two.heard_by(second) == said)
    if "FIN" in what or "RST" in what:
        report = two.harness.closed(second)
        assert report.reason is (Reason.PEER_ENDED if "FIN" in what else Reason.PEER_RESET)
        assert (report.bytes_discarded, report.bytes_read, report.clean) == (0, 5 + len(said), "FIN" in what)
    assert ended == ([said] if "FIN" in what else [])


@pytest.mark.parametrize("end", [Connection.destroy, Connection.reset])
def test_a_listener_of_what_was_held_back_may_end_the_connection_that_is_being_lost(two: Two, end: Any) -> None:
    _, second = two.both_speak(Connection.pause)
    second.once("data", lambda conn, data: end(conn))

    def fail() -> None:
        """A read fails right after the program has resumed."""
        second.resume()
        second._on_read_error(ConnectionResetError(errno.ECONNRESET, ""))

    two.harness.loop.call_soon(fail)
    report = two.harness.closed(second)
    assert two.heard_by(second) == b"word"
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
    _, second = two.both_speak(end)
    two.peers[second].close()
    report = two.harness.closed(second)
    assert two.heard_by(second) == b""
    assert (report.bytes_read, report.bytes_discarded) == (9, 4)


def test_bytes_that_were_held_back_are_no_silence_of_the_peer(harness: Any, clock: Any) -> None:
    two = Two(harness, idle_timeout=10)
    _, second = two.both_speak(Connection.pause)
    for _ in range(5):
        clock.advance(6)
        settle(two.harness.loop)
    assert second.state == "open"


def test_a_listener_that_leaves_run_takes_nothing_from_the_others(two: Two) -> None:
    def leave(other: Connection) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        two.both_speak(leave)
    settle(two.harness.loop)
    assert sorted(data for _, data in two.heard) == [b"word", b"word"]
    assert len({conn for conn, _ in two.heard}) == 2


def test_a_connection_with_large_messages_is_not_read_ahead(two: Two) -> None:
    """Its bytes stay in the processor's caches between receiving and sending."""
    first, second = two.peers
    two.peers[second].send(bytes(100_000))
    pump(two.harness.loop, lambda: len(two.heard_by(second)) == 100_000)
    assert second._read_size > first._read_size
