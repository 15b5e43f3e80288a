"""When the write side dies first: what had arrived is still delivered, then `error`, then `close`."""

from __future__ import annotations

import array
import errno
import fcntl
import logging
import termios
from typing import Any

import pytest

from reactor import Connection, ConnectionClosed, Reason
from tests.support.scene import MIB, MUCH, Scene, Scenes

KINDS = pytest.mark.parametrize("kind", ["ECONNRESET", "EPIPE"])


def gone(scene: Scenes, kind: str, sent: bytes = b"last words", **settings: Any) -> Scene:
    """A peer that said `sent` and then reset, unread so far: our next write fails with `kind`.

    After a FIN the kernel reports an RST as EPIPE instead of ECONNRESET (tcp_reset in net/ipv4/tcp_input.c).
    """
    one = scene(**settings)
    if sent:
        one.peer.send(sent)
    if kind == "EPIPE":
        one.peer.end()
    one.peer.reset()
    return one


# What had arrived.


@pytest.mark.parametrize(
    ("kind", "does", "syscall"),
    [
        ("ECONNRESET", lambda conn: conn.write(b"x"), "write"),
        ("EPIPE", lambda conn: conn.write(b"x"), "write"),
        ("ECONNRESET", lambda conn: conn.write(b"x") or conn.end(), "write"),  # sends nothing, and hears the rest
        ("EPIPE", lambda conn: conn.write(b"x") or conn.end(), "write"),
        ("ECONNRESET", lambda conn: None, "read"),
    ],
    ids=["write", "write, EPIPE", "write and end", "write and end, EPIPE", "nothing"],
)
def test_what_had_arrived_comes_then_error_then_close(kind: str, does: Any, syscall: str, each_scene: Scenes) -> None:
    one = gone(each_scene, kind)
    assert not does(one.conn)
    report = one.closed()
    assert one.data() == b"last words"
    assert one.names() == ["data", "error", "close"]
    assert (report.reason, report.clean, report.bytes_read) == (Reason.PEER_RESET, False, 10)
    error = report.error
    assert one.record.events[one.conn][-2] == ("error", error)
    assert (error.errno, error.strerror, error.syscall) == (getattr(errno, kind), f"{syscall} {kind}", syscall)
    assert type(error) is {"ECONNRESET": ConnectionResetError, "EPIPE": BrokenPipeError}[kind]


@KINDS
def test_the_end_of_the_stream_after_a_failed_write_is_no_fin(kind: str, each_scene: Scenes) -> None:
    one = gone(each_scene, kind, b"", allow_half_open=True)
    one.conn.write(b"x")
    report = one.closed()
    assert one.names() == ["error", "close"]
    assert (report.reason, report.clean, report.phase) == (Reason.PEER_RESET, False, "open")


def test_everything_that_had_arrived_is_delivered_however_much(each_scene: Scenes) -> None:
    one = each_scene()
    one.conn.pause()
    one.peer.send_some(bytes(MIB))
    arrived = array.array("i", [0])
    fcntl.ioctl(one.conn.fileno(), termios.FIONREAD, arrived, True)
    one.peer.reset()
    one.conn.write(b"x")
    one.told("hangup")
    one.conn.resume()
    one.closed()
    assert len(one.data()) == arrived[0] > 65_536


# What was to be written.


def test_later_writes_return_false_and_count_as_unsent_and_neither_raise_nor_log(
    scene: Scenes, caplog: pytest.LogCaptureFixture
) -> None:
    one = gone(scene, "ECONNRESET")
    one.conn.write(b"lost")
    answers = [one.conn.write(b"1234") for _ in range(100)]
    one.until(lambda: one.conn.state == "closed")
    answers += [one.conn.writelines([b"12", b"34"]) for _ in range(100)]
    report = one.closed()
    answers += [one.conn.write(b"1234") for _ in range(100)]
    assert answers == [False] * 300
    assert (report.bytes_written, report.bytes_unsent) == (0, 4 + 4 * 200)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_a_listener_that_answers_the_last_words_is_refused_quietly(scene: Scenes) -> None:
    answers = []
    one = gone(scene, "EPIPE")
    one.conn.on("data", lambda conn, data: answers.append(conn.write(data)))
    one.conn.write(b"x")
    report = one.closed()
    assert (answers, report.bytes_unsent) == ([False], 11)


# What is told, and when.


