"""A listener or callback that raises ends its own connection and no other; the loop goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server
from reactor.testing import Peer, pump, settle
from tests.support.scene import MUCH, Scenes

LISTENED = ["data", "end", "finish", "drain", "hangup", "timeout"]


class Mistake(Exception):
    """What the listeners of these tests raise."""


def fail(*args: object) -> None:
    raise Mistake("by the program")


def interrupt(*args: object) -> None:
    raise KeyboardInterrupt


def kinds(caplog: pytest.LogCaptureFixture) -> list[type | None]:
    """Of each ERROR logged, the exception whose traceback came along."""
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert {record.name for record in errors} <= {"reactor"}
    return [record.exc_info[0] if record.exc_info else None for record in errors]


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
    "close": lambda peer, conn: conn.destroy(),
    "write callback": lambda peer, conn: conn.write(b"x", fail),
    "end callback": lambda peer, conn: conn.end(b"x", fail),
    "once": lambda peer, conn: (conn.once("data", fail), peer.send(b"x")),
}


@pytest.mark.expects_errors
@pytest.mark.parametrize("event", [*LISTENED, "write callback", "end callback", "once"])
def test_it_resets_its_own_connection_and_stands_in_the_report(
    event: str, scene: Scenes, caplog: pytest.LogCaptureFixture
) -> None:
    s = scene(high_water=1024)
    other_peer, other = s.connect()
    if event in LISTENED:
        s.conn.on(event, fail)
    TRIGGERS[event](s.peer, s.conn)
    s.turns()
    s.clock.advance(1)
    report = s.closed()
    assert (report.reason, report.clean) == (Reason.LISTENER_FAILED, False)
    assert isinstance(report.error, Mistake)
    assert "error" not in s.names()
    assert s.names()[-1] == "close"
    assert kinds(caplog) == [Mistake]

    other_peer.send(b"the others go on")
    s.until(lambda: s.record.data(other) == b"the others go on")
    assert other.state == "open"


@pytest.mark.expects_errors
def test_a_connection_listener_that_raises_ends_the_new_connection_only(
    scene: Scenes, caplog: pytest.LogCaptureFixture
) -> None:
    s = scene()
    s.server.once("connection", fail)
    peer, conn = s.connect()
    assert s.closed(conn).reason is Reason.LISTENER_FAILED
    assert peer.outcome() == "ECONNRESET"
    assert kinds(caplog) == [Mistake]
    _, third = s.connect()
    s.turns()
    assert {s.conn.state, third.state} == {"open"}


@pytest.mark.expects_errors
def test_the_peer_sees_a_reset_and_nothing_more_is_delivered_after_a_listener_raised(scene: Scenes) -> None:
    s = scene()
    s.conn.on("data", fail)
    s.peer.send(b"one")
    s.until(lambda: s.conn.state == "closed")
    assert s.conn.write(b"refused, without raising: the program did not end it") is False
    report = s.closed()
    assert s.names() == ["data", "close"]
    assert report.bytes_unsent == 52
    assert s.peer.outcome() == "ECONNRESET"


@pytest.mark.expects_errors
def test_what_is_pending_is_answered_and_counted(scene: Scenes) -> None:
    s = scene(receive_buffer=65536)
    answers: list[BaseException | None] = []
    s.conn.write(bytes(MUCH), lambda conn, error: answers.append(error))
    s.conn.on("data", fail)
    s.peer.send(b"x")
    assert s.closed().bytes_unsent > 0
    assert [type(error).__name__ for error in answers] == ["ConnectionClosed"]


@pytest.mark.expects_errors
@pytest.mark.parametrize("event", ["close", "error"])
def test_the_other_listeners_of_the_last_events_still_run(
    event: str, scene: Scenes, caplog: pytest.LogCaptureFixture
) -> None:
    s = scene()
    called: list[str] = []
    s.conn.on(event, fail)
    s.conn.on(event, lambda *args: called.append(event))
    s.conn.on("close", lambda *args: called.append("close"))
    s.peer.reset()
    report = s.closed()
    assert called == [event, "close"]
    assert report.reason is Reason.PEER_RESET
    assert kinds(caplog) == [Mistake]
    s.until(lambda: not s.server.connections)


@pytest.mark.expects_errors
def test_a_callback_answered_at_the_end_may_raise_and_the_rest_still_comes(
    scene: Scenes, caplog: pytest.LogCaptureFixture
) -> None:
    s = scene(receive_buffer=65536)
    answers: list[BaseException | None] = []
    s.conn.write(bytes(MUCH), fail)
    s.conn.write(b"x", lambda conn, error: answers.append(error))
    s.conn.reset()
    report = s.closed()
    assert (report.reason, report.error) == (Reason.RESET, None)
    assert len(answers) == 1
    assert s.names() == ["close"]
    assert kinds(caplog) == [Mistake]


@pytest.mark.expects_errors
def test_a_listener_that_destroys_and_then_raises_has_destroyed(
    scene: Scenes, caplog: pytest.LogCaptureFixture
) -> None:
    s = scene()
    s.conn.on("data", lambda conn, data: (conn.destroy(), fail()))
    s.peer.send(b"x")
    assert s.closed().reason is Reason.DESTROYED
    assert kinds(caplog) == [Mistake]


@pytest.mark.expects_errors
def test_no_error_is_emitted_for_it_also_where_another_reason_came_first(scene: Scenes) -> None:
    s = scene(idle_timeout=30, receive_buffer=65536)
    s.bring_to("pending")
    s.jump(31)
    assert s.conn.state == "closing"  # reaped: it drains
    s.conn.set_timeout(1, fail)
    s.clock.advance(1)
    report = s.closed()
    assert (report.reason, type(report.error)) == (Reason.IDLE, Mistake)
    assert "error" not in s.names()


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
    assert kinds(caplog) == [Mistake], "the second one is counted"


# KeyboardInterrupt and SystemExit.


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_keyboard_interrupt_and_system_exit_leave_run_which_may_be_called_again(
    kind: type[BaseException], scene: Scenes
) -> None:
    s = scene()

    def leave(conn: Connection, data: bytes) -> None:
        conn.off("data", leave)
        raise kind

    s.conn.on("data", leave)
    s.peer.send(b"x")
    with pytest.raises(kind):
        s.loop.run()
    assert (s.conn.state, s.conn.report) == ("open", None)
    s.peer.send(b"y")
    s.until(lambda: s.data() == b"xy")


@pytest.mark.parametrize("event", ["data", "end", "finish", "drain", "hangup", "close"])
def test_an_interrupt_in_a_listener_keeps_no_connection_from_its_end(event: str, scene: Scenes) -> None:
    s = scene(high_water=1024)
    s.conn.once(event, interrupt)
    TRIGGERS[event](s.peer, s.conn)
    with pytest.raises(KeyboardInterrupt):
        s.until(lambda: False)
    s.conn.resume()
    s.peer.close()
    assert s.closed().reason in (Reason.ENDED, Reason.PEER_ENDED, Reason.PEER_RESET, Reason.DESTROYED)
    s.until(lambda: not s.server.connections)


@pytest.mark.parametrize("greet", [interrupt, lambda conn: conn.write(b"x", interrupt)], ids=["connection", "callback"])
def test_an_interrupt_while_a_connection_begins_does_not_make_it_deaf(greet: Any, harness: Any) -> None:
    wire = harness()
    wire.server.once("connection", greet)
    with Peer(wire.address) as peer:
        with pytest.raises(KeyboardInterrupt):
            pump(wire.loop, lambda: False)
        peer.send(b"heard")
        pump(wire.loop, lambda: wire.record.data() == b"heard")
        peer.close()
        assert wire.closed(wire.record.conn).reason in (Reason.PEER_ENDED, Reason.PEER_RESET)
