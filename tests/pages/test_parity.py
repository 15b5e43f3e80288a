"""Rows of Node's `net` that no other file is about: servers, addresses, networks that are blocked, who hears what."""

from __future__ import annotations

import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server, WrongThread, connect
from reactor.net.connection.listeners import CLIENT_EVENTS, CONNECTION_EVENTS, SERVER_EVENTS
from reactor.testing import Peer, pump, settle
from tests.support.piping import End

# Listening.


def test_one_server_listens_on_every_kind_of_socket_at_once(loop: Reactor, tmp_path: Path) -> None:
    server = Server(loop, lambda conn: conn.end(b"hi"))
    heard: list[Any] = []
    server.on("listening", lambda server, address: heard.append(address))
    sock = socket.create_server(("127.0.0.1", 0))
    by_fd = socket.create_server(("127.0.0.1", 0))
    taken_over = [sock.getsockname(), by_fd.getsockname()]
    where = [
        server.listen("127.0.0.1", 0),
        server.listen("::1", 0),
        server.listen(path=tmp_path / "socket"),
        server.listen(sock=sock),
        server.listen(fd=by_fd.detach()),
    ]
    assert server.addresses == where
    assert where[-2:] == taken_over
    for address in where:
        with Peer(address) as peer:
            pump(loop, lambda: not peer.nothing_comes())
            assert peer.receive_all() == (b"hi", "FIN")
    assert heard == where
    server.close()
    assert (server.addresses, server.listening, sock.fileno()) == ([], False, -1)
    pump(loop, lambda: not server.connections)


def test_the_kernel_shares_clients_out_among_those_who_listen_with_reuse_port(loop: Reactor) -> None:
    one, two = Server(loop), Server(loop)
    address: Any = one.listen("127.0.0.1", 0, reuse_port=True)
    two.listen(*address, reuse_port=True)
    for _ in range(200):  # each goes to either by a hash of its port: 2^-199 for all to one
        with Peer(address):
            pass
    pump(loop, lambda: one.statistics().accepted + two.statistics().accepted == 200)
    assert one.statistics().accepted > 0
    assert two.statistics().accepted > 0


def test_without_reuse_port_on_both_sides_the_address_is_in_use(loop: Reactor) -> None:
    one, two = Server(loop), Server(loop)
    address: Any = one.listen("127.0.0.1", 0)
    with pytest.raises(OSError, match="EADDRINUSE"):
        two.listen(*address, reuse_port=True)


def test_with_ipv6_only_the_port_is_free_for_ipv4(loop: Reactor) -> None:
    server = Server(loop)
    seen: list[Any] = []
    with socket.socket(socket.AF_INET6) as both:  # holds a port that is free in both families, and does not listen
        both.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        both.bind(("::", 0))
        port = both.getsockname()[1]
        server.listen("::", port, ipv6_only=True)
        server.listen("0.0.0.0", port)
    server.on("connection", lambda conn: seen.append((conn.local_address, conn.remote_address[0])))
    for host in ("127.0.0.1", "::1"):
        with Peer((host, port)):
            known = len(seen)
            pump(loop, lambda: len(seen) > known)  # noqa: B023 - called at once
    assert seen == [(("127.0.0.1", port), "127.0.0.1"), (("::1", port), "::1")]


# Addresses.


@pytest.mark.parametrize(
    ("listens", "comes"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1")]
)
@pytest.mark.parametrize("ending", ["reset", "destroy", "peer"])
def test_both_addresses_are_known_after_the_close_though_nobody_asked_before(
    loop: Reactor, listens: str, comes: str, ending: str
) -> None:
    server = Server(loop)
    seen: list[Connection] = []
    server.on("connection", seen.append)
    address: Any = server.listen(listens, 0)
    _, port = address
    with Peer((comes, port)) as peer:
        where = peer.address
        pump(loop, lambda: seen)
        (peer.reset if ending == "peer" else getattr(seen[0], ending))()
        pump(loop, lambda: seen[0].report is not None)
    assert (seen[0].local_address, seen[0].remote_address) == ((comes, port), where)
    assert (seen[0].fileno(), seen[0].server) == (-1, server)


def test_a_client_of_ipv4_behind_a_dual_stack_socket_is_named_as_the_kernel_does(loop: Reactor) -> None:
    server = Server(loop)
    address: Any = server.listen(None, 0)
    _, port = address
    with Peer(("127.0.0.1", port)) as peer:
        pump(loop, lambda: server.connections)
        conn = next(iter(server.connections))
        assert (conn.local_address, conn.remote_address[0]) == (("::ffff:127.0.0.1", port), "::ffff:127.0.0.1")
        assert conn.remote_address[1] == peer.address[1]


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


def test_with_when_full_reset_the_blocked_are_reset(loop: Reactor) -> None:
    server = Server(loop, block=["127.0.0.0/8"], when_full="reset")
    address: Any = server.listen("127.0.0.1", 0)
    with Peer(address) as peer:
        pump(loop, lambda: server.statistics().refused)
        assert peer.outcome() == "ECONNRESET"


# Who hears what.


@pytest.mark.parametrize("event", CLIENT_EVENTS)
@pytest.mark.parametrize("call", ["on", "once", "off"])
def test_a_server_has_no_events_of_clients(loop: Reactor, call: str, event: str) -> None:
    with pytest.raises(ValueError, match=f"event must be one of .* not '{event}'"):
        getattr(Server(loop), call)(event, print)


@pytest.mark.parametrize("event", SERVER_EVENTS)
def test_a_client_has_no_events_of_servers(loop: Reactor, harness: Any, event: Any) -> None:
    conn = connect(loop, *harness().address)
    with pytest.raises(ValueError, match=f"event must be one of .* not '{event}'"):
        conn.on(event, print)


def test_names_never_mean_two_things() -> None:
    assert not {*CONNECTION_EVENTS, *CLIENT_EVENTS} & {*SERVER_EVENTS}


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
    server.unref()  # again changes nothing
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


CALLS: dict[str, tuple[Any, ...]] = dict.fromkeys(
    ["pipe", "unpipe", "end", "destroy_soon", "destroy", "reset", "pause", "resume", "ref"], ()
) | {
    "write": (b"x",),
    "writelines": ([b"x"],),
    "send_file": (__file__,),
    "set_encoding": ("utf-8",),
    "set_timeout": (5,),
    "set_keep_alive": (True,),
    "set_user_timeout": (5,),
    "set_no_delay": (False,),
    "on": ("data", print),
}


@pytest.mark.parametrize("call", CALLS)
def test_in_debug_mode_a_call_from_another_thread_raises_there_and_does_nothing(
    loop: Reactor, harness: Any, call: str
) -> None:
    _, conn = harness().connect()
    arguments = (conn,) if call == "pipe" else CALLS[call]
    raised: list[BaseException | None] = []

    def inside() -> None:
        raised.append(pool.submit(getattr(conn, call), *arguments).exception())
        loop.stop()

    with ThreadPoolExecutor(1) as pool:
        loop.call_soon(inside)
        loop.run()
    assert [type(error) for error in raised] == [WrongThread]
    assert (conn.state, conn.pending_bytes, conn.bytes_written) == ("open", 0, 0)


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
