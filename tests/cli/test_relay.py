"""A relay process: `python -m reactor relay --to ...`, and `examples/relay.py`."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from reactor.testing import Peer
from tests.support.process import SECONDS, Process
from tests.support.programs import ROOT, running


class Target:
    """What a relay connects to: a plain listening socket of this test."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sock.settimeout(SECONDS)
        self._accepted: list[socket.socket] = []

        self.address: tuple[str, int] = sock.getsockname()[:2]

    @property
    def to(self) -> str:
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def accept(self) -> socket.socket:
        sock, _ = self._sock.accept()
        sock.settimeout(SECONDS)
        self._accepted.append(sock)
        return sock

    def close(self) -> None:
        for sock in (self._sock, *self._accepted):
            sock.close()


@pytest.fixture(params=["127.0.0.1", "::1"])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    made = Target(socket.create_server((request.param, 0), family=family))
    yield made
    made.close()


def read_all(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65_536), b""))


def test_what_either_side_says_reaches_the_other_and_each_half_ends_by_itself(target: Target) -> None:
    with Process("relay", "--to", target.to) as relay, relay.connect() as peer:
        peer.send(b"question")
        peer.end()
        server = target.accept()
        assert read_all(server) == b"question"
        server.sendall(b"answer" * 100_000)
        server.shutdown(socket.SHUT_WR)
        assert peer.receive_all() == (b"answer" * 100_000, "FIN")


def test_a_client_is_reset_where_nobody_listens(target: Target) -> None:
    target.close()
    with Process("relay", "--to", target.to) as relay:
        with pytest.raises(ConnectionResetError), relay.connect() as peer:  # it may come before connect() returns
            peer.sock.recv(1)
        assert f"connect ECONNREFUSED {target.to}" in relay.err.next()


def test_a_reset_passes_through(target: Target) -> None:
    with Process("relay", "--to", target.to) as relay, relay.connect() as peer:
        peer.send(b"x")
        server = target.accept()
        assert server.recv(1) == b"x"
        peer.reset()
        with pytest.raises(ConnectionResetError):
            server.recv(1)


def test_the_target_may_be_a_unix_socket(tmp_path: Path) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(tmp_path / "t"))
    sock.listen()
    target = Target(sock)
    with Process("relay", "--to", str(tmp_path / "t")) as relay, relay.connect() as peer:
        target.accept().sendall(b"hello")
        assert peer.receive(5) == b"hello"
    target.close()


def test_who_is_in_the_middle_of_something_has_the_grace_to_finish_it(target: Target) -> None:
    with Process("relay", "--to", target.to) as relay, relay.connect() as peer:
        server = target.accept()
        relay.signal(signal.SIGTERM)
        assert "stopping within 10 s, connections: 1" in relay.err.next()
        peer.send(b"late question")
        assert server.recv(100) == b"late question"
        server.sendall(b"late answer")
        assert peer.receive(11) == b"late answer"
        peer.end()
        server.shutdown(socket.SHUT_WR)
        assert relay.status() == 0


def test_a_second_signal_resets_both_sides(target: Target) -> None:
    with Process("relay", "--to", target.to) as relay, relay.connect() as peer:
        server = target.accept()
        relay.signal(signal.SIGTERM)
        relay.err.next()
        relay.signal(signal.SIGINT)
        assert peer.outcome() == "ECONNRESET"
        with pytest.raises(ConnectionResetError):
            server.recv(1)
        assert relay.status() == 1


def test_the_settings_count_on_both_sides(target: Target) -> None:
    with Process("relay", "--to", target.to, "--idle-timeout", "0.2") as relay, relay.connect() as peer:
        server = target.accept()
        assert peer.outcome() == "FIN"
        assert server.recv(1) == b""


def test_the_example_relays(target: Target) -> None:
    host, port = target.address
    with running(str(ROOT / "examples" / "relay.py"), "0", host, str(port)) as program, Peer(program.address()) as peer:
        peer.send(b"question")
        peer.end()
        server = target.accept()
        assert read_all(server) == b"question"
        server.sendall(b"answer")
        server.shutdown(socket.SHUT_WR)
        assert peer.receive_all() == (b"answer", "FIN")
        program.ask_to_stop()
        assert program.finish()[0] == 0
