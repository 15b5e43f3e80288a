"""Listeners of the events on a client's way: they may end it, raise, or leave `run()`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server
from reactor.testing import ManualClock, pump, settle
from tests.support.far_ends import ACCEPTS, REFUSES, SILENT, FarEnds
from tests.support.recording import Heard

# Each event, and the kind of the first address that makes it happen; a second one would answer.
EVENTS = {
    "lookup": ACCEPTS,
    "connection_attempt": ACCEPTS,
    "connection_attempt_failed": REFUSES,
    "connection_attempt_timeout": SILENT,
    "connect": ACCEPTS,
    "ready": ACCEPTS,
}


def raising(conn: Connection) -> None:
    raise RuntimeError("a listener's own")


IN_LISTENERS: dict[str, tuple[Callable[[Connection], object], Reason]] = {
    "destroy": (lambda conn: conn.destroy(), Reason.DESTROYED),
    "reset": (lambda conn: conn.reset(), Reason.RESET),
    "destroy_soon": (lambda conn: conn.destroy_soon(), Reason.DESTROYED),
    "raise": (raising, Reason.LISTENER_FAILED),
}


@pytest.mark.expects_errors
@pytest.mark.parametrize("what", IN_LISTENERS)
@pytest.mark.parametrize("event", EVENTS)
def test_a_listener_of_every_event_may_end_the_client_or_raise(
    event: Any, what: str, loop: Reactor, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    call, reason = IN_LISTENERS[what]
    with FarEnds({"127.0.0.2": EVENTS[event], "127.0.0.3": ACCEPTS}) as ends:
        conn = ends.connect(loop)
        conn.once(event, lambda conn, *_: call(conn))
        heard = Heard(conn)
        settle(loop)
        clock.advance(0.25)
        if what == "destroy_soon" and event in ("connect", "ready"):  # connected: a lingering close
            ends.accept(loop, "127.0.0.2").close()
            reason = Reason.ENDED
        report = heard.report(loop)
        settle(loop)
        phase = "lingering" if reason is Reason.ENDED else "open" if event in ("connect", "ready") else "connecting"
        assert (report.reason, report.phase) == (reason, phase)
        names = heard.names()
        assert (names.count("close"), names[-1], "error" in names) == (1, "close", False)
        if reason is not Reason.ENDED:
            assert event not in names  # the listeners after the one that ended it
            assert not {"connect", "ready"} & set(names[names.index("close") :])
        if event not in ("connect", "ready"):
            assert "connect" not in names
            assert ends.nobody_came("127.0.0.3")
    raised = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [str(record.exc_info and record.exc_info[1]) for record in raised] == ["a listener's own"] * (
        what == "raise"
    )


@pytest.mark.parametrize("event", ["lookup", "connection_attempt", "connection_attempt_failed", "connect"])
def test_a_listener_of_every_event_may_end_it_in_an_orderly_way(event: Any, loop: Reactor) -> None:
    with FarEnds({"127.0.0.2": REFUSES, "127.0.0.3": ACCEPTS}) as ends:
        conn = ends.connect(loop)
        conn.once(event, lambda conn, *_: conn.end(b"bye"))
        heard = Heard(conn)
        peer = ends.accept(loop, "127.0.0.3")
        pump(loop, lambda: "finish" in heard.names())
        assert peer.receive_all() == (b"bye", "FIN")
        assert (heard.names().count("connect"), heard.names().count("ready")) == (1, 1)


@pytest.mark.parametrize("event", EVENTS)
def test_a_listener_that_leaves_run_does_not_hold_up_the_client(event: Any, loop: Reactor, clock: ManualClock) -> None:
    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    with FarEnds({"127.0.0.2": EVENTS[event], "127.0.0.3": ACCEPTS}) as ends:
        conn = ends.connect(loop)
        conn.write(b"hello")
        conn.once(event, leave)
        heard = Heard(conn)

        def take_turns() -> None:
            for _ in range(20):
                clock.advance(0.05)
                loop.run_once(0)

        with pytest.raises(KeyboardInterrupt):
            take_turns()
        pump(loop, lambda: conn.bytes_written == 5)
        assert (conn.state, heard.names()[-2:]) == ("open", ["connect", "ready"])


def test_a_servers_connections_hear_no_client_events(loop: Reactor) -> None:
    server: Any = Server(loop)
    for event in EVENTS:
        with pytest.raises(ValueError, match=f"event must be one of .*, not '{event}'"):
            server.on(event, print)
