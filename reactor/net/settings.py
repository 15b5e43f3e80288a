"""The settings of connections, servers and clients: each is declared once, in one of four tables.

    Live         attributes of a server and of each connection
    AtOpening    attributes of a server; of `connect` and `adopt`, arguments only
    OfServer     attributes of a server
    OfConnect    arguments of `connect`

The snapshots, `Settings`, `ServerSettings` and `ClientSettings`, are made from the tables (`fields.py` says how). All
connections of a server share one. Changing a setting of a server makes a new snapshot for later connections; changing
one of a connection gives it a snapshot of its own. What type checkers know of the keyword arguments is in
`keywords.py`, and a test holds that it is the same.
"""

from __future__ import annotations

import math
import socket

from .. import arguments
from ..foreign import shown
from ..hints import TYPE_CHECKING
from .fields import Snapshot, declared, setting
from .sockets.options import LONGEST_KEEP_ALIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from socket import socket as Socket
    from typing import Any, Literal, TypeVar

    from .fields import Attribute
    from .limits import Excess, Rate, Speed
    from .sockets.networks import Network

    S = TypeVar("S", "ServerSettings", "ClientSettings", "NoMoreSettings")

# While output is stuck, acknowledgements are asked for this many times in a write_timeout, so that the time of the last
# one is known to an eighth of it. Only connections with something pending or unacknowledged pay for it.
LOOKS_PER_STALL = 8
FIRST_LOOK = 1.0  # seconds after our FIN: most connections are gone by then, and nobody works out their deadlines
WINDOW = 5.0  # seconds in which a rate is judged, unless said otherwise: Kestrel's grace
KIB = 1024
MIB = 1024 * KIB


