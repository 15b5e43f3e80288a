"""Our epoll selector is a `selectors.BaseSelector` as the standard ones are: what is promised here is held by all
of them.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, cast

import pytest

from reactor.engine.epoll_poller import EpollPoller

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
ANY_TEXT = "."  # each of them words it in its own way
KINDS = [EpollPoller, selectors.EpollSelector, selectors.PollSelector, selectors.SelectSelector]

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def selector(request: pytest.FixtureRequest) -> Iterator[selectors.BaseSelector]:
    with request.param() as made:
        yield made


@pytest.fixture
def pair() -> Iterator[Pair]:
    a, b = socket.socketpair()
    yield a, b
    a.close()
    b.close()


def test_registering_returns_a_key_that_says_everything(selector: selectors.BaseSelector, pair: Pair) -> None:
    key = selector.register(pair[0], READ, "data")
    assert isinstance(key, selectors.SelectorKey)
    assert key == (pair[0], pair[0].fileno(), READ, "data")


def test_a_number_can_be_registered_as_well(selector: selectors.BaseSelector, pair: Pair) -> None:
    fd = pair[0].fileno()
    assert selector.register(fd, READ | WRITE) == (fd, fd, READ | WRITE, None)


@pytest.mark.parametrize("events", [0, 4, 8, READ | 4, -1], ids=str)
def test_only_read_and_write_can_be_asked_for(selector: selectors.BaseSelector, pair: Pair, events: int) -> None:
    with pytest.raises(ValueError, match=ANY_TEXT):
        selector.register(pair[0], events)
    assert len(selector.get_map()) == 0


def test_what_has_no_descriptor_is_refused(selector: selectors.BaseSelector) -> None:
    for what in (-10, object(), "text"):
        with pytest.raises(ValueError, match=ANY_TEXT):
            selector.register(cast(Any, what), READ)


def test_a_closed_socket_is_refused(selector: selectors.BaseSelector, pair: Pair) -> None:
    pair[0].close()
    with pytest.raises(ValueError, match=ANY_TEXT):
        selector.register(pair[0], READ)


def test_nothing_is_registered_twice(selector: selectors.BaseSelector, pair: Pair) -> None:
    selector.register(pair[0], READ)
    for same in (pair[0], pair[0].fileno()):
        with pytest.raises(KeyError):
            selector.register(same, WRITE)
    assert selector.get_key(pair[0]).events == READ


def test_unregistering_returns_the_key_and_forgets(selector: selectors.BaseSelector, pair: Pair) -> None:
    key = selector.register(pair[0], READ, "data")
    assert selector.unregister(pair[0]) == key
    with pytest.raises(KeyError):
        selector.get_key(pair[0])
    assert selector.register(pair[0], READ) == (pair[0], pair[0].fileno(), READ, None)


def test_what_is_not_registered_is_a_key_error(selector: selectors.BaseSelector, pair: Pair) -> None:
    for what in (pair[0], pair[0].fileno(), 999_999):
        for call in (selector.unregister, selector.get_key, lambda what: selector.modify(what, READ)):
            with pytest.raises(KeyError):
                call(what)


@pytest.mark.parametrize("by_number", [True, False])
def test_what_was_closed_can_be_unregistered(selector: selectors.BaseSelector, by_number: bool) -> None:
    a, b = socket.socketpair()
    fd = a.fileno()
    what = fd if by_number else a
    selector.register(what, READ)
    a.close()
    b.close()
    assert selector.unregister(what).fd == fd
    assert len(selector.get_map()) == 0


def test_modifying_changes_events_and_data(selector: selectors.BaseSelector, pair: Pair) -> None:
    fd = pair[0].fileno()
    selector.register(pair[0], READ, "before")
    for data in ("after", "the data alone"):
        assert selector.modify(pair[0], WRITE, data) == (pair[0], fd, WRITE, data)
        assert selector.get_key(pair[0]) == (pair[0], fd, WRITE, data)
        assert selector.select(0) == [((pair[0], fd, WRITE, data), WRITE)]


@pytest.mark.parametrize("events", [0, 4, READ | 4], ids=str)
def test_modifying_to_other_events_is_refused(pair: Pair, events: int) -> None:
    """As documented; the standard selectors over epoll and poll do not hold it themselves."""
    with EpollPoller() as selector:
        selector.register(pair[0], READ)
        with pytest.raises(ValueError, match=ANY_TEXT):
            selector.modify(pair[0], events)


def test_the_key_is_found_by_object_and_by_number(selector: selectors.BaseSelector, pair: Pair) -> None:
    key = selector.register(pair[0], READ, "data")
    assert selector.get_key(pair[0]) == selector.get_key(pair[0].fileno()) == key


def test_the_map_is_a_live_view_of_what_is_registered(selector: selectors.BaseSelector, pair: Pair) -> None:
    seen = selector.get_map()
    assert (len(seen), list(seen)) == (0, [])
    key = selector.register(pair[0], READ, "data")
    assert seen[pair[0]] == seen[pair[0].fileno()] == key
    assert pair[0] in seen
    assert pair[1] not in seen
    assert len(seen) == 1
    assert list(seen) == [pair[0].fileno()]
    assert list(seen.values()) == [key]
    selector.unregister(pair[0])
    assert len(seen) == 0
    with pytest.raises(KeyError):
        seen[pair[0]]


def test_the_map_cannot_be_written_to(selector: selectors.BaseSelector, pair: Pair) -> None:
    key = selector.register(pair[0], READ)
    seen = cast("MutableMapping[Any, selectors.SelectorKey]", selector.get_map())
    with pytest.raises(TypeError):
        seen[pair[1]] = key
    with pytest.raises(TypeError):
        del seen[pair[0]]


def test_what_is_ready_is_reported_and_nothing_else(selector: selectors.BaseSelector, pair: Pair) -> None:
    reader = selector.register(pair[0], READ, "reader")
    writer = selector.register(pair[1], WRITE, "writer")
    assert selector.select(0) == [(writer, WRITE)]
    pair[1].send(b"x")
    assert sorted(selector.select(0), key=lambda found: found[0].fd) == [(reader, READ), (writer, WRITE)]
    pair[0].recv(1)
    assert selector.select(0) == [(writer, WRITE)]


@pytest.mark.parametrize("timeout", [0, None])
def test_readiness_lasts_until_it_is_used(selector: selectors.BaseSelector, pair: Pair, timeout: float | None) -> None:
    key = selector.register(pair[0], READ)
    pair[1].send(b"x")
    for _ in range(3):
        assert selector.select(timeout) == [(key, READ)]


def test_both_events_come_in_one_entry_and_an_end_can_be_read(selector: selectors.BaseSelector, pair: Pair) -> None:
    key = selector.register(pair[0], READ | WRITE)
    pair[1].close()
    assert selector.select(0) == [(key, READ | WRITE)]


def test_what_was_unregistered_is_not_reported(selector: selectors.BaseSelector, pair: Pair) -> None:
    selector.register(pair[0], WRITE)
    selector.unregister(pair[0])
    assert selector.select(0) == []


@pytest.mark.parametrize("timeout", [0, -1, -0.001, 0.001])
def test_waiting_ends_by_its_timeout(selector: selectors.BaseSelector, pair: Pair, timeout: float) -> None:
    assert selector.select(timeout) == []
    selector.register(pair[0], READ)
    assert selector.select(timeout) == []


def test_many_descriptors_are_told_apart(selector: selectors.BaseSelector) -> None:
    pairs = [socket.socketpair() for _ in range(50)]
    try:
        for i, (a, _) in enumerate(pairs):
            selector.register(a, READ, i)
        for i in range(0, 50, 7):
            pairs[i][1].send(b"x")
        assert sorted(key.data for key, _ in selector.select(0)) == list(range(0, 50, 7))
    finally:
        for a, b in pairs:
            a.close()
            b.close()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_context_manager_closes_a_selector_that_then_knows_nothing(
    kind: Callable[[], selectors.BaseSelector], pair: Pair
) -> None:
    with kind() as selector:
        selector.register(pair[0], READ)
    selector.close()  # again: harmless
    with pytest.raises((RuntimeError, KeyError)):
        selector.get_key(pair[0])
    assert not selector.get_map()
