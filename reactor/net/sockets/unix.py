"""Listening on Unix sockets by path: what a path may be, the socket's file, and when it may be removed.

A Unix socket leaves its file behind when it is closed, and no other socket can be bound where a file is. So a server
has to remove its file at the end, and after a crash somebody has to remove it before the next start.

What others do, as of autumn 2026:

    libuv     start: never replaces a file. End: unlinks the path it was given, relative to wherever the process is
              by then, whoever's file is there, before it closes the socket.
    Go        start: never replaces. End: as libuv.
    asyncio   start: unlinks any socket file, also one that is being listened on. End (3.13): after it has closed
              the socket, if the inode number is the same, which may be another file's by then.
    Twisted   start: replaces only if asked to keep a lock file, and that one's owner is dead. End: as libuv.
    redis     start: unlinks whatever is there.

Conclusion:

    start   bind first. Only if something is in the way: a socket that nobody is bound to is replaced, and nothing
            else is touched. Which of both it is, the kernel says, see `_replace_stale`.
    end     unlink the file if it is still the one we made, by its absolute path as of the start, and before the
            socket is closed: as long as the socket lives, the kernel holds its inode, so that no other file can have
            its number.
    mode    chmod(2) between bind(2) and listen(2): nobody can connect to a socket that does not listen yet. Not by
            umask(2), which belongs to all threads.

POSIX has no "unlink if it is this file": between the last look at a file and its removal there is a moment in which a
program that does not go by these rules may replace it. Rejected: a lock file, which stays for ever; binding under
another name and renaming, after which peers and ss(8) show a path that is not there.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys

from ...foreign import shown
from ...hints import Any
from ...log import log
from . import addresses, kernel

_LINUX = sys.platform in ("linux", "android")
_SUN_PATH = 108 if _LINUX else 104  # bytes of sockaddr_un.sun_path: unix(7); <sys/un.h> of the BSDs and macOS
SHOWN = 64  # characters of a path that is refused: it may be long just because it is no path
ALL_BITS = 0o777  # of a mode: the permissions, and none of set-user-ID and its kin, which mean nothing on a socket


# Arguments.


def check_path(path: Any, name: str = "path") -> str:
    """A path that a Unix socket can be bound or connected to, as text (`os.fsdecode`). A leading NUL makes it an
    abstract name (Linux), in which further ones are allowed.

    Raises TypeError and ValueError naming the argument, its value and what was expected.
    """
    try:
        text = os.fsdecode(path)
        size = len(os.fsencode(text))
    except TypeError:
        raise TypeError(f"{name} must be a str, bytes or os.PathLike, not {shown(path, SHOWN)}") from None
    except UnicodeError:
        raise ValueError(f"{name} must be text that a file name can have, not {shown(path, SHOWN)}") from None
    abstract = is_abstract(text)
    longest = _SUN_PATH if abstract else _SUN_PATH - 1  # a file's path ends with a NUL
    if not hasattr(socket, "AF_UNIX"):
        raise ValueError(
            f"{name} needs a system that Python has Unix sockets on, which this is not: {shown(path, SHOWN)}"
        )
    if not text.strip("\0"):
        raise ValueError(f"{name} must not be empty, which {shown(path, SHOWN)} is")
    if abstract and not _LINUX:
        raise ValueError(
            f"{name} must be that of a file, since abstract names are Linux's own, not {shown(path, SHOWN)}"
        )
    if "\0" in text and not abstract:
        raise ValueError(f"{name} must have no NUL after its beginning, not {shown(path, SHOWN)}")
    if size > longest:
        raise ValueError(f"{name} must be at most {longest} bytes long, not {size}: {shown(path, SHOWN)}")
    return text


def check_mode(mode: Any, path: str) -> int | None:
    """The permission bits of the file at `path`; None leaves them to the umask."""
    if mode is None:
        return None
    if isinstance(mode, bool) or not isinstance(mode, int):
        raise TypeError(f"mode must be permission bits from 0 to 0o777, or None, not {shown(mode)}")
    if not 0 <= mode <= ALL_BITS:
        raise ValueError(
            f"mode must be permission bits from 0 to 0o777, or None, not {shown(mode)}, which is {mode:#o}"
        )
    if is_abstract(path):
        raise ValueError(f"mode must be None with an abstract name, which has no file, not {mode:#o}")
    return int(mode)


def is_abstract(path: str) -> bool:
    """True for a name of Linux' abstract namespace, which is no file."""
    return path.startswith("\0")


# Listening.