def _maybe(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """The same check where None is allowed too."""
    return lambda name, value: None if value is None else check(name, value)


def _one_of(*words: str) -> Callable[[str, Any], str]:
    return lambda name, value: arguments.choice(name, value, words)


def _size(name: str, value: Any) -> int:
    return arguments.integer(name, value, 0)


def _keep_alive(name: str, value: Any) -> bool | float:
    if isinstance(value, bool):
        return value
    if not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be True, False or a number of seconds, not {shown(value)}")
    return arguments.seconds_up_to(name, value, LONGEST_KEEP_ALIVE)


def _limit(name: str, value: Any) -> int:
    return arguments.integer(name, value, 1)


def _networks(name: str, value: Any) -> tuple[Network, ...]:
    from .sockets.networks import check_networks

    return check_networks(name, value)


def _accept_rate(name: str, value: Any) -> Rate:
    """Connections a second, or these and a burst; by itself the burst is what comes in one second."""
    from .limits import Rate

    rate, burst = value if _is_pair(value) else (value, None)
    expected = f"{name} must be connections a second, or a pair of these and a burst, like (100, 200)"
    if burst is None:
        number = arguments.positive(expected, rate, value)
        return Rate(number, max(math.ceil(number), 1))
    if isinstance(burst, bool) or not isinstance(burst, int):
        raise TypeError(f"{expected}, not {shown(value)}: a burst is a whole number")
    if burst < 1:
        raise ValueError(f"{expected}, not {shown(value)}: a burst of less than 1 lets nobody in")
    return Rate(arguments.positive(expected, rate, value), burst)


def _speed(name: str, value: Any) -> Speed:
    """Bytes a second, or these and the seconds of a window."""
    from .limits import Speed

    rate, seconds = value if _is_pair(value) else (value, WINDOW)
    expected = f"{name} must be bytes a second, or a pair of these and the seconds of a window, like (240, 5)"
    return Speed(arguments.positive(expected, rate, value), arguments.positive(expected, seconds, value))


RATES = frozenset({"min_read_rate", "min_write_rate", "slow_reader"})  # judged over a time that begins with them


def _excess(name: str, value: Any) -> Excess:
    from .limits import Excess

    expected = f"{name} must be a pair of bytes and seconds, like (1000000, 30)"
    if not _is_pair(value) or isinstance(value[0], bool) or not isinstance(value[0], int):
        raise TypeError(f"{expected}, not {shown(value)}")
    if value[0] < 0:
        raise ValueError(f"{expected}, not {shown(value)}: bytes are 0 or more")
    return Excess(int(value[0]), arguments.positive(expected, value[1], value))


def _is_pair(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2


def _local_address(name: str, value: Any) -> tuple[str | None, int]:
    expected = f"{name} must be a tuple (address, port), with None for any address and port 0 for any port"
    if not (isinstance(value, tuple) and len(value) == 2 and (value[0] is None or isinstance(value[0], str))):
        raise TypeError(f"{expected}, not {shown(value)}")
    from .sockets.addresses import literal_family

    host, port = value[0] or None, arguments.integer(f"the port of {name}", value[1], 0, 65535)
    if host is not None and ("\0" in host or literal_family(host) is None):
        raise ValueError(f"{name} must begin with an IP address, not {shown(host)}")
    return host, port


def _family(name: str, value: Any) -> int:
    expected = f"{name} must be socket.AF_INET, AF_INET6 or AF_UNSPEC"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{expected}, not {shown(value)}")
    if value not in (socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6):
        raise ValueError(f"{expected}, not {shown(value)}")
    return socket.AddressFamily(value)


def _lookup(name: str, value: Any) -> Callable[..., object] | None:
    return arguments.maybe_callback(name, value, "host, family, done")


class Live:
    """The settings that a server and each of its connections have as attributes. A change on a server counts for later
    connections; on a connection, a deadline counts from the last movement.
    """

    __slots__ = ()

    idle_timeout: Attribute[float | None] = setting(
        None, arguments.maybe_seconds, "close a connection that has been idle for this long", "s"
    )
    read_timeout: Attribute[float | None] = setting(
        None, arguments.maybe_seconds, "close a connection that has sent nothing for this long", "s"
    )
    write_timeout: Attribute[float | None] = setting(
        60.0, arguments.maybe_seconds, "reset a connection that has taken none of its pending output for this long", "s"
    )
    linger_timeout: Attribute[float | None] = setting(
        30.0, arguments.maybe_seconds, "after our FIN, wait this long for the peer's FIN, then reset", "s"
    )
    half_open_timeout: Attribute[float | None] = setting(
        600.0,
        arguments.maybe_seconds,
        "reset a connection left half-closed, or paused after its peer has gone, for this long",
        "s",
    )
    first_byte_timeout: Attribute[float | None] = setting(
        None, arguments.maybe_seconds, "close a new connection that sends no byte for this long", "s"
    )
    max_lifetime: Attribute[float | None] = setting(
        None, arguments.maybe_seconds, "end a connection in order at this age, busy or not", "s"
    )
    jitter: Attribute[float | None] = setting(
        None,
        arguments.maybe_seconds,
        "lengthen idle_timeout, read_timeout, max_lifetime by a random time up to this, fixed for each connection",
        "s",
    )
    on_idle: Attribute[Literal["close", "reset"]] = setting(
        "close", _one_of("close", "reset"), "how an idle, silent or slow connection ends: close (in order) or reset"
    )
    allow_half_open: Attribute[bool] = setting(False, arguments.flag, "keep our half open after the peer's FIN")
    high_water: Attribute[int] = setting(
        64 * KIB, _size, "write() returns False while more output than this is pending", "bytes"
    )
    low_water: Attribute[int | None] = setting(
        None,
        _maybe(_size),
        "emit drain when pending output has fallen to this; by default a quarter of high_water",
        "bytes",
    )
    buffer_limit: Attribute[int] = setting(
        64 * MIB, _size, "reset a connection that writes while more output than this is pending", "bytes"
    )
    slow_reader: Attribute[Excess | None, tuple[int, float] | None] = setting(
        None, _maybe(_excess), "reset a connection that has had more output than this pending for this long", "bytes, s"
    )
    min_read_rate: Attribute[Speed | None, float | tuple[float, float] | None] = setting(
        None,
        _maybe(_speed),
        "close a connection that sends fewer bytes a second, averaged over 5 s or the given seconds; "
        "with lines or frames, only within a message",
        "bytes/s",
    )
    min_write_rate: Attribute[Speed | None, float | tuple[float, float] | None] = setting(
        None,
        _maybe(_speed),
        "reset a connection that takes less pending output a second, averaged over 5 s or the given seconds",
        "bytes/s",
    )


class AtOpening:
    """The settings that count when a connection opens. A server has them as attributes, `connect` and `adopt` as
    arguments.
    """

    __slots__ = ()

    pause_on_connect: Attribute[bool] = setting(
        False, arguments.flag, "connections begin paused: nothing is read until resume()"
    )
    no_delay: Attribute[bool] = setting(True, arguments.flag, "TCP_NODELAY: the kernel sends small writes at once")
    keep_alive: Attribute[bool | float] = setting(
        False, _keep_alive, "TCP keep-alive: true, or the seconds of silence before the first probe"
    )
    oob_inline: Attribute[bool] = setting(
        False, arguments.flag, "SO_OOBINLINE: urgent data comes in its place among the other bytes"
    )


class OfServer:
    """The settings of a server alone, which count at once."""

    __slots__ = ()

    max_connections: Attribute[int | None] = setting(
        None, _maybe(_limit), "accept up to this many connections at a time"
    )
    max_per_address: Attribute[int | None] = setting(
        None, _maybe(_limit), "accept up to this many connections at a time from one address (IPv6: one /64)"
    )
    accept_rate: Attribute[Rate | None, float | tuple[float, int] | None] = setting(
        None,
        _maybe(_accept_rate),
        "accept up to this many connections a second, and up to the burst at once after a quiet time",
    )
    when_full: Attribute[Literal["drop", "reset", "wait"]] = setting(
        "drop",
        _one_of("drop", "reset", "wait"),
        "what happens to a client over a limit: drop (close), reset, or wait in the backlog",
    )
    block: Attribute[tuple[Network, ...], Iterable[str | Network] | None] = setting(
        (), _networks, "drop clients from these networks"
    )
    allow: Attribute[tuple[Network, ...], Iterable[str | Network] | None] = setting(
        (), _networks, "drop clients from all other networks; none: accept from all"
    )
    memory_limit: Attribute[int | None] = setting(
        None,
        _maybe(_limit),
        "while more output than this is pending in all, reset the connection with the most",
        "bytes",
    )
    give_up_idle: Attribute[float | None] = setting(
        None,
        arguments.maybe_seconds,
        "when descriptors run out, close connections idle for this long, the longest idle first",
        "s",
    )


class OfConnect:
    """The arguments of `connect` alone."""

    __slots__ = ()

    local_address: Attribute[tuple[str | None, int] | None] = setting(
        None, _maybe(_local_address), "connect from this (address, port); None is any address, port 0 any port"
    )
    family: Attribute[int] = setting(
        socket.AF_UNSPEC, _family, "resolve names to addresses of this family only: AF_INET or AF_INET6"
    )
    lookup: Attribute[Callable[[str, int, Any], object] | None] = setting(
        None, _lookup, "resolve names with lookup(host, family, done) instead of getaddrinfo"
    )
    attempt_delay: Attribute[float] = setting(
        0.25, arguments.seconds, "if an address has not answered for this long, try the next one too (RFC 8305)", "s"
    )
    connect_timeout: Attribute[float | None] = setting(
        60.0, arguments.maybe_seconds, "give up connecting after this long, all addresses together", "s"
    )
    before_connect: Attribute[Callable[[Socket], object] | None] = setting(
        None, arguments.maybe_listener, "call before_connect(sock) with the socket of each attempt, before it connects"
    )


class Settings(Snapshot, Live, AtOpening):
    """What a connection goes by, and what follows from it, worked out once."""

    FIELDS = declared(Live, AtOpening)
    __slots__ = (*FIELDS, "drain_at", "first_look", "guarded", "paced", "room")

    drain_at: int  #: The low-water mark in force, bytes.
    room: int  #: Up to this many bytes wait in memory before a `write` means more than waiting too.
    #: Seconds after our FIN until the first look: an eighth of the shortest deadline at most. A deadline that is
    #: shortened after the FIN is noticed up to this much late.
    first_look: float
    guarded: bool  #: True if a limit that is off by default is set.
    paced: bool  #: True if one of these is about speed.

    def _complete(self) -> None:
        if self.low_water is not None and self.low_water > self.high_water:
            raise ValueError(f"low_water must be at most high_water ({self.high_water}), not {self.low_water}")
        guards = (self.first_byte_timeout, self.max_lifetime, self.jitter)
        windows = [
            pace.seconds for pace in (self.min_read_rate, self.min_write_rate, self.slow_reader) if pace is not None
        ]
        timeouts = (self.write_timeout, self.linger_timeout, self.half_open_timeout, *windows)
        self._set(
            {
                "drain_at": self.high_water // 4 if self.low_water is None else self.low_water,
                "room": min(self.high_water, self.buffer_limit),
                "paced": bool(windows),
                "guarded": bool(windows) or any(guard is not None for guard in guards),
                "first_look": min([FIRST_LOOK, *(one / LOOKS_PER_STALL for one in timeouts if one is not None)]),
            }
        )


class ServerSettings(Snapshot, OfServer):
    """What a server goes by besides."""

    FIELDS = declared(OfServer)
    __slots__ = (*FIELDS, "gated")

    gated: bool  #: True if there is a limit on new clients.

    def _complete(self) -> None:
        limits = (self.max_connections, self.max_per_address, self.accept_rate, self.block or None, self.allow or None)
        self._set({"gated": any(limit is not None for limit in limits)})


class ClientSettings(Snapshot, OfConnect):
    """What `connect` goes by besides."""

    FIELDS = declared(OfConnect)
    __slots__ = (*FIELDS,)


class NoMoreSettings(Snapshot):
    """What goes with the settings of a connection where there is nothing else: `adopt`."""

    FIELDS = declared()
    __slots__ = ()


CONNECTION_SETTINGS = frozenset(Settings.FIELDS)
SERVER_SETTINGS = frozenset(ServerSettings.FIELDS)


def split(given: Mapping[str, Any], others: type[S]) -> tuple[Settings, S]:
    """Keyword arguments as settings: a connection's, and `others`. Raises TypeError for an unknown name, and
    what the checks raise.
    """
    known = CONNECTION_SETTINGS | others.FIELDS.keys()
    unknown = given.keys() - known
    if unknown:
        name, names = min(unknown), sorted(known)
        raise TypeError(
            f"unknown setting {name!r}: expected one of {', '.join(names)}{arguments.did_you_mean(name, names)}"
        )
    return (
        Settings(**{name: value for name, value in given.items() if name in CONNECTION_SETTINGS}),
        others(**{name: value for name, value in given.items() if name in others.FIELDS}),
    )
