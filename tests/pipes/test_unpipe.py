"""unpipe(): nothing passes any more, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from reactor.testing import settle
from tests.support.piping import BYTES, KIB, READ, accounted, dam_up, receive_all_of


def test_after_the_last_pipe_the_source_is_paused_and_nothing_is_lost(joined: Any) -> None:
    near, far = joined()
    near.send(b"passes")
    assert far.receive(6) == b"passes"
    near.conn.unpipe(far.conn)
    near.send(b"waits")
    assert near.is_throttled()
    assert far.nothing_comes()
    heard: list[bytes] = []
    near.conn.on("data", lambda conn, data: heard.append(data))
    near.conn.resume()
    near.until(lambda: heard == [b"waits"])
    assert far.nothing_comes()


@pytest.mark.parametrize("named", [False, True])
def test_unpipe_of_one_leaves_the_others_and_without_a_destination_takes_all_away(named: bool, fan: Any) -> None:
    near, one, two = fan()
    near.conn.unpipe(*([one.conn] if named else []))
    near.send(b"for one or nobody")
    if named:
        assert two.receive(17) == b"for one or nobody"
    else:
        assert near.is_throttled()
        assert two.nothing_comes()
    assert one.nothing_comes()


def test_what_was_passed_on_before_is_still_delivered_and_another_pipe_goes_on_behind_it(joined: Any) -> None:
    near, slow = joined(slow=True)
    sent = dam_up(near, slow)
    near.conn.unpipe()
    passed = near.conn.bytes_read
    assert slow.conn.pending_bytes > 0
    assert slow.receive(passed) == BYTES[:passed]
    assert near.is_throttled()
    assert sent > passed
    fast = near.another()
    near.conn.pipe(fast.conn)
    assert fast.receive(sent - passed) == BYTES[passed:sent]
    assert slow.nothing_comes()


def test_the_same_pipe_may_be_made_again(joined: Any) -> None:
    near, far = joined(slow=True)
    sent = dam_up(near, far)
    for _ in range(3):
        near.conn.unpipe(far.conn)
        near.conn.pipe(far.conn)
        assert far.conn.pending_bytes <= far.conn.high_water + 4 * READ
    assert far.receive(sent) == BYTES[:sent]


@pytest.mark.parametrize("which", ["slow", "fast"])
def test_the_others_wait_for_the_slow_one_until_it_is_taken_away(which: str, fan: Any) -> None:
    near, slow, fast = fan(slow=True)
    sent = dam_up(near, slow)
    stopped_at = near.conn.bytes_read
    near.conn.unpipe(slow.conn if which == "slow" else fast.conn)
    if which == "slow":
        assert fast.receive(sent) == BYTES[:sent]
    else:
        assert near.is_throttled()
        assert near.conn.bytes_read == stopped_at
        receive_all_of(sent, slow)


@pytest.mark.parametrize("pipes", [0, 1, 2])
@pytest.mark.parametrize("what", ["whatever there is", "a stranger", "one of them"])
def test_unpipe_does_not_resume_what_the_program_has_paused(what: str, pipes: int, opened: Any) -> None:
    near = opened()
    one, two, stranger = (near.another() for _ in range(3))
    for end in (one, two)[:pipes]:
        near.conn.pipe(end.conn)
    near.conn.pause()
    near.conn.unpipe(*{"a stranger": [stranger.conn], "one of them": [one.conn]}.get(what, []))
    near.send(b"waits")
    assert near.is_throttled()
    assert near.conn.bytes_read == 0


def test_unpipe_of_what_is_no_pipe_does_not_pause_a_connection(joined: Any) -> None:
    near, far = joined("pair", data=True)
    near.conn.unpipe()
    near.conn.unpipe(far.conn)
    near.send(b"heard")
    near.until(lambda: near.conn.bytes_read == 5)


def test_a_listener_of_the_drain_that_unpipes_leaves_the_source_paused(joined: Any) -> None:
    near, far = joined("pair", slow=True)
    far.conn.on("drain", lambda conn: near.conn.unpipe())
    near.conn.pipe(far.conn)
    dam_up(near, far)
    passed = near.conn.bytes_read
    assert far.receive(passed) == BYTES[:passed]
    assert near.is_throttled()
    assert near.conn.bytes_read - passed <= READ  # one more where the pipe heard of the drain first


@pytest.mark.parametrize("when", ["before the close", "inside it", "after it"])
def test_unpipe_is_legal_at_any_time(when: str, joined: Any) -> None:
    near, far = joined("relay")
    if when == "inside it":
        near.wire.server.on("close", lambda conn, report: conn.unpipe())
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


def test_every_byte_is_accounted_for_when_a_pipe_is_taken_away_in_the_middle(joined: Any) -> None:
    near, far = joined(slow=True, high_water=16 * KIB)
    dam_up(near, far)
    near.conn.unpipe()
    near.conn.destroy()
    far.conn.destroy()
    assert accounted(near, far)
