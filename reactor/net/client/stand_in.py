"""A client on its way: what stands in the place of its socket until it is connected.

A connection closes its socket, sets options on it, and asks it for its descriptor, its address and what waits in its
queues. `Connecting` has these methods, so a connection needs no case for "there is no socket yet". Closing it gives up
all attempts. Options are kept for the socket that wins. Its descriptor is -1, and nothing waits in its queues.

It owns the attempts, and it tells the program of them. Names are resolved by `names.py`; `attempts.py` decides which
address is tried, when, and which attempt wins; `attempt.py` is one socket on its way. One timer, `connect_timeout`,
bounds it all.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

from ...foreign import shown
from ...hints import TYPE_CHECKING, Any
from ..connection.account import Reason
from ..sockets import addresses, kernel, opening, options
from . import names
from .attempt import Attempt, bare
from .attempts import Race
from .place import Place, lookups_of
from .shortage import Shortage, short_of_descriptors

if TYPE_CHECKING:
    from ...engine.lookups import Asker
    from ...engine.timers import Timer
    from ...engine.turn import Turns
    from ..connection.connection import Connection
    from ..settings import ClientSettings, Settings
    from ..sockets.addresses import Address
    from .attempts import Decision
    from .names import Target

    Option = tuple[int, int, int | bytes]  # level, name, value


class Connecting:
    """All attempts of one client, with the methods of a socket that a connection uses before it is connected."""

    __slots__ = (
        "_answered", "_attempts", "_client", "_conn", "_limit", "_look", "_look_queued", "_lookup", "_loop", "_options",
        "_place", "_race", "_reset", "_settings", "_where", "attempted", "family",
    )  # fmt: skip

    _conn: Connection | None  # None: not begun, or over
    _answered: bool  # by the program's own lookup
    _look: Timer | None  # for a look at the race later than the next turn
    _look_queued: bool  # for the next turn
    _limit: Timer | None
    _lookup: Asker | None

    def __init__(self, loop: Turns, where: Address, settings: Settings, client: ClientSettings) -> None:
        self._loop = loop
        self._where = where
        self._settings = settings
        self._client = client
        self._conn = self._look = self._limit = self._lookup = None
        self._answered = self._look_queued = self._reset = False
        self._place = Place(loop, where)
        self._race = Race(client.attempt_delay)
        self._attempts: dict[Target, Attempt] = {}
        self._options: list[Option] = []
        self.family = socket.AF_UNSPEC
        #: The addresses that were tried, in order.
        self.attempted: list[Address] = []

    # As a socket.

    def fileno(self) -> int:
        return -1

    def getsockname(self) -> Any:
        raise OSError(errno.ENOTCONN, "not connected")

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        """Keep an option: the socket gets it when it is connected."""
        self._options.append((level, option, value))

    def getsockopt(self, level: int, option: int) -> int:
        """The pending error: there is none."""
        return 0

    def recv(self, count: int) -> bytes:
        """Nothing can be read yet."""
        raise BlockingIOError

    def send(self, data: Any, flags: int = 0) -> int:
        """Nothing can be sent yet."""
        raise BlockingIOError

    def send_file(self, fd: int, offset: int, count: int) -> int:
        """Nothing can be sent yet."""
        raise BlockingIOError

    def shutdown(self, how: int) -> None:
        """There is no half to end yet."""
        raise OSError(errno.ENOTCONN, "not connected")

    def unread(self) -> int:
        """Bytes that wait to be read: 0."""
        return 0

    def unacknowledged(self) -> int:
        """Bytes that the peer's kernel has not acknowledged: 0."""
        return 0

    def peer_credentials(self) -> None:
        """There is no peer yet."""

    def hand_over(self) -> socket.socket:
        """There is no socket yet."""
        raise OSError(errno.ENOTCONN, "not connected")

    def reset_on_close(self) -> None:
        """Let `close` reset a socket that connects in the same turn: its server sees RST, and not an orderly end."""
        self._reset = True

    def close(self) -> None:
        """Give up all attempts: their descriptors are given back, and the program hears no more of them."""
        self._conn = None
        for waiting in (self._look, self._limit, self._lookup):
            if waiting is not None:
                waiting.cancel()
        self._place.leave()
        self._close(self._race.give_up())

    def on_fork(self) -> None:
        """In a forked child: the look-up is the parent's, and a lock of it may be held by a thread of the parent."""
        self._lookup = None

    @property
    def wanted(self) -> bool:
        """True while the program has not ended the client."""
        return self._live is not None

    @property
    def _live(self) -> Connection | None:
        """The connection, while it is wanted; None before `begin` and after an ending."""
        return None if self._conn is None or self._conn._life.over else self._conn

    # Names.

    def begin(self, conn: Connection) -> None:
        """Resolve the name. Called in the first turn of a client."""
        if conn._life.over:
            return
        self._conn = conn
        if self._client.connect_timeout is not None:
            self._limit = self._loop.call_later(self._client.connect_timeout, self._timed_out).unref()
        if isinstance(self._where, str):
            self._try([names.Target(socket.AF_UNIX, self._where, self._where, 0)])
            return
        host, port = self._where
        if addresses.literal_family(host) is not None:
            try:
                self._try(names.resolve_literal(host, port))
            except OSError as error:  # a scope that is no interface
                self._fail(bare(error))
        elif self._client.lookup is not None:
            conn._guarded(self._client.lookup, host, self._client.family, self._done)
        else:
            self._look_up(host, port, self._client.family)

    def _look_up(self, *where: Any) -> None:
        try:
            self._lookup = lookups_of(self._loop).ask(where, names.resolve, where, self._looked_up)
        except (RuntimeError, MemoryError) as error:  # no thread
            self._loop.call_soon(self._looked_up, None, error)

    def _looked_up(self, found: list[Target] | None, error: BaseException | None) -> None:
        self._resolved(found, None if error is None else names.failure(self._where[0], error))

    def _done(self, error: BaseException | None, addresses: str | Iterable[str] | None = None) -> None:
        """The result of the program's own lookup. Only the first call counts."""
        if error is not None and not isinstance(error, BaseException):
            raise TypeError(f"error must be an exception or None, not {shown(error)}")
        if error is None and not isinstance(addresses, Iterable):
            raise TypeError(f"addresses must be a list of IP addresses, not {shown(addresses)}")
        self._loop.check_thread()
        if self._answered:
            return
        listed = [addresses] if isinstance(addresses, str) else list(addresses or ()) if error is None else []
        self._answered = True
        assert isinstance(self._where, tuple)
        found: list[Target] = []
        if error is None:
            try:
                found = names.answered(*self._where, self._client.family, listed)
            except (OSError, ValueError) as refused:
                error = bare(refused)
        self._loop.call_soon(self._resolved, found, error)  # the program may call `done` inside `lookup`

    def _resolved(self, found: list[Target] | None, error: BaseException | None) -> None:
        self._place.resolved()
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

    # The race.

    def _try(self, targets: list[Target]) -> None:
        self._do(self._race.resolved(targets))

    def _do(self, decision: Decision) -> None:
        """Do what the race has decided, but for the telling."""
        self._close(decision.close)
        if decision.look_next_turn:
            if self._look is not None:
                self._look.cancel()
            if not self._look_queued:  # once, however many attempts have failed in this turn
                self._look_queued = True
                self._loop.call_soon(self._look_now)
        elif decision.look_at is not None:
            self._look = self._loop.call_at(decision.look_at, self._look_now).unref()
        if decision.open is not None:
            attempt = self._attempts[decision.open] = Attempt(self._loop, self, decision.open)
            self.attempted.append(decision.open.address)
            self._place.leave()
            self._begin(attempt)
        if decision.error is not None:
            self._loop.call_soon(self._fail, decision.error)

    def _begin(self, attempt: Attempt) -> None:
        try:
            attempt.begin(self._settings, self._client)
        except MemoryError:
            error = kernel.os_error(errno.ENOMEM, "connect", attempt.target.address)
            self._loop.call_soon(self.failed, attempt.target, error)

    def _look_now(self) -> None:
        self._look_queued = False
        conn = self._live
        if conn is None:
            return
        decision = self._race.look(self._loop.clock_time())  # as `call_at` does: a slow turn shortens no delay
        self._do(decision)
        if decision.late is not None:
            conn._tell("connection_attempt_timeout", *_as_told(decision.late))
        if decision.open is not None:
            conn._tell("connection_attempt", *_as_told(decision.open))

    def _close(self, targets: Iterable[Target]) -> None:
        for target in targets:
            attempt = self._attempts.pop(target, None)  # None: a thread has forked while the loop was doing this
            if attempt is not None:
                attempt.close(self._reset)

    def failed(self, target: Target, error: OSError) -> None:
        """An attempt has failed, or has found no descriptor."""
        if self._live is not None and short_of_descriptors(self._loop, error):
            if self._loop.shortage is None:
                self._loop.shortage = Shortage(self._loop)
            self._loop.shortage.add(self, target, error)
        else:
            self.give_up(target, error)

    def begin_again(self, target: Target) -> None:
        """There is a descriptor now for an attempt that had found none."""
        if self._live is not None and target in self._attempts:
            self._begin(self._attempts[target])

    def give_up(self, target: Target, error: OSError) -> None:
        """An attempt has failed for good."""
        conn = self._live
        if conn is None:
            return
        self._do(self._race.failed(target, error))
        conn._tell("connection_attempt_failed", *_as_told(target), error)

    def succeeded(self, attempt: Attempt, sock: socket.socket, local: Address, remote: Address) -> None:
        """An attempt has succeeded: its socket takes the place of this object, and the other attempts are closed."""
        conn = self._live
        if conn is None:
            return  # the teardown at the end of this turn closes all attempts
        self._do(self._race.succeeded(attempt.target))
        self._attempts.pop(attempt.target).unwatch()
        self.close()
        for option in self._options:
            options.set_option(sock, *option)
        conn._connected(opening.connected_socket(sock), remote, local)

    def _timed_out(self) -> None:
        under_way = list(self._attempts.values())
        error = kernel.connect_error(errno.ETIMEDOUT, self._where, under_way[0].local if under_way else None)
        error.__cause__ = under_way[0].refused if under_way else None
        self._fail(error, Reason.CONNECT_TIMEOUT)

    def _fail(self, error: BaseException, reason: Reason = Reason.CONNECT_FAILED) -> None:
        conn = self._live
        if conn is not None:
            self.close()
            conn._never_got_through(error, reason)


def _as_told(target: Target) -> tuple[str, int, int]:
    """An address as the program's listeners get it."""
    return target.host, target.port, target.family
