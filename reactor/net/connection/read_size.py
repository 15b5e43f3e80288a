"""How much to ask the kernel for, from what it gave before. Pure.

`recv` makes a `bytes` of the size asked for and cuts it down to what came. What that costs depends on who has the
memory. Up to 512 bytes it comes from Python's own allocator, for next to nothing. Larger blocks are malloc's, which
tidies up when they are cut: 1 % of an echo of 64 bytes. From 128 KiB on they are fresh pages each time, which cost
more than a small message itself. On the other hand a read that is too small costs another one.

So a connection is small or large, as its messages are. What it begins with tells, and one that has filled a small read
is large from then on, so that mixed traffic pays for one read too many and not for one a message. While so much
comes that 64 KiB are filled, as in bulk, four times as much is read: one system call instead of four.
"""

from __future__ import annotations

FIRST = 16_384  # bytes; the size of a TLS record, and more than most requests
SMALL = 479  # bytes; with the 33 of a `bytes` object that is 512, the largest block of Python's allocator
LARGE = 65_536  # bytes
BULK = 262_144  # bytes; what asyncio reads at a time


def next_size(size: int, count: int) -> int:
    """The size of the read after one of `size` that gave `count` bytes."""
    if size == FIRST and count < SMALL:
        return SMALL
    return BULK if count >= LARGE else LARGE
