"""pipe() to what is no connection: any object with `write` and `end`; and what cannot be piped to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.piping import BYTES, READ, End


class Sink:
    """The least that can be piped to. It answers with `answers`, then None; what is called `broken` raises."""

    def __init__(self, answers: Iterable[object] = (), broken: str = "") -> None:
        self.received: Any = bytearray()  # mypy takes it for never equal to bytes inside a tuple
        self.ended = 0
        self.resets = 0
        self._answers = iter(answers)
        self._broken = broken

    def write(self, data: bytes) -> Any:
        assert type(data) is bytes
        self.received += data
        self.fail("write")
        return next(self._answers, None)

    def end(self) -> None:
        self.ended += 1
        self.fail("end")

    def fail(self, name: str) -> None:
        if name == self._broken:
            raise ZeroDivisionError


class Resettable(Sink):
    def reset(self) -> None:
        self.resets += 1
        self.fail("reset")


class Emitting(Sink):
    """One that emits; it refuses a listener of the event that is called `broken`."""

    def __init__(self, answers: Iterable[object] = (), broken: str = "") -> None:
        super().__init__(answers, broken)
        self.listeners: list[tuple[str, Callable[..., object]]] = []

    def on(self, event: str, fn: Callable[..., object]) -> None:
        self.fail(event)
        self.listeners.append((event, fn))

    def off(self, event: str, fn: Callable[..., object]) -> None:
        self.listeners.remove((event, fn))

    def emit(self, event: str, *args: object) -> None:
        for name, fn in list(self.listeners):
            if name == event:
                fn(*args)


NOT_NOW = [False] * 100


def piped(opened: Any, sink: Any, **options: Any) -> End:
    """A connection that is piped to an object."""
    source: End = opened()
    assert source.conn.pipe(sink, **options) is sink
    return source


# What passes.


@pytest.mark.parametrize("end", [True, False])
def test_an_object_gets_the_bytes_and_then_the_end_once_if_endings_pass(end: bool, opened: Any) -> None:
    sink = Sink()
    source = piped(opened, sink, end=end)
    source.carry(BYTES[:300_000])
    source.end()
    assert source.report().clean
    assert (bytes(sink.received), sink.ended) == (BYTES[:300_000], int(end))


@pytest.mark.parametrize(
    "sink",
    [Sink(NOT_NOW), Emitting([None, 0, "", 3, True, []])],
    ids=["one that emits nothing", "one that says anything but False"],
)
def test_an_object_is_not_waited_for_unless_it_emits_and_says_false(sink: Sink, opened: Any) -> None:
    source = piped(opened, sink)
    for number in range(6):
        source.send(b"x")
        source.until(lambda: len(sink.received) == number + 1)  # noqa: B023 - called at once


@pytest.mark.parametrize("arguments", [(), ("whatever", 1)], ids=["bare", "with arguments"])
def test_an_object_that_emits_is_waited_for_until_its_drain(arguments: tuple[object, ...], opened: Any) -> None:
    sink = Emitting(NOT_NOW)
    source = piped(opened, sink)
    source.pour(BYTES)
    assert 0 < len(sink.received) <= READ
    assert source.is_throttled()
    before = len(sink.received)
    sink.emit("drain", *arguments)
    source.until(lambda: len(sink.received) > before)
    source.pour(BYTES)
    assert len(sink.received) <= before + READ
    assert source.is_throttled()


def test_connections_and_an_object_may_share_a_source_and_each_is_ended(fan: Any) -> None:
    near, one, two = fan()
    sink = Sink()
    near.conn.pipe(sink)
    near.send(b"for all")
    near.end()
    assert one.receive_all() == two.receive_all() == (b"for all", "FIN")
    assert (bytes(sink.received), sink.ended) == (b"for all", 1)


def test_a_destination_that_unpipes_another_in_its_write_spares_it_the_same_bytes(joined: Any) -> None:
    near, far = joined("pair", slow=True, high_water=0)

    class Greedy(Sink):
        def write(self, data: bytes) -> None:
            super().write(data)
            if b"mine" in data:
                near.conn.unpipe(far.conn)

    greedy = Greedy()
    near.conn.pipe(greedy)
    near.conn.pipe(far.conn)
    near.send(b"for both, ")
    assert far.receive(10) == b"for both, "
    near.send(b"mine, ")
    settle(near.loop)
    near.send(b"and mine")
    near.until(lambda: greedy.received == b"for both, mine, and mine")
    assert far.nothing_comes()


# How it ends.


@pytest.mark.parametrize("end", [True, False])
def test_an_object_that_has_closed_gets_no_more_and_the_source_is_reset_if_endings_pass(end: bool, opened: Any) -> None:
    sink, other = Emitting(), Sink()
    source = piped(opened, sink, end=end)
    source.conn.pipe(other)
    source.send(b"one")
    source.until(lambda: other.received == b"one")
    sink.emit("close")
    if end:
        assert source.report().reason is Reason.RESET
        assert source.receive_all() == (b"", "ECONNRESET")
    else:
        source.send(b"two")
        source.until(lambda: other.received == b"onetwo")
    assert (sink.received, sink.ended) == (b"one", 0)


@pytest.mark.parametrize("end", [True, False])
def test_of_a_source_that_is_cut_off_an_object_is_reset_if_it_can_be_and_not_ended(end: bool, opened: Any) -> None:
    sink = Resettable()
    source = piped(opened, sink, end=end)
    source.reset()
    assert source.report().reason is Reason.PEER_RESET
    assert (sink.ended, sink.resets) == (0, int(end))


@pytest.mark.parametrize("ending", ["end", "reset", "unpipe", "close"])
def test_nothing_listens_to_an_object_once_the_pipe_is_over(ending: str, opened: Any) -> None:
    sink = Emitting()
    source = piped(opened, sink)
    assert len(sink.listeners) >= 2
    if ending == "unpipe":
        source.conn.unpipe(sink)
    elif ending == "close":
        sink.emit("close")
    else:
        getattr(source, ending)()
        source.report()
    assert sink.listeners == []


# Objects that fail.


@pytest.mark.expects_errors
@pytest.mark.parametrize("broken", ["write", "end"])
def test_a_write_or_an_end_that_raises_ends_its_source_only(broken: str, opened: Any) -> None:
    sink = Resettable(broken=broken)
    source = piped(opened, sink)
    other = source.another()
    source.send(b"x")
    if broken == "end":
        source.end()
    report = source.report()
    assert (report.reason, type(report.error)) == (Reason.LISTENER_FAILED, ZeroDivisionError)
    assert (sink.ended, sink.resets) == ((0, 1) if broken == "write" else (1, 0))
    assert source.receive_all() == (b"", "ECONNRESET")
    assert other.conn.state == "open"


@pytest.mark.expects_errors
def test_a_reset_that_raises_is_logged_and_nothing_else(opened: Any) -> None:
    sink = Resettable(broken="reset")
    source = piped(opened, sink)
    source.reset()
    assert source.report().reason is Reason.PEER_RESET
    assert sink.resets == 1


@pytest.mark.parametrize("refused", ["drain", "close"])
def test_an_object_that_refuses_a_listener_is_not_piped_to(refused: str, opened: Any) -> None:
    sink, heard = Emitting(broken=refused), list[bytes]()
    source = opened()
    with pytest.raises(ZeroDivisionError):
        source.conn.pipe(sink)
    source.conn.on("data", lambda conn, data: heard.append(data))
    source.send(b"not for it")
    source.until(lambda: heard == [b"not for it"])
    assert (sink.received, sink.listeners) == (b"", [])
    source.end()
    assert source.report().clean
    assert sink.ended == 0


# What is refused.


HALF = [SimpleNamespace(write=print), SimpleNamespace(end=print), SimpleNamespace(write=3, end=3)]


@pytest.mark.parametrize("destination", [None, 3, "text", b"", *HALF, print, Server])
def test_what_cannot_be_written_to_or_ended_is_refused(destination: Any, opened: Any, loop: Reactor) -> None:
    source = opened()
    with pytest.raises(TypeError, match="destination must be"):
        source.conn.pipe(Server(loop) if destination is Server else destination)


@pytest.mark.parametrize("flag", [None, 0, 1, "yes"])
def test_end_must_be_true_or_false(flag: Any, joined: Any) -> None:
    near, far = joined("pair")
    with pytest.raises(TypeError, match="end must be"):
        near.conn.pipe(far.conn, end=flag)
    near.conn.pipe(far.conn, end=False)


def test_a_connection_of_another_reactor_is_refused(opened: Any) -> None:
    end = opened()
    with Reactor(clock=ManualClock()) as other:
        server = Server(other)
        with Peer(server.listen("127.0.0.1", 0)):
            pump(other, lambda: server.connections)
            (stranger,) = server.connections
            with pytest.raises(ValueError, match="same reactor"):
                end.conn.pipe(stranger)
    end.send(b"x")
    pump(end.loop, lambda: end.conn.bytes_read == 1)


@pytest.mark.parametrize("again", [True, False])
def test_piping_twice_is_refused_and_the_first_pipe_stays(again: bool, joined: Any) -> None:
    near, far = joined("pair")
    sink = Sink()
    for destination in (far.conn, sink, near.conn):
        near.conn.pipe(destination)
        with pytest.raises(ValueError, match="piped to already"):
            near.conn.pipe(destination, end=again)
    near.send(b"once")
    assert (near.receive(4), far.receive(4)) == (b"once", b"once")
    assert sink.received == b"once"


def test_two_objects_that_are_equal_are_two(opened: Any) -> None:
    class Equal(Sink):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]  # as lists have none

    one, two = Equal(), Equal()
    source = piped(opened, one)
    source.conn.pipe(two)
    source.send(b"x")
    source.until(lambda: source.conn.bytes_read == 1)
    assert (one.received, two.received) == (b"x", b"x")
    source.conn.unpipe(two)
    source.send(b"y")
    source.until(lambda: one.received == b"xy")
    assert two.received == b"x"


@pytest.mark.parametrize("closed", ["connections", "reactor"])
def test_pipe_of_what_has_closed_or_to_it_is_harmless(closed: str, joined: Any) -> None:
    near, far = joined("pair")
    sink = Sink()
    if closed == "reactor":
        near.loop.close()
    for end in (near, far):
        end.conn.destroy()
        end.report()
    for destination in (far.conn, near.conn, sink):
        assert near.conn.pipe(destination) is destination
        if closed == "connections":
            settle(near.loop)
        near.conn.unpipe(destination)
        Connection.unpipe(near.conn)
    assert (sink.received, sink.ended) == (b"", 0)
