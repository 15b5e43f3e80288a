"""Clients that know nothing of this library: nc, socat, asyncio's streams and Node's net.

Each ends its half and then hears the answer, whole; each uploads what is refused before it has come, and hears that.
Every server here is told what it gets by real programs on real sockets, in a thread, on the real clock.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, Reason, Server
from tests.support.tools import Hosted, hosted, needs, needs_netcat, openbsd_netcat, run

MIB = 1 << 20
REQUEST = bytes(range(256)) * 512  # Node sends as many zeros
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

    def answer(conn: Connection, data: bytes) -> None:
        conn.write(ANSWER)
        conn.destroy_soon()

    server.on("data", answer)


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


# Clients: what each hears when it sends all of that and ends its half. Some can choose when they do so.

AT_ONCE, READING_LATE, AFTER_THE_END = "at once", "reading late", "after the end"


def netcat(server: Hosted, sends: bytes, when: str) -> bytes:
    """nc, which with -N ends its half after the last byte of its input."""
    command = openbsd_netcat()
    assert command is not None
    where = ("-U", server.address) if isinstance(server.address, str) else map(str, server.address)
    return run(command, "-N", *where, sends=sends)


def socat(server: Hosted, sends: bytes, when: str) -> bytes:
    """socat, which always does; then it waits -t seconds for more."""
    kind = "UNIX-CONNECT:" if isinstance(server.address, str) else "TCP:"
    where = server.address if isinstance(server.address, str) else "{}:{}".format(*server.address)
    return run("socat", "-t", "15", "-", kind + where, sends=sends)


def streams(server: Hosted, sends: bytes, when: str) -> bytes:
    """asyncio's streams: everything is sent, then that half is ended, and only then is read, to the end."""

    async def ask() -> bytes:
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

    return asyncio.run(ask())


NODE = """
const [where, size, when] = JSON.parse(process.argv[1]);
const seen = [], got = [], halfOpen = when === 'after the end';
const conn = require('net').connect({...where, allowHalfOpen: halfOpen});
for (const event of ['end', 'finish', 'error']) conn.on(event, () => seen.push(event));
conn.on('data', (data) => got.push(data));
conn.on('close', (failed) => process.stdout.write(Buffer.concat([...got, Buffer.from(seen.sort() + ' ' + failed)])));
if (when === 'reading late') conn.pause();  // it reads when all is sent
conn.on(halfOpen ? 'end' : 'connect', () => conn.end(Buffer.alloc(size), () => conn.resume()));
"""


def node(server: Hosted, sends: bytes, when: str) -> bytes:
    """Node's net, which tells its events too, and whether an error closed it."""
    address = server.address
    where = {"path": address} if isinstance(address, str) else {"host": address[0], "port": address[1]}
    told = run("node", "-e", NODE, json.dumps([where, len(sends), when]))
    assert told.endswith(b"end,finish false")
    return told.removesuffix(b"end,finish false")


each_client = pytest.mark.parametrize(
    "ask",
    [
        pytest.param(netcat, marks=needs_netcat),
        pytest.param(socat, marks=needs("socat")),
        streams,
        pytest.param(node, marks=needs("node")),
    ],
)


@each_client
def test_the_answer_to_one_that_has_ended_its_half_arrives_whole(ask: Any, answering: Hosted) -> None:
    assert ask(answering, REQUEST, AT_ONCE) == ANSWER
    report = answering.report()
    assert (report.reason, report.clean) == (Reason.PEER_ENDED, True), report
    assert (report.bytes_read, report.bytes_written) == (len(REQUEST), len(ANSWER))


@each_client
def test_the_refusal_of_what_is_still_being_uploaded_arrives_whole(ask: Any, path: str | None) -> None:
    with hosted(refuse, path) as server:
        assert ask(server, UPLOAD, READING_LATE) == ANSWER
        report = server.report()
    assert report.reason in (Reason.ENDED, Reason.PEER_ENDED), report  # who was the first to end is a race
    assert (report.clean, report.bytes_read, report.bytes_written) == (True, len(UPLOAD), len(ANSWER))


@each_client
def test_what_is_sent_after_our_fin_is_heard(ask: Any, path: str | None) -> None:
    answer = ANSWER if ask is node else b"Goodbye\n"  # the others speak before they listen
    with hosted(lambda server: server.on("connection", lambda conn: conn.end(answer)), path) as server:
        assert ask(server, UPLOAD, AFTER_THE_END) == answer
        report = server.report()
    assert (report.reason, report.clean, report.bytes_read) == (Reason.ENDED, True, len(UPLOAD))
