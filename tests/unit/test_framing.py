"""Framers, without a socket: however the bytes are split, the same messages come, then the same verdict."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactor import Reason, length_prefixed, lines
from reactor.net.connection.intake import Intake
from reactor.net.protocols.framing import Framer

Heard = list[bytes | Reason]
Make = Callable[..., Framer]


class Table:
    data = None  # nobody adds or takes off a listener
    heard_beside = False


class Stream:
    """Stands for a connection: what a framer asks of one."""

    _listeners = Table()

    def __init__(self) -> None:
        self._flowing = True
        self._intake = Intake()
        self._read_at = 0.0
        self.reason: Reason | None = None

    def _because(self, reason: Reason) -> None:
        self.reason = reason

    def _destroy_soon_by_us(self) -> None:
        self._flowing = False

    def _hears(self, framer: Framer) -> bool:
        return True

    def held(self) -> int:
        return sum(held.size() for held in self._intake.frames)


def heard(make: Make, chunks: Iterable[bytes], **options: Any) -> Heard:
    """All that a framer makes of a stream that ends after the last chunk."""
    found: Heard = []
    framer = make(lambda conn, frame: found.append(frame), **options)
    conn: Any = Stream()
    for chunk in chunks:
        if conn._flowing and chunk:
            framer(conn, chunk)
    for held in conn._intake.frames:
        framer.finish(conn, held)
    return [*found, conn.reason] if conn.reason else found


def split_at(data: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    at = 0
    for cut in (*sorted(cuts), len(data)):
        yield data[at:cut]
        at = cut


def lines_by_hand(data: bytes, longest: int) -> Heard:
    """What is meant by lines, in the plainest words."""
    *whole, tail = data.split(b"\n")
    found: Heard = []
    for line in whole:
        line = line.removesuffix(b"\r")
        if len(line) > longest:
            return [*found, Reason.FRAME_TOO_LONG]
        found.append(line)
    if len(tail.removesuffix(b"\r")) > longest:
        return [*found, Reason.FRAME_TOO_LONG]
    return [*found, Reason.FRAME_CUT_OFF] if tail else found


def frames_by_hand(data: bytes, width: int, largest: int, byteorder: Any = "big") -> Heard:
    found: Heard = []
    while len(data) >= width:
        length = int.from_bytes(data[:width], byteorder)
        if length > largest:
            return [*found, Reason.FRAME_TOO_LONG]
        if len(data) < width + length:
            break
        found.append(data[width : width + length])
        data = data[width + length :]
    return [*found, Reason.FRAME_CUT_OFF] if data else found


CUTS = st.lists(st.integers(0, 200), max_size=40)


@given(st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"a", b"bc", b"\x00" * 7]), max_size=60), CUTS)
def test_any_split_gives_the_same_lines(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    assert heard(lines, split_at(data, cuts), max_length=9) == lines_by_hand(data, 9)


@given(
    st.lists(st.binary(max_size=12), max_size=12),
    st.binary(max_size=6),
    CUTS,
    st.integers(1, 8),
    st.sampled_from(["big", "little"]),
)
def test_any_split_gives_the_same_frames(
    frames: list[bytes], tail: bytes, cuts: list[int], width: int, byteorder: Any
) -> None:
    data = b"".join(len(frame).to_bytes(width, byteorder) + frame for frame in frames) + tail
    found = heard(length_prefixed, split_at(data, cuts), width=width, byteorder=byteorder, max_length=11)
    assert found == frames_by_hand(data, width, 11, byteorder)


@given(st.lists(st.sampled_from([b"\n", b"\r\n", b"abc", b"\r"]), max_size=40), CUTS, st.integers(0, 12))
def test_what_is_taken_back_is_what_came_and_was_not_heard(pieces: list[bytes], cuts: list[int], stop: int) -> None:
    data = b"".join(pieces)
    found: list[bytes] = []
    conn: Any = Stream()

    def hear(conn: Any, line: bytes) -> None:
        found.append(line)
        conn._flowing = len(found) < stop

    framer = lines(hear)
    for chunk in split_at(data, cuts):
        framer(conn, chunk)
    assert conn.held() <= len(data)
    rest = framer.take(conn)
    assert data.endswith(rest)
    whole = data[: len(data) - len(rest)]
    assert [line.removesuffix(b"\r") for line in whole.split(b"\n")[:-1]] == found
    assert (conn.held(), framer.take(conn)) == (0, b"")


@given(st.lists(st.binary(max_size=5), max_size=9), CUTS, st.integers(0, 9))
def test_frames_taken_back_have_their_lengths_again(frames: list[bytes], cuts: list[int], stop: int) -> None:
    data = b"".join(bytes([len(frame)]) + frame for frame in frames)
    found: list[bytes] = []
    conn: Any = Stream()

    def hear(conn: Any, frame: bytes) -> None:
        found.append(frame)
        conn._flowing = len(found) < stop

    framer = length_prefixed(hear, width=1)
    for chunk in split_at(data, cuts):
        framer(conn, chunk)
    assert b"".join(bytes([len(frame)]) + frame for frame in found) + framer.take(conn) == data


def test_ten_megabytes_in_random_pieces_give_the_messages_that_were_put_in() -> None:
    rng = random.Random(7)
    total = 0
    while total < 10_000_000:
        data = bytes(rng.choices(b"\n\r" + bytes(range(32, 127)) * 2, k=rng.choice((100, 10_000, 200_000))))
        cuts = sorted(rng.randrange(len(data)) for _ in range(rng.choice((0, 3, len(data) // 40))))
        longest = rng.choice((400, 3_000))
        assert heard(lines, split_at(data, cuts), max_length=longest) == lines_by_hand(data, longest)
        frames = [data[at : at + rng.randrange(3_000)] for at in range(0, len(data), 2_000)]
        sent = b"".join(len(frame).to_bytes(2, "big") + frame for frame in frames) + data[: rng.randrange(2)]
        cuts = sorted(rng.randrange(len(sent)) for _ in range(rng.choice((0, 3, len(sent) // 40))))
        assert heard(length_prefixed, split_at(sent, cuts), width=2) == frames_by_hand(sent, 2, 1_048_576)
        total += len(data) + len(sent)


@pytest.mark.parametrize("length", [9, 10])
def test_a_line_of_just_the_length_is_let_through_whatever_its_end(length: int) -> None:
    for end in (b"\n", b"\r\n"):
        for at in range(length + 3):
            data = b"x" * length + end
            wanted: Heard = [b"x" * length] if length < 10 else [Reason.FRAME_TOO_LONG]
            assert heard(lines, [data[:at], data[at:]], max_length=9) == wanted


def test_lines_before_one_that_is_too_long_are_delivered() -> None:
    found = heard(lines, [b"one\ntwo\n" + b"x" * 50], max_length=10)
    assert found == [b"one", b"two", Reason.FRAME_TOO_LONG]


def test_a_length_above_the_limit_is_refused_before_the_message_comes() -> None:
    assert heard(length_prefixed, [b"\x00\x00\x00\x01a\xff\xff\xff\xff"]) == [b"a", Reason.FRAME_TOO_LONG]


@pytest.mark.parametrize(
    ("make", "begin", "end"), [(lines, b"", b"\n"), (length_prefixed, (400_000 * 4).to_bytes(4, "big"), b"")]
)
def test_a_long_message_that_trickles_in_takes_linear_time(make: Make, begin: bytes, end: bytes) -> None:
    def seconds(count: int) -> float:
        conn: Any = Stream()
        framer = make(lambda conn, frame: None, max_length=10**7)
        framer(conn, begin + b"ab")
        began = time.process_time()
        for _ in range(count):
            framer(conn, b"ab")
        return time.process_time() - began

    ratio = min(seconds(200_000) for _ in range(3)) / min(seconds(25_000) for _ in range(3))
    assert ratio < 24, "eight times as much took more than three times eight times as long"


async def coroutine_function(conn: Any, frame: bytes) -> None:
    raise AssertionError


# What is given besides a function, and with what it is refused.
OF_BOTH: list[tuple[dict[str, Any], type[Exception], str]] = [
    *(({"max_length": value}, ValueError, f"max_length must be 1 or more, not {value}$") for value in (0, -1)),
    *(
        ({"max_length": value}, TypeError, "max_length must be a whole number")
        for value in ("10", 1.5, None, True, float("nan"))
    ),
    ({"on_error": coroutine_function}, TypeError, "on_error must be a plain function, not the coroutine function"),
    ({"on_error": 5}, TypeError, "on_error must be callable, not 5$"),
]  # fmt: skip
OF_FRAMES: list[tuple[dict[str, Any], type[Exception], str]] = [
    *(({"width": value}, ValueError, f"width must be from 1 to 8, not {value}$") for value in (0, 9, -1)),
    ({"byteorder": "network"}, ValueError, "byteorder must be one of 'big', 'little', not 'network'$"),
]


@pytest.mark.parametrize(
    ("make", "besides", "kind", "said"),
    [
        *((make, *row) for make in (lines, length_prefixed) for row in OF_BOTH),
        *((length_prefixed, *row) for row in OF_FRAMES),
    ],
)
def test_what_makes_no_sense_is_refused(make: Make, besides: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=f"^{said}"):
        make(print, **besides)


@pytest.mark.parametrize(("make", "name"), [(lines, "on_line"), (length_prefixed, "on_frame")])
def test_what_is_called_must_be_a_plain_function(make: Make, name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be callable, not 5$"):
        make(5)
    with pytest.raises(TypeError, match=f"^{name} must be a plain function"):
        make(coroutine_function)
