"""A client's socket: where it connects from, and its options before, while and after connecting. What each option
does is in `tests/server/test_socket_options.py`.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, connect
from reactor.net.client.names import Target, local_end
from reactor.testing import ManualClock, pump, settle
from tests.support.far_ends import ACCEPTS, REFUSES, SILENT, FarEnds, connected, free_port, quiet_port
from tests.support.recording import Heard

HOST = "127.0.0.1"
TCP = socket.IPPROTO_TCP


def option(conn: Connection, level: int, name: int) -> int:
    """What the kernel says of a connection's socket."""
    with socket.socket(fileno=os.dup(conn.fileno())) as twin:
        return twin.getsockopt(level, name)


def failed(loop: Reactor, conn: Connection) -> OSError:
    """The error of a client that comes to nothing."""
    heard = Heard(conn)
    assert heard.report(loop).reason is Reason.CONNECT_FAILED
    error = heard.error()
    assert isinstance(error, OSError)
    return error


# Where it connects from.


@pytest.mark.parametrize("given", [False, True])
def test_it_connects_from_local_address_and_port_0_is_a_free_one(given: bool, each_loop: Reactor, far: FarEnds) -> None:
    port = free_port("127.0.0.9") if given else 0
    conn = connect(each_loop, HOST, far.port, local_address=("127.0.0.9", port))
    peer = far.accept(each_loop)
    connected(each_loop, conn)
    assert conn.local_address == peer.sock.getpeername() == ("127.0.0.9", port or conn.local_address[1])
    assert conn.local_address[1] != 0


def test_a_local_port_in_time_wait_may_be_used_again(loop: Reactor, far: FarEnds) -> None:
    first = connect(loop, HOST, far.port, local_address=("127.0.0.9", 0))
    peer = far.accept(loop)
    connected(loop, first)
    first.end()
    settle(loop)
    assert peer.outcome() == "FIN"
    peer.close()
    pump(loop, lambda: first.report)
    # We ended first, so TIME_WAIT is ours (unless the kernel has too many of them: tcp_max_tw_buckets).
    local: Any = first.local_address
    with FarEnds({HOST: ACCEPTS}) as another:
        second = connected(loop, connect(loop, HOST, another.port, local_address=local))
        assert another.accept(loop).sock.getpeername() == second.local_address == first.local_address


def test_one_local_port_serves_attempts_to_several_addresses(loop: Reactor, clock: ManualClock) -> None:
    with FarEnds({"127.0.0.3": SILENT, "127.0.0.4": ACCEPTS}) as ends:
        local = "127.0.0.9", free_port("127.0.0.9")
        conn = ends.connect(loop, local_address=local)
        settle(loop)
        clock.advance(0.25)
        connected(loop, conn)
        assert (conn.local_address, conn.remote_address) == (local, ("127.0.0.4", ends.port))


def test_a_local_port_that_somebody_listens_on_fails_the_attempt(loop: Reactor, far: FarEnds) -> None:
    with socket.create_server(("127.0.0.9", 0)) as taken:
        port = taken.getsockname()[1]
        error = failed(loop, connect(loop, HOST, far.port, local_address=("127.0.0.9", port)))
    assert (error.errno, error.strerror) == (errno.EADDRINUSE, f"bind EADDRINUSE 127.0.0.9:{port}")
    assert (error.syscall, error.address, error.port) == ("bind", "127.0.0.9", port)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("host", "local"), [(HOST, "192.0.2.1"), ("::1", "2001:db8::1"), ("::1", "fe80::1%nowhere"), ("::1", "fe80::1%ü")]
)
def test_a_local_address_that_is_not_here_fails_the_attempt(host: str, local: str, loop: Reactor, far: FarEnds) -> None:
    error = failed(loop, connect(loop, host, far.port, local_address=(local, 0)))
    shown = f"[{local}]" if ":" in local else local
    assert (error.errno, error.strerror) == (errno.EADDRNOTAVAIL, f"bind EADDRNOTAVAIL {shown}:0")


def test_a_name_is_tried_at_addresses_of_the_family_of_the_local_address_only(loop: Reactor) -> None:
    with FarEnds({"::1": ACCEPTS, HOST: ACCEPTS}) as ends:
        conn = ends.connect(loop, local_address=(HOST, 0))
        connected(loop, conn)
        assert conn.remote_address == (HOST, ends.port)
        assert ends.nobody_came("::1")


def test_a_name_with_no_address_of_the_family_of_the_local_address_is_an_error(loop: Reactor) -> None:
    with FarEnds({"::1": ACCEPTS}) as ends:
        error = failed(loop, ends.connect(loop, local_address=(HOST, 0)))
        assert error.errno == errno.EAFNOSUPPORT
        assert ends.nobody_came("::1")


# A local address without a port, and a port without an address.


def test_a_local_address_takes_no_port_before_the_peer_is_known(loop: Reactor, far: FarEnds) -> None:
    """So connections to different peers may have the same one; tests/interop shows it where there are few ports."""
    for local, expected in (((HOST, 0), 1), ((HOST, quiet_port()), 0)):
        conn = connected(loop, connect(loop, HOST, far.port, local_address=local))
        assert option(conn, socket.IPPROTO_IP, 24) == expected  # IP_BIND_ADDRESS_NO_PORT of linux/in.h


