"""What the loop waits on, whichever selector is behind it: who is ready, and whose peer has left while paused."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import selectors
import socket
import struct
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from reactor.engine.epoll_poller import EpollPoller
from reactor.engine.poller import EDGE, ERROR, GONE, HANGUP, READ, WRITE
from reactor.engine.poller_choice import poller_for
from reactor.engine.selector_poller import SelectorPoller

if TYPE_CHECKING:
    from reactor.engine.poller import Poller

KINDS = [None, selectors.EpollSelector, selectors.PollSelector, selectors.SelectSelector]
LIMIT = 2.0  # seconds of real time within which the kernel does its part


class Handler:
    """Whatever is registered; equal to nothing but itself."""

    _flowing = False

    def _on_ready(self, mask: int) -> None:
        raise AssertionError("a poller calls nobody")


def made(kind: Any) -> Poller:
    return poller_for(kind and kind())


@pytest.fixture(params=KINDS, ids=lambda kind: "own" if kind is None else kind.__name__)
def poller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Poller]:
    """One that looks for hang-ups at every poll, so that nothing must be waited for."""
    monkeypatch.setattr("reactor.engine.selector_poller.HANGUP_PERIOD", 0.0)
    poller = made(request.param)
    yield poller
    poller.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection: ours and the peer's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    ours.setblocking(False)
    yield ours, peer
    ours.close()
    peer.close()


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def found(poller: Poller) -> list[tuple[Any, int]]:
    """What is reported first, within LIMIT."""
    limit = time.monotonic() + LIMIT
    while time.monotonic() < limit:
        events = poller.poll(0.05)
        if events:
            return [(poller.handlers[fd], mask) for fd, mask in events]
    return []


def nothing_is_reported(poller: Poller) -> bool:
    return not any(poller.poll(0) for _ in range(5))


def test_our_own_is_the_default_and_any_other_is_wrapped() -> None:
    with selectors.PollSelector() as given, EpollPoller() as own:
        assert isinstance(poller_for(given), SelectorPoller)
        assert poller_for(own) is own
    default = made(None)
    assert isinstance(default, EpollPoller)
    default.close()


def test_what_can_be_read_is_handed_out_with_its_handler(poller: Poller, pair: Any) -> None:
    ours, peer = pair
    handler = Handler()
    poller.add(ours.fileno(), READ, handler)
    assert poller.poll(0) == []
    peer.send(b"x")
    assert found(poller) == [(handler, READ)]


def test_what_can_be_written_is_handed_out_as_such(poller: Poller, pair: Any) -> None:
    handler = Handler()
    poller.add(pair[0].fileno(), READ | WRITE, handler)
    assert found(poller) == [(handler, WRITE)]


def test_a_change_of_interest_counts_from_the_next_poll_on(poller: Poller, pair: Any) -> None:
    ours, peer = pair
    handler = Handler()
    poller.add(ours.fileno(), READ, handler)
    poller.change(ours.fileno(), WRITE)
    peer.send(b"x")
    assert found(poller) == [(handler, WRITE)]
    poller.change(ours.fileno(), READ)
    assert found(poller) == [(handler, READ)]


def test_who_was_removed_is_not_heard_of_again(poller: Poller, pair: Any) -> None:
    poller.add(pair[0].fileno(), WRITE, Handler())
    poller.remove(pair[0].fileno())
    assert nothing_is_reported(poller)


@pytest.mark.parametrize("mask", [READ, WRITE, READ | WRITE, GONE, GONE | WRITE, 0])
def test_who_was_removed_may_be_added_again(poller: Poller, pair: Any, mask: int) -> None:
    fd, handler = pair[0].fileno(), Handler()
    for _ in range(3):
        poller.add(fd, mask, handler)
        poller.remove(fd)
    poller.add(fd, WRITE, handler)
    assert found(poller) == [(handler, WRITE)]


@pytest.mark.parametrize("mask", [READ, WRITE, GONE, 0])
def test_who_closed_its_descriptor_before_may_still_be_removed(poller: Poller, mask: int) -> None:
    a, b = socket.socketpair()
    fd = a.fileno()
    poller.add(fd, mask, Handler())
    a.close()
    b.close()
    poller.remove(fd)
    assert poller.poll(0) == []


def test_a_number_that_is_reused_belongs_to_its_new_handler(poller: Poller) -> None:
    a, b = socket.socketpair()
    fd = a.fileno()
    poller.add(fd, READ, Handler())
    poller.remove(fd)
    a.close()
    c, d = socket.socketpair()
    os.dup2(c.fileno(), fd)
    second = Handler()
    poller.add(fd, READ, second)
    d.send(b"x")
    assert found(poller) == [(second, READ)]
    poller.remove(fd)
    if fd != c.fileno():
        os.close(fd)
    for sock in (b, c, d):
        sock.close()


# A paused connection: watched for a hang-up only.


def test_a_paused_connection_is_not_woken_by_data(poller: Poller, pair: Any) -> None:
    ours, peer = pair
    poller.add(ours.fileno(), GONE, Handler())
    peer.send(b"x" * 1000)
    assert nothing_is_reported(poller)


FIN_AFTER_DATA, FIN, RESET = "FIN after data", "FIN", "RST"
BROKE = ERROR | HANGUP


@pytest.mark.parametrize(
    ("before", "mask", "what", "some_of", "none_of"),
    [
        (GONE, GONE, FIN_AFTER_DATA, GONE, BROKE), (READ, GONE, FIN, GONE, BROKE), (GONE, GONE, RESET, BROKE, 0),
        (EDGE, EDGE, RESET, BROKE, 0),
    ],
    ids=["paused", "paused later", "paused, reset", "lingering, reset"],
)  # fmt: skip
def test_who_does_not_read_hears_that_the_peer_has_gone_and_is_not_woken_before(
    poller: Poller, pair: Any, before: int, mask: int, what: str, some_of: int, none_of: int
) -> None:
    ours, peer = pair
    handler = Handler()
    poller.add(ours.fileno(), before, handler)
    if before != mask:
        poller.change(ours.fileno(), mask)
    assert nothing_is_reported(poller)
    if what == RESET:
        reset(peer)
    else:
        peer.send(b"unread" if what == FIN_AFTER_DATA else b"")
        peer.shutdown(socket.SHUT_WR)
    ((who, told),) = found(poller)
    assert who is handler
    assert told & some_of
    assert not told & none_of


def test_a_connection_that_is_paused_and_writes_hears_of_both(poller: Poller, pair: Any) -> None:
    ours, peer = pair
    handler = Handler()
    poller.add(ours.fileno(), GONE | WRITE, handler)
    peer.shutdown(socket.SHUT_WR)
    seen, limit = 0, time.monotonic() + LIMIT
    while seen & (GONE | WRITE) != GONE | WRITE and time.monotonic() < limit:
        for fd, mask in poller.poll(0.05):
            assert poller.handlers[fd] is handler
            seen |= mask
    assert seen & (GONE | WRITE) == GONE | WRITE


def test_a_hangup_that_was_seen_is_not_reported_again_once_it_is_masked(poller: Poller, pair: Any) -> None:
    ours, peer = pair
    poller.add(ours.fileno(), GONE, Handler())
    peer.shutdown(socket.SHUT_WR)
    assert found(poller)
    poller.change(ours.fileno(), 0)
    assert nothing_is_reported(poller)


def test_a_resumed_connection_reads_what_came_before_the_hangup(poller: Poller, pair: Any) -> None:
    ours, peer = pair
    handler = Handler()
    poller.add(ours.fileno(), GONE, handler)
    peer.send(b"unread")
    peer.close()
    assert found(poller)
    poller.change(ours.fileno(), READ)
    ((who, mask),) = found(poller)
    assert (who, mask & READ) == (handler, READ)
    assert ours.recv(100) == b"unread"


@pytest.mark.parametrize("kind", KINDS[1:], ids=lambda kind: kind.__name__)
def test_a_foreign_selector_looks_for_hangups_again_and_again(kind: Any, pair: Any) -> None:
    poller, handler = made(kind), Handler()
    poller.add(pair[0].fileno(), GONE, handler)
    assert poller.poll(0) == []
    pair[1].shutdown(socket.SHUT_WR)
    assert found(poller) == [(handler, GONE)]
    poller.close()


# What they tell about themselves.


def test_the_default_poller_has_a_descriptor_that_is_readable_when_somebody_is_ready(pair: Any) -> None:
    ours, peer = pair
    for kind in (None, selectors.EpollSelector):
        poller = made(kind)
        poller.add(ours.fileno(), READ, Handler())
        with selectors.SelectSelector() as host:
            host.register(poller.fileno(), selectors.EVENT_READ)
            assert host.select(0) == []
            peer.send(b"x")
            assert len(host.select(LIMIT)) == 1
        ours.recv(1)
        poller.close()


@pytest.mark.parametrize("kind", [selectors.PollSelector, selectors.SelectSelector])
def test_a_selector_without_a_descriptor_says_that_it_cannot_be_embedded(kind: Any) -> None:
    poller = made(kind)
    with pytest.raises(OSError, match=f"{kind.__name__} has no descriptor"):
        poller.fileno()
    poller.close()


def test_select_refuses_descriptors_that_it_cannot_watch(pair: Any) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    poller = made(selectors.SelectSelector)
    high = fcntl.fcntl(pair[0].fileno(), fcntl.F_DUPFD, 2000)
    try:
        for mask in (READ, GONE):
            with pytest.raises(OSError, match="select") as caught:
                poller.add(high, mask, Handler())
            assert caught.value.errno == errno.EMFILE
        handler = Handler()
        poller.add(pair[0].fileno(), WRITE, handler)
        assert found(poller) == [(handler, WRITE)]
    finally:
        os.close(high)
        poller.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("what", [selectors.PollSelector, "epoll", 5, object], ids=repr)
def test_what_is_no_selector_is_refused(what: Any) -> None:
    with pytest.raises(TypeError, match=r"selector must be a selectors\.BaseSelector or None"):
        poller_for(what)