def listen_unix(path: str, backlog: int, mode: int | None) -> tuple[socket.socket, SocketFile | None]:
    """A listening Unix socket, and its file, which whoever closes the socket removes before; None for an abstract name.

    Raises the OSError of what the kernel refused, its text naming syscall, code and path.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    file = None
    try:
        sock.setblocking(False)
        if is_abstract(path):
            sock.bind(path)
        else:
            file = _bind_to_file(sock, path)
            if mode is not None:
                _set_mode(path, mode)
        sock.listen(backlog)
    except OSError as error:
        if file is not None:
            file.remove()
        sock.close()
        refused = kernel.os_error(error.errno or errno.EIO, "listen", path)
        if error.errno == errno.EADDRINUSE and _is_no_socket(path):
            refused.strerror = f"{refused.strerror}: not a socket"
        raise refused from None
    return sock, file


def _is_no_socket(path: str) -> bool:
    """True if something else than a socket is in the way at `path`: a plain file, a directory, a symlink."""
    try:
        return not is_abstract(path) and not stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False


def _bind_to_file(sock: socket.socket, path: str) -> SocketFile:
    absolute = os.path.join(os.getcwd(), path)  # not abspath, which takes "link/.." for "."
    try:
        sock.bind(path)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not _replace_stale(sock, path):
            raise
    return SocketFile(absolute)


def _replace_stale(sock: socket.socket, path: str) -> bool:
    """A file is in the way at `path`: bind in its place, if it is a socket that nobody is bound to. Returns if it is.

    A datagram socket asks. When one connects to the path of a stream socket, the kernel looks for the socket first
    (ECONNREFUSED: there is none any more) and at its type then (EPROTOTYPE), on Linux as on the BSDs. So a server
    that is alive notices nothing, not even one whose backlog is full, and one that is bound and about to listen
    is not taken for a dead one, as it is by a stream socket that asks. Nothing here waits: datagram sockets connect
    at once. Any other answer (EACCES: not allowed to ask) means hands off.
    """
    try:
        found = os.lstat(path)
        if not stat.S_ISSOCK(found.st_mode):  # a symlink neither: it would be followed
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            if _LINUX:
                _claim(probe, found)
            if probe.connect_ex(path) != errno.ECONNREFUSED or not _same(found, os.lstat(path)):
                return False
            os.unlink(path)
            sock.bind(path)
    except FileNotFoundError:  # somebody else has removed it
        sock.bind(path)
    return True


def _claim(probe: socket.socket, stale: os.stat_result) -> None:
    """Of several processes that start at once, one replaces the file; the others get EADDRINUSE here.

    Otherwise the second could remove what the first has just made. An abstract name is a lock that leaves nothing
    behind and that nobody waits for. Where there are none, two starts within microseconds can still meet.
    """
    try:
        probe.bind(f"\0reactor replaces {stale.st_dev}:{stale.st_ino}")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise


def _same(before: os.stat_result, now: os.stat_result) -> bool:
    """True if both are of one file that was not changed in between. The time of its last change counts: a new file
    may get the inode number of one that is gone.
    """
    return _identity(before) == _identity(now) and before.st_ctime_ns == now.st_ctime_ns


def _set_mode(path: str, mode: int) -> None:
    """Of a socket file just made; never through a symlink that somebody has put in its place."""
    try:
        os.chmod(path, mode, follow_symlinks=False)
    except NotImplementedError:  # by a C library before glibc 2.32, without /proc, or because it is a symlink
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError(errno.EADDRINUSE, "replaced by something else") from None
        os.chmod(path, mode)


class SocketFile:
    """The file of a socket that was bound just now.

    Several processes may accept at one socket after a fork. A child that only holds a copy does not touch the file. A
    child that accepts claims the file: it moves the time of the last change of its content, which a socket has not, by
    CLAIM. From then on the file goes with the last process that has the socket: each closes its copy, and then asks as
    a start asks whether somebody is still bound to it.
    """

    __slots__ = ("_identity", "_made_at", "_path", "_state")

    def __init__(self, path: str) -> None:
        status = os.lstat(path)
        if not stat.S_ISSOCK(status.st_mode):
            raise OSError(errno.EADDRINUSE, "replaced by something else")
        self._path = path
        self._identity = _identity(status)
        self._made_at = status.st_mtime_ns
        self._state = OURS

    def remove(self) -> None:
        """Unlink it, if it is still the one that was made; whatever else is there now stays. The socket must be
        open still, see the top of this file. Harmless when it was called before. A file that was claimed stays, see
        `remove_if_last`.

        Raises nothing: a file that cannot be removed is logged, and the next start replaces it.
        """
        if self._state is not OURS:
            return
        status = self._found()
        if status is not None and status.st_mtime_ns != self._made_at:
            self._state = CLAIMED
            return
        self._state = GONE
        if status is not None:
            self._unlink()

    def remove_if_last(self) -> None:
        """The socket was closed: unlink a claimed file to which nobody else is bound. Harmless otherwise."""
        if self._state is not CLAIMED:
            return
        self._state = GONE
        status = self._found()
        if status is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
                probe.setblocking(False)
                last = probe.connect_ex(self._path) == errno.ECONNREFUSED
        except OSError:  # no descriptor for it
            return
        now = self._found()
        if last and now is not None and _same(status, now):
            self._unlink()

    def disown(self) -> None:
        """In a forked child: it is the parent's."""
        if self._state is OURS:
            self._state = THEIRS

    def claim(self) -> None:
        """In a forked child that accepts. Where the file may not be changed, it goes with the parent."""
        if self._state is not THEIRS:
            return
        self._state = OURS
        if (status := self._found()) is not None:
            try:
                os.utime(self._path, ns=(status.st_atime_ns, self._made_at + CLAIM), follow_symlinks=False)
            except OSError as error:
                log.warning("the file of a socket goes with the parent process: %s", error)

    def _found(self) -> os.stat_result | None:
        """What is there, if it is still the file that was made."""
        try:
            status = os.lstat(self._path)
        except OSError as error:
            if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                self._log(error)
            return None
        return status if stat.S_ISSOCK(status.st_mode) and _identity(status) == self._identity else None

    def _unlink(self) -> None:
        try:
            os.unlink(self._path)
        except FileNotFoundError:  # somebody else was faster
            pass
        except OSError as error:
            self._log(error)

    def _log(self, error: OSError) -> None:
        log.warning(
            "the file of a socket stays behind: %s",
            kernel.os_error(error.errno or errno.EIO, "unlink", self._path).strerror,
        )

    def __repr__(self) -> str:
        return f"<SocketFile {addresses.show(self._path)}>"


#: What a process may do with a file: OURS: unlink it · CLAIMED: if it is the last · THEIRS: nothing · GONE: done.
OURS, CLAIMED, THEIRS, GONE = "ours", "claimed", "theirs", "gone"
CLAIM = 2_000_000_000  # nanoseconds: the coarsest file systems keep times in steps of 2 s


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
