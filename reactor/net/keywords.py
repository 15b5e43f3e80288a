"""The keyword arguments of `Server`, `serve`, `connect` and `adopt`, for type checkers.

Nothing loads this module at run time. `settings.py` declares the settings; a test holds that the names and types here
are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from socket import socket as Socket
from typing import Any, Literal, TypedDict

from .sockets.networks import Network


class ConnectionKeywords(TypedDict, total=False):
    """What connections of a server, of `connect` and of `adopt` go by."""

    idle_timeout: float | None
    read_timeout: float | None
    write_timeout: float | None
    linger_timeout: float | None
    half_open_timeout: float | None
    first_byte_timeout: float | None
    max_lifetime: float | None
    jitter: float | None
    on_idle: Literal["close", "reset"]
    allow_half_open: bool
    high_water: int
    low_water: int | None
    buffer_limit: int
    slow_reader: tuple[int, float] | None
    min_read_rate: float | tuple[float, float] | None
    min_write_rate: float | tuple[float, float] | None
    pause_on_connect: bool
    no_delay: bool
    keep_alive: bool | float
    oob_inline: bool


class ServerKeywords(ConnectionKeywords, total=False):
    """What a server goes by besides."""

    max_connections: int | None
    max_per_address: int | None
    accept_rate: float | tuple[float, int] | None
    when_full: Literal["drop", "reset", "wait"]
    block: Iterable[str | Network] | None
    allow: Iterable[str | Network] | None
    memory_limit: int | None
    give_up_idle: float | None


class ConnectKeywords(ConnectionKeywords, total=False):
    """What `connect` goes by besides."""

    local_address: tuple[str | None, int] | None
    family: int
    lookup: Callable[[str, int, Any], object] | None
    attempt_delay: float
    connect_timeout: float | None
    before_connect: Callable[[Socket], object] | None
