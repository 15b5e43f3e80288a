"""`log_closes`: one line in the log for each connection that closes, as text or JSON, with fields."""

from __future__ import annotations

import json
import logging
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from reactor import ClientGroup, CloseReport, Reactor, Server, log_closes, serve
from reactor.testing import Peer, pump, settle
from tests.support.recording import Harness


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno == logging.INFO]


def one(harness: Any, loop: Reactor, caplog: pytest.LogCaptureFixture, form: Any) -> str:
    """Let a connection read 5 bytes, write 2, and end; where its peer was."""
    h: Harness = harness()
    log_closes(h.server, form)
    peer, conn = h.connect()
    peer.send(b"hello")
    settle(loop)
    conn.end(b"ok")
    settle(loop)
    peer.end()
    pump(loop, lambda: not h.server.connections)
    return "{}:{}".format(*peer.address)


def test_as_text_it_is_a_sentence(harness: Any, loop: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    where = one(harness, loop, caplog, "text")
    (line,) = lines(caplog)
    assert line.getMessage() == f"{where} closed: ended, 5 bytes in, 2 out, 0 unsent, 0.000 s"


@pytest.mark.parametrize("form", ["text", "json"])
def test_its_fields_are_the_peer_and_those_of_the_report(
    harness: Any, loop: Reactor, caplog: pytest.LogCaptureFixture, form: str
) -> None:
    where = one(harness, loop, caplog, form)
    (line,) = lines(caplog)
    fields = vars(line)
    assert {name: fields[name] for name in ("peer", "reason", "clean", "bytes_read", "bytes_written", "error")} == {
        "peer": where, "reason": "ended", "clean": True, "bytes_read": 5, "bytes_written": 2, "error": None,
    }  # fmt: skip
    assert set(CloseReport._fields) <= set(fields)


def test_as_json_it_is_one_object(harness: Any, loop: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    where = one(harness, loop, caplog, "json")
    (line,) = lines(caplog)
    found = json.loads(line.getMessage())
    assert set(found) == {"peer", *CloseReport._fields}
    assert (found["peer"], found["reason"], found["duration"]) == (where, "ended", 0.0)


def test_no_field_has_a_name_that_a_record_has_itself() -> None:
    assert not {"peer", *CloseReport._fields} & {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_peer_with_a_newline_in_its_name_has_one_line(
    loop: Reactor, tmp_path: Path, caplog: pytest.LogCaptureFixture, form: Any
) -> None:
    server = Server(loop)
    log_closes(server, form)
    path = os.path.relpath(tmp_path / "s")
    server.listen(path=path)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.bind("\0a\nERROR \x1b[2J\u2028")
        peer.connect(path)
    pump(loop, lambda: bool(lines(caplog)))
    server.close()
    assert lines(caplog)[0].getMessage().isprintable()
    assert vars(lines(caplog)[0])["peer"].isprintable()


def test_the_error_of_a_client_is_named_in_the_line_and_has_no_other(
    loop: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    group = ClientGroup(loop)
    log_closes(group)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        host, port = nobody.getsockname()
        conn = group.connect(host, port)
        pump(loop, lambda: conn.report is not None)
    (line,) = lines(caplog)
    assert f"{host}:{port} closed: connect failed (connect ECONNREFUSED {host}:{port}), 0 bytes" in line.getMessage()


def test_one_connection_can_be_logged_alone(harness: Any, loop: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    h = harness()
    _, first = h.connect()
    _, second = h.connect()
    log_closes(first)
    first.reset()
    second.reset()
    settle(loop)
    assert [line.getMessage().split(",")[0] for line in lines(caplog)] == [
        "{}:{} closed: reset".format(*first.remote_address)
    ]


def test_another_format_is_refused(loop: Reactor) -> None:
    with pytest.raises(ValueError, match="format must be one of 'text', 'json', not 'xml'"):
        log_closes(Server(loop), "xml")  # type: ignore[arg-type]


def test_serve_logs_closes_if_it_is_told_to(caplog: pytest.LogCaptureFixture) -> None:
    peers: list[Peer] = []

    def begin(server: Server) -> None:
        server.on("listening", lambda server, address: peers.append(Peer(address)))

    serve(lambda conn: (conn.reset(), conn.server.shutdown(0)), "127.0.0.1", 0, on_server=begin, log_closes="json")  # type: ignore[union-attr]
    peers[0].close()
    told = [line.getMessage() for line in lines(caplog)]
    assert [json.loads(line)["reason"] for line in told if not line.startswith("listening on")] == ["reset"]
