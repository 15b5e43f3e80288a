"""The built-in apps, on the wire."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from reactor.cli import apps
from reactor.testing import pump, settle
from tests.support.piping import KIB, MIB, End

Serve = Callable[[apps.App], End]


@pytest.fixture
def serve(harness: Any) -> Serve:
    """`serve(app)` is one connection of an app, and its client."""

    def make(app: apps.App) -> End:
        wire = harness(data=False)
        wire.server.on("connection", app)
        return End(wire.loop, *wire.connect(receive_buffer=64 * KIB))

    return make


def test_echo_sends_back_what_comes_in(serve: Serve) -> None:
    client = serve(apps.echo)
    client.send(b"hello\n")
    assert client.receive(6) == b"hello\n"


def test_echo_ends_after_the_last_byte_when_its_client_ends(serve: Serve) -> None:
    client = serve(apps.echo)
    client.send(b"last word")
    client.end()
    assert client.receive_all() == (b"last word", "FIN")
    assert client.report().clean


def test_echo_does_not_read_from_who_does_not_read(serve: Serve) -> None:
    client = serve(apps.echo)
    sent = client.pour(bytes(32 * MIB))
    assert client.is_throttled()
    most = client.conn.high_water + 256 * KIB  # what one read can bring
    assert client.conn.high_water < client.conn.pending_bytes <= most
    assert len(client.receive(sent)) == sent  # and goes on when it reads again
    assert client.conn.bytes_read == sent


def test_goodbye_says_so_and_ends(serve: Serve) -> None:
    client = serve(apps.goodbye)
    client.end()
    assert client.receive_all() == (b"Goodbye\n", "FIN")
    assert client.report().clean


def test_discard_reads_everything_and_answers_nothing(serve: Serve) -> None:
    client = serve(apps.discard)
    client.send(bytes(MIB))
    client.end()
    assert client.receive_all() == (b"", "FIN")
    report = client.report()
    assert (report.bytes_read, report.bytes_discarded, report.bytes_written) == (MIB, MIB, 0)


def test_chargen_sends_the_pattern_of_rfc_864(serve: Serve) -> None:
    lines = serve(apps.chargen).receive(74 * 200)[: 74 * 200].split(b"\r\n")[:-1]
    assert lines[0].startswith(b' !"#$%&')
    assert lines[94].startswith(b'~ !"#$%')
    assert all(len(line) == 72 for line in lines)
    for before, line in itertools.pairwise(lines):
        assert line[:-1] == before[1:]
    assert lines[95] == lines[0]


def test_chargen_writes_only_what_is_read(serve: Serve) -> None:
    client = serve(apps.chargen)
    pump(client.loop, lambda: client.conn.pending_bytes > client.conn.high_water)
    settle(client.loop)
    assert client.conn.pending_bytes <= client.conn.high_water + len(apps.PATTERN)
    assert client.receive(4 * MIB)[: 4 * MIB] == (apps.PATTERN * (4 * MIB // len(apps.PATTERN) + 1))[: 4 * MIB]


def test_chargen_drops_what_comes_in_and_ends_with_its_client(serve: Serve) -> None:
    client = serve(apps.chargen)
    client.send(b"stop it")
    pump(client.loop, lambda: client.conn.bytes_read == 7)
    client.peer.reset()
    assert client.report().bytes_discarded == 7
