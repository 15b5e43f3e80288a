"""A TCP socket can connect to itself, where nobody listens and the kernel gives the client just the port that it asks
for (RFC 9293, 3.5). For a client that is a port where nobody listens, and nothing else.
"""

from __future__ import annotations

import errno
import socket

import pytest

from reactor import Connection, Reactor, Reason, connect
from reactor.testing import Peer, pump, settle
from tests.support.far_ends import ACCEPTS, FarEnds, family, free_port
from tests.support.recording import Heard

families = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


def to_itself(loop: Reactor, host: str) -> tuple[Connection, tuple[str, int]]:
    """A client whose own address is the one it connects to."""
    address = host, free_port(host)
    return connect(loop, *address, local_address=address), address


@families
def test_the_kernel_does_connect_a_socket_to_itself(host: str) -> None:
    with socket.socket(family(host)) as sock:
        sock.bind((host, free_port(host)))
        sock.connect(sock.getsockname())
        sock.sendall(b"echo")
        assert sock.recv(4) == b"echo"
        assert sock.getsockname() == sock.getpeername()


@families
def test_it_fails_as_where_nobody_listens(host: str, each_loop: Reactor) -> None:
    conn, (_, port) = to_itself(each_loop, host)
    heard = Heard(conn)
    conn.write(b"would come back")
    report = heard.report(each_loop)
    error = heard.error()
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    assert isinstance(error, ConnectionRefusedError)
    assert (error.errno, error.strerror) == (errno.ECONNREFUSED, f"connect ECONNREFUSED {shown} - Local ({shown})")
    assert heard.names() == ["connection_attempt", "connection_attempt_failed", "error", "close"]
    assert (report.reason, report.phase) == (Reason.CONNECT_FAILED, "connecting")
    assert (report.bytes_read, report.bytes_written, report.bytes_unsent) == (0, 0, 15)


@families
def test_the_port_is_free_for_its_server_at_once(host: str, loop: Reactor) -> None:
    conn, address = to_itself(loop, host)
    pump(loop, lambda: conn.report)
    with socket.socket(family(host)) as server:  # without SO_REUSEADDR: not even in TIME_WAIT
        server.bind(address)
        server.listen()
        with Peer(address):
            pass


def test_a_name_goes_on_with_its_next_address(loop: Reactor) -> None:
    with FarEnds({"127.0.0.3": ACCEPTS}) as ends:
        hosts = ["127.0.0.2", "127.0.0.3"]
        local = "127.0.0.2", ends.port
        conn = ends.connect(loop, local_address=local, lookup=lambda host, family, done: done(None, hosts))
        heard = Heard(conn)
        pump(loop, lambda: conn.state == "open")
        assert (conn.local_address, conn.remote_address) == (local, ("127.0.0.3", ends.port))
        ((host, _, _, error),) = heard.of("connection_attempt_failed")
        assert (host, error.errno) == ("127.0.0.2", errno.ECONNREFUSED)


def test_the_same_port_at_another_address_is_somebody_else(loop: Reactor) -> None:
    with FarEnds({"127.0.0.3": ACCEPTS}) as ends:
        conn = connect(loop, "127.0.0.3", ends.port, local_address=("127.0.0.2", ends.port))
        pump(loop, lambda: conn.state == "open")


def test_a_client_given_up_in_the_turn_in_which_it_connects_to_itself_is_given_up(loop: Reactor) -> None:
    conn, address = to_itself(loop, "127.0.0.1")
    conn.on("connection_attempt", lambda conn, *_: conn.destroy())
    heard = Heard(conn)
    assert heard.report(loop).reason is Reason.DESTROYED
    settle(loop)
    assert heard.names() == ["close"]
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        server.listen()
