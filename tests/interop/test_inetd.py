"""A program that serves one client, started for each by inetd's like: socat, and systemd's (`Accept=yes`).

It has its socket as descriptor 0, or as 3 with LISTEN_FDS, and gives it to `adopt`. With `nofork`, socat lets it have
the client's TCP socket itself; without, one end of a pair. The clients are nc, curl and plain sockets.
"""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reactor.testing import Peer
from tests.support.far_ends import quiet_port
from tests.support.process import CHECKOUT, SECONDS, environment
from tests.support.tools import needs, needs_netcat, openbsd_netcat, run

MUCH = bytes(range(256)) * 8192  # 2 MiB: more than a kernel keeps for a peer that reads late

ADOPTING = """
import os, socket, sys
from reactor import Reactor, adopt
with Reactor() as loop:
    conn = adopt(loop, socket.socket(fileno={fd}))
    {serve}
    loop.run()
"""
ECHO = "conn.pipe(conn)"
REFUSE = "conn.on('data', lambda conn, data: (conn.write(bytes(range(256)) * 8192), conn.destroy_soon()))"
HTTP = "sys.path.insert(0, {examples!r}); import http10; conn.on('data', http10.hear)"


def program(folder: Path, serve: str, fd: int = 0) -> str:
    """The path of an executable script, for programs that take a command apart in ways of their own."""
    path = folder / "program"
    path.write_text(f"#!{sys.executable}\n{ADOPTING.format(fd=fd, serve=serve)}")
    path.chmod(0o755)
    return str(path)


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another program, ended with the block."""
    child = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE)
    try:
        yield child
    finally:
        child.terminate()
        child.communicate(timeout=SECONDS)


def reached(address: Any) -> Peer:
    """A client of a server that another process is about to open."""
    limit = time.monotonic() + SECONDS
    while True:
        try:
            return Peer(address, timeout=SECONDS)
        except (ConnectionRefusedError, FileNotFoundError):
            assert time.monotonic() < limit, f"nobody listens at {address}"
            time.sleep(0.01)


@contextmanager
def socat(command: str, nofork: bool) -> Iterator[tuple[str, int]]:
    """socat as inetd: where it listens."""
    address = "127.0.0.1", quiet_port()
    how = ",nofork" if nofork else ""
    with running("socat", f"TCP-LISTEN:{address[1]},bind=127.0.0.1,fork,reuseaddr", f"EXEC:{command}{how}"):
        reached(address).close()
        yield address


ways = pytest.mark.parametrize("nofork", [True, False], ids=["the socket itself", "a pair"])


@needs("socat")
@ways
def test_an_echo_under_socat_exec(nofork: bool, tmp_path: Path) -> None:
    with socat(program(tmp_path, ECHO), nofork) as address, reached(address) as peer:
        peer.send(b"hello")
        assert peer.receive(5) == b"hello"
        peer.end()
        assert peer.receive_all() == (b"", "FIN")


@needs("socat")
@needs_netcat
@ways
def test_nc_ends_its_half_and_hears_everything(nofork: bool, tmp_path: Path) -> None:
    command = openbsd_netcat()
    assert command is not None
    with socat(program(tmp_path, ECHO), nofork) as address:
        assert run(command, "-N", *map(str, address), sends=MUCH) == MUCH


@needs("socat")
def test_an_early_refusal_arrives_whole_though_the_client_still_sends(tmp_path: Path) -> None:
    with socat(program(tmp_path, REFUSE), nofork=True) as address, reached(address) as peer:
        peer.send(bytes(4 << 20))
        answer, outcome = peer.receive_all()
        assert (answer == MUCH, outcome) == (True, "FIN")


@needs("socat")
@needs("curl")
@ways
def test_curl_gets_a_page_of_the_http_example_that_is_started_for_each_request(nofork: bool, tmp_path: Path) -> None:
    serve = HTTP.format(examples=str(CHECKOUT / "examples"))
    with socat(program(tmp_path, serve), nofork) as (host, port):
        curl = functools.partial(run, "curl", "-q", "-sS", "--noproxy", "*")
        assert curl(f"http://{host}:{port}/") == b"/ with 0 bytes: OK\n"
        assert curl("--data", "hello", f"http://{host}:{port}/form") == b"/form with 5 bytes: OK\n"


# systemd.


@needs("systemd-socket-activate")
@pytest.mark.parametrize(("options", "fd"), [(("-a", "--inetd"), 0), (("-a",), 3)], ids=["inetd", "Accept=yes"])
def test_a_client_of_systemd(options: tuple[str, ...], fd: int, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    environ = f"--setenv=PYTHONPATH={CHECKOUT}"
    with (
        running("systemd-socket-activate", *options, environ, "-l", path, program(tmp_path, ECHO, fd)),
        reached(path) as peer,
    ):
        peer.send(MUCH[:1000])
        assert peer.receive(1000) == MUCH[:1000]
        peer.end()
        assert peer.receive_all() == (b"", "FIN")


LISTENING = """
from reactor import Reactor, Server
with Reactor() as loop:
    server = Server(loop, lambda conn: (conn.end(b"hi"), server.close()))
    server.listen(fd=3)
    loop.run()
"""


@needs("systemd-socket-activate")
def test_a_listening_socket_of_systemd(tmp_path: Path) -> None:
    path, script = str(tmp_path / "s"), tmp_path / "program"
    script.write_text(f"#!{sys.executable}\n{LISTENING}")
    script.chmod(0o755)
    environ = f"--setenv=PYTHONPATH={CHECKOUT}"
    with running("systemd-socket-activate", environ, "-l", path, str(script)), reached(path) as peer:
        assert peer.receive_all() == (b"hi", "FIN")
    assert os.path.exists(path)  # its file is systemd's


# The other way: a socket of ours goes to another program.


def test_a_detached_socket_is_the_input_and_output_of_another_program(harness: Any) -> None:
    """`cat` reads and writes blocking, and so finds the socket as it needs it."""
    h = harness()
    peer, conn = h.connect()
    sock, rest = conn.detach()
    assert rest == b""
    with subprocess.Popen(["cat"], stdin=sock, stdout=sock) as child:
        sock.close()
        peer.send(b"hello")
        assert peer.receive(5) == b"hello"
        peer.sock.shutdown(socket.SHUT_WR)
        assert peer.receive_all() == (b"", "FIN")
        assert child.wait(SECONDS) == 0
    h.closed(conn)
