"""`Server.close()`: stop accepting at once, and say so when the last connection is gone."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Reactor, Reason, Server, ServerClosed, ShutdownReport
from reactor.testing import Peer, pump, settle
from tests.support.wire import refused


class Diary:
    """What a server says about its end, in order, with what its connections say."""

    def __init__(self, server: Server) -> None:
        self.entries: list[Any] = []
        self.report: ShutdownReport | None = None
        server.on("close", lambda conn, report: self.entries.append("close"))
        server.on("stopped", self._stopped)

    def _stopped(self, server: Server, report: ShutdownReport) -> None:
        self.entries.append("stopped")
        self.report = report

    def callback(self, server: Server, error: Exception | None) -> None:
        self.entries.append(("callback", error and type(error).__name__))


def test_it_stops_accepting_at_once(harness: Any) -> None:
    h = harness()
    h.server.close()
    assert not h.server.listening
    assert h.server.addresses == []
    assert refused(*h.address)


def test_connections_live_on(harness: Any, loop: Reactor) -> None:
    h = harness()
    peer, conn = h.connect()
    h.server.close()
    settle(loop)
    peer.send(b"still there?")
    pump(loop, lambda: h.record.data() == b"still there?")
    conn.write(b"yes")
    assert peer.receive(3) == b"yes"
    assert conn.state == "open"


def test_stopped_comes_after_the_last_close_and_then_the_callback(harness: Any, loop: Reactor) -> None:
    h = harness()
    diary = Diary(h.server)
    _, first = h.connect()
    _, second = h.connect()
    h.server.close(diary.callback)
    first.destroy()
    settle(loop)
    assert diary.entries == ["close"]
    second.destroy()
    settle(loop)
    assert diary.entries == ["close", "close", "stopped", ("callback", None)]


def test_without_connections_stopped_comes_by_itself_but_not_from_inside_the_call(harness: Any, loop: Reactor) -> None:
    h = harness()
    diary = Diary(h.server)
    h.server.close(diary.callback)
    assert diary.entries == []
    settle(loop)
    assert diary.entries == ["stopped", ("callback", None)]


def test_the_callback_gets_the_server(harness: Any, loop: Reactor) -> None:
    h = harness()
    got: list[Any] = []
    h.server.close(lambda *args: got.append(args))
    settle(loop)
    assert got == [(h.server, None)]


def test_a_second_close_is_answered_with_an_error_and_stopped_comes_once(harness: Any, loop: Reactor) -> None:
    h = harness()
    diary = Diary(h.server)
    _, conn = h.connect()
    h.server.close(diary.callback)
    h.server.close(diary.callback)
    settle(loop)
    assert diary.entries == []  # it has not stopped yet
    conn.destroy()
    settle(loop)
    assert diary.entries == ["close", "stopped", ("callback", None), ("callback", "ServerClosed")]


def test_closing_a_server_that_does_not_listen_is_harmless(loop: Reactor) -> None:
    server = Server(loop)
    got: list[Any] = []
    server.on("stopped", lambda *args: got.append("stopped"))
    server.close()
    server.close(lambda *args: got.append(args))
    assert got == []
    settle(loop)
    ((who, error),) = got
    assert who is server
    assert isinstance(error, ServerClosed)


def test_a_connection_is_listed_until_its_close_was_delivered(harness: Any, loop: Reactor) -> None:
    h = harness()
    listed: list[bool] = []
    h.server.on("close", lambda conn, report: listed.append(conn in h.server.connections))
    h.server.on("stopped", lambda server, report: listed.append(bool(server.connections)))
    _, conn = h.connect()
    h.server.close()
    conn.destroy()
    settle(loop)
    assert listed == [True, False]


def test_the_report_counts_those_that_ended_after_the_call(harness: Any, loop: Reactor) -> None:
    h = harness()
    diary = Diary(h.server)
    _, early = h.connect()
    early.destroy()
    h.closed(early)
    polite, _ = h.connect()
    _, second = h.connect()
    h.server.close()
    polite.close()
    second.reset()
    pump(loop, lambda: diary.report)
    assert diary.report is not None
    assert (diary.report.connections, diary.report.clean) == (2, 1)
    assert diary.report.by_reason == {Reason.PEER_ENDED: 1, Reason.RESET: 1}


@pytest.mark.expects_errors
def test_a_stopped_listener_that_raises_keeps_nobody_else_from_hearing(harness: Any, loop: Reactor) -> None:
    h = harness()

    @h.server.on("stopped")
    def fail(server: Server, report: ShutdownReport) -> None:
        raise RuntimeError("no")

    diary = Diary(h.server)
    h.server.close(diary.callback)
    settle(loop)
    assert diary.entries == ["stopped", ("callback", None)]


def test_a_stopped_listener_may_listen_again(harness: Any, loop: Reactor) -> None:
    h = harness()
    h.server.once("stopped", lambda server, report: server.listen(*h.address))
    h.server.close()
    settle(loop)
    assert h.server.listening
    _, conn = h.connect()
    assert conn.state == "open"


def test_each_stop_has_its_own_stopped(harness: Any, loop: Reactor) -> None:
    h = harness()
    diary = Diary(h.server)
    h.server.close()
    settle(loop)
    h.server.listen("127.0.0.1", 0)
    h.server.close()
    settle(loop)
    assert diary.entries == ["stopped", "stopped"]


def test_a_connection_listener_may_close_the_server(harness: Any, loop: Reactor) -> None:
    h = harness()
    h.server.on("connection", lambda conn: h.server.close())
    diary = Diary(h.server)
    waiting = [Peer(h.address), Peer(h.address)]
    pump(loop, lambda: not h.server.listening)
    settle(loop)
    assert len(h.record.connections) == 1
    assert waiting[0].nothing_comes()
    assert waiting[1].outcome() == "ECONNRESET"  # the kernel resets its backlog (closing.md, fact 10)
    waiting[0].close()
    pump(loop, lambda: diary.report)
    waiting[1].close()


def test_run_returns_after_the_last_connection_of_a_closed_server(harness: Any, loop: Reactor) -> None:
    h = harness()
    diary = Diary(h.server)
    peer, _ = h.connect()
    h.server.close()
    peer.close()
    loop.run()
    assert diary.entries == ["close", "stopped"]


def test_a_callback_that_cannot_be_called_is_refused(harness: Any) -> None:
    h = harness()
    with pytest.raises(TypeError, match="callback must be callable, not 7"):
        h.server.close(7)
    assert h.server.listening
