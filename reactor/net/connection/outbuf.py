"""What was written and not yet taken by the kernel. Pure: it never sees a socket.

A queue of chunks, a running count of bytes (asyncio until 2026 summed the queue at every write: 90 % CPU in
production, cpython#146507), and how much of the first chunk is gone already. Nothing leaves the queue before
the kernel took it. Chunks are `bytes`, or views of `bytes`, which nobody can change afterwards.

A `Part` is sent from elsewhere than memory (`files.py`): it has its place among the chunks, and does not count as held.

`head()` is what to offer the kernel next. Small chunks are joined, because one `send` of 16 KiB costs less
than an `iovec` of 200 entries built in Python; a chunk of ALONE or more goes out as a view, without a
copy.
"""

from __future__ import annotations

from collections import deque

from ...foreign import said, shown
from ...hints import Any

JOIN_LIMIT = 65_536  # bytes; copying this much costs about as much as one more system call
ALONE = 32_768  # bytes; so many are not joined with what follows


class Part:
    """Bytes that are not in memory. It is closed when it is sent or dropped."""

    __slots__ = ("left",)

    def __init__(self, count: int) -> None:
        #: Bytes not sent yet.
        self.left = count

    def __len__(self) -> int:
        return self.left

    def advance(self, count: int) -> None:
        """The kernel took so many."""
        self.left -= count

    def close(self) -> None:
        """Give back what the bytes come from."""


class OutBuffer:
    """Pending output of one connection. It exists while something is pending."""

    __slots__ = ("_offset", "chunks", "held", "size")

    def __init__(self) -> None:
        #: What waits, in order. Whoever appends here keeps `size` and `held` true: `Connection.write` does.
        self.chunks: deque[Any] = deque()  # bytes, views of bytes, and Parts
        #: Pending bytes, and how many of them are in memory.
        self.size = self.held = self._offset = 0

    def append(self, chunk: bytes | memoryview | Part) -> None:
        """Takes the chunk as it is: it must never change. Empty ones are ignored."""
        if chunk:
            self.chunks.append(chunk)
            self.size += len(chunk)
            if not isinstance(chunk, Part):
                self.held += len(chunk)

    def head(self) -> bytes | memoryview | Part:
        """The next bytes to send: at least one chunk, small ones joined. The buffer must not be empty.

        What was joined stays joined, so that bytes are copied two or three times at most, however little the
        kernel takes at a time.
        """
        chunks = self.chunks
        first = chunks[0]
        if isinstance(first, Part):
            return first
        rest = memoryview(first)[self._offset :] if self._offset else first
        if len(chunks) == 1 or len(rest) >= ALONE:
            return rest
        if self.size == self.held <= JOIN_LIMIT:  # all of it: what is written in one turn is seldom more
            chunks[0] = rest
            whole = b"".join(chunks)  # no Part is among them
            chunks.clear()
            chunks.append(whole)
            self._offset = 0
            return whole
        pieces, size = [rest], len(rest)
        chunks.popleft()
        while chunks and not isinstance(chunk := chunks[0], Part) and size + len(chunk) <= JOIN_LIMIT:
            pieces.append(chunk)
            size += len(chunk)
            chunks.popleft()
        joined = b"".join(pieces) if len(pieces) > 1 else rest
        chunks.appendleft(joined)
        self._offset = 0
        return joined

    def consume(self, count: int) -> None:
        """The kernel took the next `count` bytes."""
        self.size -= count
        first = self.chunks[0]
        if isinstance(first, Part):
            first.advance(count)
            if not first.left:
                self.chunks.popleft()
                first.close()
            return
        self.held -= count
        count += self._offset
        while self.chunks and count >= len(self.chunks[0]):
            count -= len(self.chunks.popleft())
        self._offset = count

    def clear(self) -> int:
        """Drop everything; how many bytes that were."""
        dropped, self.size, self.held, self._offset = self.size, 0, 0, 0
        for chunk in self.chunks:
            if isinstance(chunk, Part):
                chunk.close()
        self.chunks.clear()
        return dropped

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"<OutBuffer {self.size} bytes in {len(self.chunks)} chunks>"


def bytes_view(data: Any) -> memoryview:
    """A bytes-like object as a flat view of bytes. Raises TypeError for anything else."""
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"data must be a bytes-like object, not {shown(data)}") from None
    return view.cast("B") if view.c_contiguous else memoryview(bytes(view))


def joined(chunks: Any) -> bytes:
    """Several bytes-like objects as one. Raises TypeError for anything else."""
    try:
        return b"".join([bytes_view(chunk) for chunk in chunks])
    except TypeError as error:
        raise TypeError(
            f"chunks must be an iterable of bytes-like objects, not {shown(chunks)}: {said(error)}"
        ) from None
