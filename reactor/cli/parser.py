"""The options and `--help`.

There is one option for every setting of a server, made from the fields of `net.settings`: name, help, unit, default
and check are said there, once. argparse takes the line apart and leaves every value as text.
"""

from __future__ import annotations

import argparse
import os
import sys

from .. import __version__
from ..arguments import closest, flag
from ..hints import TYPE_CHECKING
from ..net.server.endings import FIN_WAIT
from ..net.settings import SERVER_SETTINGS
from . import apps
from .errors import Unusable
from .formats import FORMATS
from .loading import RELAY
from .values import fields, option_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from ..net.fields import Setting

HOST, PORT, BACKLOG, GRACE, CONNECT_TIMEOUT, LEVEL = "127.0.0.1", 8080, 4096, 10.0, 60.0, "info"
LEVELS = ("debug", "info", "warning", "error")

_EXAMPLES = """\
examples:
  %(prog)s echo
      then, in another terminal: nc 127.0.0.1 8080
  %(prog)s goodbye --host none --port 9000
      listens on all addresses, IPv4 and IPv6
  %(prog)s echo --path /tmp/echo.sock --mode 600
      listens on a Unix socket, for this user only: nc -U /tmp/echo.sock
  %(prog)s relay --port 9000 --to 127.0.0.1:8080
      connects each client of port 9000 to the server on port 8080
  %(prog)s gateway:greet --read-timeout 90 --max-connections 10000
      calls greet(conn) of ./gateway.py with each new connection
  %(prog)s --on-server gateway:set_up
      calls set_up(server) of ./gateway.py once, to add all listeners

signals:
  SIGTERM or SIGINT (Ctrl-C) stops the server in order: pending output is
  delivered within the grace. A second signal resets the connections left
  and ends at once; a third ends the process even if your code blocks it.

exit status:
  0  stopped in order
  1  could not start; or connections were reset by a second signal or at the
     end of the grace
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


def given(argv: Sequence[str] | None) -> dict[str, Any]:
    """What the command line says, as text; settings that it does not name are absent. Raises `Unusable`, and
    SystemExit after `--help` and `--version`.
    """
    parser = _parser()
    found, unknown = parser.parse_known_args(argv)
    if unknown:
        parser.refuse(unknown)
    return vars(found)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Unusable(f"{message} (--help shows all options)")

    def refuse(self, unknown: list[str]) -> NoReturn:
        """Names the first option of `unknown`: what follows may be its value."""
        options = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        if not options:
            self.error(f"unexpected argument {unknown[0]!r} after APP")
        known = {name.lstrip("-"): name for name in self._option_string_actions}  # "--" would make all words alike
        meant = closest(options[0].lstrip("-"), known)
        if meant is None:
            self.error(f"unknown option {options[0]}")
        raise Unusable(f"unknown option {options[0]}: did you mean {known[meant]}?")


def _parser() -> _Parser:
    parser = _Parser(
        prog="reactor" if os.path.basename(sys.argv[0]) == "reactor" else "python -m reactor",
        usage="%(prog)s APP [options]",
        description="Serve TCP or a Unix socket, and end every connection exactly.",
        epilog=_EXAMPLES,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=32),
        add_help=False,
        allow_abbrev=False,
    )
    served = parser.add_argument_group("what to serve", _apps_text())
    served.add_argument("app", metavar="APP", nargs="?", help=argparse.SUPPRESS)
    served.add_argument(
        "--on-server",
        metavar="MODULE:CALLABLE",
        help="call your function with the server before it listens, to add listeners; APP may then be left out",
    )
    _add_place(parser.add_argument_group("where to listen"))
    _add_relay(parser.add_argument_group(RELAY))
    _add_process(parser.add_argument_group("the process"))
    _add_settings(parser)
    return parser


def _apps_text() -> str:
    told = {
        **{name: text for name, (_, text) in apps.BUILT_IN.items()},
        RELAY: "connects each client to another server (--to)",
        "module:callable": "calls your function with each new connection",
    }
    return "\n".join(f"{name:<16}{text}" for name, text in told.items())


def _add_place(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--host", help=_text("name or address; none: all addresses", HOST))
    group.add_argument("--port", help=_text("0 picks a free port", PORT))
    group.add_argument("--path", help="listen on a Unix socket instead; a stale file there is replaced")
    group.add_argument("--mode", metavar="OCTAL", help=_text("permissions of that file, like 660", "set by the umask"))
    group.add_argument("--reuse-port", action="store_true", help="share the port with other processes (SO_REUSEPORT)")
    group.add_argument(
        "--fd",
        metavar="NUMBER",
        help="listen on this descriptor instead, a listening socket that was inherited, as from systemd (3)",
    )
    group.add_argument(
        "--backlog",
        metavar="COUNT",
        default=str(BACKLOG),
        help=_text("connections that may wait to be accepted", BACKLOG),
    )


def _add_relay(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--to", metavar="HOST:PORT|PATH", help="connect each client to this address or Unix socket")
    group.add_argument(
        "--connect-timeout",
        metavar="SECONDS",
        help=_text("give up connecting after this long; none: when the system does", f"{CONNECT_TIMEOUT:g} s"),
    )


def _add_process(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--grace",
        metavar="SECONDS",
        default=str(GRACE),
        help=_text("when stopping, reset connections that are left after this long", f"{GRACE:g} s"),
    )
    group.add_argument(
        "--spread",
        metavar="SECONDS",
        default="0",
        help=_text("when stopping, end the connections one by one over this long; 0: all at once", "0 s"),
    )
    group.add_argument(
        "--fin-wait",
        metavar="SECONDS",
        default=str(FIN_WAIT),
        help=_text("when stopping, wait this long for a client that has everything to end too", f"{FIN_WAIT:g} s"),
    )
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument(
        "--log-level",
        metavar="LEVEL",
        choices=LEVELS,
        default=LEVEL,
        help=_text(f"{', '.join(LEVELS)}; info logs each closed connection", LEVEL),
    )
    loudness.add_argument(
        "-q", "--quiet", dest="log_level", action="store_const", const="warning", help="same as --log-level warning"
    )
    group.add_argument(
        "--log-format",
        metavar="FORMAT",
        choices=FORMATS,
        default="text",
        help=_text("text, or json: an object in each line", "text"),
    )
    group.add_argument("--debug", action="store_true", help="check invariants, log callbacks slower than 100 ms")
    group.add_argument("--version", action="version", version=f"reactor {__version__}", help="show the version")
    group.add_argument("-h", "--help", action="help", help="show this text")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    groups = {
        "deadlines": parser.add_argument_group("deadlines", "In seconds; none switches one off."),
        "limits": parser.add_argument_group("limits"),
        "connections": parser.add_argument_group("connections"),
    }
    for field in fields():
        unit = field.unit
        how: dict[str, Any] = {"metavar": _VALUES.get(field.name, _UNITS.get(unit, "VALUE"))}
        if field.check is flag:
            how = {"action": argparse.BooleanOptionalAction}
        elif isinstance(field.default, tuple):
            how["action"] = "append"
        text = field.help.replace("%", "%%")
        if "by default" not in text:
            text = _text(text, _default_text(field.default, unit))
        groups[_group(field)].add_argument(option_of(field.name), default=argparse.SUPPRESS, help=text, **how)


def _group(field: Setting) -> str:
    unit = field.unit
    if unit == "s" or field.name == "on_idle":
        return "deadlines"
    return "limits" if unit.startswith("bytes") or field.name in SERVER_SETTINGS else "connections"


def _default_text(default: Any, unit: str) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    if default is None or default == ():
        return "none"
    return f"{default:g} {unit}" if isinstance(default, float) else f"{default} {unit}".strip()


def _text(text: str, default: object) -> str:
    return f"{text} (default: {default})"
