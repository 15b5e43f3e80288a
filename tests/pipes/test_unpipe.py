"""unpipe(): nothing passes any more, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Connection, Reason
from reactor.testing import pump, settle
from tests.support.piping import BYTES, KIB, READ, SLOW, accounted, dam_up, opened, pair, receive_all_of, relay


class Sink:
    """An object to pipe to."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.ended = 0

    def write(self, data: bytes) -> None:
        self.got += data

    def end(self) -> None:
        self.ended += 1


def test_after_the_last_pipe_the_source_is_paused_and_nothing_is_lost(harness: Any) -> None:
    near, far = pair(harness(data=False))
    near.conn.pipe(far.conn)
    near.send(b"passes")
    assert far.receive(6) == b"passes"
    near.conn.unpipe(far.conn)
    near.send(b"waits")
    assert near.is_throttled()
    assert far.nothing_comes()
    heard: list[bytes] = []
    near.conn.on("data", lambda conn, data: heard.append(data))
    near.conn.resume()
    pump(near.loop, lambda: heard == [b"waits"])
    assert far.nothing_comes()


def test_unpipe_without_a_destination_takes_all_pipes_away(harness: Any) -> None:
    wire = harness(data=False)
    near, one, two = (opened(wire) for _ in range(3))
    near.conn.pipe(one.conn)
    near.conn.pipe(two.conn)
    near.conn.unpipe()
    near.send(b"for nobody")
    assert near.is_throttled()
    assert one.nothing_comes()
    assert two.nothing_comes()


def test_unpipe_of_one_leaves_the_others(harness: Any) -> None:
    wire = harness(data=False)
    near, one, two = (opened(wire) for _ in range(3))
    near.conn.pipe(one.conn)
    near.conn.pipe(two.conn)
    near.conn.unpipe(one.conn)
    near.send(b"for one of them")
    assert two.receive(15) == b"for one of them"
    assert one.nothing_comes()


def test_what_was_passed_on_before_is_still_delivered(harness: Any) -> None:
    near, far = pair(harness(data=False), slow=True)
    near.conn.pipe(far.conn)
    sent = dam_up(near, far)
    near.conn.unpipe()
    passed = near.conn.bytes_read
    assert far.conn.pending_bytes > 0
    assert far.receive(passed) == BYTES[:passed]
    assert far.nothing_comes()
    assert near.is_throttled()
    assert sent > passed


def test_another_pipe_goes_on_where_the_last_has_stopped(harness: Any) -> None:
    wire = harness(data=False)
    near, slow, fast = opened(wire), opened(wire, **SLOW), opened(wire)
    near.conn.pipe(slow.conn)
    sent = dam_up(near, slow)
    near.conn.unpipe(slow.conn)
    passed = near.conn.bytes_read
    near.conn.pipe(fast.conn)
    assert fast.receive(sent - passed) == BYTES[passed:sent]
    assert slow.receive(passed) == BYTES[:passed]


def test_the_same_pipe_may_be_made_again(harness: Any) -> None:
    near, far = pair(harness(data=False), slow=True)
    near.conn.pipe(far.conn)
    sent = dam_up(near, far)
    for _ in range(3):
        near.conn.unpipe(far.conn)
        near.conn.pipe(far.conn)
        assert far.conn.pending_bytes <= far.conn.high_water + 4 * READ
    assert far.receive(sent) == BYTES[:sent]


def test_the_others_do_not_wait_any_more_for_the_one_that_was_taken_away(harness: Any) -> None:
    wire = harness(data=False)
    near, slow, fast = opened(wire), opened(wire, **SLOW), opened(wire)
    near.conn.pipe(slow.conn)
    near.conn.pipe(fast.conn)
    sent = dam_up(near, slow)
    near.conn.unpipe(slow.conn)
    assert fast.receive(sent) == BYTES[:sent]


