"""What is called on a client before it is connected: `end()`, and `destroy_soon()` with something written, wait for the
connection and deliver; the other endings cancel it at once; the rest counts from the connect on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reactor import NeverConnected, Reactor, Reason, WriteAfterEnd, connect
from reactor.testing import ManualClock, pump, settle
from tests.support.far_ends import ACCEPTS, SILENT, Answers, FarEnds, Held

HOST = "127.0.0.1"
KIB = 1024
stages = pytest.mark.parametrize("stage", Held.STAGES)


@pytest.fixture
def far() -> Iterator[FarEnds]:
    with FarEnds({HOST: ACCEPTS, "127.0.0.3": SILENT}) as ends:
        yield ends


# Writing.


@stages
def test_what_is_written_is_sent_in_order_after_connect(stage: str, each_loop: Reactor, far: FarEnds) -> None:
    held = Held(each_loop, far, stage)
    held.conn.on("connect", lambda conn: conn.write(b"in the listener, "))
    assert held.conn.write(b"before the first turn, ")
    held.reach()
    held.conn.writelines([b"while ", b"connecting, "])
    assert (held.conn.state, held.conn.bytes_written, held.conn.pending_bytes) == ("connecting", 0, 41)
    peer = held.proceed()
    pump(each_loop, lambda: held.conn.state == "open")
    held.conn.end(b"after")
    settle(each_loop)
    text = b"before the first turn, while connecting, in the listener, after"
    assert peer.receive_all() == (text, "FIN")
    assert (held.conn.bytes_written, held.conn.pending_bytes) == (len(text), 0)


@stages
def test_its_callbacks_come_after_connect_in_order(stage: str, loop: Reactor, far: FarEnds) -> None:
    held, answers = Held(loop, far, stage), Answers()
    held.conn.on("connect", lambda conn: answers.told.append(("connect", None)))
    held.conn.write(b"one", answers("one"))
    held.conn.write(b"", answers("nothing"))
    held.reach()
    held.conn.end(b"two", answers("end"))
    settle(loop)
    held.proceed()
    pump(loop, lambda: len(answers.told) == 4)
    assert answers.told == [("connect", None), ("one", None), ("nothing", None), ("end", None)]


@stages
def test_where_no_connection_comes_about_the_callbacks_say_so_and_why(
    stage: str, loop: Reactor, far: FarEnds, clock: ManualClock
) -> None:
    held, answers = Held(loop, far, stage, connect_timeout=5), Answers()
    for event in ("error", "close"):
        held.conn.on(event, lambda conn, what, event=event: answers.told.append((event, None)))
    held.conn.write(b"one", answers("one"))
    held.conn.write(b"", answers("nothing"))
    held.reach()
    held.conn.end(b"four", answers("end"))
    if stage == "made":  # nothing can fail it yet but the program
        held.conn.destroy(OSError("mine"))
    settle(loop)
    clock.advance(5)
    report = held.heard.report(loop)
    assert [name for name, _ in answers.told] == ["one", "nothing", "end", "error", "close"]
    for _, error in answers.told[:3]:
        assert type(error) is NeverConnected
        assert error.__cause__ is report.error
        assert report.error is not None
    assert (report.phase, report.bytes_unsent, report.bytes_written, report.bytes_unacked) == ("connecting", 7, 0, 0)
    assert held.conn.pending_bytes == 0


def test_the_callback_of_a_write_of_nothing_says_so_too(loop: Reactor, far: FarEnds) -> None:
    held, answers = Held(loop, far, "attempt"), Answers()
    held.conn.write(b"", answers("nothing"))
    held.reach()
    held.fail()
    assert [type(error) for _, error in answers.told] == [NeverConnected]


@pytest.mark.parametrize("ending", ["destroy", "reset"])
def test_a_callback_of_a_client_that_was_given_up_has_no_cause_but_that(
    ending: str, loop: Reactor, far: FarEnds
) -> None:
    held, answers = Held(loop, far, "attempt"), Answers()
    held.conn.write(b"lost", answers("write"))
    held.reach()
    getattr(held.conn, ending)()
    report = held.heard.report(loop)
    ((_, error),) = answers.told
    assert type(error) is NeverConnected
    assert (error.__cause__, report.bytes_unsent) == (None, 4)


@stages
def test_what_is_written_under_a_cork_leaves_in_one_piece_after_connect(
    stage: str, loop: Reactor, far: FarEnds
) -> None:
    held = Held(loop, far, stage)
    with held.conn.corked():
        held.conn.write(b"one ")
        held.reach()
        held.conn.write(b"two")
    peer = held.proceed()
    pump(loop, lambda: held.conn.bytes_written)
    assert held.conn.bytes_written == 7
    assert peer.receive(7) == b"one two"


def test_a_cork_that_is_on_while_it_connects_holds_until_it_is_taken_off(loop: Reactor, far: FarEnds) -> None:
    held = Held(loop, far, "attempt")
    with held.conn.corked():
        held.conn.write(b"one ")
        held.reach()
        peer = held.proceed()
        pump(loop, lambda: held.conn.state == "open")
        held.conn.write(b"two")
        settle(loop)
        assert peer.nothing_comes()
    settle(loop)
    assert peer.receive(7) == b"one two"


@stages
def test_the_high_water_mark_counts_what_waits_and_drain_follows_the_connect(
    stage: str, loop: Reactor, far: FarEnds
) -> None:
    held = Held(loop, far, stage, high_water=10)
    assert held.conn.write(bytes(10))
    held.reach()
    assert not held.conn.write(b"x")
    if stage != "made":
        settle(loop)
    assert "drain" not in held.heard.names()
    held.proceed()
    pump(loop, lambda: "drain" in held.heard.names())
    assert held.heard.life() == ["connect", "ready", "drain"]


@stages
def test_above_the_buffer_limit_it_is_given_up(stage: str, loop: Reactor, far: FarEnds) -> None:
    held, answers = Held(loop, far, stage, buffer_limit=10), Answers()
    held.conn.write(bytes(11))
    held.reach()
    assert not held.conn.write(b"one too many", answers("write"))
    report = held.heard.report(loop)
    assert (report.reason, report.phase, report.error) == (Reason.BUFFER_LIMIT, "connecting", None)
    assert report.bytes_unsent == 23
    assert isinstance(answers.told[0][1], NeverConnected)
    assert held.heard.life() == ["close"]


@stages
def test_a_mutable_buffer_may_be_reused_as_soon_as_write_returns(stage: str, loop: Reactor, far: FarEnds) -> None:
    held = Held(loop, far, stage)
    buffer = bytearray(b"first")
    held.conn.write(buffer)
    buffer[:] = b"other"
    held.reach()
    peer = held.proceed()
    pump(loop, lambda: held.conn.bytes_written)
    assert peer.receive(5) == b"first"


def test_after_a_failed_connect_a_write_is_lost_and_no_error(loop: Reactor, far: FarEnds) -> None:
    held, answers = Held(loop, far, "attempt"), Answers()
    wrote: list[bool] = []
    held.conn.on("error", lambda conn, error: wrote.append(conn.write(b"in error", answers("in error"))))
    held.reach()
    held.fail()
    assert wrote == [False]
    assert held.conn.report is not None
    assert held.conn.report.bytes_unsent == 8
    assert not held.conn.write(b"after close", answers("after close"))
    held.conn.end()
    settle(loop)
    assert [type(error) for _, error in answers.told] == [NeverConnected] * 2
    assert all(error is not None and error.__cause__ is held.heard.error() for _, error in answers.told)


# end().


@stages
@pytest.mark.parametrize("data", [b"", b"last words"])
def test_end_waits_for_the_connection_and_delivers(data: bytes, stage: str, each_loop: Reactor, far: FarEnds) -> None:
    held = Held(each_loop, far, stage)
    states: list[str] = []
    held.conn.on("connect", lambda conn: states.append(conn.state))
    held.conn.end(data)
    held.reach()
    peer = held.proceed()
    pump(each_loop, lambda: "finish" in held.heard.names())
    assert peer.receive_all() == (data, "FIN")
    peer.send(b"still heard")
    peer.end()
    report = held.heard.report(each_loop)
    assert (report.reason, report.clean, report.bytes_discarded) == (Reason.ENDED, True, 0)
    assert held.heard.data() == b"still heard"
    assert held.heard.life() == ["connect", "ready", "finish", "data", "end", "close"]
    assert states == ["read_only"]


@stages
def test_writing_after_end_raises_before_connect_too(stage: str, loop: Reactor, far: FarEnds) -> None:
    held = Held(loop, far, stage)
    held.conn.end()
    held.reach()
    with pytest.raises(WriteAfterEnd, match=r"write\(\) after end\(\)"):
        held.conn.write(b"x")
    held.conn.end()  # again: no error


@pytest.mark.parametrize("stage", ["lookup", "attempt"])
def test_the_timeout_of_end_runs_while_connecting(
    stage: str, each_loop: Reactor, far: FarEnds, clock: ManualClock
) -> None:
    held, answers = Held(each_loop, far, stage, connect_timeout=None), Answers()
    held.reach()
    held.conn.end(b"x", answers("end"), timeout=5)
    settle(each_loop)
    clock.advance(4.9)
    settle(each_loop)
    assert held.conn.state == "connecting"
    clock.advance(0.2)
    report = held.heard.report(each_loop)
    assert (report.reason, report.phase, report.error) == (Reason.END_TIMEOUT, "connecting", None)
    assert type(answers.told[0][1]) is NeverConnected
    assert held.heard.life() == ["close"]


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
def test_an_ending_that_may_take_no_time_at_all_connects_to_nobody_who_does_not_answer_at_once(
    ending: str, loop: Reactor, far: FarEnds
) -> None:
    held = Held(loop, far, "attempt")
    held.conn.write(b"x")
    held.reach()
    getattr(held.conn, ending)(timeout=0)
    assert held.heard.report(loop).reason is Reason.END_TIMEOUT


def test_the_timeout_of_end_counts_from_the_call_and_not_from_the_connect(
    loop: Reactor, far: FarEnds, clock: ManualClock
) -> None:
    held = Held(loop, far, "attempt")
    held.conn.end(b"x", timeout=5)
    held.reach()
    clock.advance(3)
    held.proceed()
    pump(loop, lambda: "finish" in held.heard.names())
    clock.advance(1.9)
    settle(loop)
    assert held.conn.report is None
    clock.advance(0.2)
    assert held.heard.report(loop).reason is Reason.END_TIMEOUT


# The rest.


@stages
def test_pause_holds_the_data_after_connect_until_resume(stage: str, each_loop: Reactor, far: FarEnds) -> None:
    held = Held(each_loop, far, stage)
    held.conn.pause()
    held.reach()
    held.proceed().send(b"early")
    settle(each_loop, 20)
    assert (held.heard.life(), held.conn.state) == (["connect", "ready"], "open")
    held.conn.resume()
    pump(each_loop, lambda: held.heard.data() == b"early")


@stages
def test_pause_and_resume_leave_no_trace(stage: str, loop: Reactor, far: FarEnds) -> None:
    held = Held(loop, far, stage)
    held.conn.pause()
    held.reach()
    held.conn.resume()
    held.proceed().send(b"heard")
    pump(loop, lambda: held.heard.data() == b"heard")


@stages
def test_set_timeout_tells_of_the_silence_once_and_closes_nothing(
    stage: str, loop: Reactor, far: FarEnds, clock: ManualClock
) -> None:
    held = Held(loop, far, stage, connect_timeout=None)
    heard: list[object] = []
    if stage != "made":
        held.reach()
        held.conn.set_timeout(5, lambda conn, kind: heard.append(kind))
        settle(loop)
        for _ in range(4):
            clock.advance(5)
            settle(loop)
        assert heard == [None]
        assert held.heard.of("timeout") == [(None,)]
        assert held.conn.state == "connecting"
    else:
        held.conn.set_timeout(5)
    held.proceed()
    pump(loop, lambda: held.conn.state == "open")
    clock.advance(5)
    settle(loop)
    clock.advance(5)
    settle(loop)
    assert len(held.heard.of("timeout")) == 1 + (stage != "made")  # and again for the silence after the connect


@stages
def test_touch_and_unref_and_ref_are_harmless(stage: str, loop: Reactor, far: FarEnds) -> None:
    held = Held(loop, far, stage)
    held.conn.unref()
    held.conn.touch()
    held.reach()
    held.conn.ref()
    held.conn.touch()
    assert loop.statistics().held == 1
    held.proceed()
    pump(loop, lambda: held.conn.state == "open")
    assert loop.statistics().held == 1


@stages
def test_an_encoding_set_before_connect_holds(stage: str, loop: Reactor, far: FarEnds) -> None:
    held = Held(loop, far, stage)
    held.conn.set_encoding("utf-8")
    held.reach()
    held.proceed().send("ü".encode())
    pump(loop, lambda: held.heard.of("data"))
    assert held.heard.of("data") == [("ü",)]


@stages
def test_a_file_sent_before_connect_goes_out_in_its_place(
    stage: str, loop: Reactor, far: FarEnds, tmp_path: Any
) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(300 * KIB))
    held = Held(loop, far, stage)
    held.conn.write(b"head ")
    held.reach()
    held.conn.send_file(path)
    held.conn.end(b" tail")
    assert held.conn.pending_bytes == 300 * KIB + 10
    peer = held.proceed()
    got: list[bytes] = []

    def ended() -> bool:
        if not peer.nothing_comes():
            got.append(peer.sock.recv(1 << 20))
        return bool(got) and got[-1] == b""

    pump(loop, ended)
    assert b"".join(got) == b"head " + bytes(300 * KIB) + b" tail"


def test_a_file_to_be_sent_is_closed_when_no_connection_comes_about(loop: Reactor, far: FarEnds, tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(KIB))
    held = Held(loop, far, "attempt")
    held.conn.send_file(path)
    held.reach()
    held.fail()
    assert held.conn.report is not None
    assert held.conn.report.bytes_unsent == KIB  # and no descriptor is left: every test looks


def test_a_pipe_into_a_client_that_is_not_connected_yet_waits_for_it(loop: Reactor, far: FarEnds) -> None:
    held = Held(loop, far, "attempt")
    source = connect(loop, HOST, far.port)
    source.pipe(held.conn)
    upstream = far.accept(loop)
    upstream.send(b"through")
    upstream.end()
    settle(loop, 20)
    peer = held.proceed()
    pump(loop, lambda: "finish" in held.heard.names())
    assert peer.receive_all() == (b"through", "FIN")