@pytest.mark.parametrize("host", [HOST, "::1"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_port_without_an_address(nothing: str | None, host: str, loop: Reactor) -> None:
    with FarEnds({host: ACCEPTS}) as ends:
        port = quiet_port()
        conn = connected(loop, connect(loop, host, ends.port, local_address=(nothing, port)))
        assert conn.local_address == (host, port)


def test_a_port_without_an_address_goes_with_both_families(loop: Reactor) -> None:
    with FarEnds({"::1": REFUSES, HOST: ACCEPTS}) as ends:
        port = quiet_port()
        conn = connected(loop, ends.connect(loop, local_address=(None, port)))
        assert (conn.local_address, conn.remote_address) == ((HOST, port), (HOST, ends.port))


SIX = socket.AF_INET6


@pytest.mark.parametrize(
    ("local", "target", "raw"),
    [
        (("fe80::1%lo", 5), (SIX, ("fe80::2", 80, 0, 0)), ("fe80::1", 5, 0, 1)),
        (("fe80::1", 0), (SIX, ("fe80::2", 80, 0, 1)), ("fe80::1", 0, 0, 1)),  # the interface of the target
        (("::1", 0), (SIX, ("::1", 80, 0, 0)), ("::1", 0, 0, 0)),
        ((None, 7), (SIX, ("::1", 80, 0, 0)), ("::", 7, 0, 0)),
        ((None, 7), (socket.AF_INET, (HOST, 80)), ("0.0.0.0", 7)),
    ],
)
def test_what_is_bound_to_has_the_interface_that_it_needs(local: Any, target: Any, raw: Any) -> None:
    family, sockaddr = target
    assert local_end(local, Target(family, sockaddr, sockaddr[0], sockaddr[1]))[1] == raw


# The error of a failed connect names where it came from.


def test_the_error_names_the_local_address_and_port_as_node_does(loop: Reactor, far: FarEnds) -> None:
    host, port = far.address(REFUSES)
    local = quiet_port()
    error: Any = failed(loop, connect(loop, host, port, local_address=("127.0.0.9", local)))
    assert error.strerror == f"connect ECONNREFUSED {host}:{port} - Local (127.0.0.9:{local})"
    assert (error.address, error.port, error.local_address, error.local_port) == (host, port, "127.0.0.9", local)


def test_a_port_that_the_kernel_chose_is_named_too(loop: Reactor, far: FarEnds) -> None:
    error: Any = failed(loop, connect(loop, *far.address(REFUSES), local_address=("127.0.0.9", 0)))
    assert error.local_port > 0
    assert error.strerror.endswith(f" - Local (127.0.0.9:{error.local_port})")


def test_each_attempt_names_its_own(loop: Reactor) -> None:
    with FarEnds({"127.0.0.3": REFUSES, "127.0.0.4": REFUSES}) as ends:
        error: Any = failed(loop, ends.connect(loop, local_address=("127.0.0.9", 0)))
    assert [one.local_address for one in error.errors] == ["127.0.0.9"] * 2
    assert error.strerror.count(" - Local (127.0.0.9:") == 2


def test_the_end_of_connect_timeout_names_it_too(loop: Reactor, clock: ManualClock, far: FarEnds) -> None:
    host, port = far.address(SILENT)
    conn = connect(loop, host, port, local_address=("127.0.0.9", 0), connect_timeout=5)
    heard = Heard(conn)
    settle(loop)
    clock.advance(5)
    assert heard.report(loop).reason is Reason.CONNECT_TIMEOUT
    assert heard.error().strerror.startswith(f"connect ETIMEDOUT {host}:{port} - Local (127.0.0.9:")


def test_without_a_local_address_none_is_named(loop: Reactor, far: FarEnds) -> None:
    host, port = far.address(REFUSES)
    error: Any = failed(loop, connect(loop, host, port))
    assert error.strerror == f"connect ECONNREFUSED {host}:{port}"
    assert (error.local_address, error.local_port) == (None, None)


# Options, called at any time.

CALLS: dict[str, tuple[Callable[[Connection], None], list[tuple[int, int, int]]]] = {
    "no_delay": (lambda conn: conn.set_no_delay(False), [(TCP, socket.TCP_NODELAY, 0)]),
    "keep_alive": (
        lambda conn: conn.set_keep_alive(True, delay=77, interval=7, count=3),
        [
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (TCP, socket.TCP_KEEPIDLE, 77),
            (TCP, socket.TCP_KEEPINTVL, 7),
            (TCP, socket.TCP_KEEPCNT, 3),
        ],
    ),
    "user_timeout": (lambda conn: conn.set_user_timeout(9.5), [(TCP, socket.TCP_USER_TIMEOUT, 9500)]),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_option_set_at_any_time_holds_once_it_is_connected(call: str, hold: Any) -> None:
    set_it, expected = CALLS[call]
    held = hold()
    held.reach()
    set_it(held.conn)
    held.proceed()
    connected(held.loop, held.conn)
    assert [(level, name, option(held.conn, level, name)) for level, name, _ in expected] == expected


@pytest.mark.parametrize("call", CALLS)
def test_an_option_set_in_the_connect_listener_holds(call: str, loop: Reactor, far: FarEnds) -> None:
    set_it, expected = CALLS[call]
    conn = connected(loop, connect(loop, HOST, far.port, set_it))
    assert [(level, name, option(conn, level, name)) for level, name, _ in expected] == expected


def test_of_an_option_set_twice_the_last_value_holds_and_wins_over_the_setting(loop: Reactor, far: FarEnds) -> None:
    conn = connect(loop, HOST, far.port, no_delay=True, keep_alive=45)
    for enable in (True, False):
        conn.set_no_delay(enable)
        conn.set_keep_alive(enable)
    connected(loop, conn)
    assert option(conn, TCP, socket.TCP_NODELAY) == 0
    assert option(conn, socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


def test_options_after_the_close_are_harmless(loop: Reactor, far: FarEnds) -> None:
    conn = connect(loop, HOST, far.port)
    conn.destroy()
    for _ in range(2):  # before `close` is told, and after
        for set_it, _ in CALLS.values():
            set_it(conn)
        settle(loop)
    assert far.nobody_came()
