"""What the command line says, as values.

There is one option for every setting of a server, made from the fields of `net.settings`: name, help, unit,
default and check are said there, once. argparse takes the line apart; values are checked afterwards by the same
checks that the library's callers meet, with the option's name in their sentences.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import logging
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn, cast

from .. import __version__, arguments
from ..net.fields import Field
from ..net.settings import SERVER_SETTINGS, ServerSettings, Settings, split
from ..net.sockets.addresses import Address
from ..net.sockets.unix import ALL_BITS, check_path
from . import apps

HOST, PORT, BACKLOG, GRACE, LEVEL = "127.0.0.1", 8080, 4096, 10.0, "info"
RELAY, CONNECT_TIMEOUT = "relay", "60"
LEVELS = ("debug", "info", "warning", "error")
EXPECTED_APP = f"expected {', '.join(apps.BUILT_IN)}, {RELAY} or module:callable"

_EXAMPLES = """\
examples:
  %(prog)s echo
      then, in another terminal: nc 127.0.0.1 8080
  %(prog)s goodbye --host none --port 9000
      on all addresses, IPv4 and IPv6
  %(prog)s echo --path /tmp/echo.sock --mode 600
      on a Unix socket, for this user only: nc -U /tmp/echo.sock
  %(prog)s relay --port 9000 --to 127.0.0.1:8080
      what comes to port 9000 goes there, and the answers come back
  %(prog)s gateway:greet --read-timeout 90 --max-connections 10000
      greet(conn) in gateway.py, here, is called with each new connection

signals:
  SIGTERM or SIGINT (Ctrl-C) stops in order: what was written is delivered,
  within the grace. A second one resets what is left.

exit status:
  0  stopped in order
  1  connections were reset, by the end of the grace or a second signal, or it
     could not start
  2  unusable arguments
