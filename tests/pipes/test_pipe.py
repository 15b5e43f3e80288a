"""pipe(): all that one connection receives, another gets, in order, and no faster than it takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reactor import Reactor, Reason
from reactor.testing import settle
from tests.support.piping import (
    BYTES,
    KIB,
    MIB,
    READ,
    accounted,
    dam_up,
    receive_all_of,
)

# What passes.


@pytest.mark.parametrize("transport", ["tcp", "unix"])
def test_bytes_pass_in_order_and_then_the_end(transport: str, each_loop: Reactor, joined: Any, tmp_path: Path) -> None:
    near, far = joined(loop=each_loop, path=tmp_path / "s" if transport == "unix" else None)
    near.carry(BYTES[:MIB], far)
    assert far.receive(MIB) == BYTES[:MIB]
    near.send(b"and a little")
    near.end()
    assert far.receive_all() == (BYTES[:MIB] + b"and a little", "FIN")


def test_two_pipes_carry_both_directions_at_once(each_loop: Reactor, joined: Any) -> None:
    near, far = joined("relay", loop=each_loop)
    there, back = BYTES[:MIB], BYTES[MIB : 2 * MIB]
    for begin in range(0, MIB, 128 * KIB):
        near.carry(there[begin : begin + 128 * KIB], near, far)
        far.carry(back[begin : begin + 128 * KIB], near, far)
    assert far.receive(MIB) == there
    assert near.receive(MIB) == back


def test_listeners_of_data_hear_what_passes(joined: Any) -> None:
    near, far = joined(data=True)
    near.send(b"for two")
    assert far.receive(7) == b"for two"
    assert near.wire.record.data(near.conn) == b"for two"


def test_what_came_before_the_pipe_and_what_the_program_writes_take_their_places(joined: Any) -> None:
    near, far = joined("pair", pause_on_connect=True)
    near.send(b"early ")
    settle(near.loop)
    far.conn.write(b"header ")
    near.conn.pipe(far.conn)  # resumes
    near.send(b"body ")
    assert far.receive(18) == b"header early body "
    far.conn.write(b"trailer")
    assert far.receive(25)[18:] == b"trailer"


def test_a_connection_piped_to_itself_is_an_echo(each_loop: Reactor, opened: Any) -> None:
    end = opened(loop=each_loop)
    assert end.conn.pipe(end.conn) is end.conn
    end.send(b"hello")
    assert end.receive(5) == b"hello"
    end.send(b"again")
    end.end()
    assert end.receive_all() == (b"helloagain", "FIN")
    assert end.report().clean


def test_a_pipe_to_one_that_is_piped_on_is_a_chain(joined: Any) -> None:
    near, middle = joined()
    far = near.another()
    middle.conn.pipe(far.conn)
    near.send(b"there")
    middle.send(middle.receive(5) + b" and on")
    assert far.receive(12) == b"there and on"


# What passes of text.

TEXT = "grüße, €, 😀"
CODED = [
    *((encoding, "strict", TEXT.encode(encoding)) for encoding in ("utf-8", "utf-16", "utf-8-sig", "utf-7")),
    ("latin-1", "strict", bytes(range(256))),
    *(("utf-8", errors, b"a\xffb\xe2\x82") for errors in ("replace", "ignore", "surrogateescape", "backslashreplace")),
]


@pytest.mark.parametrize(("encoding", "errors", "said"), CODED)
def test_bytes_pass_whatever_text_is_made_of_them(encoding: str, errors: str, said: bytes, joined: Any) -> None:
    near, far = joined(data=True)
    near.conn.set_encoding(encoding, errors)
    for number in range(len(said)):
        near.send(said[number : number + 1])
        settle(near.loop, 1)
    near.end()
    assert far.receive_all() == (said, "FIN")
    heard = near.wire.record.events[near.conn]
    text = "".join(piece for name, *args in heard if name == "data" for piece in args)
    assert text == said.decode(encoding, errors)


def test_the_encoding_may_change_in_a_listener_of_what_passes(joined: Any) -> None:
    near, far = joined("pair", data=True)
    encodings = iter(["utf-8", None, "latin-1", "utf-16", "utf-8"])
    near.conn.on("data", lambda conn, data: conn.set_encoding(next(encodings)))
    near.conn.pipe(far.conn)
    for piece in (b"one\xff", b"two", b"three\xff", b"four\xff", "five".encode("utf-16")):
        near.send(piece)
        settle(near.loop)
    near.end()
    assert far.receive_all() == (b"one\xfftwothree\xfffour\xff" + "five".encode("utf-16"), "FIN")


# At whose pace.


@pytest.mark.parametrize("high_water", [0, 1000, 64 * KIB, 256 * KIB])
@pytest.mark.parametrize("shape", ["pipe", "echo"])
def test_a_slow_reader_makes_the_source_wait_with_at_most_one_read_above_the_mark_and_gets_everything(
    shape: str, high_water: int, each_loop: Reactor, joined: Any
) -> None:
    near, far = joined("pair", slow=True, loop=each_loop, high_water=high_water)
    near, far = (far, far) if shape == "echo" else (near, far)
    near.conn.pipe(far.conn)
    seen: list[int] = []  # what was pending after each piece that came in
    near.conn.on("data", lambda conn, data: seen.append(far.conn.pending_bytes))
    sent = dam_up(near, far)
    assert sent < len(BYTES), "the source's peer was never throttled"
    assert near.conn.bytes_read == far.conn.bytes_written + far.conn.pending_bytes
    assert high_water < max(seen) <= high_water + READ
    assert far.receive(sent) == BYTES[:sent]
    near.carry(BYTES[sent:], far)
    assert far.receive(len(BYTES)) == BYTES
    assert max(seen) <= high_water + READ


def test_each_direction_has_its_own_pace(joined: Any) -> None:
    near, far = joined("relay", slow=True)
    sent = dam_up(near, far)
    far.carry(BYTES[:MIB], near)
    assert near.receive(MIB) == BYTES[:MIB]
    assert near.is_throttled()
    assert far.receive(sent) == BYTES[:sent]


def test_of_two_destinations_the_slower_sets_the_pace(fan: Any) -> None:
    near, slow, fast = fan(slow=True)
    sent = dam_up(near, slow)
    stopped_at = near.conn.bytes_read
    assert fast.receive(stopped_at) == BYTES[:stopped_at]
    assert near.is_throttled()
    assert slow.conn.pending_bytes <= slow.conn.high_water + READ
    receive_all_of(sent, slow, fast)
    assert bytes(slow.received) == bytes(fast.received) == BYTES[:sent]


def test_two_sources_of_one_slow_destination_both_wait_and_both_go_on(joined: Any) -> None:
    one, far = joined("bytes only", slow=True)
    two = one.another()
    two.conn.pipe(far.conn, end=False)
    sent = one.pour(b"1" * 4 * MIB), two.pour(b"2" * 4 * MIB)
    assert one.is_throttled()
    assert two.is_throttled()
    assert far.conn.pending_bytes <= far.conn.high_water + 2 * READ
    got = far.receive(sum(sent))
    assert (got.count(b"1"), got.count(b"2")) == sent


# The program's own pauses.


@pytest.mark.parametrize("full", [False, True])
def test_a_source_that_the_program_pauses_passes_nothing_until_resume_whatever_drains(full: bool, joined: Any) -> None:
    near, far = joined(slow=True)
    sent = dam_up(near, far) if full else 5
    near.conn.pause()
    if not full:
        near.send(BYTES[:sent])
    held = near.conn.bytes_read
    assert far.receive(held) == BYTES[:held]
    assert near.is_throttled()
    assert far.nothing_comes()
    assert near.conn.bytes_read == held
    near.conn.resume()
    assert far.receive(sent) == BYTES[:sent]


def test_a_source_that_the_program_resumes_while_its_destination_is_full_waits_again(joined: Any) -> None:
    near, far = joined(slow=True)
    sent = dam_up(near, far)
    near.conn.resume()
    sent += near.pour(BYTES[sent:])
    assert near.is_throttled()
    assert far.conn.pending_bytes <= far.conn.high_water + 2 * READ
    assert far.receive(sent) == BYTES[:sent]


def test_a_second_pipe_does_not_hurry_a_source_that_waits_for_the_first(joined: Any) -> None:
    near, slow = joined(slow=True)
    fast = near.another()
    sent = dam_up(near, slow)
    began = near.conn.bytes_read
    near.conn.pipe(fast.conn)
    settle(near.loop, 30)
    assert slow.conn.pending_bytes <= slow.conn.high_water + 2 * READ
    near.carry(BYTES[sent : 2 * MIB], slow, fast)
    receive_all_of(2 * MIB - began, slow, fast)
    assert slow.receive(2 * MIB) == BYTES[: 2 * MIB]
    assert bytes(fast.received) == BYTES[began : 2 * MIB]


@pytest.mark.parametrize("way", ["end", "destroy_soon"])
def test_a_source_does_not_wait_for_the_drain_of_a_destination_that_the_program_ended(way: str, joined: Any) -> None:
    near, far = joined(slow=True)
    sent = dam_up(near, far)
    getattr(far.conn, way)()
    near.end()
    assert far.receive_all()[1] == "FIN"
    assert (near.report().bytes_read, near.report().clean) == (sent, True)  # though the destination is still there
    assert far.conn.report is None
    far.end()
    assert far.report().reason is Reason.ENDED
    assert bytes(far.received) == BYTES[: len(far.received)]
    assert accounted(near, far)
