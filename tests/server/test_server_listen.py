"""Where a server listens, and what `listen` says when it cannot."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

import pytest

from reactor import Reactor, Server, ServerClosed
from reactor.testing import Peer, pump, settle
from tests.support.unix import is_served
from tests.support.wire import refused


@pytest.fixture
def server(loop: Reactor) -> Server:
    """A server that greets, so that a client can tell that it was let in."""
    return Server(loop, lambda conn: conn.write(b"hi"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_it_listens_on_an_address_and_all_addresses_are_pairs(server: Server, host: str) -> None:
    seen: list[tuple[Any, Any]] = []
    server.on("connection", lambda conn: seen.append((conn.local_address, conn.remote_address)))
    address = server.listen(host, 0)
    assert (len(address), address[0]) == (2, host)
    with Peer(address) as peer:
        pump(server.loop, lambda: seen)
        assert seen == [(address, (host, peer.sock.getsockname()[1]))]


def test_a_name_is_resolved(server: Server) -> None:
    assert is_served(server, server.listen("localhost", 0))


@pytest.mark.parametrize("client", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("host", [None, "::"])
def test_the_wildcard_takes_both_families_by_one_socket(server: Server, host: str | None, client: str) -> None:
    address: Any = server.listen(host, 0)
    assert len(server.addresses) == 1
    assert is_served(server, (client, address[1]))


@pytest.mark.parametrize("host", [None, "::"])
def test_ipv6_only_leaves_ipv4_out(server: Server, host: str | None) -> None:
    address: Any = server.listen(host, 0, ipv6_only=True)
    assert is_served(server, ("::1", address[1]))
    assert refused("127.0.0.1", address[1])


def test_one_server_serves_on_all_its_addresses_and_port_0_is_a_free_one(server: Server) -> None:
    addresses: list[Any] = [server.listen("127.0.0.1", 0), server.listen("::1", 0), server.listen("127.0.0.1", 0)]
    assert server.addresses == addresses
    assert addresses[0] != addresses[2]
    assert all(port > 0 and is_served(server, (host, port)) for host, port in addresses)


def test_a_socket_that_listens_already_is_taken_over(server: Server) -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    address = server.listen(sock=sock)
    assert address == sock.getsockname()
    assert is_served(server, address)
    server.close()
    assert sock.fileno() == -1


def test_a_descriptor_that_listens_already_is_taken_over(server: Server) -> None:
    fd = socket.create_server(("127.0.0.1", 0)).detach()
    assert is_served(server, server.listen(fd=fd))
    server.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_an_address_in_use_is_named_as_node_does(server: Server) -> None:
    address: Any = server.listen("127.0.0.1", 0)
    host, port = address
    with pytest.raises(OSError, match="listen EADDRINUSE") as caught:
        server.listen(host, port)
    error: Any = caught.value
    assert error.strerror == f"listen EADDRINUSE 127.0.0.1:{port}"
    assert (error.errno, error.syscall, error.address, error.port) == (errno.EADDRINUSE, "listen", host, port)
    assert len(server.addresses) == 1


def test_a_name_that_cannot_be_is_named_as_node_does(server: Server) -> None:
    name = "x" * 64 + ".invalid"  # a label has 63 characters at most (RFC 1035)
    with pytest.raises(socket.gaierror, match=f"getaddrinfo ENOTFOUND {name}"):
        server.listen(name, 0)


def test_a_failed_listen_leaves_the_server_usable(server: Server) -> None:
    with pytest.raises(OSError, match=r"listen EADDRNOTAVAIL 192\.0\.2\.1:8080") as caught:
        server.listen("192.0.2.1", 8080)  # TEST-NET-1 (RFC 5737)
    assert (caught.value.errno, server.listening) == (errno.EADDRNOTAVAIL, False)
    assert is_served(server, server.listen("127.0.0.1", 0))


def test_the_kernel_shares_clients_out_among_those_who_listen_with_reuse_port(server: Server) -> None:
    other = Server(server.loop)
    address: Any = server.listen("127.0.0.1", 0, reuse_port=True)
    assert other.listen(*address, reuse_port=True) == address
    for _ in range(200):  # each goes to either by a hash of its port: 2^-199 for all to one
        with Peer(address):
            pass
    pump(server.loop, lambda: server.statistics().accepted + other.statistics().accepted == 200)
    assert 0 < server.statistics().accepted < 200


def test_a_port_with_connections_in_time_wait_can_be_listened_on(server: Server, h: Any) -> None:
    peer, conn = h.connect()
    conn.end()
    pump(h.loop, lambda: h.record.names() == ["finish"])
    peer.end()
    assert h.closed(conn).clean  # we ended first: TIME_WAIT is ours
    h.server.close()
    settle(h.loop)
    assert server.listen(*h.address) == h.address


def test_the_listening_event_comes_in_the_next_turn(server: Server) -> None:
    heard: list[tuple[Server, Any]] = []
    server.on("listening", lambda *args: heard.append(args))
    first = server.listen("127.0.0.1", 0)
    second = server.listen("127.0.0.1", 0)
    assert server.listening
    assert heard == []
    server.loop.run_once(0)
    assert heard == [(server, first), (server, second)]


def test_there_is_no_listening_event_if_the_server_was_closed_before(server: Server) -> None:
    heard: list[str] = []
    server.on("listening", lambda *_: heard.append("listening"))
    server.on("stopped", lambda *_: heard.append("stopped"))
    server.listen("127.0.0.1", 0)
    server.close()
    settle(server.loop)
    assert heard == ["stopped"]


def test_it_may_not_listen_while_it_is_stopping(h: Any) -> None:
    h.connect()
    h.server.close()
    with pytest.raises(ServerClosed, match="while the server is stopping"):
        h.server.listen("127.0.0.1", 0)