"""
_VALUES = {
    "on_idle": "close|reset",
    "when_full": "drop|reset|wait",
    "keep_alive": "true|SECONDS",
    "max_connections": "COUNT",
    "max_per_address": "COUNT",
    "accept_rate": "RATE[,BURST]",
    "slow_reader": "BYTES,SECONDS",
    "min_read_rate": "BYTES[,SECONDS]",
    "min_write_rate": "BYTES[,SECONDS]",
    "block": "NETWORK,...",
    "allow": "NETWORK,...",
}
_UNITS = {"s": "SECONDS", "bytes": "BYTES"}


class Unusable(Exception):
    """The command line cannot be used; the text says why, in one line."""


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """The command line, checked."""

    app: apps.App
    app_name: str
    host: str | None
    port: int
    path: str | None  # instead of both
    mode: int | None
    backlog: int
    grace: float
    end: bool  # are connections ended by us when it stops?
    spread: float  # over how many seconds
    debug: bool
    level: int
    settings: dict[str, Any]  # only those that were given


def parse(argv: Sequence[str] | None = None) -> Options:
    """Raises `Unusable`. Leaves by SystemExit after `--help` and `--version`."""
    given = vars(_parser().parse_args(argv))
    try:
        options = Options(
            **_place(given["host"], given["port"], given["path"], given["mode"]),
            backlog=arguments.integer("--backlog", value_of(given["backlog"]), 1, 2**31 - 1),
            grace=arguments.seconds("--grace", value_of(given["grace"]), zero=True),
            spread=arguments.seconds("--spread", value_of(given["spread"]), zero=True),
            debug=given["debug"],
            level=getattr(logging, given["log_level"].upper()),
            settings=_settings(given),
            end=given["app"] != RELAY,  # a relay lets those who speak to each other finish, within the grace
            app=_app(given),  # last: it runs the program's code
            app_name=given["app"],
        )
        _refuse_circle(options, given["to"])
        if options.spread > options.grace:
            raise ValueError(f"--spread must be at most --grace ({options.grace:g}), not {options.spread:g}")
        if options.spread and not options.end:
            raise ValueError(f"--spread must be 0 for {RELAY}, which ends nobody by itself, not {options.spread:g}")
        return options
    except (TypeError, ValueError) as error:
        raise Unusable(str(error)) from None


def _place(host: str | None, port: str | None, path: str | None, mode: str | None) -> dict[str, Any]:
    """Where to listen: by host and port, or by path and mode."""
    if path is None:
        if mode is not None:
            raise ValueError("--mode goes with --path: it is that of the socket's file")
        number = PORT if port is None else arguments.integer("--port", value_of(port), 0, 65535)
        return {"host": _host(HOST if host is None else host), "port": number, "path": None, "mode": None}
    for option, value in (("--host", host), ("--port", port)):
        if value is not None:
            raise ValueError(f"--path and {option} exclude each other")
    return {"host": None, "port": 0, "path": check_path(path, "--path"), "mode": None if mode is None else _mode(mode)}


def _app(given: dict[str, Any]) -> apps.App:
    to, timeout = given["to"], given["connect_timeout"]
    if given["app"] == RELAY:
        if to is None:
            raise ValueError(f"{RELAY} needs --to HOST:PORT, or --to PATH: where it connects its clients to")
        seconds = value_of(CONNECT_TIMEOUT if timeout is None else timeout)
        return apps.relay(_target(to), connect_timeout=arguments.maybe_seconds("--connect-timeout", seconds))
    for option, value in (("--to", to), ("--connect-timeout", timeout)):
        if value is not None:
            raise ValueError(f"{option} goes with {RELAY}: it is about where that connects to")
    return load(given["app"])


def _refuse_circle(options: Options, to: str | None) -> None:
    """A relay to itself would connect to itself until nothing is left to connect with."""
    if to is not None and _target(to) in ((options.host, options.port), options.path):
        raise ValueError(f"--to must be another address than where {RELAY} listens, not {to!r}")


def _target(text: str) -> Address:
    """`name:80`, `127.0.0.1:80`, `[::1]:80`, or a path, which has a slash."""
    if "/" in text:
        return check_path(text, "--to")
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or (":" in bare and bare == host):
        raise ValueError(f"--to must be like host:80, [::1]:80 or /path/of.sock, not {text!r}")
    return bare, arguments.integer("the port of --to", value_of(port), 1, 65535)


def _host(text: str) -> str | None:
    if not text:  # an empty variable in a script must not open all addresses
        raise ValueError("--host must be a name, an address or none, not ''")
    return None if text == "none" else text


def _mode(text: str) -> int:
    if not re.fullmatch("[0-7]{1,4}", text) or int(text, 8) > ALL_BITS:
        raise ValueError(f"--mode must be octal digits up to 777, as of chmod, not {text!r}")
    return int(text, 8)


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for field in _fields():
        if field.name in given:
            value = given[field.name]
            if isinstance(value, list):  # given more than once, or with commas, or both
                value = None if value == ["none"] else [entry.strip() for part in value for entry in part.split(",")]
            elif isinstance(value, str):
                value = _values_of(value)
            found[field.name] = field.check(option_of(field.name), value)
    split(found, ServerSettings)  # what the checks of single settings cannot see
    return found


def _values_of(text: str) -> Any:
    """A value, or several with commas between them."""
    values = tuple(value_of(part.strip()) for part in text.split(","))
    return values[0] if len(values) == 1 else values


def value_of(text: str) -> Any:
    """None, a boolean or a number where the text says one; the text itself otherwise."""
    words = {"none": None, "true": True, "false": False}
    if text in words:
        return words[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    return text


def option_of(setting: str) -> str:
    """`idle_timeout` -> `--idle-timeout`."""
    return "--" + setting.replace("_", "-")


# The parser.


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Unusable(f"{message} (--help tells more)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="reactor" if os.path.basename(sys.argv[0]) == "reactor" else "python -m reactor",
        usage="%(prog)s APP [options]",
        description="Serve TCP or a Unix socket, and end every connection exactly.",
        epilog=_EXAMPLES,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=32),
        add_help=False,
        allow_abbrev=False,
    )
    what = parser.add_argument_group("what to serve", _apps_text())
    what.add_argument("app", metavar="APP", help=argparse.SUPPRESS)
    where = parser.add_argument_group("where")
    where.add_argument("--host", help=f"name or address; none: all addresses (default: {HOST})")
    where.add_argument("--port", help=f"0 picks a free one (default: {PORT})")
    where.add_argument("--path", help="a Unix socket instead; a stale file there is replaced")
    where.add_argument("--mode", metavar="OCTAL", help="of its file, like 660 (default: as the umask says)")
    backlog = _text("clients that may wait to be accepted", BACKLOG)
    where.add_argument("--backlog", metavar="COUNT", default=str(BACKLOG), help=backlog)
    relay = parser.add_argument_group(RELAY)
    relay.add_argument("--to", metavar="HOST:PORT|PATH", help="connect each client to this address or Unix socket")
    relay.add_argument(
        "--connect-timeout",
        metavar="SECONDS",
        help=_text("give up connecting after so long; none: as late as the system does", f"{CONNECT_TIMEOUT} s"),
    )
    process = parser.add_argument_group("the process")
    process.add_argument(
        "--grace", metavar="SECONDS", default=str(GRACE), help=_text("time to stop in order", f"{GRACE:g} s")
    )
    process.add_argument(
        "--spread",
        metavar="SECONDS",
        default="0",
        help=_text("stopping, end connections one by one over so long, and not all at once", "0 s"),
    )
    loudness = process.add_mutually_exclusive_group()
    loudness.add_argument(
        "--log-level",
        metavar="LEVEL",
        choices=LEVELS,
        default=LEVEL,
        help=_text(f"{', '.join(LEVELS)}; info has a line for each closed connection", LEVEL),
    )
    loudness.add_argument(
        "-q", "--quiet", dest="log_level", action="store_const", const="warning", help="as --log-level warning"
    )
    process.add_argument("--debug", action="store_true", help="check invariants, log callbacks slower than 100 ms")
    process.add_argument("--version", action="version", version=f"reactor {__version__}")
    process.add_argument("-h", "--help", action="help", help="this text")
    _add_settings(parser)
    return parser


def _apps_text() -> str:
    lines = [f"{name:<16}{text}" for name, (_, text) in apps.BUILT_IN.items()]
    lines.append(f"{RELAY:<16}passes on all to another server, and its answers back")
    return "\n".join((*lines, f"{'module:callable':<16}your own: called with each new connection"))


def _add_settings(parser: argparse.ArgumentParser) -> None:
    groups = {
        "deadlines": parser.add_argument_group("deadlines", "Seconds; none switches one off."),
        "limits": parser.add_argument_group("limits"),
        "connections": parser.add_argument_group("connections"),
    }
    for field in _fields():
        unit = field.unit
        how: dict[str, Any] = {"metavar": _VALUES.get(field.name, _UNITS.get(unit, "VALUE"))}
        if field.type == "bool":
            how = {"action": argparse.BooleanOptionalAction}
        elif isinstance(field.default, tuple):
            how["action"] = "append"
        text = field.help.replace("%", "%%")
        if "by default" not in text:
            text = _text(text, _default_text(field.default, unit))
        groups[_group(field)].add_argument(option_of(field.name), default=argparse.SUPPRESS, help=text, **how)


def _group(field: Field) -> str:
    unit = field.unit
    if unit == "s" or field.name == "on_idle":
        return "deadlines"
    return "limits" if unit.startswith("bytes") or field.name in SERVER_SETTINGS else "connections"


def _fields() -> tuple[Field, ...]:
    return *Settings.FIELDS.values(), *ServerSettings.FIELDS.values()


def _default_text(default: Any, unit: str) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    if default is None or default == ():
        return "none"
    return f"{default:g} {unit}" if isinstance(default, float) else f"{default} {unit}".strip()


def _text(text: str, default: object) -> str:
    return f"{text} (default: {default})"


# The app.


def load(name: str) -> apps.App:
    """The app of that name: a built-in one, or `module:callable` with the current directory first on the path.

    Raises `Unusable`, whatever the module does when it is imported.
    """
    if name in apps.BUILT_IN:
        return apps.BUILT_IN[name][0]
    module_name, colon, path = name.partition(":")
    if not colon:
        raise Unusable(f"unknown app {name!r}: {EXPECTED_APP}")
    if not all(part.isidentifier() for part in (*module_name.split("."), *path.split("."))):
        raise Unusable(f"APP must be like package.module:callable, not {name!r}")
    thing: Any = _import(module_name)
    for part in path.split("."):
        try:
            thing = getattr(thing, part)
        except AttributeError:
            raise Unusable(f"{module_name} has no attribute {part!r}, which {name} asks for") from None
    return _checked(name, thing)


def _import(name: str) -> Any:
    sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too
        raise Unusable(f"cannot import {name}: {described(error)}{_where(error)}") from None


def described(error: BaseException) -> str:
    """An exception as part of one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(traceback.format_exception_only(error)[-1].split())


def _where(error: BaseException) -> str:
    """Where a module raised; nothing where there is no module."""
    if isinstance(error, SyntaxError):
        return f" ({error.filename}, line {error.lineno})"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    place = frames[-1]
    ours = place.filename in (__file__, importlib.__file__)
    return "" if ours else f" ({place.filename}, line {place.lineno})"


def _checked(name: str, thing: Any) -> apps.App:
    if not callable(thing):
        raise Unusable(f"{name} must be callable, not of type {type(thing).__name__}")
    if inspect.iscoroutinefunction(thing):
        raise Unusable(f"{name} must be a plain function, not a coroutine function")
    try:
        inspect.signature(thing).bind(None)
    except TypeError:
        raise Unusable(f"{name} must take one argument, the connection") from None
    except ValueError:  # a function in C that does not tell
        pass
    return cast(apps.App, thing)
