"""Every promise about deadlines, for every deadline: one row of `MATRIX` for each reason, one test for each promise.

`ROWS` in `reactor.net.connection.account` says how the library ends a connection for each reason. `MATRIX` says it once
more, from the outside: what the peer, the listeners and a pipe see of it. A change of one has to be made in the other.
Connections are real, over TCP and over a Unix socket, and time is the manual clock's.
"""

from __future__ import annotations

import errno
import os
import resource
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from reactor import Connection, Reactor, Reason, connect
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.far_ends import SILENT, FarEnds
from tests.support.recording import Harness, Heard
from tests.support.wire import acks_arrived, all_acked, pass_time, pass_until

BIG = bytes(8 << 20)  # more than both kernels hold for a peer that reads nothing


class Stage(NamedTuple):
    """A connection, its peer, and what it runs on."""

    h: Harness
    clock: ManualClock
    peer: Peer
    conn: Connection

    @property
    def tcp(self) -> bool:
        return isinstance(self.h.address, tuple)


# What has to be so that a deadline runs.


def be_silent(stage: Stage) -> None:
    """Nothing is said."""


def stop_reading(stage: Stage) -> None:
    """Output is pending, and the peer takes none of it."""
    stage.conn.write(BIG)
    _stick(stage)


def end_with_output(stage: Stage) -> None:
    stage.conn.end(BIG, timeout=10)
    _stick(stage)


def stop_the_server(stage: Stage) -> None:
    stop_reading(stage)
    stage.h.server.shutdown(10)


def end(stage: Stage) -> None:
    """Our half has ended, and the peer's goes on."""
    stage.conn.end()
    pump(stage.h.loop, lambda: "finish" in stage.h.record.names(stage.conn))
    if stage.tcp:
        pump(stage.h.loop, all_acked(stage.conn))


def end_and_pause(stage: Stage) -> None:
    end(stage)
    stage.conn.pause()
    settle(stage.h.loop)


def _stick(stage: Stage) -> None:
    settle(stage.h.loop)
    if stage.tcp:
        pump(stage.h.loop, acks_arrived(stage.conn, stage.peer))


# What lets it expire.


def wait(stage: Stage, until: str, most: float) -> float:
    return pass_until(stage.h.loop, stage.clock, lambda: stage.conn.state == until, most)


def run_out_of_descriptors(stage: Stage, until: str, most: float) -> float:
    """A client waits in the backlog, and there is no descriptor for it; this connection alone is idle."""
    stage.clock.advance(10)
    for conn in stage.h.record.connections:
        if conn is not stage.conn:
            conn.touch()
    with Peer(stage.h.address), no_descriptor_left():
        pump(stage.h.loop, lambda: stage.conn.state == until)
    return 10


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Row(NamedTuple):
    """A deadline of 10 s, or of half of it and a window of 5 s, and what is seen when it expires."""

    reason: Reason
    begin: Callable[[Stage], None]
    settings: dict[str, Any]  # of the connection alone
    seconds: tuple[float, float]  # it ends not before the one, and not after the other
    hears: str  # what a peer over TCP hears: FIN or RST. Over a Unix socket there is no RST
    phase: str = "open"
    announced: bool = False  # `timeout` comes first
    touch_keeps: bool = False  # touch() in its listener keeps the connection
    input_keeps: bool = False  # input that waits to be read keeps it
    with_copy: str | None = None  # what the peer hears while another process has a copy of the socket
    source: str | None = "RST"  # what a pipe makes of it at its other end, where this is the source,
    destination: str | None = "RST"  # and where it is the destination; None: nothing
    on_idle_reset: bool = False  # on_idle="reset" changes what the peer hears
    expire: Callable[[Stage, str, float], float] = wait
    state: str = "closed"  # "closing": the peer's FIN is awaited first
    clean: bool = False  # over a Unix socket nobody can tell, so that no reason but an end is clean


