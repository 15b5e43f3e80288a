"""What the operating system offers, behind a portable answer: sockets that listen, options, addresses,
errors, and three questions to the kernel: how much has the peer not acknowledged, does anything wait to be read, how
many wait to be accepted.

Linux's own things live here. Where a platform lacks one, the function says so by its answer, and the caller
needs no condition.
"""

from __future__ import annotations

import array
import errno
import os
import socket
import sys

from ..hints import Any

try:
    import fcntl
    import termios
except ImportError:  # Windows has neither; nothing is known of its queues
    fcntl = None  # type: ignore[assignment]  # a module, or None where it is not there
    termios = None  # type: ignore[assignment]  # likewise

#: (host, port) for both IP families, a path for Unix sockets.
Address = tuple[str, int] | str

_UNIX = getattr(socket, "AF_UNIX", None)  # Python on Windows has none
_LINGER_NONE = array.array("i", [1, 0]).tobytes()  # struct linger: on, 0 seconds
_RESETS = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.ECONNABORTED, errno.ESHUTDOWN})
_answer = array.array("i", [0])  # where ioctl(2) writes; one is enough for one thread at a time
_OUTQ = getattr(termios, "TIOCOUTQ", None)  # the number of SIOCOUTQ (tcp(7))
_KEEP_ALIVE_DELAY = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))  # Linux, macOS
LONGEST_KEEP_ALIVE = 32_767  # seconds; MAX_TCP_KEEPIDLE and MAX_TCP_KEEPINTVL of Linux
LONGEST_USER_TIMEOUT = 2_147_483  # seconds; milliseconds in a C int
MORE = getattr(socket, "MSG_MORE", 0)  # Linux: more follows at once
_INQ = getattr(termios, "FIONREAD", None)
_TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None  # others have other structures
_LISTEN = 10  # TCP_LISTEN, what tcpi_state is then
_BACKLOG = slice(24, 28)  # where tcpi_unacked is, which on a listening socket counts those who wait (tcp_get_info)


# Questions to the kernel.


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


# Options.


def reset_on_close(sock: socket.SocketType) -> None:
    """Let `close(2)` discard both queues and send RST (socket(7), SO_LINGER). Means nothing on a Unix socket."""
    if sock.family != _UNIX:
        set_option(sock, socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)


def say_fin(sock: socket.SocketType) -> None:
    """Send FIN before `close(2)`, which sends it only when no other process holds a copy (fact 3)."""
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:  # the peer has gone, or knows already
        pass


def set_no_delay(sock: socket.SocketType, enable: bool) -> None:
    """TCP_NODELAY, where it means anything."""
    if sock.family != _UNIX:
        set_option(sock, socket.IPPROTO_TCP, socket.TCP_NODELAY, int(enable))


def set_keep_alive(
    sock: socket.SocketType,
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


def set_user_timeout(sock: socket.SocketType, seconds: float) -> None:
    """TCP_USER_TIMEOUT (RFC 5482, Linux): how long sent data may stay unacknowledged; 0 is the system's
    default.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None and sock.family != _UNIX:
        set_option(sock, socket.IPPROTO_TCP, option, max(1, round(seconds * 1000)) if seconds else 0)


def inherit_options(listening: socket.socket, no_delay: bool, keep_alive: bool | float) -> None:
    """Options that accepted sockets take over from the listening one, which saves two system calls a
    connection.

    Linux and the BSDs copy them (tcp(7) says so of most options; tests hold it).
    """
    set_no_delay(listening, no_delay)
    delay = _system_keep_alive_delay(listening) if keep_alive is True else keep_alive or None
    set_keep_alive(listening, bool(keep_alive), delay)


def _system_keep_alive_delay(like: socket.socket) -> float | None:
    """The system's own time before the first probe: an option that was set cannot be unset, only set back."""
    if _KEEP_ALIVE_DELAY is None or like.family == _UNIX:
        return None
    try:
        with socket.socket(like.family, like.type) as fresh:
            return fresh.getsockopt(socket.IPPROTO_TCP, _KEEP_ALIVE_DELAY)
    except OSError:  # no descriptor for it: what was set before stays
        return None


def set_option(sock: socket.SocketType, level: int, option: int, value: int | bytes) -> None:
    """Set it where it means anything."""
    try:
        sock.setsockopt(level, option, value)
    except OSError:  # macOS and BSD answer EINVAL once the peer has reset the connection; then nothing depends on it
        pass


# Connecting and listening.

_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EINTR, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS)})


def stream_socket(system: Any, family: int) -> socket.socket:
    """A new one, of the operating system, or of the one that is simulated (`Poller.system`)."""
    made: socket.socket = (system or socket).socket(family, socket.SOCK_STREAM)
    return made


def start_connect(system: Any, family: int, raw: Any, address: Address, local: tuple[str, int] | None) -> socket.socket:
    """A socket on its way to `raw`, from `local` if that matters: it is writable once that is decided.

    Raises the OSError of what the kernel refuses at once, its text naming syscall, code and `address`. A Unix
    socket whose backlog is full refuses at once too, with EAGAIN: there is nothing to wait for (connect(2)).
    """
    try:
        sock = stream_socket(system, family)
    except OSError as error:
        raise os_error(error.errno or errno.EIO, "socket", address) from None
    where: tuple[str, Address] = ("connect", address)
    try:
        sock.setblocking(False)
        if local is not None:
            where = ("bind", local)
            _reuse_address(sock)
            sock.bind(local)
            where = ("connect", address)
        code = sock.connect_ex(raw)
        if code and code not in _UNDER_WAY:
            raise OSError(code, "")
    except OSError as error:
        sock.close()
        # A scope that is no interface is an address that is not here.
        code = errno.EADDRNOTAVAIL if isinstance(error, socket.gaierror) else error.errno or errno.EIO
        raise os_error(code, *where) from None
    return sock


