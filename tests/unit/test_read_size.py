"""How much is asked of the kernel, from what it gave before."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from reactor.net.connection.read_size import BULK, FIRST, LARGE, SMALL, next_size


def sizes(*counts: int) -> list[int]:
    """The size of each read, the first included, when they gave so many bytes."""
    found = [FIRST]
    for count in counts:
        size, count = found[-1], min(count, found[-1])
        settled = size in (SMALL, LARGE) and count < size
        found.append(size if settled else next_size(size, count))  # the connection does not ask while it is settled
    return found


def test_who_begins_with_a_small_message_is_read_in_small_pieces() -> None:
    assert sizes(64) == [FIRST, SMALL]


def test_who_begins_with_a_large_message_is_read_in_large_pieces() -> None:
    assert sizes(5000) == [FIRST, LARGE]


def test_who_fills_a_small_read_is_large_from_then_on() -> None:
    assert next_size(SMALL, SMALL) == LARGE
    assert next_size(LARGE, 10) == LARGE


def test_bulk_lasts_as_long_as_a_large_read_would_be_filled() -> None:
    assert next_size(LARGE, LARGE) == BULK
    assert next_size(BULK, LARGE) == BULK
    assert next_size(BULK, LARGE - 1) == LARGE


@given(st.lists(st.integers(1, 300_000)))
def test_it_is_always_one_of_the_four(counts: list[int]) -> None:
    assert set(sizes(*counts)) <= {FIRST, SMALL, LARGE, BULK}


def test_a_small_read_fits_the_largest_block_of_pythons_allocator() -> None:
    assert sys.getsizeof(bytes(SMALL)) == 512
