"""A paused connection reads nothing, and notices all the same that its peer has gone: by FIN, RST or a failed write."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reactor import Reactor, Reason
from reactor.engine.loop import turns_of
from tests.support.scene import MUCH, Scene, Scenes


def paused(scenes: Scenes, sent: bytes = b"") -> Scene:
    """A paused connection, for which `sent` waits in the kernel."""
    s = scenes()
    s.conn.pause()
    s.peer.send(sent)
    s.turns()
    assert s.names() == []
    return s


def is_silent(loop: Reactor) -> bool:
    """True if the poller reports nothing, however often it is asked: a loop on it sleeps instead of spinning."""
    for _ in range(3):
        loop.run_once(0.004)
    return [turns_of(loop).poller.poll(0.004) for _ in range(3)] == [[]] * 3


# How the peer goes.


def fin_then_rst(s: Scene) -> None:
    s.peer_ends()
    s.peer.reset()
    s.turns()
    s.conn.write(b"so that the reset is known on every selector")


def failed_write(s: Scene) -> None:
    s.peer.reset()
    assert s.conn.write(b"x") is False
    assert s.names() == [], "told from inside the call"


def rst(s: Scene) -> None:
    s.peer.reset()


@pytest.mark.parametrize(
    ("go", "error", "unsent"),
    [
        (rst, [ConnectionResetError], 0),
        (failed_write, [ConnectionResetError], 1),
        # The poller tells of the reset, which is a read's; where it cannot, the write meets it.
        (fin_then_rst, [ConnectionResetError, BrokenPipeError], 44),
    ],
    ids=["rst", "failed_write", "fin_then_rst"],
)
def test_rst_is_a_hangup_and_what_was_sent_before_it_is_delivered_after_resume(
    go: Callable[[Scene], None], error: list[type[OSError]], unsent: int, each_scene: Scenes
) -> None:
    s = paused(each_scene, b"held")
    go(s)
    s.told("hangup")
    s.turns(30)
    assert (s.names(), s.conn.report, s.conn.peer_gone) == (["hangup"], None, True)
    s.conn.resume()
    report = s.closed()
    assert s.data() == b"held"
    assert s.names() == ["hangup", "data", "error", "close"]
    assert (report.reason, report.clean, report.bytes_read) == (Reason.PEER_RESET, False, 4)
    assert type(report.error) in error
    assert report.bytes_unsent == unsent


@pytest.mark.parametrize("go", [rst, failed_write])
def test_rst_with_nothing_waiting_ends_the_connection_at_once(go: Callable[[Scene], None], each_scene: Scenes) -> None:
    s = paused(each_scene)
    go(s)
    report = s.closed()
    assert s.names() == ["hangup", "error", "close"]
    assert (report.reason, report.phase, report.clean) == (Reason.PEER_RESET, "open", False)


def test_rst_after_fin_ends_a_connection_with_nothing_waiting_though_nobody_writes(each_scene: Scenes) -> None:
    s = paused(each_scene)
    s.peer_ends()
    s.peer.reset()
    assert s.closed().reason is Reason.PEER_RESET
    assert s.names() == ["hangup", "error", "close"]


def test_fin_is_a_hangup_and_what_was_sent_is_delivered_after_resume(each_scene: Scenes) -> None:
    s = paused(each_scene, b"held")
    assert s.conn.peer_gone is False
    s.peer_ends()
    s.turns(30)
    assert (s.names(), s.conn.state, s.conn.peer_gone) == (["hangup"], "open", True)
    s.conn.resume()
    report = s.closed()
    assert s.data() == b"held"
    assert s.names() == ["hangup", "data", "end", "finish", "close"]
    assert (report.clean, report.reason) == (True, Reason.PEER_ENDED)


def test_fin_alone_ends_nothing_while_the_program_pauses(each_scene: Scenes) -> None:
    s = paused(each_scene)
    s.peer_ends()
    s.conn.write(b"we still talk")
    s.turns()
    assert s.peer.receive(13) == b"we still talk"
    assert (s.conn.state, s.conn.report) == ("open", None)


@pytest.mark.parametrize("way", ["end", "reset"])
def test_a_connection_paused_from_the_beginning_hears_it_too(way: str, each_scene: Scenes) -> None:
    s = each_scene(pause_on_connect=True)
    s.peer.send(b"held")
    getattr(s.peer, way)()
    s.told("hangup")
    s.conn.resume()
    s.closed()
    assert s.data() == b"held"


def test_a_peer_that_ends_after_we_did_is_a_hangup_too(each_scene: Scenes) -> None:
    s = paused(each_scene, b"held")
    s.conn.end(b"over")
    s.turns()
    s.peer_ends()
    assert (s.names(), s.conn.state) == (["finish", "hangup"], "read_only")
    s.conn.resume()
    report = s.closed()
    assert (s.data(), report.clean, report.reason) == (b"held", True, Reason.ENDED)


def test_a_connection_that_reads_gets_no_hangup(each_scene: Scenes) -> None:
    s = each_scene()
    s.peer.end()
    s.closed()
    assert "hangup" not in s.names()


def test_pausing_again_after_a_hangup_gives_no_second_one(each_scene: Scenes) -> None:
    s = paused(each_scene, b"held")
    s.peer_ends()
    s.conn.resume()
    s.conn.pause()
    s.turns(30)
    assert s.names() == ["hangup"]
    s.conn.resume()
    assert s.closed().clean


# What the program may do about it.


@pytest.mark.parametrize(
    ("call", "names"),
    [
        ("resume", ["hangup", "data", "end", "finish", "close"]),
        ("destroy", ["hangup", "close"]),
        ("reset", ["hangup", "close"]),
    ],
)
def test_a_hangup_listener_may_resume_or_drop_the_connection(call: str, names: list[str], each_scene: Scenes) -> None:
    s = paused(each_scene, b"held")
    s.conn.on("hangup", lambda conn: getattr(conn, call)())
    s.peer.end()
    assert s.closed().clean is (call == "resume")
    assert s.names() == names


def test_destroy_soon_after_a_hangup_discards_what_waits_and_ends_cleanly(each_scene: Scenes) -> None:
    s = paused(each_scene, b"held")
    s.peer_ends()
    s.conn.write(b"bye")
    s.conn.destroy_soon()
    report = s.closed()
    assert (report.clean, report.bytes_discarded, s.data()) == (True, 4, b"")
    assert s.peer.receive_all() == (b"bye", "FIN")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("open", "end"),
        ("open", "reset"),
        ("ended", "end"),
        ("ended", "reset"),
        ("broken", "reset"),
        ("draining", "end"),
        ("draining", "reset"),
    ],
)
def test_a_connection_that_is_paused_and_gone_costs_nothing(ours: str, theirs: str, each_scene: Scenes) -> None:
    s = paused(each_scene, b"held")
    if ours == "draining":
        s.conn.write(bytes(MUCH))
    if ours in ("draining", "ended"):
        s.conn.end()
    s.turns()
    getattr(s.peer, theirs)()
    if ours == "broken":
        s.conn.write(b"x")
    s.told("hangup")
    assert is_silent(s.loop), "the poller wakes the loop for nothing"
    assert s.conn.report is None
    s.conn.resume()
    s.until(lambda: s.data() == b"held")


# The reason is the first cause: the RST, which the deadline only cut short.
@pytest.mark.parametrize(("theirs", "reason"), [("end", Reason.HALF_OPEN_TIMEOUT), ("reset", Reason.PEER_RESET)])
def test_it_is_not_held_for_ever(theirs: str, reason: Reason, each_scene: Scenes) -> None:
    s = paused(each_scene, b"held")
    s.conn.half_open_timeout = 600
    getattr(s.peer, theirs)()
    s.told("hangup")
    report = s.cut_after(600)
    assert (report.reason, report.clean) == (reason, False)