def test_the_others_still_wait_for_the_slow_one_when_a_fast_one_was_taken_away(harness: Any) -> None:
    wire = harness(data=False)
    near, slow, fast = opened(wire), opened(wire, **SLOW), opened(wire)
    near.conn.pipe(slow.conn)
    near.conn.pipe(fast.conn)
    sent = dam_up(near, slow)
    stopped_at = near.conn.bytes_read
    near.conn.unpipe(fast.conn)
    assert near.is_throttled()
    assert near.conn.bytes_read == stopped_at
    receive_all_of(sent, slow)


@pytest.mark.parametrize("piped", [False, True], ids=["no pipe at all", "a pipe to somebody else"])
@pytest.mark.parametrize("named", [False, True], ids=["unpipe()", "unpipe(stranger)"])
def test_unpipe_of_what_is_no_pipe_does_not_resume_what_the_program_has_paused(
    named: bool, piped: bool, harness: Any
) -> None:
    wire = harness(data=False)
    near, far, stranger = (opened(wire) for _ in range(3))
    if piped:
        near.conn.pipe(far.conn)
    near.conn.pause()
    near.conn.unpipe(*([stranger.conn] if named else []))
    near.send(b"waits")
    assert near.is_throttled()
    assert near.conn.bytes_read == 0


def test_unpipe_of_one_of_two_does_not_resume_what_the_program_has_paused(harness: Any) -> None:
    wire = harness(data=False)
    near, one, two = (opened(wire) for _ in range(3))
    near.conn.pipe(one.conn)
    near.conn.pipe(two.conn)
    near.conn.pause()
    near.conn.unpipe(one.conn)
    near.send(b"waits")
    assert near.is_throttled()


def test_unpipe_of_what_is_no_pipe_does_not_pause_a_connection(harness: Any) -> None:
    near, far = pair(harness())
    near.conn.unpipe()
    near.conn.unpipe(far.conn)
    near.send(b"heard")
    pump(near.loop, lambda: near.conn.bytes_read == 5)


def test_a_destination_that_unpipes_another_in_its_write_spares_it_the_same_bytes(harness: Any) -> None:
    near, far = pair(harness(data=False, high_water=0), slow=True)

    class Greedy(Sink):
        def write(self, data: bytes) -> None:
            super().write(data)
            if b"mine" in data:
                near.conn.unpipe(far.conn)

    greedy = Greedy()
    near.conn.pipe(greedy)
    near.conn.pipe(far.conn)
    near.send(b"for both, ")
    assert far.receive(10) == b"for both, "
    near.send(b"mine, ")
    settle(near.loop)
    near.send(b"and mine")
    pump(near.loop, lambda: greedy.got == b"for both, mine, and mine")
    assert far.nothing_comes()


def test_a_listener_of_the_drain_that_unpipes_leaves_the_source_paused(harness: Any) -> None:
    near, far = pair(harness(data=False), slow=True)
    far.conn.on("drain", lambda conn: near.conn.unpipe())
    near.conn.pipe(far.conn)
    dam_up(near, far)
    passed = near.conn.bytes_read
    assert far.receive(passed) == BYTES[:passed]
    assert near.is_throttled()
    assert near.conn.bytes_read - passed <= READ  # one more where the pipe heard of the drain first


@pytest.mark.parametrize("when", ["before the close", "inside it", "after it"])
def test_unpipe_is_legal_at_any_time(when: str, harness: Any) -> None:
    wire = harness(data=False)
    near, far = relay(wire)
    if when == "inside it":
        wire.server.on("close", lambda conn, report: conn.unpipe())
    near.conn.destroy()
    if when == "before the close":
        near.conn.unpipe()
        far.conn.unpipe()
        far.conn.destroy()
    for end in (near, far):
        end.report()
        end.conn.unpipe()
        end.conn.unpipe(near.conn)
    settle(near.loop)


# Endings do not pass either.


@pytest.mark.parametrize("ending", ["end", "reset"])
def test_the_end_of_a_source_is_not_carried_over_any_more(ending: str, harness: Any) -> None:
    near, far = pair(harness(data=False))
    near.conn.pipe(far.conn)
    near.conn.unpipe()
    near.conn.resume()
    getattr(near, ending)()
    assert near.report().reason is (Reason.PEER_ENDED if ending == "end" else Reason.PEER_RESET)
    assert far.nothing_comes()
    assert far.conn.state == "open"


