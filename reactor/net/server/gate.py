"""The gate: a server's limits on new clients, in the order in which they are checked. Pure: time comes as an argument.

    block, allow      by network, before anything else: a client that is not wanted uses up nothing
    max_connections   for all together
    max_per_address   for each client
    accept_rate       last: clients that another limit refuses take no token from those that come in

A cause is the name of the setting that keeps a client out. A server without such a limit has no gate.

The rate is a token bucket: `burst` tokens at most, `per_second` new ones a second, one for each client that comes in.
nginx' `limit_req` and HAProxy's `rate-limit sessions` count in the same way.
"""

from __future__ import annotations

from collections import Counter
from math import inf

from ...hints import TYPE_CHECKING
from ...log import log
from ..sockets.addresses import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from ..deadlines.agenda import Cancellable
    from ..limits import Rate
    from ..sockets.addresses import Address
    from ..sockets.networks import Network

    class Limits(Protocol):
        """What a gate needs of `ServerSettings`."""

        @property
        def max_connections(self) -> int | None: ...
        @property
        def max_per_address(self) -> int | None: ...
        @property
        def accept_rate(self) -> Rate | None: ...
        @property
        def block(self) -> tuple[Network, ...]: ...
        @property
        def allow(self) -> tuple[Network, ...]: ...
        @property
        def gated(self) -> bool: ...  # True if one of these is set

    class Clockwork(Protocol):
        """What a gate needs of a reactor."""

        @property
        def now(self) -> float: ...
        def call_later(self, seconds: float, fn: Callable[..., object], /) -> Cancellable: ...


SAMPLE = 5.0  # seconds between log lines about refused clients, as in the kernel's net_ratelimit


class Bucket:
    """A bucket of tokens. It is full at first."""

    __slots__ = ("_at", "_level", "rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self.rate = rate
        self._level = float(rate.burst)
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0 if there is one."""
        self._level = min(self._level + (now - self._at) * self.rate.per_second, float(self.rate.burst))
        self._at = now
        return max(1.0 - self._level, 0.0) / self.rate.per_second

    def take(self, now: float) -> bool:
        """Take a token; False if there is none."""
        if self.wait(now) > 0:
            return False
        self._level -= 1.0
        return True


class RefusalLog:
    """Logs refused clients: the first at once, later ones in sums, at most one line in SAMPLE seconds."""

    __slots__ = ("_counts", "_last", "_loop", "_timer")

    def __init__(self, loop: Clockwork) -> None:
        self._loop = loop
        self._counts: Counter[str] = Counter()
        self._last: Address = ""
        self._timer: Cancellable | None = None

    def note(self, cause: str, remote: Address) -> None:
        """A client was refused for this cause."""
        self._counts[cause] += 1
        self._last = remote
        if self._timer is None:
            self._write()

    def _write(self) -> None:
        self._timer = None
        if self._counts:
            causes = ", ".join(f"{count} by {cause}" for cause, count in self._counts.most_common())
            last = show(self._last) if self._last else "a Unix socket"
            log.warning(
                "clients were refused: %s; the last was %s",
                causes,
                last,
                extra={"refused": dict(self._counts), "peer": last},
            )
            self._counts.clear()
            self._timer = self._loop.call_later(SAMPLE, self._write).unref()

    def close(self) -> None:
        """The server has stopped: log the refusals that were not logged yet."""
        while self._timer is not None:  # twice where there is a line to write: it sets the timer again
            self._timer.cancel()
            self._write()


class Gate:
    """Decides on each client, and counts the clients inside by address. A change of a limit makes a new gate."""

    __slots__ = ("_inside", "_limits", "bucket", "refusals")

    def __init__(self, limits: Limits, inside: Iterable[Address], bucket: Bucket | None, refusals: RefusalLog) -> None:
        self._limits = limits
        self._inside = Counter(map(_client_of, inside) if limits.max_per_address is not None else ())
        self.bucket = bucket
        self.refusals = refusals

    def refusal(self, remote: Address, open_now: int, now: float) -> str | None:
        """The cause that keeps this client out, with `open_now` clients inside; None: it is inside from now on."""
        limits = self._limits
        if limits.block and _within(limits.block, remote):
            return "block"
        if limits.allow and not isinstance(remote, str) and not _within(limits.allow, remote):
            return "allow"
        if limits.max_connections is not None and open_now >= limits.max_connections:
            return "max_connections"
        client = _client_of(remote) if limits.max_per_address is not None else None
        if client is not None and self._inside[client] >= (limits.max_per_address or 0):
            return "max_per_address"
        if self.bucket is not None and not self.bucket.take(now):
            return "accept_rate"
        if client is not None:
            self._inside[client] += 1
        return None

    def wait(self, open_now: float, now: float) -> float:
        """Seconds until there are a place and a token: 0 if there are, inf if a client must leave first."""
        limit = self._limits.max_connections
        if limit is not None and open_now >= limit:
            return inf
        return 0.0 if self.bucket is None else self.bucket.wait(now)

    def left(self, remote: Address) -> None:
        """A client that was inside has gone."""
        client = _client_of(remote) if self._inside else None
        if client is not None:
            self._inside[client] -= 1
            if self._inside[client] <= 0:
                del self._inside[client]


def _within(networks: tuple[Network, ...], remote: Address) -> bool:
    from ..sockets.networks import within  # here: `ipaddress` takes long to import

    return within(networks, remote)


def _client_of(remote: Address) -> str | int | None:
    from ..sockets.networks import client_of

    return client_of(remote)


def gate_for(loop: Clockwork, limits: Limits, inside: Iterable[Address], before: Gate | None) -> Gate | None:
    """A gate for these limits, with these clients inside; None where there is no limit. Where the rate is the same as
    before, its bucket keeps its tokens.
    """
    refusals = before.refusals if before is not None else RefusalLog(loop)
    if not limits.gated:
        refusals.close()
        return None
    bucket = before.bucket if before is not None else None
    if bucket is None or bucket.rate != limits.accept_rate:
        bucket = Bucket(limits.accept_rate, loop.now) if limits.accept_rate is not None else None
    return Gate(limits, inside, bucket, refusals)
