"""A client on its way: what stands in the place of its socket until it is connected.

Names are resolved first (`names.py`), then the addresses are tried as RFC 8305 (Happy Eyeballs) says: one after
the other, the next as soon as one has failed or has not answered for `attempt_delay`; those under way stay in the
race, and the first to answer wins. One timer, `connect_timeout`, bounds it all.

A connection closes its socket to be rid of it, sets options on it, asks it for its descriptor and its address. A
`Connecting` answers all of these, so that the layers of a connection need no case for "there is no socket
yet": closing it cancels every attempt, and options are remembered for the socket that wins.

A TCP socket can connect to itself: where nobody listens on a port of the ephemeral range, and the kernel happens
to give the client just that port (RFC 9293, 3.5: simultaneous open). Such a connection echoes whatever is sent,
and keeps the real server from its port. It counts as what it is, a port where nobody listens (as in Go's net).
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Iterable

from ...engine.poller import WRITE
from ...engine.timers import Timer
from ...engine.turn import Turns
from ...hints import TYPE_CHECKING, Any, TypeVar
from ..connection.account import Reason
from ..settings import ClientSettings, Settings
from ..sockets import addresses, kernel, opening, options
from ..sockets.addresses import Address
from . import names
from .names import Target

Option = tuple[int, int, int | bytes]  # level, name, value
E = TypeVar("E", bound=BaseException)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ..connection.connection import Connection


class AttemptsFailed(OSError):
    """No address answered: the errno is that of the first failure, and `errors` has all of them, in order."""

    errors: list[OSError]

    @classmethod
    def of(cls, errors: list[OSError]) -> OSError:
        """One failure is told as it is."""
        if len(errors) == 1:
            return errors[0]
        failed = cls(errors[0].errno, "; ".join(str(error.strerror) for error in errors))
        vars(failed).update(vars(errors[0]), errors=errors)
        return failed


class Connecting:
    """All attempts of one client. It has the methods of a socket that a connection uses before it is connected."""

    __slots__ = (
        "_answered", "_conn", "_errors", "_limit", "_lookup", "_loop", "_next", "_next_queued", "_options", "_settings",
        "_under_way", "_waiting", "_where", "attempted", "family",
    )  # fmt: skip

    def __init__(self, loop: Turns, where: Address, settings: ClientSettings) -> None:
        self._loop = loop
        self._where = where
        self._settings = settings
        self._conn: Connection | None = None  # None: not begun, or over
        self._answered = False  # by the program's own lookup
        self._waiting: deque[Target] = deque()
        self._under_way: list[Attempt] = []
        self._errors: list[OSError] = []
        self._options: list[Option] = []
        self._next: Timer | None = None  # when the next address is tried at the latest
        self._next_queued = False
        self._limit: Timer | None = None
        self._lookup: Future[Any] | None = None
        self.family = socket.AF_UNSPEC
        #: Where it has tried to connect to, in order.
        self.attempted: list[Address] = []

    # As a socket.

    def fileno(self) -> int:
        return -1

    def getsockname(self) -> Any:
        raise OSError(errno.ENOTCONN, "not connected")

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        self._options.append((level, option, value))

    def close(self) -> None:
        """Give up: every descriptor comes back, and nothing more is heard of it."""
        self._conn = None
        self._waiting.clear()
        for waiting in (self._next, self._limit, self._lookup):
            if waiting is not None:
                waiting.cancel()
        while self._under_way:
            self._under_way.pop().close(self._options)

    @property
    def _live(self) -> Connection | None:
        """The connection, while it is still wanted."""
        return None if self._conn is None or self._conn._life.over else self._conn

    # Names.

    def begin(self, conn: Connection) -> None:
        """The first turn of a client."""
        if conn._life.over:
            return
        self._conn = conn
        if self._settings.connect_timeout is not None:
            self._limit = self._loop.call_later(self._settings.connect_timeout, self._timed_out).unref()
        if isinstance(self._where, str):
            self._try([Target(socket.AF_UNIX, self._where, self._where, 0)])
            return
        host, port = self._where
        if names.literal_family(host) is not None:
            try:
                self._try(names.resolve_literal(host, port))
            except OSError as error:  # a scope that is no interface
                self._fail(_bare(error))
        elif self._settings.lookup is not None:
            conn._guarded(self._settings.lookup, host, self._settings.family, self._done)
        else:
            self._lookup = self._loop.job(names.resolve, host, port, self._settings.family, callback=self._resolved)

    def _done(self, error: BaseException | None, addresses: str | Iterable[str] | None = None) -> None:
        """The answer of the program's own lookup. Only the first counts."""
        if error is not None and not isinstance(error, BaseException):
            raise TypeError(f"error must be an exception or None, not {error!r}")
        if error is None and not isinstance(addresses, Iterable):
            raise TypeError(f"addresses must be a list of IP addresses, not {addresses!r}")
        if self._loop.debug:
            self._loop.check_thread()
        if self._answered:
            return
        listed = [addresses] if isinstance(addresses, str) else list(addresses or ()) if error is None else []
        self._answered = True
        assert isinstance(self._where, tuple)
        host, port = self._where
        found: list[Target] = []
        if error is None:
            try:
                found = names.answered(host, port, self._settings.family, listed)
            except (OSError, ValueError) as refused:
                error = _bare(refused)
        self._loop.call_soon(self._resolved, found, error)  # `done` may be called from inside `lookup`

    def _resolved(self, found: list[Target] | None, error: BaseException | None) -> None:
        conn = self._live
        if conn is None:
            return
        host = self._where[0]
        if found:
            self._try(found)
        else:
            self._loop.call_soon(self._fail, error)
        for target in found or ():
            conn._tell("lookup", None, target.host, target.family, host)
        if error is not None:
            conn._tell("lookup", error, None, None, host)

    # Attempts.

    def _try(self, targets: list[Target]) -> None:
        self._waiting.extend(targets)
        self._go_on()

    def _go_on(self) -> None:
        """Try the next address in the next turn, whatever became of those before: one, however many failed in this."""
        if self._next is not None:
            self._next.cancel()
        if not self._next_queued:
            self._next_queued = True
            self._loop.call_soon(self._try_next)

    def _try_next(self) -> None:
        self._next_queued = False
        conn = self._live
        if conn is None or not self._waiting:
            return
        target = self._waiting.popleft()
        attempt = Attempt(self._loop, self, target)
        self._under_way.append(attempt)
        self.attempted.append(target.address)
        if self._waiting:
            self._next = self._loop.call_later(self._settings.attempt_delay, self._not_yet, attempt).unref()
        attempt.begin(conn._settings, self._settings.local_address)
        conn._tell("connection_attempt", target.host, target.port, target.family)

    def _not_yet(self, attempt: Attempt) -> None:
        """It may still win; but the next address is tried beside it."""
        self._go_on()
        conn, target = self._live, attempt.target
        if conn is not None:
            conn._tell("connection_attempt_timeout", target.host, target.port, target.family)

    def failed(self, attempt: Attempt, error: OSError) -> None:
        """An attempt came to nothing."""
        conn, target = self._live, attempt.target
        if conn is None:
            return
        self._under_way.remove(attempt)
        attempt.close()
        self._errors.append(error)
        if self._waiting:
            self._go_on()
        elif not self._under_way:
            self._loop.call_soon(self._fail, AttemptsFailed.of(self._errors))
        conn._tell("connection_attempt_failed", target.host, target.port, target.family, error)

    def succeeded(self, attempt: Attempt, sock: socket.socket, local: Address, remote: Address) -> None:
        """The first attempt to get through is the connection; the others are given up."""
        conn = self._live
        if conn is None:
            return  # the teardown closes us, and we close it
        attempt.unwatch()
        self._under_way.remove(attempt)
        self.close()
        _set_all(sock, self._options)
        conn.connected(sock, remote, local)

    def _timed_out(self) -> None:
        self._fail(kernel.os_error(errno.ETIMEDOUT, "connect", self._where), Reason.CONNECT_TIMEOUT)

    def _fail(self, error: BaseException, reason: Reason = Reason.CONNECT_FAILED) -> None:
        conn = self._live
        if conn is not None:
            self.close()
            conn.never_connected(error, reason)


