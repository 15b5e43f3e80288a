"""The server process of `python -m reactor APP`: what it prints and logs, and its exit status.

stdout gets two lines: where the server listens, and how it stopped. stderr gets the log, and one line if something
is wrong. Exit status: 0 after a stop in order; 1 if it could not start, or if connections were reset by a second
signal or at the end of the grace; 2 for unusable arguments.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys

from ..foreign import LINE, plain
from ..hints import TYPE_CHECKING
from ..log import log
from ..net.closes import described, log_closes
from ..net.server.serve import log_listening, serve
from ..net.sockets.addresses import show
from .errors import Unusable
from .formats import set_up
from .options import parse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from ..net.server.server import Server
    from ..net.sockets.addresses import Address
    from .options import Options

OK, FAILED, UNUSABLE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        return _Process(parse(argv)).run()
    except Unusable as error:
        return _complain(UNUSABLE, str(error))
    except KeyboardInterrupt:  # while importing the program's module; later the loop handles SIGINT
        return _complain(FAILED, "interrupted before it could start")
    finally:
        for stream in (sys.stdout, sys.stderr):
            _say("", stream)


class _Process:
    """One server process, from parsed options to its exit status."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._started = False

    def run(self) -> int:
        options = self._options
        set_up(options.log_format, options.level)
        try:
            report = serve(
                options.app,
                options.host,
                options.port,
                path=options.path,
                mode=options.mode,
                reuse_port=options.reuse_port,
                fd=options.fd,
                grace=options.grace,
                end=options.end,
                spread=options.spread,
                fin_wait=options.fin_wait,
                backlog=options.backlog,
                debug=options.debug,
                on_server=self._prepare,
                **options.settings,
            )
        except OSError as error:
            if self._started:
                raise
            return _complain(FAILED, f"could not start: {_explained(error)}")
        _say(f"{report}\n", sys.stdout)
        if report.cut:
            return _complain(FAILED, f"connections reset by a second signal or at the end of the grace: {report.cut}")
        return OK

    def _prepare(self, server: Server) -> None:
        server.off("listening", log_listening)  # what stdout says
        server.on("listening", self._listening)
        server.on("draining", self._draining)
        if log.isEnabledFor(logging.INFO):
            log_closes(server)
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, signal.SIG_IGN)  # `serve` restores these: no signal interrupts the last lines
        if self._options.on_server is not None:
            self._options.on_server(server)

    def _listening(self, server: Server, address: Address) -> None:
        self._started = True
        _say(
            f"{self._options.app_name} listens on {show(address)} (Ctrl-C stops it). "
            f"To try it, type in another terminal: {self._client(address)}\n",
            sys.stdout,
        )

    def _client(self, address: Address) -> str:
        """The command that talks to the server."""
        if isinstance(address, str):
            # The other terminal may be in another directory.
            path = address if os.path.isabs(address) else os.path.realpath(address)
            command = f"nc -U {shlex.quote(show(path))}"
        else:
            host, port = address
            either = "127.0.0.1" if self._options.host is None else "::1"
            host = {"0.0.0.0": "127.0.0.1", "::": either}.get(host, host)
            command = f"nc {host} {port}"
        return command + (" | head" if self._options.app_name == "chargen" else "")

    def _draining(self, server: Server, deadline: float) -> None:
        if server.connections:
            log.info(
                "stopping within %g s, connections: %d; a second signal resets those left and ends at once",
                self._options.grace,
                len(server.connections),
            )


def _explained(error: OSError) -> str:
    """The error as text; the system's words for its number are added if they are missing."""
    text = described(error)
    number = error.errno or 0
    words = os.strerror(number) if number > 0 else ""  # getaddrinfo's are negative
    return f"{text} ({words})" if words and words not in text else text


def _complain(status: int, text: str) -> int:
    _say(f"reactor: {plain(text, LINE)}\n", sys.stderr)
    return status


def _say(text: str, out: TextIO | None) -> None:
    """Write and flush. A server goes on if its reader has gone (`| head`) or the disk is full: the stream is then
    connected to /dev/null, which also takes what the interpreter flushes at exit.
    """
    if out is None:  # closed before the process was started
        return
    try:
        out.write(text)
        out.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)
