"""pipe() to what is no connection: any object with `write` and `end`; and what cannot be piped to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.piping import BYTES, READ, End, opened, pair


class Sink:
    """The least that can be piped to."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.ended = 0

    def write(self, data: bytes) -> Any:
        assert type(data) is bytes
        self.got += data

    def end(self) -> None:
        self.ended += 1


class Full(Sink):
    """One that always says "not now", and has nothing to tell when it can go on."""

    def write(self, data: bytes) -> bool:
        super().write(data)
        return False


class Emitting(Full):
    """One that says "not now", and emits."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[tuple[str, Callable[..., object]]] = []

    def on(self, event: str, fn: Callable[..., object]) -> None:
        self.listeners.append((event, fn))

    def off(self, event: str, fn: Callable[..., object]) -> None:
        self.listeners.remove((event, fn))

    def emit(self, event: str, *args: object) -> None:
        for name, fn in list(self.listeners):
            if name == event:
                fn(*args)


class Resettable(Sink):
    def __init__(self) -> None:
        super().__init__()
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1


def piped(harness: Any, sink: Any, **settings: Any) -> End:
    end = opened(harness(data=False, **settings))
    assert end.conn.pipe(sink) is sink
    return end


# What passes.


def test_an_object_gets_the_bytes_and_then_the_end_once(harness: Any) -> None:
    sink = Sink()
    end = piped(harness, sink)
    end.carry(BYTES[:300_000])
    end.end()
    assert end.report().clean
    assert (bytes(sink.got), sink.ended) == (BYTES[:300_000], 1)


def test_an_object_that_emits_nothing_is_not_waited_for(harness: Any) -> None:
    sink = Full()
    end = piped(harness, sink)
    end.send(b"one")
    pump(end.loop, lambda: sink.got == b"one")
    end.send(b"two")
    pump(end.loop, lambda: sink.got == b"onetwo")


@pytest.mark.parametrize("arguments", [(), ("whatever", 1)], ids=["bare", "with arguments"])
def test_an_object_that_emits_is_waited_for_until_its_drain(arguments: tuple[object, ...], harness: Any) -> None:
    sink = Emitting()
    end = piped(harness, sink)
    end.pour(BYTES)
    assert 0 < len(sink.got) <= READ
    assert end.is_throttled()
    before = len(sink.got)
    sink.emit("drain", *arguments)
    pump(end.loop, lambda: len(sink.got) > before)
    end.pour(BYTES)
    assert len(sink.got) <= before + READ
    assert end.is_throttled()


def test_only_false_means_not_now(harness: Any) -> None:
    answers = iter([None, 0, "", 3, True, []])

    class Various(Emitting):
        def write(self, data: bytes) -> Any:
            Sink.write(self, data)
            return next(answers)

    sink = Various()
    end = piped(harness, sink)
    for number in range(6):
        end.send(b"x")
        pump(end.loop, lambda number=number: len(sink.got) == number + 1)


def test_an_object_that_has_closed_gets_nothing_more_and_the_source_is_reset(harness: Any) -> None:
    sink = Emitting()
    end = piped(harness, sink)
    sink.emit("close")
    assert end.report().reason is Reason.RESET
    assert end.receive_all() == (b"", "ECONNRESET")
    assert (sink.got, sink.ended) == (b"", 0)


def test_without_end_an_object_that_has_closed_only_gets_nothing_more(harness: Any) -> None:
    sink, other = Emitting(), Sink()
    end = opened(harness(data=False))
    end.conn.pipe(sink, end=False)
    end.conn.pipe(other)
    end.send(b"one")
    pump(end.loop, lambda: other.got == b"one")
    sink.emit("close")
    end.send(b"two")
    pump(end.loop, lambda: other.got == b"onetwo")
    assert sink.got == b"one"


def test_without_end_an_object_is_not_ended(harness: Any) -> None:
    sink = Sink()
    end = opened(harness(data=False))
    end.conn.pipe(sink, end=False)
    end.send(b"all")
    end.end()
    assert end.report().clean
    assert (bytes(sink.got), sink.ended) == (b"all", 0)


@pytest.mark.parametrize("end", [True, False])
def test_of_a_source_that_is_cut_off_an_object_is_reset_if_it_can_be_and_not_ended(end: bool, harness: Any) -> None:
    sink = Resettable()
    source = opened(harness(data=False))
    source.conn.pipe(sink, end=end)
    source.reset()
    assert source.report().reason is Reason.PEER_RESET
    assert (sink.ended, sink.resets) == (0, int(end))


@pytest.mark.parametrize("ending", ["end", "reset", "unpipe", "close"])
def test_nothing_listens_to_an_object_once_the_pipe_is_over(ending: str, harness: Any) -> None:
    sink = Emitting()
    end = piped(harness, sink)
    assert len(sink.listeners) >= 2
    if ending == "unpipe":
        end.conn.unpipe(sink)
    elif ending == "close":
        sink.emit("close")
    else:
        getattr(end, ending)()
        end.report()
    assert sink.listeners == []


def test_a_connection_and_an_object_may_share_a_source(harness: Any) -> None:
    near, far = pair(harness(data=False))
    sink = Sink()
    near.conn.pipe(far.conn)
    near.conn.pipe(sink)
    near.send(b"for both")
    near.end()
    assert far.receive_all() == (b"for both", "FIN")
    assert (bytes(sink.got), sink.ended) == (b"for both", 1)


# Objects that fail.


@pytest.mark.expects_errors
def test_a_write_that_raises_ends_its_source_only(harness: Any) -> None:
    class Broken(Resettable):
        def write(self, data: bytes) -> None:
            raise ZeroDivisionError

    sink, wire = Broken(), harness(data=False)
    end, other = opened(wire), opened(wire)
    end.conn.pipe(sink)
    end.send(b"x")
    report = end.report()
    assert (report.reason, type(report.error)) == (Reason.LISTENER_FAILED, ZeroDivisionError)
    assert (sink.ended, sink.resets) == (0, 1)
    assert end.outcome is None
    assert end.receive_all() == (b"", "ECONNRESET")
    assert other.conn.state == "open"


@pytest.mark.expects_errors
def test_an_end_that_raises_ends_its_source_only(harness: Any) -> None:
    class Broken(Sink):
        def end(self) -> None:
            raise ZeroDivisionError

    wire = harness(data=False)
    end, other = opened(wire), opened(wire)
    end.conn.pipe(Broken())
    end.end()
    report = end.report()
    assert (report.reason, type(report.error)) == (Reason.LISTENER_FAILED, ZeroDivisionError)
    assert other.conn.state == "open"


@pytest.mark.expects_errors
def test_a_reset_that_raises_is_logged_and_nothing_else(harness: Any) -> None:
    class Broken(Resettable):
        def reset(self) -> None:
            super().reset()
            raise ZeroDivisionError

    sink = Broken()
    end = piped(harness, sink)
    end.reset()
    assert end.report().reason is Reason.PEER_RESET
    assert sink.resets == 1


@pytest.mark.parametrize("refused", ["drain", "close"])
def test_an_object_that_refuses_a_listener_is_not_piped_to(refused: str, harness: Any) -> None:
    class Picky(Emitting):
        def on(self, event: str, fn: Callable[..., object]) -> None:
            if event == refused:
                raise LookupError(event)
            super().on(event, fn)

    sink, heard = Picky(), list[bytes]()
    end = opened(harness(data=False))
    with pytest.raises(LookupError, match=refused):
        end.conn.pipe(sink)
    end.conn.on("data", lambda conn, data: heard.append(data))
    end.send(b"not for it")
    pump(end.loop, lambda: heard == [b"not for it"])
    assert (sink.got, sink.listeners) == (b"", [])
    end.end()
    assert end.report().clean
    assert sink.ended == 0


# What is refused.


class NoEnd:
    def write(self, data: bytes) -> None: ...


class NoWrite:
    def end(self) -> None: ...


class NotCallable:
    write = end = 3


@pytest.mark.parametrize("destination", [None, 3, "text", b"", NoEnd(), NoWrite(), NotCallable(), print])
def test_what_cannot_be_written_to_or_ended_is_refused(destination: Any, harness: Any) -> None:
    end = opened(harness(data=False))
    with pytest.raises(TypeError, match="destination must be"):
        end.conn.pipe(destination)


@pytest.mark.parametrize("flag", [None, 0, 1, "yes"])
def test_end_must_be_true_or_false(flag: Any, harness: Any) -> None:
    near, far = pair(harness(data=False))
    with pytest.raises(TypeError, match="end must be"):
        near.conn.pipe(far.conn, end=flag)
    near.conn.pipe(far.conn, end=False)


def test_a_server_is_refused(loop: Reactor, harness: Any) -> None:
    end = opened(harness(data=False))
    with pytest.raises(TypeError, match="destination must be"):
        end.conn.pipe(Server(loop))


def test_a_connection_of_another_reactor_is_refused(harness: Any) -> None:
    end = opened(harness(data=False))
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
def test_piping_twice_is_refused_and_the_first_pipe_stays(again: bool, harness: Any) -> None:
    near, far = pair(harness(data=False))
    sink = Sink()
    for destination in (far.conn, sink, near.conn):
        near.conn.pipe(destination)
        with pytest.raises(ValueError, match="piped to already"):
            near.conn.pipe(destination, end=again)
    near.send(b"once")
    assert (near.receive(4), far.receive(4)) == (b"once", b"once")
    assert sink.got == b"once"


def test_two_objects_that_are_equal_are_two(harness: Any) -> None:
    class Equal(Sink):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]  # as lists have none

    one, two = Equal(), Equal()
    end = piped(harness, one)
    end.conn.pipe(two)
    end.send(b"x")
    pump(end.loop, lambda: end.conn.bytes_read == 1)
    assert (one.got, two.got) == (b"x", b"x")
    end.conn.unpipe(two)
    end.send(b"y")
    pump(end.loop, lambda: one.got == b"xy")
    assert two.got == b"x"


def test_pipe_of_a_closed_connection_or_to_one_is_harmless(harness: Any) -> None:
    near, far = pair(harness(data=False))
    for end in (near, far):
        end.conn.destroy()
        end.report()
    for destination in (far.conn, near.conn, Sink()):
        assert near.conn.pipe(destination) is destination
    settle(near.loop)
    near.conn.unpipe()


def test_after_the_reactor_was_closed_pipe_is_harmless(harness: Any) -> None:
    near, far = pair(harness(data=False))
    near.loop.close()
    sink = Sink()
    for destination in (far.conn, near.conn, sink):
        assert near.conn.pipe(destination) is destination
        near.conn.unpipe(destination)
        Connection.unpipe(near.conn)
    assert (sink.got, sink.ended) == (b"", 0)