class Attempt:
    """One socket on its way to one address."""

    __slots__ = ("_connecting", "_loop", "_watched", "sock", "target")

    _flowing = False

    def __init__(self, loop: Turns, connecting: Connecting, target: Target) -> None:
        self._loop = loop
        self._connecting = connecting
        self.target = target
        self.sock: socket.socket | None = None
        self._watched = False

    def begin(self, settings: Settings, local: tuple[str, int] | None) -> None:
        """Connect, without waiting. How it goes is told later, never from inside this call."""
        try:
            self._open(settings, local)
        except OSError as error:
            self._loop.call_soon(self._connecting.failed, self, _bare(error))

    def _open(self, settings: Settings, local: tuple[str, int] | None) -> None:
        target = self.target
        if local is not None and names.literal_family(local[0]) != target.family:
            raise kernel.os_error(errno.EAFNOSUPPORT, "bind", local)
        system = self._loop.poller.system
        self.sock = opening.start_connect(system, target.family, target.sockaddr, target.address, local)
        options.set_no_delay(self.sock, settings.no_delay)
        if settings.keep_alive:
            delay = None if settings.keep_alive is True else settings.keep_alive
            options.set_keep_alive(self.sock, True, delay)
        self._loop.poller.add(self.sock.fileno(), WRITE, self)
        self._watched = True

    def _on_ready(self, mask: int) -> None:
        sock, target = self.sock, self.target
        if sock is None or not self._watched:  # given up in this turn, after the poll
            return
        code = kernel.pending_error(sock)
        local = addresses.local_address(sock)
        remote = addresses.remote_address(sock) or target.address
        if not code and local == remote and isinstance(remote, tuple):
            options.reset_on_close(sock)
            code = errno.ECONNREFUSED
        if code:
            self._connecting.failed(self, kernel.os_error(code, "connect", target.address))
        else:
            self._connecting.succeeded(self, sock, local, remote)

    def unwatch(self) -> None:
        if self.sock is not None and self._watched:
            self._loop.poller.remove(self.sock.fileno())
            self._watched = False

    def close(self, wanted: Iterable[Option] = ()) -> None:
        """Give it up. A `reset()` while connecting left SO_LINGER among the `wanted` options: if it has just got
        through, it is reset too, and does not look ended.
        """
        self.unwatch()
        if self.sock is not None:
            _set_all(self.sock, wanted)
            self.sock.close()


def _set_all(sock: socket.socket, wanted: Iterable[Option]) -> None:
    for option in wanted:
        options.set_option(sock, *option)


def _bare(error: E) -> E:
    """Without the frames it passed through: they hold the connection, which will hold the error: a cycle."""
    error.__context__ = None
    return error.with_traceback(None)
