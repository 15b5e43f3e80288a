"""The command line: `python -m reactor APP`.

stdout gets two lines, where it listens and how it stopped; stderr gets the log, and one line where something
is wrong. Exit status: 0 after an orderly stop; 1 where connections were reset at the end of the grace, or it
could not start; 2 for unusable arguments.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from ..net.connection.account import CloseReport
from ..net.connection.connection import Connection
from ..net.server.serve import serve
from ..net.server.server import Server
from ..net.sockets.addresses import Address, show
from .errors import Unusable, described
from .options import Options, parse

log = logging.getLogger("reactor")

OK, FAILED, UNUSABLE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    try:
        return _Process(parse(argv)).run()
    except Unusable as error:
        return _complain(UNUSABLE, str(error))
    except KeyboardInterrupt:  # while the program's module was imported: later it is a signal of the loop
        return _complain(FAILED, "interrupted before it could start")
    finally:
        for stream in (sys.stdout, sys.stderr):
            _say("", stream)


class _Process:
    """One server process: what it says and logs, and how it exits."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._started = False

    def run(self) -> int:
        options = self._options
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=options.level)
        try:
            report = serve(
                options.app,
                options.host,
                options.port,
                path=options.path,
                mode=options.mode,
                grace=options.grace,
                end=options.end,
                spread=options.spread,
                backlog=options.backlog,
                debug=options.debug,
                on_server=self._prepare,
                **options.settings,
            )
        except OSError as error:
            if self._started:
                raise
            return _complain(FAILED, f"could not start: {_explained(error)}")
        _say(f"{report}\n")
        if report.cut:
            return _complain(FAILED, f"connections reset, by the end of the grace or a second signal: {report.cut}")
        return OK

    def _prepare(self, server: Server) -> None:
        server.on("listening", self._listening)
        server.on("draining", self._draining)
        if log.isEnabledFor(logging.INFO):
            server.on("close", _log_close)
            server.on("error", lambda conn, error: None)  # the line about its close names it
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, signal.SIG_IGN)  # what `serve` puts back: nothing interrupts the last lines

    def _listening(self, server: Server, address: Address) -> None:
        self._started = True
        _say(
            f"{self._options.app_name} listens on {show(address)} (Ctrl-C stops it). "
            f"To see it work, type in another terminal: {self._client(address)}\n"
        )

    def _client(self, address: Address) -> str:
        """What to type to see it work."""
        if isinstance(address, str):
            path = address if os.path.isabs(address) else os.path.realpath(address)  # the other terminal is elsewhere
            command = f"nc -U {shlex.quote(show(path))}"
        else:
            host, port = address
            either = "127.0.0.1" if self._options.host is None else "::1"
            host = {"0.0.0.0": "127.0.0.1", "::": either}.get(host, host)
            command = f"nc {host} {port}"
        return command + (" | head" if self._options.app_name == "chargen" else "")

    def _draining(self, server: Server, deadline: float) -> None:
        count = len(server.connections)
        if count:
            log.info("stopping within %g s, connections: %d; a second signal resets them", self._options.grace, count)


def _log_close(conn: Connection, report: CloseReport) -> None:
    log.info("%s closed: %s", show(conn.remote_address), _account(report))


def _account(report: CloseReport) -> str:
    """A close report as one line."""
    cause = f" ({described(report.error)})" if report.error is not None else ""
    unacked = f", {report.bytes_unacked} unacknowledged" if report.bytes_unacked else ""
    return (
        f"{report.reason.value}{cause}, {report.bytes_read} bytes in, {report.bytes_written} out, "
        f"{report.bytes_unsent} unsent{unacked}, {report.duration:.3f} s"
    )


def _explained(error: OSError) -> str:
    """With the system's words for the number, where the text only names it."""
    text = described(error)
    number = error.errno or 0
    words = os.strerror(number) if number > 0 else ""  # getaddrinfo's are negative
    return f"{text} ({words})" if words and words not in text else text


def _complain(status: int, text: str) -> int:
    _say(f"reactor: {text}\n", sys.stderr)
    return status


def _say(text: str, stream: Any = None) -> None:
    """Write and flush. A reader that has gone (`| head`) or a full disk does not stop a server: what cannot be
    said then goes nowhere, also what is still in the stream's buffer when the interpreter flushes it at exit.
    """
    out: TextIO | None = stream if stream is not None else sys.stdout
    if out is None:  # closed before we were started
        return
    try:
        out.write(text)
        out.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)
