"""What `listen(sock=)`, `listen(fd=)`, `adopt` and `watch` refuse, in one sentence at the call. It stays as it was.

One table of what a program may have in its hands by mistake.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from selectors import EVENT_READ
from typing import Any

import pytest

from reactor import Reactor, Server, adopt
from reactor.testing import Peer
from tests.support.unix import is_served

Stack = ExitStack


def both(stack: Stack, ours: socket.socket, far: socket.socket) -> socket.socket:
    """The first; both are closed in the end."""
    stack.enter_context(far)
    return stack.enter_context(ours)


def tcp(stack: Stack) -> socket.socket:
    return stack.enter_context(socket.socket())


def datagrams(stack: Stack) -> socket.socket:
    return stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))


def packets(stack: Stack) -> socket.socket:
    pair = socket.socketpair(type=socket.SOCK_SEQPACKET)
    return both(stack, *pair)


def netlink(stack: Stack) -> socket.socket:
    return stack.enter_context(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))


def listening(stack: Stack) -> socket.socket:
    return stack.enter_context(socket.create_server(("127.0.0.1", 0)))


def connected(stack: Stack) -> socket.socket:
    return both(stack, *socket.socketpair())


def connecting(stack: Stack) -> socket.socket:
    """Its SYN is never answered."""
    server = stack.enter_context(socket.socket())
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    stack.enter_context(socket.create_connection(server.getsockname()))
    sock = tcp(stack)
    sock.setblocking(False)
    sock.connect_ex(server.getsockname())
    return sock


def closed(stack: Stack) -> socket.socket:
    sock = tcp(stack)
    sock.close()
    return sock


def tls_listening(stack: Stack) -> socket.socket:
    return stack.enter_context(_tls_of_server().wrap_socket(listening(stack), server_side=True))


def tls_connected(stack: Stack) -> socket.socket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return stack.enter_context(context.wrap_socket(connected(stack), do_handshake_on_connect=False))


def _tls_of_server() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def plain_file(stack: Stack) -> Any:
    return stack.enter_context(tempfile.TemporaryFile())


def text_file(stack: Stack) -> Any:
    return stack.enter_context(tempfile.TemporaryFile("w"))


def directory(stack: Stack) -> int:
    return _closed_with(stack, os.open("/", os.O_RDONLY))


def pipe(stack: Stack) -> int:
    reader, writer = os.pipe()
    _closed_with(stack, writer)
    return _closed_with(stack, reader)


def device(stack: Stack) -> int:
    return _closed_with(stack, os.open(os.devnull, os.O_RDONLY))


def epoll(stack: Stack) -> int:
    made = select.epoll()
    stack.callback(made.close)
    return made.fileno()


def closed_number(stack: Stack) -> int:
    fd = os.open(os.devnull, os.O_RDONLY)
    os.close(fd)
    return fd


def _closed_with(stack: Stack, fd: int) -> int:
    stack.callback(os.close, fd)
    return fd


Case = tuple[Callable[[Stack], Any], type[Exception], str]

LISTEN_SOCK: list[Case] = [
    (
        tls_listening,
        TypeError,
        r"sock must be a plain socket, not <ssl.SSLSocket .*>: its accept\(\) would stop the loop",
    ),
    (datagrams, ValueError, "sock must be a stream socket, not <.*>, a datagram socket$"),
    (packets, ValueError, "sock must be a stream socket, not <.*>, a socket of packets$"),
    (netlink, ValueError, "sock must be a stream socket, not <.*>, a raw socket$"),
    (tcp, ValueError, r"sock must be listening already \(call its listen\(\) first\), not <"),
    (connected, ValueError, r"sock must be listening already"),
    (closed, ValueError, r"sock must be open, not <socket\.socket \[closed\]"),
    (plain_file, TypeError, "sock must be a listening socket, not <_io"),
    (pipe, TypeError, "sock must be a listening socket, not [0-9]+$"),
]
LISTEN_FD: list[Case] = [
    (datagrams, ValueError, "fd must be a stream socket, not [0-9]+, a datagram socket$"),
    (tcp, ValueError, "fd must be listening already"),
    (plain_file, OSError, "fd must be the descriptor of a listening socket, not [0-9]+, a plain file$"),
    (directory, OSError, "not [0-9]+, a directory$"),
    (pipe, OSError, "not [0-9]+, a pipe$"),
    (device, OSError, "not [0-9]+, a device$"),
    (epoll, OSError, "not [0-9]+, no file$"),
    (closed_number, OSError, "not [0-9]+, which is not open$"),
]
ADOPT: list[Case] = [
    (tls_connected, TypeError, "sock must be a plain socket, not <ssl.SSLSocket .*>: its bytes are encrypted"),
    (datagrams, ValueError, "sock must be a stream socket, not <.*>, a datagram socket$"),
    (packets, ValueError, "a socket of packets$"),
    (netlink, ValueError, "a raw socket$"),
    (tcp, ValueError, r"sock must be connected, which <.*> is not$"),
    (connecting, ValueError, r"sock must be connected, which <.*> is not$"),
    (lambda stack: stack.enter_context(socket.socket(socket.AF_UNIX)), ValueError, "sock must be connected, which"),
    (listening, ValueError, r"sock must be connected, not listening: Server\.listen\(sock=\) takes <"),
    (closed, ValueError, "sock must be open, not <"),
    (plain_file, TypeError, "sock must be a connected socket, not <_io"),
    (pipe, TypeError, "sock must be a connected socket, not [0-9]+$"),
]
WATCH: list[Case] = [
    (tls_connected, TypeError, "fd must be a plain socket, not <ssl.SSLSocket .*>: TLS may have read"),
    (plain_file, PermissionError, "fd must be a socket, a pipe or the like: to wait for a plain file is not permitted"),
    (text_file, PermissionError, "to wait for a plain file is not permitted, as for <_io.TextIOWrapper"),
    (directory, PermissionError, "to wait for a directory is not permitted, as for [0-9]+$"),
    (closed_number, OSError, "fd must be open, which descriptor [0-9]+ is not$"),
    (closed, ValueError, "fd must be an open file descriptor"),
]


@pytest.fixture
def stack() -> Iterator[Stack]:
    with ExitStack() as made:
        yield made


def ids(case: Any) -> str | None:
    return getattr(case, "__name__", None) if callable(case) and not isinstance(case, type) else ""


def number_of(thing: Any) -> int:
    return int(thing) if isinstance(thing, int) else int(thing.fileno())


def state_of(thing: Any) -> Any:
    """What a refusal must leave as it was."""
    if not isinstance(thing, socket.socket):
        return None
    return thing.fileno(), thing.gettimeout(), thing.fileno() >= 0 and os.fstat(thing.fileno()).st_ino


@pytest.mark.parametrize(("make", "kind", "text"), LISTEN_SOCK, ids=ids)
def test_listen_sock(make: Any, kind: Any, text: str, loop: Reactor, stack: Stack) -> None:
    server, thing = Server(loop), make(stack)
    before = state_of(thing)
    with pytest.raises(kind, match=f"^{text}"):
        server.listen(sock=thing)
    assert (state_of(thing), server.listening) == (before, False)


@pytest.mark.parametrize(("make", "kind", "text"), LISTEN_FD, ids=ids)
def test_listen_fd(make: Any, kind: Any, text: str, loop: Reactor, stack: Stack) -> None:
    server, thing = Server(loop), make(stack)
    before = state_of(thing)
    with pytest.raises(kind, match=text):
        server.listen(fd=number_of(thing))
    assert (state_of(thing), server.listening) == (before, False)


@pytest.mark.parametrize(("make", "kind", "text"), ADOPT, ids=ids)
def test_adopt(make: Any, kind: Any, text: str, loop: Reactor, stack: Stack) -> None:
    thing = make(stack)
    before = state_of(thing)
    with pytest.raises(kind, match=text):
        adopt(loop, thing)
    assert (state_of(thing), loop.statistics().held) == (before, 0)


@pytest.mark.parametrize(("make", "kind", "text"), WATCH, ids=ids)
def test_watch_on_each_selector(make: Any, kind: Any, text: str, each_loop: Reactor, stack: Stack) -> None:
    with pytest.raises(kind, match=text):
        each_loop.watch(make(stack), EVENT_READ, print)
    assert each_loop.statistics().held == 0


def test_watch_takes_datagram_sockets_pipes_and_what_else_can_be_waited_for(each_loop: Reactor, stack: Stack) -> None:
    for make in (datagrams, packets, netlink, pipe, listening):
        thing = make(stack)
        each_loop.watch(thing, EVENT_READ, print)
        each_loop.unwatch(thing)


def test_watch_of_the_number_of_a_tls_socket_is_the_programs_own_business(loop: Reactor, stack: Stack) -> None:
    sock = tls_connected(stack)
    loop.watch(sock.fileno(), EVENT_READ, print)
    loop.unwatch(sock.fileno())


def test_a_silent_client_of_a_tls_socket_can_stop_no_loop(loop: Reactor, tmp_path: Path, stack: Stack) -> None:
    """As a program would have it: with a certificate, and with a client."""
    key, cert = tmp_path / "key", tmp_path / "cert"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {cert} -days 2 -subj /CN=x"
    if subprocess.run(command.split(), capture_output=True, check=False).returncode:
        pytest.skip("openssl is not installed (Debian: openssl)")
    context = _tls_of_server()
    context.load_cert_chain(cert, key)
    sock = stack.enter_context(context.wrap_socket(listening(stack), server_side=True))
    with Peer(sock.getsockname()), pytest.raises(TypeError, match="SSLSocket"):
        Server(loop).listen(sock=sock)


@pytest.mark.parametrize("as_number", [False, True])
def test_a_socket_that_a_server_has_already_is_refused_and_lives_on(
    as_number: bool, loop: Reactor, stack: Stack
) -> None:
    server, sock = Server(loop, lambda conn: conn.write(b"hi")), listening(stack)
    server.listen(sock=sock)
    for other in (server, Server(loop)):
        with pytest.raises(ValueError, match="must not be in use on this reactor"):
            other.listen(**({"fd": sock.fileno()} if as_number else {"sock": sock}))
    assert is_served(server, sock.getsockname())
