"""Socket options, each where it means anything.

Where a platform lacks an option, the function does nothing, and the caller needs no condition.
"""

from __future__ import annotations

import array
import socket

from ... import arguments
from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    class Adjustable(Protocol):
        """Anything that takes the options of a socket."""

        @property
        def family(self) -> int: ...
        def setsockopt(self, level: int, option: int, value: int | bytes, /) -> None: ...
        def shutdown(self, how: int, /) -> None: ...


_UNIX = getattr(socket, "AF_UNIX", None)  # Python on Windows has none
_LINGER_NONE = array.array("i", [1, 0]).tobytes()  # struct linger: on, 0 seconds
_KEEP_ALIVE_DELAY = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))  # Linux, macOS
LONGEST_KEEP_ALIVE = 32_767  # seconds; MAX_TCP_KEEPIDLE and MAX_TCP_KEEPINTVL of Linux
LONGEST_USER_TIMEOUT = 2_147_483  # seconds; milliseconds in a C int


def reset_on_close(sock: Adjustable) -> None:
    """Let `close(2)` discard both queues and send RST (socket(7), SO_LINGER). Means nothing on a Unix socket."""
    if sock.family != _UNIX:
        set_option(sock, socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)


def say_fin(sock: Adjustable) -> None:
    """Send FIN before `close(2)`, which sends it only when no other process holds a copy (fact 3)."""
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:  # the peer has gone, or knows already
        pass


def set_no_delay(sock: Adjustable, enable: bool) -> None:
    """TCP_NODELAY, where it means anything."""
    if sock.family != _UNIX:
        set_option(sock, socket.IPPROTO_TCP, socket.TCP_NODELAY, int(enable))


def set_keep_alive(
    sock: Adjustable,
    enable: bool,
    delay: float | None = None,
    interval: float | None = None,
    count: int | None = None,
) -> None:
    """SO_KEEPALIVE and its times, whole seconds of at least 1 (tcp(7)); None leaves the system's."""
    if sock.family == _UNIX:
        return
    set_option(sock, socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(enable))
    for option, value in (
        (_KEEP_ALIVE_DELAY, delay),
        (getattr(socket, "TCP_KEEPINTVL", None), interval),
        (getattr(socket, "TCP_KEEPCNT", None), count),
    ):
        if option is not None and value is not None:
            set_option(sock, socket.IPPROTO_TCP, option, max(1, round(value)))


def check_keep_alive(delay: float | None, interval: float | None, count: int | None) -> None:
    """Raises TypeError and ValueError for what `set_keep_alive` cannot set."""
    for name, value in (("delay", delay), ("interval", interval)):
        if value is not None:
            arguments.seconds_up_to(name, value, LONGEST_KEEP_ALIVE)
    if count is not None:
        arguments.integer("count", count, 1, 127)  # MAX_TCP_KEEPCNT


def set_user_timeout(sock: Adjustable, seconds: float) -> None:
    """TCP_USER_TIMEOUT (RFC 5482, Linux): how long sent data may stay unacknowledged; 0 is the system's
    default.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None and sock.family != _UNIX:
        set_option(sock, socket.IPPROTO_TCP, option, max(1, round(seconds * 1000)) if seconds else 0)


def set_oob_inline(sock: Adjustable, enable: bool) -> None:
    """SO_OOBINLINE."""
    set_option(sock, socket.SOL_SOCKET, socket.SO_OOBINLINE, int(enable))


def inherit_options(listening: socket.socket, no_delay: bool, keep_alive: bool | float, oob_inline: bool) -> None:
    """Options that accepted sockets take over from the listening one, which saves three system calls a
    connection.

    Linux and the BSDs copy them (tcp(7) says so of most options; tests hold it).
    """
    set_no_delay(listening, no_delay)
    delay = _system_keep_alive_delay(listening) if keep_alive is True else keep_alive or None
    set_keep_alive(listening, bool(keep_alive), delay)
    set_oob_inline(listening, oob_inline)


def _system_keep_alive_delay(like: socket.socket) -> float | None:
    """The system's own time before the first probe: an option that was set cannot be unset, only set back."""
    if _KEEP_ALIVE_DELAY is None or like.family == _UNIX:
        return None
    try:
        with socket.socket(like.family, like.type) as fresh:
            return fresh.getsockopt(socket.IPPROTO_TCP, _KEEP_ALIVE_DELAY)
    except OSError:  # no descriptor for it: what was set before stays
        return None


def set_option(sock: Adjustable, level: int, option: int, value: int | bytes) -> None:
    """Set it where it means anything."""
    try:
        sock.setsockopt(level, option, value)
    except OSError:  # macOS and BSD answer EINVAL once the peer has reset the connection; then nothing depends on it
        pass
