"""The ordinary life of a client: made at once, connected later, and then a connection like any other."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server, connect
from reactor.testing import ManualClock, pump, settle
from tests.support.far_ends import ACCEPTS, REFUSES, SILENT, FarEnds, Held, Place, connected
from tests.support.recording import Heard
from tests.support.settings import OTHER

HOST = "127.0.0.1"


# From `connect` to `close`.


def test_it_is_returned_at_once_as_connecting_and_nothing_is_emitted_before(each_loop: Reactor, far: FarEnds) -> None:
    heard: list[Connection] = []
    conn = connect(each_loop, HOST, far.port, heard.append)
    assert (conn.state, conn.remote_address, conn.fileno(), heard) == ("connecting", (HOST, far.port), -1, [])
    assert (conn.server, list(conn.attempted_addresses), conn.report) == (None, [], None)
    connected(each_loop, conn)
    assert heard == [conn]


def test_nothing_is_emitted_from_inside_a_connect_that_a_listener_calls(loop: Reactor, far: FarEnds) -> None:
    order: list[str] = []

    def connect_another() -> None:
        conn = connect(loop, HOST, far.port, lambda conn: order.append("connect"))
        conn.on("connection_attempt", lambda *_: order.append("attempt"))
        order.append("returned")

    loop.call_soon(connect_another)
    pump(loop, lambda: "connect" in order)
    assert order == ["returned", "attempt", "connect"]


def test_its_whole_life_in_order(each_loop: Reactor, place: Place) -> None:
    conn = place.connect(each_loop)
    heard = Heard(conn)
    assert (conn.state, conn.remote_address) == ("connecting", place.address)
    conn.write(b"early ")
    peer = place.accept(each_loop)
    peer.send(b"hello")
    pump(each_loop, lambda: heard.data() == b"hello")
    conn.end(b"bye")
    pump(each_loop, lambda: conn.state == "read_only" and "finish" in heard.names())
    assert peer.receive_all() == (b"early bye", "FIN")
    peer.close()
    report = heard.report(each_loop)
    assert heard.names() == ["connection_attempt", "connect", "ready", "data", "finish", "end", "close"]
    host, port = place.address if place.family == socket.AF_INET else (place.address, 0)
    assert heard.of("connection_attempt") == [(host, port, place.family)]
    assert list(conn.attempted_addresses) == [place.address]
    assert (report.reason, report.clean, report.phase, report.error) == (Reason.ENDED, True, "lingering", None)
    assert (report.bytes_read, report.bytes_written, report.bytes_unsent) == (5, 9, 0)
    assert report.bytes_unacked == (0 if place.family == socket.AF_INET else None)


def test_the_peers_fin_ends_it_as_it_ends_any_connection(loop: Reactor, place: Place) -> None:
    heard = Heard(place.connect(loop))
    peer = place.accept(loop)
    peer.end()
    assert heard.report(loop).reason is Reason.PEER_ENDED
    assert peer.outcome() == "FIN"
    assert heard.names()[-3:] == ["end", "finish", "close"]


def test_the_peers_reset_is_an_error_and_a_report(each_loop: Reactor, far: FarEnds) -> None:
    heard = Heard(connect(each_loop, HOST, far.port))
    far.accept(each_loop).reset()
    report = heard.report(each_loop)
    assert (report.reason, report.phase) == (Reason.PEER_RESET, "open")
    assert isinstance(heard.error(), ConnectionResetError)
    assert heard.names()[-2:] == ["error", "close"]


@pytest.mark.parametrize(
    ("ending", "outcome", "reason"), [("destroy", "FIN", Reason.DESTROYED), ("reset", "ECONNRESET", Reason.RESET)]
)
def test_a_hard_end_of_a_connected_client_shows_on_the_wire(
    ending: str, outcome: str, reason: Reason, loop: Reactor, far: FarEnds
) -> None:
    conn = connect(loop, HOST, far.port)
    peer = far.accept(loop)
    getattr(connected(loop, conn), ending)()
    settle(loop)
    assert peer.outcome() == outcome
    assert conn.report is not None
    assert (conn.report.reason, conn.report.phase) == (reason, "open")


def test_destroyed_in_the_turn_in_which_it_connects(each_loop: Reactor, place: Place) -> None:
    conn = place.connect(each_loop)
    heard = Heard(conn)
    conn.on("connection_attempt", lambda conn, *_: conn.destroy())
    assert heard.report(each_loop).reason is Reason.DESTROYED
    settle(each_loop)
    assert heard.names() == ["connection_attempt", "close"]


def test_on_connect_is_the_first_listener_of_connect(loop: Reactor, place: Place) -> None:
    order: list[str] = []
    conn = place.connect(loop, on_connect=lambda conn: order.append("on_connect"))
    conn.on("connect", lambda conn: order.append("connect"))
    conn.once("ready", lambda conn: order.append("ready"))
    pump(loop, lambda: len(order) == 3)
    settle(loop)
    assert order == ["on_connect", "connect", "ready"]


def test_it_is_open_and_both_addresses_are_known_from_connect_to_after_close(loop: Reactor, place: Place) -> None:
    seen: list[Any] = []

    def look(conn: Connection, *_: Any) -> None:
        seen.append((conn.state, conn.local_address, conn.remote_address))

    conn = place.connect(loop, on_connect=look)
    conn.on("close", look)
    assert conn.local_address == ""  # asking too early does no harm
    local = place.accept(loop).sock.getpeername()
    connected(loop, conn).destroy()
    settle(loop)
    assert seen == [("open", local, place.address), ("closed", local, place.address)]


def test_a_name_becomes_the_address_that_answered(loop: Reactor) -> None:
    with FarEnds({"127.0.0.2": REFUSES, "127.0.0.3": ACCEPTS}) as ends:
        conn = ends.connect(loop)
        assert conn.remote_address == ("far.test", ends.port)
        connected(loop, conn)
        assert conn.remote_address == ("127.0.0.3", ends.port)
        assert list(conn.attempted_addresses) == [("127.0.0.2", ends.port), ("127.0.0.3", ends.port)]


@pytest.mark.parametrize("host", ["::1", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1"])
def test_ipv6_addresses_of_every_spelling(host: str, loop: Reactor) -> None:
    with FarEnds({HOST if "ffff" in host else "::1": ACCEPTS}) as ends:
        conn = connect(loop, host, ends.port)
        heard = Heard(conn)
        connected(loop, conn)
        shown = "::1" if host.startswith("0") else host
        assert conn.remote_address == (shown, ends.port)
        assert heard.of("connection_attempt") == [(shown, ends.port, socket.AF_INET6)]
        assert conn.local_address[0] == shown


def test_a_client_and_a_server_on_one_loop_hear_each_other(each_loop: Reactor, place: Place, tmp_path: Any) -> None:
    server = Server(each_loop, lambda conn: conn.on("data", lambda conn, data: conn.end(data.upper())))
    address: Any = server.listen(HOST, 0) if place.family == socket.AF_INET else server.listen(path=tmp_path / "s")
    place.address = address
    conn = place.connect(each_loop)
    heard = Heard(conn)
    conn.write(b"hello")
    assert heard.report(each_loop).clean
    assert heard.data() == b"HELLO"
    assert [list(accepted.attempted_addresses) for accepted in server.connections] == [[]]
    pump(each_loop, lambda: not server.connections)
    assert server.statistics().ended == {Reason.ENDED: 1}


def test_the_report_counts_from_the_call(loop: Reactor, far: FarEnds, clock: ManualClock) -> None:
    settle(loop)
    clock.advance(100)
    conn = connect(loop, HOST, far.port)
    clock.advance(2)
    heard = Heard(conn)
    connected(loop, conn)
    clock.advance(3)
    conn.destroy()
    report = heard.report(loop)
    assert (report.opened_at, report.duration) == (1100, 5)


def test_run_goes_on_until_a_client_has_closed(loop: Reactor, far: FarEnds) -> None:
    conn = connect(loop, *far.address(REFUSES))
    loop.run()
    assert conn.report is not None


def test_run_does_not_wait_for_an_unreferenced_client_nor_for_its_next_attempt() -> None:
    with FarEnds({"127.0.0.3": SILENT, "127.0.0.4": SILENT}) as ends, Reactor(debug=True) as loop:
        conn = ends.connect(loop, attempt_delay=0.05)
        conn.unref()
        loop.run()
        assert (conn.state, list(conn.attempted_addresses)) == ("connecting", [("127.0.0.3", ends.port)])
        conn.ref()
        loop.call_later(0, conn.destroy)
        loop.run()
        assert conn.report is not None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("idle_timeout", Reason.IDLE),
        ("read_timeout", Reason.READ_TIMEOUT),
        ("write_timeout", Reason.WRITE_TIMEOUT),
    ],
)
def test_a_deadline_runs_from_the_connect_on(
    name: str, reason: Reason, loop: Reactor, far: FarEnds, clock: ManualClock
) -> None:
    held = Held(loop, far, "attempt", **{name: 5}, connect_timeout=None)
    with held.conn.corked():
        if name == "write_timeout":
            held.conn.write(b"what waits")
        held.reach()
        clock.advance(1000)
        settle(loop)
        held.proceed()
        connected(loop, held.conn)
        clock.advance(4.9)
        settle(loop)
        assert held.conn.state == "open"
        clock.advance(0.2)
        assert held.heard.report(loop).reason is reason


def test_no_other_deadline_runs_while_connecting(loop: Reactor, far: FarEnds, clock: ManualClock) -> None:
    names = ["idle_timeout", "read_timeout", "write_timeout", "linger_timeout", "half_open_timeout"]
    held = Held(loop, far, "attempt", **dict.fromkeys(names, 5.0), connect_timeout=None)
    held.conn.write(b"what waits")
    held.conn.pause()
    held.conn.end()
    held.reach()
    clock.advance(1000)
    settle(loop)
    assert held.conn.state == "connecting"
    peer = held.proceed()
    pump(loop, lambda: "finish" in held.heard.names())
    assert peer.receive_all() == (b"what waits", "FIN")
    assert held.conn.report is None


# Settings.


@pytest.mark.parametrize("name", OTHER)
def test_every_setting_reaches_the_connection_and_may_be_changed_on_it(name: str, loop: Reactor, far: FarEnds) -> None:
    plain = connect(loop, HOST, far.port)
    conn = connect(loop, HOST, far.port, **{name: OTHER[name]})
    assert getattr(conn, name) == OTHER[name] != getattr(plain, name)
    connected(loop, conn)
    assert getattr(conn, name) == OTHER[name]
    setattr(conn, name, getattr(plain, name))
    assert getattr(conn, name) == getattr(plain, name)


def test_pause_on_connect_holds_the_data_until_resume(loop: Reactor, place: Place) -> None:
    conn = place.connect(loop, pause_on_connect=True)
    heard = Heard(conn)
    place.accept(loop).send(b"early")
    settle(loop, 20)
    assert (heard.names()[-1], conn.bytes_read) == ("ready", 0)
    conn.resume()
    pump(loop, lambda: heard.data() == b"early")


def test_pause_on_connect_may_be_overruled_in_the_connect_listener(loop: Reactor, far: FarEnds) -> None:
    heard = Heard(connect(loop, HOST, far.port, lambda conn: conn.resume(), pause_on_connect=True))
    far.accept(loop).send(b"early")
    pump(loop, lambda: heard.data() == b"early")
