"""What is called on a client before it is connected counts from the connect on. How it may be ended before is in
`test_ends_before_connect.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from reactor import NeverConnected, Reactor, Reason, connect
from reactor.testing import ManualClock, pump, settle
from tests.support.far_ends import Answers, FarEnds, Held
from tests.support.wire import read_to_the_end

HOST = "127.0.0.1"
KIB = 1024


# Writing.


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


def test_its_callbacks_come_after_connect_in_order(hold: Any) -> None:
    held, answers = hold(), Answers()
    held.conn.on("connect", lambda conn: answers.told.append(("connect", None)))
    held.conn.write(b"one", answers("one"))
    held.conn.write(b"", answers("nothing"))
    held.reach()
    held.conn.end(b"two", answers("end"))
    settle(held.loop)
    held.proceed()
    pump(held.loop, lambda: len(answers.told) == 4)
    assert answers.told == [("connect", None), ("one", None), ("nothing", None), ("end", None)]


def test_where_no_connection_comes_about_the_callbacks_say_why(stage: str, hold: Any, clock: ManualClock) -> None:
    held, answers = hold(connect_timeout=5), Answers()
    for event in ("error", "close"):
        held.conn.on(event, lambda conn, what, event=event: answers.told.append((event, None)))
    held.conn.write(b"one", answers("one"))
    held.conn.write(b"", answers("nothing"))
    held.reach()
    held.conn.end(b"four", answers("end"))
    if stage == "made":  # nothing can fail it yet but the program
        held.conn.destroy(OSError("mine"))
    settle(held.loop)
    clock.advance(5)
    report = held.heard.report(held.loop)
    assert [name for name, _ in answers.told] == ["one", "nothing", "end", "error", "close"]
    assert report.error is not None
    assert [(type(error), error.__cause__) for _, error in answers.told[:3] if error] == [
        (NeverConnected, report.error)
    ] * 3
    assert (report.phase, report.bytes_unsent, report.bytes_written, report.bytes_unacked) == ("connecting", 7, 0, 0)
    assert held.conn.pending_bytes == 0


@pytest.mark.parametrize("data", [b"lost", b""])
@pytest.mark.parametrize("ending", ["destroy", "reset"])
def test_a_callback_of_a_client_that_was_given_up_has_no_cause_but_that(ending: str, data: bytes, hold: Any) -> None:
    held, answers = hold(), Answers()
    held.conn.write(data, answers("write"))
    held.reach()
    getattr(held.conn, ending)()
    report = held.heard.report(held.loop)
    ((_, error),) = answers.told
    assert (type(error), error and error.__cause__, report.bytes_unsent) == (NeverConnected, None, len(data))


def test_a_cork_that_is_on_while_it_connects_holds_until_it_is_taken_off(hold: Any) -> None:
    held = hold()
    with held.conn.corked():
        held.conn.write(b"one ")
        held.reach()
        peer = held.proceed()
        pump(held.loop, lambda: held.conn.state == "open")
        held.conn.write(b"two")
        settle(held.loop)
        assert peer.nothing_comes()
    pump(held.loop, lambda: held.conn.bytes_written)
    assert held.conn.bytes_written == 7  # in one piece
    assert peer.receive(7) == b"one two"


def test_the_high_water_mark_counts_what_waits_and_drain_follows_connect(stage: str, hold: Any) -> None:
    held = hold(high_water=10)
    assert held.conn.write(bytes(10))
    held.reach()
    assert not held.conn.write(b"x")
    if stage != "made":
        settle(held.loop)
    assert "drain" not in held.heard.names()
    held.proceed()
    pump(held.loop, lambda: "drain" in held.heard.names())
    assert held.heard.life() == ["connect", "ready", "drain"]


def test_above_the_buffer_limit_it_is_given_up(hold: Any) -> None:
    held, answers = hold(buffer_limit=10), Answers()
    held.conn.write(bytes(11))
    held.reach()
    assert not held.conn.write(b"one too many", answers("write"))
    report = held.heard.report(held.loop)
    assert (report.reason, report.phase, report.error) == (Reason.BUFFER_LIMIT, "connecting", None)
    assert report.bytes_unsent == 23
    assert isinstance(answers.told[0][1], NeverConnected)
    assert held.heard.life() == ["close"]


def test_a_mutable_buffer_may_be_reused_as_soon_as_write_returns(hold: Any) -> None:
    held = hold()
    buffer = bytearray(b"first")
    held.conn.write(buffer)
    buffer[:] = b"other"
    held.reach()
    peer = held.proceed()
    pump(held.loop, lambda: held.conn.bytes_written)
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


# The rest.


@pytest.mark.parametrize("resumed", ["before", "after"])
def test_pause_holds_the_data_until_resume(stage: str, each_loop: Reactor, far: FarEnds, resumed: str) -> None:
    held = Held(each_loop, far, stage)
    held.conn.pause()
    held.reach()
    if resumed == "before":
        held.conn.resume()
    held.proceed().send(b"early")
    if resumed == "after":
        settle(each_loop, 20)
        assert (held.heard.life(), held.conn.state) == (["connect", "ready"], "open")
        held.conn.resume()
    pump(each_loop, lambda: held.heard.data() == b"early")


@pytest.mark.parametrize("stage", ["lookup", "attempt"])
def test_set_timeout_tells_of_each_silence_once_and_closes_nothing(stage: str, hold: Any, clock: ManualClock) -> None:
    held = hold(connect_timeout=None)
    heard: list[object] = []
    held.reach()
    held.conn.set_timeout(5, lambda conn, kind: heard.append(kind))

    def silence() -> None:
        for _ in range(4):
            settle(held.loop)
            clock.advance(5)
        settle(held.loop)

    silence()
    assert held.heard.of("timeout") == [(None,)]
    assert held.conn.state == "connecting"
    held.proceed()
    pump(held.loop, lambda: held.conn.state == "open")
    silence()
    assert held.heard.of("timeout") == [(None,)] * 2
    assert heard == [None]


def test_set_timeout_before_any_turn_runs_from_the_connect_on(loop: Reactor, far: FarEnds, clock: ManualClock) -> None:
    held = Held(loop, far, "made")
    held.conn.set_timeout(5)
    held.proceed()
    pump(loop, lambda: held.conn.state == "open")
    clock.advance(5)
    settle(loop)
    assert held.heard.of("timeout") == [(None,)]


def test_touch_and_unref_and_ref_are_harmless(hold: Any) -> None:
    held = hold()
    held.conn.unref()
    held.conn.touch()
    held.reach()
    held.conn.ref()
    held.conn.touch()
    assert held.loop.statistics().held == 1
    held.proceed()
    pump(held.loop, lambda: held.conn.state == "open")
    assert held.loop.statistics().held == 1
    held.conn.unref()
    held.conn.destroy()
    settle(held.loop)
    assert held.loop.statistics().held == 0


def test_an_encoding_set_before_connect_holds(hold: Any) -> None:
    held = hold()
    held.conn.set_encoding("utf-8")
    held.reach()
    held.proceed().send("ü".encode())
    pump(held.loop, lambda: held.heard.of("data"))
    assert held.heard.of("data") == [("ü",)]


def test_a_file_sent_before_connect_goes_out_in_its_place(hold: Any, tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(300 * KIB))
    held = hold()
    held.conn.write(b"head ")
    held.reach()
    held.conn.send_file(path)
    held.conn.end(b" tail")
    assert held.conn.pending_bytes == 300 * KIB + 10
    assert read_to_the_end(held.loop, held.proceed()) == b"head " + bytes(300 * KIB) + b" tail"


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
