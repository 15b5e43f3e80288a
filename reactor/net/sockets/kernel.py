"""Questions to the kernel about any socket, and the errors it gives.

The questions are: how many clients wait to be accepted, which error is pending. Where a platform cannot tell, the
function says so by what it returns.
"""

from __future__ import annotations

import errno
import socket
import sys

from ...foreign import plain
from ...hints import TYPE_CHECKING
from .addresses import Address, show

if TYPE_CHECKING:
    from typing import Protocol

    class Asked(Protocol):
        """Anything whose options can be asked for."""

        def getsockopt(self, level: int, option: int, /) -> int: ...


_RESETS = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.ECONNABORTED, errno.ESHUTDOWN})
MORE = getattr(socket, "MSG_MORE", 0)  # Linux: more follows at once
_TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None  # others have other structures
_LISTEN = 10  # TCP_LISTEN, what tcpi_state is then
_BACKLOG = slice(24, 28)  # where tcpi_unacked is, which on a listening socket counts those who wait (tcp_get_info)


def waiting(sock: socket.socket) -> int | None:
    """How many can be accepted from a listening socket now; None where nobody can tell."""
    if _TCP_INFO is None:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _BACKLOG.stop)
    except OSError:  # a Unix socket, or a double
        return None
    return int.from_bytes(info[_BACKLOG], sys.byteorder) if info[0] == _LISTEN else None


def pending_error(sock: Asked) -> int:
    """The socket's error, 0 if there is none. Asking consumes it (closing.md, fact 7)."""
    try:
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except OSError as error:
        return error.errno or errno.EIO


def os_error(code: int, syscall: str, address: Address | None = None) -> OSError:
    """The fitting OSError subclass; text and attributes as Node's: `connect ECONNREFUSED 127.0.0.1:80`,
    `.syscall`, `.address`, `.port`.
    """
    text = f"{syscall} {errno.errorcode.get(code, f'errno {code}')}"
    return _with_details(OSError(code, text if address is None else f"{text} {show(address)}"), syscall, address)


def connect_error(code: int, address: Address, local: Address | None = None) -> OSError:
    """A connect that has failed, as `os_error`. If the program has chosen `local`, that is named too, as Node does:
    `connect ECONNREFUSED 127.0.0.1:80 - Local (127.0.0.9:50000)`, `.local_address`, `.local_port`.
    """
    error = os_error(code, "connect", address)
    if local is not None:
        error.strerror = f"{error.strerror} - Local ({show(local)})"
    host, port = local if isinstance(local, tuple) else (local, None)
    vars(error).update(local_address=host, local_port=port)
    return error


def network_error(code: int, syscall: str) -> OSError:
    """What the network did to an open connection. A read meets EPIPE where the peer's FIN came before its RST; that is
    a reset like any other, and programs catch `ConnectionResetError`.
    """
    return os_error(errno.ECONNRESET if not code or (code, syscall) == (errno.EPIPE, "read") else code, syscall)


def name_error(host: str, error: BaseException) -> OSError:
    """A name that could not be resolved: `getaddrinfo ENOTFOUND name`. Where the system could not even ask, the error
    is that of what is missing, with `error` as its cause: `getaddrinfo EMFILE name`.
    """
    if isinstance(error, (socket.gaierror, UnicodeError)):
        code = error.errno if isinstance(error, socket.gaierror) and error.errno is not None else socket.EAI_NONAME
        name = {socket.EAI_NONAME: "ENOTFOUND", socket.EAI_AGAIN: "EAI_AGAIN"}.get(code, f"EAI {code}")
        return _with_details(socket.gaierror(code, f"getaddrinfo {name} {plain(host)}"), "getaddrinfo", host)
    if isinstance(error, OSError) and error.errno:
        failed = os_error(error.errno, "getaddrinfo", host)
    else:  # "can't start new thread" is EAGAIN of pthread_create(3)
        code = errno.ENOMEM if isinstance(error, MemoryError) else errno.EAGAIN
        text = f"getaddrinfo {errno.errorcode[code]} {plain(host)}" + (f": {plain(str(error))}" if str(error) else "")
        failed = _with_details(OSError(code, text), "getaddrinfo", host)
    failed.__cause__ = error.with_traceback(None)
    return failed


def no_descriptor() -> OSError | None:
    """The error of a process or a system that has no descriptor left at this moment; None if there is one."""
    try:
        socket.socket().close()
    except OSError as error:
        return error if error.errno in (errno.EMFILE, errno.ENFILE) else None
    return None


def _with_details(error: OSError, syscall: str, address: Address | None) -> OSError:
    host, port = address if isinstance(address, tuple) else (address, None)
    vars(error).update(syscall=syscall, address=host, port=port)
    return error


def is_reset(error: OSError) -> bool:
    """True if this error says that the peer reset the connection. EPIPE does: it is what a write meets after the
    reset (fact 7).
    """
    return error.errno in _RESETS
