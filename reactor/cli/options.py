"""The command line as one checked value, `Options`: what the options say together.

`parser` takes the line apart, `values` checks each option, `loading` finds the app; here are the rules that concern
more than one option.
"""

from __future__ import annotations

import dataclasses
import logging

from .. import arguments
from ..foreign import shown
from ..hints import TYPE_CHECKING
from ..net.sockets.unix import check_path
from . import apps
from .errors import Unusable
from .loading import RELAY, load, load_on_server
from .parser import CONNECT_TIMEOUT, HOST, PORT, given
from .values import host_of, mode_of, settings_of, target_of, value_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .loading import OnServer


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """The command line, checked."""

    app: apps.App | None
    app_name: str  # of `app`, or of `on_server` where there is no app
    on_server: OnServer | None
    host: str | None
    port: int
    path: str | None  # instead of host and port
    mode: int | None
    reuse_port: bool
    fd: int | None  # instead of host and port
    backlog: int
    grace: float
    end: bool  # True: the server ends its connections when it stops
    spread: float  # over this many seconds
    fin_wait: float | None
    debug: bool
    level: int
    log_format: str  # text or json
    settings: dict[str, Any]  # only those that were given


def parse(argv: Sequence[str] | None = None) -> Options:
    """Raises `Unusable`, and SystemExit after `--help` and `--version`."""
    said = given(argv)
    if said["app"] is None and said["on_server"] is None:
        raise Unusable("APP or --on-server must be given (--help shows all options)")
    try:
        options = Options(
            **_place(said["host"], said["port"], said["path"], said["mode"], said["fd"], said["reuse_port"]),
            backlog=arguments.integer("--backlog", value_of(said["backlog"]), 1, 2**31 - 1),
            grace=arguments.seconds("--grace", value_of(said["grace"]), zero=True),
            spread=arguments.seconds("--spread", value_of(said["spread"]), zero=True),
            fin_wait=arguments.maybe_seconds("--fin-wait", value_of(said["fin_wait"]), zero=True),
            debug=said["debug"],
            level=getattr(logging, said["log_level"].upper()),
            log_format=said["log_format"],
            settings=settings_of(said),
            end=said["app"] != RELAY,  # the two sides of a relay may finish their conversation within the grace
            app=_app(said["app"], said["on_server"], said["to"], said["connect_timeout"]),  # runs the program's code
            app_name=said["app"] or said["on_server"],
            on_server=None if said["on_server"] is None else load_on_server(said["on_server"]),
        )
        _check_together(options, said["to"])
        return options
    except (TypeError, ValueError) as error:
        raise Unusable(str(error)) from None


def _place(
    host: str | None, port: str | None, path: str | None, mode: str | None, fd: str | None, reuse_port: bool
) -> dict[str, Any]:
    """Where to listen: a host and a port, or a path and its mode, or a descriptor."""
    if mode is not None and path is None:
        raise ValueError("--mode is for --path only: it is the mode of the socket's file")
    instead = "--path" if path is not None else "--fd"
    if path is not None or fd is not None:
        others = {"--host": host, "--port": port, "--reuse-port": reuse_port or None}
        if instead == "--path":
            others["--fd"] = fd
        for option, value in others.items():
            if value is not None:
                raise ValueError(f"{instead} and {option} exclude each other")
        host, port = "none", "0"
    return {
        "port": PORT if port is None else arguments.integer("--port", value_of(port), 0, 65535),
        "host": host_of(HOST if host is None else host),
        "mode": None if mode is None else mode_of(mode),
        "path": None if path is None else check_path(path, "--path"),
        "fd": None if fd is None else arguments.integer("--fd", value_of(fd), 0, 2**31 - 1),
        "reuse_port": reuse_port,
    }


def _app(name: str | None, on_server: str | None, to: str | None, timeout: str | None) -> apps.App | None:
    if name == RELAY:
        if to is None:
            raise ValueError(f"{RELAY} needs --to HOST:PORT or --to PATH, the server to connect its clients to")
        seconds = CONNECT_TIMEOUT if timeout is None else value_of(timeout)
        return apps.relay(target_of(to), connect_timeout=arguments.maybe_seconds("--connect-timeout", seconds))
    for option, value in (("--to", to), ("--connect-timeout", timeout)):
        if value is not None:
            raise ValueError(f"{option} is for {RELAY} only, not for {name or on_server}")
    return None if name is None else load(name)


def _check_together(options: Options, to: str | None) -> None:
    """Raise ValueError for options that exclude each other."""
    # A relay to itself would connect to itself until it has no descriptors left.
    if to is not None and target_of(to) in ((options.host, options.port), options.path):
        raise ValueError(f"--to must be another address than where {RELAY} listens, not {shown(to)}")
    if options.spread > options.grace:
        raise ValueError(f"--spread must be at most --grace ({options.grace:g}), not {options.spread:g}")
    if options.spread and not options.end:
        raise ValueError(f"--spread must be 0 for {RELAY}, which ends no connection itself, not {options.spread:g}")
