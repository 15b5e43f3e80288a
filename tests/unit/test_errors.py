"""Errors of the operating system as users see them: text and attributes like Node's; and our own exceptions, by
who is at fault.
"""

from __future__ import annotations

import errno
import pickle
from typing import Any

import pytest

import reactor
from reactor import ConnectionClosed, NeverConnected, ReactorError, ServerClosed, WriteAfterEnd, WrongThread
from reactor.net.sockets import addresses, kernel

V4, V6 = ("127.0.0.1", 80), ("::1", 80)


@pytest.mark.parametrize(
    ("code", "syscall", "address", "text"),
    [
        (errno.ECONNREFUSED, "connect", V4, "connect ECONNREFUSED 127.0.0.1:80"),
        (errno.ECONNREFUSED, "connect", V6, "connect ECONNREFUSED [::1]:80"),
        (errno.EADDRINUSE, "listen", V4, "listen EADDRINUSE 127.0.0.1:80"),
        (errno.EACCES, "listen", "/run/app.sock", "listen EACCES /run/app.sock"),
        (errno.EACCES, "listen", "\0app", "listen EACCES @app"),
        (errno.ECONNRESET, "read", None, "read ECONNRESET"),
        (errno.EPIPE, "write", None, "write EPIPE"),
        (9999, "read", None, "read errno 9999"),
    ],
)
def test_the_text_names_syscall_code_and_address(code: int, syscall: str, address: Any, text: str) -> None:
    error = kernel.os_error(code, syscall, address)
    assert error.strerror == text
    assert error.errno == code
    assert text in str(error)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ECONNRESET, ConnectionResetError), (errno.ECONNREFUSED, ConnectionRefusedError),
        (errno.ECONNABORTED, ConnectionAbortedError), (errno.EPIPE, BrokenPipeError), (errno.ETIMEDOUT, TimeoutError),
        (errno.EACCES, PermissionError), (errno.EADDRINUSE, OSError),
    ],
)  # fmt: skip
def test_it_is_the_fitting_subclass_of_oserror(code: int, kind: type[OSError]) -> None:
    assert type(kernel.os_error(code, "read")) is kind


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [(V4, "127.0.0.1", 80), (V6, "::1", 80), ("/run/app.sock", "/run/app.sock", None), (None, None, None)],
)
def test_syscall_address_and_port_are_attributes(address: Any, host: str | None, port: int | None) -> None:
    error: Any = kernel.os_error(errno.ECONNREFUSED, "connect", address)
    assert (error.syscall, error.address, error.port) == ("connect", host, port)


@pytest.mark.parametrize(
    ("code", "syscall", "text"),
    [
        (errno.EPIPE, "read", "read ECONNRESET"), (0, "read", "read ECONNRESET"), (errno.EPIPE, "write", "write EPIPE"),
        (errno.ETIMEDOUT, "read", "read ETIMEDOUT"), (errno.ENOTCONN, "shutdown", "shutdown ENOTCONN"),
    ],
)  # fmt: skip
def test_a_read_that_meets_the_end_of_a_pipe_was_reset(code: int, syscall: str, text: str) -> None:
    assert kernel.network_error(code, syscall).strerror == text


def test_a_reset_is_told_from_other_trouble_of_the_network() -> None:
    resets = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)
    others = (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ECONNREFUSED)
    assert [code for code in (*resets, *others) if kernel.is_reset(OSError(code, ""))] == [*resets]


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        (("127.0.0.1", 80), ("127.0.0.1", 80)), (("::1", 80, 0, 0), ("::1", 80)),
        (("fe80::1", 80, 0, 2), ("fe80::1%2", 80)), (("fe80::1%eth0", 80, 0, 2), ("fe80::1%eth0", 80)),
        ("/run/app.sock", "/run/app.sock"), (b"\0abstract", "\0abstract"), ("", ""), (None, ""),
    ],
)  # fmt: skip
def test_an_address_is_host_and_port_for_both_families_or_a_path(raw: Any, address: Any) -> None:
    assert addresses.address_of(raw) == address


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (V4, "127.0.0.1:80"), (V6, "[::1]:80"), ("/run/x", "/run/x"), ("/run/ä b", "/run/ä b"),
        ("\0abstract", "@abstract"), ("\0a\0", "@a@"), ("", "unix"), ("/run/a\nERROR b", "/run/a\\nERROR b"),
        ("/run/\udcff", "/run/\\udcff"),
    ],
)  # fmt: skip
def test_an_address_is_shown_as_people_write_it_on_one_line_that_can_be_printed(address: Any, text: str) -> None:
    assert addresses.show(address) == text


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (ReactorError, Exception), (ConnectionClosed, ReactorError), (WriteAfterEnd, ConnectionClosed),
        (NeverConnected, ConnectionClosed), (ServerClosed, ReactorError), (WrongThread, ReactorError),
    ],
)  # fmt: skip
def test_our_own_exceptions_are_ordered_by_fault(kind: type[Exception], base: type[Exception]) -> None:
    assert kind.__bases__ == (base,)
    assert not issubclass(kind, OSError)
    assert kind.__doc__
    assert getattr(reactor, kind.__name__) is kind


@pytest.mark.parametrize("kind", [ReactorError, ConnectionClosed, WriteAfterEnd, NeverConnected, ServerClosed])
def test_our_own_exceptions_survive_a_trip_to_another_process(kind: type[Exception]) -> None:
    twin = pickle.loads(pickle.dumps(kind("text")))
    assert (type(twin), str(twin)) == (kind, "text")
