"""A listener or callback that raises ends its own connection and no other; the loop goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server
from reactor.testing import ManualClock, Peer, pump, settle

MIB = 1024 * 1024


class Mistake(Exception):
    """What the listeners of these tests raise."""


def fail(*args: object) -> None:
    raise Mistake("by the program")


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


def make_drain(peer: Peer, conn: Connection) -> None:
    conn.write(b"x")
    conn.write(bytes(20_000))  # the second of the turn waits for its end, and empties there


TRIGGERS: dict[str, Callable[[Peer, Connection], object]] = {
    "data": lambda peer, conn: peer.send(b"x"),
    "end": lambda peer, conn: peer.end(),
    "finish": lambda peer, conn: conn.end(),
    "drain": make_drain,
    "hangup": lambda peer, conn: (conn.pause(), peer.send(b"held"), peer.end()),
    "timeout": lambda peer, conn: conn.set_timeout(1),
    "write callback": lambda peer, conn: conn.write(b"x", fail),
    "end callback": lambda peer, conn: conn.end(b"x", fail),
    "once": lambda peer, conn: (conn.once("data", fail), peer.send(b"x")),
}


@pytest.mark.expects_errors
@pytest.mark.parametrize("event", TRIGGERS)
def test_it_resets_its_own_connection_and_stands_in_the_report(
    event: str, harness: Any, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    wire = harness(high_water=1024)
    peer, conn = wire.connect()
    other_peer, other = wire.connect()
    if event in ("data", "end", "finish", "drain", "hangup", "timeout"):
        conn.on(event, fail)
    TRIGGERS[event](peer, conn)
    settle(wire.loop)
    clock.advance(1)
    report = wire.closed(conn)
    assert (report.reason, report.clean) == (Reason.LISTENER_FAILED, False)
    assert isinstance(report.error, Mistake)
    assert "error" not in wire.record.names(conn)
    assert wire.record.names(conn)[-1] == "close"
    assert kinds(caplog) == [Mistake]

    other_peer.send(b"the others go on")
    pump(wire.loop, lambda: wire.record.data(other) == b"the others go on")
    assert other.state == "open"


def kinds(caplog: pytest.LogCaptureFixture) -> list[type | None]:
    """Of each ERROR logged, the exception whose traceback came along."""
    assert {record.name for record in errors(caplog)} <= {"reactor"}
    return [record.exc_info[0] if record.exc_info else None for record in errors(caplog)]


@pytest.mark.expects_errors
def test_the_peer_sees_a_reset(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.on("data", fail)
    peer.send(b"x")
    wire.closed(conn)
    assert peer.outcome() == "ECONNRESET"


@pytest.mark.expects_errors
def test_a_connection_listener_that_raises_ends_the_new_connection_only(
    harness: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wire = harness()
    wire.server.once("connection", fail)
    peer, conn = wire.connect()
    assert wire.closed(conn).reason is Reason.LISTENER_FAILED
    assert peer.outcome() == "ECONNRESET"
    assert kinds(caplog) == [Mistake]
    _, second = wire.connect()
    settle(wire.loop)
    assert second.state == "open"


@pytest.mark.expects_errors
def test_nothing_more_is_delivered_after_a_listener_raised(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.on("data", fail)
    peer.send(b"one")
    pump(wire.loop, lambda: conn.state == "closed")
    assert conn.write(b"refused, without raising: the program did not end it") is False
    report = wire.closed(conn)
    assert wire.record.names() == ["data", "close"]
    assert report.bytes_unsent == 52


@pytest.mark.expects_errors
def test_what_is_pending_is_answered_and_counted(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect(receive_buffer=65536)
    answers: list[BaseException | None] = []
    conn.write(bytes(16 * MIB), lambda conn, error: answers.append(error))
    conn.on("data", fail)
    peer.send(b"x")
    report = wire.closed(conn)
    assert report.bytes_unsent > 0
    assert [str(type(error).__name__) for error in answers] == ["ConnectionClosed"]


@pytest.mark.expects_errors
@pytest.mark.parametrize("event", ["close", "error"])
def test_the_other_listeners_of_the_last_events_still_run(
    event: str, harness: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wire = harness()
    called: list[str] = []
    peer, conn = wire.connect()
    conn.on(event, fail)
    conn.on(event, lambda *args: called.append(event))
    conn.on("close", lambda *args: called.append("close"))
    peer.reset()
    report = wire.closed(conn)
    assert called == [event, "close"]
    assert report.reason is Reason.PEER_RESET
    assert kinds(caplog) == [Mistake]
    pump(wire.loop, lambda: not wire.server.connections)


@pytest.mark.expects_errors
def test_a_callback_answered_at_the_end_may_raise_and_the_rest_still_comes(
    harness: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wire = harness()
    answers: list[BaseException | None] = []
    _, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB), fail)
    conn.write(b"x", lambda conn, error: answers.append(error))
    conn.reset()
    report = wire.closed(conn)
    assert (report.reason, report.error) == (Reason.RESET, None)
    assert len(answers) == 1
    assert wire.record.names() == ["close"]
    assert kinds(caplog) == [Mistake]


@pytest.mark.expects_errors
def test_a_listener_that_destroys_and_then_raises_has_destroyed(harness: Any, caplog: pytest.LogCaptureFixture) -> None:
    wire = harness()

    def both(conn: Connection, data: bytes) -> None:
        conn.destroy()
        raise Mistake

    peer, conn = wire.connect()
    conn.on("data", both)
    peer.send(b"x")
    assert wire.closed(conn).reason is Reason.DESTROYED
    assert kinds(caplog) == [Mistake]


@pytest.mark.expects_errors
def test_no_error_is_emitted_for_it_also_where_another_reason_came_first(harness: Any, clock: ManualClock) -> None:
    wire = harness(idle_timeout=30)
    _, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB), lambda conn, error: None)
    conn.on("timeout", lambda conn, kind: None)
    settle(wire.loop)
    clock.advance(31)
    settle(wire.loop)
    assert conn.state == "closing"  # reaped: it drains
    conn.set_timeout(1, fail)
    clock.advance(1)
    report = wire.closed(conn)
    assert (report.reason, type(report.error)) == (Reason.IDLE, Mistake)
    assert "error" not in wire.record.names()


@pytest.mark.expects_errors
def test_a_listener_of_the_server_that_raises_is_logged_and_the_rest_still_run(
    loop: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []
    server = Server(loop)
    for event in ("listening", "draining", "stopped"):
        server.on(event, fail)
        server.on(event, lambda *args, event=event: called.append(event))
    server.listen("127.0.0.1", 0)
    settle(loop)
    server.shutdown()
    settle(loop)
    assert called == ["listening", "draining", "stopped"]
    assert kinds(caplog) == [Mistake] * 3


@pytest.mark.expects_errors
def test_a_callback_of_server_close_that_raises_is_logged_and_the_loop_goes_on(
    loop: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []
    server = Server(loop)
    server.listen("127.0.0.1", 0)
    server.close(fail)
    server.close(lambda server, error: called.append("second"))
    server.close(fail)
    settle(loop)
    assert called == ["second"]
    assert kinds(caplog) == [Mistake] * 2


def interrupt(*args: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_keyboard_interrupt_and_system_exit_leave_run_which_may_be_called_again(
    kind: type[BaseException], harness: Any
) -> None:
    wire = harness()
    peer, conn = wire.connect()

    def leave(conn: Connection, data: bytes) -> None:
        conn.off("data", leave)
        raise kind

    conn.on("data", leave)
    peer.send(b"x")
    with pytest.raises(kind):
        wire.loop.run()
    assert (conn.state, conn.report) == ("open", None)
    peer.send(b"y")
    pump(wire.loop, lambda: wire.record.data() == b"xy")


@pytest.mark.parametrize("event", ["data", "end", "finish", "drain", "hangup", "close"])
def test_an_interrupt_in_a_listener_keeps_no_connection_from_its_end(event: str, harness: Any) -> None:
    wire = harness(high_water=1024)
    peer, conn = wire.connect()
    conn.once(event, interrupt)
    (conn.destroy() if event == "close" else TRIGGERS[event](peer, conn))
    with pytest.raises(KeyboardInterrupt):
        pump(wire.loop, lambda: False)
    conn.resume()
    peer.close()
    report = wire.closed(conn)
    assert report.reason in (Reason.ENDED, Reason.PEER_ENDED, Reason.PEER_RESET, Reason.DESTROYED)
    pump(wire.loop, lambda: not wire.server.connections)


@pytest.mark.parametrize("where", ["connection", "callback"])
def test_an_interrupt_while_a_connection_begins_does_not_make_it_deaf(where: str, harness: Any) -> None:
    wire = harness()
    greet = interrupt if where == "connection" else lambda conn: conn.write(b"x", interrupt)
    wire.server.once("connection", greet)
    with Peer(wire.address) as peer:
        with pytest.raises(KeyboardInterrupt):
            pump(wire.loop, lambda: False)
        peer.send(b"heard")
        pump(wire.loop, lambda: wire.record.data() == b"heard")
        peer.close()
        assert wire.closed(wire.record.conn).reason in (Reason.PEER_ENDED, Reason.PEER_RESET)