SILENT_PEER: dict[str, Any] = {
    "hears": "FIN", "announced": True, "input_keeps": True, "with_copy": "FIN", "on_idle_reset": True,
}  # fmt: skip
AS_END: dict[str, Any] = {"source": "FIN", "destination": "FIN"}
# Its own half has ended before: the FIN of that was heard, and the pipe into it has left.
HALF_ENDED: dict[str, Any] = {"hears": "RST", "with_copy": "FIN", "phase": "lingering", "destination": None}
MATRIX = [
    Row(Reason.IDLE, be_silent, {"idle_timeout": 10}, (10, 10), touch_keeps=True, **SILENT_PEER, **AS_END),
    Row(Reason.READ_TIMEOUT, be_silent, {"read_timeout": 10}, (10, 10), touch_keeps=True, **SILENT_PEER, **AS_END),
    Row(Reason.FIRST_BYTE_TIMEOUT, be_silent, {"first_byte_timeout": 10}, (10, 10), **SILENT_PEER, **AS_END),
    Row(Reason.READ_RATE, be_silent, {"min_read_rate": (100, 5)}, (5, 6), **SILENT_PEER),
    Row(
        Reason.MAX_LIFETIME, be_silent, {"max_lifetime": 10}, (10, 10), hears="FIN", announced=True, with_copy="FIN",
        state="closing", phase="lingering", clean=True, source="FIN", destination=None,
    ),
    Row(
        Reason.GIVEN_UP, be_silent, {}, (10, 10), hears="FIN", input_keeps=True, with_copy="FIN",
        expire=run_out_of_descriptors, **AS_END,
    ),
    Row(Reason.WRITE_TIMEOUT, stop_reading, {"write_timeout": 10}, (10, 12), "RST"),
    Row(Reason.WRITE_RATE, stop_reading, {"min_write_rate": (20_000, 5)}, (5, 11), "RST"),
    Row(Reason.SLOW_READER, stop_reading, {"slow_reader": (100_000, 10)}, (10, 12), "RST"),
    Row(Reason.END_TIMEOUT, end_with_output, {}, (10, 10), "RST", phase="draining"),
    Row(Reason.SHUTDOWN_DEADLINE, stop_the_server, {}, (10, 10), "RST", phase="draining"),
    Row(Reason.LINGER_TIMEOUT, end, {"linger_timeout": 10}, (9, 11), input_keeps=True, **HALF_ENDED),
    Row(Reason.HALF_OPEN_TIMEOUT, end_and_pause, {"half_open_timeout": 10}, (10, 10), **HALF_ENDED),
]  # fmt: skip
#: CONNECT_TIMEOUT has a test of its own below; the others are causes that no time limit brings about.
NO_DEADLINE = {
    Reason.PEER_ENDED, Reason.ENDED, Reason.DESTROYED, Reason.RESET, Reason.DETACHED, Reason.PEER_RESET,
    Reason.NETWORK_ERROR,
    Reason.CONNECT_FAILED, Reason.LISTENER_FAILED, Reason.DECODE_FAILED, Reason.FRAME_TOO_LONG, Reason.FRAME_CUT_OFF,
    Reason.FILE_FAILED, Reason.BUFFER_LIMIT, Reason.REFUSED,
}  # fmt: skip

PIPED = [row for row in MATRIX if row.reason is not Reason.SHUTDOWN_DEADLINE]  # which ends both sides by itself
each_row = pytest.mark.parametrize("row", MATRIX, ids=[row.reason.name for row in MATRIX])


def test_every_reason_is_a_row_or_no_deadline() -> None:
    assert {row.reason for row in MATRIX} | {Reason.CONNECT_TIMEOUT} == set(Reason) - NO_DEADLINE


