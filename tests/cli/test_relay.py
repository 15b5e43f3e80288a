"""A relay process: `python -m reactor relay --to ...`, and `examples/relay.py`."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reactor.testing import Peer
from tests.support.process import SECONDS, Process
from tests.support.programs import ROOT, running

Parts = tuple[Process, Peer, socket.socket]


class Target(socket.socket):
    """What a relay connects to: a plain listening socket of this test."""

    def __init__(self, family: int, address: str | tuple[str, int]) -> None:
        super().__init__(family)
        self.bind(address)
        self.listen()
        self.settimeout(SECONDS)
        name = self.getsockname()
        host = f"[{name[0]}]" if family == socket.AF_INET6 else name[0]
        self.to = name if isinstance(name, str) else f"{host}:{name[1]}"

    def accepted(self) -> socket.socket:
        sock, _ = self.accept()
        sock.settimeout(SECONDS)
        return sock


@pytest.fixture(params=["127.0.0.1", "::1"])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    with Target(socket.AF_INET6 if ":" in request.param else socket.AF_INET, (request.param, 0)) as made:
        yield made


@contextmanager
def relaying(target: Target, *options: str) -> Iterator[Parts]:
    """A relay, and the two that it connects."""
    with Process("relay", "--to", target.to, *options) as relay, relay.connect() as peer, target.accepted() as server:
        yield relay, peer, server


def talk(peer: Peer, server: socket.socket, answer: bytes) -> None:
    """Question and answer, each of which ends its half."""
    peer.send(b"question")
    peer.end()
    assert b"".join(iter(lambda: server.recv(65_536), b"")) == b"question"
    server.sendall(answer)
    server.shutdown(socket.SHUT_WR)
    assert peer.receive_all() == (answer, "FIN")


def test_what_either_side_says_reaches_the_other_and_each_half_ends_by_itself(target: Target) -> None:
    with relaying(target) as (_, peer, server):
        talk(peer, server, b"answer" * 100_000)


def test_a_client_is_reset_where_nobody_listens(target: Target) -> None:
    target.close()
    with Process("relay", "--to", target.to) as relay:
        with pytest.raises(ConnectionResetError), relay.connect() as peer:  # it may come before connect() returns
            peer.sock.recv(1)
        assert f"connect ECONNREFUSED {target.to}" in relay.err.next()


def test_a_reset_passes_through(target: Target) -> None:
    with relaying(target) as (_, peer, server):
        peer.send(b"x")
        assert server.recv(1) == b"x"
        peer.reset()
        with pytest.raises(ConnectionResetError):
            server.recv(1)


def test_the_target_may_be_a_unix_socket(tmp_path: Path) -> None:
    with Target(socket.AF_UNIX, str(tmp_path / "t")) as target, relaying(target) as (_, peer, server):
        server.sendall(b"hello")
        assert peer.receive(5) == b"hello"


def test_who_is_in_the_middle_of_something_has_the_grace_to_finish_it(target: Target) -> None:
    with relaying(target) as (relay, peer, server):
        relay.signal(signal.SIGTERM)
        assert "stopping within 10 s, connections: 1" in relay.err.next()
        talk(peer, server, b"late answer")
        assert relay.status() == 0


def test_a_second_signal_resets_both_sides(target: Target) -> None:
    with relaying(target) as (relay, peer, server):
        relay.signal(signal.SIGTERM)
        relay.err.next()
        relay.signal(signal.SIGINT)
        assert peer.outcome() == "ECONNRESET"
        with pytest.raises(ConnectionResetError):
            server.recv(1)
        assert relay.status() == 1


def test_the_settings_count_on_both_sides(target: Target) -> None:
    with relaying(target, "--idle-timeout", "0.2") as (_, peer, server):
        assert peer.outcome() == "FIN"
        assert server.recv(1) == b""


def test_the_example_relays(target: Target) -> None:
    host, port = target.getsockname()[:2]
    with running(str(ROOT / "examples" / "relay.py"), "0", host, str(port)) as program:
        with Peer(program.address()) as peer, target.accepted() as server:
            talk(peer, server, b"answer")
        program.ask_to_stop()
        assert program.finish()[0] == 0


def test_the_example_without_a_target_relays_to_an_echo_server_of_its_own() -> None:
    with running(str(ROOT / "examples" / "relay.py"), "0") as program:
        listening, _, relaying_to = program.printed(1).partition(", ")
        host, _, port = listening.removeprefix("listening on ").rpartition(":")
        assert relaying_to.startswith("relaying to 127.0.0.1:")
        with Peer((host, int(port))) as peer:
            peer.send(b"hello")
            assert peer.receive(5) == b"hello"
            peer.end()
            assert peer.outcome() == "FIN"
        program.ask_to_stop()
        assert program.finish()[0] == 0
