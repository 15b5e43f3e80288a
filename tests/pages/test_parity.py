"""Rows of Node's `net` that no other file is about: addresses, networks that are blocked, who hears what."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server, connect
from reactor.net.connection.listeners import CLIENT_EVENTS, SERVER_EVENTS
from reactor.testing import Peer, pump, settle
from tests.support.piping import End

# Addresses.


@pytest.mark.parametrize(
    ("listens", "comes", "kernels"),
    [
        ("127.0.0.1", "127.0.0.1", ""), ("::1", "::1", ""), ("0.0.0.0", "127.0.0.1", ""), ("::", "::1", ""),
        ("::", "127.0.0.1", "::ffff:"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["reset", "destroy", "peer"])
def test_both_addresses_are_known_after_the_close_as_the_kernel_names_them_though_nobody_asked_before(
    loop: Reactor, listens: str, comes: str, kernels: str, ending: str
) -> None:
    server = Server(loop)
    seen: list[Connection] = []
    server.on("connection", seen.append)
    address: Any = server.listen(listens, 0)
    _, port = address
    with Peer((comes, port)) as peer:
        host, its_port = peer.address
        pump(loop, lambda: seen)
        (peer.reset if ending == "peer" else getattr(seen[0], ending))()
        pump(loop, lambda: seen[0].report is not None)
    assert (seen[0].local_address, seen[0].remote_address) == ((kernels + comes, port), (kernels + host, its_port))
    assert (seen[0].fileno(), seen[0].server) == (-1, server)


def test_a_client_has_no_server(loop: Reactor, harness: Any) -> None:
    wire = harness()
    conn = connect(loop, *wire.address)
    assert conn.server is None
    pump(loop, lambda: wire.record.connections)
    assert wire.record.conn.server is wire.server


# Networks that are blocked.

BLOCKS: dict[str, tuple[Any, bool, bool]] = {  # block: is 127.0.0.1 blocked, is ::1
    "an IPv4 network": (["127.0.0.0/8"], True, False),
    "an IPv4 address": (["127.0.0.1"], True, False),
    "another IPv4 network": (["10.0.0.0/8", "127.0.0.2"], False, False),
    "all of IPv4": (["0.0.0.0/0"], True, False),
    "an IPv6 address": (["::1"], False, True),
    "an IPv6 network": (["::/64"], False, True),
    "all of IPv6": (["::/0"], False, True),
    "an IPv4 network in IPv6 notation": (["::ffff:127.0.0.0/104"], True, False),
    "an IPv4 address in IPv6 notation": (["::ffff:127.0.0.1"], True, False),
    "another in IPv6 notation": (["::ffff:10.0.0.0/104"], False, False),
    "all of IPv4 in IPv6 notation": (["::ffff:0:0/96"], True, False),
    "both": (["127.0.0.1", "::1"], True, True),
    "objects": ([ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1")], True, True),
    "an object in IPv6 notation": ((ipaddress.ip_network("::ffff:127.0.0.1/128"),), True, False),
}


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("wildcard", [False, True], ids=["own socket", "dual stack"])
def test_a_blocked_network_is_dropped_and_no_other(loop: Reactor, block: str, wildcard: bool) -> None:
    networks, *blocked = BLOCKS[block]
    server = Server(loop, block=networks)
    drops: list[Any] = []
    server.on("drop", lambda server, local, remote: drops.append(remote[1]))
    port = server.listen(None, 0)[1] if wildcard else None
    for host, wanted in zip(("127.0.0.1", "::1"), blocked, strict=True):
        address: Any = (host, port) if wildcard else server.listen(host, 0)
        before = server.statistics()
        with Peer(address) as peer:
            pump(loop, lambda: server.statistics() != before)  # noqa: B023 - called at once
            settle(loop)
            assert server.statistics().refused - before.refused == wanted
            assert drops[-1:] == ([peer.address[1]] if wanted else drops[-1:])
            assert peer.nothing_comes() is not wanted


# Who hears what.


@pytest.mark.parametrize("call", ["on", "once", "off"])
def test_a_server_has_no_events_of_clients_and_a_client_none_of_servers(loop: Reactor, harness: Any, call: str) -> None:
    client = connect(loop, *harness().address)
    others = [*((Server(loop), event) for event in CLIENT_EVENTS), *((client, event) for event in SERVER_EVENTS)]
    for one, event in others:
        with pytest.raises(ValueError, match=f"event must be one of .* not '{event}'"):
            getattr(one, call)(event, print)


def test_a_listener_may_be_anything_callable_also_what_counts_as_false(harness: Any) -> None:
    class Log(list[bytes]):
        def __call__(self, conn: Connection, data: bytes) -> None:
            self.append(data)

    wire = harness(data=False)
    heard = Log()
    wire.server.on("data", heard)
    peer, conn = wire.connect()
    peer.send(b"x")
    pump(wire.loop, lambda: conn.bytes_read)
    assert (heard, conn._discarded) == ([b"x"], 0)


def test_run_does_not_go_on_for_the_connections_of_a_server_that_is_unref_d(loop: Reactor) -> None:
    """Unlike Node's: `server.unref()` covers them here."""
    server = Server(loop)
    server.unref()
    address: Any = server.listen("127.0.0.1", 0)
    with Peer(address) as peer:
        pump(loop, lambda: server.connections)
        conn = next(iter(server.connections))
        loop.run()
        assert conn.state == "open"
        assert server.listening
        conn.ref()
        peer.end()
        loop.run()
        assert conn.report is not None


# A paused connection that listens no more.


each_way = pytest.mark.parametrize(
    "stop_listening",
    [lambda conn: conn.destroy_soon(), lambda conn: conn.server.shutdown(60)],
    ids=["destroy_soon", "shutdown"],
)


@each_way
def test_a_paused_connection_whose_peer_has_reset_is_over_once_it_need_not_be_heard(
    each_loop: Reactor, harness: Any, stop_listening: Any
) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    conn.pause()
    settle(each_loop)
    peer.send(b"unread")
    peer.reset()
    pump(each_loop, lambda: wire.record.names() == ["hangup"])
    stop_listening(conn)
    report = wire.closed(conn)
    assert (report.reason, report.bytes_read, report.bytes_discarded) == (Reason.PEER_RESET, 6, 6)


@each_way
def test_a_paused_connection_that_has_ended_reads_and_drops_once_it_need_not_be_heard(
    each_loop: Reactor, harness: Any, stop_listening: Any
) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    conn.pause()
    conn.end()
    pump(each_loop, lambda: "finish" in wire.record.names())
    stop_listening(conn)
    End(each_loop, peer, conn).send(bytes(32 << 20))  # more than both kernels hold
    peer.end()
    report = wire.closed(conn)
    assert (report.clean, report.bytes_read, report.bytes_discarded) == (True, 32 << 20, 32 << 20)