def test_nothing_is_told_from_inside_the_write_that_failed_and_the_state_is_not_open(scene: Scenes) -> None:
    one = gone(scene, "ECONNRESET")
    one.conn.write(b"x")
    assert (one.names(), one.conn.report) == ([], None)
    assert (one.conn.state, one.conn.peer_gone) == ("read_only", True)
    one.closed()
    assert one.conn.state == "closed"


def test_a_fin_that_cannot_be_sent_is_a_failed_write(each_scene: Scenes) -> None:
    one = each_scene()
    trigger, other = one.connect()
    one.conn.pause()
    one.peer.send(b"last words")
    one.turns()

    def end_when_it_is_too_late(_: Connection, data: bytes) -> None:
        one.peer.reset()  # RST arrives between the poll and the end of the turn
        one.conn.end()

    other.on("data", end_when_it_is_too_late)
    trigger.send(b"now")
    one.until(lambda: one.conn.state == "read_only" or one.conn.report is not None)
    one.conn.resume()
    report = one.closed()
    assert one.data() == b"last words"
    assert [name for name in one.names() if name != "hangup"] == ["data", "error", "close"]
    assert (report.reason, report.clean) == (Reason.PEER_RESET, False)
    assert report.error.strerror in ("shutdown ENOTCONN", "read ECONNRESET")


# Calls after it.


def test_destroy_soon_after_a_failed_write_discards_the_rest(scene: Scenes) -> None:
    one = gone(scene, "ECONNRESET")
    one.conn.write(b"lost")
    one.conn.destroy_soon()
    assert one.conn.state == "closing"
    report = one.closed()
    assert one.names() == ["error", "close"]
    assert (report.bytes_discarded, report.reason, report.phase) == (10, Reason.PEER_RESET, "open")


@pytest.mark.parametrize("ending", ["end", "reset", "shutdown"])
def test_a_write_of_nothing_to_a_connection_that_is_over_is_false_too(ending: str, scene: Scenes) -> None:
    one = scene()
    if ending == "shutdown":
        one.server.shutdown(0)
    else:
        getattr(one.peer, ending)()
    one.closed()
    assert (one.conn.write(b"x"), one.conn.write(b"")) == (False, False)


@pytest.mark.parametrize("call", ["end", "destroy_soon", "destroy", "reset"])
def test_a_write_after_the_programs_own_end_raises_also_where_the_network_was_first(call: str, scene: Scenes) -> None:
    one = scene()
    one.peer.reset()
    one.closed()
    assert one.conn.write(b"a race that no caller can avoid") is False
    getattr(one.conn, call)()
    with pytest.raises(ConnectionClosed):
        one.conn.write(b"a bug in the caller")


# Resets that come at other times.


@pytest.mark.parametrize("stage", ["open", "half_open", "lingering"])
def test_a_reset_at_any_stage_is_no_clean_end_and_what_was_lost_is_counted(stage: str, each_scene: Scenes) -> None:
    one = each_scene(allow_half_open=True, receive_buffer=65536)
    size = 4 if stage == "lingering" else MUCH
    one.conn.write(bytes(size))
    if stage == "half_open":
        one.peer_ends()
    elif stage == "lingering":
        one.conn.end()
        one.peer_reads()
    one.turns()
    one.peer.reset()
    report = one.closed()
    assert one.names() == {"open": [], "half_open": ["end"], "lingering": ["finish"]}[stage] + ["error", "close"]
    assert (report.reason, report.phase, report.clean) == (Reason.PEER_RESET, stage, False)
    assert report.bytes_written + report.bytes_unsent == size
    if stage == "lingering":
        assert (report.bytes_unsent, report.bytes_unacked) == (0, 0)
    elif stage == "open":
        assert report.bytes_unsent > 0
        assert report.bytes_unacked > 0


@pytest.mark.parametrize("paused", [False, True])
def test_a_read_that_meets_a_fin_and_then_a_reset_is_a_connection_reset(paused: bool, scene: Scenes) -> None:
    """The kernel says EPIPE of it, where epoll tells the error before the end of the stream was read."""
    one = scene(allow_half_open=True)
    if paused:
        one.conn.pause()
        one.turns()
    one.peer.send(b"last words")
    one.peer.end()
    one.peer.reset()
    one.turns()
    one.conn.resume()
    report = one.closed()
    assert one.data() == b"last words"
    assert isinstance(report.error, ConnectionResetError)
    assert (report.error.strerror, report.reason) == ("read ECONNRESET", Reason.PEER_RESET)