def _reuse_address(sock: socket.socket) -> None:
    """A port of ours in TIME_WAIT may be bound again."""
    if os.name == "posix":  # on Windows this option means to steal the port
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def listen_tcp(
    system: Any, host: str | None, port: int, backlog: int, *, reuse_port: bool = False, ipv6_only: bool = False
) -> socket.socket:
    """A listening TCP socket. `host` None is both families by one socket, or IPv4 where there is no IPv6.

    Raises the OSError of what the kernel refused, its text naming syscall, code and address.
    """
    family, address = _listen_address(host, port)
    sock = stream_socket(system, family)
    try:
        sock.setblocking(False)
        _reuse_address(sock)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(ipv6_only))
        sock.bind(address)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise os_error(error.errno or errno.EIO, "listen", (host or address[0], port)) from None
    return sock


def _listen_address(host: str | None, port: int) -> tuple[socket.AddressFamily, Any]:
    if host is None:
        if socket.has_dualstack_ipv6():
            return socket.AF_INET6, ("::", port)
        return socket.AF_INET, ("0.0.0.0", port)
    try:
        found = socket.getaddrinfo(_plain(host), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise name_error(host, error) from None
    family, _, _, _, address = found[0]
    return family, address


def _plain(host: str) -> str | bytes:
    """As bytes if it is plain ASCII with labels that a name can have: text takes the codec `idna`, which would give the
    same, and takes as long to load as half of this library.
    """
    plain = host.isascii() and all(0 < len(label) < 64 for label in host.split("."))
    return host.encode() if plain else host


def adopt(sock: Any) -> socket.socket:
    """A socket that listens already, made ready for us. It stays the caller's if it is refused.

    Raises TypeError for what is no socket, ValueError for one that does not listen or is no stream socket.
    """
    if not isinstance(sock, socket.socket):
        raise TypeError(f"sock must be a listening socket, not {sock!r}")
    if sock.type != socket.SOCK_STREAM:
        raise ValueError(f"sock must be a stream socket, not {sock!r}")
    _check_listens(sock, "sock", sock)
    sock.setblocking(False)
    return sock


def adopt_descriptor(fd: int) -> socket.socket:
    """The same for a bare descriptor; OSError for one that is no socket at all."""
    sock = socket.socket(fileno=fd)
    try:
        if sock.type != socket.SOCK_STREAM:
            raise ValueError(f"fd must be the descriptor of a stream socket, not {fd!r}")
        _check_listens(sock, "fd", fd)
    except BaseException:
        sock.detach()
        raise
    sock.setblocking(False)
    return sock


def _check_listens(sock: socket.SocketType, name: str, value: Any) -> None:
    accepting = getattr(socket, "SO_ACCEPTCONN", None)
    if accepting is not None and not sock.getsockopt(socket.SOL_SOCKET, accepting):
        raise ValueError(f"{name} must be listening already (call its listen() first), not {value!r}")


def accept(sock: socket.socket, family: int, kind: int) -> tuple[socket.SocketType, Any]:
    """`sock.accept()` without its detours: turning family and type, which the caller knows, into enumerations costs
    as much as the system call; `SocketType` is what `socket.socket` is made of, without layers in Python.

    `_accept` is what `socket.accept` itself calls; a double that has none is asked in public.
    """
    if type(sock) is not socket.socket:
        return sock.accept()
    fd, address = sock._accept()  # type: ignore[attr-defined]
    return socket.SocketType(family, kind, 0, fd), address


# Addresses and errors.


def address_of(raw: Any) -> Address:
    """What users see for an address as the socket module gives it."""
    if isinstance(raw, tuple):
        return host_and_port(raw)
    return os.fsdecode(raw or "")


def host_and_port(raw: Any) -> tuple[str, int]:
    """The same for one of the IP families; an IPv6 address that needs its interface names it."""
    host, port = raw[0], raw[1]
    scoped = len(raw) == 4 and raw[3] and "%" not in host
    return (f"{host}%{raw[3]}" if scoped else host, port)


def local_address(sock: socket.SocketType) -> Address:
    """Where this end is; an empty path where the kernel does not say."""
    try:
        return address_of(sock.getsockname())
    except OSError:
        return ""


def remote_address(sock: socket.SocketType) -> Address | None:
    """Where the other end is; None if it has gone already (closing.md, fact 12)."""
    try:
        return address_of(sock.getpeername())
    except OSError:
        return None


def show(address: Address) -> str:
    """An address as text on one line: 127.0.0.1:80, [::1]:80, a path, @name for an abstract one, or unix for none."""
    if isinstance(address, str):
        text = address.replace("\0", "@") or "unix"
        return text if text.isprintable() else repr(text)[1:-1]  # a peer chooses its name, and may put a newline in it
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
