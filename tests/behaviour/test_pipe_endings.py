"""How a pipe carries an orderly end over: each half of a relay ends by itself, as if there were nobody in between."""

from __future__ import annotations

from typing import Any

import pytest
from far_ends import ACCEPTS, SILENT, FarEnds
from piping import BYTES, MIB, End, accounted, dam_up, hang_up, opened, pair, relay

from reactor import Connection, Reactor, Reason, connect
from reactor.engine import selector_poller
from reactor.testing import pump, settle


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Selectors that cannot watch for a hang-up look for it now and then: here often, to save the wait."""
    monkeypatch.setattr(selector_poller, "HANGUP_PERIOD", 0.002)


# Half-close.


@pytest.mark.parametrize("first", ["near", "far"])
def test_who_has_ended_still_gets_a_large_answer_whole(first: str, each_loop: Reactor, harness: Any) -> None:
    ends = relay(harness(loop=each_loop, data=False))
    asks, answers = ends if first == "near" else reversed(ends)
    asks.send(b"question")
    asks.end()
    assert answers.receive_all() == (b"question", "FIN")
    answers.carry(BYTES[:MIB], asks)
    answers.end()
    assert asks.receive_all() == (BYTES[:MIB], "FIN")
    assert [end.report().clean for end in (asks, answers)] == [True, True]
    assert [end.report().reason for end in (asks, answers)] == [Reason.PEER_ENDED, Reason.ENDED]


def test_an_end_without_a_byte_passes(harness: Any) -> None:
    near, far = relay(harness(data=False))
    near.end()
    assert far.receive_all() == (b"", "FIN")
    assert near.nothing_comes()
    assert (near.conn.state, far.conn.state) == ("write_only", "read_only")
    far.end()
    assert near.receive_all() == (b"", "FIN")


def test_both_sides_may_end_in_the_same_turn(each_loop: Reactor, harness: Any) -> None:
    near, far = relay(harness(loop=each_loop, data=False))
    near.end()
    far.end()
    assert (near.receive_all(), far.receive_all()) == ((b"", "FIN"), (b"", "FIN"))
    assert near.report().clean
    assert far.report().clean


def test_the_end_comes_after_everything_that_is_pending(each_loop: Reactor, harness: Any) -> None:
    near, far = relay(harness(loop=each_loop, data=False), slow=True)
    sent = dam_up(near, far)
    near.end()
    settle(near.loop)
    assert far.conn.state == "open"
    assert far.receive_all() == (BYTES[:sent], "FIN")
    assert near.nothing_comes()


def test_without_end_only_bytes_pass(harness: Any) -> None:
    near, far = pair(harness(data=False))
    near.conn.pipe(far.conn, end=False)
    near.send(b"all")
    near.end()
    assert near.report().clean
    assert far.receive(3) == b"all"
    assert far.nothing_comes()
    assert far.conn.state == "open"


def test_a_destination_of_a_pipe_without_end_ends_at_its_peers_fin(harness: Any) -> None:
    near, far = pair(harness(data=False))
    near.conn.pipe(far.conn, end=False)
    far.end()
    assert far.receive_all() == (b"", "FIN")
    assert far.report().clean
    assert near.nothing_comes()
    assert near.conn.state == "open"


def test_a_source_that_nothing_feeds_ends_by_itself(harness: Any) -> None:
    near, far = pair(harness(data=False))
    near.conn.pipe(far.conn)
    near.end()
    assert near.receive_all() == (b"", "FIN")
    assert near.report().clean
    assert far.receive_all() == (b"", "FIN")


def test_a_destination_is_ended_by_its_pipe_only(harness: Any) -> None:
    near, far = pair(harness(data=False))
    near.conn.pipe(far.conn)
    far.end()
    pump(near.loop, lambda: far.conn.state == "write_only")
    for _ in range(3):
        near.send(b"still ")
    assert far.receive(18) == b"still " * 3
    near.end()
    assert far.receive_all() == (b"still " * 3, "FIN")
    assert far.report().clean
    assert far.report().reason is Reason.PEER_ENDED


def test_allow_half_open_does_not_keep_a_pipe_from_ending_its_destination(harness: Any) -> None:
    near, far = pair(harness(data=False, allow_half_open=True))
    near.conn.pipe(far.conn)
    near.end()
    assert far.receive_all() == (b"", "FIN")
    assert near.nothing_comes()
    assert near.conn.state == "write_only"
    near.conn.end()


def test_with_two_destinations_both_are_ended(harness: Any) -> None:
    wire = harness(data=False)
    near, one, two = (opened(wire) for _ in range(3))
    near.conn.pipe(one.conn)
    near.conn.pipe(two.conn)
    near.send(b"both")
    near.end()
    assert one.receive_all() == two.receive_all() == (b"both", "FIN")


def test_a_last_word_written_in_the_sources_end_listener_goes_out_before_the_end(harness: Any) -> None:
    wire = harness(data=False)
    near, far = pair(wire)
    near.conn.on("end", lambda conn: far.conn.write(b", and the last"))
    near.conn.pipe(far.conn)
    near.send(b"word")
    near.end()
    assert far.receive_all() == (b"word, and the last", "FIN")


@pytest.mark.parametrize("said", [b"", b"question"])
def test_an_end_before_the_target_is_connected_waits_for_it(said: bytes, harness: Any) -> None:
    near = opened(harness(data=False))
    with FarEnds({"127.0.0.2": SILENT}) as ends:
        target = connect(near.loop, *ends.address(SILENT))
        near.conn.pipe(target).pipe(near.conn)
        near.send(said)
        near.end()
        pump(near.loop, lambda: near.conn.state == "write_only")
        settle(near.loop)
        assert target.state == "connecting"
        far = End(near.loop, ends.answer("127.0.0.2"), target)
        assert far.receive_all() == (said, "FIN")
        far.send(b"answer")
        far.end()
        assert near.receive_all() == (b"answer", "FIN")
        assert (near.report().clean, far.report().clean) == (True, True)


def test_a_client_that_begins_paused_is_resumed_by_its_pipe(harness: Any) -> None:
    near = opened(harness(data=False))
    with FarEnds({"127.0.0.1": ACCEPTS}) as ends:
        target = connect(near.loop, *ends.address(ACCEPTS), pause_on_connect=True)
        near.conn.pipe(target).pipe(near.conn)
        with ends.accept(near.loop) as peer:
            peer.send(b"greeting")
            peer.end()
            assert near.receive_all() == (b"greeting", "FIN")


# What has happened already.


@pytest.mark.parametrize("when", ["inside the end listener", "later"])
def test_a_pipe_from_a_connection_whose_peer_has_ended_ends_its_destination(when: str, harness: Any) -> None:
    near, far = pair(harness(allow_half_open=True))
    if when == "inside the end listener":
        near.conn.on("end", lambda conn: conn.pipe(far.conn))
    near.send(b"before")
    near.end()
    pump(near.loop, lambda: near.conn.state == "write_only")
    if when == "later":
        settle(near.loop)
        near.conn.pipe(far.conn)
    assert far.receive_all() == (b"", "FIN")
    far.end()
    assert far.report().clean
    near.conn.end()


def test_a_pipe_into_a_connection_inside_its_end_listener_keeps_it_open(harness: Any) -> None:
    near, far = pair(harness(data=False))
    far.conn.on("end", near.conn.pipe)
    far.end()
    pump(near.loop, lambda: far.conn.state == "write_only")
    near.send(b"late")
    near.end()
    assert far.receive_all() == (b"late", "FIN")


def test_what_was_dropped_before_the_pipe_does_not_make_its_bytes_incomplete(harness: Any) -> None:
    near, far = pair(harness(data=False))
    near.send(b"nobody listens")
    pump(near.loop, lambda: near.conn.bytes_read == 14)
    near.conn.pipe(far.conn)
    near.send(b"somebody does")
    near.end()
    assert far.receive_all() == (b"somebody does", "FIN")


@pytest.mark.parametrize("closed", ["in order", "by a reset"])
@pytest.mark.parametrize("when", ["inside the close listener", "later"])
def test_a_pipe_from_a_connection_that_has_closed_is_caught_up_with(when: str, closed: str, harness: Any) -> None:
    near, far = pair(harness(data=False))
    if when == "inside the close listener":
        near.conn.on("close", lambda conn, report: conn.pipe(far.conn) and None)
    near.end() if closed == "in order" else near.reset()
    near.report()
    if when == "later":
        settle(near.loop)
        near.conn.pipe(far.conn)
    assert far.receive_all() == (b"", "FIN" if closed == "in order" else "ECONNRESET")


@pytest.mark.parametrize("closed", ["in order", "by a reset"])
@pytest.mark.parametrize("when", ["inside the close listener", "later"])
def test_a_pipe_to_a_connection_that_has_closed_resets_its_source(when: str, closed: str, harness: Any) -> None:
    near, far = pair(harness(data=False))
    if when == "inside the close listener":
        far.conn.on("close", lambda conn, report: near.conn.pipe(conn) and None)
    far.end() if closed == "in order" else far.reset()
    far.report()
    if when == "later":
        settle(near.loop)
        near.conn.pipe(far.conn)
    assert near.receive_all() == (b"", "ECONNRESET")
    assert near.report().reason is Reason.RESET


def test_a_pipe_without_end_to_a_connection_that_has_closed_is_over_at_once(harness: Any) -> None:
    near, far = pair(harness(data=False))
    far.end()
    far.report()
    near.conn.pipe(far.conn, end=False)
    near.send(b"for nobody")
    near.end()
    assert near.receive_all() == (b"", "FIN")
    assert near.report().clean


# The program ends a connection of a relay.


def test_end_by_the_program_is_the_last_word_and_the_other_direction_goes_on(harness: Any) -> None:
    near, far = relay(harness(data=False))
    near.conn.end(b"bye")
    assert near.receive_all() == (b"bye", "FIN")
    near.send(b"still heard")
    assert far.receive(11) == b"still heard"
    far.send(b"too late")
    far.end()
    near.end()
    assert far.receive_all() == (b"still heard", "FIN")
    assert [end.report().error for end in (near, far)] == [None, None]
    assert near.report().bytes_unsent + far.report().bytes_discarded == 8
    assert near.report().bytes_read == far.report().bytes_written == 11


@pytest.mark.parametrize("when", ["long before the pipe", "before the pipe", "after it"])
def test_what_comes_for_a_destination_that_the_program_has_ended_goes_nowhere(when: str, harness: Any) -> None:
    near, far = pair(harness(data=False))
    if when != "after it":
        far.conn.end(b"bye")
    if when == "long before the pipe":
        far.receive_all()
    near.conn.pipe(far.conn)
    far.conn.end(b"bye" if when == "after it" else b"")
    assert far.receive_all() == (b"bye", "FIN")
    near.send(b"for nobody")
    pump(near.loop, lambda: near.conn.bytes_read == 10)
    far.end()
    assert far.report().clean
    settle(near.loop)
    assert near.conn.state == "open"
    near.end()
    assert near.report().clean


def test_a_source_does_not_wait_for_a_destination_that_is_ending(harness: Any) -> None:
    near, far = pair(harness(data=False), slow=True)
    near.conn.pipe(far.conn)
    far.conn.end(BYTES[:MIB])
    near.send(BYTES[:200_000])
    pump(near.loop, lambda: near.conn.bytes_read == 200_000)
    assert far.conn.pending_bytes > MIB // 2
    assert far.receive_all() == (BYTES[:MIB], "FIN")
    far.end()
    assert far.report().bytes_unsent + near.conn.pending_bytes == 200_000


@pytest.mark.parametrize("way", ["destroy", "reset"])
@pytest.mark.parametrize("which", ["near", "far"])
def test_destroy_and_reset_by_the_program_reset_the_other_side(which: str, way: str, harness: Any) -> None:
    ends = relay(harness(data=False))
    mine, other = ends if which == "near" else reversed(ends)
    mine.send(b"a byte each")
    other.receive(11)
    getattr(mine.conn, way)()
    assert other.receive_all() == (b"a byte each", "ECONNRESET")
    assert mine.report().reason is (Reason.DESTROYED if way == "destroy" else Reason.RESET)
    assert other.report().reason is Reason.RESET
    assert mine.receive_all()[1] == ("FIN" if way == "destroy" else "ECONNRESET")


@pytest.mark.parametrize("way", ["destroy", "reset"])
def test_a_pipe_without_end_carries_no_destroy_over(way: str, harness: Any) -> None:
    for which in (0, 1):
        ends = pair(harness(data=False))
        ends[0].conn.pipe(ends[1].conn, end=False)
        getattr(ends[which].conn, way)()
        ends[which].report()
        assert ends[1 - which].nothing_comes()
        assert ends[1 - which].conn.state == "open"


def test_destroy_soon_of_a_destination_delivers_what_is_pending(harness: Any) -> None:
    near, far = relay(harness(data=False), slow=True)
    dam_up(near, far)
    passed = near.conn.bytes_read
    far.conn.destroy_soon()
    got, outcome = far.receive_all()
    assert (got, outcome) == (BYTES[:passed], "FIN")
    far.end()
    assert far.report().bytes_unacked == 0
    assert near.receive_all()[1] == "FIN"


def test_destroy_soon_of_a_source_that_then_drops_bytes_resets_its_destination(harness: Any) -> None:
    near, far = relay(harness(data=False))
    near.send(b"passes")
    assert far.receive(6) == b"passes"
    near.conn.destroy_soon()
    assert near.receive_all() == (b"", "FIN")
    near.send(b"is dropped")
    near.end()
    assert near.report().bytes_discarded == 10
    assert far.receive_all() == (b"passes", "ECONNRESET")


def test_destroy_soon_of_a_source_that_drops_nothing_is_an_end(harness: Any) -> None:
    near, far = pair(harness(data=False))
    near.conn.pipe(far.conn)
    near.send(b"all there is")
    assert far.receive(12) == b"all there is"
    near.conn.destroy_soon()
    near.end()
    assert far.receive_all() == (b"all there is", "FIN")


@pytest.mark.parametrize("way", ["end", "destroy_soon", "destroy", "reset"])
@pytest.mark.parametrize("victim", ["near", "far"])
def test_a_data_listener_may_end_either_side_in_the_middle(victim: str, way: str, harness: Any) -> None:
    near, far = relay(harness(data=False), slow=True)
    target = {"near": near, "far": far}[victim].conn

    @near.conn.on("data")
    def strike(conn: Connection, data: bytes) -> None:
        if conn.bytes_read > 100_000:
            conn.off("data", strike)  # what nobody hears is discarded, and counted as such
            getattr(target, way)()

    near.pour(BYTES[:MIB])
    hang_up(near, far)
    assert bytes(far.got) == BYTES[: len(far.got)]
    assert accounted(near, far)


def test_a_drain_listener_may_destroy_either_side(harness: Any) -> None:
    for victim in (0, 1):
        ends = relay(harness(data=False), slow=True)
        near, far = ends
        far.conn.on("drain", lambda conn, victim=victim, ends=ends: ends[victim].conn.destroy())
        dam_up(near, far)
        far.receive_all()
        assert accounted(near, far)
        assert {end.report().reason for end in ends} == {Reason.DESTROYED, Reason.RESET}
