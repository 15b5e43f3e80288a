"""Who may come: a server's limits on those who knock, in one place and one order. Pure: time comes as an argument.

    block, allow      by network, before anything else: who is not wanted uses up nothing
    max_connections   for all together
    max_per_address   for each client
    accept_rate       last, so that a flood that another limit refuses takes no token from those who are let in

A cause is the name of the setting that keeps a client out. A server without such a limit has no gate and asks nobody.

The rate is a token bucket: `burst` tokens at most, `per_second` new ones a second, one for each who is let in. nginx'
`limit_req` and HAProxy's `rate-limit sessions` do likewise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from math import inf

from ...hints import TYPE_CHECKING, NamedTuple, Protocol
from ...log import log

if TYPE_CHECKING:
    from ..deadlines.agenda import Cancellable
    from ..sockets.networks import Network, Remote

SAMPLE = 5.0  # seconds between lines about refused clients, as the kernel's net_ratelimit


class Rate(NamedTuple):
    """Connections a second, and how many may come at once after a quiet time."""

    per_second: float
    burst: int


class Limits(Protocol):
    """Of `ServerSettings`, what a gate goes by."""

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
    def gated(self) -> bool: ...  # is there any?


class Bucket:
    """Tokens, full at first."""

    __slots__ = ("_at", "_level", "rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self.rate = rate
        self._level = float(rate.burst)
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0: there is one."""
        self._level = min(self._level + (now - self._at) * self.rate.per_second, float(self.rate.burst))
        self._at = now
        return max(1.0 - self._level, 0.0) / self.rate.per_second

    def take(self, now: float) -> bool:
        """Take a token, if there is one."""
        if self.wait(now) > 0:
            return False
        self._level -= 1.0
        return True


class Clockwork(Protocol):
    """What is needed of a reactor."""

    @property
    def now(self) -> float: ...
    def call_later(self, seconds: float, fn: Callable[..., object], /) -> Cancellable: ...


class RefusalLog:
    """Says that clients are refused: at once for the first, then in sums, a line in SAMPLE seconds at most."""

    __slots__ = ("_counts", "_last", "_loop", "_timer")

    def __init__(self, loop: Clockwork) -> None:
        self._loop = loop
        self._counts: Counter[str] = Counter()
        self._last: Remote = ""
        self._timer: Cancellable | None = None

    def note(self, cause: str, remote: Remote) -> None:
        self._counts[cause] += 1
        self._last = remote
        if self._timer is None:
            self._say()

    def _say(self) -> None:
        self._timer = None
        if self._counts:
            causes = ", ".join(f"{count} by {cause}" for cause, count in self._counts.most_common())
            last = "{}:{}".format(*self._last) if isinstance(self._last, tuple) else self._last or "a Unix socket"
            log.warning("clients were refused: %s; the last was %s", causes, last)
            self._counts.clear()
            self._timer = self._loop.call_later(SAMPLE, self._say)
            self._timer.unref()

    def close(self) -> None:
        """The server has stopped: say what is left to say."""
        if self._timer is not None:
            self._timer.cancel()
            self._say()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Gate:
    """Decides, and counts who is inside by address. Made anew when a limit changes."""

    __slots__ = ("_inside", "_limits", "bucket", "refusals")

    def __init__(self, limits: Limits, inside: Iterable[Remote], bucket: Bucket | None, refusals: RefusalLog) -> None:
        self._limits = limits
        self._inside: Counter[str | int | None] = Counter()
        if limits.max_per_address is not None:
            self._inside.update(map(_client_of, inside))
        self.bucket = bucket
        self.refusals = refusals

    def refusal(self, remote: Remote, open_now: int, now: float) -> str | None:
        """Let somebody in, or say why not."""
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
        """How long until there is a place and a token: 0, now; inf, when somebody leaves."""
        limit = self._limits.max_connections
        if limit is not None and open_now >= limit:
            return inf
        return 0.0 if self.bucket is None else self.bucket.wait(now)

    def left(self, remote: Remote) -> None:
        """One who was inside has gone."""
        client = _client_of(remote) if self._inside else None
        if client is not None:
            self._inside[client] -= 1
            if self._inside[client] <= 0:
                del self._inside[client]


def _within(networks: tuple[Network, ...], remote: Remote) -> bool:
    from ..sockets.networks import within  # here, since `ipaddress` takes its time to import

    return within(networks, remote)


def _client_of(remote: Remote) -> str | int | None:
    from ..sockets.networks import client_of

    return client_of(remote)


def gate_for(loop: Clockwork, limits: Limits, inside: Iterable[Remote], before: Gate | None) -> Gate | None:
    """None where nobody is refused. A rate that is as before goes on as it stands."""
    refusals = before.refusals if before is not None else RefusalLog(loop)
    if not limits.gated:
        refusals.close()
        return None
    bucket = before.bucket if before is not None else None
    if bucket is None or bucket.rate != limits.accept_rate:
        bucket = Bucket(limits.accept_rate, loop.now) if limits.accept_rate is not None else None
    return Gate(limits, inside, bucket, refusals)
