"""Pipes of a client whose target is not connected yet, or never will be; the stop of its server or of its reactor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from reactor import CloseReport, Connection, Reactor, Reason, connect
from reactor.testing import ManualClock, settle
from tests.support.far_ends import ACCEPTS, REFUSES, SILENT, FarEnds
from tests.support.piping import BYTES, End
from tests.support.wire import pass_time

HOSTS = {ACCEPTS: "127.0.0.1", SILENT: "127.0.0.2", REFUSES: "127.0.0.3"}


@contextmanager
def relayed(near: End, kind: str, **settings: Any) -> Iterator[tuple[Any, FarEnds]]:
    """A relay to a target on its way to somebody who accepts, refuses, or is silent."""
    with FarEnds({HOSTS[kind]: kind}) as ends:
        target: Connection = connect(near.loop, *ends.address(kind), **settings)
        near.conn.pipe(target).pipe(near.conn)
        yield target, ends


@pytest.mark.parametrize("said", [b"", b"question", BYTES], ids=["nothing", "a little", "too much"])
def test_what_is_said_before_the_target_is_connected_and_the_end_wait_for_it(said: bytes, opened: Any) -> None:
    near = opened()
    with relayed(near, SILENT) as (target, ends):
        sent = near.pour(said)
        if said is BYTES:
            assert near.is_throttled()
            assert target.high_water < target.pending_bytes <= target.high_water + 256 * 1024
        near.end()
        if said is not BYTES:  # behind those, the FIN waits too
            near.until(lambda: near.conn.state == "write_only")
        settle(near.loop)
        assert target.state == "connecting"
        far = End(near.loop, ends.answer(HOSTS[SILENT]), target)
        assert far.receive_all() == (said[:sent], "FIN")
        far.send(b"answer")
        far.end()
        assert near.receive_all() == (b"answer", "FIN")
        assert (near.report().clean, far.report().clean) == (True, True)


def test_a_target_that_begins_paused_is_resumed_by_its_pipe(opened: Any) -> None:
    near = opened()
    with relayed(near, ACCEPTS, pause_on_connect=True) as (_, ends), ends.accept(near.loop) as peer:
        peer.send(b"greeting")
        peer.end()
        assert near.receive_all() == (b"greeting", "FIN")


@pytest.mark.parametrize("waiting", [False, True], ids=["idle", "source waits"])
def test_a_client_that_resets_before_the_target_is_connected_cancels_it(waiting: bool, opened: Any) -> None:
    near = opened()
    with relayed(near, SILENT) as (target, ends):
        if waiting:
            near.pour(BYTES)
            assert near.is_throttled()
        near.reset()
        near.until(lambda: near.conn.peer_gone)
        if waiting:  # what it said is there to be passed on, until the target fails or comes
            ends.fail(HOSTS[SILENT])
        near.until(lambda: target.report is not None)
        assert target.report.reason is (Reason.CONNECT_FAILED if waiting else Reason.RESET)
        assert near.report().bytes_read == target.report.bytes_unsent


def test_a_target_that_is_connected_unnoticed_when_its_client_is_cut_off_is_reset_and_not_ended(opened: Any) -> None:
    near = opened()
    with relayed(near, ACCEPTS) as (target, ends):
        near.conn.reset()  # told in the turn in which the kernel connects, before the loop has seen that
        far = End(near.loop, ends.accept(near.loop), target)
        assert far.receive_all() == (b"", "ECONNRESET")
        assert (far.report().reason, far.report().phase) == (Reason.RESET, "connecting")


@pytest.mark.parametrize("said", [b"", b"question"])
def test_a_client_is_reset_where_the_target_refuses(said: bytes, each_loop: Reactor, opened: Any) -> None:
    near = opened(loop=each_loop)
    with relayed(near, REFUSES) as (target, _):
        near.send(said)
        near.was_reset()
        assert (near.report().reason, target.report.reason) == (Reason.RESET, Reason.CONNECT_FAILED)
        assert near.report().bytes_read == target.report.bytes_unsent


def test_a_client_is_reset_where_the_target_does_not_answer_in_time(clock: ManualClock, opened: Any) -> None:
    near = opened()
    with relayed(near, SILENT, connect_timeout=5) as (target, _):
        near.send(b"question")
        near.end()
        near.until(lambda: target.pending_bytes == 8)
        pass_time(near.loop, clock, 6)
        near.was_reset()
        assert (target.report.reason, target.report.bytes_unsent) == (Reason.CONNECT_TIMEOUT, 8)


def test_shutdown_of_the_server_ends_its_clients_targets_too(opened: Any) -> None:
    near = opened()
    server = near.wire.server
    with relayed(near, ACCEPTS) as (target, ends):
        near.send(b"question")
        with ends.accept(near.loop) as peer:
            assert peer.receive(8) == b"question"
            server.shutdown(10)
            assert near.receive_all() == (b"", "FIN")
            near.end()
            near.until(lambda: target.state != "open")
            peer.close()
            near.until(lambda: target.report is not None)
    near.until(lambda: not server.listening and not server.connections)


@pytest.mark.parametrize("kind", [ACCEPTS, SILENT])
def test_close_of_the_reactor_resets_both_sides_and_accounts_for_them(kind: str, opened: Any) -> None:
    near = opened()
    with relayed(near, kind) as (target, _):
        near.pour(BYTES)
        reports: list[CloseReport] = []
        for conn in (near.conn, target):
            conn.on("close", lambda conn, report: reports.append(report))
        near.loop.close()
        assert [report.reason for report in reports] == [Reason.DESTROYED] * 2
        assert near.receive_all()[1] == "ECONNRESET"
        assert near.report().bytes_read == target.report.bytes_written + target.report.bytes_unsent
