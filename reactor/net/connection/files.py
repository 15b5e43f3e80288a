"""What `send_file` queues: a stretch of a file, sent by the kernel (sendfile(2)), or read and sent where it cannot.

The file is opened at the call, or its descriptor duplicated: the program may close its own at once, and a number
that is used again for another file does not send that one's content. The stretch is measured at the call, and is a
promise to the peer: a file that is shorter when its turn comes is an error, since the peer would wait for the missing
bytes, or take the end for the whole.

sendfile(2) reads the disk where the page cache does not have it, which blocks, as every read of a file does. It is
asked for a little at a time, so that a slow disk holds up the other connections no longer than that.
"""

from __future__ import annotations

import errno
import io
import os
import stat

from ... import arguments
from ...foreign import plain, said, shown
from ...hints import TYPE_CHECKING
from ..sockets import kernel
from .outbuf import Part

if TYPE_CHECKING:
    from typing import Any, Protocol

    from ..sockets.sock import Sock

    class SeekableFile(Protocol):
        """What `send_file` takes besides a path."""

        def seek(self, offset: int, /) -> object: ...
        def read(self, count: int, /) -> bytes: ...

    class _Source(Protocol):
        @property
        def fd(self) -> int | None: ...
        def read(self, count: int, offset: int) -> bytes: ...
        def close(self) -> None: ...


CHUNK = 262_144  # bytes a call; larger ones send a file on loopback no faster

# Not to wait for who opens a FIFO for writing; means nothing for a regular file (open(2)).
_OPEN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_CANNOT = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW})  # sendfile(2), "ERRORS"
_OF_THE_FILE = frozenset({errno.EIO, errno.ESTALE})


class FileFailed(Exception):
    """What was promised of a file cannot be had of it."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


class FilePart(Part):
    """`left` bytes of a file from `offset`. Owns a descriptor of it until it is closed."""

    __slots__ = ("_closed", "_fd", "_name", "_offset", "_source")

    def __init__(self, name: str, source: _Source, offset: int, count: int) -> None:
        super().__init__(count)
        self._name = name
        self._source = source
        self._closed = False
        self._offset = offset
        self._fd = source.fd if hasattr(os, "sendfile") else None  # what sendfile(2) reads; None: it cannot

    @property
    def offer(self) -> int:
        return min(self.left, CHUNK)

    def send(self, sock: Sock) -> int:
        """Hand the next bytes to the kernel; how many it took. Raises the socket's OSError, or FileFailed."""
        sent = None if self._fd is None else self._send_by_kernel(sock, self._fd)
        if sent is None:
            data = self._read()
            if self._closed:  # by what it is read from, which may be the program's
                return 0
            sent = sock.send(data) if data else 0
        if not sent:
            raise FileFailed(self._error(errno.EIO, f"it ends {self.left} bytes early"))
        return sent

    def _send_by_kernel(self, sock: Sock, fd: int) -> int | None:
        """None: it cannot, for this file."""
        try:
            return sock.send_file(fd, self._offset, self.offer)
        except OSError as error:
            if error.errno in _OF_THE_FILE:
                raise FileFailed(self._error(error.errno or errno.EIO)) from None
            if error.errno not in _CANNOT:
                raise
        self._fd = None
        return None

    def _read(self) -> bytes:
        try:
            return self._source.read(self.offer, self._offset)
        except Exception as error:  # the program has closed it; a gzip file is cut off; ...
            raise FileFailed(self._error(getattr(error, "errno", None) or errno.EIO, said(error))) from None

    def _error(self, code: int, why: str = "") -> OSError:
        error = kernel.os_error(code, "sendfile", self._name)
        if why:
            error.strerror = f"{error.strerror}: {plain(why)}"
        return error

    def advance(self, count: int) -> None:
        super().advance(count)
        self._offset += count

    def close(self) -> None:
        self._closed = True
        self._source.close()


class _Descriptor:
    """A file of the system."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def read(self, count: int, offset: int) -> bytes:
        return os.pread(self.fd, count, offset)

    def close(self) -> None:
        os.close(self.fd)


class _Object:
    """Anything with `seek` and `read`; it stays the program's."""

    __slots__ = ("_file",)

    fd = None

    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, count: int, offset: int) -> bytes:
        self._file.seek(offset)
        return bytes(memoryview(self._file.read(count))[:count])

    def close(self) -> None:
        """Nothing of it is ours."""


def open_part(file: Any, offset: Any, count: Any) -> FilePart:
    """What the arguments of `send_file` ask for.

    Raises OSError for a path that cannot be opened, TypeError and ValueError for what cannot be sent from.
    """
    arguments.integer("offset", offset, 0)
    name, source, size = _opened(file)
    try:
        if offset > size:
            raise ValueError(f"offset must be at most {size}, the size of {plain(name)}, not {shown(offset)}")
        if count is not None:
            arguments.integer("count", count, 0)
            if count > size - offset:
                raise ValueError(
                    f"count must be at most {size - offset}, what {plain(name)} has from {offset}, not {shown(count)}"
                )
    except BaseException:
        source.close()
        raise
    return FilePart(name, source, offset, size - offset if count is None else count)


def _opened(file: Any) -> tuple[str, _Source, int]:
    """Name, source and size."""
    if isinstance(file, (str, bytes, os.PathLike)):
        return _measured(os.fsdecode(file), os.open(file, _OPEN))
    if not all(callable(getattr(file, name, None)) for name in ("seek", "read")):
        raise TypeError(f"path_or_file must be a path, or a file opened in binary mode, not {shown(file)}")
    name = getattr(file, "name", file)
    name = os.fsdecode(name) if isinstance(name, bytes) else str(name)
    try:
        binary = isinstance(file.read(0), bytes)
        whole = _has_descriptor(file)
        size = 0 if whole or not binary else file.seek(0, os.SEEK_END)
    except Exception as error:  # what it raises is its own: zlib.error, EOFError, UnsupportedOperation, ...
        raise ValueError(
            f"path_or_file must be a file that can be read and measured, not {shown(file)}: {said(error)}"
        ) from error
    if not binary or not isinstance(size, int):
        raise TypeError(f"path_or_file must be a path, or a file opened in binary mode, not {shown(file)}")
    return _measured(name, os.dup(file.fileno())) if whole else (name, _Object(file), size)


def _has_descriptor(file: Any) -> bool:
    """True if what it reads is what its descriptor has. Of a gzip file it is not."""
    if isinstance(file, io.BufferedRandom):
        file.flush()
    return isinstance(file, io.FileIO) or (
        isinstance(file, (io.BufferedReader, io.BufferedRandom)) and isinstance(file.raw, io.FileIO)
    )


def _measured(name: str, fd: int) -> tuple[str, _Source, int]:
    source = _Descriptor(fd)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"path_or_file must be a regular file, not {shown(name)}")
    except BaseException:
        source.close()
        raise
    return name, source, status.st_size
