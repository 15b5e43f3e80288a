"""`destroy()`: "Drop everything, now." `reset()`: "Abort, and let the peer know." And which of the four ways wins."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path

import pytest

from reactor import ConnectionClosed, Reason, WriteAfterEnd
from tests.support.scene import MUCH, Scene, Scenes

TIME_WAIT = "06"  # include/net/tcp_states.h
REASONS = {"destroy": Reason.DESTROYED, "reset": Reason.RESET}
FOUR = ("end", "destroy_soon", "destroy", "reset")

each_of_both = pytest.mark.parametrize("call", ["destroy", "reset"])


def kernel_states(s: Scene) -> list[str]:
    """The states of the kernel's TCP sockets from the server to the peer. The kernel may list one several times while
    others come and go.
    """
    wanted = (f"{s.address[1]:04X}", f"{s.peer.address[1]:04X}")
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    found = [row for row in rows if (row[1].rpartition(":")[2], row[2].rpartition(":")[2]) == wanted]
    return list(dict.fromkeys(row[3] for row in found))


@each_of_both
def test_the_connection_is_closed_from_the_return_of_the_call_on(call: str, scene: Scenes) -> None:
    s = scene()
    getattr(s.conn, call)()
    assert (s.conn.state, s.conn.pending_bytes) == ("closed", 0)


@each_of_both
def test_the_descriptor_is_given_back_in_the_same_turn_and_close_comes_in_the_next(call: str, scene: Scenes) -> None:
    s = scene()
    s.conn.on("data", lambda conn, data: getattr(conn, call)())
    s.peer.send(b"now")
    s.until(lambda: s.conn.state == "closed")
    assert (s.conn.fileno(), s.conn.report) == (-1, None)
    s.turns(1)
    assert s.names() == ["data", "close"]


@each_of_both
def test_nothing_that_was_on_its_way_is_delivered_after_it(call: str, scene: Scenes) -> None:
    s = scene()
    s.peer.send(b"arrived")
    s.peer.end()
    getattr(s.conn, call)()
    report = s.closed()
    s.turns()
    assert (report.bytes_read, s.names()) == (0, ["close"])


def test_destroy_is_fin_where_the_peer_had_been_heard_out(scene: Scenes) -> None:
    s = scene()
    s.conn.write(b"taken")
    s.conn.destroy()
    s.closed()
    assert s.peer.receive_all() == (b"taken", "FIN")


def test_destroy_is_rst_where_bytes_of_the_peer_were_not_read(scene: Scenes) -> None:
    s = scene()
    s.bring_to("unread")
    s.conn.destroy()
    s.closed()
    assert s.peer.outcome() == "ECONNRESET"


def test_destroy_with_an_error_emits_it_right_before_close(scene: Scenes) -> None:
    s = scene()
    error = RuntimeError("bad frame")
    s.conn.destroy(error)
    report = s.closed()
    assert (report.reason, report.error, report.clean) == (Reason.DESTROYED, error, False)
    assert s.record.events[s.conn] == [("error", error), ("close", report)]


def test_reset_is_econnreset_for_the_peer_and_leaves_no_time_wait(each_scene: Scenes) -> None:
    s = each_scene()
    s.conn.write(b"taken")
    assert kernel_states(s) == ["01"]
    s.conn.reset()
    assert s.closed().reason is Reason.RESET
    assert s.peer.outcome() == "ECONNRESET"
    assert kernel_states(s) == []


def test_an_orderly_end_of_ours_leaves_the_time_wait_that_reset_avoids(scene: Scenes) -> None:
    s = scene()
    s.end()
    s.peer.end()
    s.closed()
    assert kernel_states(s) == [TIME_WAIT]


@pytest.mark.parametrize("before", ["pending", "unread", "draining", "lingering", "half_open"])
def test_reset_sends_rst_in_every_state_and_the_report_tells_which(before: str, scene: Scenes) -> None:
    s = scene(allow_half_open=True, receive_buffer=65536)
    s.bring_to(before)
    s.conn.reset()
    phase = "open" if before in ("pending", "unread") else before
    assert (s.closed().reason, s.conn.report.phase) == (Reason.RESET, phase)
    if before == "lingering":  # it had our FIN before, and the kernel reports an RST after a FIN as EPIPE (tcp_reset)
        assert s.peer.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.EPIPE
    else:
        assert s.peer.outcome() == "ECONNRESET"
    assert kernel_states(s) == []


# Which of the four wins, and what is refused after it.


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        ("end", WriteAfterEnd, r"end\(\)"),
        ("destroy_soon", WriteAfterEnd, r"destroy_soon\(\)"),
        ("destroy", ConnectionClosed, r"destroy\(\) or reset\(\)"),
        ("reset", ConnectionClosed, r"destroy\(\) or reset\(\)"),
    ],
)
def test_writing_after_it_raises_also_when_everything_is_closed_and_sends_nothing(
    call: str, error: type[Exception], says: str, scene: Scenes
) -> None:
    s = scene()
    s.conn.write(b"once")
    getattr(s.conn, call)()

    writes: list[Callable[[], object]] = [
        lambda: s.conn.write(b"x"),
        lambda: s.conn.writelines([b"x"]),
        lambda: s.conn.end(b"x"),
    ]

    def all_raise() -> None:
        for write in writes:
            with pytest.raises(error, match=says) as raised:
                write()
            assert raised.type is error

    all_raise()
    s.peer.end()
    s.turns()
    assert s.peer.receive_all() == (b"once", "ECONNRESET" if call == "reset" else "FIN")
    report = s.closed()
    all_raise()
    assert (report.bytes_written, report.bytes_unsent) == (4, 0)
    assert s.conn.report.bytes_unsent == 0


@pytest.mark.parametrize("calls", list(product(REASONS, repeat=2)), ids=" ".join)
def test_of_destroy_and_reset_the_first_wins(calls: tuple[str, str], scene: Scenes) -> None:
    s = scene()
    first, second = calls
    getattr(s.conn, first)()
    getattr(s.conn, second)()
    report = s.closed()
    getattr(s.conn, second)()
    assert report.reason is REASONS[first]
    assert s.peer.outcome() == {"destroy": "FIN", "reset": "ECONNRESET"}[first]
    assert s.names() == ["close"]


def test_an_error_given_to_a_second_destroy_comes_too_late(scene: Scenes) -> None:
    s = scene()
    s.conn.destroy()
    s.conn.destroy(RuntimeError("late"))
    assert s.closed().error is None
    assert s.names() == ["close"]


@pytest.mark.parametrize("calls", list(permutations(FOUR)), ids=" ".join)
@pytest.mark.parametrize("apart", [0, 3], ids=["in one turn", "turns apart"])
def test_in_every_order_of_all_four_the_first_of_the_two_strongest_wins(
    calls: tuple[str, ...], apart: int, scene: Scenes
) -> None:
    s = scene(receive_buffer=65536)
    s.conn.write(bytes(MUCH))
    state = {"end": "read_only", "destroy_soon": "closing", "destroy": "closed", "reset": "closed"}
    strongest = 0
    for call in calls:
        getattr(s.conn, call)()
        strongest = max(strongest, FOUR.index(call))
        assert s.conn.state == state[FOUR[strongest]]
        s.turns(apart)
    report = s.closed()
    assert report.reason is REASONS[next(call for call in calls if call in REASONS)]
    assert report.bytes_unsent > 0
    assert s.names() == ["close"]


@pytest.mark.parametrize("calls", list(product(("end", "destroy_soon"), repeat=2)), ids=" ".join)
@pytest.mark.parametrize("apart", [0, 10], ids=["in one turn", "turns apart"])
def test_of_end_and_destroy_soon_the_stronger_wins_in_every_order(
    calls: tuple[str, str], apart: int, scene: Scenes
) -> None:
    s = scene()
    s.conn.write(b"bye")
    for call in calls:
        getattr(s.conn, call)()
        s.turns(apart)
    is_heard = "destroy_soon" not in calls
    assert s.conn.state == ("read_only" if is_heard else "closing")
    s.peer.send(b"afterwards")
    s.peer.end()
    report = s.closed()
    getattr(s.conn, calls[1])()
    s.turns()
    assert s.data() == (b"afterwards" if is_heard else b"")
    assert report.bytes_discarded == (0 if is_heard else 10)
    assert report.clean
    assert s.peer.receive_all() == (b"bye", "FIN")
    assert [name for name in s.names() if name != "data"] == ["finish", "end", "close"]
