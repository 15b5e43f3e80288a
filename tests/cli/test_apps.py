"""The built-in apps, on the wire."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from reactor import Connection, Reactor, Server
from reactor.cli import apps
from reactor.testing import Peer, pump, settle

KIB, MIB = 1024, 1024 * 1024


class Service:
    """One app with one client."""

    def __init__(self, loop: Reactor, app: apps.App, **settings: Any) -> None:
        self.loop = loop
        self.server = Server(loop, app, **settings)
        self.found: list[Connection] = []
        self.server.on("connection", self.found.append)
        self.peer = Peer(self.server.listen("127.0.0.1", 0), receive_buffer=64 * KIB)  # type: ignore[arg-type]
        pump(loop, lambda: self.found)

    @property
    def conn(self) -> Connection:
        return self.found[0]

    def received(self, count: int) -> bytes:
        """Exactly so many bytes from the app, taking turns meanwhile."""
        pieces: list[bytes] = []
        size = 0

        def enough() -> bool:
            nonlocal size
            while size < count and not self.peer.nothing_comes():
                pieces.append(self.peer.sock.recv(min(count - size, 64 * KIB)))
                assert pieces[-1], "the stream ended"
                size += len(pieces[-1])
            return size == count

        pump(self.loop, enough)
        return b"".join(pieces)

    def closed(self) -> Any:
        pump(self.loop, lambda: self.conn.report is not None)
        return self.conn.report


@pytest.fixture
def serve(loop: Reactor) -> Any:
    made: list[Service] = []

    def make(app: apps.App, **settings: Any) -> Service:
        made.append(Service(loop, app, **settings))
        return made[-1]

    yield make
    for service in made:
        service.peer.close()


def test_echo_sends_back_what_comes_in(serve: Any) -> None:
    service = serve(apps.echo)
    service.peer.send(b"hello\n")
    assert service.received(6) == b"hello\n"


def test_echo_ends_after_the_last_byte_when_its_client_ends(serve: Any) -> None:
    service = serve(apps.echo)
    service.peer.send(b"last word")
    service.peer.end()
    assert service.closed().clean
    assert service.peer.receive_all() == (b"last word", "FIN")


def test_echo_does_not_read_from_who_does_not_read(serve: Any) -> None:
    service = serve(apps.echo)
    sent = 0

    def stuck() -> bool:
        nonlocal sent
        more = service.peer.send_some(bytes(256 * KIB))
        sent += more
        return more == 0 and service.conn.pending_bytes > service.conn.high_water and quiet()

    def quiet() -> bool:
        before = service.conn.bytes_read
        settle(service.loop)
        return service.conn.bytes_read == before

    pump(service.loop, stuck)
    assert service.conn.pending_bytes <= service.conn.high_water + 256 * KIB  # what one read can bring
    assert len(service.received(sent)) == sent  # and goes on when it reads again
    assert service.conn.bytes_read == sent


def test_goodbye_says_so_and_ends(serve: Any) -> None:
    service = serve(apps.goodbye)
    service.peer.end()
    assert service.closed().clean
    assert service.peer.receive_all() == (b"Goodbye\n", "FIN")


def test_discard_reads_everything_and_answers_nothing(serve: Any) -> None:
    service = serve(apps.discard)
    for _ in range(16):
        service.peer.send(bytes(64 * KIB))
        pump(service.loop, lambda: service.conn.bytes_read % (64 * KIB) == 0)
    service.peer.end()
    report = service.closed()
    assert (report.bytes_read, report.bytes_discarded, report.bytes_written) == (MIB, MIB, 0)
    assert service.peer.receive_all() == (b"", "FIN")


def test_chargen_sends_the_pattern_of_rfc_864(serve: Any) -> None:
    lines = serve(apps.chargen).received(74 * 200).split(b"\r\n")[:-1]
    assert lines[0].startswith(b' !"#$%&')
    assert lines[94].startswith(b'~ !"#$%')
    assert all(len(line) == 72 for line in lines)
    for before, line in itertools.pairwise(lines):
        assert line[:-1] == before[1:]
    assert lines[95] == lines[0]


def test_chargen_writes_only_what_is_read(serve: Any) -> None:
    service = serve(apps.chargen)
    pump(service.loop, lambda: service.conn.pending_bytes > service.conn.high_water)
    settle(service.loop)
    assert service.conn.pending_bytes <= service.conn.high_water + len(apps.PATTERN)
    data = service.received(4 * MIB)
    assert data == (apps.PATTERN * (4 * MIB // len(apps.PATTERN) + 1))[: 4 * MIB]


def test_chargen_drops_what_comes_in_and_ends_with_its_client(serve: Any) -> None:
    service = serve(apps.chargen)
    service.peer.send(b"stop it")
    pump(service.loop, lambda: service.conn.bytes_read == 7)
    service.peer.reset()
    assert service.closed().bytes_discarded == 7
