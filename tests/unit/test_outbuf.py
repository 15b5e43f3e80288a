"""The write buffer: what was appended is what is sent, whatever the kernel takes at a time."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactor.net.connection.outbuf import JOIN_LIMIT, OutBuffer, Part

SOURCE = random.Random(3).randbytes(4 * JOIN_LIMIT)

sizes = st.one_of(
    st.integers(0, 40),
    st.sampled_from([JOIN_LIMIT // 2 - 1, JOIN_LIMIT // 2, JOIN_LIMIT - 1, JOIN_LIMIT, JOIN_LIMIT + 1]),
)
kinds = st.sampled_from([bytes, memoryview])


def filled(*chunks: bytes | memoryview) -> OutBuffer:
    buffer = OutBuffer()
    for chunk in chunks:
        buffer.append(chunk)
    return buffer


def head_of(buffer: OutBuffer) -> bytes:
    head = buffer.head()
    assert not isinstance(head, Part)
    return bytes(head)


def sent_by(buffer: OutBuffer, take: Callable[[int], int]) -> bytes:
    """Empty the buffer as a kernel would that takes `take(len(head))` bytes of each `head()`."""
    sent = []
    while buffer.size:
        head = head_of(buffer)
        assert len(head) > 0
        count = max(take(len(head)), 1)
        sent.append(head[:count])
        buffer.consume(count)
    return b"".join(sent)


@settings(max_examples=50)
@given(st.lists(st.tuples(sizes, kinds), max_size=12), st.lists(sizes, min_size=1, max_size=8))
def test_what_is_sent_is_what_was_appended(chunks: list[tuple[int, type]], takes: list[int]) -> None:
    buffer, appended, start = OutBuffer(), b"", 0
    for size, kind in chunks:
        piece = SOURCE[start : start + size]
        start += size // 7  # so that neighbours differ
        buffer.append(kind(piece))
        appended += piece
    often = itertools.cycle([*takes, JOIN_LIMIT])
    assert sent_by(buffer, lambda size: min(next(often), size)) == appended
    assert buffer.size == 0


def test_small_chunks_leave_as_one() -> None:
    buffer = filled(*(b"%04d" % i for i in range(1000)))
    assert head_of(buffer) == b"".join(b"%04d" % i for i in range(1000))


def test_what_is_joined_stays_within_the_limit() -> None:
    buffer = filled(*[b"x" * 1000] * 100)
    assert JOIN_LIMIT - 1000 < len(buffer.head()) <= JOIN_LIMIT


@pytest.mark.parametrize(
    ("size", "others"), [(5, []), (JOIN_LIMIT, [b"after"]), (JOIN_LIMIT + 1, [b"after"]), (4 * JOIN_LIMIT, [b"after"])]
)
def test_one_chunk_is_never_copied_however_small_and_a_large_one_is_not_at_all(size: int, others: list[bytes]) -> None:
    chunk = SOURCE[:size]
    buffer = filled(chunk, *others)
    assert buffer.head() is chunk
    buffer.consume(2)
    rest = buffer.head()
    assert isinstance(rest, memoryview)
    assert rest.obj is chunk
    assert rest == chunk[2:]


def test_a_large_chunk_behind_a_small_one_is_not_copied() -> None:
    chunk = SOURCE[:JOIN_LIMIT]
    buffer = filled(b"small", chunk)
    assert head_of(buffer) == b"small"
    buffer.consume(5)
    assert buffer.head() is chunk


def test_what_was_joined_is_not_joined_again_for_each_byte_the_kernel_takes() -> None:
    buffer = filled(*[b"x" * 10] * 100)
    joined = buffer.head()
    buffer.consume(1)
    rest = buffer.head()
    assert isinstance(rest, memoryview)
    assert rest.obj is joined


def test_clear_drops_everything_and_says_how_much() -> None:
    buffer = filled(b"1234", b"567890")
    buffer.consume(3)
    assert buffer.clear() == 7
    assert buffer.size == 0
    assert buffer.clear() == 0
    buffer.append(b"new")
    assert head_of(buffer) == b"new"


def test_a_buffer_says_what_it_holds() -> None:
    assert repr(filled(b"1234", b"5")) == "<OutBuffer 5 bytes in 2 chunks>"


# Parts: bytes that are elsewhere.


class Stretch(Part):
    """A stretch of SOURCE, as a file would be."""

    def __init__(self, start: int, count: int) -> None:
        super().__init__(count)
        self.start = start
        self.closed = 0

    def advance(self, count: int) -> None:
        super().advance(count)
        self.start += count

    def close(self) -> None:
        self.closed += 1


def take_from(buffer: OutBuffer, most: int) -> bytes:
    """Send up to `most` bytes of what is next, wherever they are."""
    head = buffer.head()
    assert buffer.head() == head, "looking twice shows the same"
    count = min(most, len(head))
    data = SOURCE[head.start : head.start + count] if isinstance(head, Stretch) else bytes(head)[:count]  # type: ignore[arg-type]
    buffer.consume(count)
    return data


@given(st.lists(st.tuples(st.sampled_from(["bytes", "part", "send"]), sizes), max_size=40), st.booleans())
def test_parts_and_chunks_keep_their_order_and_are_counted_apart(steps: list[tuple[str, int]], cleared: bool) -> None:
    buffer, appended, sent = OutBuffer(), bytearray(), bytearray()
    parts: list[Stretch] = []
    for what, size in steps:
        start = len(appended) % 1000
        if what == "bytes":
            buffer.append(SOURCE[start : start + size])
            appended += SOURCE[start : start + size]
        elif what == "part":
            part = Stretch(start, size)
            buffer.append(part)
            parts += [part] if size else []  # an empty one is not kept
            appended += SOURCE[start : start + size]
        elif buffer.size:
            sent += take_from(buffer, max(size, 1))
        elsewhere = sum(part.left for part in parts)
        assert buffer.size == len(buffer)
        assert (buffer.size, buffer.held) == (len(appended) - len(sent), len(appended) - len(sent) - elsewhere)
        assert [part.closed for part in parts] == [int(not part.left) for part in parts]
    if cleared:
        assert buffer.clear() == len(appended) - len(sent)
        del appended[len(sent) :]
    while buffer.size:
        sent += take_from(buffer, JOIN_LIMIT)
    assert (sent, buffer.size, buffer.held) == (appended, 0, 0)
    assert all(part.closed == 1 for part in parts)


def test_a_part_is_next_only_when_all_before_it_has_gone_and_is_joined_with_nothing() -> None:
    buffer = filled(b"be", b"fore")
    for chunk in (Stretch(0, 1), b"af", b"ter"):
        buffer.append(chunk)
    assert [take_from(buffer, 5), take_from(buffer, 5)] == [b"befor", b"e"]
    assert isinstance(buffer.head(), Stretch)
    assert [take_from(buffer, 100), take_from(buffer, 100)] == [SOURCE[:1], b"after"]


def test_a_part_stays_next_until_its_last_byte_and_is_closed_then() -> None:
    part = Stretch(0, 10)
    buffer = OutBuffer()
    buffer.append(part)
    buffer.consume(9)
    assert (buffer.head(), part.left, part.closed) == (part, 1, 0)
    buffer.consume(1)
    assert (buffer.size, part.left, part.closed) == (0, 0, 1)


def test_after_a_clear_in_the_middle_of_a_chunk_the_next_one_begins_at_its_beginning() -> None:
    buffer = filled(b"12345")
    buffer.consume(2)
    buffer.clear()
    buffer.append(Stretch(3, 4))
    buffer.append(b"next")
    assert [take_from(buffer, 100) for _ in range(2)] == [SOURCE[3:7], b"next"]