@pytest.mark.parametrize("ending", ["end", "reset"])
def test_the_end_of_a_destination_is_not_carried_over_any_more(ending: str, harness: Any) -> None:
    near, far = pair(harness(data=False))
    near.conn.pipe(far.conn)
    near.conn.unpipe()
    getattr(far, ending)()
    assert far.report().reason is (Reason.PEER_ENDED if ending == "end" else Reason.PEER_RESET)
    assert near.nothing_comes()
    assert near.conn.state == "open"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_destination_ends_by_itself_at_its_peers_fin_once_nothing_feeds_it(when: str, harness: Any) -> None:
    near, far = pair(harness(data=False))
    near.conn.pipe(far.conn)
    if when == "before":
        near.conn.unpipe()
    far.end()
    pump(near.loop, lambda: far.conn.peer_gone)
    if when == "after":
        settle(near.loop)
        assert far.conn.state == "write_only"
        near.conn.unpipe()
    assert far.receive_all() == (b"", "FIN")
    assert far.report().clean


def test_a_destination_that_may_be_half_open_stays_open_once_nothing_feeds_it(harness: Any) -> None:
    near, far = pair(harness(data=False, allow_half_open=True))
    near.conn.pipe(far.conn)
    far.end()
    pump(near.loop, lambda: far.conn.state == "write_only")
    near.conn.unpipe()
    assert far.nothing_comes()
    assert far.conn.state == "write_only"
    far.conn.end(b"last")
    assert far.receive_all() == (b"last", "FIN")


def test_a_destination_of_two_sources_is_fed_until_both_are_unpiped(harness: Any) -> None:
    wire = harness(data=False)
    one, two, far = (opened(wire) for _ in range(3))
    one.conn.pipe(far.conn)
    two.conn.pipe(far.conn)
    far.end()
    pump(one.loop, lambda: far.conn.state == "write_only")
    one.conn.unpipe()
    assert far.nothing_comes()
    two.send(b"still fed")
    assert far.receive(9) == b"still fed"
    two.conn.unpipe()
    assert far.receive_all() == (b"still fed", "FIN")


def test_unpipe_in_an_end_listener_of_the_source_comes_before_the_pipe_ends_its_destination(harness: Any) -> None:
    wire = harness(data=False)
    wire.server.on("end", Connection.unpipe)  # the server's listeners come first
    near, far = pair(wire)
    near.conn.pipe(far.conn)
    near.send(b"whole")
    near.end()
    assert near.report().clean
    assert far.receive(5) == b"whole"
    assert far.nothing_comes()
    assert far.conn.state == "open"


def test_unpipe_in_a_close_listener_of_the_source_comes_before_the_pipe_resets_its_destination(harness: Any) -> None:
    wire = harness(data=False)
    wire.server.once("close", lambda conn, report: conn.unpipe())
    near, far = pair(wire)
    near.conn.pipe(far.conn)
    near.reset()
    assert near.report().reason is Reason.PEER_RESET
    assert far.nothing_comes()
    assert far.conn.state == "open"


def test_unpipe_in_a_close_listener_of_the_destination_comes_before_the_pipe_resets_its_source(harness: Any) -> None:
    wire = harness(data=False)
    near, far = pair(wire)
    wire.server.once("close", lambda conn, report: near.conn.unpipe())
    near.conn.pipe(far.conn)
    far.reset()
    assert far.report().reason is Reason.PEER_RESET
    assert near.nothing_comes()
    assert near.conn.state == "open"


def test_every_byte_is_accounted_for_when_a_pipe_is_taken_away_in_the_middle(harness: Any) -> None:
    near, far = pair(harness(data=False, high_water=16 * KIB), slow=True)
    near.conn.pipe(far.conn)
    dam_up(near, far)
    near.conn.unpipe()
    near.conn.destroy()
    far.conn.destroy()
    assert accounted(near, far)
