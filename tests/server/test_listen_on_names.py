"""`listen` with a name: on each of its addresses, on one port."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Reactor, Server
from reactor.testing import settle
from tests.support.unix import is_served
from tests.support.wire import refused

HERE = ["::1", "127.0.0.1"]
NOT_HERE = "2001:db8::1"  # RFC 3849


@pytest.fixture
def server(loop: Reactor) -> Server:
    return Server(loop, lambda conn: conn.write(b"hi"))


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    """`named(addresses)`: those of `far.test`."""
    real = socket.getaddrinfo

    def give(addresses: list[str]) -> None:
        def found(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
            if host not in ("far.test", b"far.test"):
                return real(host, port, *rest, **options)
            return [one for address in addresses for one in real(address, port, *rest, **options)]

        monkeypatch.setattr(socket, "getaddrinfo", found)

    return give


def test_port_0_is_one_port_for_all(server: Server, named: Any) -> None:
    named(HERE)
    address: Any = server.listen("far.test", 0)
    assert server.addresses == [(host, address[1]) for host in HERE]
    assert address == server.addresses[0]
    assert all(is_served(server, where) for where in server.addresses)


def test_listening_tells_each(server: Server, named: Any) -> None:
    told: list[Any] = []
    server.on("listening", lambda server, address: told.append(address))
    named(HERE)
    server.listen("far.test", 0)
    assert told == []
    settle(server.loop)
    assert told == server.addresses
    assert len(told) == 2


def test_an_address_that_the_name_has_twice_is_listened_on_once(server: Server, named: Any) -> None:
    named(["127.0.0.1", "127.0.0.1"])
    server.listen("far.test", 0)
    assert len(server.addresses) == 1


def test_both_wildcards_go_together(server: Server, named: Any) -> None:
    named(["::", "0.0.0.0"])
    address: Any = server.listen("far.test", 0)
    assert len(server.addresses) == 2
    assert all(is_served(server, (host, address[1])) for host in HERE)


@pytest.mark.parametrize("addresses", [[NOT_HERE, "127.0.0.1"], ["127.0.0.1", NOT_HERE]])
def test_an_address_that_is_not_here_is_left_out_and_logged(
    addresses: list[str], server: Server, named: Any, caplog: pytest.LogCaptureFixture
) -> None:
    named(addresses)
    address = server.listen("far.test", 0)
    assert server.addresses == [address]
    assert address[0] == "127.0.0.1"
    assert "listen EADDRNOTAVAIL [2001:db8::1]:0: left out" in caplog.messages


def test_if_none_is_here_the_first_error_is_raised(server: Server, named: Any) -> None:
    named([NOT_HERE, "192.0.2.1"])
    with pytest.raises(OSError, match=r"listen EADDRNOTAVAIL \[2001:db8::1\]:8080") as caught:
        server.listen("far.test", 8080)
    assert (caught.value.errno, server.listening) == (errno.EADDRNOTAVAIL, False)


def test_a_port_that_is_in_use_at_one_address_is_an_error_and_nothing_stays_open(server: Server, named: Any) -> None:
    named(HERE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"listen EADDRINUSE 127.0.0.1:{port}$"):
            server.listen("far.test", port)
    assert not server.listening
    assert refused("::1", port)


def test_with_port_0_a_port_is_looked_for_that_is_free_at_each(
    server: Server, named: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's choice for the first address is taken at the second, three times."""
    named(HERE)
    taken: list[socket.socket] = []
    real = socket.socket.listen

    def listen(sock: socket.socket, *backlog: int) -> None:
        real(sock, *backlog)
        if sock.family == socket.AF_INET6 and len(taken) < 3:
            other = socket.socket()
            taken.append(other)
            other.bind(("127.0.0.1", sock.getsockname()[1]))
            real(other)

    monkeypatch.setattr(socket.socket, "listen", listen)
    address: Any = server.listen("far.test", 0)
    assert len(taken) == 3
    assert server.addresses == [(host, address[1]) for host in HERE]
    for sock in taken:
        sock.close()


def test_closing_closes_them_all(server: Server, named: Any) -> None:
    named(HERE)
    address: Any = server.listen("far.test", 0)
    server.close()
    assert all(refused(host, address[1]) for host in HERE)
