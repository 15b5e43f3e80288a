"""Clients that know nothing of this library: nc, socat, asyncio's streams and Node's net.

Each ends its half and then hears the answer, whole; each uploads what is refused before it has come, and hears that.
Every server here is told what it gets by real programs on real sockets, in a thread, on the real clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import Reason, Server
from tests.support.tools import Hosted, hosted, needs, needs_netcat, openbsd_netcat, run

MIB = 1 << 20
REQUEST = bytes(range(256)) * 512
ANSWER = bytes(reversed(range(256))) * 4096  # 1 MiB, of which a small one would not show what is cut off
UPLOAD = bytes(8 * MIB)


# Servers.


def answer_in_the_end(server: Server) -> None:
    """Answers in the `end` listener: its last chance without `allow_half_open`."""
    server.on("data", lambda conn, data: None)
    server.on("end", lambda conn: conn.write(ANSWER))


def answer_after_the_end(server: Server) -> None:
    """Answers some turns after the client has ended its half, from a job in another thread."""
    server.on("data", lambda conn, data: None)
    server.on("end", lambda conn: server.loop.run_in_thread(bytes, ANSWER, callback=lambda got, error: conn.end(got)))


def refuse(server: Server) -> None:
    """Answers as soon as something comes, and listens no more."""
    server.on("data", lambda conn, data: (conn.write(ANSWER), conn.destroy_soon()))


@pytest.fixture(params=["tcp", "unix"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """Where to host a server: None is a TCP port."""
    return str(tmp_path / "socket") if request.param == "unix" else None


@pytest.fixture(params=["without allow_half_open", "with allow_half_open"])
def answering(request: pytest.FixtureRequest, path: str | None) -> Iterator[Hosted]:
    """A server that answers a half-close."""
    half_open = request.param.startswith("with ")
    with hosted(answer_after_the_end if half_open else answer_in_the_end, path, allow_half_open=half_open) as server:
        yield server


@pytest.fixture
def refusing(path: str | None) -> Iterator[Hosted]:
    """A server that refuses what is uploaded."""
    with hosted(refuse, path) as server:
        yield server


def check_answered(server: Hosted) -> None:
    """The report of an exchange in which the client ended first, and both got everything."""
    report = server.report()
    assert (report.reason, report.clean) == (Reason.PEER_ENDED, True), report
    assert (report.bytes_read, report.bytes_written) == (len(REQUEST), len(ANSWER))


def check_refused(server: Hosted) -> None:
    """The report of a refusal that arrived, though everything else was sent too. Who was the first to end is a race."""
    report = server.report()
    assert (report.reason in (Reason.ENDED, Reason.PEER_ENDED), report.clean) == (True, True), report
    assert (report.bytes_read, report.bytes_written) == (len(UPLOAD), len(ANSWER))


# nc and socat.


def netcat(server: Hosted, sends: bytes) -> bytes:
    """nc, which with -N ends its half after the last byte of its input."""
    command = openbsd_netcat()
    assert command is not None
    where = ("-U", server.address) if isinstance(server.address, str) else map(str, server.address)
    return run(command, "-N", *where, sends=sends)


def socat(server: Hosted, sends: bytes) -> bytes:
    """socat, which always does; then it waits -t seconds for more."""
    kind = "UNIX-CONNECT:" if isinstance(server.address, str) else "TCP:"
    where = server.address if isinstance(server.address, str) else "{}:{}".format(*server.address)
    return run("socat", "-t", "15", "-", kind + where, sends=sends)


each_pipe = pytest.mark.parametrize(
    "pipe", [pytest.param(netcat, marks=needs_netcat), pytest.param(socat, marks=needs("socat"))]
)


@each_pipe
def test_the_answer_to_one_that_has_ended_its_half_arrives_whole(pipe: Any, answering: Hosted) -> None:
    assert pipe(answering, REQUEST) == ANSWER
    check_answered(answering)


@each_pipe
def test_the_refusal_of_what_is_still_being_piped_in_arrives_whole(pipe: Any, refusing: Hosted) -> None:
    assert pipe(refusing, UPLOAD) == ANSWER
    check_refused(refusing)


@each_pipe
def test_what_is_piped_in_after_our_fin_is_heard(pipe: Any, path: str | None) -> None:
    with hosted(lambda server: server.on("connection", lambda conn: conn.end(b"Goodbye\n")), path) as server:
        assert pipe(server, UPLOAD) == b"Goodbye\n"
        report = server.report()
        assert (report.reason, report.clean, report.bytes_read) == (Reason.ENDED, True, len(UPLOAD))


# asyncio's streams.


async def ask_by_streams(server: Hosted, sends: bytes) -> bytes:
    """Send everything, end that half, and only then read, to the end of the stream."""
    if isinstance(server.address, str):
        reader, writer = await asyncio.open_unix_connection(server.address)
    else:
        reader, writer = await asyncio.open_connection(*server.address)
    writer.transport.set_write_buffer_limits(0)  # so that `drain` waits until the kernel has all of it
    writer.write(sends)
    await writer.drain()
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_asyncio_streams_get_the_whole_answer_after_write_eof(answering: Hosted) -> None:
    assert asyncio.run(ask_by_streams(answering, REQUEST)) == ANSWER
    check_answered(answering)


def test_asyncio_streams_get_the_whole_refusal_of_what_they_upload(refusing: Hosted) -> None:
    assert asyncio.run(ask_by_streams(refusing, UPLOAD)) == ANSWER
    check_refused(refusing)


# Node's net.

NODE = """
const [where, size, late, halfOpen] = JSON.parse(process.argv[1]);
const seen = [], hash = require('crypto').createHash('sha256');
const conn = require('net').connect({...where, allowHalfOpen: halfOpen});
for (const event of ['end', 'finish', 'error']) conn.on(event, () => seen.push(event));
conn.on('data', (data) => hash.update(data));
conn.on('close', (failed) => console.log(JSON.stringify([hash.digest('hex'), seen.sort(), failed])));
if (late) conn.pause();  // it reads when all is sent
conn.on(halfOpen ? 'end' : 'connect', () => conn.end(Buffer.alloc(size), () => conn.resume()));
"""


def node(server: Hosted, size: int, late: bool = False, half_open: bool = False) -> Any:
    """What a Node client got, as a hash; its events, in alphabetical order; and whether it was closed by an error."""
    address = server.address
    where = {"path": address} if isinstance(address, str) else {"host": address[0], "port": address[1]}
    return json.loads(run("node", "-e", NODE, json.dumps([where, size, late, half_open])))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@needs("node")
def test_node_gets_the_whole_answer_after_it_has_ended(answering: Hosted) -> None:
    assert node(answering, len(REQUEST)) == [sha256(ANSWER), ["end", "finish"], False]
    check_answered(answering)


@needs("node")
def test_node_gets_the_whole_refusal_of_what_it_uploads(refusing: Hosted) -> None:
    assert node(refusing, len(UPLOAD), late=True) == [sha256(ANSWER), ["end", "finish"], False]
    check_refused(refusing)


@needs("node")
def test_what_node_says_after_our_fin_is_heard(path: str | None) -> None:
    with hosted(lambda server: server.on("connection", lambda conn: conn.end(ANSWER)), path) as server:
        assert node(server, len(UPLOAD), half_open=True) == [sha256(ANSWER), ["end", "finish"], False]
        report = server.report()
        assert (report.reason, report.clean, report.bytes_read) == (Reason.ENDED, True, len(UPLOAD))
