"""Listening to connections on the server, and what a server tells about itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reason
from reactor.testing import pump, settle


def _says(heard: list[str], what: str) -> Callable[..., None]:
    return lambda *_: heard.append(what)


def test_a_listener_added_to_the_server_later_counts_for_all_its_connections(h: Any) -> None:
    peer, conn = h.connect()
    own: list[str] = []
    conn.on("data", _says(own, "conn"))  # a connection with listeners of its own, and one without
    other, _ = h.connect()
    heard: list[Connection] = []
    h.server.on("data", lambda conn, data: heard.append(conn))
    peer.send(b"x")
    other.send(b"x")
    pump(h.loop, lambda: len(heard) == 2)
    assert set(heard) == set(h.record.connections)
    assert own == ["conn"]


def test_a_servers_once_is_called_for_one_event_of_one_connection(h: Any) -> None:
    heard: list[str] = []
    h.server.once("data", _says(heard, "once"))
    for _ in range(2):
        peer, conn = h.connect()
        peer.send(b"x")
        pump(h.loop, lambda: conn.bytes_read)  # noqa: B023 - called at once
    assert heard == ["once"]


def test_after_a_connection_listener_destroyed_it_the_others_do_not_meet_it(h: Any) -> None:
    heard: list[str] = []
    h.server.on("connection", lambda conn: conn.destroy())
    h.server.on("connection", _says(heard, "too late"))
    _, conn = h.connect()
    assert h.closed(conn).reason is Reason.DESTROYED
    assert heard == []


def test_connections_is_a_live_view_and_each_knows_its_server(h: Any) -> None:
    view = h.server.connections
    assert len(view) == 0
    _, first = h.connect()
    _, second = h.connect()
    assert set(view) == {first, second}
    assert first.server is h.server
    first.destroy()
    h.closed(first)
    assert first not in view
    assert len(view) == 1


def test_statistics_count_what_was_what_is_and_how_it_ended(h: Any) -> None:
    peer, conn = h.connect()
    conn.write(b"hello")
    peer.send(b"hi!")
    pump(h.loop, lambda: conn.bytes_read == 3)
    for inside, ended in ((1, {}), (0, {Reason.RESET: 1})):
        seen = h.server.statistics()
        assert (seen.accepted, seen.open, seen.bytes_read, seen.bytes_written) == (1, inside, 3, 5)
        assert seen.ended == ended
        conn.reset()
        h.closed(conn)


def test_statistics_count_what_was_never_sent(h: Any) -> None:
    _, conn = h.connect()
    conn.write(bytes(8 << 20))
    conn.destroy()
    report = h.closed(conn)
    assert h.server.statistics().bytes_unsent == report.bytes_unsent > 0


def test_a_server_shows_where_it_listens_and_how_many_it_serves(h: Any) -> None:
    h.connect()
    assert repr(h.server) == f"<Server 127.0.0.1:{h.address[1]} connections=1>"
    h.server.close()
    assert repr(h.server) == "<Server not listening connections=1>"
    settle(h.loop)


@pytest.mark.expects_errors
@pytest.mark.parametrize("event", ["listening", "drop", "draining", "stopped"])
def test_a_servers_listener_that_raises_is_logged_and_keeps_the_event_from_no_other(
    harness: Any, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    h = harness(max_connections=1)
    heard: list[str] = []
    h.server.on(event, lambda *_: 1 / 0)
    h.server.on(event, _says(heard, event))
    h.connect()
    h.queue(1)
    settle(h.loop)
    h.server.shutdown(0)
    h.stopped()
    assert heard == [event]
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]


def test_a_servers_listener_that_leaves_run_keeps_the_event_from_no_other(h: Any) -> None:
    def leave(*_: Any) -> None:
        raise KeyboardInterrupt

    heard: list[str] = []
    h.server.on("draining", leave)
    h.server.on("draining", _says(heard, "draining"))
    h.server.shutdown(5)
    with pytest.raises(KeyboardInterrupt):
        h.loop.run()
    assert heard == ["draining"]
