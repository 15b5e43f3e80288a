"""`watch` and `unwatch`: foreign descriptors in the loop."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

import pytest

from reactor import Reactor
from reactor.testing import settle

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def note(heard: list[Any]) -> Callable[[int, int], None]:
    return lambda fd, events: heard.append((fd, events))


def test_the_function_gets_the_descriptor_and_its_events(
    each_loop: Reactor, pair: Pair, heard: list[Any], note: Any
) -> None:
    left, right = pair
    each_loop.watch(left, EVENT_READ | EVENT_WRITE, note)
    each_loop.run_once(0)
    right.send(b"x")
    each_loop.run_once(0)
    assert heard == [(left.fileno(), EVENT_WRITE), (left.fileno(), EVENT_READ | EVENT_WRITE)]


def test_it_is_called_while_the_descriptor_is_ready(
    each_loop: Reactor, pair: Pair, heard: list[Any], note: Any
) -> None:
    left, right = pair
    each_loop.watch(left.fileno(), EVENT_READ, note)
    settle(each_loop)
    assert heard == []
    right.send(b"x")
    settle(each_loop, 3)
    assert heard == [(left.fileno(), EVENT_READ)] * 3
    left.recv(1)
    settle(each_loop, 3)
    assert len(heard) == 3


def test_the_end_of_the_stream_shows_as_readable(each_loop: Reactor, pair: Pair, heard: list[Any], note: Any) -> None:
    left, right = pair
    each_loop.watch(left, EVENT_READ, note)
    right.close()
    each_loop.run_once(0)
    assert heard == [(left.fileno(), EVENT_READ)]


def test_trouble_shows_as_readiness_to_a_writer_too(each_loop: Reactor, heard: list[Any], note: Any) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    each_loop.watch(writer, EVENT_WRITE, note)
    each_loop.run_once(0)
    each_loop.unwatch(writer)
    os.close(writer)
    assert heard == [(writer, EVENT_WRITE)]


def test_watching_again_replaces_what_was_asked_before(each_loop: Reactor, pair: Pair, heard: list[Any]) -> None:
    left, right = pair
    each_loop.watch(left, EVENT_READ | EVENT_WRITE, lambda *_: heard.append("before"))
    each_loop.watch(left, EVENT_READ, lambda *_: heard.append("after"))
    settle(each_loop)
    assert heard == []
    right.send(b"x")
    each_loop.run_once(0)
    assert heard == ["after"]
    assert each_loop.statistics().held == 1


def test_after_unwatch_it_is_not_called(each_loop: Reactor, pair: Pair, heard: list[Any], note: Any) -> None:
    left, right = pair
    each_loop.watch(left, EVENT_READ, note)
    right.send(b"x")
    each_loop.unwatch(left)
    settle(each_loop)
    assert heard == []


def test_unwatch_of_what_is_not_watched_is_harmless(each_loop: Reactor, pair: Pair) -> None:
    each_loop.unwatch(pair[0])
    each_loop.unwatch(12345)


def test_an_event_already_fetched_is_not_delivered_after_unwatch(each_loop: Reactor, heard: list[Any]) -> None:
    pairs = [socket.socketpair() for _ in range(4)]
    inner = [left for left, _ in pairs]

    def unwatch_all(fd: int, events: int) -> None:
        heard.append(fd)
        for sock in inner:
            each_loop.unwatch(sock)

    for left, right in pairs:
        each_loop.watch(left, EVENT_READ, unwatch_all)
        right.send(b"x")
    settle(each_loop)
    for left, right in pairs:
        left.close()
        right.close()
    assert len(heard) == 1


def test_an_event_of_a_closed_descriptor_does_not_reach_who_got_its_number(each_loop: Reactor) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    new: list[Pair] = []
    stale: list[int] = []

    def replace(fd: int, events: int) -> None:
        """The first of the two to be called closes the other one, and opens a pair that gets its number."""
        other = next(left for left, _ in pairs if left.fileno() != fd)
        number = other.fileno()
        each_loop.unwatch(other)
        each_loop.unwatch(fd)
        other.close()
        new.append(socket.socketpair())
        assert number in (new[0][0].fileno(), new[0][1].fileno())
        for sock in new[0]:
            each_loop.watch(sock, EVENT_READ, lambda fd, events: stale.append(fd))

    for left, right in pairs:
        each_loop.watch(left, EVENT_READ, replace)
        right.send(b"x")
    each_loop.run_once(0)
    assert stale == []
    new[0][0].send(b"x")
    each_loop.run_once(0)
    assert stale == [new[0][1].fileno()]
    for sock in new[0]:
        each_loop.unwatch(sock)
    for pair in (*pairs, *new):
        for sock in pair:
            sock.close()


def test_a_connection_with_the_number_of_a_watch_is_served(
    harness: Any, loop: Reactor, pair: Pair, heard: list[Any], note: Any
) -> None:
    h = harness()
    left, right = pair
    loop.watch(left, EVENT_READ, note)
    right.send(b"x")
    number = left.fileno()
    loop.unwatch(left)
    left.close()
    peer, conn = h.connect()
    peer.send(b"hello")
    settle(loop)
    assert number in (conn.fileno(), peer.sock.fileno())
    assert h.record.data() == b"hello"
    assert heard == []


def test_what_cannot_be_polled_is_refused(loop: Reactor) -> None:
    with tempfile.TemporaryFile() as plain, pytest.raises(OSError, match="not permitted"):
        loop.watch(plain, EVENT_READ, print)
    assert loop.statistics().held == 0


def test_a_closed_file_is_refused(loop: Reactor, pair: Pair) -> None:
    pair[0].close()
    with pytest.raises(ValueError, match="fd must be an open file descriptor"):
        loop.watch(pair[0], EVENT_READ, print)


def test_a_watch_that_failed_leaves_one_before_alone(loop: Reactor, pair: Pair, heard: list[Any], note: Any) -> None:
    left, right = pair
    loop.watch(left, EVENT_READ, note)
    with pytest.raises(TypeError):
        loop.watch(left, EVENT_READ, 7)  # type: ignore[arg-type]
    right.send(b"x")
    loop.run_once(0)
    assert heard == [(left.fileno(), EVENT_READ)]