@pytest.fixture(params=["tcp", "unix"])
def wire(request: pytest.FixtureRequest, harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    made: Harness = harness(data=False, write_timeout=None, give_up_idle=5)
    if request.param == "unix":
        made.address = made.server.listen(path=tmp_path_factory.mktemp("u") / "s")
    return made


def staged(wire: Harness, clock: ManualClock, row: Row, prepare: Callable[[Stage], object] = be_silent) -> Stage:
    """A connection on which the deadline runs."""
    stage = Stage(wire, clock, *wire.connect(receive_buffer=4096))
    for name, value in row.settings.items():
        setattr(stage.conn, name, value)
    settle(wire.loop)
    prepare(stage)
    row.begin(stage)
    return stage


def expired(stage: Stage, row: Row) -> float:
    """It has expired; how many seconds that took."""
    return row.expire(stage, row.state, row.seconds[1] + 1)


def heard(stage: Stage, peer: Peer) -> str | None:
    """How the stream has ended for a peer that reads all of it: FIN, RST, or None. RST may come after FIN."""
    reading = peer.nonblocking()
    for _ in range(100):
        if reading.read():
            break
        stage.h.loop.run_once(0.001)
    if reading.outcome == "FIN" and peer.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return "RST"
    return {"ECONNRESET": "RST"}.get(reading.outcome or "", reading.outcome)


def closed(stage: Stage, row: Row) -> Any:
    """Its report."""
    if row.state == "closing":
        stage.peer.end()
    return stage.h.closed(stage.conn)


def kinds(stage: Stage) -> list[Any]:
    return [args for name, *args in stage.h.record.events[stage.conn] if name == "timeout"]


@each_row
def test_it_expires_in_its_time_and_the_peer_hears_fin_or_rst(wire: Harness, clock: ManualClock, row: Row) -> None:
    stage = staged(wire, clock, row)
    least, most = row.seconds
    assert least <= expired(stage, row) <= most
    assert heard(stage, stage.peer) == (row.hears if stage.tcp else "FIN")


@each_row
def test_the_report_tells_the_reason_and_what_the_connection_was_doing(
    wire: Harness, clock: ManualClock, row: Row
) -> None:
    stage = staged(wire, clock, row)
    expired(stage, row)
    report = closed(stage, row)
    assert (report.reason, report.phase, report.clean) == (row.reason, row.phase, row.clean and stage.tcp)
    assert report.error is None
    assert wire.server.statistics().ended[row.reason] == 1


@each_row
def test_timeout_comes_first_where_a_listener_may_still_do_something(
    wire: Harness, clock: ManualClock, row: Row
) -> None:
    states: list[str] = []
    stage = staged(wire, clock, row, lambda stage: stage.conn.on("timeout", lambda c, kind: states.append(c.state)))
    expired(stage, row)
    assert states == (["open"] if row.announced else [])
    assert kinds(stage) == ([[row.reason]] if row.announced else [])


@each_row
def test_touch_in_the_listener_of_timeout_keeps_a_silent_connection_and_no_other(
    wire: Harness, clock: ManualClock, row: Row
) -> None:
    stage = staged(wire, clock, row, lambda stage: stage.conn.on("timeout", lambda conn, kind: conn.touch()))
    if row.touch_keeps:
        pass_until(wire.loop, clock, lambda: len(kinds(stage)) == 3, 35)
        assert stage.conn.state == "open"
    else:
        expired(stage, row)
        assert closed(stage, row).reason is row.reason


@each_row
def test_input_that_waits_to_be_read_speaks_for_a_silent_peer_and_for_no_other(
    wire: Harness, clock: ManualClock, row: Row
) -> None:
    stage = staged(wire, clock, row)
    pass_time(wire.loop, clock, row.seconds[0] - 1)
    if row.expire is run_out_of_descriptors:
        stage.peer.send(b"x")
        with Peer(wire.address), no_descriptor_left():
            settle(wire.loop)
    else:
        wire.loop.call_later(0.5, stage.peer.send, b"x")  # in a turn that has polled already, and before the look
        clock.advance(row.seconds[1] - row.seconds[0] + 2)
        settle(wire.loop)
    assert (stage.conn.state in ("closing", "closed")) != row.input_keeps
    if not row.input_keeps:
        assert closed(stage, row).reason is row.reason


@each_row
def test_fin_needs_no_close_where_one_is_sent_so_that_a_child_with_a_copy_does_not_hold_it_back(
    wire: Harness, clock: ManualClock, row: Row
) -> None:
    with held_by_another_process() as give:
        stage = staged(wire, clock, row, lambda stage: give(stage.conn.fileno()))
        expired(stage, row)
        assert heard(stage, stage.peer) == row.with_copy


@contextmanager
def held_by_another_process() -> Iterator[Callable[[int], None]]:
    """`give(fd)`: another process has a copy from now on, until the end."""
    others: list[subprocess.Popen[bytes]] = []

    def give(fd: int) -> None:
        others.append(subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[fd]))

    try:
        yield give
    finally:
        for other in others:
            other.communicate(timeout=5)


@pytest.mark.parametrize("end", ["source", "destination"])
@pytest.mark.parametrize("row", PIPED, ids=[row.reason.name for row in PIPED])
def test_a_pipe_passes_on_an_end_only_where_nothing_was_lost(
    wire: Harness, clock: ManualClock, row: Row, end: str
) -> None:
    other_peer, other = wire.connect()

    def join(stage: Stage) -> None:
        if end == "source":
            stage.conn.pipe(other)
        else:
            other.pipe(stage.conn)
        settle(wire.loop)

    stage = staged(wire, clock, row, join)
    expired(stage, row)
    pass_until(wire.loop, clock, lambda: stage.conn.report is not None, 32)
    expected = getattr(row, end)
    assert heard(stage, other_peer) == (expected and (expected if stage.tcp else "FIN"))
    assert (other.report is not None and other.report.reason is Reason.RESET) == (expected == "RST")


@each_row
def test_on_idle_makes_a_reset_of_the_end_of_a_silent_peer_and_of_no_other(
    wire: Harness, clock: ManualClock, row: Row
) -> None:
    stage = staged(wire, clock, row, lambda stage: setattr(stage.conn, "on_idle", "reset"))
    expired(stage, row)
    assert heard(stage, stage.peer) == ("FIN" if not stage.tcp else "RST" if row.on_idle_reset else row.hears)
    assert closed(stage, row).reason is row.reason


def test_a_client_that_no_address_answers_ends_with_an_error(loop: Reactor, clock: ManualClock) -> None:
    with FarEnds({"127.0.0.1": SILENT}) as ends:
        conn = connect(loop, *ends.address(SILENT), connect_timeout=10)
        client = Heard(conn)
        assert pass_until(loop, clock, lambda: conn.state == "closed", 12) in (10, 11)
        report = client.report(loop)
    assert (report.reason, report.phase, report.clean) == (Reason.CONNECT_TIMEOUT, "connecting", False)
    assert client.life() == ["error", "close"]
    assert client.error().errno == errno.ETIMEDOUT
