"""Questions to the kernel about a socket, and the errors it gives.

The questions are: how many bytes has the peer not acknowledged, how many wait to be read, how many clients wait to be
accepted, which error is pending. Where a platform cannot tell, the function says so by its answer.
"""

from __future__ import annotations

import array
import errno
import os
import socket
import sys

from ...hints import Any
from .addresses import Address, show

try:
    import fcntl
    import termios
except ImportError:  # Windows has neither; nothing is known of its queues
    fcntl = None  # type: ignore[assignment]  # a module, or None where it is not there
    termios = None  # type: ignore[assignment]  # likewise
_RESETS = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.ECONNABORTED, errno.ESHUTDOWN})
_answer = array.array("i", [0])  # where ioctl(2) writes; one is enough for one thread at a time
_OUTQ = getattr(termios, "TIOCOUTQ", None)  # the number of SIOCOUTQ (tcp(7))
MORE = getattr(socket, "MSG_MORE", 0)  # Linux: more follows at once
_INQ = getattr(termios, "FIONREAD", None)
_TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None  # others have other structures
_LISTEN = 10  # TCP_LISTEN, what tcpi_state is then
_BACKLOG = slice(24, 28)  # where tcpi_unacked is, which on a listening socket counts those who wait (tcp_get_info)


def unacknowledged(sock: socket.SocketType) -> int | None:
    """Bytes handed to the kernel of a TCP socket that the peer's kernel has not acknowledged (SIOCOUTQ, tcp(7)).

    An unacknowledged FIN counts one. None where nobody can tell.
    """
    return None if _OUTQ is None else _ask(sock, _OUTQ)


def unread(sock: socket.SocketType) -> int:
    """Received bytes that wait to be read; 0 also where nobody can tell."""
    return 0 if _INQ is None else _ask(sock, _INQ) or 0


def waiting(sock: socket.socket) -> int | None:
    """How many can be accepted from a listening socket now; None where nobody can tell."""
    if _TCP_INFO is None or _simulated(sock):
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _BACKLOG.stop)
    except OSError:  # a Unix socket
        return None
    return int.from_bytes(info[_BACKLOG], sys.byteorder) if info[0] == _LISTEN else None


def _ask(sock: Any, request: int) -> int | None:
    fd = sock.fileno()
    if fd < 0:  # not connected yet: nothing can be under way
        return 0
    try:
        if _simulated(sock):
            count: int = sock.ioctl(request)
            return count
        fcntl.ioctl(fd, request, _answer, True)
    except OSError:
        return None
    return _answer[0]


def _simulated(sock: Any) -> bool:
    """Is it a double, which answers by a method of its own what is asked of a descriptor else? (Windows has a method
    of that name, and is not asked.)
    """
    return hasattr(sock, "ioctl")


def pending_error(sock: socket.SocketType) -> int:
    """The socket's error, 0 if there is none. Asking consumes it (closing.md, fact 7)."""
    try:
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except OSError as error:
        return error.errno or errno.EIO


def send_file(sock: socket.SocketType, fd: int, offset: int, count: int) -> int:
    """sendfile(2); a simulated kernel has none."""
    if _simulated(sock):
        raise OSError(errno.EINVAL, "not a socket of the system")
    return os.sendfile(sock.fileno(), fd, offset, count)


def os_error(code: int, syscall: str, address: Address | None = None) -> OSError:
    """The fitting OSError subclass; text and attributes as Node's: `connect ECONNREFUSED 127.0.0.1:80`,
    `.syscall`, `.address`, `.port`.
    """
    text = f"{syscall} {errno.errorcode.get(code, f'errno {code}')}"
    error = OSError(code, text if address is None else f"{text} {show(address)}")
    return _with_details(error, syscall, address)


def name_error(host: str, error: Exception) -> OSError:
    """A name that could not be resolved: `getaddrinfo ENOTFOUND name`."""
    code = error.errno if isinstance(error, socket.gaierror) and error.errno is not None else socket.EAI_NONAME
    name = {socket.EAI_NONAME: "ENOTFOUND", socket.EAI_AGAIN: "EAI_AGAIN"}.get(code, f"EAI {code}")
    return _with_details(socket.gaierror(code, f"getaddrinfo {name} {host}"), "getaddrinfo", host)


def _with_details(error: OSError, syscall: str, address: Address | None) -> OSError:
    host, port = address if isinstance(address, tuple) else (address, None)
    vars(error).update(syscall=syscall, address=host, port=port)
    return error


def is_reset(error: OSError) -> bool:
    """Does this error say that the peer reset the connection? EPIPE does: it is what a write meets after the
    reset (fact 7).
    """
    return error.errno in _RESETS
